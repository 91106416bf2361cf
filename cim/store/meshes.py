"""A mesh as bytes: counts, origin, then the arrays, little-endian.

Vertices are float32 offsets from a float64 origin: within a kilometre that is finer than 0.1 mm.
"""

import struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.errors import StoreError
from cim.model import Mesh

_HEAD = struct.Struct("<4sHH6I3d")
_MAGIC = b"CIMM"
_FORMAT = 1


def packed(mesh: Mesh) -> bytes:
    """The geometry of `mesh`; its parts and flags are columns of their own."""
    origin = mesh.vertices.min(axis=0) if len(mesh.vertices) else np.zeros(3)
    shells = np.asarray(mesh.shells, np.uint32)
    small = len(mesh.vertices) <= 0xFFFF
    head = _HEAD.pack(
        _MAGIC,
        _FORMAT,
        int(small),
        len(mesh.vertices),
        len(mesh.indices),
        len(mesh.ring_sizes),
        len(mesh.face_rings),
        len(mesh.face_part),
        len(shells),
        *origin,
    )
    arrays: tuple[NDArray[Any], ...] = (
        (mesh.vertices - origin).astype("<f4"),
        mesh.ring_sizes.astype("<u4", copy=False),
        mesh.face_rings.astype("<u4", copy=False),
        shells,
        mesh.indices.astype("<u2" if small else "<u4"),
        mesh.face_part.astype("<u2", copy=False),
    )
    return head + b"".join(each.tobytes() for each in arrays)


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
