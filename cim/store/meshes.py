"""A mesh as bytes: counts, origin, then the arrays, little-endian.

Vertices are float32 offsets from a float64 origin: within a kilometre that is finer than 0.1 mm.
"""

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.errors import StoreError
from cim.model import Mesh

_HEAD = struct.Struct("<4sHH6I3d")
_MAGIC = b"CIMM"
_FORMAT = 1


def packed(meshes: Sequence[Mesh]) -> list[bytes]:
    """The geometry of each mesh; parts and flags are columns of their own.

    All meshes are converted together: tens of thousands of small ones are the usual case.
    """
    counts = [len(mesh.vertices) for mesh in meshes]
    vertices, origins = _local([mesh.vertices for mesh in meshes], counts)
    small = [count <= 0xFFFF for count in counts]
    columns = (
        _pieces([mesh.ring_sizes for mesh in meshes], "<u4"),
        _pieces([mesh.face_rings for mesh in meshes], "<u4"),
        _shells(meshes),
        _indices(meshes, small),
        _pieces([mesh.face_part for mesh in meshes], "<u2"),
    )
    bodies = []
    for count, narrow, origin, points, rings, faces, shells, indices, part in zip(
        counts, small, origins, vertices, *columns, strict=True
    ):
        head = _HEAD.pack(
            _MAGIC, _FORMAT, narrow, count, len(indices) // (2 if narrow else 4), len(rings) // 4,
            len(faces) // 4, len(part) // 2, len(shells) // 4, *origin,
        )  # fmt: skip
        bodies.append(b"".join((head, points, rings, faces, shells, indices, part)))
    return bodies


def _shells(meshes: Sequence[Mesh]) -> list[bytes]:
    if not any(mesh.shells for mesh in meshes):
        return [b""] * len(meshes)
    return _pieces([np.asarray(mesh.shells, np.uint32) for mesh in meshes], "<u4")


def _indices(meshes: Sequence[Mesh], small: Sequence[bool]) -> list[bytes]:
    """Vertex numbers, in two bytes each where a mesh is small."""
    if all(small):
        return _pieces([mesh.indices for mesh in meshes], "<u2")
    return [
        mesh.indices.astype("<u2" if narrow else "<u4").tobytes()
        for mesh, narrow in zip(meshes, small, strict=True)
    ]


def _local(
    vertices: Sequence[NDArray[np.float64]], counts: Sequence[int]
) -> tuple[list[bytes], list[list[float]]]:
    """Offsets from each mesh's lowest corner as bytes, and those corners."""
    joined = np.concatenate([*vertices, np.empty((0, 3))])
    starts = np.cumsum([0, *counts])
    origins = np.zeros((len(counts), 3))
    filled = np.array(counts) > 0
    if filled.any():
        begins = starts[:-1][filled]
        for axis in range(3):  # far faster than along rows of three
            column = np.ascontiguousarray(joined[:, axis])
            origins[filled, axis] = np.minimum.reduceat(column, begins)
    offsets = (joined - np.repeat(origins, counts, axis=0)).astype("<f4")
    return _cut(offsets.tobytes(), (starts * 12).tolist()), origins.tolist()


def _pieces(arrays: Sequence[NDArray[Any]], dtype: str) -> list[bytes]:
    """Each array's bytes, converted in one go."""
    if not any(len(each) for each in arrays):
        return [b""] * len(arrays)
    joined = np.concatenate(arrays).astype(dtype)
    starts = np.cumsum([0, *(len(each) for each in arrays)]) * joined.itemsize
    return _cut(joined.tobytes(), starts.tolist())


def _cut(joined: bytes, starts: Sequence[int]) -> list[bytes]:
    return [joined[start:end] for start, end in pairwise(starts)]


def unpacked(object_id: str, row: tuple[Any, ...]) -> Mesh:
    """The mesh of a row ``(lod, kind, closed, volume, parts, body)``.

    Raises
    ------
    StoreError
        If the bytes are not a mesh.

    """
    lod, kind, closed, volume, parts, body = row
    body = bytes(body)
    if len(body) < _HEAD.size or body[:4] != _MAGIC:
        raise StoreError("damaged mesh", where=object_id, hint="run `cim check`")
    _, _, small, *counts = _HEAD.unpack_from(body)
    n_vertices, n_indices, n_rings, n_faces, n_part, n_shells = counts[:6]
    origin = np.array(counts[6:])
    position = _HEAD.size

    def take(count: int, dtype: str) -> NDArray[Any]:
        nonlocal position
        array = np.frombuffer(body, dtype, count, position)
        position += array.nbytes
        return array

    vertices = take(n_vertices * 3, "<f4").reshape(-1, 3).astype(np.float64) + origin
    ring_sizes, face_rings = take(n_rings, "<u4"), take(n_faces, "<u4")
    shells = tuple(take(n_shells, "<u4").tolist())
    indices = take(n_indices, "<u2" if small else "<u4").astype(np.uint32)
    return Mesh(
        object_id=object_id,
        lod=lod,
        kind=kind,
        vertices=vertices,
        indices=indices,
        ring_sizes=ring_sizes,
        face_rings=face_rings,
        face_part=take(n_part, "<u2"),
        parts=tuple(orjson.loads(parts)) if parts else (),
        shells=shells,
        closed=None if closed is None else bool(closed),
        volume=volume,
    )


def is_sound(body: bytes) -> bool:
    """Whether `body` is complete and its numbers point inside it."""
    try:
        mesh = unpacked("", ("0", "Triangles", None, None, None, body))
    except (StoreError, ValueError, struct.error):
        return False
    inside = not len(mesh.indices) or int(mesh.indices.max()) < len(mesh.vertices)
    rings = not len(mesh.ring_sizes) or int(mesh.ring_sizes.sum()) == len(mesh.indices)
    faces = not len(mesh.face_rings) or int(mesh.face_rings.sum()) == len(mesh.ring_sizes)
    return inside and rings and faces and bool(np.isfinite(mesh.vertices).all())
