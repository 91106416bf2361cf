from dataclasses import replace

import numpy as np
import pytest
import shown

from cim.model import Mesh
from layers.solids import mesh_surface, part_colour

GREY = np.array([[100, 100, 100, 255]], np.uint8)


def drawn(*meshes, colours=GREY):
    return mesh_surface(enumerate(meshes), lambda xy: xy, np.repeat(colours, len(meshes), axis=0))


def areas(surface):
    a, b, c = (surface.positions[surface.triangles[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def polygon(*rings, parts=()):
    """A mesh with one face of one or more rings."""
    return Mesh(
        "m", "2", "MultiSurface", np.concatenate([np.array(each, np.float64) for each in rings]),
        np.arange(sum(map(len, rings)), dtype=np.uint32),
        np.array([len(each) for each in rings], np.uint32), np.array([len(rings)], np.uint32),
        parts=parts,
    )  # fmt: skip


def test_a_cube_has_six_faces_that_look_outwards_in_the_colours_of_their_kind():
    surface = drawn(shown.box_mesh("c", (5.0, 6.0, 7.0), 10.0))
    assert len(surface.triangles) == 12
    assert areas(surface) == pytest.approx([50] * 12)
    middle = surface.positions - [10, 11, 12]
    assert (middle * surface.normals).sum(axis=1) == pytest.approx(np.full(24, 5.0))
    roof = surface.normals[:, 2] > 0.5
    assert {tuple(each) for each in surface.colours[roof].tolist()} == {(181, 83, 60, 255)}
    wall = np.abs(surface.normals[:, 2]) < 0.5
    assert {tuple(each) for each in surface.colours[wall].tolist()} == {(233, 226, 211, 255)}


@pytest.mark.parametrize(
    "turn", [np.eye(3), np.roll(np.eye(3), 1, axis=0), np.roll(np.eye(3), 2, axis=0)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_face_with_a_hole_keeps_its_area_and_its_side_in_any_plane(turn, sign):
    outer = np.array([(0, 0, 0), (10, 0, 0), (10, 10, 0), (0, 10, 0)], float)[::sign]
    hole = np.array([(3, 3, 0), (3, 6, 0), (6, 6, 0), (6, 3, 0)], float)[::sign]
    surface = drawn(polygon(outer @ turn, hole @ turn))
    assert areas(surface).sum() == pytest.approx(91)
    a, b, c = (surface.positions[surface.triangles[:, i]] for i in range(3))
    along = (np.cross(b - a, c - a) * surface.normals[surface.triangles[:, 0]]).sum(axis=1)
    assert (along > 0).all()
    assert np.abs(surface.normals.sum(axis=0)) @ [1, 1, 1] == pytest.approx(8)


def test_a_concave_sloping_face_keeps_its_area():
    ring = np.array([(0, 0, 0), (10, 0, 5), (10, 5, 5), (5, 5, 2.5), (5, 10, 2.5), (0, 10, 0)])
    assert areas(drawn(polygon(ring))).sum() == pytest.approx(75 * np.hypot(1, 0.5))


def test_triangles_are_taken_as_they_are():
    mesh = Mesh("t", "3", "Triangles", np.eye(3) * 2.0, np.array([0, 1, 2], np.uint32))
    assert areas(drawn(mesh)) == pytest.approx([2 * np.sqrt(3)])


def test_materials_colour_faces_and_glass_stays_transparent():
    glass = {"name": "glass", "color": [0.2, 0.4, 0.6, 0.5]}
    surface = drawn(polygon([(0, 0, 0), (1, 0, 0), (0, 1, 0)], parts=(glass,)))
    assert surface.colours.tolist() == [[51, 102, 153, 128]] * 3
    assert part_colour({"type": "Unheard"}, (1, 2, 3, 255)) == (1, 2, 3, 255)


@pytest.mark.parametrize(
    "wrong",
    [
        {"indices": np.array([0, 1, 99], np.uint32)},
        {"ring_sizes": np.array([7], np.uint32)},
        {"vertices": np.full((3, 3), np.nan)},
        {"face_rings": np.array([2], np.uint32)},
    ],
)
def test_a_mesh_that_contradicts_itself_is_left_out_and_the_others_stay(wrong):
    sound = polygon([(0, 0, 0), (1, 0, 0), (0, 1, 0)])
    surface = drawn(replace(sound, **wrong), sound)
    assert surface.features.tolist() == [1, 1, 1]
    assert areas(surface) == pytest.approx([0.5])


def test_faces_without_area_are_left_out():
    line = [(0, 0, 0), (1, 1, 1), (2, 2, 2)]
    assert len(drawn(polygon(line)).triangles) == 0
