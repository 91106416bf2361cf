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

    xy: Numbers
    """(2, n)"""
    size: Numbers
    """(p,) points in each run"""
    feature: Numbers
    """(p,)"""

    def some(self, kept: NDArray[np.bool_]) -> "Paths":
        """Only the runs that are kept."""
        if np.count_nonzero(kept) == len(kept):
            return self
        (points,) = kept.repeat(self.size).nonzero()
        return Paths(self.xy.take(points, axis=1), self.size[kept], self.feature[kept])


def dots(parts: Objects, owner: Numbers) -> Paths:
    """The points among `parts`, one run for all of an owner."""
    xy = shapely.get_coordinates(parts)
    finite = np.isfinite(xy).all(axis=1)
    feature, size = np.unique(owner[finite], return_counts=True)
    return Paths(_on_grid(xy[finite]), size, feature)


def lines(parts: Objects, owner: Numbers) -> Paths:
    """Lines without points like the one before; none of fewer than two points."""
    xy = shapely.get_coordinates(parts)
    size = shapely.get_num_coordinates(parts).astype(np.int64)
    if np.count_nonzero(np.isfinite(xy)) < xy.size:
        finite = np.isfinite(xy).all(axis=1)
        size = np.add.reduceat(finite, _begins(size), dtype=np.int64)
        xy, owner, size = xy[finite], owner[size > 0], size[size > 0]
        if not len(size):
            return Paths(_on_grid(xy), size, owner)
    grid = _on_grid(xy)
    first = _begins(size)
    fresh = np.ones(grid.shape[1], bool)
    _changes(grid, out=fresh[1:])
    fresh[first] = True
    size = np.add.reduceat(fresh, first, dtype=np.int64)
    return Paths(grid.take(fresh.nonzero()[0], axis=1), size, owner).some(size > 1)


def rings(parts: Objects, owner: Numbers) -> Paths:
    """Rings without the closing point: outer ones of positive area, then their holes, negative.

    Rings that have no area on the whole numbers or have coordinates that are not finite are
    left out, and so are the holes of such an outer ring.
    """
    if not np.count_nonzero(shapely.get_num_interior_rings(parts)):
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
    if np.count_nonzero(np.isfinite(xy)) < xy.size:
        finite = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
        good = np.logical_and.reduceat(finite, begin)
        xy = np.where(finite[:, None], xy, 0.0)
    grid = _on_grid(xy)
    kept = np.empty(grid.shape[1], bool)
    _changes(grid, out=kept[:-1])
    kept[begin + size - 1] = False
    size = np.add.reduceat(kept, begin, dtype=np.int64)
    found = Paths(grid.take(kept.nonzero()[0], axis=1), size, np.arange(len(each)))
    found = found.some(good & (size > 0))
    area = _doubled_areas(found)
    return found.some(area != 0), area[area != 0]


def _on_grid(xy: Points) -> Numbers:
    """Points (n, 2) as whole numbers (2, n)."""
    return np.rint(xy.T).astype(np.int64, order="C")


def _changes(grid: Numbers, out: NDArray[np.bool_]) -> None:
    """Which points differ from the one before, from the second on."""
    x, y = grid
    np.logical_or(x[1:] != x[:-1], y[1:] != y[:-1], out=out)


def _doubled_areas(found: Paths) -> Numbers:
    if not len(found.size):
        return found.size
    begin = _begins(found.size)
    after = np.arange(1, found.xy.shape[1] + 1)
    after[begin + found.size - 1] = begin
    (x, y), (next_x, next_y) = found.xy, found.xy.take(after, axis=1)
    doubled: Numbers = np.add.reduceat(x * next_y - next_x * y, begin)
    return doubled


def _turned(found: Paths, turn: NDArray[np.bool_], feature: Numbers) -> Paths:
    """With the rings in `turn` reversed, and other features."""
    xy = found.xy
    turned = np.count_nonzero(turn)
    if turned:
        order = np.arange(xy.shape[1])
        mirrored = (2 * _begins(found.size) + found.size - 1).repeat(found.size) - order
        if turned < len(turn):
            mirrored = np.where(turn.repeat(found.size), mirrored, order)
        xy = xy.take(mirrored, axis=1)
    return Paths(xy, found.size, feature)


def clipped(geometries: Objects, low: float, high: float) -> Objects:
    """Geometries cut to the square from `low` to `high`; None if too broken to be cut."""
    box: Points = shapely.bounds(geometries)
    crossing = np.logical_or.reduce((box < low) | (box > high), axis=1)
    if not np.count_nonzero(crossing):
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
