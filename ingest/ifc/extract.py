"""What an IFC model says, as batches of city objects."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from cim.model import Batch, Finding, Mesh, Rejection
from ingest.amend import anchor
from ingest.cityjson.document import uncollected
from ingest.ifc.boreholes import Boreholes
from ingest.ifc.buildings import Extent, Extents
from ingest.ifc.georeference import Georeference, Statements, georeference
from ingest.ifc.harmless import harmless
from ingest.ifc.mapconversion import find_conversion
from ingest.ifc.meshes import Shape
from ingest.ifc.network import Network
from ingest.ifc.placechecks import elevation_findings, size_findings
from ingest.ifc.products import Product, Products
from ingest.ifc.properties import PropertyReader
from ingest.ifc.shapes import Shapes, Wanted, middle
from ingest.ifc.sitepoint import SitePoint, find_origin, find_site, true_north
from ingest.ifc.source import Model
from ingest.ifc.step import StepFile
from ingest.ifc.units import Units
from ingest.reader import BATCH_SIZE, Reading, ReadOptions, refuse

LOD = "3"
"""Building elements are modelled with openings and thickness."""

_NUMBERS = frozenset({"height", "ground_height", "storeys_above_ground", "storeys_below_ground"})
_CURVE_TOLERANCE = 0.01  # metres


class Extraction:
    """What a model says, ready to be meshed, placed and handed over."""

    def __init__(self, path: Path, model: Model, options: ReadOptions) -> None:
        self._path, self._model, self._options = path, model, options
        self._step = StepFile(model.data, options.encoding)
        self._units = Units(self._step, options.length_unit)
        reader = PropertyReader(self._step, self._units, model.readable_as)
        self._properties = reader
        self._products = Products(self._step, model.readable_as, self._units, reader)
        self._refuse_what_says_nothing()

    def _refuse_what_says_nothing(self) -> None:
        if not self._products.objects:
            raise refuse(
                self._path,
                f"holds {len(self._step)} entities, but no building, element or facility",
                "export the model with its elements",
            )
        if self._units.length is None:
            raise refuse(
                self._path,
                "declares no unit of length, so that its size is unknown",
                "export it with units, or add an IfcUnitAssignment to its IfcProject",
            )

    def wanted(self) -> Wanted:
        """What the kernels have to mesh."""
        products = self._products
        sound = harmless(self._model.data, self._step, products.classes)
        declared = self._units.declared or 1.0
        stretch = (self._units.length or declared) / declared
        return Wanted(tuple(products.objects), declared, stretch, sound)

    def reading(self, shapes: Shapes) -> Reading:
        """The objects with their `shapes`, placed on Earth."""
        options, step, products = self._options, self._step, self._products
        centre, site = middle(shapes), find_site(step, self._units)
        placed = georeference(self._statements(site), centre)
        damaged = [
            Rejection(f"after #{each.after}", "damaged_entity", "is no STEP entity", each.text)
            for each in step.damage
        ]
        return Reading(
            crs=placed.crs,
            crs_source=placed.crs_source,
            batches=self._batches(shapes, placed),
            total=len(products.objects),
            encoding=step.encoding,
            height_datum=options.height_datum or placed.height_datum,
            length_unit=self._units.length_name,
            rejected=[*products.rejected, *damaged],
            findings=[
                *self._findings(),
                *products.findings,
                *shapes.findings,
                *placed.findings,
                *elevation_findings(site),
                *self._size_findings(shapes),
            ],
        )  # fmt: skip

    def _statements(self, site: SitePoint | None) -> Statements:
        options, step, units = self._options, self._step, self._units
        return Statements(
            find_conversion(step, units),
            site,
            find_origin(step, units, site),
            true_north(step),
            options.crs,
            anchor(options.anchor) if options.anchor else None,
        )

    def _size_findings(self, shapes: Shapes) -> tuple[Finding, ...]:
        if not any(each.city_class == "Building" for each in self._products.objects):
            return ()
        boxes = [(each.vertices.min(0), each.vertices.max(0)) for each in shapes.meshes.values()]
        if not boxes:
            return ()
        low, high = np.array(boxes).min(0)[0], np.array(boxes).max(0)[1]
        return size_findings(high - low, self._units.length or 1.0)

    def _batches(self, shapes: Shapes, placed: Georeference) -> Iterator[Batch]:
        moved = {
            n: replace(each, vertices=placed.apply(each.vertices))
            for n, each in shapes.meshes.items()
        }
        length, lift = self._units.length or 1.0, placed.offset[2]
        extents = Extents(self._step, self._products, moved, length, lift).all()
        network = Network(self._step, self._products, shapes.meshes, length)
        lines = shapes.curves | {number: run.line for number, run in network.runs.items()}
        for number, curve in lines.items():
            line = shapely.LineString(placed.apply(curve))
            extent = extents.get(number, Extent())
            extents[number] = replace(extent, geometry=line.simplify(_CURVE_TOLERANCE))
        boreholes = Boreholes(self._products, extents)
        extents |= boreholes.extents
        known = {number: network.attributes(number) for number in network.runs}
        known |= boreholes.attributes
        objects = self._products.objects
        by_number = {each.number: each for each in objects}
        tables = network.tables(placed.apply, by_number, self._options.network)
        for start in range(0, len(objects), BATCH_SIZE):
            chosen = objects[start : start + BATCH_SIZE]
            with uncollected():
                batch = self._batch(chosen, replace(shapes, meshes=moved), extents, known)
            yield replace(batch, nodes=tables[0], edges=tables[1]) if not start else batch

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

    def _batch(
        self,
        products: list[Product],
        shapes: Shapes,
        extents: dict[int, Extent],
        known: dict[int, dict[str, Any]],
    ) -> Batch:
        ids = {each.number: each.global_id for each in self._products.objects}
        rows = []
        meshes = []
        for product in products:
            number = product.number
            extent = extents.get(number, Extent())
            attributes = self._products.attributes(product) | known.get(number, {})
            shape = shapes.meshes.get(number)
            parent = ids.get(product.parent) if product.parent is not None else None
            rows.append(_row(product, parent, extent, shape is not None, attributes))
            if shape is not None:
                closed, volume = shapes.closed[number], shapes.volume[number]
                meshes.append(_mesh(product, shape, closed, volume, attributes))
        return Batch(_table(rows), tuple(meshes))


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table, without a search for the type of each column."""
    names = list(rows[0]) if rows else []
    columns: dict[str, Any] = {}
    for name in names:
        values = np.empty(len(rows), object)
        values[:] = [row[name] for row in rows]
        columns[name] = values.astype(float) if name in _NUMBERS else values
    return pd.DataFrame(columns)


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
