"""Draws trees: a trunk and a crown, as high as the tree."""

import numpy as np
import shapely

from layers.colour import rgba
from layers.drawn import Drawn, Solids
from layers.extrude import block_heights
from layers.glb import Surface
from layers.ground import ground_heights
from layers.layer import TileRequest, chosen
from layers.legends import TREES, TRUNK

TREE_HEIGHT = 6.0
"""Metres drawn where the height is unknown."""

CROWN_SIDES = 6
CROWN_RADIUS = 0.22
CROWN_FROM, CROWN_WIDEST = 0.25, 0.5
TRUNK_RADIUS, TRUNK_TO = 0.03, 0.35
"""All as shares of the tree's height."""


def _shape() -> Surface:
    """A tree one metre high, standing on the origin; feature 0 is the crown, 1 the trunk."""
    angle = np.arange(CROWN_SIDES) * 2 * np.pi / CROWN_SIDES
    around = np.column_stack((np.cos(angle), np.sin(angle), np.zeros(CROWN_SIDES)))
    crown = np.vstack(
        (around * CROWN_RADIUS + (0, 0, CROWN_WIDEST), [(0, 0, 1.0), (0, 0, CROWN_FROM)])
    )
    crown_normals = np.vstack((around, [(0, 0, 1.0), (0, 0, -1.0)]))
    k = np.arange(CROWN_SIDES)
    after, top, foot = (k + 1) % CROWN_SIDES, CROWN_SIDES, CROWN_SIDES + 1
    upper = np.column_stack((k, after, np.full(CROWN_SIDES, top)))
    lower = np.column_stack((after, k, np.full(CROWN_SIDES, foot)))
    corners = np.array([(1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0)], np.float64)
    trunk = np.vstack((corners * TRUNK_RADIUS, corners * TRUNK_RADIUS + (0, 0, TRUNK_TO)))
    j = np.arange(4)
    n = (j + 1) % 4
    bark = np.vstack((np.column_stack((j, n, n + 4)), np.column_stack((j, n + 4, j + 4))))
    positions = np.vstack((crown, trunk))
    return Surface(
        positions,
        np.vstack((crown_normals, corners, corners)).astype(np.float32),
        np.zeros((len(positions), 4), np.uint8),
        np.repeat([0, 1], [len(crown), len(trunk)]),
        np.vstack((upper, lower, bark + len(crown))),
    )


SHAPE = _shape()


@Solids
def draw_trees(request: TileRequest) -> Drawn | None:
    """The trees of one tile; a tree given by its crown's outline stands in the middle of it."""
    owned = request.owned()
    if owned is None:
        return None
    rows = chosen(owned, ~shapely.is_empty(owned.geometry))
    count, size = len(rows.oid), len(SHAPE.positions)
    known, unknown = block_heights(rows.height, np.full(count, np.nan))
    height = np.where(unknown, TREE_HEIGHT, known)
    foot = np.column_stack(
        (request.placement.local(request.middles(rows)), ground_heights(request, rows))
    )
    leaves = TREES.palette[np.where(unknown, TREES.number("height unknown"), TREES.number("tree"))]
    colours = np.where(
        (SHAPE.features == 0)[None, :, None], leaves[:, None, :], np.array(rgba(TRUNK), np.uint8)
    )
    number = np.arange(count)
    positions = foot[:, None, :] + SHAPE.positions[None] * height[:, None, None]
    stand = Surface(
        positions.reshape(-1, 3),
        np.tile(SHAPE.normals, (count, 1)),
        colours.reshape(-1, 4).astype(np.uint8),
        np.repeat(number, size),
        (SHAPE.triangles[None] + number[:, None, None] * size).reshape(-1, 3),
    )
    return Drawn(stand, rows)
