"""Meshes go through bytes and come back."""

from dataclasses import fields

import numpy as np
import orjson
import pytest
from cities import cube
from hypothesis import given
from hypothesis import strategies as st

from cim.errors import StoreError
from cim.meshes import Meshes
from cim.model import Mesh
from cim.store.meshes import is_sound, packed, unpacked


def through_bytes(mesh: Mesh) -> Mesh:
    return unpacked(
        mesh.object_id, (mesh.lod, mesh.kind, None, None, None, packed(Meshes.of([mesh]))[0])
    )


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
    (body,) = packed(Meshes.of(cube().meshes))
    assert is_sound(body)
    assert not is_sound(body[:cut])


def test_index_beyond_the_vertices_is_not_sound() -> None:
    mesh = Mesh("m", "3", "Triangles", np.zeros((3, 3)), np.array([0, 1, 3], np.uint32))
    (body,) = packed(Meshes.of([mesh]))
    assert not is_sound(body)


def test_bytes_that_are_no_mesh_say_so() -> None:
    with pytest.raises(StoreError, match="damaged mesh"):
        unpacked("b0", ("2", "Solid", None, None, None, b"x" * 100))


def of_some_sizes(sizes: list[int]) -> list[Mesh]:
    """Meshes with so many triangles each, all of them different."""
    rng = np.random.default_rng(len(sizes))
    return [
        Mesh(
            f"m{number}",
            "2",
            "Triangles" if number % 2 else "Solid",
            rng.uniform(0, 9, (3 * size, 3)),
            np.arange(3 * size, dtype=np.uint32),
            np.full(size, 3, np.uint32),
            np.ones(size, np.uint32),
            (np.arange(size) % 2).astype(np.uint16),
            ({"type": "WallSurface"}, {"type": "RoofSurface", "number": number}),
            (size - 1, 1) if size > 1 else (),
            closed=[None, True, False][number % 3],
            volume=float(number) if number % 3 == 1 else None,
        )
        for number, size in enumerate(sizes)
    ]


def same(first: Mesh, second: Mesh) -> bool:
    """Whether two meshes are equal in everything."""
    return all(
        np.array_equal(getattr(first, each.name), getattr(second, each.name))
        for each in fields(Mesh)
    )


@given(st.lists(st.integers(0, 4), max_size=9), st.data())
def test_columns_hold_the_meshes_they_were_made_of(sizes: list[int], data: st.DataObject) -> None:
    given = of_some_sizes(sizes)
    columns = Meshes.of(given)
    assert len(columns) == len(given)
    assert all(same(*pair) for pair in zip(columns, given, strict=True))
    kept = data.draw(st.lists(st.booleans(), min_size=len(given), max_size=len(given)))
    left = [each for each, keep in zip(given, kept, strict=True) if keep]
    assert all(same(*pair) for pair in zip(columns.only(np.array(kept, bool)), left, strict=True))
    assert Meshes.of(columns) is columns
    assert all(same(*pair) for pair in zip(columns[1:3], given[1:3], strict=True))


def test_large_and_small_meshes_are_packed_side_by_side() -> None:
    given = [*of_some_sizes([2, 30_000, 0, 3])]
    bodies = packed(Meshes.of(given))
    for mesh, body in zip(given, bodies, strict=True):
        assert is_sound(body)
        row = (mesh.lod, mesh.kind, mesh.closed, mesh.volume, orjson.dumps(mesh.parts), body)
        again = unpacked(mesh.object_id, row)
        assert again.vertices == pytest.approx(mesh.vertices, abs=1e-4)
        assert again.parts == mesh.parts
        assert again.shells == mesh.shells
        assert again.indices.tolist() == mesh.indices.tolist()
