"""Web-mercator tiles: where they are in the city's CRS, and where deck.gl puts their metres."""

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

MERCATOR_HALF = pi * 6378137.0
"""Half the width of the web-mercator square, in metres (EPSG:3857)."""

DECK_CIRCUMFERENCE = 40.03e6
"""Circumference of the sphere by which deck.gl turns metres into map units, in metres."""

MAX_ZOOM = 24

CURVE_TOLERANCE = 1e-3
"""Metres by which the fitted curve may miss the exact projection."""
FEW_POINTS = 200
"""Below this many points the exact projection costs less than fitting a curve."""


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
    transformer = _transformer(crs.srs)
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
        low, high = xy.min(axis=0), xy.max(axis=0)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1.0)
        knots = np.cos(np.linspace(0, pi, 7))
        grid = np.stack(np.meshgrid(knots, knots), axis=-1).reshape(-1, 2)
        targets = self.exact(middle + grid * half)
        if not np.isfinite(targets).all():
            return self.exact(xy)
        basis = _powers(grid)
        curve = np.linalg.lstsq(basis, targets, rcond=None)[0]
        if np.abs(basis @ curve - targets).max() > CURVE_TOLERANCE:
            return self.exact(xy)
        found: NDArray[np.float64] = _powers((xy - middle) / half) @ curve
        return found


def _powers(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    u, v = np.ascontiguousarray(uv[:, 0]), np.ascontiguousarray(uv[:, 1])
    uu, vv = u * u, v * v
    return np.stack((np.ones_like(u), u, v, uu, u * v, vv, uu * u, uu * v, u * vv, vv * v)).T
