"""Where things are: coordinate systems by name, China's offset ones, transformation.

GCJ-02 and BD-09 are not datums but deliberate, non-linear offsets on top of WGS 84 / CGCS2000;
they are named here like CRSs and undone by iteration. The published forward formula is the
one that independent implementations share; its inverse converges to well below a millimetre.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cim.errors import SourceError

Array = NDArray[np.float64]

WGS84: Final = "EPSG:4326"
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


def named_crs(text: str) -> CRS:
    """The coordinate system that `text` names: a code, a PROJ string or WKT.

    ``GCJ-02`` and ``BD-09`` count as WGS 84 here; `transform` takes their offset off.

    Raises
    ------
    SourceError
        If nothing is known under that name.

    """
    try:
        return _crs(WGS84 if text in OFFSET_SYSTEMS else text)
    except CRSError:
        raise SourceError(
            f"unknown coordinate system {text[:80]!r}",
            where="crs",
            hint="such as EPSG:4547, GCJ-02, BD-09, a PROJ string or WKT",
        ) from None


@lru_cache(maxsize=64)
def _crs(text: str) -> CRS:
    return CRS.from_user_input(text)


def horizontal(crs: CRS) -> CRS:
    """The horizontal part of `crs`, which may be compound."""
    return crs.sub_crs_list[0] if crs.is_compound else crs


def authority(crs: CRS) -> str:
    """A short name of `crs`: ``EPSG:4547`` where it has a code, else its WKT."""
    found = crs.to_authority(min_confidence=70)
    return ":".join(found) if found else crs.to_wkt()


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(
        horizontal(named_crs(source)), horizontal(named_crs(target)), always_xy=True
    )


def transform(source: str, target: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Coordinates of `source` in `target`, x east and y north; inf where there is no answer.

    Raises
    ------
    SourceError
        If there is no transformation between the two, as from a local grid.

    """
    if source in OFFSET_SYSTEMS:
        x, y = (wgs84_from_gcj02 if source == GCJ02 else wgs84_from_bd09)(x, y)
    if horizontal(named_crs(source)) != horizontal(named_crs(target)):
        try:
            x, y = _transformer(source, target).transform(x, y)
        except ProjError as error:
            raise SourceError(
                f"no way from {source[:60]} to {target[:60]}: {error}",
                where="crs",
                hint="give the true system with --crs",
            ) from None
    if target in OFFSET_SYSTEMS:
        x, y = (gcj02_from_wgs84 if target == GCJ02 else bd09_from_wgs84)(x, y)
    return np.asarray(x, float), np.asarray(y, float)


def bounds_between(
    source: str, target: str, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """The box in `target` that holds a box of `source`: its edges are followed, not its corners."""
    west, south, east, north = bounds
    along = np.linspace(0.0, 1.0, 21)
    x = np.concatenate([west + (east - west) * along] * 2 + [np.full(21, west), np.full(21, east)])
    y = np.concatenate(
        [np.full(21, south), np.full(21, north)] + [south + (north - south) * along] * 2
    )
    tx, ty = transform(source, target, x, y)
    good = np.isfinite(tx) & np.isfinite(ty)
    if not good.any():
        raise SourceError("the box lies outside the coordinate system", where="bounds")
    return (
        float(tx[good].min()),
        float(ty[good].min()),
        float(tx[good].max()),
        float(ty[good].max()),
    )


def check_city_crs(text: str) -> CRS:
    """`text` as the CRS of a city: projected, in metres.

    Raises
    ------
    SourceError
        If it is not projected or not in metres.

    """
    crs = horizontal(named_crs(text))
    metres = all(axis.unit_conversion_factor == 1.0 for axis in crs.axis_info)
    if text in OFFSET_SYSTEMS or not crs.is_projected or not metres:
        raise SourceError(
            f"{text} is not a projected system in metres",
            where="crs",
            hint="such as EPSG:4547 for Kaifeng (CGCS2000 3-degree zone, 114° E)",
        )
    return crs
