"""Rasters of values and codes: their colours, their legends, what is transparent."""

import io
from datetime import date

import numpy as np
import pytest
import rasterio
import shown
from cities import ORIGIN
from PIL import Image

import layers
from cim.errors import NotFoundError
from cim.schema import COVERAGE_KINDS
from layers import ramps
from layers.colour import rgba

CORNER = (ORIGIN[0] - 500, ORIGIN[1] + 500)
DAY = date(2024, 6, 1)
NEAR = 14
"""Of lossy WebP."""


def picture(store, name, zoom=16, place=ORIGIN):
    address = shown.address_at(place, zoom)
    found = layers.tile(store, name, zoom, address.x, address.y)
    assert found.media_type == "image/webp"
    return np.asarray(Image.open(io.BytesIO(found.body)).convert("RGBA")).astype(int)


def middle(store, name):
    """Colour in the middle of the raster."""
    pixels = picture(store, name)
    assert pixels[..., 3].all()
    return np.median(pixels[..., :3].reshape(-1, 3), axis=0)


def near(colour, hexadecimal):
    return np.abs(np.asarray(colour) - rgba(hexadecimal)[:3]).max() < NEAR


def level(value, dtype=np.float32):
    return np.full((100, 100), value, dtype)


def listed(store):
    return {each["id"]: each for each in layers.describe(store)}


def city(tmp_path, name, values, kind, **options):
    made = shown.raster(tmp_path / f"{name}.tif", values, CORNER, 10, kind, **options)
    return shown.city_of(tmp_path / f"{name}.city", coverages=(made,))


def test_every_kind_of_raster_is_a_layer():
    assert set(COVERAGE_KINDS) <= set(layers.LAYERS)


@pytest.mark.parametrize("kind", [each for each in COVERAGE_KINDS if each != "terrain"])
def test_every_kind_is_listed_and_drawn(tmp_path, kind):
    values = np.tile(np.linspace(0.1, 0.9, 100, dtype=np.float32), (100, 1))
    store = city(tmp_path, "r", values, kind)
    (found,) = listed(store).values()
    assert found["kind"] == "imagery"
    assert found["visible"] == (kind == "imagery")
    assert bool(found["legend"]) == (kind != "imagery")
    pixels = picture(store, found["id"])
    assert pixels[..., 3].all()
    assert np.ptp(pixels[..., :3].sum(axis=2)) > 60


@pytest.mark.parametrize(
    ("value", "color"), [(-0.3, "#35618f"), (0.0, "#8c5a33"), (0.6, "#4ea33f"), (0.9, "#0b5a24")]
)
def test_plants_are_green_and_bare_ground_is_brown(tmp_path, value, color):
    store = city(tmp_path, "n", level(value), "index", names=["NDVI"], valid_from=DAY)
    assert near(middle(store, "index-ndvi-2024-06-01"), color)


def test_an_index_has_a_legend_in_both_languages(tmp_path):
    store = city(tmp_path, "n", level(0.5), "index", names=["NDVI"], valid_from=DAY)
    found = listed(store)["index-ndvi-2024-06-01"]
    assert (found["title"], found["title_zh"]) == ("NDVI 2024-06-01", "NDVI 2024-06-01")
    assert len(found["legend"]) == 6
    assert found["legend"][-1] == {
        "color": "#0b5a24", "label": "Very dense (0.9)", "label_zh": "极茂密植被（0.9）",
    }  # fmt: skip


def test_indices_without_a_name_of_their_own_are_told_by_their_data_set(tmp_path):
    store = city(tmp_path, "绿视", level(0.5), "index", names=["green"])
    found = listed(store)["index"]
    assert (found["title"], found["title_zh"]) == ("Index 绿视", "指数 绿视")


def test_change_grows_from_dark_to_light(tmp_path):
    values = np.tile(np.linspace(0, 0.4, 100, dtype=np.float32), (100, 1))
    store = city(tmp_path, "c", values, "index", names=["change"], valid_from=DAY)
    found = listed(store)["index-change-2024-06-01"]
    assert found["title_zh"] == "指数 change 2024-06-01"
    assert found["legend"][0] == {"color": "#20262e", "label": "0", "label_zh": "0"}


@pytest.mark.parametrize(("name", "scale"), [("NDWI", ramps.WETNESS), ("NDBI", ramps.BUILT)])
def test_other_indices_have_colours_of_their_own(tmp_path, name, scale):
    store = city(tmp_path, name, level(0.1), "index", names=[name])
    expected = scale.colours(np.array([0.1], np.float32))[0]
    assert np.abs(middle(store, f"index-{name.lower()}") - expected).max() < NEAR


def test_an_index_stored_in_whole_numbers_is_spread_from_low_to_high(tmp_path):
    values = np.tile(np.linspace(-2000, 9000, 100), (100, 1)).astype(np.int16)
    store = city(tmp_path, "n", values, "index", names=["NDVI"])
    labels = [each["label"] for each in listed(store)["index-ndvi"]["legend"]]
    assert labels[0].startswith("-1,7")
    assert labels[-1].startswith("8,7")


def test_a_scale_in_the_file_is_heeded(tmp_path):
    made = shown.raster(tmp_path / "n.tif", level(6000, np.int16), CORNER, 10, "index",
                        names=["NDVI"])  # fmt: skip
    with rasterio.open(made.path, "r+") as file:
        file.scales = (0.0001,)
    store = shown.city_of(tmp_path / "c", coverages=(made,))
    assert near(middle(store, "index-ndvi"), "#4ea33f")


def test_what_is_unknown_is_transparent(tmp_path):
    values = level(0.5)
    values[:, :50] = np.nan
    store = city(tmp_path, "n", values, "index", names=["NDVI"], nodata=np.nan)
    pixels = picture(store, "index-ndvi", 14)
    seen = pixels[..., 3] > 0
    whole = city(tmp_path, "w", level(0.5), "index", names=["NDVI"])
    everything = picture(whole, "index-ndvi", 14)[..., 3] > 0
    assert 0.4 < seen.sum() / everything.sum() < 0.6


def test_land_cover_has_the_colours_of_its_file(tmp_path):
    values = level(10, np.uint8)
    values[50:] = 50
    made = shown.raster(tmp_path / "lc.tif", values, CORNER, 10, "land_cover")
    with rasterio.open(made.path, "r+") as file:
        file.write_colormap(1, {10: (1, 2, 3, 255), 50: (200, 100, 50, 255)})
    store = shown.city_of(tmp_path / "c", coverages=(made,))
    colours = {tuple(each) for each in picture(store, "land_cover")[..., :3].reshape(-1, 3)}
    assert colours == {(1, 2, 3), (200, 100, 50)}
    assert [each["color"] for each in listed(store)["land_cover"]["legend"]] == [
        "#010203", "#c86432",
    ]  # fmt: skip


def test_codes_of_worldcover_have_names(tmp_path):
    values = level(10, np.uint8)
    values[50:] = 80
    store = city(tmp_path, "ESA_WorldCover_10m_2021", values, "land_cover")
    found = listed(store)["land_cover"]["legend"]
    assert [each["label"] for each in found] == ["Tree cover", "Permanent water"]
    assert [each["label_zh"] for each in found] == ["林地", "永久水体"]


def test_codes_that_nobody_explains_are_told_apart_by_number(tmp_path):
    values = level(3, np.uint8)
    values[50:] = 7
    store = city(tmp_path, "lc", values, "land_cover")
    found = listed(store)["land_cover"]["legend"]
    assert [each["label"] for each in found] == ["Class 3", "Class 7"]
    assert len({tuple(each) for each in picture(store, "land_cover").reshape(-1, 4)}) == 2


def test_depths_of_water_are_blue_and_classes_of_danger_red(tmp_path):
    wet = city(tmp_path, "flood_depth", level(2.0), "hazard")
    assert near(middle(wet, "hazard"), "#1764ab")
    values = np.repeat(np.arange(1, 5, dtype=np.uint8), 25)[:, None].repeat(100, 1)
    danger = city(tmp_path, "landslide_hazard", values, "hazard")
    found = listed(danger)["hazard"]["legend"]
    assert [each["label"] for each in found] == ["Class 1", "Class 2", "Class 3", "Class 4"]
    reds = [rgba(each["color"]) for each in found]
    assert [each[1] for each in reds] == sorted((each[1] for each in reds), reverse=True)


def test_lights_grow_brighter_and_what_is_dark_is_nearly_black(tmp_path):
    values = np.tile(np.linspace(0, 60, 100, dtype=np.float32), (100, 1))
    store = city(tmp_path, "viirs", values, "night_lights")
    pixels = picture(store, "night_lights", 14)
    seen = pixels[..., 3] > 0
    fullest = int(seen.sum(axis=1).argmax())
    row = pixels[fullest, seen[fullest], :3].sum(axis=1)
    assert row[0] < 120
    assert row[-1] > 600
    assert (np.diff(row) > -40).all()


def test_rasters_side_by_side_are_one_picture_in_the_same_colours(tmp_path):
    west = shown.raster(tmp_path / "w.tif", level(10), CORNER, 10, "surface")
    east = shown.raster(tmp_path / "e.tif", level(90), (CORNER[0] + 1000, CORNER[1]), 10, "surface")
    store = shown.city_of(tmp_path / "c", coverages=(west, east))
    assert list(listed(store)) == ["surface"]
    left = picture(store, "surface", 17, (ORIGIN[0] - 300, ORIGIN[1]))[128, 128, :3]
    right = picture(store, "surface", 17, (ORIGIN[0] + 800, ORIGIN[1]))[128, 128, :3]
    assert near(left, ramps.HEIGHTS[0])
    assert near(right, ramps.HEIGHTS[-1])


def test_rasters_on_each_other_are_pictures_of_their_own(tmp_path):
    rare = shown.raster(tmp_path / "flood_100a.tif", level(3.0), CORNER, 10, "hazard")
    often = shown.raster(tmp_path / "flood_5a.tif", level(0.2), CORNER, 10, "hazard")
    store = shown.city_of(tmp_path / "c", coverages=(rare, often))
    assert set(listed(store)) == {"hazard-flood_100a", "hazard-flood_5a"}
    assert middle(store, "hazard-flood_100a")[0] < middle(store, "hazard-flood_5a")[0]
    with pytest.raises(NotFoundError) as refused:
        layers.tile(store, "hazard", 16, 0, 0)
    assert "hazard-flood_5a" in refused.value.hint


def test_names_that_are_the_same_in_an_address_are_told_apart(tmp_path):
    made = [
        shown.raster(tmp_path / f"{name}.tif", level(1.0), CORNER, 10, "other")
        for name in ("甲", "乙", "丙")
    ]
    store = shown.city_of(tmp_path / "c", coverages=tuple(made))
    assert set(listed(store)) == {"other", "other-2", "other-3"}
    assert {each["title_zh"] for each in listed(store).values()} == {
        "其他栅格 甲", "其他栅格 乙", "其他栅格 丙",
    }  # fmt: skip


def test_who_may_not_see_a_raster_does_not_hear_of_it(tmp_path):
    store = city(tmp_path, "flood", level(1.0), "hazard", access="secret")
    assert listed(store) == {}
    with pytest.raises(NotFoundError):
        layers.tile(store, "hazard", 16, 0, 0)
    assert [each["id"] for each in layers.describe(store, clearance="secret")] == ["hazard"]


def test_a_file_that_is_gone_leaves_the_list_of_layers_standing(tmp_path):
    store = city(tmp_path, "flood_lost", level(1.0), "population")
    store.coverages()[0].path.unlink()
    assert listed(store)["population"]["legend"] == []


def test_an_image_is_shown_before_any_other_raster(tmp_path):
    made = [
        shown.raster(tmp_path / f"{kind}.tif", values, CORNER, 10, kind)
        for kind, values in (
            ("index", level(0.5)), ("imagery", np.full((3, 100, 100), 90, np.uint8)),
        )
    ]  # fmt: skip
    store = shown.city_of(tmp_path / "c", coverages=tuple(made))
    found = listed(store)
    assert [each for each in found if found[each]["visible"]] == ["imagery"]
    assert found["index-index"]["attribution"] == "They"
