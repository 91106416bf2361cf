"""What an EPANET model says: its nodes and links in SI units, and what is impossible in it."""

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
    TITLE JUNCTIONS RESERVOIRS TANKS PIPES PUMPS VALVES CONTROLS RULES DEMANDS SOURCES
    EMITTERS PATTERNS CURVES QUALITY STATUS ROUGHNESS ENERGY REACTIONS MIXING REPORT TIMES
    OPTIONS COORDINATES VERTICES LABELS BACKDROP TAGS LEAKAGE END"""
SECTIONS: Final = frozenset(_SECTIONS.split())
"""All sections of EPANET 2.0 to 2.3."""

_TOLD: Final = """
    TITLE JUNCTIONS RESERVOIRS TANKS PIPES PUMPS VALVES DEMANDS EMITTERS STATUS COORDINATES
    VERTICES TAGS LABELS BACKDROP END"""
TOLD: Final = frozenset(_TOLD.split())
"""Sections that objects tell, or that only say how the model looks on a screen."""

FLOWS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "CFS": 0.028316846592,
        "GPM": 6.30901964e-5,
        "MGD": 0.0438126363889,
        "IMGD": 0.0526167824,
        "AFD": 0.0142764101568,
        "CMS": 1.0,
        "LPS": 1e-3,
        "LPM": 1e-3 / 60,
        "MLD": 1e3 / 86_400,
        "CMH": 1 / 3600,
        "CMD": 1 / 86_400,
    }
)
"""m³/s in the units of flow; the first five mean feet and inches, the others metres."""

AMERICAN: Final = frozenset({"CFS", "GPM", "MGD", "IMGD", "AFD"})
INCH: Final = 0.0254

FORMULAE: Final[Mapping[str, str]] = MappingProxyType(
    {"H-W": "Hazen-Williams", "D-W": "Darcy-Weisbach", "C-M": "Manning"}
)
VALVE_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PRV": "pressure reducing valve",
        "PSV": "pressure sustaining valve",
        "PBV": "pressure breaker valve",
        "FCV": "flow control valve",
        "TCV": "throttle control valve",
        "GPV": "general purpose valve",
        "PCV": "positional control valve",
    }
)
INITIAL: Final[Mapping[str, str]] = MappingProxyType(
    {"OPEN": "open", "CLOSED": "closed", "CV": "check valve", "ACTIVE": "active"}
)


@dataclass(frozen=True, slots=True)
class Node:
    """A junction, reservoir or tank."""

    kind: str
    row: Row
    elevation: float
    """Metres; NaN for a reservoir, of which only the head is known."""
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """A pipe, pump or valve."""

    kind: str
    row: Row
    start: str
    end: str
    attributes: dict[str, Any]


@dataclass(slots=True)
class Model:
    """A model being understood; what is impossible becomes a fault of its document."""

    document: Document
    network: str
    log: Log
    flow: str = "GPM"
    formula: str = "H-W"
    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    vertices: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def american(self) -> bool:
        """Whether lengths are in feet and diameters in inches."""
        return self.flow in AMERICAN

    @property
    def metre(self) -> float:
        """Metres in the unit of lengths and elevations."""
        return FOOT if self.american else 1.0

    @property
    def bore(self) -> float:
        """Metres in the unit of pipe diameters."""
        return INCH if self.american else 1e-3

    def read(self) -> None:
        """Understands every section."""
        self._read_options()
        self._read_nodes()
        self._read_links()
        self._read_demands()
        self._read_status()
        self._read_places()
        self._check_connected()

    def _read_options(self) -> None:
        for row in self.document.rows("OPTIONS"):
            name, value = row.get(0).upper(), row.get(1).upper()
            if name.startswith("UNIT"):
                if value not in FLOWS:
                    self.document.fault(row, f"no unit of flow {value!r}: {', '.join(FLOWS)}")
                else:
                    self.flow = value
            elif name.startswith("HEADL"):
                if value not in FORMULAE:
                    self.document.fault(row, f"no formula {value!r}: {', '.join(FORMULAE)}")
                else:
                    self.formula = value
        if not any(row.get(0).upper().startswith("UNIT") for row in self.document.rows("OPTIONS")):
            message = "it does not say its units: EPANET takes gallons per minute, feet and inches"
            self.log.note(Finding("warning", "units_assumed", message))

    def _number(self, row: Row, at: int, what: str, otherwise: float | None = None) -> float:
        return self.document.number(row, at, what, otherwise)

    def _read_nodes(self) -> None:
        nan = float("nan")
        for row in self.document.rows("JUNCTIONS"):
            elevation = self._number(row, 1, "elevation", 0.0) * self.metre
            demand = self._number(row, 2, "demand", nan) * FLOWS[self.flow]
            known = {"demand_m3_s": demand, "demand_pattern": row.get(3)}
            self._add_node("junction", row, elevation, known)
        for row in self.document.rows("RESERVOIRS"):
            head = self._number(row, 1, "head") * self.metre
            self._add_node("reservoir", row, nan, {"head_m": head, "head_pattern": row.get(2)})
        for row in self.document.rows("TANKS"):
            self._add_tank(row)

    def _add_tank(self, row: Row) -> None:
        elevation = self._number(row, 1, "elevation") * self.metre
        names = ("level_initial_m", "level_minimum_m", "level_maximum_m", "tank_diameter_m")
        known: dict[str, Any] = {
            name: self._number(row, at, name[:-2].replace("_", " ")) * self.metre
            for at, name in enumerate(names, 2)
        }
        known["volume_minimum_m3"] = self._number(row, 6, "volume", 0.0) * self.metre**3
        known["volume_curve"] = row.get(7) if row.get(7) != "*" else ""
        self._add_node("tank", row, elevation, known)

    def _add_node(self, kind: str, row: Row, elevation: float, known: dict[str, Any]) -> None:
        name = row.get(0)
        if name in self.nodes:
            before = self.nodes[name].row.where
            self.document.fault(row, f"node {name} comes a second time, first in {before}")
        elif len(row.fields) < 2:
            self.document.fault(row, f"{kind} {name} has no elevation")
        else:
            self.nodes[name] = Node(kind, row, elevation, known)

    def _read_links(self) -> None:
        for row in self.document.rows("PIPES"):
            self._add_pipe(row)
        for row in self.document.rows("PUMPS"):
            words = {row.get(at).upper(): row.get(at + 1) for at in range(3, len(row.fields), 2)}
            known: dict[str, Any] = {f"pump_{key.lower()}": value for key, value in words.items()}
            self._add_link("pump", row, known)
        for row in self.document.rows("VALVES"):
            known = {
                "diameter_m": self._number(row, 3, "diameter") * self.bore,
                "diameter_kind": "inner",
                "valve_kind": VALVE_KINDS.get(row.get(4).upper(), row.get(4)),
                "setting": row.get(5),
                "minor_loss": self._number(row, 6, "loss", 0.0),
            }
            self._add_link("valve", row, known)

    def _add_pipe(self, row: Row) -> None:
        rough = self._number(row, 5, "roughness")
        if self.formula == "D-W":  # thousandths of a foot, or millimetres
            rough *= self.metre
        sixth = row.get(6).upper()
        state = sixth if sixth in INITIAL else (row.get(7).upper() or "OPEN")
        if state not in INITIAL:
            self.document.fault(row, f"the status of pipe {row.get(0)} is {state[:40]!r}")
        known: dict[str, Any] = {
            "length_m": self._number(row, 3, "length") * self.metre,
            "diameter_m": self._number(row, 4, "diameter") * self.bore,
            "diameter_kind": "inner",
            "section": "circular",
            "roughness": rough,
            "roughness_method": FORMULAE[self.formula],
            "minor_loss": 0.0 if sixth in INITIAL else self._number(row, 6, "loss", 0.0),
            "initial_status": INITIAL.get(state, ""),
        }
        for name in ("length_m", "diameter_m"):
            if known[name] <= 0:
                what = name[:-2]
                self.document.fault(row, f"the {what} of pipe {row.get(0)} is not above 0")
        self._add_link("pipe", row, known)

    def _add_link(self, kind: str, row: Row, known: dict[str, Any]) -> None:
        name, ends = row.get(0), (row.get(1), row.get(2))
        if len(row.fields) < 3:
            self.document.fault(row, f"{kind} {name} does not say which nodes it joins")
            return
        if name in self.links:
            before = self.links[name].row.where
            self.document.fault(row, f"link {name} comes a second time, first in {before}")
            return
        for what, node in zip(("starts", "ends"), ends, strict=True):
            if node not in self.nodes:
                problem = f"{kind} {name} {what} at node {node}, which is not in the file"
                self.document.fault(row, problem)
        if ends[0] == ends[1]:
            self.document.fault(row, f"{kind} {name} starts and ends at node {ends[0]}")
        self.links[name] = Link(kind, row, *ends, known)

    def _node(self, row: Row, at: int = 0) -> Node | None:
        found = self.nodes.get(row.get(at))
        if found is None:
            self.document.fault(row, f"node {row.get(at)} is not in the file")
        return found

    def _read_demands(self) -> None:
        """Demands by category, which replace the one given with the junction."""
        replaced: set[str] = set()
        for row in self.document.rows("DEMANDS"):
            if row.get(0).upper() == "MULTIPLY":
                continue
            node = self._node(row)
            if node is None:
                continue
            own = node.attributes
            if row.get(0) not in replaced:
                replaced.add(row.get(0))
                own |= {"demand_m3_s": 0.0, "demand_pattern": "", "demands": []}
            flow = self._number(row, 1, "demand") * FLOWS[self.flow]
            own["demand_m3_s"] += flow
            category = row.text.partition(";")[2].strip()
            entry = {"demand_m3_s": flow, "pattern": row.get(2), "category": category}
            own["demands"].append({key: value for key, value in entry.items() if value != ""})
        for row in self.document.rows("EMITTERS"):
            node = self._node(row)
            if node is not None:
                node.attributes["emitter_coefficient"] = self._number(row, 1, "coefficient")

    def _read_status(self) -> None:
        for row in self.document.rows("STATUS"):
            link = self.links.get(row.get(0))
            if link is None:
                self.document.fault(row, f"link {row.get(0)} is not in the file")
            elif row.get(1).upper() in INITIAL:
                link.attributes["initial_status"] = INITIAL[row.get(1).upper()]
            else:
                link.attributes["setting"] = row.get(1)
        for row in self.document.rows("TAGS"):
            known: Mapping[str, Node | Link] = (
                self.nodes if row.get(0).upper() == "NODE" else self.links
            )
            if row.get(1) in known:
                known[row.get(1)].attributes["tag"] = " ".join(row.fields[2:])

    def _read_places(self) -> None:
        for row in self.document.rows("COORDINATES"):
            place = (self._number(row, 1, "x"), self._number(row, 2, "y"))
            if row.get(0) in self.nodes:
                self.places[row.get(0)] = place
            else:
                what = "coordinates of nodes that are not in the file"
                self.log.count("coordinates_unused", what, "they are left out", 1, row.get(0))
        for row in self.document.rows("VERTICES"):
            place = (self._number(row, 1, "x"), self._number(row, 2, "y"))
            self.vertices.setdefault(row.get(0), []).append(place)

    def _check_connected(self) -> None:
        joined = {end for link in self.links.values() for end in (link.start, link.end)}
        loose = [name for name in self.nodes if name not in joined]
        if loose:
            what = "nodes that no link joins"
            hint = "EPANET refuses to run the model"
            self.log.count("node_not_joined", what, hint, len(loose), loose[0])

    def line(self, name: str, link: Link) -> Any:
        """The link as drawn; None if an end has no coordinates."""
        if link.start not in self.places or link.end not in self.places:
            return None
        inner = self.vertices.get(name, [])
        return shapely.LineString([self.places[link.start], *inner, self.places[link.end]])

    def drawing(self) -> Drawing:
        """What tells where the model lies."""
        drawn = {name: self.line(name, link) for name, link in self.links.items()}
        there = [name for name, line in drawn.items() if line is not None]
        lengths = [self.links[name].attributes.get("length_m", np.nan) for name in there]
        return Drawing(
            np.array(list(self.places.values()), np.float64).reshape(-1, 2),
            np.array([drawn[name] for name in there], dtype=object),
            np.array(lengths, np.float64),
        )
