"""What happens in the child process: an IFC file becomes batches of city objects in a file."""

import gc
import math
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import shapely

from cim.model import Batch, Finding, Mesh, Rejection
from ingest.ifc.buildings import Extent, Extents
from ingest.ifc.georeference import Georeference, georeference
from ingest.ifc.limits import Report
from ingest.ifc.mapconversion import find_conversion, find_site
from ingest.ifc.meshes import Shape
from ingest.ifc.products import Product, Products
from ingest.ifc.properties import PropertyReader
from ingest.ifc.shapes import Shapes, gather, middle
from ingest.ifc.source import Model, load
from ingest.ifc.step import StepFile
from ingest.ifc.units import Units
from ingest.reader import BATCH_SIZE, refuse

LOD = "3"
"""Building elements are modelled with openings and thickness."""

_CURVE_TOLERANCE = 0.01  # metres


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file says apart from its objects."""

    crs: str
    crs_source: str
    height_datum: str
    encoding: str
    length_unit: str
    total: int
    rejected: tuple[Rejection, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ReadJob:
    """Reads `path`; leaves a `Summary` and `Batch`es, pickled one by one, in `result`."""

    path: Path
    result: Path
    crs: str = ""
    encoding: str = ""
    skip: frozenset[str] = frozenset()
    """Stages that ended badly before."""

    def __call__(self, report: Report) -> None:
        """Do it; `report` hears of each stage."""
        os.environ["RAYON_NUM_THREADS"] = "1"  # more threads cost more than they save
        gc.disable()  # everything read stays until the process ends
        report("reading the file")
        model = load(self.path)
        with self.result.open("wb") as stream:
            for part in _Extraction(self, model, report).parts():
                pickle.dump(part, stream, protocol=5)


class _Extraction:
    def __init__(self, job: ReadJob, model: Model, report: Report) -> None:
        self._job, self._model, self._report = job, model, report
        self._step = StepFile(model.data, job.encoding)
        self._units = Units(self._step)
        reader = PropertyReader(self._step, self._units, model.readable_as)
        self._properties = reader
        self._products = Products(self._step, model.readable_as, self._units, reader)
        self._refuse_what_says_nothing()

    def _refuse_what_says_nothing(self) -> None:
        if not self._products.objects:
            raise refuse(
                self._job.path,
                f"holds {len(self._step)} entities, but no building, element or facility",
                "export the model with its elements",
            )
        if self._units.length is None:
            raise refuse(
                self._job.path,
                "declares no unit of length, so that its size is unknown",
                "export it with units, or add an IfcUnitAssignment to its IfcProject",
            )

    def parts(self) -> Iterator[Summary | Batch]:
        """The summary, then the batches."""
        length = self._units.length or 1.0
        shapes = gather(
            self._model,
            self._products.objects,
            length,
            self._job.skip,
            self._job.result.parent,
            self._report,
        )
        self._report("placing and describing")
        placed = georeference(
            find_conversion(self._step, self._units),
            find_site(self._step, self._units),
            middle(shapes),
            self._job.crs,
        )
        yield self._summary(placed, shapes)
        moved = {
            n: replace(each, vertices=placed.apply(each.vertices))
            for n, each in shapes.meshes.items()
        }
        lift = placed.offset[2]
        extents = Extents(self._step, self._products, moved, length, lift).all()
        for number, curve in shapes.curves.items():
            line = shapely.LineString(placed.apply(curve))
            extents[number] = Extent(line.simplify(_CURVE_TOLERANCE))
        objects = self._products.objects
        for start in range(0, len(objects), BATCH_SIZE):
            chosen = objects[start : start + BATCH_SIZE]
            yield self._batch(chosen, moved, shapes, extents)

    def _summary(self, placed: Georeference, shapes: Shapes) -> Summary:
        step, products = self._step, self._products
        damaged = [
            Rejection(f"after #{each.after}", "damaged_entity", "is no STEP entity", each.text)
            for each in step.damage
        ]
        return Summary(
            placed.crs,
            placed.crs_source,
            placed.height_datum,
            step.encoding,
            self._units.length_name,
            len(products.objects),
            (*products.rejected, *damaged),
            (*self._findings(), *products.findings, *shapes.findings, *placed.findings),
        )

    def _findings(self) -> Iterator[Finding]:
        model, step = self._model, self._step
        if model.schema != model.readable_as and not model.schema.startswith(model.readable_as):
            message = f"its schema {model.schema} was read as {model.readable_as}"
            yield Finding("warning", "draft_schema", message, hint="export it as IFC 4.3 ADD2")
        if step.encoding != "ascii":
            message = f"names are written in raw bytes, read as {step.encoding}"
            hint = "if they look wrong give --encoding"
            yield Finding("warning", "raw_text", message, hint=hint)
        if step.repeated:
            message = f"{step.repeated} entities repeat the number of another; the first was kept"
            yield Finding("warning", "repeated_number", message)
        left = self._products.outline_count()
        if left:
            listed = ", ".join(f"{count} {name}" for name, count in sorted(left.items()))
            yield Finding("info", "not_objects", f"no objects of a city, left out: {listed}")
        if self._job.skip:
            message = f"left out after it failed: {', '.join(sorted(self._job.skip))}"
            yield Finding("warning", "kernel_failed", message, hint="shapes may be missing")

    def _batch(
        self,
        products: list[Product],
        moved: dict[int, Shape],
        shapes: Shapes,
        extents: dict[int, Extent],
    ) -> Batch:
        ids = {each.number: each.global_id for each in self._products.objects}
        rows = []
        meshes = []
        for product in products:
            number = product.number
            extent = extents.get(number, Extent())
            attributes = self._products.attributes(product)
            shape = moved.get(number)
            parent = ids.get(product.parent) if product.parent is not None else None
            rows.append(_row(product, parent, extent, shape is not None, attributes))
            if shape is not None:
                closed, volume = shapes.closed[number], shapes.volume[number]
                meshes.append(_mesh(product, shape, closed, volume, attributes))
        return Batch(pd.DataFrame(rows), tuple(meshes))


def _row(
    product: Product,
    parent: str | None,
    extent: Extent,
    has_mesh: bool,
    attributes: dict[str, Any],
) -> dict[str, Any]:
    return {
        "object_id": product.global_id,
        "class": product.city_class,
        "geometry": extent.geometry,
        "name": product.name,
        "parent_id": parent,
        "function": product.function,
        "height": extent.height,
        "ground_height": extent.ground_height,
        "storeys_above_ground": extent.storeys_above_ground,
        "storeys_below_ground": extent.storeys_below_ground,
        "lod": LOD if has_mesh else None,
        "attributes": attributes,
    }


def _mesh(
    product: Product, shape: Shape, closed: bool, volume: float, attributes: dict[str, Any]
) -> Mesh:
    materials = attributes.get("materials", [])
    named = len(materials) == len(shape.colors)
    parts = tuple(
        {
            "name": materials[place] if named else product.function or product.city_class,
            "color": list(color),
        }
        for place, color in enumerate(shape.colors)
    )
    return Mesh(
        product.global_id,
        LOD,
        "Triangles",
        shape.vertices,
        shape.faces.ravel(),
        face_part=shape.face_part,
        parts=parts,
        closed=closed,
        volume=None if math.isnan(volume) else volume,
    )
