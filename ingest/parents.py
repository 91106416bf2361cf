"""Whether the objects that others are part of came with the delivery."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.util import hash_array

from cim.model import Finding

Hashes = NDArray[np.uint64]


class Parents:
    """Remembers 8 bytes of each object, and of each parent the name until it comes."""

    def __init__(self, *, several: bool) -> None:
        """`several` files may name each other's objects, even if the first names none."""
        self._always = several
        self._seen: list[Hashes] = []
        self._wanted: dict[str, str] = {}

    def note(self, objects: pd.DataFrame) -> None:
        """Take in the objects of a batch."""
        if "parent_id" not in objects and not self._always:
            return
        self._seen.append(_hashed(objects["object_id"]))
        if "parent_id" not in objects:
            return
        named = objects["parent_id"].notna().to_numpy()
        if named.any():
            parents = objects["parent_id"][named].astype(str)
            here = set(objects["object_id"])
            children = objects["object_id"][named]
            self._wanted.update(
                (parent, child)
                for parent, child in zip(parents, children, strict=True)
                if parent not in here
            )

    def findings(self) -> Iterator[Finding]:
        """What to say if some never came."""
        if not self._wanted:
            return
        names = np.array([*self._wanted, ""], object)[:-1]
        missing = names[~np.isin(hash_array(names, categorize=False), np.concatenate(self._seen))]
        if len(missing):
            yield Finding(
                "warning",
                "parent_missing",
                f"objects that others are part of are not there: {len(missing)}, such as"
                f" {missing[0]!r} of {self._wanted[missing[0]]!r}",
                "load the file that holds them under the same name",
            )


def _hashed(column: "pd.Series[str]") -> Hashes:
    hashes: Hashes = hash_array(np.asarray(column, object), categorize=False)
    return hashes
