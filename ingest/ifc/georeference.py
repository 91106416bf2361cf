"""Where on Earth an IFC model stands: what the user says, else the best evidence in the file.

A map conversion goes first, then coordinates that are absolute already, then latitude and
longitude of the site with true north. What contradicts is reported.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Proj, Transformer

from cim.model import Finding
from ingest.amend import Anchor
from ingest.candidates import candidates, listed, only_one, proposals
from ingest.ifc.mapconversion import MapConversion
from ingest.ifc.placechecks import apart, far_from_origin, north_finding, site_finding
from ingest.ifc.sitepoint import SitePoint

SAY_CRS = "say which with --crs, such as EPSG:4549"
ABSOLUTE = 1e5
"""Metres from the origin beyond which coordinates are taken for a map's."""
_CONTRADICTION = 1000.0  # metres between two statements of where the model is

Points = NDArray[np.float64]
Projection = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Georeference:
    """From local metres to a projected CRS: x, y turned, scaled and moved; z moved."""

    crs: str = ""
    crs_source: str = ""
    a: float = 1.0
    """Scale × cosine of the turn from the model's x axis to grid east."""
    b: float = 0.0
    """Scale × sine of the same turn."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """East and north in the CRS's unit, up in metres."""
    height_datum: str = ""
    findings: tuple[Finding, ...] = field(default=())

    def apply(self, points: Points) -> Points:
        """Local metres (n, 3) as coordinates in `crs` (n, 3), heights in metres."""
        x, y = points[:, 0], points[:, 1]
        turned = (self.a * x - self.b * y, self.b * x + self.a * y, points[:, 2])
        moved: Points = np.column_stack(turned) + np.array(self.offset)
        return moved


@dataclass(frozen=True, slots=True)
class Statements:
    """All that is said of a model's place."""

    conversion: MapConversion | None = None
    site: SitePoint | None = None
    """Latitude and longitude of the site."""
    origin: SitePoint | None = None
    """Degrees that the file gives for its origin (IfcRigidOperation)."""
    north: float = math.pi / 2
    """True north from the model's x axis in radians; a right angle is what nobody has chosen."""
    crs: str = ""
    """What the user says."""
    anchor: Anchor | None = None
    """What the user says."""


def georeference(said: Statements, centre: Points) -> Georeference:
    """How to place a model whose middle is at `centre` (3,), in local metres.

    What the user says goes before what the file says. Without any evidence the result has no CRS
    and a finding that asks for one.
    """
    absolute = bool(np.abs(centre[:2]).max() > ABSOLUTE)
    known = None if said.site is None or said.site.is_null else said.site
    if said.anchor is not None:
        return _by_anchor(said, said.anchor, centre)
    conversion = said.conversion
    if conversion is not None and conversion.is_null and known and not absolute:
        # only the CRS is meant: nothing lies at the origin of a map
        placed = _by_site(known, said.crs or conversion.crs, centre)
        return replace(placed, crs_source="user" if said.crs else "file")
    if conversion is not None and (conversion.crs or said.crs):
        placed = _by_conversion(conversion, centre, said.crs)
        return _with_north(_checked(placed, said.site, centre), said.north, centre)
    findings: tuple[Finding, ...] = () if conversion is None else (_unknown_crs(conversion),)
    if said.origin is not None and not absolute:
        placed = _checked(_by_degrees(said.origin, said.crs), said.site, centre)
    elif absolute:
        placed = _by_coordinates(centre, said.crs)
        placed = _checked(placed, said.site, centre) if placed.crs else placed
    elif known is not None:
        placed = _by_site(known, said.crs, centre)
    else:
        placed = _unplaced(said.site, said.crs)
    return replace(placed, findings=findings + placed.findings)


def _by_anchor(said: Statements, anchor: Anchor, centre: Points) -> Georeference:
    north = math.pi / 2 + math.radians(anchor.turn)
    point = SitePoint(anchor.lat, anchor.lon, anchor.height, (0.0, 0.0, 0.0), north)
    told = Finding(
        "info",
        "placed_by_user",
        f"its origin was put at {anchor.lat:.6f}, {anchor.lon:.6f}, height {anchor.height:g} m, "
        f"turned {anchor.turn:g}° clockwise, as the user says",
    )
    placed = replace(_at(point, said.crs), crs_source="user", findings=(told,))
    placed = replace(placed, findings=placed.findings + far_from_origin(centre))
    return _checked(placed, said.site, centre)


def _by_degrees(origin: SitePoint, crs: str) -> Georeference:
    where = f"{origin.latitude:.6f}, {origin.longitude:.6f}"
    message = f"placed by the latitude and longitude of its IfcRigidOperation ({where})"
    told = Finding("info", "placed_by_map_conversion", message)
    return replace(_at(origin, crs), findings=(told,))


def _by_conversion(conversion: MapConversion, centre: Points, crs: str) -> Georeference:
    unit = 1 / _per_metre(crs or conversion.crs)
    size = math.hypot(conversion.abscissa, conversion.ordinate) or 1.0
    factor, findings = conversion.factor()
    scale = factor / unit
    placed = Georeference(
        crs or conversion.crs,
        "user" if crs else "file",
        scale * conversion.abscissa / size,
        scale * conversion.ordinate / size,
        (
            conversion.eastings * conversion.map_unit / unit,
            conversion.northings * conversion.map_unit / unit,
            conversion.height * conversion.map_unit,
        ),
        conversion.height_datum,
        (*findings, Finding("info", "placed_by_map_conversion", "placed by its map conversion")),
    )
    return _without_double(placed, centre)


def _without_double(placed: Georeference, centre: Points) -> Georeference:
    offset = np.array(placed.offset[:2])
    if np.abs(centre[:2]).max() < ABSOLUTE or np.abs(offset).max() < ABSOLUTE:
        return placed
    if np.abs(offset - centre[:2]).max() > ABSOLUTE:
        return placed
    finding = Finding(
        "warning",
        "georeferenced_twice",
        "coordinates are absolute already and a map conversion would move them again; "
        "the conversion was left out",
        hint="check the position; export with either of the two",
        evidence=f"coordinates near {centre[0]:.0f} / {centre[1]:.0f}, the conversion adds "
        f"{offset[0]:.0f} / {offset[1]:.0f}",
    )
    return replace(
        placed, a=_per_metre(placed.crs), b=0.0, offset=(0.0, 0.0, 0.0), findings=(finding,)
    )


def _by_coordinates(centre: Points, crs: str) -> Georeference:
    place = f"{centre[0]:.0f} / {centre[1]:.0f}"
    if crs:
        told = Finding("info", "placed_by_coordinates", f"coordinates near {place} are in {crs}")
        return Georeference(crs, "user", _per_metre(crs), findings=(told,))
    message = f"coordinates near {place} are those of a map, but the file does not say which"
    found = candidates(np.array([[*centre[:2], *centre[:2]]]))
    evidence = f"the middle is x {centre[0]:.10g}, y {centre[1]:.10g}"
    evidence += f"; {listed(found)}" if found else ""
    first = Finding("error", "crs_missing", message, SAY_CRS, evidence, only_one(found))
    return Georeference(findings=(first, *proposals(found)))


def _per_metre(crs: str) -> float:
    """Units of a CRS in one metre."""
    return 1 / float(CRS.from_user_input(crs).axis_info[0].unit_conversion_factor or 1.0)


def _by_site(site: SitePoint, crs: str, centre: Points) -> Georeference:
    found = (site_finding(site), *far_from_origin(centre - np.array(site.origin)))
    return replace(_at(site, crs), findings=found)


def _at(point: SitePoint, crs: str) -> Georeference:
    """Placed so that `point` comes to lie where it says, its north to the north."""
    code = crs or f"EPSG:{_utm(point)}"
    project: Projection = _utm_projection(point)
    if crs:
        project = Transformer.from_crs(4326, crs, always_xy=True).transform
    east, north = project(point.longitude, point.latitude)
    north_in_grid, distortion = _grid(project, point)
    turn = north_in_grid - point.north
    a, b = distortion * math.cos(turn), distortion * math.sin(turn)
    x, y, z = point.origin
    offset = (east - a * x + b * y, north - b * x - a * y, point.elevation - z)
    return Georeference(code, "user" if crs else "file", a, b, offset)


def _utm_projection(point: SitePoint) -> Proj:
    """The projection of `_utm`, without a search in the database of systems."""
    south = point.latitude < 0
    return Proj(proj="utm", zone=_utm(point) % 100, south=south, ellps="WGS84")


def _utm(site: SitePoint) -> int:
    zone = min(int((site.longitude + 180) // 6) + 1, 60)
    return (32600 if site.latitude >= 0 else 32700) + zone


def _grid(project: Projection, site: SitePoint) -> tuple[float, float]:
    """Direction of true north from grid east in radians, and the grid's scale, at the site."""
    step = 1e-4 if site.latitude < 89 else -1e-4
    start = project(site.longitude, site.latitude)
    end = project(site.longitude, site.latitude + step)
    dx, dy = (end[0] - start[0]) / step, (end[1] - start[1]) / step
    above = replace(site, latitude=site.latitude + step)
    return math.atan2(dy, dx), math.hypot(dx, dy) * abs(step) / apart(site, above)


def _unplaced(site: SitePoint | None, crs: str) -> Georeference:
    if crs:
        message = f"nothing says where it is: its coordinates are taken as those of {crs}"
        finding = Finding("warning", "placed_by_user", message, hint="check the position")
        return Georeference(crs, "user", _per_metre(crs), findings=(finding,))
    reason = "it does not say where on Earth it stands"
    if site is not None:
        reason += ": its site is at latitude 0, longitude 0"
    hint = (
        "add an IfcMapConversion or the site's latitude and longitude; if its coordinates are"
        " those of a map say which, with --crs"
    )
    return Georeference(findings=(Finding("error", "no_georeference", reason, hint=hint),))


def _unknown_crs(conversion: MapConversion) -> Finding:
    message = f"there is a map conversion, but its CRS {conversion.name!r} is not known"
    return Finding("warning", "unknown_crs", message, hint="give --crs, such as EPSG:25832")


def _checked(placed: Georeference, site: SitePoint | None, centre: Points) -> Georeference:
    """`placed` with a warning if the site is said to be elsewhere or the CRS is not used there."""
    found = _degrees_of(placed, centre)
    if found is None:
        message = f"its place is outside of what {placed.crs} can describe"
        east, north, _ = placed.apply(centre[None, :])[0]
        evidence = f"its middle would be at {east:.10g}, {north:.10g}"
        finding = Finding("warning", "outside_crs", message, "check --crs", evidence)
        return replace(placed, findings=(*placed.findings, finding))
    if site is None or site.is_null:
        return placed
    away = apart(found, site)
    if away <= _CONTRADICTION:
        return placed
    message = (
        f"{placed.crs} puts the model at {found.latitude:.4f}, {found.longitude:.4f}, the latitude "
        f"and longitude of its site {away / 1000:.0f} km from there; {placed.crs} was used"
    )
    evidence = (
        f"site: {site.latitude:.6f}, {site.longitude:.6f}; map: {found.latitude:.6f}, "
        f"{found.longitude:.6f}; {away:.0f} m apart"
    )
    fix = {"anchor": site.anchor()} if site.is_usable else {}
    hint = "check the position on the map; the fix places it by its site instead"
    finding = Finding("warning", "contradictory_location", message, hint, evidence, fix)
    return replace(placed, findings=(*placed.findings, finding))


def _degrees_of(placed: Georeference, centre: Points) -> SitePoint | None:
    """The middle in degrees of its own datum, some hundred metres off at worst; None if nowhere."""
    east, north, _ = placed.apply(centre[None, :])[0]
    longitude, latitude = Proj(CRS.from_user_input(placed.crs))(east, north, inverse=True)
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return None
    return SitePoint(latitude, longitude, 0.0, (0.0, 0.0, 0.0), math.pi / 2)


def _with_north(placed: Georeference, north: float, centre: Points) -> Georeference:
    """`placed` with a warning if the conversion turns the model otherwise than its true north."""
    found = _degrees_of(placed, centre)
    if found is None or north == math.pi / 2:
        return placed
    convergence = _grid(Proj(CRS.from_user_input(placed.crs)), found)[0]
    turned = convergence - math.atan2(placed.b, placed.a)
    told = north_finding(turned, north, convergence)
    return replace(placed, findings=placed.findings + told)
