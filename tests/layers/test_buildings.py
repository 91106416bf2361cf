from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
import shown
from cities import CRS, ORIGIN, cube, street, unknown_house
from pyproj import Transformer
from shapely import MultiPolygon, Point, Polygon, affinity, box

import layers
from cim.errors import InputError, NotFoundError
from cim.model import Batch
from layers.colour import rgba
from layers.legends import BUILDINGS

E0, N0 = ORIGIN


def tile_at(store, zoom=16, place=ORIGIN, name="buildings", **options):
    address = shown.address_at(place, zoom)
    return layers.tile(store, name, address.z, address.x, address.y, **options)


def middle_of_tile(zoom):
    """Centre of the tile around `ORIGIN` in the city's CRS."""
    centre = shown.address_at(ORIGIN, zoom).centre
    return np.array(Transformer.from_crs(4326, CRS, always_xy=True).transform(*centre))


def read(store, zoom=16, place=ORIGIN, **options):
    return shown.glb(tile_at(store, zoom, place, **options).body)


def test_each_house_of_a_street_stands_where_it_is_as_high_as_it_is(tmp_path):
    store = shown.city_of(tmp_path / "c", street(3))
    found = read(store)
    assert found.height.tolist() == [3, 6, 9]
    assert found.class_code.tolist() == [100] * 3
    for number in range(3):
        own = found.positions[found.features == number]
        size = np.ptp(own, axis=0)
        assert size == pytest.approx([10, 10, 3 * (number + 1)], rel=0.01)
        assert own[:, 2].min() == pytest.approx(number, abs=0.02)
    middles = [found.positions[found.features == i].mean(axis=0)[0] for i in range(3)]
    assert np.diff(middles) == pytest.approx([20, 20], rel=0.01)


def test_every_feature_of_a_tile_is_an_object_of_the_store(tmp_path):
    store = shown.city_of(tmp_path / "c", street(5), cube())
    found = read(store)
    assert [store.describe(oid)["object_id"] for oid in found.oid.tolist()] == [
        "b0", "b1", "b2", "b3", "b4", "c0",
    ]  # fmt: skip
    assert set(found.features.tolist()) == set(range(6))


def test_an_object_is_in_one_tile_of_a_zoom_only(tmp_path):
    store = shown.city_of(tmp_path / "c", street(60))
    home = shown.address_at(ORIGIN, 16)
    seen = []
    for dx in range(-1, 4):
        for dy in (-1, 0, 1):
            body = layers.tile(store, "buildings", 16, home.x + dx, home.y + dy).body
            seen += shown.glb(body).oid.tolist() if body else []
    assert sorted(seen) == list(range(1, 61))


@pytest.mark.parametrize("moved", [(0, 0), (777, -410), (-35_000, 52_000)])
def test_a_house_elsewhere_is_the_same_house(tmp_path, moved):
    shape = affinity.translate(
        Polygon([(0, 0), (10, 0), (10, 9), (5, 4), (0, 9)]), E0 + moved[0], N0 + moved[1]
    )
    batch = shown.objects("Building", [shape], height=8.0, ground_height=3.0)
    store = shown.city_of(tmp_path / "c", batch)
    found = read(store, place=(E0 + moved[0] + 5, N0 + moved[1] + 4.5))
    assert found.areas().sum() == pytest.approx(shape.area + 8 * shape.length, rel=0.006)
    assert np.ptp(found.positions, axis=0) == pytest.approx([10, 9, 8], abs=0.1)


def test_height_that_nobody_knows_is_drawn_low_in_its_own_colour(tmp_path):
    store = shown.city_of(tmp_path / "c", unknown_house())
    found = read(store, place=(E0 + 180, N0))
    assert np.ptp(found.positions[:, 2]) == pytest.approx(3, abs=0.01)
    assert np.isnan(found.height[0])
    grey = BUILDINGS.categories[BUILDINGS.number("height unknown")].color
    assert found.colours[found.normals[:, 2] > 0.5][0].tolist() == list(rgba(grey))


def test_ground_comes_from_the_object_else_its_z_else_the_terrain(tmp_path):
    terrain = shown.raster(
        tmp_path / "dem.tif",
        np.full((40, 40), 55.0, np.float32),
        (E0 - 500, N0 + 500),
        30,
        "terrain",
    )
    shapes = [box(E0, N0, E0 + 5, N0 + 5), box(E0 + 20, N0, E0 + 25, N0 + 5)]
    shapes += [shapely.force_3d(box(E0 + 40, N0, E0 + 45, N0 + 5), 61.0)]
    batch = shown.objects("Building", shapes, height=4.0, ground_height=[70.0, np.nan, np.nan])
    store = shown.city_of(tmp_path / "c", batch, coverages=(terrain,))
    found = read(store)
    feet = [found.positions[found.features == i, 2].min() for i in range(3)]
    assert feet == pytest.approx([70, 55, 61], abs=0.05)


def test_bad_shapes_cost_only_themselves(tmp_path):
    hole = Polygon(
        box(E0, N0, E0 + 10, N0 + 10).exterior, [box(E0 + 3, N0 + 3, E0 + 6, N0 + 6).exterior]
    )
    shapes = [
        Polygon([(E0, N0), (E0 + 10, N0 + 10), (E0 + 10, N0), (E0, N0 + 10)]),
        Polygon([(E0, N0), (E0 + 1, N0 + 1), (E0 + 2, N0 + 2)]),
        MultiPolygon([box(E0 + 20, N0, E0 + 30, N0 + 10), box(E0 + 40, N0, E0 + 50, N0 + 10)]),
        Point(E0 + 5, N0 + 5),
        hole,
    ]
    store = shown.city_of(
        tmp_path / "c", shown.objects("Building", shapes, height=5.0, ground_height=0.0)
    )
    found = read(store)
    names = [store.describe(oid)["object_id"] for oid in found.oid.tolist()]
    assert sorted(names) == ["x2", "x4"]
    assert found.cim["skipped"] == 3
    roofs = found.normals[found.triangles[:, 0], 2] > 0.5
    areas = np.bincount(found.features[found.triangles[roofs, 0]], weights=found.areas()[roofs])
    assert areas[names.index("x2")] == pytest.approx(200, rel=0.01)
    assert areas[names.index("x4")] == pytest.approx(91, rel=0.01)


def split_house(part_lod="1", whole_lod="0", cover=1.0):
    """A house 20 m × 10 m with two parts that cover some share of it, and a house of its own."""
    width = 10 * cover
    objects = pd.DataFrame(
        {
            "object_id": ["whole", "west", "east", "other"],
            "class": ["Building", "BuildingPart", "BuildingPart", "Building"],
            "parent_id": [None, "whole", "whole", None],
            "height": [9.0, 9.0, 5.0, 7.0],
            "ground_height": 0.0,
            "lod": [whole_lod, part_lod, part_lod, "1"],
        }
    )
    shapes = [
        box(E0, N0, E0 + 20, N0 + 10), box(E0, N0, E0 + width, N0 + 10),
        box(E0 + 20 - width, N0, E0 + 20, N0 + 10), box(E0 + 30, N0, E0 + 40, N0 + 10),
    ]  # fmt: skip
    objects["geometry"] = pd.Series(shapes, dtype=object)
    return Batch(objects)


def test_a_house_is_not_drawn_around_its_parts(tmp_path):
    assert read(shown.city_of(tmp_path / "c", split_house())).height.tolist() == [9, 5, 7]


def test_a_house_is_drawn_when_its_parts_are_only_a_corner_of_it(tmp_path):
    found = read(shown.city_of(tmp_path / "c", split_house(cover=0.2)))
    assert found.height.tolist() == [9, 9, 5, 7]


def test_coarse_parts_are_not_drawn_in_a_house_with_a_roof_of_its_own(tmp_path):
    found = read(shown.city_of(tmp_path / "c", split_house(whole_lod="2")))
    assert found.height.tolist() == [9, 7]


def test_roofs_are_drawn_from_the_mesh_near_by_and_as_a_block_far_away(tmp_path):
    store = shown.city_of(tmp_path / "c", cube())
    place = (E0, N0 + 100)
    near, far = read(store, 16, place), read(store, 14, place)
    assert len(near.triangles) == 12
    assert [181, 83, 60, 255] in near.colours.tolist()
    assert len(far.triangles) == 10


def test_a_house_with_a_high_lod_but_no_mesh_is_a_block(tmp_path):
    batch = street(1)
    lod2 = replace(batch, objects=batch.objects.assign(lod="2.2"))
    assert len(read(shown.city_of(tmp_path / "c", lod2)).triangles) == 10


def test_small_houses_wait_for_closer_zooms(tmp_path):
    shapes = [box(x := E0 - 60 * i, N0, x + side, N0 + side) for i, side in enumerate((2.5, 9, 50))]
    batch = shown.objects("Building", shapes, height=2.0, ground_height=0.0)
    store = shown.city_of(tmp_path / "c", batch)
    drawn = {zoom: len(read(store, zoom).oid) for zoom in (12, 14, 16)}
    assert drawn == {12: 1, 14: 2, 16: 3}


def test_a_tile_carries_at_most_two_thousand_houses_below_the_last_zoom(tmp_path):
    side = [15.0 + i % 7 for i in range(2500)]
    west, south = middle_of_tile(13) - 750
    shapes = [
        box(x := west + 30 * (i % 50), y := south + 30 * (i // 50), x + s, y + s)
        for i, s in enumerate(side)
    ]
    store = shown.city_of(tmp_path / "c", shown.objects("Building", shapes, height=9.0))
    found = read(store, 13)
    assert len(found.oid) == 2000
    drawn = [np.ptp(found.positions[found.features == i, 0]) for i in range(0, 2000, 50)]
    assert min(drawn) >= np.sort(side)[500] - 0.2


def test_demolished_houses_are_gone_and_planned_ones_have_their_colour(tmp_path):
    batch = street(3)
    told = batch.objects.assign(status=["demolished", "planned", "existing"])
    found = read(shown.city_of(tmp_path / "c", replace(batch, objects=told)))
    assert found.oid.tolist() == [2, 3]
    amber = BUILDINGS.categories[BUILDINGS.number("planned")].color
    assert list(rgba(amber)) in found.colours[found.features == 0].tolist()


def test_what_is_secret_is_not_in_a_tile_for_the_public(tmp_path):
    batch = street(2)
    told = batch.objects.assign(access=["secret", "public"])
    store = shown.city_of(tmp_path / "c", replace(batch, objects=told))
    assert read(store, clearance="public").oid.tolist() == [2]
    assert read(store, clearance="secret").oid.tolist() == [1, 2]
    assert read(store).oid.tolist() == [2]


def test_a_day_in_the_past_shows_what_stood_then(tmp_path):
    batch = street(2)
    told = batch.objects.assign(valid_from=["2001-01-01", "2020-01-01"])
    store = shown.city_of(tmp_path / "c", replace(batch, objects=told))
    day = pd.Timestamp("2010-06-01").date()
    assert read(store, at=day).oid.tolist() == [1]
    assert read(store).oid.tolist() == [1, 2]


def test_empty_tiles_and_zooms_outside_have_no_bytes(tmp_path):
    store = shown.city_of(tmp_path / "c", street(1))
    assert tile_at(store, 16, (E0 + 9000, N0)).body == b""
    assert tile_at(store, 3).body == b""
    assert tile_at(store, 17).body == b""
    assert layers.tile(store, "buildings", 14, 0, 0).body == b""


def test_unknown_layers_and_impossible_tiles_are_refused(tmp_path):
    store = shown.city_of(tmp_path / "c", street(1))
    for name in ("building", "imagery", "imagery-2021-01-01", "buildings-x", "../etc"):
        with pytest.raises(NotFoundError):
            layers.tile(store, name, 14, 0, 0)
    with pytest.raises(InputError):
        layers.tile(store, "buildings", 14, 1 << 14, 0)
    with pytest.raises(InputError):
        layers.tile(store, "buildings", 14, 0, 0, clearance="../../secret")


def test_a_modelled_building_gives_way_to_its_elements(tmp_path):
    east, north = ORIGIN
    walls = shown.objects(
        "BuildingConstructiveElement",
        [
            box(east + x, north + y, east + x + 1, north + y + 1)
            for x in (1, 4, 7)
            for y in range(4)
        ],
        lod="3",
    )
    store = shown.city_of(tmp_path / "c", street(2), walls)
    assert read(store).oid.tolist() == [store.find("b1")]
    assert len(read(store, zoom=15).oid) == 2
