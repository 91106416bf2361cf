"""What hangs on objects: meshes and network edges as rows, made for a whole batch at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray
from pandas.util import hash_array

from cim.model import Mesh
from cim.store.meshes import packed

MESH_FIELDS: Final = ("lod", "kind", "closed", "volume", "parts", "body")
EDGE_FIELDS: Final = ("network", "start_node", "end_node", "length")
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Rows of one table, each belonging to an object of the batch."""

    owner: NDArray[np.int64]
    """Position of the object in the batch."""
    rows: Sequence[tuple[Any, ...]]
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
    """Rows of ``mesh`` by `MESH_FIELDS`."""
    owned = [mesh for mesh in meshes if mesh.object_id in positions]
    if not owned:
        return NO_PARTS
    bodies = packed(owned)
    texts = [_text(mesh.parts) for mesh in owned]
    rows = [
        (
            mesh.lod,
            mesh.kind,
            None if mesh.closed is None else int(mesh.closed),
            mesh.volume,
            text or None,
            body,
        )
        for mesh, text, body in zip(owned, texts, bodies, strict=True)
    ]
    told = [f"{row[0]} {row[1]} {row[2]} {row[3]} {row[4]}" for row in rows]
    hashes = _hashed(bodies) * _FACTOR + _hashed(told)
    owner = np.array([positions[mesh.object_id] for mesh in owned], np.int64)
    return Parts(owner, rows, hashes)


def _text(parts: Sequence[Mapping[str, Any]]) -> str:
    if not parts:
        return ""
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(list(parts), default=str, option=option).decode()


def edge_parts(edges: pd.DataFrame | None, positions: Mapping[str, int]) -> Parts:
    """Rows of ``network_edge`` by `EDGE_FIELDS`."""
    if edges is None or not len(edges):
        return NO_PARTS
    at = [positions.get(str(each), -1) for each in edges["object_id"]]
    columns = (edges[name].tolist() for name in EDGE_FIELDS)
    rows = [row for row, own in zip(zip(*columns, strict=True), at, strict=True) if own >= 0]
    owner = np.array([own for own in at if own >= 0], np.int64)
    return Parts(owner, rows, _hashed([repr(row) for row in rows]))


def _hashed(values: Sequence[Any]) -> NDArray[np.uint64]:
    array = np.empty(len(values), object)
    array[:] = values
    hashes: NDArray[np.uint64] = hash_array(array, categorize=False)
    return hashes
