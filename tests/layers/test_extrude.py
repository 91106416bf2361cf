import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon, affinity, box

from layers.extrude import block_heights, blocks
from layers.polygons import rings_of

ROOF, WALL = np.array([[200, 100, 50, 255]], np.uint8), np.array([[90, 80, 70, 255]], np.uint8)


def raised(*shapes, base=2.0, height=5.0):
    count = len(shapes)
    low = np.full(count, base)
    return blocks(
        rings_of(np.array(shapes, object)), low, low + height,
        np.repeat(ROOF, count, axis=0), np.repeat(WALL, count, axis=0),
    )  # fmt: skip


def triangle_areas(surface):
    a, b, c = (surface.positions[surface.triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a) / 2


def test_a_ten_metre_box_has_five_faces_of_the_right_size_looking_outwards():
    surface = raised(box(0, 0, 10, 10))
    assert len(surface.triangles) == 10
    vectors = triangle_areas(surface)
    normals = surface.normals[surface.triangles[:, 0]]
    faces = {}
    for normal, vector in zip(normals, vectors, strict=True):
        assert vector @ normal == pytest.approx(np.linalg.norm(vector))
        key = tuple(np.rint(normal).astype(int).tolist())
        faces[key] = faces.get(key, 0) + np.linalg.norm(vector)
    walls = {(1, 0, 0): 50, (-1, 0, 0): 50, (0, 1, 0): 50, (0, -1, 0): 50}
    assert faces == pytest.approx(walls | {(0, 0, 1): 100})
    assert surface.positions.min(axis=0).tolist() == [0, 0, 2]
    assert surface.positions.max(axis=0).tolist() == [10, 10, 7]
    outward = surface.positions[:, :2] - [5, 5]
    flat = surface.normals[:, 2] == 0
    assert ((outward * surface.normals[:, :2]).sum(axis=1)[flat] > 0).all()


def test_roofs_and_walls_have_their_own_colours():
    surface = raised(box(0, 0, 10, 10))
    up = surface.normals[:, 2] > 0
    assert (surface.colours[up] == ROOF).all()
    assert (surface.colours[~up] == WALL).all()


def test_walls_of_a_courtyard_look_into_it():
    court = Polygon(box(0, 0, 10, 10).exterior, [box(4, 4, 6, 6).exterior])
    surface = raised(court)
    vectors = triangle_areas(surface)
    assert np.linalg.norm(vectors, axis=1).sum() == pytest.approx(96 + 5 * (40 + 8))
    inside = (np.abs(surface.positions[:, :2] - 5) <= 1 + 1e-9).all(axis=1)
    inner = inside & (surface.normals[:, 2] == 0)
    towards = ([5, 5] - surface.positions[inner, :2]) * surface.normals[inner, :2]
    assert (towards.sum(axis=1) > 0).all()


@given(
    st.floats(1, 40),
    st.floats(1, 40),
    st.floats(0, 360),
    st.floats(-1e4, 1e4),
    st.floats(-1e4, 1e4),
)
def test_a_moved_house_is_the_same_house_elsewhere(width, depth, turn, east, north):
    house = affinity.rotate(box(0, 0, width, depth), turn)
    here, there = raised(house), raised(affinity.translate(house, east, north))
    assert np.allclose(there.positions, here.positions + np.array([east, north, 0]), atol=1e-6)
    assert np.allclose(there.normals, here.normals, atol=1e-6)
    assert there.triangles.tolist() == here.triangles.tolist()


def test_unknown_heights_are_drawn_low_and_told():
    height, unknown = block_heights(
        np.array([12.0, np.nan, np.nan, 0.0, -3.0]), np.array([np.nan, 4.0, np.nan, np.nan, 2.0])
    )
    assert height.tolist() == [12, 12, 3, 3, 6]
    assert unknown.tolist() == [False, True, True, True, True]


def test_nothing_to_raise_is_an_empty_surface():
    assert len(raised(Polygon()).triangles) == 0
