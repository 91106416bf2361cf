"""Pipes, cables and ducts with the manholes and fittings between them, as nodes and edges."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ingest.ifc.meshes import Shape
from ingest.ifc.placement import world_matrix
from ingest.ifc.products import Product, Products
from ingest.ifc.step import Ref, StepFile

Points = NDArray[np.float64]
SEGMENTS = frozenset({"Pipe", "Cable", "Canal"})
_NODES = frozenset({"Manhole", "Valve", "UtilityNode"})
_REACH = 0.5  # metres from the end of a segment to the body of what it runs into
_SAME = 0.05  # metres between two ends that are one
_NETWORKS = {
    "STORMWATER": "storm",
    "RAINWATER": "storm",
    "SEWAGE": "sewer",
    "WASTEWATER": "sewer",
    "DRAINAGE": "sewer",
    "WATERSUPPLY": "water",
    "DOMESTICCOLDWATER": "water",
    "POTABLEWATER": "water",
    "FIREPROTECTION": "water",
    "GAS": "gas",
    "FUEL": "gas",
    "HEATING": "heat",
    "DOMESTICHOTWATER": "heat",
    "ELECTRICAL": "power",
    "LIGHTING": "power",
    "POWERGENERATION": "power",
    "COMMUNICATION": "telecom",
    "DATA": "telecom",
    "SIGNAL": "telecom",
    "TELEPHONE": "telecom",
    "TV": "telecom",
}
"""PredefinedType of an IfcDistributionSystem → network."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where a segment begins or ends, in project axes and metres."""

    number: int
    owner: int
    where: Points | None
    """(3,)"""
    flow: str
    """``SOURCE`` where something flows out, ``SINK`` where it flows in."""


@dataclass(frozen=True, slots=True)
class Run:
    """The course of a segment: its line from start to end, and what it joins."""

    line: Points
    """(n, 3) in project axes and metres."""
    start: int | None
    """STEP number of the node; None if nothing is there."""
    end: int | None


class Network:
    """What the segments of a file connect: by ports where there are any, else by touch."""

    def __init__(
        self, step: StepFile, products: Products, shapes: dict[int, Shape], length: float
    ) -> None:
        """`shapes` are in project axes and metres; `length` is metres in one unit of the file."""
        self._step, self._products, self._shapes, self._length = step, products, shapes, length
        self._segments = [each for each in products.objects if each.city_class in SEGMENTS]
        self._joints = [each for each in products.objects if each.city_class in _NODES]
        self._systems = self._networks()
        self._ports, self._partners = self._connections()
        self._boxes = {
            each.number: (shapes[each.number].vertices.min(0), shapes[each.number].vertices.max(0))
            for each in self._joints
            if each.number in shapes
        }
        self.runs = {
            each.number: run
            for each in self._segments
            if (run := self._run(each.number)) is not None
        }
        """By STEP number of the segment."""

    def _networks(self) -> dict[int, str]:
        """Network of every member of a system that says what it is for."""
        step = self._step
        found: dict[int, str] = {}
        for relation in step.of_type("IFCRELASSIGNSTOGROUP"):
            for group in step.refs(relation, 6):
                if step.type(group) == "IFCDISTRIBUTIONSYSTEM":
                    network = _NETWORKS.get(str(step.arg(group, 6)), "")
                    found |= {each: network for each in step.refs(relation, 4) if network}
        return found

    def _connections(self) -> tuple[dict[int, list[Port]], dict[int, int]]:
        """Ports by their owner, and the port at the other side of each."""
        step = self._step
        owners: dict[int, int] = {
            port: owner
            for relation in step.of_type("IFCRELNESTS")
            for owner in step.refs(relation, 4)
            for port in step.refs(relation, 5)
        }
        owners |= {
            port: owner
            for relation in step.of_type("IFCRELCONNECTSPORTTOELEMENT")
            for port in step.refs(relation, 4)
            for owner in step.refs(relation, 5)
        }
        ports: dict[int, list[Port]] = defaultdict(list)
        for number in step.of_type("IFCDISTRIBUTIONPORT"):
            if number in owners:
                port = Port(number, owners[number], self._origin(number), self._flow(number))
                ports[owners[number]].append(port)
        partners: dict[int, int] = {}
        for relation in step.of_type("IFCRELCONNECTSPORTS"):
            for one in step.refs(relation, 4):
                for other in step.refs(relation, 5):
                    partners[one], partners[other] = other, one
        return ports, {one: owners.get(other, -1) for one, other in partners.items()}

    def _flow(self, port: int) -> str:
        return str(self._step.arg(port, 7) or "")

    def _origin(self, number: int) -> Points | None:
        matrix = world_matrix(self._step, self._step.arg(number, 5))
        return None if matrix is None else np.asarray(matrix[:3, 3] * self._length, float)

    def _run(self, number: int) -> Run | None:
        ports = sorted(
            (each for each in self._ports.get(number, ()) if each.where is not None),
            key=lambda port: port.flow == "SOURCE",
        )
        line = self._axis(number)
        ends = [each.where for each in (ports[0], ports[-1])] if len(ports) > 1 else []
        if line is None:
            line = np.array(ends) if ends else self._along(number)
        elif ends and np.linalg.norm(line[0] - ends[0]) > np.linalg.norm(line[-1] - ends[0]):
            line = line[::-1]
        if line is None or not np.isfinite(line).all():
            return None
        joined = [self._partners.get(each.number) for each in (ports[0], ports[-1])] if ends else []
        start, end = joined or (None, None)
        return Run(line, self._joint(start, line[0]), self._joint(end, line[-1]))

    def _joint(self, partner: int | None, where: Points) -> int | None:
        """The node that a port leads to, else the one whose body the end is in or at."""
        if partner in self._boxes or partner in {each.number for each in self._joints}:
            return partner
        gaps = {
            number: float(np.linalg.norm(np.maximum(np.maximum(low - where, where - high), 0)))
            for number, (low, high) in self._boxes.items()
        }
        nearest = min(gaps, key=lambda number: gaps[number], default=None)
        return nearest if nearest is not None and gaps[nearest] <= _REACH else None

    def _axis(self, number: int) -> Points | None:
        """The polyline that a segment gives as its axis."""
        step = self._step
        matrix = world_matrix(step, step.arg(number, 5))
        shape = step.arg(number, 6)
        if matrix is None or not isinstance(shape, Ref):
            return None
        for representation in step.refs(shape, 2):
            if step.arg(representation, 1) != "Axis":
                continue
            for item in step.refs(representation, 3):
                points = [step.arg(each, 0) for each in step.refs(item, 0)]
                if step.type(item) == "IFCPOLYLINE" and len(points) > 1:
                    local = np.array([[*each, 0.0][:3] for each in points], float)
                    return np.asarray((local @ matrix[:3, :3].T + matrix[:3, 3]) * self._length)
        return None

    def _along(self, number: int) -> Points | None:
        """From end to end through the middle of the body, along its longest direction."""
        shape = self._shapes.get(number)
        if shape is None:
            return None
        middle = shape.vertices.mean(0)
        _, vectors = np.linalg.eigh(np.cov((shape.vertices - middle).T))
        reach = (shape.vertices - middle) @ vectors[:, -1]
        ends: Points = middle + np.outer([reach.min(), reach.max()], vectors[:, -1])
        return ends

    def attributes(self, number: int) -> dict[str, Any]:
        """What `cim.networks.UTILITY_ATTRIBUTES` calls what is known of a segment."""
        run = self.runs.get(number)
        if run is None:
            return {}
        known: dict[str, Any] = {"length_m": round(_length(run.line), 6), "z_reference": "axis"}
        if number in self._systems:
            known["network"] = self._systems[number]
        radius = self._radius(number)
        if radius is not None:
            known |= {
                "section": "circular",
                "diameter_m": round(2 * radius * self._length, 6),
                "diameter_kind": "outer",
            }
        return known

    def _radius(self, number: int) -> float | None:
        """Outer radius of a straight round pipe in project units."""
        step = self._step
        shape = step.arg(number, 6)
        for representation in step.refs(shape, 2) if isinstance(shape, Ref) else ():
            for item in step.refs(representation, 3):
                profile = step.arg(item, 0)
                if isinstance(profile, Ref) and step.type(profile).startswith("IFCCIRCLE"):
                    radius = step.arg(profile, 3)
                    return float(radius) if isinstance(radius, int | float) else None
        return None

    def tables(
        self, apply: Any, objects: dict[int, Product], network: str = ""
    ) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
        """(nodes, edges) with `schema.NODE_COLUMNS` and `EDGE_COLUMNS`; None where there are none.

        `apply` brings points (n, 3) into the CRS of the result; `network` is what the user says.
        """
        if not self.runs:
            return None, None
        nodes: dict[tuple[str, str], dict[str, Any]] = {}
        edges = []
        loose = _Loose()
        for number, run in self.runs.items():
            name = network or self._systems.get(number, "other")
            edge = {"network": name, "object_id": objects[number].global_id}
            ends = (("start_node", run.start, 0), ("end_node", run.end, -1))
            for column, joint, place in ends:
                where = run.line[place]
                owner = None if joint is None else objects[joint].global_id
                node_id = owner or loose.name(where)
                x, y, z = apply(self._place(joint, where)[None, :])[0]
                row = {"network": name, "node_id": node_id, "x": x, "y": y, "z": z}
                nodes.setdefault((name, node_id), row | {"object_id": owner})
                edge[column] = node_id
            edges.append(edge | {"length": _length(run.line)})
        return pd.DataFrame(list(nodes.values())), pd.DataFrame(edges)

    def _place(self, joint: int | None, where: Points) -> Points:
        """The middle of a node's body, at the lowest point of it; `where` if it has none."""
        if joint is None or joint not in self._boxes:
            return where
        low, high = self._boxes[joint]
        return np.array([*((low + high) / 2)[:2], low[2]])


def _length(line: Points) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


class _Loose:
    """Names for ends at which nothing stands; ends at one place share theirs."""

    def __init__(self) -> None:
        self._known: list[Points] = []

    def name(self, where: Points) -> str:
        """The name of the end there."""
        for place, known in enumerate(self._known):
            if np.linalg.norm(known - where) <= _SAME:
                return f"end {place + 1}"
        self._known.append(where)
        return f"end {len(self._known)}"
