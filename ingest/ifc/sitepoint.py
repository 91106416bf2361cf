"""A point of an IFC model whose latitude and longitude the file gives, and where north is there."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from ingest.ifc.placement import world_matrix
from ingest.ifc.step import Ref, StepFile, Typed
from ingest.ifc.units import Units


@dataclass(frozen=True, slots=True)
class SitePoint:
    """A point whose latitude and longitude are known (degrees, metres)."""

    latitude: float
    longitude: float
    elevation: float
    """Metres above the sea."""
    origin: tuple[float, float, float]
    """The same point in local metres."""
    north: float
    """Angle of true north from the model's x axis, in radians."""

    @property
    def is_null(self) -> bool:
        """Whether it is at 0, 0: nobody filled it in."""
        return self.latitude == 0 and self.longitude == 0

    @property
    def is_usable(self) -> bool:
        """Whether an anchor at the model's origin says the same, to a metre."""
        return not self.is_null and math.hypot(*self.origin[:2]) < 1

    def anchor(self) -> str:
        """The same as `ReadOptions.anchor`."""
        turn = math.degrees(self.north - math.pi / 2)
        height = self.elevation - self.origin[2]
        return f"{self.longitude:.8f},{self.latitude:.8f},{height:.3f},{turn:.4f}"


def find_site(step: StepFile, units: Units) -> SitePoint | None:
    """Latitude, longitude and elevation of the first site that has them; None if none does."""
    for number in step.of_type("IFCSITE"):
        latitude, longitude = (_degrees(step.arg(number, place)) for place in (9, 10))
        if latitude is None or longitude is None:
            continue
        length = units.length or 1.0
        elevation = step.arg(number, 11)
        height = float(elevation) * length if isinstance(elevation, int | float) else 0.0
        matrix = world_matrix(step, step.arg(number, 5))
        moved = np.zeros(3) if matrix is None else matrix[:3, 3] * length
        x, y, z = (float(each) for each in moved)
        return SitePoint(latitude, longitude, height, (x, y, z), true_north(step))
    return None


def find_origin(step: StepFile, units: Units, site: SitePoint | None) -> SitePoint | None:
    """Where an IfcRigidOperation in degrees puts the origin; None if there is none.

    The order of its numbers is that of the CRS's axes, which exporters do not keep to: the
    site decides, else the area in which the CRS is used, else longitude goes first.
    """
    for number in step.of_type("IFCRIGIDOPERATION"):
        crs = _geographic(step, step.arg(number, 1))
        first, second = (_angle(step.arg(number, place), units) for place in (2, 3))
        if crs is None or first is None or second is None:
            continue
        height = step.arg(number, 4)
        value = height.value if isinstance(height, Typed) else height
        up = float(value) * (units.length or 1) if isinstance(value, int | float) else 0.0
        longitude, latitude = _in_order(crs, first, second, site)
        to_degrees = Transformer.from_crs(crs, 4326, always_xy=True)
        longitude, latitude = to_degrees.transform(longitude, latitude)
        if not (math.isfinite(longitude) and math.isfinite(latitude)):
            continue
        return SitePoint(latitude, longitude, up, (0.0, 0.0, 0.0), math.pi / 2)
    return None


def _geographic(step: StepFile, target: Any) -> CRS | None:
    name = step.arg(target, 0) if isinstance(target, Ref) else None
    if not isinstance(name, str):
        return None
    try:
        found = CRS.from_user_input(name)
    except CRSError:
        return None
    return found if found.is_geographic else None


def _angle(value: Any, units: Units) -> float | None:
    number = units.convert(value) if isinstance(value, Typed) else value
    fits = isinstance(number, int | float) and abs(number) <= 180
    return float(number) if fits else None


def _in_order(crs: CRS, first: float, second: float, site: SitePoint | None) -> tuple[float, float]:
    """Longitude and latitude out of two numbers."""
    ways = [way for way in ((first, second), (second, first)) if abs(way[1]) <= 90]
    if site is not None and not site.is_null:
        return min(ways, key=lambda way: math.dist(way, (site.longitude, site.latitude)))
    area = crs.area_of_use
    inside = [
        way
        for way in ways
        if area is not None
        and area.west <= way[0] <= area.east
        and area.south <= way[1] <= area.north
    ]
    return next(iter(inside or ways), (first, second))


def _degrees(parts: Any) -> float | None:
    """Degrees from degrees, minutes, seconds and millionths; all carry the sign of the angle."""
    if not isinstance(parts, tuple) or not 1 <= len(parts) <= 4:
        return None
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in parts):
        return None
    weights = (1, 60, 3600, 3.6e9)
    size = sum(abs(each) / weight for each, weight in zip(parts, weights, strict=False))
    sign = -1 if any(each < 0 for each in parts) else 1
    return sign * size if size <= 180 else None


def true_north(step: StepFile) -> float:
    """Angle of true north from the model's x axis in radians; a right angle if unsaid."""
    for number in step.of_type("IFCGEOMETRICREPRESENTATIONCONTEXT"):
        direction = step.arg(number, 5)
        ratios = step.arg(direction, 0) if isinstance(direction, Ref) else None
        if not isinstance(ratios, tuple) or len(ratios) < 2:
            continue
        x, y = ratios[:2]
        if isinstance(x, int | float) and isinstance(y, int | float) and (x or y):
            return math.atan2(y, x)
    return math.pi / 2
