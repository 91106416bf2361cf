"""Where the coordinates of a model without CRS are, by comparing drawn lengths with stated ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from cim.errors import ParamError
from cim.geodesy import OFFSET_SYSTEMS, horizontal, named_crs
from cim.model import Finding
from ingest.features import Log
from ingest.inp import Document, NetworkRows
from ingest.reader import Reading, ReadOptions
from ingest.referencing import locate

UNITS: Final[Mapping[str, float]] = MappingProxyType({"m": 1.0, "ft": 0.3048, "us-ft": 1200 / 3937})
"""Metres in the units that models are drawn in."""

LIKE: Final = 0.1
"""Relative difference up to which a stated length fits a drawn one."""

TRUE_TO_SCALE: Final = 0.6
"""Share of links whose lengths fit above which a drawing is a map."""

SHORTEST: Final = 5.0
"""Metres below which a stated length says little."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a model says about its own coordinates."""

    nodes: NDArray[np.float64]
    """(n, 2) as written in the file."""
    lines: NDArray[np.object_]
    """(k,) links as drawn, in the same coordinates."""
    lengths: NDArray[np.float64]
    """(k,) lengths in metres as stated; NaN where none is."""
    named: str = ""
    """A CRS that the title mentions."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a model lies: multiply its coordinates by `scale` to have them in `crs`."""

    crs: str = ""
    crs_source: str = ""
    scale: float = 1.0
    findings: tuple[Finding, ...] = field(default=())


def site_of(drawing: Drawing, options: ReadOptions) -> Site:
    """Where a model lies; without a CRS, what its coordinates look like is an error among findings.

    Raises
    ------
    SourceError
        If the user's CRS is unknown.
    ParamError
        If the user's unit of length is none of `UNITS`.
    """
    if options.length_unit and options.length_unit not in UNITS:
        problem = f"coordinates are not in {options.length_unit!r}"
        raise ParamError(problem, where="length_unit", hint=", ".join(UNITS))
    metres, share = _metres_per_unit(drawing)
    if not options.crs:
        missing = _crs_missing(drawing, metres, share)
        if not options.anchor:
            return Site(findings=(missing,))
        drawn = missing.code == "schematic_coordinates"
        return Site(findings=(replace(missing, severity="warning", hint=""),) if drawn else ())
    boxes = np.column_stack([drawing.nodes, drawing.nodes])
    place = locate("", "", options.crs, boxes)
    system = horizontal(named_crs(place.crs)) if place.crs not in OFFSET_SYSTEMS else None
    own = 1.0
    if system is not None and not system.is_geographic:
        own = float(system.axis_info[0].unit_conversion_factor)
    scale = UNITS[options.length_unit] / own if options.length_unit else 1.0
    if scale != 1.0:
        place = locate("", "", options.crs, boxes * scale)
    findings = _contradictions(drawing, metres / scale, share, own, options)
    if not any(each.code == "schematic_coordinates" for each in findings):
        findings = [*place.findings, *findings]  # a drawing lies where its user says
    return Site(place.crs, "user", scale, tuple(findings))


def placed(
    rows: NetworkRows, site: Site, document: Document, log: Log, *, american: bool
) -> Reading:
    """The reading of a model whose objects are in `rows`, lying at `site`."""
    log.close()
    return Reading(
        site.crs,
        site.crs_source,
        rows.batches(),
        total=len(rows.objects),
        encoding=document.encoding,
        length_unit="ft" if american else "m",
        rejected=log.rejected,
        findings=log.findings,
    )


def _metres_per_unit(drawing: Drawing) -> tuple[float, float]:
    """(median stated metres per drawn unit, share of links near it); NaN if nothing tells."""
    if _in_degrees(drawing.nodes):
        points, owner = shapely.get_coordinates(drawing.lines, return_index=True)
        together = owner[1:] == owner[:-1]
        _, _, steps = Geod(ellps="WGS84").inv(*points[:-1].T, *points[1:].T)
        drawn = np.bincount(
            owner[1:][together], np.asarray(steps)[together], minlength=len(drawing.lines)
        ).astype(np.float64)
        ratio, share = _agreement(drawing.lengths, drawn)
        if share >= TRUE_TO_SCALE and abs(ratio - 1) < LIKE:
            return 1.0, share
    return _agreement(drawing.lengths, shapely.length(drawing.lines))


def _agreement(stated: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[float, float]:
    telling = (drawn > 0) & (stated >= SHORTEST)
    if not telling.any():
        return float("nan"), 0.0
    ratios = stated[telling] / drawn[telling]
    middle = float(np.median(ratios))
    return middle, float((np.abs(ratios / middle - 1) < LIKE).mean())


def _in_degrees(nodes: NDArray[np.float64]) -> bool:
    return bool(len(nodes)) and bool((np.abs(nodes) <= (180, 90)).all())


def _unit_of(metres: float) -> str:
    """The unit that is so many metres long; empty if there is none."""
    return next((unit for unit, each in UNITS.items() if abs(metres / each - 1) < LIKE), "")


def _crs_missing(drawing: Drawing, metres: float, share: float) -> Finding:
    what = "the file does not say which coordinate system it uses"
    west, south = drawing.nodes.min(axis=0)
    east, north = drawing.nodes.max(axis=0)
    extent = f"x {west:g} to {east:g}, y {south:g} to {north:g}"
    if not np.isfinite(metres):
        return Finding("error", "crs_missing", what, "set the CRS", extent)
    evidence = (
        f"{extent}; stated lengths are {metres:.4g} m for each unit drawn,"
        f" within {LIKE:.0%} for {share:.0%} of the links"
    )
    if share < TRUE_TO_SCALE:
        message = "its coordinates are a drawing, not a map: stated and drawn lengths do not fit"
        hint = "put surveyed coordinates into [COORDINATES], or say where it lies with an anchor"
        return Finding("error", "schematic_coordinates", message, hint, evidence)
    unit = _unit_of(metres) or f"units of {metres:.4g} m"
    message = f"{what}; the coordinates are true to scale, in {_spelled(unit)}"
    fix: dict[str, Any] = {}
    hint = f"set the CRS, one in {_spelled(unit)}"
    if drawing.named:
        hint = f"the title mentions {drawing.named}"
        fix = {"crs": drawing.named}
        own = horizontal(named_crs(drawing.named)).axis_info[0].unit_conversion_factor
        if unit in UNITS and abs(own / UNITS[unit] - 1) > LIKE:
            fix["length_unit"] = "us-ft" if unit == "ft" else unit
            hint += f", whose unit is another: the coordinates are in {_spelled(unit)}"
    return Finding("error", "crs_missing", message, hint, evidence, fix)


def _spelled(unit: str) -> str:
    return {"m": "metres", "ft": "feet", "us-ft": "US survey feet"}.get(unit, unit)


def _contradictions(
    drawing: Drawing, metres: float, share: float, own: float, options: ReadOptions
) -> list[Finding]:
    """What to say where stated lengths do not fit the user's CRS, in which a unit is `own` m."""
    if not np.isfinite(metres):
        return []
    evidence = f"{metres / own:.4g} m stated for each metre drawn, for {share:.0%} of the links"
    if share < TRUE_TO_SCALE:
        message = "its coordinates are a drawing, not a map: stated and drawn lengths do not fit"
        return [Finding("warning", "schematic_coordinates", message, "see where it lies", evidence)]
    if _in_degrees(drawing.nodes) or abs(metres / own - 1) < LIKE:
        return []
    unit = _unit_of(metres)
    message = f"the coordinates are {_spelled(unit) or 'in another unit'}, not {options.crs}'s unit"
    severity: Any = "warning" if options.length_unit or not unit else "error"
    fix = {"length_unit": "us-ft" if unit == "ft" else unit} if severity == "error" else {}
    hint = "say the unit of the coordinates, or use a CRS in that unit"
    return [Finding(severity, "coordinate_unit", message, hint, evidence, fix)]
