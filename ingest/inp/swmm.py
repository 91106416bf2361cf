"""What a SWMM model says: its nodes, links and subcatchments in SI units, and its faults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import shapely

from cim.model import Finding
from ingest.features import Log
from ingest.inp import FOOT, Document, Row
from ingest.inp.place import Drawing

_SECTIONS: Final = """
    TITLE OPTIONS FILES RAINGAGES TEMPERATURE EVAPORATION SUBCATCHMENTS SUBAREAS INFILTRATION
    AQUIFERS GROUNDWATER GWF SNOWPACKS JUNCTIONS OUTFALLS STORAGE DIVIDERS CONDUITS PUMPS
    ORIFICES WEIRS OUTLETS XSECTIONS TRANSECTS LOSSES CONTROLS POLLUTANTS LANDUSES BUILDUP
    WASHOFF COVERAGES INFLOWS DWF PATTERNS RDII HYDROGRAPHS LOADINGS TREATMENT CURVES
    TIMESERIES REPORT ADJUSTMENTS EVENTS LID_CONTROLS LID_USAGE STREETS INLETS INLET_USAGE
    COORDINATES VERTICES POLYGONS MAP LABELS SYMBOLS BACKDROP TAGS PROFILES"""
SECTIONS: Final = frozenset(_SECTIONS.split())
"""All sections of SWMM 5.0 to 5.2."""

_TOLD: Final = """
    TITLE RAINGAGES SUBCATCHMENTS SUBAREAS JUNCTIONS OUTFALLS STORAGE DIVIDERS CONDUITS PUMPS
    ORIFICES WEIRS OUTLETS XSECTIONS LID_USAGE INLET_USAGE COORDINATES VERTICES POLYGONS MAP
    LABELS SYMBOLS BACKDROP TAGS PROFILES"""
TOLD: Final = frozenset(_TOLD.split())
"""Sections that objects tell, or that only say how the model looks on a screen."""

AMERICAN: Final = frozenset({"CFS", "GPM", "MGD"})
METRIC: Final = frozenset({"CMS", "LPS", "MLD"})
ACRE: Final = 4046.8564224
HECTARE: Final = 10_000.0

NODE_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "JUNCTIONS": "junction",
        "OUTFALLS": "outfall",
        "STORAGE": "storage",
        "DIVIDERS": "divider",
    }
)
LINK_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CONDUITS": "conduit",
        "PUMPS": "pump",
        "ORIFICES": "orifice",
        "WEIRS": "weir",
        "OUTLETS": "outlet",
    }
)

CLOSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CIRCULAR": "circular",
        "FORCE_MAIN": "circular",
        "FILLED_CIRCULAR": "circular",
        "RECT_CLOSED": "rectangular",
        "RECT_TRIANGULAR": "rectangular with triangular bottom",
        "RECT_ROUND": "rectangular with round bottom",
        "MODBASKETHANDLE": "rectangular with round top",
        "HORIZ_ELLIPSE": "horizontal ellipse",
        "VERT_ELLIPSE": "vertical ellipse",
        "ARCH": "arch",
        "EGG": "egg",
        "HORSESHOE": "horseshoe",
        "GOTHIC": "gothic",
        "CATENARY": "catenary",
        "SEMIELLIPTICAL": "semi-elliptical",
        "BASKETHANDLE": "basket handle",
        "SEMICIRCULAR": "semicircular",
        "CUSTOM": "custom",
    }
)
"""Closed cross-sections; all others are open channels, except DUMMY, which is none."""

ROUND: Final = frozenset({"CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR"})
_WITH_WIDTH: Final = """
    RECT_CLOSED RECT_OPEN RECT_TRIANGULAR RECT_ROUND MODBASKETHANDLE HORIZ_ELLIPSE
    VERT_ELLIPSE ARCH TRIANGULAR PARABOLIC POWER"""
WITH_WIDTH: Final = frozenset(_WITH_WIDTH.split())
"""Shapes whose second measure is their greatest width."""

BY_NAME: Final = frozenset({"IRREGULAR", "STREET", "CUSTOM"})
"""Shapes that a transect, a street or a curve describes."""

_RULE: Final = re.compile(
    r"\b(NODE|LINK|CONDUIT|PUMP|ORIFICE|WEIR|OUTLET|GAGE)\s+(\S+)", re.IGNORECASE
)


@dataclass(slots=True)
class Node:
    """A junction, outfall, storage unit or divider."""

    name: str
    kind: str
    row: Row
    invert: float
    """Metres above the datum."""
    depth: float
    """Metres from the invert to the ground; NaN if the model does not say."""
    attributes: dict[str, Any]


@dataclass(slots=True)
class Link:
    """A conduit, pump, orifice, weir or outlet."""

    name: str
    kind: str
    row: Row
    start: str
    """Key of a node."""
    end: str
    attributes: dict[str, Any]
    shape: str = ""
    """Of the cross-section, as SWMM calls it."""
    offsets: tuple[float, float] = (0.0, 0.0)
    """Above the inverts of its nodes, or elevations; NaN for the invert itself."""


@dataclass(slots=True)
class Area:
    """A subcatchment."""

    name: str
    row: Row
    attributes: dict[str, Any]


@dataclass(slots=True)
class Model:
    """A model being understood; what is impossible becomes a fault of its document.

    Names count without case, as they do for SWMM; the keys here are upper case.
    """

    document: Document
    log: Log
    flow: str = "CFS"
    by_elevation: bool = False
    """Whether offsets of links are elevations."""
    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    areas: dict[str, Area] = field(default_factory=dict)
    gauges: dict[str, Row] = field(default_factory=dict)
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    symbols: dict[str, tuple[float, float]] = field(default_factory=dict)
    vertices: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    polygons: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def american(self) -> bool:
        """Whether lengths are in feet and areas in acres."""
        return self.flow in AMERICAN

    @property
    def metre(self) -> float:
        """Metres in the unit of lengths, depths and elevations."""
        return FOOT if self.american else 1.0

    def read(self) -> None:
        """Understands every section."""
        self._read_options()
        for section, kind in NODE_KINDS.items():
            for row in self.document.rows(section):
                self._add_node(kind, row)
        for section, kind in LINK_KINDS.items():
            for row in self.document.rows(section):
                self._add_link(kind, row)
        self._read_sections()
        for row in self.document.rows("RAINGAGES"):
            self.gauges[row.get(0).upper()] = row
        self._read_areas()
        self._read_usage()
        self._read_places()
        self._check_rules()

    def _read_options(self) -> None:
        options = {name.upper(): each.upper() for name, each in self.document.options().items()}
        self.by_elevation = options.get("LINK_OFFSETS") == "ELEVATION"
        row = next((r for r in self.document.rows("OPTIONS") if r.get(0) == "FLOW_UNITS"), None)
        if row is None:
            message = "it does not say its units: SWMM takes cubic feet per second, and feet"
            self.log.note(Finding("warning", "units_assumed", message))
        elif options["FLOW_UNITS"] not in AMERICAN | METRIC:
            known = ", ".join(sorted(AMERICAN | METRIC))
            self.document.fault(row, f"no unit of flow {options['FLOW_UNITS']!r}: {known}")
        else:
            self.flow = options["FLOW_UNITS"]

    def _number(self, row: Row, at: int, what: str, otherwise: float | None = None) -> float:
        return self.document.number(row, at, what, otherwise)

    def _add_node(self, kind: str, row: Row) -> None:
        name, key = row.get(0), row.get(0).upper()
        if key in self.nodes:
            before = self.nodes[key].row.where
            self.document.fault(row, f"node {name} comes a second time, first in {before}")
            return
        invert = self._number(row, 1, "elevation", 0.0) * self.metre
        depth = float("nan")
        known: dict[str, Any] = {}
        if kind in {"junction", "storage"}:
            depth = self._number(row, 2, "depth", 0.0) * self.metre
            known["depth_initial_m"] = self._number(row, 3, "depth", 0.0) * self.metre
        if kind == "junction":
            known["surcharge_depth_m"] = self._number(row, 4, "depth", 0.0) * self.metre
            ponded = self._number(row, 5, "area", 0.0) * self.metre**2
            known["ponded_area_m2"] = ponded
        else:
            known[f"{kind}_given_as"] = " ".join(row.fields[2 if kind != "storage" else 4 :])
        if depth <= 0:  # SWMM then takes the crown of the highest conduit
            depth = float("nan")
        self.nodes[key] = Node(name, kind, row, invert, depth, known)

    def _add_link(self, kind: str, row: Row) -> None:
        name, key = row.get(0), row.get(0).upper()
        if len(row.fields) < 3:
            self.document.fault(row, f"{kind} {name} does not say which nodes it joins")
            return
        if key in self.links:
            before = self.links[key].row.where
            self.document.fault(row, f"link {name} comes a second time, first in {before}")
            return
        ends = (row.get(1).upper(), row.get(2).upper())
        for at, what in ((1, "starts"), (2, "ends")):
            if row.get(at).upper() not in self.nodes:
                problem = f"{kind} {name} {what} at node {row.get(at)}, which is not in the file"
                self.document.fault(row, problem)
        if ends[0] == ends[1]:
            self.document.fault(row, f"{kind} {name} starts and ends at node {row.get(1)}")
        link = Link(name, kind, row, *ends, {})
        if kind == "conduit":
            self._conduit(link)
        else:
            link.attributes[f"{kind}_given_as"] = " ".join(row.fields[3:])
        self.links[key] = link

    def _conduit(self, link: Link) -> None:
        row, unsaid = link.row, float("nan") if self.by_elevation else 0.0
        first, last = (self._number(row, at, "offset", unsaid) * self.metre for at in (5, 6))
        link.offsets = (first, last)
        link.attributes |= {
            "length_m": self._number(row, 3, "length") * self.metre,
            "roughness": self._number(row, 4, "roughness"),
            "roughness_method": "Manning",
        }
        if link.attributes["length_m"] <= 0:
            self.document.fault(row, f"the length of conduit {link.name} is not above 0")

    def _read_sections(self) -> None:
        for row in self.document.rows("XSECTIONS"):
            link = self.links.get(row.get(0).upper())
            if link is None:
                self.document.fault(row, f"link {row.get(0)} is not in the file")
                continue
            link.shape = row.get(1).upper()
            link.attributes |= self._measures(row, link.shape)
        for link in self.links.values():
            if link.kind == "conduit" and not link.shape:
                problem = f"conduit {link.name} has no cross-section in [XSECTIONS]"
                self.document.fault(link.row, problem)

    def _measures(self, row: Row, shape: str) -> dict[str, Any]:
        known: dict[str, Any] = {"section": CLOSED.get(shape, shape.lower().replace("_", " "))}
        if shape in BY_NAME:
            known["section_described_by"] = row.get(2 if shape != "CUSTOM" else 3)
        if shape in BY_NAME - {"CUSTOM"} or shape == "DUMMY":
            return known
        height = self._number(row, 2, "height of the section") * self.metre
        known["diameter_m" if shape in ROUND else "section_height_m"] = height
        if shape in ROUND:
            known["diameter_kind"] = "inner"
        if shape in WITH_WIDTH:
            known["section_width_m"] = self._number(row, 3, "width", 0.0) * self.metre
        known["barrels"] = int(np.nan_to_num(self._number(row, 6, "barrels", 1.0)))
        return known

    def _read_areas(self) -> None:
        for row in self.document.rows("SUBCATCHMENTS"):
            name, outlet = row.get(0), row.get(2)
            unit = ACRE if self.american else HECTARE
            self.areas[name.upper()] = Area(
                name,
                row,
                {
                    "rain_gauge": row.get(1),
                    "outlet": outlet,
                    "area_m2": self._number(row, 3, "area") * unit,
                    "impervious_percent": self._number(row, 4, "imperviousness"),
                    "width_m": self._number(row, 5, "width") * self.metre,
                    "slope_percent": self._number(row, 6, "slope"),
                },
            )
        known = self.nodes.keys() | self.areas.keys()
        for area in self.areas.values():
            outlet = area.attributes["outlet"]
            if outlet.upper() not in known:
                problem = f"subcatchment {area.name} drains to {outlet}, which is not in the file"
                self.document.fault(area.row, problem)

    def _read_usage(self) -> None:
        """What is kept with a subcatchment or a conduit: subareas, low-impact devices, inlets."""
        for section, name, holders in (
            ("SUBAREAS", "subareas", self.areas),
            ("LID_USAGE", "low_impact_developments", self.areas),
            ("INLET_USAGE", "inlets", self.links),
        ):
            held: Mapping[str, Area | Link] = holders  # type: ignore[assignment]
            for row in self.document.rows(section):
                holder = held.get(row.get(0).upper())
                if holder is None:
                    self.document.fault(row, f"{row.get(0)} is not in the file")
                else:
                    holder.attributes.setdefault(name, []).append(" ".join(row.fields[1:]))
        for row in self.document.rows("TAGS"):
            tagged: Mapping[str, Node | Link | Area] = {
                "NODE": self.nodes,
                "LINK": self.links,
                "SUBCATCH": self.areas,
            }.get(row.get(0).upper(), {})  # type: ignore[assignment]
            if row.get(1).upper() in tagged:
                tagged[row.get(1).upper()].attributes["tag"] = " ".join(row.fields[2:])

    def _read_places(self) -> None:
        for section, places in (("COORDINATES", self.places), ("SYMBOLS", self.symbols)):
            for row in self.document.rows(section):
                places[row.get(0).upper()] = self._place(row)
        for section, lines in (("VERTICES", self.vertices), ("POLYGONS", self.polygons)):
            for row in self.document.rows(section):
                lines.setdefault(row.get(0).upper(), []).append(self._place(row))
        unused = [name for name in self.places if name not in self.nodes]
        if unused:
            what = "coordinates of nodes that are not in the file"
            hint = "they are left out"
            self.log.count("coordinates_unused", what, hint, len(unused), unused[0])

    def _place(self, row: Row) -> tuple[float, float]:
        return self._number(row, 1, "x"), self._number(row, 2, "y")

    def _check_rules(self) -> None:
        """Rules that name what is not there are faults to SWMM."""
        for row in self.document.rows("CONTROLS"):
            text = row.text.partition(";")[0]
            if row.get(0).upper() == "RULE":
                continue
            for kind, name in _RULE.findall(text):
                known: Mapping[str, Any] = {"NODE": self.nodes, "GAGE": self.gauges}.get(
                    kind.upper(), self.links
                )  # type: ignore[assignment]
                if name.upper() not in known:
                    problem = f"a rule names {kind.lower()} {name}, which is not in the file"
                    self.document.fault(row, problem)

    def line(self, key: str) -> Any:
        """The link as drawn; None if an end has no coordinates."""
        link = self.links[key]
        if link.start not in self.places or link.end not in self.places:
            return None
        inner = self.vertices.get(key, [])
        return shapely.LineString([self.places[link.start], *inner, self.places[link.end]])

    def drawing(self) -> Drawing:
        """What tells where the model lies."""
        drawn = {key: self.line(key) for key in self.links}
        there = [key for key, line in drawn.items() if line is not None]
        lengths = [self.links[key].attributes.get("length_m", np.nan) for key in there]
        named = re.search(r"EPSG:\d{4,5}", " ".join(r.text for r in self.document.rows("TITLE")))
        return Drawing(
            np.array(list(self.places.values()), np.float64).reshape(-1, 2),
            np.array([drawn[key] for key in there], dtype=object),
            np.array(lengths, np.float64),
            named[0] if named else "",
        )
