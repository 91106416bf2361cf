"""The ground: a plain that falls to the south-east, below a river held up by its levees."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaifeng.frame import EXTENT, ORIGIN, Array, unbend
from kaifeng.plan import levee_y, river_banks

PIXEL: Final = 10.0
LEVEE_TOP: Final = 91.2
FLOODPLAIN: Final = 83.6
RIVER_BED: Final = 81.0
"""Metres above the datum: the bed lies some 6 m above the plain behind the levee."""


def _plain(x: Array, y: Array) -> Array:
    slope = 73.4 + (y - 2300) * 0.00021 - (x - 1000) * 0.00018
    swell = 0.35 * np.sin(x / 610 + 0.3) * np.sin(y / 740) + 0.22 * np.sin(x / 230 + y / 410)
    return np.asarray(slope + swell + 0.10 * np.sin(x / 61) * np.sin(y / 53))


def ground(east: Array, north: Array) -> Array:
    """Height of the bare ground in metres above the datum at EPSG:4547 coordinates.

    Takes and gives arrays of any one shape. The levee is part of it; walls, buildings and lake
    beds are not.
    """
    shape = np.shape(east)
    local = np.column_stack([np.ravel(east) - ORIGIN[0], np.ravel(north) - ORIGIN[1]])
    x, y = unbend(local).T
    crest, (south_bank, north_bank) = levee_y(x), river_banks(x)
    beyond = y - crest
    plain = _plain(x, y)
    berm = plain + 4.5 * np.clip((beyond + 130) / 40, 0, 1)
    levee = np.minimum(LEVEE_TOP - np.maximum(-beyond - 9, (beyond - 9) * 1.4) / 5.5, LEVEE_TOP)
    flat = FLOODPLAIN + 0.5 * np.clip(beyond / 1300, 0, 1) + 0.15 * np.sin(x / 170 + beyond / 210)
    into = np.clip(np.minimum(y - south_bank, north_bank - y) / 60, 0, 1)
    bed = flat - (flat - RIVER_BED - 0.2 * np.sin(x / 400)) * into
    height = np.where(beyond <= 0, np.maximum(berm, levee), np.maximum(bed, levee))
    return np.asarray(height.reshape(shape))


def elevation_grid() -> NDArray[np.float32]:
    """The terrain (rows, columns) to the centimetre, north row first, `PIXEL` metres a pixel."""
    west, south, east, north = EXTENT
    x = np.arange(west + PIXEL / 2, east, PIXEL)
    y = np.arange(north - PIXEL / 2, south, -PIXEL)
    grid = ground(*np.meshgrid(x, y))
    return np.round(grid, 2).astype(np.float32)
