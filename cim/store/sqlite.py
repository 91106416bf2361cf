"""The embedded store: one SQLite file in WAL mode, WKB blobs and an R-tree."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.errors import BusyError, StoreError
from cim.store import rtree
from cim.store.boxes import boxes_of
from cim.store.dialect import Bounds, Column, Row, Same
from cim.store.tables import INDEXES, TABLES

REBUILD_LIMIT: Final = 3_000_000
"""Boxes in an R-tree above which it is not packed again: that would take too much memory."""

READING_KB: Final = 8_192
WRITING_KB: Final = 65_536
"""Page cache of a connection: a server has one for each thread, a load only one."""

SPATIAL: Final = ("city_object", "city_object_history")
REBUILD_SHARE: Final = 0.1
"""From this share of new boxes on, packing the whole R-tree again is cheaper than inserting."""


class SQLite:
    """A city in one file; `Dialect` documents the methods."""

    placeholder_types = {  # noqa: RUF012  a protocol's constant
        "key": "INTEGER PRIMARY KEY",
        "geometry": "BLOB",
        "json": "TEXT",
        "blob": "BLOB",
    }
    geometry_as_wkb = "geometry"

    def __init__(self, path: Path, *, wait: float = 30.0) -> None:
        self.path, self.wait = path, wait
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=wait)
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "case_sensitive_like = ON",
                f"cache_size = -{READING_KB}",
                "mmap_size = 1073741824",
                "temp_store = MEMORY",
            ):
                self._db.execute(f"PRAGMA {pragma}")
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> StoreError:
        text = str(error)
        where = str(self.path)
        if "locked" in text or "busy" in text:
            return BusyError(
                "another process is writing to this city", where=where, hint="wait and try again"
            )
        if "disk is full" in text:
            return StoreError(
                "the disk is full; nothing was changed", where=where, hint="free space, try again"
            )
        if "readonly" in text:
            return StoreError("the city may only be read", where=where, hint="check permissions")
        if "malformed" in text or "not a database" in text:
            return StoreError(
                "the file is damaged", where=where, hint="run `cim check`, restore a backup"
            )
        return StoreError(text, where=where)

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Execute one statement and fetch all it gives."""
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from error

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[Row]]:
        """Execute one query and fetch it in chunks."""
        try:
            cursor = self._db.execute(sql, values)
            while chunk := cursor.fetchmany(16_384):
                yield chunk
        except sqlite3.Error as error:
            raise self._error(error) from error

    @contextmanager
    def write(self) -> Iterator[None]:
        """A transaction that excludes other writers."""
        self.run(f"PRAGMA cache_size = -{WRITING_KB}")
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        finally:
            self._db.execute(f"PRAGMA cache_size = -{READING_KB}")

    @contextmanager
    def read(self) -> Iterator[None]:
        """A transaction in which all reads see the same state; nests in any other."""
        if self._db.in_transaction:
            yield
            return
        self.run("BEGIN")
        try:
            yield
        finally:
            self.run("COMMIT")

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert many rows."""
        marks = ", ".join("?" * len(columns))
        try:
            self._db.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows
            )
        except sqlite3.Error as error:
            raise self._error(error) from error

    def insert_columns(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert rows given by column; values that are the same throughout become literals."""
        self._insert_columns(table, columns, "")

    def replace_columns(
        self, table: str, columns: Mapping[str, Column], kept: Sequence[str]
    ) -> None:
        """Update rows in place, so that indexes of the kept columns are not touched."""
        key, *others = columns
        changes = ", ".join(f"{name} = excluded.{name}" for name in others if name not in kept)
        self._insert_columns(table, columns, f"ON CONFLICT ({key}) DO UPDATE SET {changes}")

    def _insert_columns(self, table: str, columns: Mapping[str, Column], conflict: str) -> None:
        sent = [name for name, each in columns.items() if not isinstance(each, Same)]
        same = {name: each.value for name, each in columns.items() if isinstance(each, Same)}
        marks = ["?"] * len(sent)
        marks += ["NULL" if value is None else repr(value) for value in same.values()]
        rows = zip(*(cast(list[Any], columns[name]) for name in sent), strict=True)
        try:
            self._db.executemany(
                f"INSERT INTO {table} ({', '.join([*sent, *same])})"
                f" VALUES ({', '.join(marks)}) {conflict}",
                rows,
            )
        except sqlite3.Error as error:
            raise self._error(error) from error

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """One JSON array instead of a mark a value: there is no limit to their number."""
        return f"{column} IN (SELECT value FROM json_each(?))", [
            orjson.dumps(list(values)).decode()
        ]

    def in_box(
        self, table: str, bounds: Bounds, types: Sequence[tuple[int, int]]
    ) -> tuple[str, list[Any]]:
        """Search the R-tree once for each range of types."""
        key = "oid" if table == "city_object" else "hid"
        minx, miny, maxx, maxy = bounds
        one = (
            f"SELECT id FROM {table}_rtree WHERE minx <= ? AND maxx >= ? AND miny <= ?"
            " AND maxy >= ? AND mint <= ? AND maxt >= ?"
        )
        ranges = types or ((0, 2**23),)
        values: list[Any] = []
        for low, high in ranges:
            values += [maxx, minx, maxy, miny, high, low]
        return f"{key} IN ({' UNION ALL '.join([one] * len(ranges))})", values

    def index_boxes(self, table: str, ids: NDArray[np.int64], boxes: NDArray[Any]) -> None:
        """Insert a few boxes; pack the whole tree again for many."""
        name = f"{table}_rtree"
        rounded = rtree.rounded_out(boxes)
        (present,) = self.run(f"SELECT count(*) FROM {name}_rowid")[0]
        try:
            many = len(ids) > 1000 and len(ids) > REBUILD_SHARE * present
            if many and present <= REBUILD_LIMIT:
                chunks = self.stream(f"SELECT id, minx, maxx, miny, maxy, mint, maxt FROM {name}")
                old = [np.array(chunk, np.float64) for chunk in chunks]
                kept = np.concatenate([np.empty((0, 7)), *old])
                all_ids = np.concatenate([kept[:, 0].astype(np.int64), ids])
                rtree.write_packed(
                    self._db, name, all_ids, np.vstack([kept[:, 1:].astype(np.float32), rounded])
                )
            else:
                self._db.executemany(
                    f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?)",
                    ((i, *box) for i, box in zip(ids.tolist(), rounded.tolist(), strict=True)),
                )
        except sqlite3.Error as error:
            raise self._error(error) from error

    def unindex_boxes(self, table: str, ids: Sequence[int]) -> None:
        """Take boxes out of the R-tree."""
        self._db.executemany(f"DELETE FROM {table}_rtree WHERE id = ?", ((i,) for i in ids))

    def json_text(self, name: str) -> tuple[str, list[Any]]:
        """The attribute as text."""
        return "CAST(json_extract(attributes, ?) AS TEXT)", [_path(name)]

    def json_number(self, name: str) -> tuple[str, list[Any]]:
        """The attribute as a number."""
        path = _path(name)
        return (
            "CASE WHEN json_type(attributes, ?) IN ('integer', 'real')"
            " THEN json_extract(attributes, ?) END",
            [path, path],
        )

    def bounds(self) -> Bounds | None:
        """From the root of the R-tree, which is rounded outwards to float32."""
        rows = self.run("SELECT data FROM city_object_rtree_node WHERE nodeno = 1")
        count = int.from_bytes(rows[0][0][2:4], "big") if rows else 0
        if not count:
            return None
        cells = np.frombuffer(rows[0][0], rtree.CELL, count, 4)["box"].astype(np.float64)
        return (
            float(cells[:, 0].min()),
            float(cells[:, 2].min()),
            float(cells[:, 1].max()),
            float(cells[:, 3].max()),
        )

    def has_tables(self) -> bool:
        """Whether a city has been made here."""
        return bool(self.run("SELECT 1 FROM sqlite_master WHERE name = 'meta'"))

    def create_tables(self) -> None:
        """Make tables, indexes and R-trees."""
        for sql in TABLES:
            self.run(sql.format(**self.placeholder_types))
        for sql in INDEXES:
            self.run(sql)
        for table in SPATIAL:
            self._create_rtree(table)

    def after_bulk(self) -> None:
        """Fold the write-ahead log into the file; readers in the way only make it longer."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.execute("PRAGMA optimize")

    def problems(self) -> list[str]:
        """What SQLite's own checks of file and R-trees find."""
        found = [text for (text,) in self.run("PRAGMA quick_check(20)") if text != "ok"]
        for table in SPATIAL:
            for (text,) in self.run(f"SELECT rtreecheck('{table}_rtree')"):
                found += [f"{table}_rtree: {text}"] if text != "ok" else []
        return found

    def indexed_boxes(self, table: str) -> dict[int, NDArray[np.float64]]:
        """Id → box (minx, maxx, miny, maxy, mint, maxt) of everything in the R-tree."""
        return {row[0]: np.array(row[1:]) for row in self.run(f"SELECT * FROM {table}_rtree")}

    def rebuild_spatial_index(self) -> None:
        """Pack both R-trees anew from the tables."""
        for table in SPATIAL:
            key = "oid" if table == "city_object" else "hid"
            parts = [
                boxes_of(chunk)
                for chunk in self.stream(
                    f"SELECT {key}, geometry, class * 8 + rank FROM {table}"
                    " WHERE geometry IS NOT NULL"
                )
            ]
            self.run(f"DROP TABLE {table}_rtree")
            self._create_rtree(table)
            if parts:
                ids = np.concatenate([ids for ids, _ in parts])
                boxes = rtree.rounded_out(np.concatenate([boxes for _, boxes in parts]))
                rtree.write_packed(self._db, f"{table}_rtree", ids, boxes)

    def _create_rtree(self, table: str) -> None:
        self.run(
            f"CREATE VIRTUAL TABLE {table}_rtree"
            " USING rtree(id, minx, maxx, miny, maxy, mint, maxt)"
        )

    def close(self) -> None:
        """Give the file back."""
        self._db.close()


def _path(name: str) -> str:
    return '$."' + name.replace('"', "") + '"'
