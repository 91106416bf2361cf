"""Where on Earth an IFC model stands: from its map conversion, its coordinates or its site.

The best evidence goes first: a map conversion, then coordinates that are absolute already,
then latitude and longitude of the site with true north. What contradicts is reported.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from cim.model import Finding
from ingest.ifc.mapconversion import MapConversion, SitePoint

SAY_CRS = "say which with --crs, such as EPSG:4549"
ABSOLUTE = 1e5
"""Metres from the origin beyond which coordinates are taken for a map's."""
_CONTRADICTION = 1000.0  # metres between two statements of where the model is
_PLACEHOLDERS = {
    "Boston": (42.358, -71.06),
    "London": (51.5, -0.126),
    "Munich": (48.135, 11.58),
    "Amersfoort": (52.15, 5.383),
    "Abu Dhabi": (24.467, 54.367),
    "Greenwich": (51.477, 0.0),
}
"""What authoring tools write when nobody has said where the project is (degrees)."""
_NEAR_PLACEHOLDER = 0.02  # degrees

Points = NDArray[np.float64]


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


def georeference(
    conversion: MapConversion | None, site: SitePoint | None, centre: Points, crs: str = ""
) -> Georeference:
    """How to place a model whose middle is at `centre` (3,), in local metres.

    `crs` is what the user says and goes before what the file says. Without any evidence the
    result has no CRS and a finding that asks for one.
    """
    absolute = bool(np.abs(centre[:2]).max() > ABSOLUTE)
    known = None if site is None or site.is_null else site
    if conversion is not None and conversion.is_null and known and not absolute:
        # only the CRS is meant: nothing lies at the origin of a map
        placed = _by_site(known, crs or conversion.crs)
        return replace(placed, crs_source="user" if crs else "file")
    if conversion is not None and (conversion.crs or crs):
        return _checked(_by_conversion(conversion, centre, crs), site, centre)
    findings: tuple[Finding, ...] = () if conversion is None else (_unknown_crs(conversion),)
    if absolute:
        placed = _by_coordinates(centre, crs)
        placed = _checked(placed, site, centre) if placed.crs else placed
    elif known is not None:
        placed = _by_site(known, crs)
    else:
        placed = _unplaced(site, crs)
    return replace(placed, findings=findings + placed.findings)


def _by_conversion(conversion: MapConversion, centre: Points, crs: str) -> Georeference:
    target = CRS.from_user_input(crs or conversion.crs)
    unit = target.axis_info[0].unit_conversion_factor or 1.0
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
    )
    return replace(placed, a=1.0, b=0.0, offset=(0.0, 0.0, 0.0), findings=(finding,))


def _by_coordinates(centre: Points, crs: str) -> Georeference:
    place = f"{centre[0]:.0f} / {centre[1]:.0f}"
    if crs:
        told = Finding("info", "placed_by_coordinates", f"coordinates near {place} are in {crs}")
        return Georeference(crs, "user", findings=(told,))
    message = f"coordinates near {place} are those of a map, but the file does not say which"
    return Georeference(findings=(Finding("error", "no_crs", message, hint=SAY_CRS),))


def _by_site(site: SitePoint, crs: str) -> Georeference:
    target = CRS.from_user_input(crs) if crs else CRS.from_epsg(_utm(site))
    project = Transformer.from_crs(4326, target, always_xy=True)
    east, north = project.transform(site.longitude, site.latitude)
    north_in_grid, distortion = _grid(project, site)
    turn = north_in_grid - site.north
    a, b = distortion * math.cos(turn), distortion * math.sin(turn)
    x, y, z = site.origin
    return Georeference(
        crs or f"EPSG:{_utm(site)}",
        "user" if crs else "file",
        a,
        b,
        (east - a * x + b * y, north - b * x - a * y, site.elevation - z),
        findings=(_site_finding(site),),
    )


def _utm(site: SitePoint) -> int:
    zone = min(int((site.longitude + 180) // 6) + 1, 60)
    return (32600 if site.latitude >= 0 else 32700) + zone


def _grid(project: Transformer, site: SitePoint) -> tuple[float, float]:
    """Direction of true north from grid east in radians, and the grid's scale, at the site."""
    step = 1e-4 if site.latitude < 89 else -1e-4
    east, north = project.transform([site.longitude] * 2, [site.latitude, site.latitude + step])
    dx, dy = (east[1] - east[0]) / step, (north[1] - north[0]) / step
    _, _, length = Geod(ellps="WGS84").inv(
        site.longitude, site.latitude, site.longitude, site.latitude + step
    )
    return math.atan2(dy, dx), math.hypot(dx, dy) * abs(step) / length


def _site_finding(site: SitePoint) -> Finding:
    where = f"{site.latitude:.5f}, {site.longitude:.5f}"
    for city, (latitude, longitude) in _PLACEHOLDERS.items():
        near = max(abs(site.latitude - latitude), abs(site.longitude - longitude))
        if near < _NEAR_PLACEHOLDER:
            return Finding(
                "warning",
                "placeholder_location",
                f"placed by the latitude and longitude of its site ({where}), which authoring "
                f"tools write by default ({city}): low confidence",
                hint="check the position on the map",
            )
    message = f"placed by the latitude and longitude of its site ({where}) and true north"
    return Finding("info", "placed_by_site", message, hint="accurate to some metres at best")


def _unplaced(site: SitePoint | None, crs: str) -> Georeference:
    if crs:
        message = f"nothing says where it is: its coordinates are taken as those of {crs}"
        finding = Finding("warning", "placed_by_user", message, hint="check the position")
        return Georeference(crs, "user", findings=(finding,))
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
    target = CRS.from_user_input(placed.crs)
    east, north, _ = placed.apply(centre[None, :])[0]
    back = Transformer.from_crs(target, 4326, always_xy=True)
    longitude, latitude = back.transform(east, north)
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        message = f"its place is outside of what {placed.crs} can describe"
        finding = Finding("warning", "outside_crs", message, hint="check --crs")
        return replace(placed, findings=(*placed.findings, finding))
    if site is None or site.is_null:
        return placed
    _, _, apart = Geod(ellps="WGS84").inv(longitude, latitude, site.longitude, site.latitude)
    if apart <= _CONTRADICTION:
        return placed
    message = (
        f"{placed.crs} puts the model at {latitude:.4f}, {longitude:.4f}, the latitude and "
        f"longitude of its site {apart / 1000:.0f} km from there; {placed.crs} was used"
    )
    finding = Finding("warning", "contradictory_location", message, hint="check the position")
    return replace(placed, findings=(*placed.findings, finding))
