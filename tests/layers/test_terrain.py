import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest
import rasterio
import shown
from cities import ORIGIN, street
from PIL import Image
from pyproj import CRS, Transformer

import layers
from layers import LAYERS
from layers.layer import TileRequest
from layers.mercator import TileAddress, to_mercator
from layers.rasters import Warp, opened, read_tile
from layers.terrain import TILE_SIZE, encoded, heights

E0, N0 = ORIGIN
CORNER = (E0 - 3000, N0 + 3000)
CELL = 20.0


def asked(store, address, clearance="internal"):
    return TileRequest(store, LAYERS["terrain"], address, clearance=clearance)


def slope(rows=300, columns=300):
    """A plane that rises 0.05 m a metre eastwards and 0.02 northwards, 50 m at `CORNER`."""
    row, column = np.mgrid[0:rows, 0:columns]
    return (50 + 0.05 * CELL * (column + 0.5) - 0.02 * CELL * (row + 0.5)).astype(np.float32)


def plane(xy):
    return 50 + 0.05 * (xy[:, 0] - CORNER[0]) - 0.02 * (CORNER[1] - xy[:, 1])


def pixels(address):
    """Centres (n, 2) of the pixels of a tile in the city's CRS."""
    west, _, _, north = address.bounds
    step = (np.arange(TILE_SIZE) + 0.5) * address.size / TILE_SIZE
    x, y = np.meshgrid(west + step, north - step)
    moved = Transformer.from_crs(3857, "EPSG:4547", always_xy=True).transform(x.ravel(), y.ravel())
    return np.column_stack(moved)


def decoded(body):
    """Heights of a terrain-RGB tile, as Mapbox defines it."""
    picture = Image.open(io.BytesIO(body))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (TILE_SIZE, TILE_SIZE))
    rgb = np.asarray(picture).astype(np.int64)
    return -10000 + (rgb[..., 0] * 65536 + rgb[..., 1] * 256 + rgb[..., 2]) * 0.1


def drawn(store, address, **options):
    found = layers.tile(store, "terrain", address.z, address.x, address.y, **options)
    assert found.media_type == "image/png"
    return decoded(found.body)


def test_heights_survive_terrain_rgb_to_five_centimetres():
    grid = np.linspace(-430, 8848, TILE_SIZE**2).reshape(TILE_SIZE, TILE_SIZE).astype(np.float32)
    assert np.abs(decoded(encoded(grid)) - grid).max() <= 0.0501


@pytest.mark.parametrize("zoom", [13, 15])
def test_a_tile_shows_the_heights_of_the_terrain_where_they_are(tmp_path, zoom):
    terrain = shown.raster(tmp_path / "dem.tif", slope(), CORNER, CELL, "terrain")
    store = shown.city_of(tmp_path / "c", coverages=(terrain,))
    address = shown.address_at(ORIGIN, zoom)
    found, xy = drawn(store, address), pixels(address)
    inside = (np.abs(xy - ORIGIN) < 2950).all(axis=1)
    assert inside.any()
    assert np.abs(found.ravel() - plane(xy))[inside].max() < 0.1


def test_beyond_the_terrain_and_in_its_gaps_the_ground_goes_on_without_a_spike(tmp_path):
    values = slope()
    values[100:140, 100:140] = -9999
    values[0, :] = 1e30
    terrain = shown.raster(tmp_path / "dem.tif", values, CORNER, CELL, "terrain", nodata=-9999)
    store = shown.city_of(tmp_path / "c", coverages=(terrain,))
    sound = values[(values > -100) & (values < 1000)]
    here = shown.address_at(ORIGIN, 12)
    for dx, dy in ((0, 0), (1, 0), (5, 5), (-300, 40)):
        found = drawn(store, TileAddress(12, here.x + dx, here.y + dy))
        assert sound.min() - 1 <= found.min() <= found.max() <= sound.max() + 1
    assert np.ptp(drawn(store, TileAddress(4, 0, 0))) < np.ptp(sound) + 2


def test_undeclared_gaps_are_seen_by_their_impossible_value(tmp_path):
    values = slope().astype(np.int16)
    values[:40] = -32768
    terrain = shown.raster(tmp_path / "dem.tif", values, CORNER, CELL, "terrain")
    store = shown.city_of(tmp_path / "c", coverages=(terrain,))
    assert drawn(store, shown.address_at((E0, N0 + 2600), 13)).min() > -50


def test_the_finer_terrain_is_on_top_of_the_coarser_one(tmp_path):
    coarse = shown.raster(
        tmp_path / "coarse.tif", np.full((60, 60), 10, np.float32), CORNER, 100, "terrain"
    )
    fine = shown.raster(
        tmp_path / "fine.tif",
        np.full((20, 20), 90, np.float32),
        (E0 - 100, N0 + 100),
        10,
        "terrain",
    )
    store = shown.city_of(tmp_path / "c", coverages=(coarse, fine))
    mercator = to_mercator(np.array([[E0, N0], [E0 + 900, N0]]), CRS("EPSG:4547"))
    found = heights(asked(store, shown.address_at(ORIGIN, 14)), mercator)
    assert found == pytest.approx([90, 10], abs=0.1)


def test_terrain_of_a_later_day_is_not_shown_in_the_past(tmp_path):
    later = shown.raster(
        tmp_path / "dem.tif", slope(), CORNER, CELL, "terrain", valid_from=date(2020, 1, 1)
    )
    store = shown.city_of(tmp_path / "c", coverages=(later,))
    address = shown.address_at(ORIGIN, 13)
    assert layers.tile(store, "terrain", 13, address.x, address.y, at=date(2019, 1, 1)).body == b""
    assert layers.tile(store, "terrain", 13, address.x, address.y, at=date(2021, 1, 1)).body


def test_without_a_terrain_tiles_are_empty_and_heights_unknown(tmp_path):
    store = shown.city_of(tmp_path / "c", street(1))
    address = shown.address_at(ORIGIN, 13)
    assert layers.tile(store, "terrain", 13, address.x, address.y).body == b""
    assert np.isnan(heights(asked(store, address), np.zeros((2, 2)))).all()


def test_many_threads_draw_the_same_tiles(tmp_path):
    terrain = shown.raster(tmp_path / "dem.tif", slope(), CORNER, CELL, "terrain")
    addresses = [shown.address_at((E0 + 100 * i, N0), 14) for i in range(-8, 8)]

    def work(_):
        return [
            read_tile(terrain, each.bounds, 64, (1,), Warp()).values.sum() for each in addresses
        ]

    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(work, range(16)))
    assert all(each == sums[0] for each in sums)


def test_every_thread_reads_with_its_own_handle(tmp_path):
    path = shown.raster(tmp_path / "dem.tif", slope(), CORNER, CELL, "terrain").path
    found = [opened(path)]
    thread = threading.Thread(target=lambda: found.append(opened(path)))
    thread.start()
    thread.join()
    assert opened(path) is found[0]
    assert found[1] is not found[0]
    assert isinstance(found[1], rasterio.DatasetReader)
