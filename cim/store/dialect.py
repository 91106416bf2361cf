"""What differs between the two databases, and nothing else.

`Dialect` is everything the store asks of a database; SQL is written once, with ``?`` for values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Row = tuple[Any, ...]
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Same:
    """A column with the same value, a number or None, in every row: it need not be sent."""

    value: float | None


Column = list[Any] | Same


class Dialect(Protocol):
    """A connection to one city's database."""

    placeholder_types: dict[str, str]
    """Fills ``{key} {geometry} {json} {blob}`` in the table definitions."""
    geometry_as_wkb: str
    """SQL that gives the column ``geometry`` as WKB."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Execute one statement and fetch all it gives."""

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[list[Row]]:
        """Execute one query and fetch it in chunks, with bounded memory."""

    def write(self) -> AbstractContextManager[None]:
        """A transaction that excludes other writers; rolled back if its block raises.

        Raises
        ------
        BusyError
            If another process keeps writing.

        """

    def read(self) -> AbstractContextManager[None]:
        """A transaction in which all reads see the same state."""

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert many rows."""

    def insert_columns(self, table: str, columns: Mapping[str, Column]) -> None:
        """Insert many rows given column by column: the hot path of loading."""

    def replace_columns(
        self, table: str, columns: Mapping[str, Column], kept: Sequence[str]
    ) -> None:
        """Like `insert_columns`, over rows of the same key (the first column) where there are any.

        The `kept` columns are known to be what they were.
        """

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """SQL that is true where `column` is one of `values`, however many, and its values."""

    def in_box(
        self, table: str, bounds: Bounds, types: Sequence[tuple[int, int]]
    ) -> tuple[str, list[Any]]:
        """SQL condition on rows of `table` whose box meets `bounds` and whose type is in range."""

    def index_boxes(self, table: str, ids: NDArray[np.int64], boxes: NDArray[Any]) -> None:
        """Put (n, 6) boxes (minx, maxx, miny, maxy, mint, maxt) into the spatial index."""

    def unindex_boxes(self, table: str, ids: Sequence[int]) -> None:
        """Take boxes out of the spatial index."""

    def json_text(self, name: str) -> tuple[str, list[Any]]:
        """SQL for the attribute `name` as text, and its values."""

    def json_number(self, name: str) -> tuple[str, list[Any]]:
        """SQL for the attribute `name` as a number (NULL where it is none), and its values."""

    def bounds(self) -> Bounds | None:
        """Box around all current objects, or None if there are none."""

    def has_tables(self) -> bool:
        """Whether a city has been made here."""

    def create_tables(self) -> None:
        """Make tables, indexes and the spatial index."""

    def after_bulk(self) -> None:
        """Tidy up after a large commit: truncate the log, refresh statistics."""

    def problems(self) -> list[str]:
        """What the database's own integrity check finds."""

    def close(self) -> None:
        """Give the connection back."""
