"""Units of an IFC file: what its numbers are in SI."""

import math
from typing import Any

from ingest.ifc.step import Ref, StepFile, Typed
from ingest.meanings import factor

_PREFIXES = {
    "EXA": 1e18,
    "PETA": 1e15,
    "TERA": 1e12,
    "GIGA": 1e9,
    "MEGA": 1e6,
    "KILO": 1e3,
    "HECTO": 1e2,
    "DECA": 1e1,
    "DECI": 1e-1,
    "CENTI": 1e-2,
    "MILLI": 1e-3,
    "MICRO": 1e-6,
    "NANO": 1e-9,
    "PICO": 1e-12,
    "FEMTO": 1e-15,
    "ATTO": 1e-18,
}
_POWERS = {"SQUARE_METRE": 2, "CUBIC_METRE": 3}
_NAMES = {
    1.0: "m",
    0.01: "cm",
    0.001: "mm",
    0.3048: "ft",
    1200 / 3937: "ft (US survey)",
    0.0254: "in",
}

MEASURES = {
    "IFCLENGTHMEASURE": "LENGTHUNIT",
    "IFCPOSITIVELENGTHMEASURE": "LENGTHUNIT",
    "IFCNONNEGATIVELENGTHMEASURE": "LENGTHUNIT",
    "IFCAREAMEASURE": "AREAUNIT",
    "IFCVOLUMEMEASURE": "VOLUMEUNIT",
    "IFCPLANEANGLEMEASURE": "PLANEANGLEUNIT",
    "IFCPOSITIVEPLANEANGLEMEASURE": "PLANEANGLEUNIT",
}
"""Types of values that are converted → kind of unit; every other value stays as it is."""


class Units:
    """Units that a file declares for its project.

    Lengths become metres, areas m², volumes m³, plane angles degrees, masses kg, times seconds.
    """

    def __init__(self, step: StepFile, length_unit: str = "") -> None:
        """`length_unit` is what the user says, such as ``mm``; it goes before the file."""
        self._step = step
        self._scales: dict[str, float] = {}
        for project in step.of_type("IFCPROJECT"):
            for assignment in step.refs(project, 8):
                self._assign(assignment)
        self.declared = self._scales.get("LENGTHUNIT")
        """Metres in the unit of length that the file declares; None if it declares none."""
        if length_unit:
            self._scales["LENGTHUNIT"] = factor(length_unit, "length_unit")
        self.length = self._scales.get("LENGTHUNIT")
        """Metres in one unit of length; None if nobody says."""
        if self.length is not None:
            self._scales.setdefault("AREAUNIT", self.length**2)
            self._scales.setdefault("VOLUMEUNIT", self.length**3)
        self._scales.setdefault("PLANEANGLEUNIT", 180 / math.pi)

    @property
    def length_name(self) -> str:
        """The unit of length as people call it; empty if the file declares none."""
        if self.length is None:
            return ""
        named = (name for size, name in _NAMES.items() if abs(size / self.length - 1) < 1e-7)
        return next(named, f"{self.length:g} m")

    def _assign(self, assignment: Ref) -> None:
        for unit in self._step.refs(assignment, 0):
            kind = self._step.arg(unit, 1)
            scale = self.scale_of(unit)
            if kind and scale is not None:
                self._scales[str(kind)] = scale

    def scale(self, kind: str, unit: Any = None) -> float:
        """SI units in one unit of `kind`, such as ``LENGTHUNIT``; 1 if nothing is declared.

        `unit` is the entity of a unit given with the value itself, which goes first.
        """
        if isinstance(unit, Ref):
            own = self.scale_of(unit)
            if own is not None:
                return own
        return self._scales.get(kind, 1.0)

    def convert(self, value: Typed, unit: Any = None) -> Any:
        """A typed number in SI where its type has a dimension that is converted."""
        kind = MEASURES.get(value.type)
        if kind is None or not isinstance(value.value, int | float):
            return value.value
        return scaled(value.value, self.scale(kind, unit))

    def scale_of(self, unit: Ref, depth: int = 0) -> float | None:
        """SI units (degrees for angles) in one `unit`; None if it cannot be resolved."""
        name = self._step.type(unit)
        if name == "IFCSIUNIT":
            return self._si(unit)
        if not name.startswith("IFCCONVERSIONBASEDUNIT") or depth > 8:
            return None
        factor = self._step.arg(unit, 3)
        if not isinstance(factor, Ref):
            return None
        value = self._step.arg(factor, 0)
        number = value.value if isinstance(value, Typed) else value
        component = self._step.arg(factor, 1)
        if not isinstance(number, int | float) or not isinstance(component, Ref):
            return None
        base = self.scale_of(component, depth + 1)
        return None if base is None or not 0 < number * base < math.inf else number * base

    def _si(self, unit: Ref) -> float | None:
        prefix, name = (str(self._step.arg(unit, place) or "") for place in (2, 3))
        scale = _PREFIXES.get(prefix, 1.0) ** _POWERS.get(name, 1)
        if name == "RADIAN":
            return scale * 180 / math.pi
        return scale / 1000 if name == "GRAM" else scale


def scaled(value: float, scale: float) -> float | None:
    """`value` × `scale` without the dust of the multiplication; None if that is not finite."""
    if scale == 1:
        return value if math.isfinite(value) else None
    product = value * scale
    return float(f"{product:.13g}") if math.isfinite(product) else None
