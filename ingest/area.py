"""Where a city's coordinate system may be used, and what lies too far from there."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import shapely
from pyproj import CRS

from cim import geodesy
from cim.errors import SourceError
from cim.model import Batch

Bounds = tuple[float, float, float, float]

OUTSIDE_DEGREES: Final = 3.0
"""How far beyond its CRS's area of use a city may still take objects."""

_NEAR_THE_POLE: Final = 89.9
_WIDE: Final = 350.0
_ROUND: Final = 360.0


def reach(crs: str) -> Bounds | None:
    """Box in `crs` outside which a city in it takes nothing: west, south, east, north.

    None if the system does not say where it is used, or has no coordinates there.
    """
    area = _area(geodesy.named_crs(crs))
    if area is None:
        return None
    west, south, east, north = area
    aside = OUTSIDE_DEGREES if east - west < _WIDE else 0.0
    box = (
        west - aside,
        max(south - OUTSIDE_DEGREES, -_NEAR_THE_POLE),
        east + aside,
        min(north + OUTSIDE_DEGREES, _NEAR_THE_POLE),
    )
    try:
        return geodesy.bounds_between(geodesy.WGS84, crs, box)
    except SourceError:
        return None


def _area(crs: CRS) -> Bounds | None:
    """Where `crs` is used, degrees; east is beyond 180° where that goes over the date line."""
    area = crs.area_of_use
    if area is None:
        return None
    turn = _ROUND if area.west > area.east else 0.0
    return area.west, area.south, area.east + turn, area.north


def refuse_far_away(bounds: Bounds, source_crs: str, city_crs: str, where: str) -> None:
    """Refuse a source that lies outside the area for which the city's CRS is made.

    `bounds` are in `source_crs`.

    Raises
    ------
    SourceError
        With where the source is and what to do.
    """
    area = _area(geodesy.named_crs(city_crs))
    if area is None:
        return
    try:
        west, south, east, north = geodesy.bounds_between(source_crs, geodesy.WGS84, bounds)
    except SourceError:
        return  # the objects themselves will say what is wrong
    first, lowest, last, highest = area
    near = any(
        east + turn >= first - OUTSIDE_DEGREES and west + turn <= last + OUTSIDE_DEGREES
        for turn in (-_ROUND, 0.0, _ROUND)
    )
    if near and north >= lowest - OUTSIDE_DEGREES and south <= highest + OUTSIDE_DEGREES:
        return
    raise SourceError(
        f"it lies at {(west + east) / 2:.3f}°, {(south + north) / 2:.3f}°, outside the area of"
        f" {city_crs[:40]} ({first:g}° to {last:g}°, {lowest:g}° to"
        f" {highest:g}°)",
        where=where,
        hint="if the file's CRS is wrong say the true one with --crs;"
        " if it is right, make a city there with a CRS of its own",
    )


def total_bounds(batches: Iterable[Batch]) -> Bounds | None:
    """Box around all geometries of some batches, or None."""
    boxes = [
        shapely.total_bounds(np.asarray(each.objects["geometry"], object))
        for each in batches
        if "geometry" in each.objects
    ]
    good = np.array([box for box in boxes if np.isfinite(box).all()]).reshape(-1, 4)
    if not len(good):
        return None
    low, high = good.min(axis=0), good.max(axis=0)
    return (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
