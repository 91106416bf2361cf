"""LandXML as batches: surfaces as they end, networks at the end."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from cim.model import Batch, Finding, Mesh
from ingest import referencing
from ingest.citygml.source import Source, head_of
from ingest.inp import NetworkRows
from ingest.landxml.pipes import NETWORK_OF, Network, Units, properties
from ingest.landxml.surfaces import Surface
from ingest.reader import Reading, ReadOptions, refuse
from ingest.xml_stream import elements, explained, forget

METRES: Final[Mapping[str, float]] = MappingProxyType(
    {"meter": 1.0, "millimeter": 0.001, "centimeter": 0.01, "kilometer": 1000.0, "foot": 0.3048}
    | {"USSurveyFoot": 1200 / 3937, "inch": 0.0254, "mile": 1609.344}
)
"""Unit in ``Units`` → metres."""

NOT_READ: Final = ("Alignment", "Parcel", "CgPoint", "Roadway", "PlanFeature", "Monument")
"""Elements whose absence in the city must be told."""

SAMPLE: Final = 200
"""Points looked at to tell where a file is."""


def open_landxml(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a LandXML file.

    Raises
    ------
    SourceError
        If it is not well-formed, declares entities or holds neither a surface nor a network.
    """
    source = Source(path)
    if head_of(source).doctype:
        raise refuse(path, "it declares a document type", "remove the line with <!DOCTYPE")
    units, system, boxes = _peeked(source, options)
    stated = _stated(system)
    place = referencing.locate(stated, "file", options.crs, boxes, swap=options.swap_axes)
    datum = system.get("verticalDatum") or system.get("verticalCoordinateSystemName") or ""
    reading = Reading(
        place.crs,
        place.source,
        height_datum=options.height_datum or datum,
        encoding=options.encoding,
        findings=list(place.findings),
    )
    reading.batches = _File(source, options, units, reading).batches()
    return reading


def _stated(system: Mapping[str, str]) -> str:
    """The coordinate system as `pyproj` knows it; empty if the file does not say."""
    code = (system.get("epsgCode") or "").strip()
    if code.isdigit():
        return f"EPSG:{code}"
    return system.get("ogcWktCode") or system.get("horizontalCoordinateSystemName") or ""


def _peeked(
    source: Source, options: ReadOptions
) -> tuple[Units, Mapping[str, str], np.ndarray[Any, Any]]:
    """Units, coordinate system and the bounds of some points."""
    units, system, points = Units(), {}, []
    wanted = ("Metric", "Imperial", "CoordinateSystem", "P", "Center")
    with source.opened() as stream, explained(source.path):
        for element in elements(stream, wanted, options.encoding):
            if element.tag.endswith(("}P", "}Center")):
                found = (element.text or "").split()[:2]
                points.append([float(each) for each in found] if _are_numbers(found) else [])
            elif element.tag.endswith("CoordinateSystem"):
                system = dict(element.attrib)
            else:
                units = _units(element)
            if len(points) >= SAMPLE:
                break
    plane = np.array([each[::-1] for each in points if len(each) == 2]).reshape(-1, 2)
    plane *= units.length
    return units, system, np.hstack([plane, plane])


def _are_numbers(texts: list[str]) -> bool:
    try:
        return all(np.isfinite(float(each)) for each in texts)
    except ValueError:
        return False


def _units(element: Any) -> Units:
    length = METRES.get(element.get("linearUnit", "meter"), 1.0)
    level = METRES.get(element.get("elevationUnit", ""), length)
    return Units(length, level, METRES.get(element.get("diameterUnit", ""), length))


@dataclass(slots=True)
class _File:
    """A file on its way into batches."""

    source: Source
    options: ReadOptions
    units: Units
    reading: Reading
    left: Counter[str] = field(default_factory=Counter)
    total: int = 0

    def batches(self) -> Iterator[Batch]:
        """A batch for each surface and each network; at the end the findings."""
        wanted = ("P", "F", "Surface", "PipeNetwork", *NOT_READ)
        surface = Surface()
        with self.source.opened() as stream, explained(self.source.path):
            for element in elements(stream, wanted, self.options.encoding):
                name = element.tag.rpartition("}")[2]
                if name == "P":
                    surface.point(element)
                elif name == "F":
                    surface.face(element)
                elif name == "Surface":
                    yield from self._surface(element, surface)
                    surface = Surface()
                elif name == "PipeNetwork":
                    yield from self._network(element)
                else:
                    self.left[name] += 1
                forget(element)
        self._tell()

    def _tell(self) -> None:
        if not self.total and not self.reading.rejected:
            what = ", ".join(f"{name} {count}" for name, count in self.left.items())
            problem = "it holds neither a surface nor a pipe network"
            raise refuse(self.source.path, problem, f"found: {what or 'nothing else'}")
        if self.left:
            what = ", ".join(f"{name} {count}" for name, count in self.left.items())
            message = f"only surfaces and pipe networks are read; left out: {what}"
            self.reading.findings.append(Finding("warning", "left_out", message))

    def _surface(self, element: Any, surface: Surface) -> Iterator[Batch]:
        name = element.get("name") or f"Surface-{self.total + 1}"
        if not surface.names and not surface.corners:
            self.left["Surface without points"] += 1
            return
        found = surface.mesh(name, (self.units.length, self.units.elevation))
        if not isinstance(found, tuple):
            self.reading.rejected.append(found)
            return
        mesh, outline = found
        if surface.hidden:
            message = f"{surface.hidden} faces of {name} are marked as invisible and left out"
            self.reading.findings.append(Finding("info", "invisible_faces", message))
        lines = sum(1 for _ in element.iterdescendants("{*}Breakline"))
        attributes = {**properties(element), "breaklines": lines or None}
        yield self._terrain(name, mesh, outline, element, attributes)

    def _terrain(
        self, name: str, mesh: Mesh, outline: Any, element: Any, attributes: Mapping[str, Any]
    ) -> Batch:
        self.total += 1
        row: dict[str, Any] = {
            "object_id": name,
            "class": self.options.class_name or "TINRelief",
            "name": name,
        }
        row |= {"lod": "2", "ground_height": float(mesh.vertices[:, 2].min())}
        table = pd.DataFrame([row])
        said = {key: each for key, each in attributes.items() if each is not None}
        said |= {"description": element.get("desc")} if element.get("desc") else {}
        table["attributes"] = pd.Series([said], dtype=object)
        table["geometry"] = pd.Series([outline], dtype=object)
        return Batch(table, [mesh])

    def _network(self, element: Any) -> Iterator[Batch]:
        stated = (element.get("pipeNetType") or "").lower()
        network = self.options.network or NETWORK_OF.get(stated, "other")
        rows = NetworkRows(network)
        Network(element, self.units, rows, self.reading.rejected).read()
        self.total += len(rows.objects)
        if rows.objects:
            yield from rows.batches()
