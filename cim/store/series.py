"""The datastreams of a city: written with a load, read by clearance and time.

A datastream has a number that stays while its rows and blocks come and go: what a load adds
carries the load's number, what it supersedes is closed by it, so that undoing gives both back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import orjson

from cim.errors import NotFoundError
from cim.model import access_rank
from cim.schema import ACCESS_LEVELS
from cim.series import Datastream, Results, Series, Times, in_order, iso
from cim.store.dialect import Dialect, Row
from cim.store.observations import BLOCK, digest, packed, summed, unpacked

HELD: Final = 4_000_000
"""Observations kept in memory until they are written, 64 MB."""

_TOLD: Final = (
    "observed_property",
    "unit",
    "object_id",
    "object_dataset",
    "title",
    "info",
    "access",
)
_ROW: Final = ("id", "number", "dataset_id", "datastream_id", *_TOLD, "load_id")
_BLOCK: Final = ("number", "first", "last", "count", "digest", "body", "load_id")


@dataclass(slots=True)
class _Stream:
    """A datastream that the load has brought."""

    number: int
    before: Row | None
    """What the store says of it, `_TOLD`; None if it is new."""
    latest: Datastream
    categories: dict[str, int] = field(default_factory=dict)
    pieces: list[Series] = field(default_factory=list)

    def take(self, series: Series) -> None:
        """Keep a piece until it is written; words get the numbers they have in the store."""
        told = series.datastream
        if told.categories:
            codes = [
                self.categories.setdefault(each, len(self.categories)) for each in told.categories
            ]
            known = ~np.isnan(series.results)
            results = np.full(len(series), np.nan)
            results[known] = np.array(codes, float)[series.results[known].astype(int)]
            series = replace(series, results=results)
            told = replace(told, categories=tuple(self.categories))
        self.latest = told
        if len(series):
            self.pieces.append(series)


class SeriesLoad:
    """The datastreams of one load; filled by `put`, brought to an end by `finish`."""

    def __init__(self, db: Dialect, load_id: int, dataset_id: int, *, keep: bool) -> None:
        self._db, self._load_id, self._dataset_id, self._keep = db, load_id, dataset_id, keep
        self._seen: dict[str, _Stream] = {}
        self._held = 0
        self._present: dict[str, tuple[int, Row]] | None = None
        self._next = 0

    def put(self, series: Series) -> None:
        """Take in observations of one datastream; later ones of the same moment count."""
        key = series.datastream.datastream_id
        stream = self._seen.get(key)
        if stream is None:
            stream = self._seen[key] = self._opened(key, series.datastream)
        stream.take(series)
        self._held += len(series)
        if self._held >= HELD:
            self._write()

    def _opened(self, key: str, told: Datastream) -> _Stream:
        if self._present is None:
            rows = self._db.run(
                f"SELECT datastream_id, number, {', '.join(_TOLD)} FROM datastream"
                " WHERE dataset_id = ? AND closed_by IS NULL",
                [self._dataset_id],
            )
            self._present = {row[0]: (row[1], row[2:]) for row in rows}
            (last,) = self._db.run("SELECT coalesce(max(number), 0) FROM datastream")[0]
            self._next = int(last) + 1
        known = self._present.get(key)
        if known is None:
            self._next += 1
            return _Stream(self._next - 1, None, told)
        number, before = known
        words = orjson.loads(before[_TOLD.index("info")])["categories"]
        return _Stream(number, before, told, {word: at for at, word in enumerate(words)})

    def _write(self) -> None:
        """What is held becomes blocks."""
        rows: list[Row] = []
        for stream in self._seen.values():
            if stream.pieces:
                times, results = self._with_covered(stream)
                rows += _blocks(stream.number, times, results, self._load_id)
                stream.pieces.clear()
            if len(rows) >= 1000:
                self._db.insert("observation", _BLOCK, rows)
                rows = []
        self._db.insert("observation", _BLOCK, rows)
        self._held = 0

    def _with_covered(self, stream: _Stream) -> tuple[Times, Results]:
        """What is held of a datastream, with what was written of the same time before."""
        pieces = stream.pieces
        times = np.concatenate([each.times for each in pieces])
        results = np.concatenate([each.results for each in pieces])
        own = "" if self._keep else " AND load_id = ?"
        span = [stream.number, int(times.max()), int(times.min())]
        where = "number = ? AND first <= ? AND last >= ? AND closed_by IS NULL" + own
        values = span if self._keep else [*span, self._load_id]
        covered = self._db.run(f"SELECT body FROM observation WHERE {where} ORDER BY first", values)
        if not covered:
            return in_order(times, results)
        self._db.run(
            f"DELETE FROM observation WHERE {where}" + (" AND load_id = ?" if self._keep else ""),
            [*values, self._load_id] if self._keep else values,
        )
        self._db.run(
            f"UPDATE observation SET closed_by = ? WHERE {where}", [self._load_id, *values]
        )
        earlier = [unpacked(bytes(body)) for (body,) in covered]
        return in_order(
            np.concatenate([*(each[0] for each in earlier), times]),
            np.concatenate([*(each[1] for each in earlier), results]),
        )

    def finish(self) -> int:
        """Write the rest, end what the delivery does not hold; how many datastreams differ."""
        self._write()
        differing = 0
        if self._seen:
            before = self._digests("load_id < ? AND (closed_by IS NULL OR closed_by = ?)")
            if not self._keep:
                self._close_blocks([each.number for each in self._seen.values()])
            after = self._digests("load_id <= ? AND closed_by IS NULL AND ? > 0")
            others: list[tuple[str, _Stream, Row]] = []
            for key, stream in self._seen.items():
                number = stream.number
                told = _told(stream.latest)
                as_before = before.get(number) == after.get(number)
                if as_before and number in before:
                    self._restore_blocks(number)
                if told != stream.before:
                    others.append((key, stream, told))
                differing += not as_before or told != stream.before
            self._replace_rows(others)
        return differing if self._keep else differing + self._end_absent()

    def _digests(self, where: str) -> dict[int, int]:
        """Digest of the blocks of each datastream of the data set."""
        rows = self._db.run(
            f"SELECT number, digest FROM observation WHERE {where}", [self._load_id] * 2
        )
        found: dict[int, list[int]] = {}
        for number, part in rows:
            found.setdefault(number, []).append(part)
        return {number: summed(parts) for number, parts in found.items()}

    def _close_blocks(self, numbers: Sequence[int]) -> None:
        """The earlier blocks of these are no longer what is known."""
        for start in range(0, len(numbers), 10_000):
            sql, values = self._db.among("number", list(numbers[start : start + 10_000]))
            self._db.run(
                "UPDATE observation SET closed_by = ? WHERE closed_by IS NULL"
                f" AND load_id < ? AND {sql}",
                [self._load_id, self._load_id, *values],
            )

    def _restore_blocks(self, number: int) -> None:
        self._db.run(
            "DELETE FROM observation WHERE number = ? AND load_id = ?", [number, self._load_id]
        )
        self._db.run(
            "UPDATE observation SET closed_by = NULL WHERE number = ? AND closed_by = ?",
            [number, self._load_id],
        )

    def _replace_rows(self, others: Sequence[tuple[str, _Stream, Row]]) -> None:
        """What is said of these datastreams is another thing than before, or new."""
        self._close_rows([stream.number for _, stream, _ in others if stream.before is not None])
        (last,) = self._db.run("SELECT coalesce(max(id), 0) FROM datastream")[0]
        rows = [
            (int(last) + at, stream.number, self._dataset_id, key, *told, self._load_id)
            for at, (key, stream, told) in enumerate(others, 1)
        ]
        self._db.insert("datastream", _ROW, rows)

    def _close_rows(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        sql, values = self._db.among("number", list(numbers))
        self._db.run(
            f"UPDATE datastream SET closed_by = ? WHERE closed_by IS NULL AND {sql}",
            [self._load_id, *values],
        )

    def _end_absent(self) -> int:
        rows = self._db.run(
            "SELECT number, datastream_id FROM datastream"
            " WHERE dataset_id = ? AND closed_by IS NULL",
            [self._dataset_id],
        )
        absent = [number for number, key in rows if key not in self._seen]
        if absent:
            self._close_blocks(absent)
            self._close_rows(absent)
        return len(absent)


def _told(told: Datastream) -> Row:
    info = {"categories": list(told.categories), "attributes": dict(told.attributes)}
    text = orjson.dumps(info, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS, default=str)
    return (
        told.observed_property,
        told.unit,
        told.object_id,
        told.object_dataset,
        told.title,
        text.decode(),
        access_rank(told.access),
    )


def _blocks(number: int, times: Times, results: Results, load_id: int) -> list[Row]:
    rows: list[Row] = []
    for start in range(0, len(times), BLOCK):
        at, what = times[start : start + BLOCK], results[start : start + BLOCK]
        span = (int(at[0]), int(at[-1]), len(at))
        rows.append((number, *span, digest(at, what), packed(at, what), load_id))
    return rows


def datastreams(
    db: Dialect, clearance: str, of: tuple[str, str] | None = None, only: int | None = None
) -> list[dict[str, Any]]:
    """Every datastream that a reader of that clearance may see; see `Store.datastreams`."""
    rank = access_rank(clearance)
    owner = "coalesce(od.id, s.dataset_id)"
    mine = ""
    values: list[Any] = []
    if of is not None:
        mine, values = " AND s.object_id = ? AND coalesce(od.name, d.name) = ?", [of[1], of[0]]
    if only is not None:
        mine, values = f"{mine} AND s.number = ?", [*values, only]
    rows = db.run(
        f"SELECT s.number, s.datastream_id, d.name, {', '.join(f's.{each}' for each in _TOLD)},"
        " o.oid, (SELECT min(b.first) FROM observation AS b WHERE b.number = s.number"
        " AND b.closed_by IS NULL), (SELECT max(b.last) FROM observation AS b"
        " WHERE b.number = s.number AND b.closed_by IS NULL), (SELECT sum(b.count) FROM"
        " observation AS b WHERE b.number = s.number AND b.closed_by IS NULL)"
        " FROM datastream AS s JOIN dataset AS d ON d.id = s.dataset_id"
        " LEFT JOIN dataset AS od ON od.name = s.object_dataset"
        f" LEFT JOIN city_object AS o ON o.dataset_id = {owner} AND o.object_id = s.object_id"
        " WHERE s.closed_by IS NULL AND s.access <= ? AND (o.oid IS NULL OR o.access <= ?)"
        f"{mine} ORDER BY s.number",
        [rank, rank, *values],
    )
    return [_plain(row) for row in rows]


def _plain(row: Row) -> dict[str, Any]:
    number, key, dataset = row[:3]
    told = dict(zip(_TOLD, row[3 : 3 + len(_TOLD)], strict=True))
    oid, first, last, count = row[3 + len(_TOLD) :]
    info = orjson.loads(told.pop("info"))
    return {
        "datastream": number,
        "datastream_id": key,
        "dataset": dataset,
        **told,
        "object_id": told["object_id"] or None,
        "object_dataset": (told["object_dataset"] or dataset) if told["object_id"] else None,
        "oid": oid,
        "access": ACCESS_LEVELS[told["access"]],
        **info,
        "first": None if first is None else iso(first),
        "last": None if last is None else iso(last),
        "count": int(count or 0),
    }


def observations(db: Dialect, number: int, span: tuple[int, int]) -> tuple[Times, Results]:
    """The observations of a datastream from the first moment to just before the second."""
    start, end = span
    rows = db.run(
        "SELECT body FROM observation WHERE number = ? AND closed_by IS NULL AND last >= ?"
        " AND first < ? ORDER BY first",
        [number, start, end],
    )
    read = [unpacked(bytes(body)) for (body,) in rows]
    times = np.concatenate([np.empty(0, np.int64), *(each[0] for each in read)])
    results = np.concatenate([np.empty(0, np.float64), *(each[1] for each in read)])
    low, high = np.searchsorted(times, [start, end])
    return times[low:high], results[low:high]


def found(listed: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """Of listed datastreams the one that is called so: by number, ``ID`` or ``DATASET/ID``.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    for each in listed:
        if name in (each["datastream_id"], f"{each['dataset']}/{each['datastream_id']}"):
            return each
    for each in listed:
        if name == str(each["datastream"]):
            return each
    raise NotFoundError(f"no datastream {name!r}", hint="`cim series CITY` lists them")
