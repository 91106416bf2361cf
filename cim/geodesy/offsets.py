"""China's deliberate offsets: GCJ-02 and BD-09, in and out.

They are not datums but deliberate, non-linear offsets on top of WGS 84 / CGCS2000;
they are named here like CRSs and undone by iteration. The published forward formula is the
one that independent implementations share; its inverse converges to well below a millimetre,
but what was published in them has lost accuracy for good: the maps that use them say decimetres.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

GCJ02: Final = "GCJ-02"
BD09: Final = "BD-09"
OFFSET_SYSTEMS: Final = frozenset({GCJ02, BD09})

_A: Final = 6378245.0  # Krasovsky 1940, which the GCJ-02 formula uses
_E2: Final = 0.00669342162296594323
_BD: Final = np.pi * 3000.0 / 180.0
CHINA_DEGREES: Final = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north outside which GCJ-02 applies no offset."""


def gcj02_from_wgs84(lon: Array, lat: Array) -> tuple[Array, Array]:
    """GCJ-02 longitude and latitude of WGS 84 ones, degrees; unchanged outside China."""
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    d_lon, d_lat = _gcj02_offset(lon, lat)
    west, south, east, north = CHINA_DEGREES
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return lon + np.where(inside, d_lon, 0.0), lat + np.where(inside, d_lat, 0.0)


def _gcj02_offset(lon: Array, lat: Array) -> tuple[Array, Array]:
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = (20 * np.sin(6 * x * np.pi) + 20 * np.sin(2 * x * np.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    north += (20 * np.sin(y * np.pi) + 40 * np.sin(y / 3 * np.pi)) * 2 / 3
    north += (160 * np.sin(y / 12 * np.pi) + 320 * np.sin(y * np.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    east += (20 * np.sin(x * np.pi) + 40 * np.sin(x / 3 * np.pi)) * 2 / 3
    east += (150 * np.sin(x / 12 * np.pi) + 300 * np.sin(x / 30 * np.pi)) * 2 / 3
    phi = np.radians(lat)
    magic = 1 - _E2 * np.sin(phi) ** 2
    d_lat = np.degrees(north / (_A * (1 - _E2) / (magic * np.sqrt(magic))))
    d_lon = np.degrees(east / (_A / np.sqrt(magic) * np.cos(phi)))
    return d_lon, d_lat


def wgs84_from_gcj02(lon: Array, lat: Array) -> tuple[Array, Array]:
    """WGS 84 longitude and latitude of GCJ-02 ones, degrees."""
    return _undone(gcj02_from_wgs84, lon, lat)


def bd09_from_gcj02(lon: Array, lat: Array) -> tuple[Array, Array]:
    """BD-09 longitude and latitude of GCJ-02 ones, degrees."""
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _BD)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _BD)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_from_wgs84(lon: Array, lat: Array) -> tuple[Array, Array]:
    """BD-09 longitude and latitude of WGS 84 ones, degrees."""
    return bd09_from_gcj02(*gcj02_from_wgs84(lon, lat))


def wgs84_from_bd09(lon: Array, lat: Array) -> tuple[Array, Array]:
    """WGS 84 longitude and latitude of BD-09 ones, degrees."""
    return _undone(bd09_from_wgs84, lon, lat)


def _undone(
    forward: Callable[[Array, Array], tuple[Array, Array]], lon: Array, lat: Array
) -> tuple[Array, Array]:
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(8):  # each step shrinks the error by about three orders of magnitude
        there_lon, there_lat = forward(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + (lon - there_lon), guess_lat + (lat - there_lat)
    return guess_lon, guess_lat
