"""The frame of a write: one transaction, its record, the version that it raises."""

import gc
import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from cim.errors import ConflictError
from cim.model import Batch, Coverage, Dataset, Rejection
from cim.store.counts import LoadCounts
from cim.store.coverages import Shelf
from cim.store.dialect import Dialect
from cim.store.loading import Load
from cim.store.migrating import new_identity
from cim.store.reading import stamped
from cim.store.tables import FORMAT

REJECTIONS_KEPT: Final = 10_000
"""More than these are counted, not listed, in the record of a load."""

LARGE: Final = 20_000
"""Objects from which a load is followed by tidying up."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is about to be loaded."""

    dataset: Dataset
    file: str
    fingerprint: str = ""
    """Hash of everything the outcome depends on; equal means that nothing can have changed."""
    keep_absent: bool = False
    """Whether objects that the delivery does not hold stay, rather than end."""
    dry_run: bool = False


@dataclass(slots=True)
class OpenLoad:
    """A load while its transaction is open."""

    _load: Load
    _shelf: Shelf
    dataset: Dataset
    notes: dict[str, Any] = field(default_factory=dict)
    """Kept with the load's record: warnings, how many were read …"""
    rejected: list[Rejection] = field(default_factory=list)
    """What reader and normaliser refused."""
    id: int | None = None
    """Number of the load once it is committed; None if it changed nothing or was a dry run."""

    @property
    def counts(self) -> LoadCounts:
        """What has been done so far."""
        return self._load.counts

    def put(self, batch: Batch) -> None:
        """Take in objects that are in the city's CRS; see `Load.put`."""
        self._load.put(batch)

    def put_coverage(self, coverage: Coverage) -> None:
        """Take in a raster."""
        self._load.put_coverage(coverage, self._shelf)


class _RolledBack(Exception):  # noqa: N818  not an error: it only ends the transaction
    """Nothing has changed, or it was only tried."""


@contextmanager
def load(db: Dialect, folder: Path, delivery: Delivery) -> Iterator[OpenLoad]:
    """The transaction of one load; rolled back if its block raises."""
    shelf = Shelf(folder / "coverages")
    try:
        with _without_collector(), db.write():
            (last,) = db.run("SELECT coalesce(max(id), 0) FROM load")[0]
            dataset_id = _dataset_id(db, delivery.dataset)
            recorded = stamped(datetime.now(UTC))
            work = Load(db, last + 1, dataset_id, keep=delivery.keep_absent)
            opened = OpenLoad(work, shelf, delivery.dataset)
            yield opened
            work.finish_series()
            if not delivery.keep_absent:
                work.end_absent()
            if delivery.dry_run or not work.counts.alters:
                raise _RolledBack  # noqa: TRY301  the only way out of the transaction
            work.settle()
            _record(db, delivery, opened, (work.id, dataset_id, recorded))
            raise_version(db)
    except _RolledBack:
        shelf.discard_added()
        return
    except BaseException:
        shelf.discard_added()
        raise
    opened.id = work.id
    if work.counts.new + work.counts.changed + work.counts.ended >= LARGE:
        db.after_bulk()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Batches make millions of tuples and no cycles: looking for some is a third of the work."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _dataset_id(db: Dialect, dataset: Dataset) -> int:
    rows = db.run("SELECT id FROM dataset WHERE name = ?", [dataset.name])
    if rows:
        return int(rows[0][0])
    (last,) = db.run("SELECT coalesce(max(id), 0) FROM dataset")[0]
    db.run("INSERT INTO dataset VALUES (?, ?, ?)", [last + 1, dataset.name, "{}"])
    return int(last) + 1


def _record(db: Dialect, delivery: Delivery, opened: OpenLoad, keys: tuple[int, int, str]) -> None:
    load_id, dataset_id, recorded = keys
    info = orjson.dumps(asdict(replace(opened.dataset, options=dict(opened.dataset.options))))
    counts = opened.counts
    rejected = [*opened.rejected, *counts.rejected]
    report = {
        "new": counts.new,
        "changed": counts.changed,
        "same": counts.same,
        "ended": counts.ended,
        "rejected_count": len(rejected),
        "rejected": [asdict(each) for each in rejected[:REJECTIONS_KEPT]],
        **opened.notes,
    }
    db.run(
        "INSERT INTO load"
        " (id, dataset_id, status, file, recorded, actor, fingerprint, info, report)"
        " VALUES (?, ?, 'done', ?, ?, ?, ?, ?, ?)",
        [
            load_id,
            dataset_id,
            delivery.file,
            recorded,
            _actor(),
            delivery.fingerprint,
            info.decode(),
            orjson.dumps(report, option=orjson.OPT_SERIALIZE_NUMPY, default=str).decode(),
        ],
    )
    db.run("UPDATE dataset SET info = ? WHERE id = ?", [info.decode(), dataset_id])


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def last_fingerprint(db: Dialect, dataset: str) -> str:
    """Fingerprint of the latest load of the data set, ``""`` if that was undone."""
    rows = db.run(
        "SELECT l.status, l.fingerprint FROM load AS l JOIN dataset AS d ON d.id = l.dataset_id"
        " WHERE d.name = ? ORDER BY l.id DESC LIMIT 1",
        [dataset],
    )
    return rows[0][1] if rows and rows[0][0] == "done" else ""


def raise_version(db: Dialect) -> None:
    """The city is another one now."""
    db.run("UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'version'")


def create(db: Dialect, meta: Mapping[str, str]) -> None:
    """Make the tables of an empty city.

    Raises
    ------
    ConflictError
        If there is a city already.

    """
    with db.write():
        if db.has_tables():
            raise ConflictError("there is a city already")
        db.create_tables()
        known = {"format": str(FORMAT), "id": new_identity(), "version": "0", "next_oid": "1"}
        known |= meta
        db.insert("meta", ("key", "value"), list(known.items()))
