import json
from datetime import date

import numpy as np
import pytest
import shown
from cities import ORIGIN, street, water_main
from shapely import Point

import layers
from cim.errors import NotFoundError
from cim.schema import CLASSES
from layers.rasters import finest_zoom
from layers.scene import CLOSER, camera

CORNER = (ORIGIN[0] - 500, ORIGIN[1] + 500)
KEYS = {
    "id", "title", "title_zh", "group", "kind", "visible", "opacity", "min_zoom", "max_zoom",
    "pickable", "underground", "count", "legend", "attribution",
}  # fmt: skip


@pytest.fixture
def store(tmp_path):
    terrain = shown.raster(
        tmp_path / "dem.tif", np.ones((50, 50), np.float32), CORNER, 20, "terrain"
    )
    images = [
        shown.raster(
            tmp_path / f"{day}.tif", np.ones((3, 50, 50), np.uint8), CORNER, 20, "imagery",
            valid_from=date(day, 1, 1),
        )
        for day in (2001, 2021)
    ]  # fmt: skip
    place = shown.objects("GenericLogicalSpace", [Point(ORIGIN)], name="Gate")
    return shown.city_of(
        tmp_path / "c", street(3), water_main(2), place, coverages=(terrain, *images)
    )


def test_the_layers_are_those_that_the_city_has_in_drawing_order(store):
    found = layers.describe(store)
    assert [each["id"] for each in found] == [
        "terrain", "imagery-2021-01-01", "imagery-2001-01-01", "zones", "pipes", "nodes",
        "buildings", "places",
    ]  # fmt: skip
    assert all(each.keys() == KEYS for each in found)
    by_id = {each["id"]: each for each in found}
    assert by_id["buildings"]["count"] == 3
    assert by_id["pipes"]["underground"]
    assert by_id["imagery-2021-01-01"]["visible"]
    assert not by_id["imagery-2001-01-01"]["visible"]
    assert by_id["terrain"]["attribution"] == "They"
    assert by_id["buildings"]["title_zh"] == "建筑"


def test_counts_are_those_of_the_reader_s_clearance(tmp_path):
    batch = street(3)
    told = type(batch)(batch.objects.assign(access=["secret", "public", "public"]))
    store = shown.city_of(tmp_path / "c", told)
    assert [each["count"] for each in layers.describe(store, clearance="public")] == [2]
    assert [each["count"] for each in layers.describe(store, clearance="secret")] == [3]


def test_rasters_are_shown_to_those_who_may_see_them(tmp_path):
    corner = (ORIGIN[0] - 500, ORIGIN[1] + 500)
    heights, image = np.full((50, 50), 80, np.float32), np.full((3, 50, 50), 90, np.uint8)
    rasters = (
        shown.raster(tmp_path / "t.tif", heights, corner, 20, "terrain", access="sensitive"),
        shown.raster(tmp_path / "i.tif", image, corner, 20, "imagery", access="secret"),
    )
    store = shown.city_of(tmp_path / "c", street(1), coverages=rasters)
    address = shown.address_at(ORIGIN, 13)
    seen = {"internal": [], "sensitive": ["terrain"], "secret": ["terrain", "imagery"]}
    for clearance, expected in seen.items():
        listed = [each["id"] for each in layers.describe(store, clearance=clearance)]
        assert [each for each in listed if each in {"terrain", "imagery"}] == expected
        ground = layers.tile(store, "terrain", 13, address.x, address.y, clearance=clearance)
        assert bool(ground.body) == ("terrain" in expected)
        assert [each["attribution"] for each in layers.describe(store, clearance=clearance)][-1]
    assert layers.tile(store, "imagery", 13, address.x, address.y, clearance="secret").body
    with pytest.raises(NotFoundError):
        layers.tile(store, "imagery", 13, address.x, address.y, clearance="sensitive")


def test_every_legend_entry_has_a_colour_and_both_languages():
    for layer in layers.LAYERS.values():
        for entry in layer.legend:
            assert len(bytes.fromhex(entry.color[1:])) == 3
            assert entry.label
            assert any(ord(letter) > 0x2E80 for letter in entry.label_zh)


def test_every_class_that_is_a_thing_is_shown_by_some_layer():
    shown_ones = {code for layer in layers.LAYERS.values() for code in layer.codes}
    missing = {name for name, each in CLASSES.items() if each.code not in shown_ones}
    assert missing == {"BuildingStorey", "BuildingRoom", "BuildingUnit", "CityObjectGroup"}


def test_the_deck_addresses_tiles_of_this_version(store):
    deck = json.loads(layers.scene(store, base_url="/cim").to_json())
    assert {each["@@type"] for each in deck["layers"]} == {
        "CimTerrainLayer", "CimMeshTileLayer", "CimVectorLayer",
    }  # fmt: skip
    root = f"/cim/tiles/{store.id}/{store.version()}/"
    for each in deck["layers"]:
        assert each["data"].startswith(root)
    ground = deck["layers"][0]
    assert ground["data"] == root + "terrain/{z}/{x}/{y}.png"
    assert ground["imagery"] == root + "imagery-2021-01-01/{z}/{x}/{y}.webp"
    assert deck["views"][0]["@@type"] == "MapView"


def test_only_accessors_are_expressions_in_the_deck(store):
    text = layers.scene(store, lang="zh").to_json()
    expressions = {
        value
        for each in json.loads(text)["layers"]
        for value in each.values()
        if isinstance(value, str) and value.startswith("@@=")
    }
    assert expressions == {"@@=[properties.r, properties.g, properties.b]"}
    assert "建筑" in json.loads(text)["layers"][-2]["title"]


def test_an_empty_city_has_a_scene(tmp_path):
    store = shown.city_of(tmp_path / "c")
    assert layers.describe(store) == []
    deck = json.loads(layers.scene(store).to_json())
    assert [each["id"] for each in deck["layers"]] == ["terrain"]
    assert deck["initialViewState"]["zoom"] < 3


def test_the_camera_sees_most_of_the_city():
    found = camera((114.0, 34.0, 114.5, 34.5))
    assert (found["longitude"], found["latitude"]) == (114.25, 34.25)
    height = 512 * 2 ** found["zoom"] * 0.5 / 360 / np.cos(np.radians(34.25))
    assert 700 * 2**CLOSER <= height <= 810 * 2**CLOSER


@pytest.mark.parametrize(("cell", "zoom"), [(30.0, 13), (0.5, 18)])
def test_tiles_are_as_fine_as_the_raster(tmp_path, cell, zoom):
    made = shown.raster(tmp_path / "r.tif", np.ones((80, 80), np.float32), CORNER, cell, "terrain")
    assert finest_zoom(made) == zoom
