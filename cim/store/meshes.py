"""A mesh as bytes: counts, origin, then the arrays, little-endian.

Vertices are float32 offsets from a float64 origin: within a kilometre that is finer than 0.1 mm.
"""

import struct
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.errors import StoreError
from cim.meshes import Meshes, Runs
from cim.model import Mesh

_HEAD = struct.Struct("<4sHH6I3d")
_HEADS = np.dtype(
    [
        ("magic", "S4"),
        ("format", "<u2"),
        ("small", "<u2"),
        ("counts", "<u4", 6),
        ("origin", "<f8", 3),
    ]
)
_MAGIC = b"CIMM"
_FORMAT = 1


def packed(meshes: Meshes) -> list[bytes]:
    """The geometry of each mesh; parts and flags are columns of their own."""
    counts = meshes.vertices.counts
    small = counts <= 0xFFFF
    origins, vertices = _local(meshes.vertices)
    heads = np.zeros(len(meshes), _HEADS)
    heads["magic"], heads["format"], heads["small"] = _MAGIC, _FORMAT, small
    heads["origin"] = origins
    numbered = (
        meshes.vertices, meshes.indices, meshes.ring_sizes, meshes.face_rings, meshes.face_part,
        meshes.shells,
    )  # fmt: skip
    for column, each in enumerate(numbered):
        heads["counts"][:, column] = each.counts
    columns = (
        _cut(heads.tobytes(), np.arange(len(meshes) + 1) * _HEAD.size),
        vertices,
        _pieces(meshes.ring_sizes, "<u4"),
        _pieces(meshes.face_rings, "<u4"),
        _pieces(meshes.shells, "<u4"),
        _indices(meshes.indices, small),
        _pieces(meshes.face_part, "<u2"),
    )
    return [b"".join(each) for each in zip(*columns, strict=True)]


def _indices(indices: Runs, small: NDArray[np.bool_]) -> list[bytes]:
    """Vertex numbers, in two bytes each where a mesh is small."""
    if small.all():
        return _pieces(indices, "<u2")
    narrow, wide = _pieces(indices, "<u2"), _pieces(indices, "<u4")
    return [a if flag else b for flag, a, b in zip(small, narrow, wide, strict=True)]


def _local(vertices: Runs) -> tuple[NDArray[np.float64], list[bytes]]:
    """Each mesh's lowest corner, and the offsets from it as bytes."""
    counts = vertices.counts
    origins = np.zeros((len(counts), 3))
    offsets = np.empty((len(vertices.values), 3), "<f4")
    filled = counts > 0
    begins = vertices.starts[:-1][filled]
    for axis in range(3) if len(begins) else ():  # far faster than along rows of three
        column = np.ascontiguousarray(vertices.values[:, axis])
        origins[filled, axis] = np.minimum.reduceat(column, begins)
        offsets[:, axis] = column - np.repeat(origins[:, axis], counts)
    return origins, _cut(offsets.tobytes(), vertices.starts * 12)


def _pieces(runs: Runs, dtype: str) -> list[bytes]:
    """Each array's bytes."""
    if not len(runs.values):
        return [b""] * (len(runs.starts) - 1)
    joined = runs.values.astype(dtype, copy=False)
    return _cut(joined.tobytes(), runs.starts * joined.itemsize)


def _cut(joined: bytes, starts: NDArray[np.int64]) -> list[bytes]:
    return [joined[start:end] for start, end in pairwise(starts.tolist())]


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
