import io

import numpy as np
import pytest
import shown
import trimesh
from shapely import box

from layers.extrude import blocks
from layers.glb import FeatureTable, Surface, write
from layers.polygons import rings_of

ORIGIN = (114.3, 34.8)
ABOUT = {"origin": ORIGIN, "layer": "b"}


def houses(count, step=20.0):
    shapes = np.array([box(step * i, 0, step * i + 10, 10) for i in range(count)], object)
    colours = np.full((count, 4), 200, np.uint8)
    surface = blocks(rings_of(shapes), np.zeros(count), np.full(count, 7.0), colours, colours)
    table = FeatureTable(
        np.arange(count) + 1_000_000, np.linspace(1, 9, count), np.full(count, 100, np.int32)
    )
    return surface, table


@pytest.mark.parametrize("precision", [0.0, 0.05])
def test_what_is_written_is_read_back(precision):
    surface, table = houses(5)
    read = shown.glb(write(surface, table, about=ABOUT, precision=precision))
    assert np.abs(read.positions - surface.positions).max() <= max(precision, 1e-5) / 2
    assert np.abs(read.normals - surface.normals).max() < 0.01
    assert (read.colours == surface.colours).all()
    assert (read.triangles == surface.triangles).all()
    assert read.oid.tolist() == table.oid.tolist()
    assert read.height == pytest.approx(table.height)
    assert read.cim == {"origin": [114.3, 34.8], "layer": "b", "count": 5, "skipped": 0}


@pytest.mark.parametrize("precision", [0.0, 0.05])
def test_trimesh_reads_the_same_solid_y_up(precision):
    surface, table = houses(3)
    body = write(surface, table, about=ABOUT, precision=precision)
    (mesh,) = trimesh.load(io.BytesIO(body), file_type="glb").dump()
    assert mesh.area == pytest.approx(3 * (100 + 4 * 70), rel=1e-3)
    assert mesh.bounds == pytest.approx(np.array([[0, 0, -10], [50, 7, 0]]), abs=0.01)


def test_positions_are_whole_numbers_only_where_steps_are_fine_enough():
    near, far = houses(3), houses(3, step=1e6)
    kinds = [
        shown.glb(write(*each, about=ABOUT, precision=0.05)).document["accessors"][1]
        for each in (near, far)
    ]
    assert [each["componentType"] for each in kinds] == [5123, 5126]


def test_objects_without_triangles_are_left_out_and_counted():
    surface, table = houses(4)
    some = surface.features != 2
    kept = some[surface.triangles[:, 0]]
    less = Surface(
        surface.positions, surface.normals, surface.colours, surface.features,
        surface.triangles[kept],
    )  # fmt: skip
    read = shown.glb(write(compacted(less, some), table, about=ABOUT))
    assert read.oid.tolist() == [1_000_000, 1_000_001, 1_000_003]
    assert (read.cim["count"], read.cim["skipped"]) == (3, 1)
    assert read.features.max() == 2


def compacted(surface, kept):
    number = np.cumsum(kept) - 1
    return Surface(
        surface.positions[kept], surface.normals[kept], surface.colours[kept],
        surface.features[kept], number[surface.triangles],
    )  # fmt: skip


def test_more_than_65535_vertices_and_objects_need_wider_numbers():
    surface, table = houses(66_000)
    read = shown.glb(write(surface, table, about=ABOUT))
    assert read.document["accessors"][0]["componentType"] == 5125
    assert read.document["accessors"][4]["componentType"] == 5126
    assert read.features[-1] == 65_999
    assert len(read.oid) == 66_000


def test_every_buffer_view_is_aligned_and_inside_the_buffer():
    document = shown.glb(write(*houses(7), about=ABOUT, precision=0.05)).document
    size = document["buffers"][0]["byteLength"]
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 8 == 0
        assert view["byteOffset"] + view["byteLength"] <= size
        assert view.get("byteStride", 4) % 4 == 0
    assert size % 4 == 0


def test_unknown_heights_stay_unknown():
    surface, table = houses(1)
    unknown = FeatureTable(table.oid, np.array([np.nan]), table.class_code)
    assert np.isnan(shown.glb(write(surface, unknown, about=ABOUT)).height[0])


def test_no_triangles_are_no_bytes():
    assert write(Surface.empty(), houses(1)[1], about=ABOUT) == b""
