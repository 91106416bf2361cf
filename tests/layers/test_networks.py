import numpy as np
import pytest
import shown
from cities import ORIGIN, water_main
from shapely import LineString, Point, box

import layers
from layers.colour import rgba
from layers.legends import NETWORKS
from layers.pipes import diameter_of

E0, N0 = ORIGIN


def read(store, name):
    address = shown.address_at(ORIGIN, 16)
    return shown.glb(layers.tile(store, name, 16, address.x, address.y).body)


def test_pipes_are_tubes_of_their_diameter_in_the_colour_of_their_network(tmp_path):
    found = read(shown.city_of(tmp_path / "c", water_main(2, depth=1.5)), "pipes")
    assert len(found.oid) == 2
    assert np.ptp(found.positions[:, 2]) == pytest.approx(0.3, abs=0.02)
    assert found.positions[:, 2].mean() == pytest.approx(-1.5, abs=0.01)
    assert np.ptp(found.positions[:, 0]) == pytest.approx(40, abs=0.3)
    blue = NETWORKS.categories[NETWORKS.number("water")].color
    assert {tuple(each) for each in found.colours.tolist()} == {rgba(blue)}


def test_manholes_are_shafts_that_end_at_their_lid(tmp_path):
    found = read(shown.city_of(tmp_path / "c", water_main(2, depth=1.5)), "nodes")
    assert len(found.oid) == 3
    assert found.positions[:, 2].max() == pytest.approx(-1.5, abs=0.01)
    assert np.ptp(found.positions[:, 2]) == pytest.approx(2, abs=0.02)


def test_a_pipe_without_heights_lies_a_metre_below_the_terrain(tmp_path):
    terrain = shown.raster(
        tmp_path / "dem.tif",
        np.full((40, 40), 55.0, np.float32),
        (E0 - 500, N0 + 500),
        30,
        "terrain",
    )
    line = LineString([(E0, N0), (E0 + 30, N0)])
    batch = shown.objects("Pipe", [line], attributes=[{"DN": "DN500", "network": "gas"}])
    found = read(shown.city_of(tmp_path / "c", batch, coverages=(terrain,)), "pipes")
    assert found.positions[:, 2].mean() == pytest.approx(54, abs=0.05)
    assert np.ptp(found.positions[:, 2]) == pytest.approx(0.5, abs=0.02)
    pink = NETWORKS.categories[NETWORKS.number("gas")].color
    assert found.colours[0].tolist() == list(rgba(pink))


@pytest.mark.parametrize(
    ("attributes", "metres"),
    [
        ({"diameter": 300}, 0.3),
        ({"diameter": 0.6}, 0.6),
        ({"dn": "DN800"}, 0.8),
        ({"管径": "400×300"}, 0.4),
        ({"diameter_mm": 8}, 0.008),
        ({"diameter": "unknown"}, None),
        ({"diameter": -1}, None),
        ({}, None),
    ],
)
def test_diameters_are_read_in_metres_and_millimetres(attributes, metres):
    found = diameter_of(attributes)
    assert found == pytest.approx(metres) if metres else np.isnan(found)


def test_trees_are_as_high_as_they_are_and_stand_on_the_ground(tmp_path):
    shapes = [Point(E0, N0), Point(E0 + 10, N0), box(E0 + 20, N0, E0 + 24, N0 + 4)]
    batch = shown.objects(
        "SolitaryVegetationObject", shapes, height=[12.0, np.nan, 8.0], ground_height=40.0
    )
    found = read(shown.city_of(tmp_path / "c", batch), "trees")
    tops = [found.positions[found.features == i, 2].max() for i in range(3)]
    assert tops == pytest.approx([52, 46, 48], abs=0.02)
    assert found.positions[:, 2].min() == pytest.approx(40, abs=0.02)


def test_bridges_given_as_a_line_have_a_width(tmp_path):
    line = LineString([(E0, N0), (E0 + 50, N0)])
    batch = shown.objects("Bridge", [line], height=4.0, ground_height=10.0)
    found = read(shown.city_of(tmp_path / "c", batch), "constructions")
    assert np.ptp(found.positions, axis=0) == pytest.approx([50, 3, 4], abs=0.5)


def test_building_elements_are_drawn_from_their_meshes_only(tmp_path):
    batch = shown.objects(
        "Window", [box(E0, N0, E0 + 2, N0 + 2), box(E0 + 5, N0, E0 + 6, N0 + 1)], lod="3"
    )
    meshes = (shown.box_mesh("x0", (E0, N0, 5.0), 2.0),)
    store = shown.city_of(tmp_path / "c", type(batch)(batch.objects, meshes))
    found = read(store, "elements")
    assert found.oid.tolist() == [1]
    assert found.areas().sum() == pytest.approx(24, rel=0.02)
    assert found.positions[:, 2].min() == pytest.approx(5, abs=0.01)
