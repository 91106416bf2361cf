"""Statistics of a grid within polygons, every cell weighted by the part of it that is inside.

Coverage is exact: each edge adds the signed area to its right to the cells it crosses, and a
running sum along the row turns that into the covered part of every cell. Two polygons that
share a border therefore share its cells without gap or overlap.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cim.kernels import compiled

Array = NDArray[np.float64]
Offsets = NDArray[np.int64]

COUNT, SUM, MEAN, MINIMUM, MAXIMUM, MAJORITY = range(6)
PLAIN: Final = 6
"""Columns of the answer before those of the quantiles."""

LEAST: Final = 1e-12
"""Covered part of a cell below which rounding alone may have put it there."""


class Zones(NamedTuple):
    """Polygons as arrays; vertices in cells from the grid's corner, x right and y down."""

    x: Array
    y: Array
    rings: Offsets
    """(rings + 1) bounds of rings among vertices."""
    parts: Offsets
    """(polygons + 1) bounds of polygons among rings, of which the first is the outer one."""
    zones: Offsets
    """(zones + 1) bounds of zones among polygons."""


@compiled
def _cross(row: Array, width: int, x0: float, x1: float, d: float) -> None:
    """Add a piece of an edge within one row of cells, from `x0` to `x1`, of signed height `d`."""
    low, high = (x0, x1) if x0 < x1 else (x1, x0)
    if low >= width:
        return
    if high <= 0:
        row[0] += d
        return
    if low < 0 or high > width:  # only what lies within the window is spread over cells
        span = high - low
        if low < 0:
            row[0] += d * (-low / span)
        inside_low, inside_high = max(low, 0.0), min(high, float(width))
        d *= (inside_high - inside_low) / span
        low, high = inside_low, inside_high
    first, last = int(np.floor(low)), int(np.ceil(high))
    if last <= first + 1:
        part = d * (0.5 * (low + high) - first)
        row[first] += d - part
        row[first + 1] += part
        return
    slope = 1.0 / (high - low)
    before = 0.0
    for cell in range(first, last):
        # what lies left of the right side of this cell, and the mean of it over the cell
        left, right = max(low, float(cell)), min(high, cell + 1.0)
        now = slope * (right - left) * (cell + 1.0 - 0.5 * (left + right))
        passed = slope * (left - low)
        covered = passed + now
        row[cell] += d * (covered - before)
        before = covered
    row[last] += d * (1.0 - before)


@compiled
def _cover(cover: Array, zones: Zones, ring: int, hole: bool, left: int, top: int) -> None:
    """Add a ring to `cover` (rows, columns + 1), whose corner is `left`, `top`."""
    x, y, start, end = zones.x, zones.y, zones.rings[ring], zones.rings[ring + 1]
    height, width = cover.shape[0], cover.shape[1] - 1
    twice = 0.0
    for i in range(start, end - 1):
        twice += (x[i] - x[start]) * (y[i + 1] - y[start])
        twice -= (x[i + 1] - x[start]) * (y[i] - y[start])
    turn = 1.0 if (twice > 0) == hole else -1.0
    for i in range(start, end - 1):
        xa, ya, xb, yb = x[i] - left, y[i] - top, x[i + 1] - left, y[i + 1] - top
        if ya == yb:
            continue
        sign = turn
        if ya > yb:
            xa, ya, xb, yb, sign = xb, yb, xa, ya, -turn
        if yb <= 0 or ya >= height:
            continue
        slope = (xb - xa) / (yb - ya)
        begin = max(ya, 0.0)
        at = xa + slope * (begin - ya)
        stop = min(yb, float(height))
        row = int(begin)
        while row < stop:
            below = min(row + 1.0, stop)
            following = xb if below == yb else xa + slope * (below - ya)
            _cross(cover[row], width, at, following, sign * (below - begin))
            begin, at = below, following
            row += 1


@compiled
def _gather(
    cover: Array, grid: Array, corner: tuple[int, int], found: Array, weights: Array
) -> int:
    """Values of known cells and their covered parts; how many there are."""
    top, left = corner
    count = 0
    for row in range(cover.shape[0]):
        running = 0.0
        for column in range(cover.shape[1] - 1):
            running += cover[row, column]
            if running > LEAST:
                value = grid[top + row, left + column]
                if not np.isnan(value):
                    found[count] = value
                    weights[count] = min(running, 1.0)
                    count += 1
    return count


@compiled
def _reduce(found: Array, weights: Array, quantiles: Array, ordered: bool, answer: Array) -> None:
    """Statistics of values with weights into `answer`; of nothing they are unknown."""
    answer[:] = np.nan
    answer[COUNT] = 0.0
    if len(found) == 0:
        return
    total, weight, low, high = 0.0, 0.0, found[0], found[0]
    for i in range(len(found)):
        total += found[i] * weights[i]
        weight += weights[i]
        low, high = min(low, found[i]), max(high, found[i])
    answer[COUNT], answer[SUM], answer[MEAN] = weight, total, total / weight
    answer[MINIMUM], answer[MAXIMUM] = low, high
    if ordered:
        order = np.argsort(found, kind="mergesort")
        found, weights = found[order], weights[order]
        answer[MAJORITY] = _majority(found, weights)
        for k in range(len(quantiles)):
            answer[PLAIN + k] = _quantile(found, weights, weight, quantiles[k])


@compiled
def _majority(found: Array, weights: Array) -> float:
    """The value that covers most; of equal ones the greatest."""
    best, most, i = found[0], -1.0, 0
    while i < len(found):
        value, weight = found[i], 0.0
        while i < len(found) and found[i] == value:
            weight += weights[i]
            i += 1
        if weight >= most - 1e-9:
            best, most = value, weight
    return float(best)


@compiled
def _quantile(found: Array, weights: Array, total: float, share: float) -> float:
    """Between the sorted values k and k + 1, which lie at S(k) = k·w(k) + (n - 1)·Σ w(i < k)."""
    n = len(found)
    wanted = share * ((n - 1) * weights[n - 1] + (n - 1) * (total - weights[n - 1]))
    before, place = 0.0, 0.0
    for k in range(1, n):
        before += weights[k - 1]
        following = k * weights[k] + (n - 1) * before
        if following > wanted:
            part = (wanted - place) / (following - place)
            return float(found[k - 1] + part * (found[k] - found[k - 1]))
        place = following
    return float(found[n - 1])


@compiled
def zonal(shapes: Zones, grid: Array, quantiles: Array, ordered: bool) -> Array:
    """Statistics of `grid` in every zone: (zones, 6 + quantiles), unknown where it has no cell.

    `grid` is (rows, columns) with NaN where unknown. Columns are count (sum of covered parts),
    sum, mean, minimum, maximum and, if `ordered`, majority and the quantiles.
    """
    height, width = grid.shape
    x, y, rings, parts, zones = shapes
    answer = np.empty((len(zones) - 1, PLAIN + len(quantiles)))
    for zone in range(len(zones) - 1):
        start = rings[parts[zones[zone]]]
        end = rings[parts[zones[zone + 1]]]
        left, right, top, bottom = 0, 0, 0, 0
        if end > start:
            left = int(max(np.floor(x[start:end].min()), 0.0))
            right = int(min(np.ceil(x[start:end].max()), float(width)))
            top = int(max(np.floor(y[start:end].min()), 0.0))
            bottom = int(min(np.ceil(y[start:end].max()), float(height)))
        if right <= left or bottom <= top:
            _reduce(np.empty(0), np.empty(0), quantiles, ordered, answer[zone])
            continue
        cover = np.zeros((bottom - top, right - left + 1))
        for part in range(zones[zone], zones[zone + 1]):
            for ring in range(parts[part], parts[part + 1]):
                _cover(cover, shapes, ring, ring > parts[part], left, top)
        found = np.empty((bottom - top) * (right - left))
        weights = np.empty_like(found)
        count = _gather(cover, grid, (top, left), found, weights)
        _reduce(found[:count], weights[:count], quantiles, ordered, answer[zone])
    return answer
