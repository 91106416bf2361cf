"""Where a point cloud is, and in which units: what its records say, held against its numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from cim.errors import SourceError
from cim.geodesy import WGS84, authority, horizontal, named_crs, transform
from cim.model import Finding
from ingest import referencing
from ingest.meanings import factor
from ingest.pointcloud.header import LasHeader
from ingest.reader import ReadOptions

FOOT: Final = 0.3048
NEAR: Final = 1.0
"""Metres within which two records name the same place."""
LIKENESS: Final = 20
"""Least likeness, per cent, of a CRS without code to one with, to look up where that is used."""


@dataclass(frozen=True, slots=True)
class Place:
    """CRS and units of a point cloud as understood."""

    crs: str
    """Horizontal; an authority code or WKT; ``""`` if nobody knows."""
    source: str
    scale: float
    """What one unit of x and y is in the CRS."""
    z_metres: float
    """Metres of one unit of z."""
    height_datum: str
    findings: tuple[Finding, ...]


def place(las: Any, header: LasHeader, options: ReadOptions) -> Place:
    """Where the points are.

    `las` is laspy's header, whose records are read. WKT counts before GeoTIFF keys where the
    header says so, or if only its place is possible.

    Raises
    ------
    SourceError
        If the user's CRS is unknown, or has a secret offset.
    """
    box = (*header.minimum[:2], *header.maximum[:2])
    stated, remarks = _stated(las, header, box)
    boxes = np.array([box])
    found = referencing.locate(
        stated.to_wkt() if stated is not None else "", "file", options.crs, boxes
    )
    if not found.crs:
        return Place("", "", 1.0, 1.0, "", (*remarks, *found.findings))
    crs = horizontal(named_crs(found.crs))
    if found.crs in {"GCJ-02", "BD-09"} or found.swapped:
        problem = f"points cannot be in {found.crs}" if not found.swapped else "y comes before x"
        raise SourceError(problem, where="crs", hint="write the points anew in a projected system")
    metres = crs.axis_info[0].unit_conversion_factor if crs.is_projected else 1.0
    scale = 1.0
    if options.length_unit and crs.is_projected:
        scale = factor(options.length_unit, "length_unit") / metres
    findings = [*remarks]
    if scale == 1.0:
        doubts = list(_unit_doubts(crs, box, metres))
        findings += doubts or found.findings
    z_metres, remark = _z_unit(stated, named_crs(found.crs), options)
    return Place(
        authority(crs),
        found.source,
        scale,
        z_metres,
        options.height_datum or _datum(named_crs(found.crs), stated),
        (*findings, *remark),
    )


def _stated(
    las: Any, header: LasHeader, box: tuple[float, float, float, float]
) -> tuple[CRS | None, list[Finding]]:
    """The CRS that the records name, and what to say if two of them differ."""
    wkt, keys = _parsed(las, "WktCoordinateSystemVlr"), _parsed(las, "GeoKeyDirectoryVlr")
    if wkt is None or keys is None:
        return wkt or keys, []
    apart = _apart(wkt, keys, box)
    first, second = (wkt, keys) if header.wkt or header.format >= 6 else (keys, wkt)
    if apart <= NEAR:
        return first, []
    if not _usable(first, box) and _usable(second, box):
        first, second = second, first
    evidence = f"{first.name}: {_where(first, box)}; {second.name}: {_where(second, box)}"
    message = f"its two CRS records differ; {first.name!r} was taken, not {second.name!r}"
    hint = "check it on the map; a CRS that is given counts before both"
    fix = {"crs": authority(horizontal(second))} if _usable(second, box) else {}
    return first, [Finding("warning", "crs_contradicted", message, hint, evidence, fix)]


def _parsed(las: Any, kind: str) -> CRS | None:
    """The CRS of the records of one kind, ordinary or extended; None if there is none."""
    for record in [*las.vlrs.get(kind), *(las.evlrs.get(kind) if las.evlrs else [])]:
        try:
            if kind.startswith("Wkt"):
                return CRS.from_wkt(record.string) if record.string.strip("\0 ") else None
            return _keyed(record)
        except (CRSError, ValueError, TypeError):
            continue
    return None


def _keyed(record: Any) -> CRS | None:
    """The CRS that GeoTIFF keys name by its code; a projected before a geographic one."""
    codes = {key.id: key.value_offset for key in record.geo_keys}
    for key in (3072, 2048):
        code = codes.get(key, 0)
        if 1024 <= code < 32767:
            vertical = codes.get(4096, 0)
            plane = CRS.from_epsg(code)
            if 1024 <= vertical < 32767 and vertical in range(3855, 8400):
                return _with_heights(plane, code, vertical)
            return plane
    return None


def _with_heights(plane: CRS, code: int, vertical: int) -> CRS:
    try:
        return CRS.from_user_input(f"EPSG:{code}+{vertical}")
    except CRSError:
        return plane


def _apart(one: CRS, other: CRS, box: tuple[float, float, float, float]) -> float:
    """Metres, roughly, between the places that two systems give the middle of the box."""
    (a, b), (c, d) = _degrees(one, box), _degrees(other, box)
    if not np.isfinite([a, b, c, d]).all():
        return float("inf")
    east = (a - c) * np.cos(np.radians(b))
    return float(np.hypot(east, b - d) * 111_195)


def _degrees(crs: CRS, box: tuple[float, float, float, float]) -> tuple[float, float]:
    x, y = np.array([(box[0] + box[2]) / 2]), np.array([(box[1] + box[3]) / 2])
    try:
        lon, lat = transform(horizontal(crs).to_wkt(), WGS84, x, y)
    except SourceError:
        return float("nan"), float("nan")
    return float(lon[0]), float(lat[0])


def _where(crs: CRS, box: tuple[float, float, float, float]) -> str:
    lon, lat = _degrees(crs, box)
    return f"{lat:.4f} N, {lon:.4f} E" if np.isfinite([lon, lat]).all() else "nowhere"


def _usable(crs: CRS, box: tuple[float, float, float, float]) -> bool:
    """Whether the middle of the box is where `crs`, or the one most like it, is used."""
    plane = horizontal(crs)
    lon, lat = _degrees(plane, box)
    area = plane.area_of_use
    if area is None:
        like = plane.to_authority(min_confidence=LIKENESS)
        area = CRS.from_authority(*like).area_of_use if like else None
    if area is None or not np.isfinite([lon, lat]).all():
        return bool(np.isfinite([lon, lat]).all())
    return area.west - 1 <= lon <= area.east + 1 and area.south - 1 <= lat <= area.north + 1


def _unit_doubts(
    crs: CRS, box: tuple[float, float, float, float], metres: float
) -> Iterator[Finding]:
    """An error if the numbers are only where the CRS is used when taken in the other unit."""
    if not crs.is_projected or _usable(crs, box):
        return
    for unit, size in (("ft", FOOT), ("m", 1.0)):
        ratio = size / metres
        other = (box[0] * ratio, box[1] * ratio, box[2] * ratio, box[3] * ratio)
        if abs(ratio - 1) > 0.01 and _usable(crs, other):
            name = crs.axis_info[0].unit_name
            evidence = f"in {name}: {_where(crs, box)}; in {unit}: {_where(crs, other)}"
            message = f"its coordinates are not in {name}, as its CRS {crs.name!r} says"
            hint = f"say that lengths are in {unit}"
            fix = {"length_unit": unit}
            yield Finding("error", "unit_contradicted", message, hint, evidence, fix)
            return


def _z_unit(
    stated: CRS | None, used: CRS, options: ReadOptions
) -> tuple[float, tuple[Finding, ...]]:
    """Metres of one unit of z, and what was assumed."""
    if options.length_unit:
        return factor(options.length_unit, "length_unit"), ()
    for crs in (used, stated):
        if crs is not None and len(crs.axis_info) == 3:
            axis = crs.axis_info[2]
            if abs(axis.unit_conversion_factor - 1) < 1e-9:
                return 1.0, ()
            message = f"heights are in {axis.unit_name}; they were converted to metres"
            evidence = f"1 {axis.unit_name} = {axis.unit_conversion_factor:.9g} m"
            return axis.unit_conversion_factor, (
                Finding("info", "heights_converted", message, evidence=evidence),
            )
    plane = horizontal(used)
    unit = plane.axis_info[0]
    if not plane.is_projected or abs(unit.unit_conversion_factor - 1) < 1e-9:
        return 1.0, ()
    message = f"it does not say the unit of heights; {unit.unit_name} was taken, as for x and y"
    return unit.unit_conversion_factor, (
        Finding("warning", "height_unit_assumed", message, "set the length unit if it is another"),
    )


def _datum(used: CRS, stated: CRS | None) -> str:
    for crs in (used, stated):
        if crs is not None and crs.is_compound:
            return str(crs.sub_crs_list[1].name)
    return ""
