"""Geometries in tile units as runs of points on the whole numbers, as a vector tile draws them."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.polygons import Numbers, Points

Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """p runs of points, one after another, of ascending features."""

    x: Numbers
    y: Numbers
    size: Numbers
    """(p,) points in each run"""
    feature: Numbers
    """(p,)"""

    def some(self, kept: NDArray[np.bool_]) -> "Paths":
        """Only the runs that are kept."""
        if kept.all():
            return self
        points = np.repeat(kept, self.size)
        return Paths(self.x[points], self.y[points], self.size[kept], self.feature[kept])


def dots(parts: Objects, owner: Numbers) -> Paths:
    """The points among `parts`, one run for all of an owner."""
    xy = np.rint(shapely.get_coordinates(parts))
    finite = np.isfinite(xy).all(axis=1)
    x, y = xy[finite].T.astype(np.int64)
    feature, size = np.unique(owner[finite], return_counts=True)
    return Paths(x, y, size, feature)


def lines(parts: Objects, owner: Numbers) -> Paths:
    """Lines without points like the one before; none of fewer than two points."""
    xy = shapely.get_coordinates(parts)
    size = shapely.get_num_coordinates(parts).astype(np.int64)
    if not np.isfinite(xy).all():
        finite = np.isfinite(xy).all(axis=1)
        size = np.add.reduceat(finite, _begins(size), dtype=np.int64)
        xy, owner, size = xy[finite], owner[size > 0], size[size > 0]
        if not len(size):
            return Paths(size, size, size, owner)
    x, y = np.rint(xy.T).astype(np.int64)
    first = _begins(size)
    kept = np.ones(len(x), bool)
    np.logical_or(x[1:] != x[:-1], y[1:] != y[:-1], out=kept[1:])
    kept[first] = True
    size = np.add.reduceat(kept, first, dtype=np.int64)
    return Paths(x[kept], y[kept], size, owner).some(size > 1)


def rings(parts: Objects, owner: Numbers) -> Paths:
    """Rings without the closing point: outer ones of positive area, then their holes, negative.

    Rings that have no area on the whole numbers or have coordinates that are not finite are
    left out, and so are the holes of such an outer ring.
    """
    if not shapely.get_num_interior_rings(parts).any():
        found, area = _opened(parts)
        return _turned(found, area < 0, owner[found.feature])
    each, polygon = shapely.get_rings(parts, return_index=True)
    filled = ~shapely.is_empty(each)
    each, polygon = each[filled], polygon[filled]
    outer = np.append(True, polygon[1:] != polygon[:-1])
    found, area = _opened(each)
    drawn = np.zeros(len(parts), bool)
    drawn[polygon[found.feature[outer[found.feature]]]] = True
    whole = drawn[polygon[found.feature]]
    found, area = found.some(whole), area[whole]
    ring = found.feature
    return _turned(found, (area > 0) != outer[ring], owner[polygon[ring]])


def _begins(size: Numbers) -> Numbers:
    found: Numbers = size.cumsum() - size
    return found


def _opened(each: Objects) -> tuple[Paths, Numbers]:
    """Rings with an area, without points like the next one, and twice the area of each.

    The features of the paths are the numbers of the rings.
    """
    xy = shapely.get_coordinates(each)
    size = shapely.get_num_coordinates(each).astype(np.int64)
    begin = _begins(size)
    good = np.ones(len(each), bool)
    if not np.isfinite(xy).all():
        finite = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
        good = np.logical_and.reduceat(finite, begin)
        xy = np.where(finite[:, None], xy, 0.0)
    x, y = np.rint(xy.T).astype(np.int64)
    kept = np.empty(len(x), bool)
    np.logical_or(x[1:] != x[:-1], y[1:] != y[:-1], out=kept[:-1])
    kept[begin + size - 1] = False
    size = np.add.reduceat(kept, begin, dtype=np.int64)
    good &= size > 2
    found = Paths(x[kept], y[kept], size, np.arange(len(each))).some(good)
    area = _doubled_areas(found)
    return found.some(area != 0), area[area != 0]


def _doubled_areas(found: Paths) -> Numbers:
    if not len(found.size):
        return found.size
    begin = _begins(found.size)
    after = np.arange(1, len(found.x) + 1)
    after[begin + found.size - 1] = begin
    cross = found.x * found.y[after] - found.x[after] * found.y
    doubled: Numbers = np.add.reduceat(cross, begin)
    return doubled


def _turned(found: Paths, turn: NDArray[np.bool_], feature: Numbers) -> Paths:
    """With the rings in `turn` reversed, and other features."""
    x, y = found.x, found.y
    if turn.any():
        order = np.arange(len(x))
        mirror = (2 * _begins(found.size) + found.size - 1).repeat(found.size)
        order = np.where(turn.repeat(found.size), mirror - order, order)
        x, y = x[order], y[order]
    return Paths(x, y, found.size, feature)


def clipped(geometries: Objects, low: float, high: float) -> Objects:
    """Geometries cut to the square from `low` to `high`; None if too broken to be cut."""
    box: Points = shapely.bounds(geometries)
    crossing = ((box < low) | (box > high)).any(axis=1)
    if not crossing.any():
        return geometries
    found = geometries.copy()
    try:
        found[crossing] = shapely.clip_by_rect(geometries[crossing], low, low, high, high)
    except shapely.errors.GEOSException:
        for place in np.flatnonzero(crossing).tolist():
            found[place] = _cut(geometries[place], low, high)
    return found


def _cut(geometry: shapely.Geometry, low: float, high: float) -> shapely.Geometry | None:
    try:
        return shapely.clip_by_rect(geometry, low, low, high, high)
    except shapely.errors.GEOSException:
        return None
