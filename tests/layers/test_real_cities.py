import io

import numpy as np
import pytest
import rasterio
import shown
from PIL import Image
from pyproj import Transformer
from realdata import path, real

import layers
from cim.model import Coverage
from cim.store import create_city
from ingest.load import load_files
from layers.layer import TileRequest
from layers.mercator import TileAddress, to_mercator
from layers.solids import mesh_surface
from layers.terrain import TILE_SIZE

pytestmark = real


def face_areas(mesh):
    """Area of each polygon of a mesh by Newell's method, holes taken off, one after another."""
    found, corner, ring = [], 0, 0
    for rings in mesh.face_rings:
        area = 0.0
        for number in range(rings):
            points = mesh.vertices[mesh.indices[corner : corner + mesh.ring_sizes[ring]]]
            vector = np.cross(points - points[0], np.roll(points, -1, axis=0) - points[0]).sum(
                axis=0
            )
            area += (1 if number == 0 else -1) * np.linalg.norm(vector) / 2
            corner += mesh.ring_sizes[ring]
            ring += 1
        found.append(area)
    return np.array(found)


@pytest.fixture(scope="module")
def delft(tmp_path_factory):
    store = create_city(str(tmp_path_factory.mktemp("delft") / "c"), "EPSG:28992")
    load_files(store, [path("citymodel/cityjson/delft.json")])
    return store


def test_every_house_of_delft_is_drawn_once_and_none_is_skipped(delft):
    objects = delft.select(classes=("Building", "BuildingPart")).objects
    middles = objects.geometry.bounds.to_numpy()
    middles = (middles[:, :2] + middles[:, 2:]) / 2
    half = 20037508.342789244
    places = (to_mercator(middles, delft.crs) * [1, -1] + half) / (2 * half) * 2**16
    seen = []
    for x, y in {tuple(each) for each in places.astype(int).tolist()}:
        found = shown.glb(layers.tile(delft, "buildings", 16, x, y).body)
        assert found.cim["skipped"] == 0
        seen += found.oid.tolist()
    assert len(seen) == len(set(seen)) == len(objects) > 100


def test_the_roofs_and_walls_of_delft_keep_their_area(delft):
    oids = delft.select(classes=("Building", "BuildingPart")).objects.index[:200].tolist()
    meshes = [each[-1] for each in delft.meshes(oids).values()]
    grey = np.full((len(meshes), 4), 99, np.uint8)
    surface = mesh_surface(enumerate(meshes), lambda xy: xy, grey)
    a, b, c = (surface.positions[surface.triangles[:, i]] for i in range(3))
    drawn = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    own = np.bincount(surface.features[surface.triangles[:, 0]], drawn, len(meshes))
    truth = np.array([face_areas(each).sum() for each in meshes])
    assert np.abs(own / truth - 1).max() < 0.01
    assert own.sum() == pytest.approx(truth.sum(), rel=1e-3)


def test_the_terrain_of_olinda_is_shown_with_its_heights(tmp_path):
    file = path("dem/geotiff/olinda_dem_utm25s.tif")
    with rasterio.open(file) as source:
        values, inverse, crs = source.read(1).astype(float), ~source.transform, source.crs
        bounds = rasterio.warp.transform_bounds(crs, "EPSG:4326", *source.bounds)
        coverage = Coverage(
            "olinda", "terrain", file, crs.to_string(), bounds, source.width, source.height, ({},),
            sha256="0" * 64,
        )  # fmt: skip
    store = shown.city_of(tmp_path / "c", coverages=(coverage,), crs="EPSG:31985")
    lon, lat = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    row = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    address = TileAddress(13, int((lon + 180) / 360 * 2**13), int(row * 2**13))
    layer = layers.LAYERS["terrain"]
    body = layer.draw(TileRequest(store, layer, address))
    rgb = np.asarray(Image.open(io.BytesIO(body))).astype(int)
    shown_heights = -10000 + (rgb @ [65536, 256, 1]) * 0.1

    west, _, _, north = address.bounds
    step = (np.arange(TILE_SIZE) + 0.5) * address.size / TILE_SIZE
    x, y = np.meshgrid(west + step, north - step)
    x, y = Transformer.from_crs(3857, crs, always_xy=True).transform(x, y)
    column, line = inverse * (x, y)
    column, line = column - 0.5, line - 0.5
    inside = (
        (column > 1) & (line > 1) & (column < values.shape[1] - 3) & (line < values.shape[0] - 3)
    )
    i, j = line[inside].astype(int), column[inside].astype(int)
    v, u = line[inside] - i, column[inside] - j
    upper = values[i, j] * (1 - u) + values[i, j + 1] * u
    lower = values[i + 1, j] * (1 - u) + values[i + 1, j + 1] * u
    error = np.abs(shown_heights[inside] - (upper * (1 - v) + lower * v))
    assert inside.sum() > 1000
    assert np.median(error) < 0.1
    assert np.percentile(error, 99) < 1.0
