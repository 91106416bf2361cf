"""What hangs on objects: meshes and network edges as rows, made for a whole batch at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray
from pandas.util import hash_array

from cim.meshes import Meshes
from cim.model import Mesh, SurfacePart
from cim.store.meshes import packed

MESH_FIELDS: Final = ("lod", "kind", "closed", "volume", "parts", "body")
EDGE_FIELDS: Final = ("network", "start_node", "end_node", "length")
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Rows of one table, each belonging to an object of the batch."""

    owner: NDArray[np.int64]
    """Position of the object in the batch."""
    columns: Sequence[Sequence[Any]]
    """The table's columns beside the object's number and version."""
    hashes: NDArray[np.uint64]

    def mix_into(self, digest: NDArray[np.uint64]) -> None:
        """Make the digests of the owners depend on their parts, in order."""
        turn = np.zeros(len(self.owner), np.uint64)
        for at in range(1, len(turn)):
            if self.owner[at] == self.owner[at - 1]:
                turn[at] = turn[at - 1] + np.uint64(1)
        np.add.at(digest, self.owner, self.hashes * (_FACTOR + turn + turn))


NO_PARTS: Final = Parts(np.empty(0, np.int64), (), np.empty(0, np.uint64))


def mesh_parts(meshes: Sequence[Mesh], positions: Mapping[str, int]) -> Parts:
    """Columns of ``mesh`` by `MESH_FIELDS`."""
    every = Meshes.of(meshes)
    places = [positions.get(each, -1) for each in every.object_ids]
    owner = np.fromiter(places, np.int64, len(places))
    owned, owner = every.only(owner >= 0), owner[owner >= 0]
    if not len(owner):
        return NO_PARTS
    bodies = packed(owned)
    closed = [None if each is None else int(each) for each in owned.closed]
    texts = [_text(each) if each else None for each in owned.parts]
    columns = (owned.lods, owned.kinds, closed, owned.volumes, texts)
    told = [
        f"{lod} {kind} {shut} {volume} {text}"
        for lod, kind, shut, volume, text in zip(*columns, strict=True)
    ]
    hashes = _hashed(bodies) * _FACTOR + _hashed(told)
    return Parts(owner, (*columns, bodies), hashes)


def _text(parts: Sequence[SurfacePart]) -> str:
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(parts, default=str, option=option).decode()


def edge_parts(edges: pd.DataFrame | None, positions: Mapping[str, int]) -> Parts:
    """Columns of ``network_edge`` by `EDGE_FIELDS`."""
    if edges is None or not len(edges):
        return NO_PARTS
    places = [positions.get(str(each), -1) for each in edges["object_id"]]
    owner = np.fromiter(places, np.int64, len(places))
    owned, owner = edges[owner >= 0], owner[owner >= 0]
    columns = [owned[name].tolist() for name in EDGE_FIELDS]
    rows = zip(*columns, strict=True)
    return Parts(owner, columns, _hashed([repr(row) for row in rows]))


def _hashed(values: Sequence[Any]) -> NDArray[np.uint64]:
    array = np.empty(len(values), object)
    array[:] = values
    hashes: NDArray[np.uint64] = hash_array(array, categorize=False)
    return hashes
