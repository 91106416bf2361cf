"""Triangles of IFC products: from a fast kernel first, from a thorough one where that has none."""

import math
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ifclite_geom
import numpy as np
from numpy.typing import NDArray

from ingest.ifc.schema import RENAMED

Floats = NDArray[np.float64]
_SCHEMA = re.compile(rb"(FILE_SCHEMA\s*\(\s*\(\s*')[^']*(')", re.IGNORECASE)
_SHEET = 1e-10  # m³ below which a surface is a sheet seen from both sides
_THOROUGH = ("hybrid-cgal-simple-opencascade", "opencascade")
"""Kernels of ifcopenshell, the faster first."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Triangles of one product in project axes, in metres."""

    vertices: Floats
    """(n, 3)"""
    faces: NDArray[np.uint32]
    """(m, 3)"""
    colors: tuple[tuple[float, ...], ...]
    """Red, green, blue, opacity of each part, 0–1."""
    face_part: NDArray[np.uint16]
    """(m,) part of each triangle; empty if there is only one."""


_ONE_PART = np.empty(0, np.uint16)


def fast_shapes(data: bytes, wanted: Collection[int], scale: float) -> dict[int, Shape]:
    """Shapes from ifclite-geom by STEP number; what it cannot mesh is missing.

    It shifts far-away models by an offset in project units before rounding to single precision.
    Where those are not metres the shift is wrong and centimetres are lost: then there is none.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"  # more threads cost more than they save
    result = ifclite_geom.geometry_data_buffers(data, ids=set(wanted))
    if scale != 1 and any(result["rtc_offset"]):
        return {}
    shapes = {}
    for number, element in result["elements"].items():
        faces = np.frombuffer(element["faces"], np.uint32).reshape(-1, 3)
        vertices = np.frombuffer(element["vertices"], np.float64).reshape(-1, 3)
        if number in wanted and len(faces):
            shapes[number] = Shape(vertices, faces, (tuple(element["color"]),), _ONE_PART)
    return shapes


class ThoroughKernel:
    """ifcopenshell on a copy of the file that it can read."""

    def __init__(self, data: bytes, schema: str, work: Path) -> None:
        import ifcopenshell  # noqa: PLC0415 - most files never need it

        copy = work / "readable.ifc"
        copy.write_bytes(readable(data, schema))
        self._file = ifcopenshell.open(str(copy))

    def shapes(self, wanted: Collection[int]) -> tuple[dict[int, Shape], set[int]]:
        """Shapes by STEP number, and the products whose shape is empty (cut away entirely)."""
        shapes: dict[int, Shape] = {}
        empty: set[int] = set()
        for kernel in _THOROUGH:
            missing = [each for each in wanted if each not in shapes and each not in empty]
            for number, shape in self._tessellate(missing, kernel):
                if len(shape.faces):
                    shapes[number] = shape
                else:
                    empty.add(number)
        return shapes, empty

    def _tessellate(self, numbers: Iterable[int], kernel: str) -> Iterator[tuple[int, Shape]]:
        import ifcopenshell.geom  # noqa: PLC0415

        products = [each for each in map(self._product, numbers) if each is not None]
        if not products:
            return
        geom: Any = ifcopenshell.geom
        settings = geom.settings()
        settings.set("use-world-coords", True)  # the hybrid kernel loses mapped items without
        iterator = geom.iterator(settings, self._file, include=products, geometry_library=kernel)
        more = iterator.initialize()
        while more:
            element = iterator.get()
            yield element.id, _shape(element.geometry)
            more = iterator.next()

    def _product(self, number: int) -> Any:
        try:
            return self._file.by_id(number)
        except RuntimeError:
            return None

    def curve(self, number: int) -> Floats | None:
        """The axis of a product as points (n, 3) in metres; None if it has none."""
        import ifcopenshell.geom  # noqa: PLC0415

        geom: Any = ifcopenshell.geom
        settings = geom.settings()
        settings.set("use-world-coords", True)
        wrapper = ifcopenshell.ifcopenshell_wrapper
        settings.set("dimensionality", wrapper.CURVES_SURFACES_AND_SOLIDS)
        product = self._product(number)
        try:
            shape = geom.create_shape(settings, product)
        except (RuntimeError, ValueError, TypeError):
            return None
        edges = np.frombuffer(shape.geometry.edges_buffer, np.int32).reshape(-1, 2)
        vertices = np.frombuffer(shape.geometry.verts_buffer, np.float64).reshape(-1, 3)
        if len(edges) == 0:
            return None
        chained = np.flatnonzero(edges[1:, 0] != edges[:-1, 1])
        last = int(chained[0]) + 1 if len(chained) else len(edges)
        order = np.concatenate([edges[:last, 0], edges[last - 1 : last, 1]])
        return np.array(vertices[order])


def _shape(geometry: Any) -> Shape:
    faces = np.frombuffer(geometry.faces_buffer, np.int32).reshape(-1, 3)
    vertices = np.frombuffer(geometry.verts_buffer, np.float64).reshape(-1, 3)
    colors = tuple(_color(each) for each in geometry.materials)
    part = np.frombuffer(geometry.material_ids_buffer, np.int32)
    several = len(colors) > 1 and len(part) == len(faces)
    return Shape(
        vertices.copy(),
        faces.astype(np.uint32),
        colors,
        np.clip(part, 0, len(colors) - 1).astype(np.uint16) if several else _ONE_PART,
    )


def _color(material: Any) -> tuple[float, ...]:
    diffuse, transparency = material.diffuse, material.transparency
    opacity = 1.0 if math.isnan(transparency) else 1 - transparency
    return (diffuse.r(), diffuse.g(), diffuse.b(), opacity)


def readable(data: bytes, schema: str) -> bytes:
    """`data` with a schema, types and bytes that ifcopenshell accepts; numbers stay the same."""
    data = _SCHEMA.sub(rb"\g<1>" + schema.encode() + rb"\g<2>", data, count=1)
    if schema == "IFC4X3_ADD2":
        for draft, published in RENAMED.items():
            if draft not in {"IFCBUILDINGELEMENT", "IFCTRIANGULATEDIRREGULARNETWORK"}:
                data = data.replace(draft.encode() + b"(", published.encode() + b"(")
    if not data.isascii():
        data = data.removeprefix(b"\xef\xbb\xbf")
        data = data.decode("ascii", "replace").replace("\ufffd", "?").encode()
    return data


@dataclass(frozen=True, slots=True)
class Solids:
    """What the triangles of many products amount to, in the order given."""

    closed: NDArray[np.bool_]
    """Whether a space is enclosed: every edge has as many triangles along it one way as the other.

    Two at an edge of one body, more where bodies of one product touch.
    """
    volume: Floats
    """m³; NaN unless closed."""
    outward: NDArray[np.bool_]
    """False where the triangles of a closed surface face inwards."""


def solids(shapes: Collection[Shape]) -> Solids:
    """Closedness and volume of each shape."""
    counts = np.array([len(each.faces) for each in shapes])
    sizes = np.array([len(each.vertices) for each in shapes])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    owner = np.repeat(np.arange(len(counts)), counts)
    faces = np.concatenate([each.faces for each in shapes]) + starts[owner][:, None]
    vertices = np.concatenate([each.vertices - each.vertices[0] for each in shapes])
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    volume = np.bincount(owner, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, len(counts))
    closed = _closed(faces, owner, len(counts), len(vertices)) & (np.abs(volume) > _SHEET)
    return Solids(closed, np.where(closed, np.abs(volume), np.nan), ~(closed & (volume < 0)))


def _closed(
    faces: NDArray[np.int64], owner: NDArray[np.int64], count: int, size: int
) -> NDArray[np.bool_]:
    """(count,) whether all directed edges of a product have partners the other way."""
    tail, head = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    forward = tail < head
    key = np.where(forward, tail * size + head, head * size + tail)
    order = np.argsort(key)
    key, sign = key[order], np.where(forward, 1, -1)[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    balance = np.add.reduceat(sign, first)
    owners = np.repeat(owner, 3)[order][first]
    whole: NDArray[np.bool_] = np.bincount(owners[balance != 0], minlength=count) == 0
    return whole
