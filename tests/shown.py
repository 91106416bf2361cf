"""Cities with objects in them, and what their tiles hold, for the tests of what is shown."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import rasterio.warp
from cities import CRS
from numpy.typing import NDArray
from pyproj import CRS as Projected  # noqa: N811
from rasterio.transform import from_origin

from cim.model import Batch, Coverage, Dataset, Mesh
from cim.store import Delivery, Store, create_city
from layers.mercator import MERCATOR_HALF, TileAddress, to_mercator

ARRAYS = {5120: "i1", 5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


def city_of(
    folder: Path, *batches: Batch, coverages: tuple[Coverage, ...] = (), crs: str = CRS
) -> Store:
    """A new city that holds the batches, each as a data set of its own, and the coverages."""
    store = create_city(str(folder), crs)
    for number, batch in enumerate(batches):
        with store.load(Delivery(Dataset(f"d{number}", attribution="We"), "made up")) as load:
            load.put(batch)
    for each in coverages:
        with store.load(Delivery(Dataset(each.name, attribution="They"), "made up")) as load:
            load.put_coverage(each)
    return store


def objects(class_name: str, geometries: list[Any], **columns: Any) -> Batch:
    """A batch of objects ``x0``, ``x1`` … of one class."""
    table = pd.DataFrame(
        {"object_id": [f"x{i}" for i in range(len(geometries))], "class": class_name} | columns
    )
    table["geometry"] = pd.Series(geometries, dtype=object)
    return Batch(table)


def raster(
    path: Path,
    values: NDArray[Any],
    corner: tuple[float, float],
    cell: float,
    kind: str,
    **options: Any,
) -> Coverage:
    """A coverage of (bands, rows, columns) whose north-west corner is given in `cities.CRS`."""
    values = values if values.ndim == 3 else values[None]
    bands, rows, columns = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=bands, dtype=values.dtype,
        crs=CRS, transform=from_origin(*corner, cell, cell), nodata=options.pop("nodata", None),
    ) as file:  # fmt: skip
        file.write(values)
        bounds = rasterio.warp.transform_bounds(file.crs, "EPSG:4326", *file.bounds)
    names = options.pop("names", [""] * bands)
    return Coverage(
        name=path.stem, kind=kind, path=path, crs=CRS, bounds=bounds, width=columns, height=rows,
        bands=tuple({"name": name} for name in names), sha256=path.stem.ljust(64, "0"), **options,
    )  # fmt: skip


def address_at(xy: tuple[float, float], zoom: int) -> TileAddress:
    """The tile of that zoom which holds a point of `cities.CRS`."""
    x, y = to_mercator(np.array([xy]), Projected(CRS))[0]
    size = 2 * MERCATOR_HALF / 2**zoom
    return TileAddress(zoom, int((x + MERCATOR_HALF) / size), int((MERCATOR_HALF - y) / size))


@dataclass(frozen=True, slots=True, eq=False)
class Glb:
    """A binary glTF read by the book: x east, y north, z up."""

    document: dict[str, Any]
    body: bytes
    """Its binary part."""
    positions: NDArray[np.float64]
    normals: NDArray[np.float64]
    colours: NDArray[np.uint8]
    features: NDArray[np.int64]
    triangles: NDArray[np.int64]
    oid: NDArray[np.int64]
    height: NDArray[np.float64]
    class_code: NDArray[np.int64]

    @property
    def cim(self) -> dict[str, Any]:
        """What the tile says of itself."""
        return self.document["asset"]["extras"]["cim"]

    def areas(self) -> NDArray[np.float64]:
        """Area of each triangle."""
        a, b, c = (self.positions[self.triangles[:, i]] for i in range(3))
        return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def glb(body: bytes) -> Glb:
    """Reads a GLB as the specifications say, quantised or not."""
    magic, version, length = struct.unpack_from("<4sII", body)
    assert (magic, version, length) == (b"glTF", 2, len(body))
    size, kind = struct.unpack_from("<I4s", body, 12)
    assert kind == b"JSON"
    document = json.loads(body[20 : 20 + size])
    _, kind = struct.unpack_from("<I4s", body, 20 + size)
    assert kind == b"BIN\0"
    binary = body[28 + size :]

    def view(number: int, dtype: str, width: int, count: int) -> NDArray[Any]:
        found = document["bufferViews"][number]
        item = np.dtype(dtype).itemsize
        stride = found.get("byteStride", width * item)
        flat = np.frombuffer(binary, np.uint8, count * stride, found["byteOffset"])
        return flat.reshape(count, stride)[:, : width * item].copy().view(dtype).astype(float)

    def accessor(number: int) -> NDArray[Any]:
        found = document["accessors"][number]
        dtype, width = ARRAYS[found["componentType"]], WIDTHS[found["type"]]
        return view(found["bufferView"], dtype, width, found["count"])

    primitive = document["meshes"][0]["primitives"][0]
    names = primitive["attributes"]
    node = document["nodes"][0]
    placed = accessor(names["POSITION"]) * node.get("scale", [1, 1, 1])
    placed = placed + node.get("translation", [0, 0, 0])
    turned = accessor(names["NORMAL"]) / 127
    table = document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    columns = {
        name: view(table["properties"][name]["values"], dtype, 1, table["count"])[:, 0]
        for name, dtype in (("oid", "<u4"), ("height", "<f4"), ("class", "<u2"))
    }
    return Glb(
        document,
        binary,
        np.column_stack((placed[:, 0], -placed[:, 2], placed[:, 1])),
        np.column_stack((turned[:, 0], -turned[:, 2], turned[:, 1])),
        accessor(names["COLOR_0"]).astype(np.uint8),
        accessor(names["_FEATURE_ID_0"])[:, 0].astype(np.int64),
        accessor(primitive["indices"])[:, 0].astype(np.int64).reshape(-1, 3),
        columns["oid"].astype(np.int64),
        columns["height"],
        columns["class"].astype(np.int64),
    )


def box_mesh(object_id: str, corner: tuple[float, float, float], side: float) -> Mesh:
    """A cube with its roof, walls and ground told apart."""
    corners = np.array(
        [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
        np.float64,
    )
    faces = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    return Mesh(
        object_id=object_id, lod="2", kind="Solid", vertices=corners * side + corner,
        indices=np.array(faces, np.uint32).ravel(), ring_sizes=np.full(6, 4, np.uint32),
        face_rings=np.ones(6, np.uint32), face_part=np.array([0, 1, 2, 2, 2, 2], np.uint16),
        parts=({"type": "GroundSurface"}, {"type": "RoofSurface"}, {"type": "WallSurface"}),
    )  # fmt: skip
