"""Web-mercator tiles: where they are in the city's CRS, and where deck.gl puts their metres."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import atan, cos, degrees, isfinite, pi, radians, sinh, tan

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection
from pyproj.exceptions import ProjError

from cim.errors import InputError

Bounds = tuple[float, float, float, float]
Points = NDArray[np.float64]

MERCATOR_HALF = pi * 6378137.0
"""Half the width of the web-mercator square, in metres (EPSG:3857)."""

DECK_CIRCUMFERENCE = 40.03e6
"""Circumference of the sphere by which deck.gl turns metres into map units, in metres."""

MAX_ZOOM = 24

CURVE_TOLERANCE = 1e-3
"""Metres by which the fitted curve may miss the exact projection."""
FEW_POINTS = 200
"""Below this many points the exact projection costs less than fitting a curve."""

EXTENT = 4096
"""Units that a tile is wide."""

UNIT_TOLERANCE = 0.005
"""Units by which a tile's curve may miss the exact projection."""

FEW_UNITS = 40
"""The same for a curve that the layers of a tile share."""

REMEMBERED = 1024
"""Tiles whose bounds and curve are remembered: all layers of a view ask for the same ones."""


@dataclass(frozen=True, slots=True)
class TileAddress:
    """One tile of the web-mercator pyramid; y counts from the north.

    Raises
    ------
    InputError
        If the pyramid has no such tile.
    """

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not 0 <= self.z <= MAX_ZOOM:
            raise InputError(f"no zoom {self.z}", where="tile", hint=f"0 to {MAX_ZOOM}")
        if not (0 <= self.x < 2**self.z and 0 <= self.y < 2**self.z):
            raise InputError(f"no tile {self.z}/{self.x}/{self.y}", where="tile")

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north in EPSG:3857 metres."""
        size = self.size
        west = self.x * size - MERCATOR_HALF
        north = MERCATOR_HALF - self.y * size
        return west, north - size, west + size, north

    @property
    def size(self) -> float:
        """Width in EPSG:3857 metres."""
        return 2 * MERCATOR_HALF / (1 << self.z)

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of its centre, in degrees (WGS 84)."""
        n = 2**self.z
        return (self.x + 0.5) / n * 360 - 180, degrees(atan(sinh(pi * (1 - (2 * self.y + 1) / n))))

    @property
    def degrees(self) -> Bounds:
        """West, south, east, north in degrees (WGS 84)."""
        n = 2**self.z
        north, south = (degrees(atan(sinh(pi * (1 - 2 * (self.y + i) / n)))) for i in (0, 1))
        return self.x / n * 360 - 180, south, (self.x + 1) / n * 360 - 180, north

    def ancestor(self, zoom: int) -> "TileAddress":
        """The tile of a coarser zoom that holds this one; itself if it is coarse enough."""
        up = max(self.z - zoom, 0)
        return TileAddress(self.z - up, self.x >> up, self.y >> up)

    @property
    def width(self) -> float:
        """Width on the ground through its centre, in metres."""
        return self.size * cos(radians(self.centre[1]))

    def holds(self, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points, (n, 2) in EPSG:3857, are in this tile and in no other of its zoom."""
        scale = 2**self.z / (2 * MERCATOR_HALF)
        column = np.floor((xy[:, 0] + MERCATOR_HALF) * scale)
        row = np.floor((MERCATOR_HALF - xy[:, 1]) * scale)
        held: NDArray[np.bool_] = (column == self.x) & (row == self.y)
        return held


@lru_cache(maxsize=32)
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "EPSG:3857", always_xy=True)


def to_mercator(xy: NDArray[np.float64], crs: CRS) -> NDArray[np.float64]:
    """Points (n, 2) of the city's CRS in EPSG:3857; infinite where it does not reach."""
    if not len(xy):
        return np.empty((0, 2))
    x, y = _transformer(crs.srs).transform(xy[:, 0], xy[:, 1])
    return np.column_stack((x, y))


def city_bounds(address: TileAddress, crs: CRS) -> Bounds | None:
    """The tile's bounds in the city's CRS; None where that CRS does not reach.

    The edges are densified, so that nothing in the tile is outside the bounds.
    """
    return _city_bounds(address, crs.srs)


@lru_cache(maxsize=REMEMBERED)
def _city_bounds(address: TileAddress, crs: str) -> Bounds | None:
    transformer = _transformer(crs)
    west, south, east, north = address.bounds
    middle = (west + east) / 2, (south + north) / 2
    try:
        found = transformer.transform_bounds(
            *address.bounds, densify_pts=21, direction=TransformDirection.INVERSE
        )
        centre = transformer.transform(*middle, direction=TransformDirection.INVERSE)
        back = transformer.transform(*centre)
    except ProjError:
        return None
    if not all(map(isfinite, (*found, *back))):
        return None
    lost = max(abs(back[0] - middle[0]), abs(back[1] - middle[1]))
    return found if lost < address.size / 4 else None


def tile_units(xy: Points, address: TileAddress, crs: CRS) -> Points:
    """Points (n, 2) of the city's CRS in units of 1/4096 tile from its north-west corner.

    Around the tile by a cubic curve within a two-hundredth of a unit of the projection, which
    all layers of a tile share; farther away by the projection itself. Infinite where that does
    not reach.
    """
    if len(xy) < FEW_UNITS:
        return _projected_units(xy, address, crs.srs)
    curve = _unit_curve(address, crs.srs)
    if curve is None:
        return _projected_units(xy, address, crs.srs)
    found, near = curve.at(xy)
    if np.count_nonzero(near) < len(near):
        found[~near] = _projected_units(xy[~near], address, crs.srs)
    return found


def _projected_units(xy: Points, address: TileAddress, crs: str) -> Points:
    west, _, _, north = address.bounds
    x, y = _transformer(crs).transform(xy[:, 0], xy[:, 1])
    scale = EXTENT / address.size
    return np.column_stack(((x - west) * scale, (north - y) * scale))


@lru_cache(maxsize=REMEMBERED)
def _unit_curve(address: TileAddress, crs: str) -> "_Curve | None":
    bounds = _city_bounds(address, crs)
    if bounds is None:
        return None
    low, high = np.array(bounds[:2]), np.array(bounds[2:])
    beyond = (high - low) / 4
    return _fitted(
        lambda xy: _projected_units(xy, address, crs),
        (low - beyond, high + beyond),
        UNIT_TOLERANCE,
    )


def deck_offsets(mercator: NDArray[np.float64], address: TileAddress) -> NDArray[np.float64]:
    """Metres east and north of the tile's centre that deck.gl draws at these EPSG:3857 points.

    deck.gl's METER_OFFSETS put an offset (x, y) at ``(x·u·(1 + y·tan φ/r), y·u)`` map units from
    the origin, with u = 512 / (C·cos φ), C its circumference of the Earth and r = C/2π. This is
    the exact inverse, so the placement is exact however far from the origin.
    """
    west, south, east, north = address.bounds
    latitude = radians(address.centre[1])
    metres = DECK_CIRCUMFERENCE / (2 * MERCATOR_HALF) * cos(latitude)
    y = (mercator[:, 1] - (south + north) / 2) * metres
    bend = 1 + y * (2 * pi * tan(latitude) / DECK_CIRCUMFERENCE)
    x = (mercator[:, 0] - (west + east) / 2) * metres / bend
    return np.column_stack((x, y))


@dataclass(frozen=True, slots=True)
class Placement:
    """Brings points of the city's CRS into the metres of one tile."""

    address: TileAddress
    crs: CRS

    def exact(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (n, 2) by the projection itself."""
        return deck_offsets(to_mercator(xy, self.crs), self.address)

    def local(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (n, 2) by a cubic curve through the projection, within a millimetre of it.

        Many points cost a tenth of the projection; where the curve does not follow (objects
        far larger than a tile) the projection itself is used.
        """
        if len(xy) < FEW_POINTS:
            return self.exact(xy)
        curve = _fitted(self.exact, (xy.min(axis=0), xy.max(axis=0)), CURVE_TOLERANCE)
        return self.exact(xy) if curve is None else curve.at(xy)[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """A cubic polynomial of two variables, fitted in a box."""

    middle: Points
    half: Points
    """(2,) half the width and height of the box"""
    terms: Points
    """(10, 2)"""

    def at(self, xy: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Its values (n, 2), and which of the points (n, 2) are in the box."""
        uv = (xy - self.middle) / self.half
        found: Points = _powers(uv) @ self.terms
        near = np.abs(uv) <= 1
        return found, near[:, 0] & near[:, 1]


def _fitted(
    exact: Callable[[Points], Points], box: tuple[Points, Points], tolerance: float
) -> _Curve | None:
    """The curve through `exact` in the box from low to high; None if it misses by more."""
    low, high = box
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
    targets = exact(middle + KNOTS * half)
    if not np.isfinite(targets).all():
        return None
    terms = FIT @ targets
    missed = np.abs(BASIS @ terms - targets).max()
    return _Curve(middle, half, terms) if missed <= tolerance else None


def _powers(uv: Points) -> Points:
    """1, u, v, uu, uv, vv, uuu, uuv, uvv, vvv of points (n, 2), as (n, 10)."""
    found = np.empty((10, len(uv)))
    found[0] = 1
    found[1:3] = uv.T
    u, v = found[1], found[2]
    np.multiply(found[1:3], u, out=found[3:5])
    np.multiply(v, v, out=found[5])
    np.multiply(found[3:6], u, out=found[6:9])
    np.multiply(found[5], v, out=found[9])
    return found.T


KNOTS = np.cos(np.stack(np.meshgrid(*[np.linspace(0, pi, 7)] * 2), axis=-1).reshape(-1, 2))
"""(49, 2) where curves are fitted, in a box from −1 to 1."""

BASIS = _powers(KNOTS)
FIT = np.linalg.pinv(BASIS)
