"""What a data set holds already, looked up by identifier.

A small delivery asks the index for each of its objects; a large one reads the whole data set
once into four sorted arrays (32 bytes an object), which is several times cheaper per object.
Identifiers are compared by 64-bit hash there: among ten million objects the chance that any
two clash is about 3 in a million.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pandas.util import hash_array

from cim.store.dialect import Dialect

Ids = NDArray[np.object_]
Hashes = NDArray[np.uint64]

SCAN_FROM: Final = 0.125
"""Share of the data set from which reading it whole is cheaper than asking for each object."""
MOST: Final = 0.25
"""Share of all objects from which a data set is better found by passing over the whole table."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """For n identifiers: what the store holds under them."""

    oid: NDArray[np.int64]
    """0 where it holds nothing."""
    version: NDArray[np.int64]
    digest: NDArray[np.int64]
    current: NDArray[np.bool_]
    """False where it holds nothing or the object has ended."""


def hashed(ids: Ids) -> Hashes:
    """64-bit hashes of identifiers."""
    if not len(ids):
        return np.empty(0, np.uint64)
    hashes: Hashes = hash_array(ids, categorize=False)
    return hashes


class Present:
    """The objects of one data set at the start of a load."""

    def __init__(self, db: Dialect, dataset_id: int) -> None:
        self._db, self._dataset_id = db, dataset_id
        counts = db.run("SELECT sum(count) FROM class_count WHERE dataset_id = ?", [dataset_id])
        self.count = int(counts[0][0] or 0)
        (everything,) = db.run("SELECT sum(count) FROM class_count")[0]
        self._is_most = self.count > MOST * int(everything or 0)
        self._ever = bool(
            db.run("SELECT 1 FROM city_object_history WHERE dataset_id = ? LIMIT 1", [dataset_id])
        )
        self._asked = 0
        self._hashes: Hashes | None = None
        self._rows = np.empty((0, 3), np.int64)

    def find(self, ids: Ids, hashes: Hashes) -> Found:
        """What the store holds of these objects, current or ended."""
        rows = np.zeros((len(ids), 3), np.int64)
        if self.count:
            self._asked += len(ids)
            if self._hashes is None and self._asked > SCAN_FROM * self.count:
                self._read_all()
            self._from_arrays(hashes, rows) if self._hashes is not None else self._ask(ids, rows)
        current = rows[:, 0] > 0
        if self._ever and not current.all():
            self._ask_history(ids, rows)
        return Found(rows[:, 0], rows[:, 1], rows[:, 2], current)

    def _read_all(self) -> None:
        hashes, rows = [], []
        # the sum keeps the index out of it: from there each row would be a random access
        column = "dataset_id + 0" if self._is_most else "dataset_id"
        for chunk in self._db.stream(
            f"SELECT object_id, oid, version, digest FROM city_object WHERE {column} = ?",
            [self._dataset_id],
        ):
            ids, *numbers = zip(*chunk, strict=True)
            names = np.empty(len(ids), object)
            names[:] = ids
            hashes.append(hashed(names))
            rows.append(np.array(numbers, np.int64).T)
        joined = np.concatenate(hashes)
        order = np.argsort(joined)
        self._hashes, self._rows = joined[order], np.concatenate(rows)[order]

    def _from_arrays(self, hashes: Hashes, rows: NDArray[np.int64]) -> None:
        known = self._hashes
        if known is None or not len(known):
            return
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        hit = known[at] == hashes
        rows[hit] = self._rows[at[hit]]

    def _ask(self, ids: Ids, rows: NDArray[np.int64]) -> None:
        sql, values = self._db.among("object_id", ids.tolist())
        place = {each: at for at, each in enumerate(ids.tolist())}
        for object_id, *numbers in self._db.run(
            "SELECT object_id, oid, version, digest FROM city_object"
            f" WHERE dataset_id = ? AND {sql}",
            [self._dataset_id, *values],
        ):
            rows[place[object_id]] = numbers

    def _ask_history(self, ids: Ids, rows: NDArray[np.int64]) -> None:
        missing = [each for each, row in zip(ids.tolist(), rows[:, 0], strict=True) if not row]
        place = {each: at for at, each in enumerate(ids.tolist())}
        sql, values = self._db.among("object_id", missing)
        for object_id, oid, version in self._db.run(
            "SELECT object_id, oid, max(version) FROM city_object_history"
            f" WHERE dataset_id = ? AND {sql} GROUP BY object_id, oid ORDER BY oid",
            [self._dataset_id, *values],
        ):
            rows[place[object_id]] = (oid, version, 0)
