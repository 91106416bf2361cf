"""Polygons of many objects as flat arrays: rings cleaned, turned the right way, triangulated."""

from collections.abc import Callable
from dataclasses import dataclass

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray

POLYGON = 3
COLLECTIONS = 4
"""From this of shapely's numbers of types on, geometries are collections."""
ROUNDING = 1e-9
"""Square metres that a triangle may have by rounding alone."""

Points = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """The rings of many polygons, one after another, without the closing point.

    Outer rings run anticlockwise, inner ones clockwise; a polygon's outer ring comes first.
    """

    xy: Points
    """(n, 2)"""
    start: Numbers
    """(r + 1,) where each ring starts in `xy`; the last entry is n."""
    outer: NDArray[np.bool_]
    """(r,)"""
    polygon: Numbers
    """(r,) the polygon of each ring, 0 … p - 1 without gaps."""
    owner: Numbers
    """(p,) the geometry each polygon came from."""

    @property
    def size(self) -> Numbers:
        """(r,) points in each ring."""
        return np.diff(self.start)

    @property
    def ring(self) -> Numbers:
        """(n,) the ring of each point."""
        return np.repeat(np.arange(len(self.outer)), self.size)

    @property
    def point_owner(self) -> Numbers:
        """(n,) the geometry of each point."""
        return self.owner[self.polygon[self.ring]]

    @property
    def following(self) -> Numbers:
        """(n,) the point after each point, around its ring."""
        return following(self.start)

    def moved(self, xy: Points) -> "Rings":
        """The same rings with other coordinates."""
        return Rings(xy, self.start, self.outer, self.polygon, self.owner)


def following(start: Numbers) -> Numbers:
    """For each point of rings that begin at `start`, the number of the next one around."""
    after = np.arange(1, int(start[-1]) + 1)
    filled = np.diff(start) > 0
    after[start[1:][filled] - 1] = start[:-1][filled]
    return after


def parts_of(geometries: NDArray[np.object_]) -> tuple[NDArray[np.object_], Numbers]:
    """The single geometries in collections however deep, and which geometry each is from."""
    parts, owner = _filled(geometries, np.arange(len(geometries)))
    while np.count_nonzero(shapely.get_type_id(parts) >= COLLECTIONS):
        parts, source = shapely.get_parts(parts, return_index=True)
        parts, owner = _filled(parts, owner[source])
    return parts, owner


def _filled(parts: NDArray[np.object_], owner: Numbers) -> tuple[NDArray[np.object_], Numbers]:
    """Without what is None or has no points."""
    filled = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
    return (
        (parts, owner)
        if np.count_nonzero(filled) == len(filled)
        else (parts[filled], owner[filled])
    )


def rings_of(
    geometries: NDArray[np.object_],
    move: Callable[[Points], Points] | None = None,
    *,
    tolerance: float = 1e-6,
    smallest: float = 1e-4,
) -> Rings:
    """The rings of every polygon in `geometries`; other geometries have none.

    `move` maps the coordinates first. Points within `tolerance` of the next one are dropped,
    then rings of fewer than three points, of an area below `smallest` or with coordinates
    that are not finite, and the holes of an outer ring that went.
    """
    parts, owner = parts_of(geometries)
    flat = shapely.get_type_id(parts) == POLYGON
    rings, polygon = shapely.get_rings(parts[flat], return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    outer = np.diff(polygon, prepend=-1) != 0
    return _cleaned(
        xy if move is None or not len(xy) else move(xy),
        ring,
        Rings(xy, np.zeros(1, np.int64), outer, polygon, owner[flat]),
        (tolerance, smallest),
    )


def _cleaned(xy: Points, ring: Numbers, raw: Rings, limits: tuple[float, float]) -> Rings:
    count = len(raw.outer)
    tolerance, smallest = limits
    finite = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
    broken = np.bincount(ring[~finite], minlength=count) > 0
    xy = np.where(finite[:, None], xy, 0.0)
    same_ring = ring[1:] == ring[:-1]
    step = np.abs(xy[1:] - xy[:-1]).max(axis=1, initial=0)
    keep = np.append(same_ring & (step > tolerance), [False] * min(len(xy), 1)).astype(bool)
    xy, ring = xy[keep], ring[keep]
    start = _starts(np.bincount(ring, minlength=count))
    area = signed_areas(xy, start)
    good = (np.diff(start) >= 3) & (np.abs(area) >= smallest) & ~broken
    shells = np.zeros(len(raw.owner), bool)
    shells[raw.polygon[raw.outer & good]] = True
    good &= shells[raw.polygon]
    xy = xy[_turned(start, (area > 0) != raw.outer)]
    xy = xy[good[ring]]
    renumbered = np.cumsum(shells) - 1
    return Rings(
        xy,
        _starts(np.diff(start)[good]),
        raw.outer[good],
        renumbered[raw.polygon[good]],
        raw.owner[shells],
    )


def _starts(sizes: Numbers) -> Numbers:
    return np.concatenate(([0], np.cumsum(sizes)))


def _turned(start: Numbers, turn: NDArray[np.bool_]) -> Numbers:
    """Point numbers with the rings in `turn` reversed."""
    order = np.arange(int(start[-1]))
    ring = np.repeat(np.arange(len(turn)), np.diff(start))
    mirrored = start[:-1][ring] + start[1:][ring] - 1 - order
    return np.where(turn[ring], mirrored, order)


def signed_areas(xy: Points, start: Numbers) -> Points:
    """Area inside each ring, positive if it runs anticlockwise."""
    if not len(xy):
        return np.zeros(len(start) - 1)
    ring = np.repeat(np.arange(len(start) - 1), np.diff(start))
    local = xy - xy[start[:-1][ring]]
    after = local[following(start)]
    cross = local[:, 0] * after[:, 1] - local[:, 1] * after[:, 0]
    doubled = np.bincount(ring, weights=cross, minlength=len(start) - 1).astype(np.float64)
    return doubled / 2


def triangulated(rings: Rings) -> Numbers:
    """Triangles (m, 3) of point numbers that fill every polygon, anticlockwise.

    A polygon that can be seen whole from its most reflex corner (every convex one, an L) is
    filled by a fan from there, all at once; the others are filled by ear clipping.
    """
    if not len(rings.xy):
        return np.empty((0, 3), np.int64)
    fan, seen = _fans(rings)
    holed = np.bincount(rings.polygon, minlength=len(rings.owner)) > 1
    clipped = (holed | ~seen)[rings.polygon[rings.ring[fan[:, 0]]]]
    return np.concatenate((fan[~clipped], _ears(rings, np.flatnonzero(holed | ~seen))))


def _fans(rings: Rings) -> tuple[Numbers, NDArray[np.bool_]]:
    """Fans of every outer ring, and which polygons they fill."""
    xy, start, size, ring = rings.xy, rings.start, rings.size, rings.ring
    after = rings.following
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    turn = _cross(xy[before], xy, xy[after])
    lowest = np.minimum.reduceat(turn, start[:-1])
    lowest[lowest > -ROUNDING] = np.inf  # convex: any corner will do, the first is stable
    corner = np.full(len(size), len(xy))
    np.minimum.at(corner, ring, np.where(turn == lowest[ring], np.arange(len(xy)), len(xy)))
    corner = np.where(corner < len(xy), corner, start[:-1])
    place = np.arange(len(xy)) - start[:-1][ring]
    inner = (place >= 1) & (place <= size[ring] - 2) & rings.outer[ring]
    here = ring[inner]
    spin = corner - start[:-1]
    second = start[:-1][here] + (place[inner] + spin[here]) % size[here]
    fan = np.column_stack((corner[here], second, after[second]))
    area = _cross(*(xy[fan[:, i]] for i in range(3)))
    bad = np.bincount(rings.polygon[here], weights=area < -ROUNDING, minlength=len(rings.owner))
    return fan[area > ROUNDING], bad == 0


def _cross(a: Points, b: Points, c: Points) -> Points:
    ab, ac = b - a, c - a
    found: Points = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    return found


def _ears(rings: Rings, polygons: Numbers) -> Numbers:
    if not len(polygons):
        return np.empty((0, 3), np.int64)
    first = np.searchsorted(rings.polygon, polygons)
    last = np.searchsorted(rings.polygon, polygons, side="right")
    begin = rings.start[first]
    bounds = first.tolist(), last.tolist(), begin.tolist(), rings.start[last].tolist()
    clip, xy, ends = mapbox_earcut.triangulate_float64, rings.xy, rings.start[1:]
    found = [
        clip(xy[low:high], (ends[a:b] - low).astype(np.uint32))
        for a, b, low, high in zip(*bounds, strict=True)
    ]
    offset = np.repeat(begin, [len(each) for each in found])
    triangles = (np.concatenate(found) + offset).reshape(-1, 3)
    area = _cross(*(xy[triangles[:, i]] for i in range(3)))
    turned = np.where((area < 0)[:, None], triangles[:, ::-1], triangles).astype(np.int64)
    kept: Numbers = turned[area != 0]
    return kept
