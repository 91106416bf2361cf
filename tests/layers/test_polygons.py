import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import GeometryCollection, LineString, MultiPolygon, Point, Polygon, box

from layers.polygons import rings_of, triangulated

L_SHAPE = Polygon([(0, 0), (10, 0), (10, 5), (5, 5), (5, 10), (0, 10)])
COMB = Polygon([(0, 0), (9, 0), (9, 5), (7, 5), (7, 1), (5, 1), (5, 5), (3, 5), (3, 1), (0, 1)])
COURT = Polygon(box(0, 0, 10, 10).exterior, [box(2, 2, 4, 4).exterior, box(6, 6, 9, 9).exterior])


def areas(*geometries):
    """Area of the triangles of each geometry, and whether all are anticlockwise."""
    rings = rings_of(np.array(geometries, object))
    corners = rings.xy[triangulated(rings)]
    (ax, ay), (bx, by) = (np.moveaxis(corners[:, i] - corners[:, 0], 1, 0) for i in (1, 2))
    signed = (ax * by - ay * bx) / 2
    owner = rings.point_owner[triangulated(rings)[:, 0]]
    return np.bincount(owner, weights=signed, minlength=len(geometries)), (signed > 0).all()


@pytest.mark.parametrize(
    "shape", [box(0, 0, 10, 10), L_SHAPE, COMB, COURT, MultiPolygon([L_SHAPE, box(20, 0, 21, 3)])]
)
@pytest.mark.parametrize("turned", [False, True])
def test_triangles_fill_the_polygon_whichever_way_it_runs(shape, turned):
    given_ = shape.reverse() if turned else shape
    found, anticlockwise = areas(given_)
    assert found[0] == pytest.approx(shape.area)
    assert anticlockwise


def test_a_box_and_an_l_are_fans_of_as_few_triangles_as_can_be():
    assert len(triangulated(rings_of(np.array([box(0, 0, 1, 1)], object)))) == 2
    assert len(triangulated(rings_of(np.array([L_SHAPE], object)))) == 4


def test_geometries_keep_their_numbers_when_others_have_no_area():
    shapes = (
        None, Point(0, 0), box(0, 0, 2, 2), Polygon(), LineString([(0, 0), (1, 1)]),
        GeometryCollection([Point(1, 1), MultiPolygon([box(0, 0, 1, 1), box(5, 5, 6, 7)])]),
        Polygon([(0, 0), (1, 1), (2, 2)]), L_SHAPE,
    )  # fmt: skip
    assert areas(*shapes)[0] == pytest.approx([0, 0, 4, 0, 0, 3, 0, 75])


def test_points_given_twice_and_rings_without_area_are_dropped():
    doubled = Polygon(
        [(0, 0), (0, 0), (10, 0), (10, 0), (10, 10), (0, 10), (0, 1e-7)],
        [[(2, 2), (3, 3), (4, 4)]],
    )
    rings = rings_of(np.array([doubled], object))
    assert rings.size.tolist() == [4]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_cost_only_their_own_polygon(value):
    broken = shapely.transform(
        box(0, 0, 9, 9), lambda xy: xy + np.array([[0, 0], [0, 0], [value, 0], [0, 0], [0, 0]])
    )
    assert areas(broken, box(0, 0, 1, 1))[0] == pytest.approx([0, 1])


def test_a_self_crossing_polygon_does_not_stop_the_others():
    bowtie = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    star = Polygon([(np.cos(a), np.sin(a)) for a in np.arange(5) * 4 * np.pi / 5])
    assert areas(bowtie, box(0, 0, 1, 1), star)[0][1] == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=4, max_size=12))
def test_any_valid_polygon_is_filled_exactly(points):
    shape = shapely.make_valid(Polygon(points))
    parts = [each for each in shapely.get_parts(shape) if each.geom_type == "Polygon"]
    sound = [each for each in parts if each.area > 1 and each.buffer(-0.01).area > 0.5]
    if not sound:
        sound = [box(0, 0, 1, 1)]
    found, _ = areas(*sound)
    assert found == pytest.approx([each.area for each in sound], rel=1e-3, abs=0.05)


def test_rings_run_anticlockwise_outside_and_clockwise_inside():
    rings = rings_of(np.array([COURT.reverse()], object))
    turn = [shapely.LinearRing(each).is_ccw for each in np.split(rings.xy, rings.start[1:-1])]
    assert turn == [True, False, False]
    assert rings.outer.tolist() == [True, False, False]
