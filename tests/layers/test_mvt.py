import json

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
import shown
from cities import ORIGIN
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, box
from shapely.geometry import shape

import layers
from layers.mercator import EXTENT
from layers.mvt import encode
from layers.mvt_features import varints
from layers.paths import clipped
from layers.widths import stated_width

E0, N0 = ORIGIN


def decoded(body):
    """What mapbox_vector_tile reads, y downwards as it is stored."""
    return mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})


def by_id(body, name="l"):
    return {each["id"]: each for each in decoded(body)[name]["features"]}


def encoded(*geometries, **columns):
    array = np.array(geometries, object)
    return encode("l", array, np.arange(len(array)) + 7, columns)


SHAPES = [
    Point(5, 6), MultiPoint([(1, 2), (3, 4)]), LineString([(0, 0), (10, 0), (10, 20)]),
    MultiLineString([[(0, 0), (5, 5)], [(100, 100), (90, 100)]]), box(0, 0, 10, 10),
    Polygon(box(0, 0, 90, 90).exterior, [box(10, 10, 20, 20).exterior]),
    MultiPolygon(
        [box(0, 0, 9, 9), Polygon(box(50, 50, 80, 80).exterior, [box(60, 60, 70, 70).exterior])]
    ),
]  # fmt: skip


def test_every_kind_of_shape_is_read_back_by_the_library():
    found = by_id(encoded(*SHAPES))
    assert len(found) == len(SHAPES)
    for number, original in enumerate(SHAPES):
        read = shape(found[number + 7]["geometry"])
        assert read.geom_type == original.geom_type
        assert read.equals(original)


def test_properties_keep_their_kind_and_unknown_ones_are_missing():
    body = encoded(
        Point(1, 1), Point(2, 2), Point(3, 3),
        name=np.array(["城市", None, "城市"], object),
        height=np.array([1.5, float("nan"), -2.0], object),
        count=np.array([3, -4, 1 << 40]),
        real=np.array([True, False, None], object),
    )  # fmt: skip
    found = [each["properties"] for each in by_id(body).values()]
    assert found == [
        {"name": "城市", "height": 1.5, "count": 3, "real": True},
        {"count": -4, "real": False},
        {"name": "城市", "height": -2.0, "count": 1 << 40},
    ]


def test_the_library_writes_the_same_features():
    values = np.array([f"n{i % 3}" for i in range(len(SHAPES))], object)
    features = [
        {"geometry": each, "id": i + 7, "properties": {"name": values[i]}}
        for i, each in enumerate(SHAPES)
    ]
    theirs = mapbox_vector_tile.encode(
        {"name": "l", "features": features}, default_options={"y_coord_down": True}
    )
    assert by_id(theirs).keys() == by_id(encoded(*SHAPES, name=values)).keys()
    for number, each in by_id(encoded(*SHAPES, name=values)).items():
        assert shape(each["geometry"]).equals(shape(by_id(theirs)[number]["geometry"]))
        assert each["properties"] == by_id(theirs)[number]["properties"]


def test_polygons_turn_as_the_specification_says():
    rings = by_id(encoded(SHAPES[5].reverse()))[7]["geometry"]["coordinates"]
    turns = [shapely.LinearRing(each).is_ccw for each in rings]
    assert turns == [True, False]  # in coordinates with y downwards, as they are stored


def test_holes_go_with_their_outer_ring_and_others_stay():
    speck = Polygon(box(0, 0, 0.2, 0.2).exterior, [box(0.4, 0.4, 9, 9).exterior])
    court = Polygon(box(0, 0, 50, 50).exterior, [box(5, 5, 5.3, 5.3).exterior])
    (found,) = by_id(encoded(MultiPolygon([speck, court]))).values()
    assert shape(found["geometry"]).equals(box(0, 0, 50, 50))


def test_many_features_with_long_numbers_are_read_back():
    shapes = [Point(i, 4000 - i).buffer(900, quad_segs=1 + i % 40) for i in range(300)]
    ids = np.arange(300) * 123_456_789_012
    name = np.array([None if i % 3 else "a" * i for i in range(300)], object)
    body = encode("l", np.array(shapes, object), ids, {"id": ids - 7, "name": name})
    found = by_id(body)
    assert list(found) == ids.tolist()
    for number, each in zip(ids.tolist(), shapes, strict=True):
        place = number // 123_456_789_012
        wanted = {"id": number - 7} | ({} if place % 3 else {"name": "a" * place})
        assert found[number]["properties"] == wanted
        assert shape(found[number]["geometry"]).area == pytest.approx(each.area, rel=0.01)


def test_coordinates_that_are_not_finite_cost_only_their_own_shape():
    far = np.inf
    broken = [
        Polygon([(0, 0), (9, 0), (far, 9)]), LineString([(0, 0), (far, 1)]), Point(far, 1),
        LineString([(0, 0), (far, 1), (5, 5)]),
    ]  # fmt: skip
    found = by_id(encoded(*broken, box(0, 0, 9, 9)))
    assert list(found) == [10, 11]
    assert shape(found[10]["geometry"]).equals(LineString([(0, 0), (5, 5)]))


def test_what_has_no_shape_at_that_grid_is_left_out():
    tiny = (box(0, 0, 0.2, 0.2), LineString([(1, 1), (1.2, 1.1)]), None, Polygon(), Point())
    assert encoded(*tiny) == b""
    assert list(by_id(encoded(*tiny, Point(1, 1)))) == [12]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30))
def test_varints_are_protobuf_s(values):
    body = varints(np.array(values, np.uint64))
    found, value, shift = [], 0, 0
    for byte in body:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            found.append(value)
            value, shift = 0, 0
    assert found == values


def test_a_lake_is_where_it_is_and_cut_at_the_edge_of_the_tile(tmp_path):
    lake = box(E0 - 3000, N0 - 3000, E0 + 3000, N0 + 3000)
    pond = box(E0, N0, E0 + 40, N0 + 40)
    batch = shown.objects("WaterBody", [lake, pond], name=["Lake", None], function="lake")
    store = shown.city_of(tmp_path / "c", batch)
    address = shown.address_at(ORIGIN, 15)
    body = layers.tile(store, "water", 15, address.x, address.y).body
    found = {each["properties"].get("name"): each for each in decoded(body)["water"]["features"]}
    assert found["Lake"]["properties"]["class"] == "WaterBody"
    assert shape(found["Lake"]["geometry"]).bounds == (-64, -64, EXTENT + 64, EXTENT + 64)
    drawn = shape(found[None]["geometry"])
    metres = address.width / EXTENT
    assert drawn.area * metres**2 == pytest.approx(1600, rel=0.03)
    west, south, east, north = address.degrees
    corner = west + drawn.bounds[0] / EXTENT * (east - west)
    assert corner == pytest.approx(114.33885, abs=2e-4)
    assert south < north - drawn.bounds[1] / EXTENT * (north - south) < north


def test_roads_are_lines_and_only_major_ones_show_from_afar(tmp_path):
    lines = [LineString([(E0, N0 + 9 * i), (E0 + 2000, N0 + 9 * i)]) for i in range(3)]
    batch = shown.objects("Road", lines, function=["primary", "residential", None])
    store = shown.city_of(tmp_path / "c", batch)
    counts = {}
    for zoom in (10, 15):
        address = shown.address_at((E0 + 50, N0), zoom)
        body = layers.tile(store, "roads", zoom, address.x, address.y).body
        counts[zoom] = len(decoded(body)["roads"]["features"])
    assert counts == {10: 1, 15: 3}


def test_roads_are_as_wide_as_they_say_or_as_their_class_is(tmp_path):
    said = [{"width_m": 21}, {"width": "18 m"}, {"lanes": "4"}, {"width": "40'"}, {}, {"width": 0}]
    words = ["primary", "primary", "secondary", "residential", "primary", "residential"]
    roads = shown.objects(
        "Road", [LineString([(E0, N0 + i), (E0 + 300, N0 + i)]) for i in range(6)],
        function=words, attributes=said,
    )  # fmt: skip
    store = shown.city_of(tmp_path / "c", roads)
    expected = {15: [21, 18, 14, 12.2, 14, 6], 13: [14, 14, 10, 6, 14, 6]}
    for zoom, widths in expected.items():
        address = shown.address_at((E0 + 5, N0), zoom)
        body = layers.tile(store, "roads", zoom, address.x, address.y).body
        found = sorted(decoded(body)["roads"]["features"], key=lambda each: each["id"])
        assert [each["properties"]["width"] for each in found] == widths
    drawn = next(
        each
        for each in json.loads(layers.scene(store).to_json())["layers"]
        if each["id"] == "roads"
    )
    assert drawn["getLineWidth"] == "@@=properties.width"


@pytest.mark.parametrize(
    ("attributes", "width"),
    [
        ({"宽度": "12米"}, 12.0),
        ({"Width": "7,5"}, 7.5),
        ({"width": "narrow", "LANES": 2}, 7.0),
        ({"width": 3000, "lanes": None}, None),
        ({"width": True}, None),
        ({"width": "5-6"}, None),
    ],
)
def test_a_width_is_what_can_be_true(attributes, width):
    assert stated_width(attributes) == width


def test_places_are_points_with_names_in_one_tile_each(tmp_path):
    shapes = [Point(E0, N0), box(E0 + 20, N0, E0 + 30, N0 + 10)]
    batch = shown.objects("GenericLogicalSpace", shapes, name=["Gate", "Park"])
    store = shown.city_of(tmp_path / "c", batch)
    address = shown.address_at(ORIGIN, 15)
    body = layers.tile(store, "places", 15, address.x, address.y).body
    features = decoded(body)["places"]["features"]
    assert {each["properties"]["name"] for each in features} == {"Gate", "Park"}
    assert {each["geometry"]["type"] for each in features} == {"Point"}
    assert {each["id"] for each in features} == {each["properties"]["oid"] for each in features}


def test_a_layer_of_areas_has_no_tile_where_there_are_only_points(tmp_path):
    store = shown.city_of(tmp_path / "c", shown.objects("LandUse", [Point(E0, N0)]))
    address = shown.address_at(ORIGIN, 15)
    assert layers.tile(store, "land_use", 15, address.x, address.y).body == b""


def test_what_is_too_broken_to_be_cut_costs_only_itself():
    broken = Polygon([(0, 0), (900, 0), (0, 0)])
    shapes = np.array([box(0, 0, 9e3, 9), broken, box(0, 0, 9, 9), None], object)
    found = clipped(shapes, -10, 100)
    assert found[0].bounds == (0, 0, 100, 9)
    assert found[1:].tolist() == [None, shapes[2], None]


def test_bad_areas_do_not_stop_a_tile(tmp_path):
    bowtie = Polygon([(E0 - 9e3, N0), (E0 + 9e3, N0 + 9e3), (E0 + 9e3, N0), (E0 - 9e3, N0 + 9e3)])
    good = box(E0, N0, E0 + 100, N0 + 100)
    store = shown.city_of(tmp_path / "c", shown.objects("LandUse", [bowtie, good], function="park"))
    address = shown.address_at(ORIGIN, 15)
    body = layers.tile(store, "land_use", 15, address.x, address.y).body
    assert len(decoded(body)["land_use"]["features"]) >= 1
