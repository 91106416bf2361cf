"""What an IFC file says about its place: map conversion, projected CRS, site and true north."""

import math
import re
from dataclasses import dataclass
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from cim.model import Finding
from ingest.ifc.step import Ref, StepFile, Typed
from ingest.ifc.units import Units

_CODE = re.compile(r"(?:EPSG|epsg)\D{0,6}(\d{4,6})")
_LIKE_CRS = re.compile(r" / |zone|^PROJ|^BOUNDCRS|^COMPOUND|\+proj", re.IGNORECASE)
"""What may be looked up: the search for a name that does not exist takes a second."""
_UNIT_NAMES = {"METRE": 1.0, "METER": 1.0, "M": 1.0, "MILLIMETRE": 1e-3, "FOOT": 0.3048}
_UNIT_NAMES |= {"US SURVEY FOOT": 1200 / 3937, "USFOOT": 1200 / 3937, "FTUS": 1200 / 3937}
_COMBINED = 0.01  # how far a combined factor of projection and height may be from 1


@dataclass(frozen=True, slots=True)
class MapConversion:
    """From the project's coordinates to a projected CRS, as the file puts it."""

    name: str
    """What the file calls the CRS."""
    crs: str
    """``EPSG:…`` of the horizontal CRS, or empty if it cannot be told."""
    eastings: float
    northings: float
    height: float
    abscissa: float
    ordinate: float
    scale: float | None
    map_unit: float
    """Metres in one unit of `eastings`."""
    project_unit: float
    """Metres in one unit of the project."""
    height_datum: str = ""

    @property
    def is_null(self) -> bool:
        """Whether it moves nothing: exporters write one so that there is a CRS."""
        return self.eastings == 0 and self.northings == 0

    def factor(self) -> tuple[float, tuple[Finding, ...]]:
        """By how much distances in metres grow on the map, and what was odd about the scale.

        Exporters write into Scale the ratio of the units, its inverse, nothing or 1, each
        possibly times the combined factor of the projection; all mean nearly the same size.
        """
        if self.scale is None:
            return 1.0, ()
        ratio = self.project_unit / self.map_unit
        for meant in (ratio, 1.0, 1 / ratio):
            if abs(self.scale / meant - 1) < _COMBINED:
                return self.scale / meant, ()
        message = (
            f"the Scale {self.scale:g} of the map conversion fits neither the units nor a "
            "projection; it was left out"
        )
        return 1.0, (Finding("warning", "map_scale", message, hint="check the size on the map"),)


def find_conversion(step: StepFile, units: Units) -> MapConversion | None:
    """The map conversion of the file: its own entity, or the ePSets of IFC 2x3; None if neither.

    The ePSets count wherever they hang: on the project, the site or the building.
    """
    project_unit = units.length or 1.0
    for number in step.of_type("IFCMAPCONVERSION", "IFCMAPCONVERSIONSCALED"):
        target = step.arg(number, 1)
        crs = [step.arg(target, place) for place in range(7)] if isinstance(target, Ref) else []
        unit = units.scale_of(crs[6]) if crs and isinstance(crs[6], Ref) else None
        values = [step.arg(number, place) for place in range(2, 8)]
        names = [_text(each) for each in crs[:6]] + _well_known_text(step, target)
        return _conversion(values, names, unit, project_unit)
    for number in step.of_type("IFCRIGIDOPERATION"):
        target = step.arg(number, 1)
        crs = [_text(step.arg(target, place)) for place in range(6)]
        values = [_value(step.arg(number, place)) for place in range(2, 5)]
        found = _conversion([*values, None, None, None], crs, None, project_unit)
        if found is not None and found.crs:
            return found
    return _from_sets(step, project_unit)


def _well_known_text(step: StepFile, crs: Any) -> list[str]:
    texts = step.of_type("IFCWELLKNOWNTEXT")
    return [_text(step.arg(each, 0)) for each in texts if step.arg(each, 1) == crs]


_VALUES = ("Eastings", "Northings", "OrthogonalHeight", "XAxisAbscissa", "XAxisOrdinate", "Scale")
_CRS = ("Name", "Description", "GeodeticDatum", "VerticalDatum", "MapProjection", "MapZone")


def _from_sets(step: StepFile, project_unit: float) -> MapConversion | None:
    sets: dict[str, dict[str, Any]] = {}
    for number in step.of_type("IFCPROPERTYSET"):
        name = _text(step.arg(number, 2)).lower()
        if name in {"epset_mapconversion", "epset_projectedcrs"}:
            members = [step.args(each) for each in step.refs(number, 4)]
            # as they stand: these lengths are in the map's unit, whatever the project's is
            sets[name] = {str(each[0]): _value(each[2]) for each in members if len(each) > 2}
    conversion = sets.get("epset_mapconversion", {})
    crs_set = sets.get("epset_projectedcrs", {})
    unit = _UNIT_NAMES.get(_text(crs_set.get("MapUnit")).upper())
    crs = [_text(crs_set.get(key)) for key in _CRS]
    return _conversion([conversion.get(key) for key in _VALUES], crs, unit, project_unit)


def _value(value: Any) -> Any:
    return value.value if isinstance(value, Typed) else value


def _conversion(
    values: list[Any], crs: list[str], unit: float | None, project_unit: float
) -> MapConversion | None:
    numbers = [each if isinstance(each, int | float) else None for each in values]
    east, north, height, abscissa, ordinate, scale = numbers
    if east is None or north is None or not (math.isfinite(east) and math.isfinite(north)):
        return None
    if not abscissa and not ordinate:
        abscissa, ordinate = 1.0, 0.0
    code, vertical = _known(crs)
    return MapConversion(
        name=next((each for each in crs[:2] if each), ""),
        crs=code,
        eastings=east,
        northings=north,
        height=height or 0.0,
        abscissa=abscissa or 0.0,
        ordinate=ordinate or 0.0,
        scale=scale or None,
        map_unit=unit or _unit_of(code),
        project_unit=project_unit,
        height_datum=vertical or (crs[3] if len(crs) > 3 else ""),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _unit_of(code: str) -> float:
    return float(CRS.from_user_input(code).axis_info[0].unit_conversion_factor) if code else 1.0


def _known(crs: list[str]) -> tuple[str, str]:
    """``EPSG:…`` of the horizontal CRS and the name of the vertical one; empty if unknown."""
    joined = " ".join(crs)
    codes = _CODE.findall(" ".join(crs[:2]))
    if "EPSG" in joined.upper():
        codes += [each for each in (crs[0], *crs[4:6]) if each.isdigit()]
    codes += _CODE.findall(" ".join(crs[4:6]))
    named = [each for each in (*crs[:2], *crs[6:]) if _LIKE_CRS.search(each)]
    for candidate in [f"EPSG:{code}" for code in codes] + named:
        try:
            found = CRS.from_user_input(candidate)
        except CRSError:
            continue
        parts = found.sub_crs_list or [found]
        if parts[0].is_projected:
            authority = parts[0].to_authority()
            vertical = parts[1].name if len(parts) > 1 else ""
            return ":".join(authority) if authority else parts[0].to_wkt(), vertical
    return "", ""
