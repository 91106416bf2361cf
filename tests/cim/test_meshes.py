"""Meshes go through bytes and come back."""

import numpy as np
import pytest
from cities import cube
from hypothesis import given
from hypothesis import strategies as st

from cim.errors import StoreError
from cim.model import Mesh
from cim.store.meshes import is_sound, packed, unpacked


def through_bytes(mesh: Mesh) -> Mesh:
    return unpacked(mesh.object_id, (mesh.lod, mesh.kind, None, None, None, packed([mesh])[0]))


def test_solid_comes_back_face_by_face() -> None:
    (mesh,) = cube().meshes
    again = through_bytes(mesh)
    assert again.vertices == pytest.approx(mesh.vertices, abs=1e-4)
    for name in ("indices", "ring_sizes", "face_rings", "face_part"):
        assert getattr(again, name).tolist() == getattr(mesh, name).tolist()
    assert again.face_count == 6


@given(st.integers(3, 70_000), st.floats(-4e7, 4e7), st.floats(0.1, 900))
def test_vertices_keep_a_tenth_of_a_millimetre(count: int, east: float, size: float) -> None:
    rng = np.random.default_rng(count)
    vertices = rng.uniform(0, size, (count, 3)) + np.array([east, 3.85e6, 70.0])
    triangles = rng.integers(0, count, 30).astype(np.uint32)
    again = through_bytes(Mesh("m", "3", "Triangles", vertices, triangles))
    assert np.abs(again.vertices - vertices).max() < 1e-4
    assert again.indices.tolist() == triangles.tolist()


@pytest.mark.parametrize("cut", [0, 3, 40, 100])
def test_cut_off_bytes_are_not_sound(cut: int) -> None:
    (body,) = packed(cube().meshes)
    assert is_sound(body)
    assert not is_sound(body[:cut])


def test_index_beyond_the_vertices_is_not_sound() -> None:
    (body,) = packed(
        [Mesh("m", "3", "Triangles", np.zeros((3, 3)), np.array([0, 1, 3], np.uint32))]
    )
    assert not is_sound(body)


def test_bytes_that_are_no_mesh_say_so() -> None:
    with pytest.raises(StoreError, match="damaged mesh"):
        unpacked("b0", ("2", "Solid", None, None, None, b"x" * 100))
