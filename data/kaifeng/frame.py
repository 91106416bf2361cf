"""Where the district lies: its CRS, its extent, and the ways between coordinate systems.

The plan is drawn in local metres, x east and y north of `ORIGIN`, and bent a little so that no
street is ruler-straight; `place` does both. Everything after that is EPSG:4547.
"""

import zlib
from typing import Final, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

CRS: Final = "EPSG:4547"
"""CGCS2000, 3-degree Gauss-Krüger, central meridian 114° E, easting without zone."""
ZONED_CRS: Final = "EPSG:4526"
"""The same projection with the zone number 38 before the easting."""
HEIGHT_DATUM: Final = "EPSG:5737"
"""Yellow Sea 1985 height."""
ZONE_OFFSET: Final = 38_000_000.0

ORIGIN: Final = (530_000.0, 3_850_000.0)
EXTENT: Final = (526_000.0, 3_847_500.0, 536_000.0, 3_864_000.0)
"""West, south, east, north of the rasters in EPSG:4547."""

_KRASOVSKY_A: Final = 6_378_245.0
_KRASOVSKY_E2: Final = 0.006_693_421_622_965_943

Array = NDArray[np.float64]
Shape = TypeVar("Shape", bound=BaseGeometry)


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the name only, not on what ran before."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def bend(local: Array) -> Array:
    """Local coordinates (n, 2) moved by a smooth displacement of at most about 30 m."""
    x, y = local[:, 0], local[:, 1]
    east = 22 * np.sin(y / 850 + 0.6) + 9 * np.sin(y / 310 + x / 900)
    north = 20 * np.sin(x / 790 + 1.1) + 8 * np.sin(x / 330 - y / 1000)
    return np.column_stack([x + east, y + north])


def unbend(local: Array) -> Array:
    """The local coordinates (n, 2) that `bend` moves to the given ones, to about a metre."""
    return 2 * local - bend(local)


def place(geometry: Shape, step: float = 90.0) -> Shape:
    """A geometry of the plan in EPSG:4547: points every `step` metres, bent and moved."""
    dense = shapely.segmentize(geometry, step)
    return shapely.transform(dense, lambda local: np.round(bend(local) + ORIGIN, 3))


def lonlat(xy: Array) -> Array:
    """CGCS2000 longitude and latitude (n, 2) in degrees of EPSG:4547 coordinates (n, 2)."""
    to_degrees = Transformer.from_crs(CRS, "EPSG:4490", always_xy=True)
    return np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1]))


def gcj02(degrees: Array) -> Array:
    """GCJ-02 longitude and latitude (n, 2) of true ones (n, 2), by the published formula.

    Valid inside China, where all of this city lies.
    """
    x, y = degrees[:, 0] - 105.0, degrees[:, 1] - 35.0
    root, pi = np.sqrt(np.abs(x)), np.pi
    ripple = (20 * np.sin(6 * pi * x) + 20 * np.sin(2 * pi * x)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north += (20 * np.sin(pi * y) + 40 * np.sin(pi * y / 3)) * 2 / 3
    north += (160 * np.sin(pi * y / 12) + 320 * np.sin(pi * y / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east += (20 * np.sin(pi * x) + 40 * np.sin(pi * x / 3)) * 2 / 3
    east += (150 * np.sin(pi * x / 12) + 300 * np.sin(pi * x / 30)) * 2 / 3
    latitude = np.radians(degrees[:, 1])
    magic = 1 - _KRASOVSKY_E2 * np.sin(latitude) ** 2
    along_meridian = _KRASOVSKY_A * (1 - _KRASOVSKY_E2) / magic**1.5
    along_parallel = _KRASOVSKY_A / np.sqrt(magic) * np.cos(latitude)
    shift = np.column_stack([np.degrees(east / along_parallel), np.degrees(north / along_meridian)])
    return np.asarray(degrees + shift)
