"""Pipes and cables as round tubes along their centre lines, any number at once."""

import numpy as np
from numpy.typing import NDArray

from layers.glb import Surface
from layers.polygons import Numbers, Points

NEAR_SIDES, FAR_SIDES = 8, 4
"""Sides of a tube near by, and where it is a pixel wide."""

SHORTEST = 1e-3
"""Metres between two points of a line below which they are one."""


def tubes(
    points: Points,
    line: Numbers,
    radius: Points,
    colours: NDArray[np.uint8],
    sides: int = NEAR_SIDES,
) -> Surface:
    """Open tubes around lines whose points (n, 3) follow one another.

    `line` (n,) is the number of each point's line, ascending; `radius` (k,) metres and
    `colours` (k, 4) go by that number, which is also the feature. Lines without length and
    points that are not finite are left out. Normals are smooth around the tube.
    """
    points, line = _distinct(points, line)
    if not len(points):
        return Surface.empty()
    tangent = _tangents(points, line)
    level = np.hypot(tangent[:, 0], tangent[:, 1])
    steep = level < 1e-3
    safe = np.where(steep, 1.0, level)
    side = np.column_stack((tangent[:, 1] / safe, -tangent[:, 0] / safe, np.zeros(len(level))))
    side[steep] = (1.0, 0.0, 0.0)
    above = np.cross(side, tangent)
    angle = np.arange(sides) * (2 * np.pi / sides)
    normals = (
        np.cos(angle)[None, :, None] * side[:, None, :]
        + np.sin(angle)[None, :, None] * above[:, None, :]
    )
    positions = points[:, None, :] + radius[line][:, None, None] * normals
    return Surface(
        positions.reshape(-1, 3),
        normals.reshape(-1, 3).astype(np.float32),
        np.repeat(colours[line], sides, axis=0),
        np.repeat(line, sides),
        _skin(np.flatnonzero(line[1:] == line[:-1]), sides),
    )


def _distinct(points: Points, line: Numbers) -> tuple[Points, Numbers]:
    finite = np.isfinite(points).all(axis=1)
    points, line = points[finite], line[finite]
    if not len(points):
        return points, line
    same = line[1:] == line[:-1]
    near = np.linalg.norm(points[1:] - points[:-1], axis=1) < SHORTEST
    kept = np.concatenate(([True], ~(same & near)))
    points, line = points[kept], line[kept]
    long = np.bincount(line)[line] > 1
    return points[long], line[long]


def _tangents(points: Points, line: Numbers) -> Points:
    step = points[1:] - points[:-1]
    length = np.linalg.norm(step, axis=1)
    inside = (line[1:] == line[:-1]) & (length > 0)
    unit = np.where(inside[:, None], step / np.where(length > 0, length, 1)[:, None], 0.0)
    none = np.zeros((1, 3))
    before, after = np.concatenate((none, unit)), np.concatenate((unit, none))
    sum_ = before + after
    size = np.linalg.norm(sum_, axis=1)
    turned_back = size < 1e-6
    sum_[turned_back] = after[turned_back]
    size = np.linalg.norm(sum_, axis=1)
    tangent: Points = sum_ / np.where(size > 0, size, 1)[:, None]
    return tangent


def _skin(begin: Numbers, sides: int) -> Numbers:
    """Two triangles for each of the sides between point `begin` and the next one."""
    near = np.arange(sides)
    beside = (near + 1) % sides
    far, beyond = near + sides, beside + sides
    quad = np.stack((near, beyond, beside, near, far, beyond), axis=1)
    return (begin[:, None, None] * sides + quad).reshape(-1, 3)
