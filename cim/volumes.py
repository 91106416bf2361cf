"""Whether solids are closed, and how much they enclose: for all meshes of a batch at once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cim.meshes import Flags, Ints, Meshes

Floats = NDArray[np.float64]

SOLIDS: Final = frozenset({"Solid", "CompositeSolid"})


def measured(meshes: Meshes) -> Meshes:
    """The same, with ``closed`` and ``volume`` (m³) of the solids that nobody has examined yet.

    `meshes` are in metres. A solid is closed if in each of its shells every edge has exactly two
    faces, by the numbers of its vertices or else by their coordinates. Its volume is that of the
    fans of its rings, and unknown if it is open, if neighbouring faces turn different ways or if
    it encloses nothing.
    """
    examined = np.fromiter((kind in SOLIDS for kind in meshes.kinds), bool, len(meshes))
    examined &= np.fromiter((known is None for known in meshes.closed), bool, len(meshes))
    examined &= meshes.ring_sizes.counts > 0
    if not examined.any():
        return meshes
    solids = meshes.only(examined)
    shut, turned = _closed(solids, _numbered)
    if not shut.all():
        again = np.flatnonzero(~shut)
        shut[again], turned[again] = _closed(solids.only(~shut), _placed)
    size = np.where(shut & turned, np.abs(_volumes(solids)), 0.0).tolist()
    closed, volumes = list(meshes.closed), list(meshes.volumes)
    at = np.flatnonzero(examined).tolist()
    for number, flag, volume in zip(at, shut.tolist(), size, strict=True):
        closed[number] = flag
        volumes[number] = volume if volume > 0 else None
    return replace(meshes, closed=closed, volumes=volumes)


def _numbered(solids: Meshes) -> Ints:
    """(k,) the vertex of each corner, as numbered in its mesh."""
    return solids.indices.values.astype(np.int64)


def _placed(solids: Meshes) -> Ints:
    """(k,) the same, where vertices of a mesh at the same place have the same number."""
    owner = np.repeat(np.arange(len(solids)), solids.vertices.counts)
    points = solids.vertices.values
    order = np.lexsort((points[:, 2], points[:, 1], points[:, 0], owner))
    ordered, owners = points[order], owner[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1) | (owners[1:] != owners[:-1])
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(new) - 1
    corners = solids.indices.values + np.repeat(solids.vertices.starts[:-1], solids.indices.counts)
    found: Ints = place[corners]
    return found


def _closed(solids: Meshes, numbers_of: Callable[[Meshes], Ints]) -> tuple[Flags, Flags]:
    """Which solids are closed, and in which of those all faces turn the same way."""
    numbers = numbers_of(solids)
    shells = _shell_faces(solids)
    shell_mesh = np.repeat(np.arange(len(solids)), np.maximum(solids.shells.counts, 1))
    ring_sizes = solids.ring_sizes.values.astype(np.int64)
    face_shell = np.repeat(np.arange(len(shells)), shells)
    ring_shell = np.repeat(face_shell, solids.face_rings.values)
    shell = np.repeat(ring_shell, ring_sizes)
    following = _following(numbers, ring_sizes)
    real = numbers != following
    start, end, shell = numbers[real], following[real], shell[real]
    size = int(numbers.max(initial=0)) + 1
    low, high = np.minimum(start, end), np.maximum(start, end)
    keys = np.sort((((shell * size) + low) * size + high) * 2 + (start < end))
    edge = keys >> 1
    first = np.flatnonzero(np.r_[len(edge) > 0, edge[1:] != edge[:-1]][: len(edge)])
    twice = np.diff(np.r_[first, len(edge)]) == 2
    opposite = twice.copy()
    opposite[twice] = keys[first[twice]] != keys[first[twice] + 1]
    mesh = shell_mesh[edge[first] // (size * size)]
    some = np.bincount(mesh, minlength=len(solids)) > 0
    shut, turned = (
        some & (np.bincount(mesh, ~good, len(solids)) == 0) for good in (twice, opposite)
    )
    return shut, turned


def _shell_faces(solids: Meshes) -> Ints:
    """(s,) faces in each shell; those of a mesh that names none are all of them."""
    named = solids.shells.counts
    several = np.repeat(named > 0, np.maximum(named, 1))
    sizes = np.empty(len(several), np.int64)
    sizes[several] = solids.shells.values
    sizes[~several] = solids.face_rings.counts[named == 0]
    return sizes


def _following(values: NDArray[np.int64], ring_sizes: Ints) -> Ints:
    """(k,) the value at the next corner of the same ring."""
    ends = np.cumsum(ring_sizes)
    following = np.empty_like(values)
    following[:-1] = values[1:]
    following[ends - 1] = values[ends - ring_sizes]
    return following


def _volumes(solids: Meshes) -> Floats:
    """(m,) what each encloses, negative if its faces turn inwards."""
    vertices, counts = solids.vertices, solids.indices.counts
    middle = vertices.values[vertices.starts[:-1]]  # small numbers keep their digits
    points = vertices.values - np.repeat(middle, vertices.counts, axis=0)
    corners = solids.indices.values + np.repeat(vertices.starts[:-1], counts)
    ring_sizes = solids.ring_sizes.values.astype(np.int64)
    following = _following(corners, ring_sizes)
    apex = np.repeat(corners[np.cumsum(ring_sizes) - ring_sizes], ring_sizes)
    x, y, z = points.T
    six = (
        x[apex] * (y[corners] * z[following] - z[corners] * y[following])
        + y[apex] * (z[corners] * x[following] - x[corners] * z[following])
        + z[apex] * (x[corners] * y[following] - y[corners] * x[following])
    )
    return np.bincount(np.repeat(np.arange(len(solids)), counts), six, len(solids)) / 6
