"""Solids are closed or not, and enclose what they enclose."""

from dataclasses import replace

import numpy as np
import pytest
from cities import cube
from hypothesis import given
from hypothesis import strategies as st

from cim.meshes import Meshes
from cim.model import Mesh
from cim.volumes import measured


def unexamined(mesh: Mesh, **changes) -> Mesh:
    return replace(mesh, closed=None, volume=None, **changes)


def box(size: float = 2.0, at: tuple[float, float, float] = (0, 0, 0), *, inwards=False) -> Mesh:
    """A cube with six faces."""
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
    faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
    turned = [face[::-1] for face in faces] if inwards else faces
    return Mesh(
        "b",
        "2",
        "Solid",
        corners * size + np.array(at),
        np.array(turned, np.uint32).ravel(),
        np.full(6, 4, np.uint32),
        np.ones(6, np.uint32),
    )


def joined(first: Mesh, second: Mesh, kind: str) -> Mesh:
    """Two shells in one mesh."""
    return replace(
        first,
        kind=kind,
        vertices=np.concatenate([first.vertices, second.vertices]),
        indices=np.concatenate([first.indices, second.indices + len(first.vertices)]),
        ring_sizes=np.concatenate([first.ring_sizes, second.ring_sizes]),
        face_rings=np.concatenate([first.face_rings, second.face_rings]),
        shells=(first.face_count, second.face_count),
    )


def of(*meshes: Mesh) -> list[tuple[bool | None, float | None]]:
    found = measured(Meshes.of(meshes))
    return [(each.closed, each.volume) for each in found]


def without_a_face(mesh: Mesh) -> Mesh:
    return replace(
        mesh,
        indices=mesh.indices[4:],
        ring_sizes=mesh.ring_sizes[1:],
        face_rings=mesh.face_rings[1:],
    )


@given(st.floats(0.5, 500), st.floats(-4e6, 4e6), st.floats(-4e6, 4e6), st.booleans())
def test_a_box_encloses_its_volume_wherever_it_stands(size, east, north, inwards) -> None:
    ((closed, volume),) = of(box(size, (east, north, 3), inwards=inwards))
    assert closed
    assert volume == pytest.approx(size**3, rel=1e-6)


def test_an_open_box_has_no_volume_and_does_not_matter_to_its_neighbours() -> None:
    assert of(box(), without_a_face(box()), box(3)) == [
        (True, pytest.approx(8)),
        (False, None),
        (True, pytest.approx(27)),
    ]


def test_faces_that_share_only_places_close_a_solid_too() -> None:
    mesh = box()
    apart = replace(mesh, vertices=mesh.vertices[mesh.indices], indices=np.arange(24, dtype="u4"))
    assert of(without_a_face(apart), apart) == [(False, None), (True, pytest.approx(8))]


def test_a_face_turned_round_leaves_the_volume_unknown() -> None:
    mesh = box()
    turned = np.concatenate([mesh.indices[:4][::-1], mesh.indices[4:]])
    assert of(replace(mesh, indices=turned)) == [(True, None)]


def test_a_hollow_box_lacks_what_is_inside() -> None:
    assert of(joined(box(4), box(2, (1, 1, 1), inwards=True), "Solid")) == [
        (True, pytest.approx(64 - 8))
    ]


def test_boxes_side_by_side_are_closed_one_by_one() -> None:
    assert of(joined(box(2), box(2, (2, 0, 0)), "CompositeSolid")) == [(True, pytest.approx(16))]


def test_a_hole_through_a_face_is_taken_out() -> None:
    outer, inner = box(4), box(2, (1, 1, 0))
    tunnel = np.array([0, 2, 6, 4, 1, 5, 7, 3, 0, 4, 5, 1, 2, 3, 7, 6]) + 8
    inner.vertices[4:, 2] = 4.0
    bottom = [*outer.indices[:4], *(np.array([0, 1, 3, 2]) + 8)]
    top = [*outer.indices[4:8], *(np.array([4, 6, 7, 5]) + 8)]
    mesh = Mesh(
        "b",
        "2",
        "Solid",
        np.concatenate([outer.vertices, inner.vertices]),
        np.array([*bottom, *top, *outer.indices[8:], *tunnel], np.uint32),
        np.full(12, 4, np.uint32),
        np.array([2, 2, 1, 1, 1, 1, 1, 1, 1, 1], np.uint32),
    )
    assert of(mesh) == [(True, pytest.approx(64 - 16))]


def test_only_solids_that_nobody_examined_are_examined() -> None:
    (given,) = cube().meshes
    flat = unexamined(given, kind="MultiSurface")
    known = replace(given, closed=False, volume=None)
    found = measured(Meshes.of([flat, known, unexamined(given)]))
    assert [each.closed for each in found] == [None, False, True]
    assert measured(Meshes.of([flat])).closed == [None]
    assert len(measured(Meshes.of([]))) == 0
