"""What is odd about the place and the size of an IFC model, with the numbers that show it."""

import math

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from cim.model import Finding
from ingest.ifc.sitepoint import SitePoint

_PLACEHOLDERS = {
    "Boston": (42.358, -71.06),
    "London": (51.5, -0.126),
    "Munich": (48.135, 11.58),
    "Amersfoort": (52.15, 5.383),
    "Abu Dhabi": (24.467, 54.367),
    "Greenwich": (51.477, 0.0),
    "Boulder": (40.018, -105.242),
    "Budapest": (47.5, 19.05),
}
"""What authoring tools write when nobody has said where the project is (degrees)."""
_NEAR_PLACEHOLDER = 0.02  # degrees
_FAR = 1000.0  # metres from the origin at which a turn about it moves a model noticeably
_TURN = 1.0  # degrees between two statements of north
_HIGHEST = 9000.0  # metres; no site lies above
_TALLEST, _WIDEST, _LEAST = 2000.0, 20_000.0, 0.5
"""Metres that a building may measure: up, across, and at least."""


def apart(one: SitePoint, other: SitePoint) -> float:
    """Metres along the ellipsoid between two points."""
    geod = Geod(ellps="WGS84")
    return float(geod.inv(one.longitude, one.latitude, other.longitude, other.latitude)[2])


def site_finding(site: SitePoint) -> Finding:
    """That a model was placed by its site, and whether its site is one that nobody chose."""
    where = f"{site.latitude:.5f}, {site.longitude:.5f}"
    evidence = f"IfcSite: latitude {site.latitude:.6f}, longitude {site.longitude:.6f}"
    for city, (latitude, longitude) in _PLACEHOLDERS.items():
        near = max(abs(site.latitude - latitude), abs(site.longitude - longitude))
        if near < _NEAR_PLACEHOLDER:
            return Finding(
                "warning",
                "placeholder_location",
                f"placed by the latitude and longitude of its site ({where}), which authoring "
                f"tools write by default ({city}): low confidence",
                "check the position on the map; give an anchor if it is wrong",
                evidence,
            )
    message = f"placed by the latitude and longitude of its site ({where}) and true north"
    return Finding("info", "placed_by_site", message, "accurate to some metres at best", evidence)


def elevation_findings(site: SitePoint | None) -> tuple[Finding, ...]:
    """Whether the site is said to be higher than any mountain: its elevation is in another unit."""
    if site is None or abs(site.elevation) <= _HIGHEST:
        return ()
    meant = site.elevation / 1000
    message = f"its site is said to be {site.elevation:,.0f} m above the sea"
    fix = {"height_offset": round(meant - site.elevation, 3)}
    hint = f"if {meant:g} m is meant, lower it by the difference"
    evidence = f"RefElevation of IfcSite is {site.elevation:g} m in the unit of the project"
    return (Finding("warning", "implausible_elevation", message, hint, evidence, fix),)


def far_from_origin(centre: NDArray[np.float64]) -> tuple[Finding, ...]:
    """Whether the model stands far from the point by which it is placed (offset (3,) in metres)."""
    away = math.hypot(centre[0], centre[1])
    if away <= _FAR:
        return ()
    message = (
        f"the model stands {away / 1000:.1f} km from the point by which it is placed: project "
        "base point and survey point may have been mixed up"
    )
    evidence = f"its middle is {centre[0]:.1f} m / {centre[1]:.1f} m from there"
    hint = "check the position on the map"
    return (Finding("warning", "far_from_origin", message, hint, evidence),)


def north_finding(turned: float, stated: float, convergence: float) -> tuple[Finding, ...]:
    """Whether true north as `stated` and as a map conversion implies it (`turned`) differ.

    All in radians from the model's x axis; `convergence` is true north from grid east.
    """
    difference = math.degrees(math.remainder(turned - stated, 2 * math.pi))
    if abs(difference) <= _TURN:
        return ()
    message = (
        f"its map conversion turns it {abs(difference):.1f}° otherwise than its true north; "
        "the map conversion was used"
    )
    evidence = (
        f"true north from the model's x axis: {math.degrees(stated):.2f}° as stated, "
        f"{math.degrees(turned):.2f}° by the map conversion; meridian convergence there "
        f"{90 - math.degrees(convergence):.2f}°"
    )
    return (Finding("warning", "contradictory_north", message, "check the rotation", evidence),)


def size_findings(size: NDArray[np.float64], unit: float) -> tuple[Finding, ...]:
    """Whether a building of that size (3,) in metres was drawn in another unit than stated.

    `unit` is what one unit of the file is in metres.
    """
    across, up = float(size[:2].max()), float(size[2])
    if up > _TALLEST or across > _WIDEST:
        meant = {1.0: "mm", 0.3048: "mm", 0.01: "mm"}.get(unit, "")
        problem = "far too large"
    elif 0 < max(across, up) < _LEAST:
        meant = {0.001: "m", 0.01: "m"}.get(unit, "")
        problem = "far too small"
    else:
        return ()
    message = f"the building is {problem}: {across:,.3g} m across, {up:,.3g} m high"
    evidence = f"one unit of the file is {unit:g} m; {size[0]:g} × {size[1]:g} × {size[2]:g} m"
    hint = f"if it was drawn in {meant}, say so" if meant else "say which unit it was drawn in"
    fix = {"length_unit": meant} if meant else {}
    return (Finding("warning", "implausible_size", message, hint, evidence, fix),)
