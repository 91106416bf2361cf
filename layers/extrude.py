"""Footprints raised to blocks: walls and roofs of any number of objects at once."""

import numpy as np
from numpy.typing import NDArray

from layers.glb import Surface
from layers.polygons import Points, Rings, triangulated

STOREY_HEIGHT = 3.0
"""Metres taken for a storey, or for a whole building, where the height is unknown."""


def block_heights(height: Points, storeys: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Heights to draw, in metres, and which of them are only a stand-in for an unknown one."""
    unknown = ~(height > 0)
    guess = STOREY_HEIGHT * np.where(storeys > 0, storeys, 1.0)
    return np.where(unknown, guess, height), unknown


def blocks(
    rings: Rings,
    base: Points,
    top: Points,
    roof_colours: NDArray[np.uint8],
    wall_colours: NDArray[np.uint8],
) -> Surface:
    """Walls and roofs (no floors) over `rings`, whose owners are numbered like `base` and `top`.

    `base` and `top` (k,) are metres above the datum, the colours (k, 4). Normals are flat;
    features are the owners' numbers.
    """
    owner = rings.point_owner
    walls = _walls(rings, base[owner], top[owner], wall_colours[owner])
    roofs = Surface(
        np.column_stack((rings.xy, top[owner])),
        np.broadcast_to(np.array([0, 0, 1], np.float32), (len(owner), 3)),
        roof_colours[owner],
        owner,
        triangulated(rings),
    )
    return Surface.joined((walls, roofs))


def _walls(rings: Rings, low: Points, high: Points, colours: NDArray[np.uint8]) -> Surface:
    after = rings.following
    count = len(after)
    along = rings.xy[after] - rings.xy
    length = np.hypot(along[:, 0], along[:, 1])
    positions = np.empty((count, 4, 3))
    positions[:, 0, :2] = positions[:, 3, :2] = rings.xy
    positions[:, 1, :2] = positions[:, 2, :2] = rings.xy[after]
    positions[:, :2, 2] = low[:, None]
    positions[:, 2:, 2] = high[:, None]
    outward = np.zeros((count, 3), np.float32)
    outward[:, 0] = along[:, 1] / length
    outward[:, 1] = -along[:, 0] / length
    corner = 4 * np.arange(count)[:, None]
    return Surface(
        positions.reshape(-1, 3),
        np.repeat(outward, 4, axis=0),
        np.repeat(colours, 4, axis=0),
        np.repeat(rings.point_owner, 4),
        (corner + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3),
    )
