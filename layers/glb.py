"""Writes triangles of many objects as one binary glTF 2.0 that knows which object is where.

EXT_mesh_features numbers the objects per vertex, EXT_structural_metadata says which city
object each number is, KHR_mesh_quantization keeps the file small. Specifications:
https://registry.khronos.org/glTF/ and https://github.com/CesiumGS/glTF/tree/3d-tiles-next.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

UNSIGNED_BYTE, BYTE, UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5121, 5120, 5123, 5125, 5126
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
SHORT_LIMIT = 65535

FAR = 8192.0
"""Metres from the origin beyond which 32-bit floats are coarser than a millimetre."""

NUMBERS: dict[str, Any] = {
    "oid": {"type": "SCALAR", "componentType": "UINT32", "required": True},
    "height": {"type": "SCALAR", "componentType": "FLOAT32"},
    "class": {"type": "SCALAR", "componentType": "UINT16"},
}
"""Properties that every file has of its objects."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Triangles of many objects: x east, y north, z up, metres."""

    positions: NDArray[np.float64]
    """(n, 3)"""
    normals: NDArray[np.float32]
    """(n, 3) of length one"""
    colours: NDArray[np.uint8]
    """(n, 4)"""
    features: NDArray[np.int64]
    """(n,) the object of each vertex"""
    triangles: NDArray[np.int64]
    """(m, 3) vertex numbers, anticlockwise from outside"""

    @classmethod
    def empty(cls) -> "Surface":
        """No triangles."""
        return cls(
            np.empty((0, 3)),
            np.empty((0, 3), np.float32),
            np.empty((0, 4), np.uint8),
            np.empty(0, np.int64),
            np.empty((0, 3), np.int64),
        )

    @classmethod
    def joined(cls, surfaces: "Iterable[Surface]") -> "Surface":
        """All of them as one."""
        parts = [each for each in surfaces if len(each.triangles)]
        if not parts:
            return cls.empty()
        if len(parts) == 1:
            return parts[0]
        offsets = np.cumsum([0] + [len(each.positions) for each in parts])
        return cls(
            np.concatenate([each.positions for each in parts]),
            np.concatenate([each.normals for each in parts]),
            np.concatenate([each.colours for each in parts]),
            np.concatenate([each.features for each in parts]),
            np.concatenate([o + e.triangles for o, e in zip(offsets, parts, strict=False)]),
        )

    def of_features(self, numbers: NDArray[np.int64]) -> "Surface":
        """The same triangles, object i now being called ``numbers[i]``."""
        return Surface(
            self.positions, self.normals, self.colours, numbers[self.features], self.triangles
        )


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """What is said of each object in a tile, by feature number."""

    oid: NDArray[np.int64]
    height: NDArray[np.float64]
    """Metres; NaN is unknown."""
    class_code: NDArray[np.int32]
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Further properties by name; ``""`` is unknown."""

    def some(self, rows: NDArray[np.int64]) -> "FeatureTable":
        """Only the rows with these numbers."""
        texts = {name: [each[row] for row in rows] for name, each in self.texts.items()}
        return FeatureTable(self.oid[rows], self.height[rows], self.class_code[rows], texts)


@dataclass(slots=True)
class _Chunks:
    """The binary part of a GLB and the buffer views into it."""

    parts: list[bytes] = field(default_factory=list)
    views: list[dict[str, int]] = field(default_factory=list)
    size: int = 0

    def add(self, array: NDArray[Any], target: int = 0) -> int:
        body = array.tobytes()
        view = {"buffer": 0, "byteOffset": self.size, "byteLength": len(body)}
        if target:
            view["target"] = target
        if target == ARRAY_BUFFER:
            view["byteStride"] = array.shape[1] * array.itemsize
        padding = -len(body) % 8
        self.parts.append(body + b"\0" * padding)
        self.size += len(body) + padding
        self.views.append(view)
        return len(self.views) - 1


@dataclass(frozen=True, slots=True)
class _Accessor:
    view: int
    component: int
    count: int
    kind: str
    normalized: bool = False
    low: list[float] | None = None
    high: list[float] | None = None

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "bufferView": self.view,
            "componentType": self.component,
            "count": self.count,
            "type": self.kind,
        }
        if self.normalized:
            found["normalized"] = True
        if self.low is not None:
            found |= {"min": self.low, "max": self.high}
        return found


def write(
    surface: Surface,
    table: FeatureTable,
    *,
    about: Mapping[str, Any],
    precision: float = 0.0,
) -> bytes:
    """A GLB of `surface`, whose features are rows of `table`; ``b""`` if it has no triangles.

    Only objects with triangles are in the file, the others are counted as ``skipped``.
    Positions are 16-bit whole numbers if steps of `precision` metres or less then suffice, else
    32-bit floats. `about` is said of the whole in ``asset.extras.cim``.
    """
    if not len(surface.triangles):
        return b""
    drawn = np.bincount(surface.features, minlength=len(table.oid)) > 0
    present = np.flatnonzero(drawn)
    features = (np.cumsum(drawn) - 1)[surface.features]
    chunks = _Chunks()
    accessors = [_indices(chunks, surface)]
    position, node = _positions(chunks, surface, precision)
    accessors += [position, *_shading(chunks, surface), _features(chunks, features, len(present))]
    rows = table.some(present)
    document = _document(node, len(present), _table_views(chunks, rows), _schema(rows))
    document["asset"]["extras"] = {
        "cim": {
            **about,
            "count": len(present),
            "skipped": len(drawn) - len(present),
        }
    }
    if (surface.colours[:, 3] < 255).any():
        document["materials"][0]["alphaMode"] = "BLEND"
    document["accessors"] = [each.json for each in accessors]
    document["bufferViews"] = chunks.views
    document["buffers"] = [{"byteLength": chunks.size}]
    return _container(document, b"".join(chunks.parts))


def _indices(chunks: _Chunks, surface: Surface) -> _Accessor:
    small = len(surface.positions) <= SHORT_LIMIT
    indices = surface.triangles.ravel().astype("<u2" if small else "<u4")
    view = chunks.add(indices, ELEMENT_ARRAY_BUFFER)
    return _Accessor(view, UNSIGNED_SHORT if small else UNSIGNED_INT, len(indices), "SCALAR")


def _positions(
    chunks: _Chunks, surface: Surface, precision: float
) -> tuple[_Accessor, dict[str, Any]]:
    y_up = np.stack((surface.positions[:, 0], surface.positions[:, 2], -surface.positions[:, 1]))
    low, high = y_up.min(axis=1), y_up.max(axis=1)
    step = max(float((high - low).max()) / SHORT_LIMIT, 1e-6)
    node: dict[str, Any] = {"mesh": 0}
    if step <= precision:
        stored = np.zeros((y_up.shape[1], 4), "<u2")
        for axis in range(3):
            stored[:, axis] = np.rint((y_up[axis] - low[axis]) * (1 / step))
        node |= {"translation": low.tolist(), "scale": [step] * 3}
        component = UNSIGNED_SHORT
    else:
        if np.abs(y_up).max() > FAR:
            middle = np.round((low + high) / 2)
            node["translation"] = middle.tolist()
            y_up = y_up - middle[:, None]
        stored = y_up.T.astype("<f4", order="C")
        component = FLOAT
    view = chunks.add(stored, ARRAY_BUFFER)
    columns = [stored[:, axis] for axis in range(3)]
    least, most = [each.min().item() for each in columns], [each.max().item() for each in columns]
    return _Accessor(view, component, len(stored), "VEC3", low=least, high=most), node


def _shading(chunks: _Chunks, surface: Surface) -> tuple[_Accessor, _Accessor]:
    count = len(surface.positions)
    normals = np.zeros((count, 4), np.int8)
    unit = np.rint(surface.normals * 127).astype(np.int8)
    normals[:, 0], normals[:, 1], normals[:, 2] = unit[:, 0], unit[:, 2], -unit[:, 1]
    return (
        _Accessor(chunks.add(normals, ARRAY_BUFFER), BYTE, count, "VEC3", normalized=True),
        _Accessor(
            chunks.add(surface.colours, ARRAY_BUFFER), UNSIGNED_BYTE, count, "VEC4", normalized=True
        ),
    )


def _features(chunks: _Chunks, features: NDArray[np.int64], present: int) -> _Accessor:
    if present - 1 > SHORT_LIMIT:
        view = chunks.add(features.astype("<f4")[:, None], ARRAY_BUFFER)
        return _Accessor(view, FLOAT, len(features), "SCALAR")
    padded = np.zeros((len(features), 2), "<u2")
    padded[:, 0] = features
    view = chunks.add(padded, ARRAY_BUFFER)
    return _Accessor(view, UNSIGNED_SHORT, len(features), "SCALAR")


def _table_views(chunks: _Chunks, table: FeatureTable) -> dict[str, dict[str, int]]:
    views = {
        "oid": {"values": chunks.add(table.oid.astype("<u4"))},
        "height": {"values": chunks.add(table.height.astype("<f4"))},
        "class": {"values": chunks.add(table.class_code.astype("<u2"))},
    }
    for name, texts in table.texts.items():
        parts = [each.encode() for each in texts]
        ends = np.cumsum([0, *map(len, parts)], dtype="<u4")
        body = np.frombuffer(b"".join(parts) or b" ", np.uint8)
        views[name] = {"values": chunks.add(body), "stringOffsets": chunks.add(ends)}
    return views


def _schema(table: FeatureTable) -> dict[str, Any]:
    properties = {name: {"type": "STRING", "noData": ""} for name in table.texts}
    return {"id": "cim", "classes": {"object": {"properties": NUMBERS | properties}}}


def _document(
    node: dict[str, Any],
    count: int,
    properties: dict[str, dict[str, int]],
    schema: dict[str, Any],
) -> dict[str, Any]:
    identified = {"featureCount": count, "attribute": 0, "propertyTable": 0}
    primitive = {
        "attributes": {"POSITION": 1, "NORMAL": 2, "COLOR_0": 3, "_FEATURE_ID_0": 4},
        "indices": 0,
        "material": 0,
        "mode": 4,
        "extensions": {"EXT_mesh_features": {"featureIds": [identified]}},
    }
    matt = {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 0, "roughnessFactor": 1}
    material = {"pbrMetallicRoughness": matt, "doubleSided": True}
    table = {"class": "object", "count": count, "properties": properties}
    return {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata", "KHR_mesh_quantization"],
        "extensionsRequired": ["KHR_mesh_quantization"],
        "extensions": {"EXT_structural_metadata": {"schema": schema, "propertyTables": [table]}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [node],
        "meshes": [{"primitives": [primitive]}],
        "materials": [material],
    }


def _container(document: dict[str, Any], body: bytes) -> bytes:
    text = orjson.dumps(document)
    text += b" " * (-len(text) % 4)
    return b"".join(
        (
            struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(body)),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(body), b"BIN\0"),
            body,
        )
    )
