"""Pipe networks of LandXML: structures are nodes, pipes are edges between them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import shapely

from cim.model import Rejection
from ingest.citygml.geometry import local_name
from ingest.inp import NetworkRows

NETWORK_OF: Final[Mapping[str, str]] = MappingProxyType(
    {"sanitary": "sewer", "storm": "storm", "water": "water", "gas": "gas", "power": "power"}
    | {"electric": "power", "telecom": "telecom", "heat": "heat", "districtheating": "heat"}
)
"""``pipeNetType`` → network."""

UNKNOWN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Units:
    """What the file's units are in metres."""

    length: float = 1.0
    elevation: float = 1.0
    diameter: float = 1.0


def number(element: Any, name: str, times: float = 1.0) -> float:
    """An attribute as a number, NaN if it is none."""
    try:
        return float(element.get(name)) * times
    except (TypeError, ValueError):
        return UNKNOWN


def properties(element: Any) -> dict[str, str]:
    """Labelled values of the ``Feature`` elements directly in an element."""
    return {
        each.get("label"): each.get("value")
        for feature in element.iterchildren("{*}Feature")
        for each in feature.iterchildren("{*}Property")
        if each.get("label") and each.get("value")
    }


@dataclass(slots=True)
class Network:
    """One ``PipeNetwork`` on its way into rows."""

    element: Any
    units: Units
    rows: NetworkRows
    rejected: list[Rejection]

    def read(self) -> None:
        """Take in all structures, then all pipes."""
        places: dict[str, tuple[float, float]] = {}
        inverts: dict[tuple[str, str], float] = {}
        for struct in self.element.iterdescendants("{*}Struct"):
            self._structure(struct, places, inverts)
        for pipe in self.element.iterdescendants("{*}Pipe"):
            self._pipe(pipe, places, inverts)

    def _structure(
        self, struct: Any, places: dict[str, Any], inverts: dict[tuple[str, str], float]
    ) -> None:
        name = struct.get("name") or ""
        full = f"{self._prefix()}structure/{name}"
        centre = next((each.text or "" for each in struct.iterchildren("{*}Center")), "")
        try:
            north, east = (float(each) * self.units.length for each in centre.split()[:2])
        except ValueError:
            reason = f"its centre {centre[:40]!r} is no place"
            self.rejected.append(Rejection(full, "no_coordinates", reason))
            return
        level = self.units.elevation
        places[name] = east, north
        for each in struct.iterchildren("{*}Invert"):
            inverts[name, each.get("refPipe") or ""] = number(each, "elev", level)
        rim, sump = number(struct, "elevRim", level), number(struct, "elevSump", level)
        known = {"name", "elevRim", "elevSump", "desc"}
        attributes = {
            **{key: each for key, each in struct.attrib.items() if key not in known},
            **self._shape(struct, "Struct"),
            **properties(struct),
            "network": self.rows.network,
            "source_id": name,
            "invert_m": sump,
            "depth_m": rim - sump,
            "description": struct.get("desc"),
        }
        z = sump if math.isnan(rim) else rim
        known_z = not math.isnan(z)
        kind = "Manhole" if known_z else "UtilityNode"
        point = shapely.Point(east, north, z) if known_z else shapely.Point(east, north)
        self.rows.add(full, kind, point, attributes, name=name, ground_height=rim)
        self.rows.node(name, (east, north), sump, full)

    def _pipe(
        self, pipe: Any, places: Mapping[str, Any], inverts: Mapping[tuple[str, str], float]
    ) -> None:
        name = pipe.get("name") or ""
        full = f"{self._prefix()}pipe/{name}"
        start, end = pipe.get("refStart") or "", pipe.get("refEnd") or ""
        if start not in places or end not in places:
            lost = start if start not in places else end
            reason = f"the structure {lost!r} where it ends is not in the file"
            self.rejected.append(Rejection(full, "no_coordinates", reason))
            return
        levels = [inverts.get((at, name), UNKNOWN) for at in (start, end)]
        ends = [places[start], places[end]]
        with_z = not any(map(math.isnan, levels))
        if with_z:
            ends = [(*at, z) for at, z in zip(ends, levels, strict=True)]
        known = {"name", "refStart", "refEnd", "length", "desc"}
        attributes = {
            **{key: each for key, each in pipe.attrib.items() if key not in known},
            **self._shape(pipe, "Pipe"),
            **properties(pipe),
            "network": self.rows.network,
            "source_id": name,
            "invert_start_m": levels[0],
            "invert_end_m": levels[1],
            "length_m": number(pipe, "length", self.units.length),
            "z_reference": "invert" if with_z else None,
            "description": pipe.get("desc"),
        }
        line = shapely.LineString(ends)
        self.rows.add(full, "Pipe", line, attributes, name=name)
        self.rows.edge(full, start, end, line)

    def _prefix(self) -> str:
        name = self.element.get("name")
        return f"{name}/" if name else ""

    def _shape(self, element: Any, ending: str) -> dict[str, Any]:
        """Section, size and material, as ``CircPipe`` or ``RectStruct`` says."""
        times = self.units.diameter
        for each in element:
            kind = local_name(each.tag)
            if not kind.endswith(ending) or kind == ending:
                continue
            said: dict[str, Any] = {
                key: value
                for key, value in each.attrib.items()
                if key not in {"diameter", "width", "height", "material", "desc"}
            }
            return said | {
                "section": _SECTIONS.get(kind.removesuffix(ending), kind.removesuffix(ending)),
                "diameter_m": number(each, "diameter", times),
                "section_width_m": number(each, "width", times),
                "section_height_m": number(each, "height", times),
                "material": each.get("material"),
            }
        return {}


_SECTIONS: Final = MappingProxyType(
    {"Circ": "circular", "Rect": "rectangular", "Egg": "egg", "Elli": "elliptical"}
)
