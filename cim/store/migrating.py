"""Bringing a store of an older version up to date, in place and in one transaction."""

import uuid
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cim.store.dialect import Dialect
from cim.store.tables import FORMAT, SERIES_TABLES


def new_identity() -> str:
    """What tells a city from every other one, even from an earlier one at the same place."""
    return uuid.uuid4().hex[:16]


def format_of(db: Dialect) -> int:
    """The format in which the store is written."""
    return int(db.run("SELECT value FROM meta WHERE key = 'format'")[0][0])


def migrate(db: Dialect) -> None:
    """Bring the store from its format to `FORMAT`; does nothing if it is there.

    Raises
    ------
    StoreError
        If it may not be written.

    """
    if format_of(db) >= FORMAT:
        return
    with db.write():
        # asked again: another process may have been faster
        for number in range(format_of(db), FORMAT):
            _STEPS[number](db)
        db.run("UPDATE meta SET value = ? WHERE key = 'format'", [str(FORMAT)])


def _identity_and_access_of_coverages(db: Dialect) -> None:
    db.run("ALTER TABLE coverage ADD COLUMN access SMALLINT NOT NULL DEFAULT 0")
    db.run("INSERT INTO meta (key, value) VALUES ('id', ?)", [new_identity()])


def _time_series(db: Dialect) -> None:
    for sql in SERIES_TABLES:
        db.run(sql.format(**db.placeholder_types))


_STEPS: Final[Mapping[int, Callable[[Dialect], None]]] = MappingProxyType(
    {1: _identity_and_access_of_coverages, 2: _time_series}
)
"""By format: what leads to the next one."""
