"""Surfaces and solids of any number of objects as flat-shaded triangles in their own colours."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cim.model import Mesh
from layers.colour import rgba
from layers.glb import Surface
from layers.legends import SURFACES
from layers.polygons import Numbers, Points, Rings, signed_areas, triangulated


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """The faces of one mesh: polygons, all of the same make whatever the mesh was."""

    vertices: Points
    indices: Numbers
    ring_sizes: Numbers
    face_rings: Numbers
    face_colours: NDArray[np.uint8]


def mesh_surface(
    meshes: Iterable[tuple[int, Mesh]],
    place: Callable[[Points], Points],
    colours: NDArray[np.uint8],
) -> Surface:
    """The triangles of (feature, mesh) pairs, features numbered as in `colours` (k, 4).

    `place` maps (n, 2) of the city's CRS to the tile. A surface part's semantic type or a
    material's own colour goes before the feature's. A mesh that contradicts itself is left
    out, so is a face without area.
    """
    found = [(number, _faces(mesh, colours[number])) for number, mesh in meshes]
    kept = [(number, faces) for number, faces in found if faces is not None]
    if not kept:
        return Surface.empty()
    faces = [each for _, each in kept]
    shift = np.cumsum([0] + [len(each.vertices) for each in faces])
    vertices = np.concatenate([each.vertices for each in faces])
    vertices = np.column_stack((place(vertices[:, :2]), vertices[:, 2]))
    corners = np.concatenate([s + f.indices for s, f in zip(shift, faces, strict=False)])
    count = [len(each.face_rings) for each in faces]
    feature = np.repeat(np.array([number for number, _ in kept]), count)
    return _shaded(
        vertices[corners],
        np.concatenate([each.ring_sizes for each in faces]),
        np.concatenate([each.face_rings for each in faces]),
        np.concatenate([each.face_colours for each in faces]),
        feature,
    )


def _faces(mesh: Mesh, colour: NDArray[np.uint8]) -> _Faces | None:
    vertices = np.asarray(mesh.vertices, np.float64).reshape(-1, 3)
    indices = mesh.indices.astype(np.int64)
    if mesh.kind == "Triangles" or not len(mesh.ring_sizes):
        ring_sizes = np.full(len(indices) // 3, 3)
        face_rings = np.ones(len(indices) // 3, np.int64)
    else:
        ring_sizes = mesh.ring_sizes.astype(np.int64)
        face_rings = mesh.face_rings.astype(np.int64)
    sound = (
        len(indices) > 0
        and indices.max() < len(vertices)
        and ring_sizes.sum() == len(indices)
        and face_rings.sum() == len(ring_sizes)
        and (face_rings > 0).all()
        and np.isfinite(vertices).all()
    )
    if not sound:
        return None
    face_colours = _face_colours(mesh, len(face_rings), colour)
    return _Faces(vertices, indices, ring_sizes, face_rings, face_colours)


def _face_colours(mesh: Mesh, count: int, colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    parts = [part_colour(part, tuple(colour.tolist())) for part in mesh.parts]
    palette = np.array([*parts, colour.tolist()], np.uint8)
    if len(mesh.face_part) == count:
        return palette[np.minimum(mesh.face_part.astype(np.int64), len(parts))]
    return np.broadcast_to(palette[0 if len(parts) == 1 else len(parts)], (count, 4))


def part_colour(part: Any, otherwise: Sequence[int]) -> tuple[int, ...]:
    """The colour of a semantic surface or material, four bytes; `otherwise` if it has none."""
    own = part.get("color")
    if isinstance(own, (list, tuple)) and len(own) >= 3:
        shares = [*own[:4], 1.0][:4]
        return tuple(round(255 * min(max(float(each), 0.0), 1.0)) for each in shares)
    known = SURFACES.get(str(part.get("type", "")))
    return rgba(known.color) if known else tuple(otherwise)


def _shaded(
    xyz: Points,
    ring_sizes: Numbers,
    face_rings: Numbers,
    colours: NDArray[np.uint8],
    feature: Numbers,
) -> Surface:
    face_of_ring = np.repeat(np.arange(len(face_rings)), face_rings)
    outer = np.zeros(len(ring_sizes), bool)
    outer[np.cumsum(face_rings) - face_rings] = True
    ring_of_point = np.repeat(np.arange(len(ring_sizes)), ring_sizes)
    start = np.concatenate(([0], np.cumsum(ring_sizes)))
    normal = _newell(xyz, start)[outer]
    length = np.linalg.norm(normal, axis=1)
    flat = (length > 1e-9)[face_of_ring] & (ring_sizes >= 3)
    shells = np.zeros(len(face_rings), bool)
    shells[face_of_ring[flat & outer]] = True
    kept = flat & shells[face_of_ring]
    points = kept[ring_of_point]
    face = face_of_ring[ring_of_point[points]]
    unit = normal / np.where(length > 0, length, 1)[:, None]
    rings = Rings(
        _flattened(xyz[points], unit[face]),
        np.concatenate(([0], np.cumsum(ring_sizes[kept]))),
        outer[kept],
        (np.cumsum(shells) - 1)[face_of_ring[kept]],
        np.flatnonzero(shells),
    )
    return Surface(
        xyz[points],
        unit[face].astype(np.float32),
        colours[face],
        feature[face],
        triangulated(rings),
    )


def _newell(xyz: Points, start: Numbers) -> Points:
    """Twice the area vector of each ring (Newell's method)."""
    areas = [signed_areas(xyz[:, axes], start) for axes in ((1, 2), (2, 0), (0, 1))]
    return 2 * np.column_stack(areas)


def _flattened(xyz: Points, normal: Points) -> Points:
    """Points in the plane of two axes that sees their face best, anticlockwise as from outside."""
    axis = np.abs(normal).argmax(axis=1)
    rows = np.arange(len(xyz))
    first = xyz[rows, (axis + 1) % 3]
    second = xyz[rows, (axis + 2) % 3]
    return np.column_stack((first * np.sign(normal[rows, axis]), second))
