import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.footprints import Rings, outlines


def rings(*objects: list[list[list[tuple[float, float]]]]) -> Rings:
    """Rings of objects that are lists of faces, which are lists of rings of points."""
    points: list[tuple[float, float]] = []
    corners, sizes, faces, owners = [], [], [], []
    face_number = 0
    for owner, each in enumerate(objects):
        known: dict[tuple[float, float], int] = {}
        for face in each:
            for ring in face:
                for point in ring:
                    if point not in known:
                        known[point] = len(points)
                        points.append(point)
                    corners.append(known[point])
                sizes.append(len(ring))
                faces.append(face_number)
                owners.append(owner)
            face_number += 1
    arrays = (np.array(each, np.int64) for each in (corners, sizes, faces, owners))
    return Rings(np.array(points, float).reshape(-1, 2), *arrays)


def cell(x: float, y: float) -> list[list[tuple[float, float]]]:
    return [[(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]]


def test_neighbours_lose_the_edge_between_them() -> None:
    (found,) = outlines(rings([cell(0, 0), cell(1, 0)]), 1)
    assert found.equals(shapely.box(0, 0, 2, 1))


def test_faces_around_a_gap_leave_a_hole() -> None:
    around = [cell(x, y) for x in range(3) for y in range(3) if (x, y) != (1, 1)]
    (found,) = outlines(rings(around), 1)
    assert found.area == 8
    assert len(found.interiors) == 1


def test_a_face_may_lie_upside_down() -> None:
    turned = [cell(1, 0)[0][::-1]]
    (found,) = outlines(rings([cell(0, 0), turned]), 1)
    assert found.equals(shapely.box(0, 0, 2, 1))


@pytest.mark.parametrize(
    "faces",
    [
        [cell(0, 0), cell(1, 1)],
        [cell(0, 0), cell(5, 5)],
        [cell(0, 0), cell(0.5, 0.5)],
        [cell(0, 0), cell(0, 0)],
        [[*cell(0, 0), [(0.2, 0.2), (0.2, 0.8), (0.8, 0.8)]]],
        [cell(x, y) for x in range(5) for y in range(5) if (x, y) not in {(1, 1), (2, 2), (0, 3)}],
        [[[(0, 0), (2, 2), (2, 0), (0, 2)]]],
    ],
    ids=["touching", "apart", "overlapping", "twice", "with a hole", "holes that touch", "bow tie"],
)
def test_awkward_faces_cover_what_their_union_covers(faces) -> None:
    (found,) = outlines(rings(faces), 1)
    parts = [shapely.Polygon(face[0], face[1:]) for face in faces]
    whole = shapely.union_all(shapely.make_valid(parts, method="structure", keep_collapsed=False))
    assert found.is_valid
    assert found.symmetric_difference(whole).area == pytest.approx(0, abs=1e-12)


def test_objects_do_not_mix_and_none_is_none() -> None:
    found = outlines(rings([cell(0, 0)], [cell(0, 0), cell(1, 0)]), 4)
    assert [None if each is None else each.area for each in found] == [1, 2, None, None]
    assert outlines(rings(), 2).tolist() == [None, None]


@given(st.lists(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4))), max_size=5))
def test_any_cells_cover_their_own_area(choice: list[set[tuple[int, int]]]) -> None:
    objects = [[cell(x, y) for x, y in sorted(cells)] for cells in choice]
    found = outlines(rings(*objects), len(choice))
    for shape, cells in zip(found, choice, strict=True):
        assert (shape is None) == (not cells)
        if shape is not None:
            assert shape.is_valid
            assert shape.area == pytest.approx(len(cells))
