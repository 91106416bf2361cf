"""The shared store: a city in a schema of a PostgreSQL database with PostGIS."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from cim.errors import BusyError, StoreError
from cim.store.dialect import Bounds, Column, Row, Same
from cim.store.locations import masked
from cim.store.tables import INDEXES, TABLES

LOCK = 0x43494D  # "CIM": one writer a city at a time


class PostGIS:
    """A city in a PostgreSQL database; `Dialect` documents the methods."""

    placeholder_types = {  # noqa: RUF012  a protocol's constant
        "key": "BIGINT PRIMARY KEY",
        "geometry": "geometry",
        "json": "JSONB",
        "blob": "BYTEA",
    }
    geometry_as_wkb = "ST_AsBinary(geometry)"

    def __init__(self, url: str, *, wait: float = 30.0) -> None:
        self.url, self.wait = url, wait
        try:
            self._db = psycopg.connect(url, autocommit=True, connect_timeout=10)
        except psycopg.Error as error:
            raise StoreError(
                "cannot connect to the database",
                where=masked(url),
                hint=str(error).strip().splitlines()[-1][:200],
            ) from None
        self._db.execute("SET client_min_messages = warning")
        self._db.execute("SET jit = off")

    def _error(self, error: psycopg.Error) -> StoreError:
        where = masked(self.url)
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return BusyError(
                "another process is writing to this city", where=where, hint="wait and try again"
            )
        if isinstance(error, psycopg.errors.DiskFull):
            return StoreError(
                "the disk is full; nothing was changed", where=where, hint="free space, try again"
            )
        return StoreError(str(error).strip().splitlines()[0], where=where)

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Execute one statement and fetch all it gives."""
        try:
            cursor = self._db.execute(_marked(sql), values or None, binary=True)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise self._error(error) from error

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[Row]]:
        """Fetch through a server-side cursor."""
        try:
            with self._db.transaction(), self._db.cursor("chunks", binary=True) as cursor:
                cursor.execute(_marked(sql), values or None)
                while chunk := cursor.fetchmany(16_384):
                    yield chunk
        except psycopg.Error as error:
            raise self._error(error) from error

    @contextmanager
    def write(self) -> Iterator[None]:
        """A transaction under an advisory lock."""
        try:
            with self._db.transaction():
                self._db.execute(f"SET LOCAL lock_timeout = '{int(self.wait * 1000)}ms'")
                self._db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                yield
        except psycopg.Error as error:
            raise self._error(error) from error

    @contextmanager
    def read(self) -> Iterator[None]:
        """A transaction in which all reads see the same state; nests in any other."""
        if self._db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            yield
            return
        with self._db.transaction():
            self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert many rows by COPY."""
        spatial = columns.index("geometry") if "geometry" in columns else None
        try:
            with (
                self._db.cursor() as cursor,
                cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row if spatial is None else _with_hex(row, spatial))
        except psycopg.Error as error:
            raise self._error(error) from error

    def insert_columns(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert rows given by column."""
        filled = (
            itertools.repeat(each.value) if isinstance(each, Same) else each
            for each in columns.values()
        )
        self.insert(table, list(columns), zip(*filled, strict=False))

    def replace_columns(
        self,
        table: str,
        columns: Mapping[str, Column],
        kept: Sequence[str],  # noqa: ARG002  COPY only knows whole rows
    ) -> None:
        """Delete and copy: COPY is faster than any number of updates."""
        key, values = next(iter(columns.items()))
        self.run(f"DELETE FROM {table} WHERE {key} = ANY(?)", [values])
        self.insert_columns(table, columns)

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """One array."""
        return f"{column} = ANY(?)", [list(values)]

    def in_box(
        self, table: str, bounds: Bounds, types: Sequence[tuple[int, int]]
    ) -> tuple[str, list[Any]]:
        """The box through GiST, the type through plain columns beside it."""
        sql, values = f"{table}.geometry && ST_MakeEnvelope(?, ?, ?, ?)", list(bounds)
        if types:
            sql += " AND (" + " OR ".join(["(class * 8 + rank BETWEEN ? AND ?)"] * len(types)) + ")"
            values += [code for pair in types for code in pair]
        return sql, values

    def index_boxes(self, table: str, ids: NDArray[np.int64], boxes: NDArray[Any]) -> None:
        """Nothing to do: GiST keeps itself."""

    def unindex_boxes(self, table: str, ids: Sequence[int]) -> None:
        """Nothing to do: GiST keeps itself."""

    def json_text(self, name: str) -> tuple[str, list[Any]]:
        """The attribute as text."""
        return "(attributes ->> ?::text)", [name]

    def json_number(self, name: str) -> tuple[str, list[Any]]:
        """The attribute as a number."""
        return (
            "CASE WHEN jsonb_typeof(attributes -> ?::text) = 'number'"
            " THEN (attributes ->> ?::text)::double precision END",
            [name, name],
        )

    def bounds(self) -> Bounds | None:
        """The extent of all current objects."""
        row = self.run(
            "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)"
            " FROM (SELECT ST_Extent(geometry) AS e FROM city_object) AS extent"
        )[0]
        return None if row[0] is None else (row[0], row[1], row[2], row[3])

    def has_tables(self) -> bool:
        """Whether a city has been made here."""
        return self.run("SELECT to_regclass('meta') IS NOT NULL")[0][0] is True

    def create_tables(self) -> None:
        """Make tables, indexes and GiST."""
        try:
            self._db.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        except psycopg.Error as error:
            raise StoreError(
                "PostGIS is not installed in this database",
                where=masked(self.url),
                hint="CREATE EXTENSION postgis needs the package postgresql-…-postgis-3",
            ) from error
        for sql in (*TABLES, *INDEXES):
            self.run(sql.format(**self.placeholder_types))
        for table in ("city_object", "city_object_history"):
            self.run(f"CREATE INDEX {table}_box ON {table} USING gist (geometry)")
        self.run(
            "CREATE INDEX building_box ON city_object USING gist (geometry)"
            " WHERE class * 8 + rank BETWEEN 800 AND 815"
        )

    def after_bulk(self) -> None:
        """Refresh the planner's statistics."""
        for table in ("city_object", "mesh", "network_edge"):
            self._db.execute(f"VACUUM ANALYZE {table}")

    def problems(self) -> list[str]:
        """PostgreSQL has no cheap check of its own."""
        return []

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()


def _with_hex(row: Row, at: int) -> Row:
    """COPY takes a geometry as hexadecimal WKB."""
    return row if row[at] is None else (*row[:at], row[at].hex(), *row[at + 1 :])


def _marked(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s") if "?" in sql else sql
