import numpy as np
import pytest

from layers.tubes import NEAR_SIDES as SIDES
from layers.tubes import tubes

BLUE = np.array([[0, 0, 255, 255]], np.uint8)


def tube(points, radius=0.5):
    array = np.array(points, np.float64)
    return tubes(array, np.zeros(len(array), np.int64), np.array([radius]), BLUE)


def test_a_straight_pipe_is_eight_flat_strips_of_the_right_size():
    surface = tube([(0, 0, -2), (10, 0, -2)])
    assert len(surface.positions) == 2 * SIDES
    assert len(surface.triangles) == 2 * SIDES
    radial = surface.positions - np.where(surface.positions[:, :1] < 5, [0, 0, -2], [10, 0, -2])
    assert np.linalg.norm(radial, axis=1) == pytest.approx(np.full(16, 0.5))
    a, b, c = (surface.positions[surface.triangles[:, i]] for i in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2 == pytest.approx(
        10 * 8 * 2 * 0.5 * np.sin(np.pi / 8)
    )


@pytest.mark.parametrize("end", [(10, 0, 0), (0, 10, 0), (-7, 3, 2), (0, 0, 5), (0, 0, -5)])
def test_the_skin_looks_outwards_whatever_the_direction(end):
    surface = tube([(0, 0, 0), end])
    a, b, c = (surface.positions[surface.triangles[:, i]] for i in range(3))
    outward = surface.normals[surface.triangles].mean(axis=1)
    assert ((np.cross(b - a, c - a) * outward).sum(axis=1) > 0).all()


def test_lines_are_not_joined_to_each_other():
    points = np.array([(0, 0, 0), (1, 0, 0), (5, 5, 0), (5, 9, 0)], np.float64)
    surface = tubes(
        points, np.array([0, 0, 1, 1]), np.array([0.1, 0.2]), np.repeat(BLUE, 2, axis=0)
    )
    assert len(surface.triangles) == 2 * 2 * SIDES
    assert (np.ptp(surface.features[surface.triangles], axis=1) == 0).all()


def test_repeated_and_missing_points_do_not_break_a_pipe():
    surface = tube([(0, 0, 0), (0, 0, 0), (np.nan, 1, 1), (4, 0, 0), (0, 0, 0)])
    assert np.isfinite(surface.positions).all()
    assert np.isfinite(surface.normals).all()
    assert len(surface.triangles) == 2 * 2 * SIDES


def test_a_pipe_without_length_is_left_out():
    assert len(tube([(1, 1, 1), (1, 1, 1)]).triangles) == 0
    assert len(tube(np.empty((0, 3))).triangles) == 0
