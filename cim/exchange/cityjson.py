"""CityJSON 2.0: surfaces with their semantics where a model has them, else blocks or outlines.

An object with a footprint and a height but no surface becomes an LoD1 block on its ground; a
footprint without a height is an LoD0 surface. A ground height that nobody knows is drawn at 0 m
and stays absent from the attributes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from cim.exchange.flat import records
from cim.exchange.solids import block, faces_of
from cim.geodesy import authority
from cim.model import CityModel, Mesh
from cim.schema import CLASSES

PRECISION: Final = 0.001
"""Metres; coordinates are whole multiples of it."""

NAMES: Final = {"Square": "TransportSquare", "Track": "Road"}
"""Classes that CityJSON calls otherwise."""

PAINT: Final = frozenset({"color", "material"})
"""What a part of a mesh says about its material."""

THEME: Final = "visual"
"""Name of the one theme of materials that is written."""

GENERIC: Final = "GenericCityObject"
FIRST_LEVEL: Final = frozenset(
    {
        "Bridge", "Building", "CityFurniture", "CityObjectGroup", "LandUse", "OtherConstruction",
        "PlantCover", "Railway", "Road", "SolitaryVegetationObject", "TINRelief",
        "TransportSquare", "Tunnel", "WaterBody", "Waterway",
    }
)  # fmt: skip
SECOND_LEVEL: Final = frozenset(
    {
        "BuildingConstructiveElement", "BuildingFurniture", "BuildingInstallation", "BuildingPart",
        "BuildingRoom", "BuildingStorey", "BuildingUnit",
    }
)  # fmt: skip
"""Types that CityJSON allows only below a parent."""

ANY_SHAPE: Final = frozenset(
    {GENERIC, "BuildingConstructiveElement", "BuildingFurniture", "BuildingInstallation",
     "CityFurniture", "SolitaryVegetationObject"}
)  # fmt: skip
SHAPES: Final[Mapping[str, frozenset[str]]] = {
    "LandUse": frozenset({"MultiSurface"}),
    "PlantCover": frozenset({"MultiSurface"}),
    "Railway": frozenset({"MultiSurface", "MultiLineString"}),
    "Road": frozenset({"MultiSurface", "MultiLineString"}),
    "TransportSquare": frozenset({"MultiSurface", "MultiLineString"}),
    "Waterway": frozenset({"MultiSurface", "MultiLineString"}),
    "TINRelief": frozenset({"CompositeSurface"}),
    "WaterBody": frozenset({"MultiLineString", "MultiSurface", "Solid", "CompositeSolid"}),
}
BODIES: Final = frozenset({"MultiSurface", "Solid", "CompositeSolid"})
"""Shapes of every type that `SHAPES` and `ANY_SHAPE` do not list."""


@dataclass(slots=True)
class Vertices:
    """Every point of the document once, as whole numbers of `PRECISION` from `origin`."""

    origin: NDArray[np.float64]
    numbers: dict[tuple[int, ...], int] = field(default_factory=dict)

    def add(self, points: NDArray[np.float64]) -> list[int]:
        """Numbers of these (n, 3) points, new ones where they are new."""
        grid = np.rint((points - self.origin) / PRECISION).astype(np.int64).tolist()
        numbers = self.numbers
        return [numbers.setdefault(tuple(each), len(numbers)) for each in grid]


@dataclass(slots=True)
class Document:
    """What the objects of a document share."""

    vertices: Vertices
    materials: dict[str, int] = field(default_factory=dict)
    """Materials as JSON by their numbers."""

    def material(self, part: Mapping[str, Any]) -> int | None:
        """Number of the material of a mesh's part; None if it has none."""
        colour = part.get("color")
        given = part.get("material")
        if not isinstance(given, Mapping):
            if colour is None:
                return None
            given = {"name": str(part.get("name", ""))}
        if colour is not None:
            opacity = [*colour[3:], 1.0][0]
            given = {**given, "diffuseColor": colour[:3], "transparency": 1 - opacity}
        text = orjson.dumps({"name": "", **given}, option=orjson.OPT_SORT_KEYS).decode()
        return self.materials.setdefault(text, len(self.materials))


def write_cityjson(model: CityModel, path: Path) -> None:
    """One CityJSON document in the city's CRS, in millimetres."""
    bounds = model.objects.total_bounds
    corner = np.floor(bounds[:2]) if np.isfinite(bounds).all() else np.zeros(2)
    vertices = Vertices(np.array([*corner, 0.0]))
    shared = Document(vertices)
    objects = _city_objects(model, shared)
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "metadata": _metadata(model, vertices),
        "transform": {"scale": [PRECISION] * 3, "translate": vertices.origin.tolist()},
        "CityObjects": objects,
        "vertices": list(vertices.numbers),
    }
    if shared.materials:
        document["appearance"] = {"materials": [orjson.loads(each) for each in shared.materials]}
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def _metadata(model: CityModel, vertices: Vertices) -> dict[str, Any]:
    found: dict[str, Any] = {"title": model.name}
    name, _, code = authority(model.crs).partition(":")
    if code.isdigit():
        found["referenceSystem"] = f"https://www.opengis.net/def/crs/{name}/0/{code}"
    if vertices.numbers:
        points = np.array(list(vertices.numbers)) * PRECISION + vertices.origin
        extent = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
        found["geographicalExtent"] = [round(each, 3) for each in extent]
    return found


def _keys(model: CityModel) -> list[str]:
    """A unique key for each object: its object_id, with its data set where two have the same."""
    ids = [str(each) for each in model.objects["object_id"]]
    if len(set(ids)) == len(ids):
        return ids
    return [f"{name}/{each}" for name, each in zip(model.objects["dataset"], ids, strict=True)]


def _city_objects(model: CityModel, document: Document) -> dict[str, Any]:
    keys = _keys(model)
    rows = list(records(model))
    place = {
        (row.get("dataset"), row["object_id"]): key for row, key in zip(rows, keys, strict=True)
    }
    in_parts = _shown_by_parts(model)
    objects: dict[str, Any] = {}
    children: dict[str, list[str]] = {}
    shapes = zip(model.objects.index, model.objects.geometry, strict=True)
    for key, row, (oid, footprint) in zip(keys, rows, shapes, strict=True):
        outline = None if (row.get("dataset"), row["object_id"]) in in_parts else footprint
        parent = place.get((row.get("dataset"), row.pop("parent_id", None)))
        geometry = _geometry(model.meshes.get(int(oid), ()), outline, row, document)
        kind = _type(row["class"], geometry, parent)
        objects[key] = {"type": kind, "attributes": _attributes(row, kind), "geometry": geometry}
        if parent is not None and parent != key:
            objects[key]["parents"] = [parent]
            children.setdefault(parent, []).append(key)
    for key, below in children.items():
        objects[key]["children"] = below
    for each in objects.values():
        if each["type"] == "CityObjectGroup":
            each["members"] = each.get("children", [])
    return objects


def _shown_by_parts(model: CityModel) -> set[tuple[Any, Any]]:
    """Data set and id of the objects whose parts have surfaces: their outline is that of those."""
    objects = model.objects
    if not model.meshes or "parent_id" not in objects:
        return set()
    parts = objects[(objects["class"] == "BuildingPart") & objects.index.isin(model.meshes)]
    return set(zip(parts["dataset"], parts["parent_id"], strict=True))


def _type(class_name: str, geometry: list[dict[str, Any]], parent: str | None) -> str:
    kind = NAMES.get(class_name, class_name)
    if class_name == "BuildingPart" and parent is None:
        kind = "Building"
    if kind in SECOND_LEVEL and parent is None:
        return GENERIC
    if kind not in FIRST_LEVEL | SECOND_LEVEL:
        return GENERIC
    allowed = SHAPES.get(kind, BODIES)
    if kind in ANY_SHAPE or all(each["type"] in allowed for each in geometry):
        return kind
    return GENERIC


def _attributes(row: dict[str, Any], kind: str) -> dict[str, Any]:
    """`row` without what CityJSON says elsewhere; the class where the type does not say it."""
    class_name = row["class"]
    left = {key: value for key, value in row.items() if key not in {"class", "object_id", "lod"}}
    if kind not in {class_name, "TransportSquare"}:
        left["class"] = class_name
    return left


def _geometry(
    meshes: tuple[Mesh, ...], footprint: Any, row: Mapping[str, Any], document: Document
) -> list[dict[str, Any]]:
    if meshes:
        return [_mesh(each, document, row["class"]) for each in meshes]
    if footprint is None or footprint.is_empty:
        return []
    return _outline(footprint, row, document.vertices)


def _outline(footprint: Any, row: Mapping[str, Any], vertices: Vertices) -> list[dict[str, Any]]:
    """The footprint as a block, or as what it is: surface, lines or points."""
    ground = float(row.get("ground_height", 0.0))
    parts = shapely.get_parts(footprint).tolist()
    kinds = {each.geom_type for each in parts}
    if kinds == {"Polygon"}:
        height = float(row.get("height", 0.0))
        if height > 0 and CLASSES[row["class"]].theme in {"building", "construction"}:
            return [_block(parts, ground, ground + height, vertices)]
        return [_surface(parts, ground, vertices, row["class"])]
    numbers = [vertices.add(_raised(each, ground)) for each in parts]
    if kinds == {"LineString"}:
        return [{"type": "MultiLineString", "lod": "0", "boundaries": numbers}]
    if kinds == {"Point"}:
        return [{"type": "MultiPoint", "lod": "0", "boundaries": [each[0] for each in numbers]}]
    return []


def _raised(shape: Any, ground: float) -> NDArray[np.float64]:
    """(n, 3) coordinates; where a height is missing, at `ground`."""
    points = shapely.get_coordinates(shape, include_z=True)
    points[:, 2] = np.where(np.isnan(points[:, 2]), ground, points[:, 2])
    return points


def _surface(
    parts: list[Any], ground: float, vertices: Vertices, class_name: str
) -> dict[str, Any]:
    faces = []
    for polygon in shapely.orient_polygons(parts):
        rings = [polygon.exterior, *polygon.interiors]
        faces.append([vertices.add(_raised(ring, ground)[:-1]) for ring in rings])
    kind = "CompositeSurface" if class_name == "TINRelief" else "MultiSurface"
    return {"type": kind, "lod": "0", "boundaries": faces}


def _block(parts: list[Any], ground: float, roof: float, vertices: Vertices) -> dict[str, Any]:
    solids, values = [], []
    for polygon in shapely.orient_polygons(parts):
        rings = [
            shapely.get_coordinates(each)[:-1] for each in (polygon.exterior, *polygon.interiors)
        ]
        faces, kinds = block(rings, ground, roof)
        solids.append([[[vertices.add(ring) for ring in face] for face in faces]])
        values.append([kinds])
    single = len(solids) == 1
    surfaces = [{"type": kind} for kind in ("GroundSurface", "RoofSurface", "WallSurface")]
    return {
        "type": "Solid" if single else "CompositeSolid",
        "lod": "1",
        "boundaries": solids[0] if single else solids,
        "semantics": {"surfaces": surfaces, "values": values[0] if single else values},
    }


def _mesh(mesh: Mesh, document: Document, class_name: str) -> dict[str, Any]:
    numbers = np.array(document.vertices.add(mesh.vertices), np.int64)
    faces = faces_of(mesh, numbers)
    surfaces = CLASSES[class_name].theme == "relief"
    kind: str = "CompositeSurface" if surfaces else mesh.kind
    if kind == "Triangles":
        kind = "MultiSurface"
    part = mesh.face_part.tolist() if len(mesh.face_part) else [0] * len(faces)
    written: dict[str, Any] = {
        "type": kind,
        "lod": mesh.lod,
        "boundaries": _nested(faces, mesh, kind),
    }
    parts = orjson.loads(orjson.dumps(mesh.parts, option=orjson.OPT_SERIALIZE_NUMPY))
    semantic = [each.get("type") is not None for each in parts]
    if any(semantic):
        place = {at: number for number, at in enumerate(np.flatnonzero(semantic).tolist())}
        known = [
            {name: value for name, value in parts[at].items() if name not in PAINT} for at in place
        ]
        values = _nested([place.get(each) for each in part], mesh, kind)
        written["semantics"] = {"surfaces": known, "values": values}
    painted = [document.material(each) for each in parts]
    if any(each is not None for each in painted):
        values = [painted[each] if each < len(painted) else None for each in part]
        written["material"] = {THEME: {"values": _nested(values, mesh, kind)}}
    return written


def _nested(faces: list[Any], mesh: Mesh, kind: str) -> list[Any]:
    """Something for each face, grouped into shells and solids as `kind` wants."""
    if kind not in {"Solid", "CompositeSolid"}:
        return faces
    ends = np.cumsum(mesh.shells or (len(faces),)).tolist()
    shells = [faces[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return shells if kind == "Solid" else [[shell] for shell in shells]
