"""Where a source's coordinates are: its CRS as understood, checked against its coordinates."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from cim.geodesy import (
    OFFSET_SYSTEMS,
    authority,
    horizontal,
    named_crs,
    named_system,
    transform,
)
from cim.geodesy.zones import OLD_DATUMS
from cim.model import Finding
from ingest.candidates import candidates, listed, middle, only_one, proposals

Bounds = tuple[float, float, float, float]
Severity = Literal["info", "warning", "error"]

CHINA_MERCATOR: Final = (8.1e6, 1.8e6, 1.51e7, 7.2e6)
"""China in EPSG:3857: west, south, east, north."""

CHINA_NORTHINGS: Final = (3.5e5, 6.1e6)
"""Gauss–Krüger northings of China, metres."""


@dataclass(frozen=True, slots=True)
class Location:
    """The CRS of a source as understood."""

    crs: str
    """An authority code, ``GCJ-02``, ``BD-09`` or WKT; ``""`` if nobody knows."""
    source: str
    """``file``, ``sidecar``, ``user``, ``format`` or ``""``."""
    swapped: bool = False
    """Whether x and y must change places, because the file has latitude first."""
    findings: tuple[Finding, ...] = field(default=())


def locate(
    stated: str, source: str, given: str, boxes: NDArray[np.float64], *, swap: bool = False
) -> Location:
    """The CRS of a source that states `stated`, of which the user says `given`.

    `boxes` are the (n, 4) bounds of some of its features, NaN where there is no geometry;
    their coordinates can refute the CRS, or suggest one where there is none. With `swap` the
    user says that x and y must change places.

    Raises
    ------
    SourceError
        If the user's CRS is unknown.
    """
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if swap:
        boxes = boxes[:, [1, 0, 3, 2]]
    told: tuple[Finding, ...] = ()
    if given:
        crs, source = named(given), "user"
    else:
        crs, problem = _understood(stated)
        if not crs:
            return Location("", "", swap, _missing(problem, boxes))
        told = _by_name(crs, stated)
    swapped, findings = _checked(crs, boxes, from_user=bool(given))
    return Location(crs, source, swapped or swap, (*told, *findings, *_old_datum(crs)))


def named(given: str) -> str:
    """The CRS that a user gives by name, as an authority code, ``GCJ-02``, ``BD-09`` or WKT.

    Raises
    ------
    SourceError
        If nothing is known under that name.
    """
    bare = given.strip().upper().replace("-", "").replace("_", "").replace(" ", "")
    for name in OFFSET_SYSTEMS:
        if bare == name.replace("-", ""):
            return name
    return authority(named_crs(given.strip()))


def _understood(stated: str) -> tuple[str, str]:
    """(CRS, what is wrong with it) of what a file states."""
    if not stated:
        return "", "the file does not say which coordinate system it uses"
    try:
        crs = CRS.from_user_input(stated)
    except CRSError:
        return "", f"the file names a coordinate system nobody knows: {stated[:60]}"
    if horizontal(crs).type_name == "Engineering CRS" or "LOCAL_CS" in stated[:20]:
        known = named_system(crs.name)
        if known:
            return known, ""
        return "", f"the file uses a local grid, {crs.name!r}, that is nowhere on Earth"
    return authority(crs), ""


def _by_name(crs: str, stated: str) -> tuple[Finding, ...]:
    """What to say if a local grid only by its name tells what it is."""
    if "LOCAL_CS" not in stated[:20] and "ENGCRS" not in stated[:20]:
        return ()
    message = f"the file defines a local grid, but names it like {crs}, which was taken"
    return (Finding("warning", "crs_by_name", message, "set the CRS if that is wrong"),)


def _old_datum(crs: str) -> tuple[Finding, ...]:
    """Beijing 54 and Xian 80 cannot be brought into CGCS2000 accurately with what is public."""
    base = horizontal(named_crs(crs)).geodetic_crs
    code = base.to_epsg() if base is not None and not named_crs(crs).is_bound else None
    if code is None or code not in OLD_DATUMS:
        return ()
    return (
        Finding(
            "warning",
            "datum_accuracy",
            f"the file is in {OLD_DATUMS[code]}: its place in CGCS2000 is known to some metres"
            " only, at worst some tens of metres",
            "fit a local grid to control points: cim localgrid fit POINTS.csv --parameters 7",
            "the official transformation parameters and grids are not public",
        ),
    )


def _missing(problem: str, boxes: NDArray[np.float64]) -> tuple[Finding, ...]:
    found = candidates(boxes)
    evidence = _middle_told(boxes) + (f"; {listed(found)}" if found else "")
    hint = f"set the CRS; {suggestion(boxes)}"
    first = Finding("error", "crs_missing", problem, hint, evidence, only_one(found))
    return (first, *proposals(found))


def _middle_told(boxes: NDArray[np.float64]) -> str:
    if not len(boxes):
        return "no coordinates"
    x, y = middle(boxes)
    return f"the middle of the features is x {x:.10g}, y {y:.10g}"


def _contradicted(severity: Severity, message: str, boxes: NDArray[np.float64]) -> Finding:
    found = candidates(boxes)
    evidence = _middle_told(boxes) + (f"; {listed(found)}" if found else "")
    fix = only_one(found)
    return Finding(severity, "crs_contradicted", message, suggestion(boxes), evidence, fix)


def suggestion(boxes: NDArray[np.float64]) -> str:
    """What the coordinates of (n, 4) finite bounds look like, in words."""
    if not len(boxes):
        return "there are no coordinates to tell it from"
    x, y = middle(boxes)
    if max(abs(x), abs(y)) > 1e9:
        return "the coordinates are nowhere on Earth in any system"
    if abs(x) <= 180 and abs(y) <= 90:
        return (
            "the coordinates look like longitude and latitude: EPSG:4326, EPSG:4490 (CGCS2000), "
            "or GCJ-02 if they come from a Chinese web map"
        )
    if abs(x) <= 90 and abs(y) <= 180:
        return "the coordinates look like latitude and longitude in the wrong order"
    return _projected_suggestion(x, y)


def _projected_suggestion(x: float, y: float) -> str:
    if CHINA_NORTHINGS[0] <= x <= CHINA_NORTHINGS[1] and _zone_code(y):
        return f"northing seems to come first; with easting first it would be {_zone_code(y)}"
    guesses = []
    if CHINA_NORTHINGS[0] <= y <= CHINA_NORTHINGS[1] and _zone_code(x):
        guesses.append(f"the easting has the zone prefix of {_zone_code(x)} (CGCS2000)")
    west, south, east, north = CHINA_MERCATOR
    if west <= x <= east and south <= y <= north:
        guesses.append("they would be in China in EPSG:3857 (web Mercator)")
    if 1.0e5 <= x <= 9.0e5 and 3.5e5 <= y <= 1.0e7:
        guesses.append(
            "they look like metres in a zone without prefix: EPSG:4534 to EPSG:4554 for CGCS2000 "
            "(by central meridian) or a UTM zone"
        )
    if not guesses:
        guesses.append("they look like a local grid, or feet")
    return f"x is about {x:.0f}, y about {y:.0f}: " + "; or ".join(guesses)


def _zone_code(easting: float) -> str:
    """EPSG code of the CGCS2000 zone whose number `easting` begins with; empty if none."""
    zone, rest = divmod(easting, 1e6)
    if not 1.5e5 <= rest <= 8.5e5:
        return ""
    if 25 <= zone <= 45:
        return f"EPSG:{4513 + int(zone) - 25}"
    return f"EPSG:{4491 + int(zone) - 13}" if 13 <= zone <= 23 else ""


def _checked(
    crs: str, boxes: NDArray[np.float64], *, from_user: bool
) -> tuple[bool, tuple[Finding, ...]]:
    if not len(boxes):
        return False, ()
    system = horizontal(named_crs(crs))
    check = _checked_degrees if system.is_geographic else _checked_metres
    swapped, findings = check(crs, system, boxes)
    if from_user and findings:
        hint = "the CRS was given with the file: is it the right one?"
        findings = tuple(replace(each, hint=each.hint or hint) for each in findings)
    return swapped, findings


def _share(condition: NDArray[np.bool_]) -> float:
    return float(condition.mean())


def _in_degrees(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    limits = np.array([180.0, 90.0, 180.0, 90.0]) + 1e-6
    inside: NDArray[np.bool_] = np.logical_and.reduce(np.abs(boxes) <= limits, axis=1)
    return inside


def _checked_degrees(
    crs: str, system: CRS, boxes: NDArray[np.float64]
) -> tuple[bool, tuple[Finding, ...]]:
    turned = boxes[:, [1, 0, 3, 2]]
    inside, turned_inside = _in_degrees(boxes), _in_degrees(turned)
    if _share(inside) <= 0.5 and _share(turned_inside) > 0.9:
        message = "latitude comes before longitude in the file; x and y were exchanged"
        return True, (Finding("warning", "axis_order", message, "check it on the map"),)
    if _share(inside) <= 0.5:
        message = f"the coordinates are not degrees, but the CRS is {system.name}"
        return False, (_contradicted("error", message, boxes), *proposals(candidates(boxes)))
    findings = list(_outside_area(crs, system, boxes[inside]))
    if not inside.all():
        count = int((~inside).sum())
        message = f"{count} of {len(boxes)} features looked at are outside ±180°, ±90°"
        findings.append(Finding("warning", "coordinates_out_of_range", message))
    return False, tuple(findings)


def _checked_metres(
    crs: str, system: CRS, boxes: NDArray[np.float64]
) -> tuple[bool, tuple[Finding, ...]]:
    # within 180 m of the origin of a projection there is next to nothing anywhere
    if system.is_projected and _share(_in_degrees(boxes)) > 0.9:
        message = f"the coordinates look like degrees, but {system.name} is projected"
        return False, (_contradicted("error", message, boxes), *proposals(candidates(boxes)))
    return False, _outside_area(crs, system, boxes)


def _outside_area(crs: str, system: CRS, boxes: NDArray[np.float64]) -> tuple[Finding, ...]:
    """What to say if nothing is near where the CRS may be used."""
    area = _area_of_use(crs, system)
    if area is None or _near(area, boxes, margin=0.5).any():
        return ()
    place = system.area_of_use.name.rstrip(".") if system.area_of_use else ""
    if _near(area, boxes[:, [1, 0, 3, 2]], margin=0.0).any():
        message = f"with x and y exchanged the features would be where {system.name} is used"
        return (_turned(message, f"its area: {place}", boxes),)
    message = f"no feature is near the area where {system.name} is used: {place}"
    return (_contradicted("warning", message, boxes),)


def _turned(message: str, hint: str, boxes: NDArray[np.float64]) -> Finding:
    evidence, fix = _middle_told(boxes), {"swap_axes": True}
    return Finding("error", "axis_order", message, hint, evidence, fix)


def _area_of_use(crs: str, system: CRS) -> Bounds | None:
    """West, south, east, north of the area of use in the units of `system`, or None."""
    area = system.area_of_use
    if area is None or area.west >= area.east or area.east - area.west > 350:
        return None
    if system.is_geographic:
        return area.west, area.south, area.east, area.north
    steps = np.linspace(0.0, 1.0, 9)
    lon, lat = np.meshgrid(
        area.west + steps * (area.east - area.west), area.south + steps * (area.north - area.south)
    )
    x, y = transform("EPSG:4326", crs, lon.ravel(), lat.ravel())
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _near(area: Bounds, boxes: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Which boxes touch `area` grown by that part of its size on each side."""
    west, south, east, north = area
    dx, dy = (east - west) * margin, (north - south) * margin
    near: NDArray[np.bool_] = (
        (boxes[:, 2] >= west - dx)
        & (boxes[:, 0] <= east + dx)
        & (boxes[:, 3] >= south - dy)
        & (boxes[:, 1] <= north + dy)
    )
    return near


def exchanged(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """The same geometries with x and y exchanged, Z kept."""

    def exchange(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        return coordinates[:, [1, 0, 2][: coordinates.shape[1]]]

    return _mapped(geometry, exchange)


def reprojected(geometry: NDArray[np.object_], source: str, target: str) -> NDArray[np.object_]:
    """The geometries of the CRS `source` in `target`, Z kept.

    Raises
    ------
    SourceError
        If there is no transformation between the two.
    """

    def move(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = transform(source, target, coordinates[:, 0], coordinates[:, 1])
        return np.column_stack([x, y, coordinates[:, 2:]])

    return _mapped(geometry, move)


def _mapped(
    geometry: NDArray[np.object_], change: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.object_]:
    has_z = shapely.has_z(geometry)
    moved = np.empty(len(geometry), dtype=object)
    for chosen, include_z in ((~has_z, False), (has_z, True)):
        part = geometry[chosen]
        coordinates = shapely.get_coordinates(part, include_z=include_z)
        moved[chosen] = shapely.set_coordinates(part, change(coordinates))
    return moved
