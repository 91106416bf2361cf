import io
from datetime import date

import numpy as np
import pytest
import rasterio
import shown
from cities import ORIGIN
from PIL import Image

import layers
from layers.imagery import imagery_by_day, visible_bands

CORNER = (ORIGIN[0] - 500, ORIGIN[1] + 500)
DAY = date(2021, 5, 1)


def picture(store, name, zoom=15, place=ORIGIN):
    address = shown.address_at(place, zoom)
    found = layers.tile(store, name, zoom, address.x, address.y)
    assert found.media_type == "image/webp"
    return np.asarray(Image.open(io.BytesIO(found.body)).convert("RGBA")).astype(int)


def full(*values, dtype=np.uint8):
    return np.stack([np.full((100, 100), each, dtype) for each in values])


def test_bytes_are_shown_as_they_are_and_nothing_around_them(tmp_path):
    image = shown.raster(
        tmp_path / "i.tif", full(200, 100, 50), CORNER, 10, "imagery", valid_from=DAY
    )
    store = shown.city_of(tmp_path / "c", coverages=(image,))
    pixels = picture(store, "imagery-2021-05-01", 14)
    seen = pixels[..., 3] > 0
    assert 0.1 < seen.mean() < 0.9
    assert np.abs(np.median(pixels[seen][:, :3], axis=0) - [200, 100, 50]).max() < 8


def test_sixteen_bit_bands_are_stretched_and_put_in_their_order(tmp_path):
    ramp = np.tile(np.linspace(300, 3000, 100), (100, 1))
    values = np.stack([ramp * 0.5, ramp, ramp[:, ::-1], ramp * 2]).astype(np.uint16)
    image = shown.raster(tmp_path / "i.tif", values, CORNER, 10, "imagery", valid_from=DAY)
    store = shown.city_of(tmp_path / "c", coverages=(image,))
    assert visible_bands(store.coverages()[0]) == (3, 2, 1)
    pixels = picture(store, "imagery-2021-05-01")
    seen = pixels[128, :, 3] > 0
    red, green = pixels[128, seen, 0], pixels[128, seen, 1]
    assert red[0] > red[-1]
    assert green[0] < green[-1]
    whole = picture(store, "imagery-2021-05-01", 13)
    assert np.ptp(whole[whole[..., 3] > 0][:, 1]) > 200


def test_bands_are_found_by_their_names(tmp_path):
    image = shown.raster(
        tmp_path / "i.tif", full(1, 2, 3, 4), CORNER, 10, "imagery",
        names=["NIR", "Red", "green", "B02"],
    )  # fmt: skip
    assert visible_bands(image) == (2, 3, 4)


def test_a_single_band_is_grey_and_a_palette_has_its_colours(tmp_path):
    grey = shown.raster(tmp_path / "g.tif", full(120), CORNER, 10, "imagery")
    store = shown.city_of(tmp_path / "a", coverages=(grey,))
    pixels = picture(store, "imagery", 16)
    assert np.ptp(pixels[128, 128, :3]) <= 4
    coded = shown.raster(tmp_path / "p.tif", full(7), CORNER, 10, "imagery")
    with rasterio.open(coded.path, "r+") as file:
        file.write_colormap(1, {7: (250, 10, 10, 255)})
    store = shown.city_of(tmp_path / "b", coverages=(coded,))
    assert np.abs(picture(store, "imagery", 16)[128, 128, :3] - [250, 10, 10]).max() < 12


def test_each_day_is_a_layer_and_tiles_of_one_day_are_one_picture(tmp_path):
    west = shown.raster(tmp_path / "w.tif", full(250, 0, 0), CORNER, 10, "imagery", valid_from=DAY)
    east = shown.raster(
        tmp_path / "e.tif",
        full(0, 0, 250),
        (CORNER[0] + 1000, CORNER[1]),
        10,
        "imagery",
        valid_from=DAY,
    )
    old = shown.raster(
        tmp_path / "o.tif", full(0, 250, 0), CORNER, 10, "imagery", valid_from=date(2001, 1, 1)
    )
    store = shown.city_of(tmp_path / "c", coverages=(west, east, old))
    assert tuple(imagery_by_day(store, "internal")) == ("2021-05-01", "2001-01-01")
    pixels = picture(store, "imagery-2021-05-01", 13)
    strong = pixels[pixels[..., 3] > 0][:, :3] > 200
    assert strong[:, 0].any()
    assert strong[:, 2].any()
    assert not strong[:, 1].any()
    old_ones = picture(store, "imagery-2001-01-01")
    assert (old_ones[old_ones[..., 3] > 0][:, 1] > 200).all()


def test_a_tile_without_imagery_is_empty(tmp_path):
    image = shown.raster(tmp_path / "i.tif", full(1, 2, 3), CORNER, 10, "imagery", valid_from=DAY)
    store = shown.city_of(tmp_path / "c", coverages=(image,))
    address = shown.address_at((ORIGIN[0] + 20_000, ORIGIN[1]), 15)
    assert layers.tile(store, "imagery-2021-05-01", 15, address.x, address.y).body == b""


@pytest.mark.parametrize("name", ["imagery", "imagery-2021-05-02", "imagery-"])
def test_a_day_without_imagery_is_no_layer(tmp_path, name):
    image = shown.raster(tmp_path / "i.tif", full(1, 2, 3), CORNER, 10, "imagery", valid_from=DAY)
    store = shown.city_of(tmp_path / "c", coverages=(image,))
    with pytest.raises(LookupError):
        layers.tile(store, name, 15, 0, 0)
