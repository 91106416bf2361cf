"""One load: a transaction that brings a data set from what it was to what a file says.

Objects are matched by their identifier: unknown ones are new, those with another digest get a
new version while the old one moves to history, those missing from a full delivery are ended.
"""

import gc
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from cim.model import Batch, Coverage, Rejection, access_rank
from cim.store.boxes import boxed
from cim.store.counts import NAMED, LoadCounts
from cim.store.coverages import Shelf
from cim.store.dialect import Column, Dialect, Same
from cim.store.encoding import Encoded, encoded
from cim.store.history import close
from cim.store.parts import EDGE_FIELDS, MESH_FIELDS, Parts
from cim.store.present import Hashes, Ids, Present, hashed
from cim.store.rtree import hilbert, rounded_out
from cim.store.series import SeriesLoad
from cim.store.tables import OBJECT_FIELDS, OBJECT_INDEXES, RANKS

BOXES_HELD: Final = 3_000_000
"""Boxes kept for packing the spatial index at once; more are written as they come."""

_GIVEN = tuple(
    name
    for name in OBJECT_FIELDS
    if name not in {"oid", "dataset_id", "version", "load_id", "digest"}
)


class Load:
    """The open transaction of one load; made by `Store.load`, filled by `put`."""

    def __init__(self, db: Dialect, load_id: int, dataset_id: int, *, keep: bool) -> None:
        self._db, self.id, self._dataset_id = db, load_id, dataset_id
        self.counts = LoadCounts()
        self._series = SeriesLoad(db, load_id, dataset_id, keep=keep)
        self._present = Present(db, dataset_id)
        self._bulk = not db.run("SELECT 1 FROM city_object LIMIT 1")
        if self._bulk:
            for name, _ in OBJECT_INDEXES:
                db.run(f"DROP INDEX {name}")
        self._next_oid = int(db.run("SELECT value FROM meta WHERE key = 'next_oid'")[0][0])
        self._ids_seen = np.empty(0, np.uint64)
        self._oids_seen: list[NDArray[np.int64]] = []
        self._nodes_seen: set[tuple[str, str]] = set()
        self._coverages_seen: set[str] = set()
        self._boxes: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
        self._tally: dict[tuple[int, int], int] = {}

    def put(self, batch: Batch) -> None:
        """Take in objects that are in the city's CRS.

        Raises
        ------
        SchemaError
            If the batch breaks the data dictionary.

        """
        for series in batch.series:
            self._series.put(series)
        if not len(batch) and batch.nodes is None:
            return
        rows = encoded(batch)
        hashes = hashed(rows.object_ids)
        keep = self._first_of_each(rows.object_ids, hashes)
        found = self._present.find(rows.object_ids[keep], hashes[keep])
        changed = found.current & (found.digest != rows.digest[keep])
        self._oids_seen.append(found.oid[found.current])
        self.counts.same += int((found.current & ~changed).sum())
        self.counts.new += int((~found.current).sum())
        self.counts.changed += int(changed.sum())
        for what, which in (("new", ~found.current), ("changed", changed)):
            self.counts.note(what, rows.object_ids[keep[which][:NAMED]].tolist())
        before = close(self._db, found.oid[changed].tolist(), self.id) if changed.any() else {}
        written = changed | ~found.current
        self._insert(rows, keep[written], (found.oid[written], found.version[written]), before)
        if batch.nodes is not None:
            self._put_nodes(batch.nodes)
        gc.collect(1)  # a load runs without the collector, see writing.load

    def _first_of_each(self, ids: Ids, hashes: Hashes) -> NDArray[np.int64]:
        """Positions whose identifier has not come before in this load; others are rejected."""
        first = np.zeros(len(ids), bool)
        first[np.unique(hashes, return_index=True)[1]] = True
        at = np.searchsorted(self._ids_seen, hashes)
        at[at == len(self._ids_seen)] = 0
        if len(self._ids_seen):
            first &= self._ids_seen[at] != hashes
        for position in np.flatnonzero(~first):
            self.counts.rejected.append(
                Rejection(str(ids[position]), "duplicate_id", "the identifier came before")
            )
        merged = np.concatenate([self._ids_seen, hashes[first]])
        merged.sort(kind="stable")
        self._ids_seen = merged
        return np.flatnonzero(first)

    def _insert(
        self,
        rows: Encoded,
        positions: NDArray[np.int64],
        earlier: tuple[NDArray[np.int64], NDArray[np.int64]],
        before: Mapping[int, NDArray[np.float64]],
    ) -> None:
        """Write these rows, each as the next version of what was there earlier.

        `earlier` are oids and versions, 0 for what is new; `before` holds the boxes that the
        spatial index still has for rows just closed.
        """
        count = len(positions)
        if not count:
            return
        order = _along_hilbert(rows.bounds[positions])
        positions = positions[order]
        oids, versions = self._numbered(earlier[0][order], earlier[1][order])
        given: dict[str, Column] = {"oid": oids.tolist()}
        given |= {name: _taken(rows.columns[name], positions) for name in _GIVEN}
        given |= {
            "dataset_id": Same(self._dataset_id),
            "version": versions,
            "load_id": Same(self.id),
            "digest": rows.digest[positions].tolist(),
        }
        if earlier[0].any():
            self._db.replace_columns("city_object", given, kept=("dataset_id", "object_id"))
        else:
            self._db.insert_columns("city_object", given)
        self._oids_seen.append(oids)
        self._count(rows, positions)
        self._index(oids, boxed(rows.bounds[positions], rows.types[positions]), before)
        numbers = np.zeros((len(rows), 2), np.int64)
        numbers[positions, 0] = oids
        numbers[positions, 1] = 1 if isinstance(versions, Same) else versions
        self._insert_parts("mesh", MESH_FIELDS, rows.meshes, numbers)
        self._insert_parts("network_edge", EDGE_FIELDS, rows.edges, numbers)

    def _numbered(
        self, oids: NDArray[np.int64], versions: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Column]:
        """An oid and a version for each row to be written."""
        fresh = oids == 0
        count = int(fresh.sum())
        numbers = np.arange(self._next_oid, self._next_oid + count, dtype=np.int64)
        self._next_oid += count
        if count == len(oids):
            return numbers, Same(1)
        oids[fresh] = numbers
        return oids, (versions + 1).tolist()

    def _count(self, rows: Encoded, positions: NDArray[np.int64]) -> None:
        classes = rows.types[positions] // RANKS
        access = rows.columns["access"]
        levels = (
            np.full(len(positions), access.value, np.int64)
            if isinstance(access, Same)
            else access[positions].astype(np.int64)
        )
        pairs, counts = np.unique(np.column_stack([classes, levels]), axis=0, return_counts=True)
        for (code, level), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            key = (int(code), int(level))
            self._tally[key] = self._tally.get(key, 0) + count

    def _index(
        self,
        oids: NDArray[np.int64],
        boxes: NDArray[np.float64],
        before: Mapping[int, NDArray[np.float64]],
    ) -> None:
        """Keep the boxes for the end; one that stays where it was is in the index already."""
        there = ~np.isnan(boxes[:, 0])
        if before:
            nowhere = np.full(6, np.nan)
            was = np.array([before.get(oid, nowhere) for oid in oids.tolist()])
            stays = (was == boxes).all(axis=1)
            gone = ~stays & ~np.isnan(was[:, 0])
            self._db.unindex_boxes("city_object", oids[gone].tolist())
            there &= ~stays
        self._boxes.append((oids[there], rounded_out(boxes[there])))
        if sum(len(ids) for ids, _ in self._boxes) >= BOXES_HELD:
            self._write_boxes()

    def _write_boxes(self) -> None:
        if self._boxes:
            ids = np.concatenate([each[0] for each in self._boxes])
            boxes = np.concatenate([each[1] for each in self._boxes])
            self._boxes.clear()
            self._db.index_boxes("city_object", ids, boxes)

    def _insert_parts(
        self, table: str, fields: Sequence[str], parts: Parts, numbers: NDArray[np.int64]
    ) -> None:
        """Rows of objects just written; `numbers` are oid and version by place in the batch."""
        owners = numbers[parts.owner]
        written = (owners[:, 0] > 0).tolist()
        columns = (*owners.T.tolist(), *parts.columns)
        rows = zip(*columns, strict=True)
        self._db.insert(table, ("oid", "version", *fields), compress(rows, written))

    def _put_nodes(self, nodes: Any) -> None:
        """Network nodes: the old one is closed where the new one differs."""
        fields = ("network", "node_id", "x", "y", "z", "object_id")
        columns = [_plain(nodes[name]) if name in nodes else [None] * len(nodes) for name in fields]
        given = {(row[0], str(row[1])): row for row in zip(*columns, strict=True)}
        self._nodes_seen |= given.keys()
        sql, values = self._db.among("node_id", [node_id for _, node_id in given])
        current = {
            (row[0], row[1]): row
            for row in self._db.run(
                f"SELECT {', '.join(fields)} FROM network_node"
                f" WHERE dataset_id = ? AND closed_by IS NULL AND {sql}",
                [self._dataset_id, *values],
            )
        }
        fresh = [key for key, row in given.items() if current.get(key) != row]
        self.counts.nodes += len(fresh)
        for key in fresh:
            if key in current:
                self._close_node(*key)
        self._db.insert(
            "network_node",
            ("dataset_id", *fields, "load_id"),
            ((self._dataset_id, *given[key], self.id) for key in fresh),
        )

    def put_coverage(self, coverage: Coverage, shelf: Shelf) -> None:
        """Take in a raster; the data set's earlier one of that name is closed if it differs."""
        if coverage.name in self._coverages_seen:
            reason = "a raster of that name came before"
            self.counts.rejected.append(Rejection(coverage.name, "duplicate_id", reason))
            return
        self._coverages_seen.add(coverage.name)
        current = self._db.run(
            "SELECT id, sha256, access FROM coverage"
            " WHERE dataset_id = ? AND name = ? AND closed_by IS NULL",
            [self._dataset_id, coverage.name],
        )
        access = access_rank(coverage.access)
        if current and current[0][1:] == (coverage.sha256, access):
            self.counts.same += 1
            return
        if current:
            self._db.run("UPDATE coverage SET closed_by = ? WHERE id = ?", [self.id, current[0][0]])
            self.counts.changed += 1
        else:
            self.counts.new += 1
        (last,) = self._db.run("SELECT coalesce(max(id), 0) FROM coverage")[0]
        self._db.insert(
            "coverage",
            ("id", "dataset_id", "name", "kind", "file", "sha256", "info", "valid_from", "load_id",
             "access"),
            [
                (
                    last + 1,
                    self._dataset_id,
                    coverage.name,
                    coverage.kind,
                    shelf.keep(coverage),
                    coverage.sha256,
                    _coverage_info(coverage),
                    coverage.valid_from.isoformat() if coverage.valid_from else None,
                    self.id,
                    access,
                )
            ],
        )  # fmt: skip

    def finish_series(self) -> None:
        """Write what is held of datastreams, and end those that were not brought."""
        self.counts.datastreams += self._series.finish()

    def end_absent(self) -> None:
        """End everything of the data set that this load has not brought."""
        self._end_absent_nodes()
        self._end_absent_coverages()
        if not self._present.count:
            return
        rows = self._db.run("SELECT oid FROM city_object WHERE dataset_id = ?", [self._dataset_id])
        present = np.array([oid for (oid,) in rows], np.int64)
        seen = np.concatenate([*self._oids_seen, np.empty(0, np.int64)])
        absent = np.setdiff1d(present, seen)
        self.counts.ended += len(absent)
        sql, values = self._db.among("oid", absent[:NAMED].tolist())
        named = self._db.run(f"SELECT object_id FROM city_object WHERE {sql} ORDER BY oid", values)
        self.counts.note("ended", (name for (name,) in named))
        for start in range(0, len(absent), 50_000):
            oids = absent[start : start + 50_000].tolist()
            close(self._db, oids, self.id)
            sql, values = self._db.among("oid", oids)
            self._db.run(f"DELETE FROM city_object WHERE {sql}", values)
            self._db.unindex_boxes("city_object", oids)

    def _end_absent_nodes(self) -> None:
        current = self._db.run(
            "SELECT network, node_id FROM network_node WHERE dataset_id = ? AND closed_by IS NULL",
            [self._dataset_id],
        )
        for network, node_id in current:
            if (network, node_id) not in self._nodes_seen:
                self._close_node(network, node_id)

    def _close_node(self, network: str, node_id: str) -> None:
        self.counts.nodes += 1
        self._db.run(
            "UPDATE network_node SET closed_by = ? WHERE dataset_id = ?"
            " AND network = ? AND node_id = ? AND closed_by IS NULL",
            [self.id, self._dataset_id, network, node_id],
        )

    def _end_absent_coverages(self) -> None:
        current = self._db.run(
            "SELECT id, name FROM coverage WHERE dataset_id = ? AND closed_by IS NULL",
            [self._dataset_id],
        )
        for number, name in current:
            if name not in self._coverages_seen:
                self._db.run("UPDATE coverage SET closed_by = ? WHERE id = ?", [self.id, number])
                self.counts.ended += 1

    def settle(self) -> None:
        """Build what was put off: indexes, spatial index, counts."""
        if self._bulk:
            for _, sql in OBJECT_INDEXES:
                self._db.run(sql)
        self._write_boxes()
        for code, access, closed in self._db.run(
            "SELECT class, access, count(*) FROM city_object_history"
            " WHERE closed_by = ? GROUP BY class, access",
            [self.id],
        ):
            self._tally[code, access] = self._tally.get((code, access), 0) - closed
        for (code, access), count in self._tally.items():
            self._db.run(
                "INSERT INTO class_count VALUES (?, ?, ?, ?)"
                " ON CONFLICT (dataset_id, class, access)"
                " DO UPDATE SET count = class_count.count + excluded.count",
                [self._dataset_id, code, access, count],
            )
        self._db.run("UPDATE meta SET value = ? WHERE key = 'next_oid'", [str(self._next_oid)])


def _along_hilbert(bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order that keeps neighbours on the same pages of the file."""
    centre_x = np.nan_to_num(bounds[:, 0] + bounds[:, 2])
    centre_y = np.nan_to_num(bounds[:, 1] + bounds[:, 3])
    return np.argsort(hilbert(centre_x, centre_y), kind="stable")


def _taken(column: NDArray[Any] | Same, positions: NDArray[np.int64]) -> Column:
    return column if isinstance(column, Same) else list(column[positions].tolist())


def _plain(column: Any) -> list[Any]:
    """Python values, None for what is unknown."""
    return [None if pd.isna(each) else each for each in column.tolist()]


def _coverage_info(coverage: Coverage) -> str:
    return orjson.dumps(
        {
            "crs": coverage.crs,
            "bounds": coverage.bounds,
            "width": coverage.width,
            "height": coverage.height,
            "bands": [dict(band) for band in coverage.bands],
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    ).decode()
