import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import realdata
from cityjson_models import CORNERS, CUBE, building, document, only, opened, saved, solid
from hypothesis import given
from hypothesis import strategies as st

from ingest.cityjson import text as cityjson_text
from ingest.cityjson.boundaries import Shape, flattened
from ingest.cityjson.document import parsed
from ingest.cityjson.text import UnevenError

RING = st.lists(st.integers(0, 99_999), max_size=4)
FACES = st.lists(st.lists(RING, max_size=3), max_size=3)
SHELLS = st.lists(FACES, max_size=3)
SPACING = st.sampled_from([None, 0, 1])


def shape(kind: str, boundaries: Any) -> Shape:
    return Shape(0, kind, "1", boundaries, {}, (0, 100_000))


@given(
    st.lists(
        st.one_of(st.tuples(st.just("MultiSurface"), FACES), st.tuples(st.just("Solid"), SHELLS))
    ),
    SPACING,
)
def test_text_and_lists_give_the_same_arrays(geometries, indent) -> None:
    texts = [json.dumps(boundaries, indent=indent).encode() for _, boundaries in geometries]
    one = flattened([shape(kind, text) for (kind, _), text in zip(geometries, texts, strict=True)])
    two = flattened([shape(kind, boundaries) for kind, boundaries in geometries])
    for name in ("corners", "ring_sizes", "face_rings", "shell_faces", "shape_shells"):
        assert getattr(one, name).tolist() == getattr(two, name).tolist(), name


def test_many_arrays_are_looked_at_group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    several = [json.dumps([[[n, n + 1, n + 2]]]).encode() for n in range(50)]
    whole = cityjson_text.tokens(several)
    monkeypatch.setattr(cityjson_text, "TOGETHER", 60)
    for name in ("values", "depth", "array", "sizes"):
        assert (
            getattr(cityjson_text.tokens(several), name).tolist() == getattr(whole, name).tolist()
        )


@pytest.mark.parametrize(
    "text",
    [
        "[1 2]", "[1,,2]", "[1,2,]", "[,1]", "[1.5]", "[-1]", "[null]", "[1,[2]]", "[[1],2]",
        "[1]]", "[[1]", "1", "[]1",
    ],
)  # fmt: skip
def test_what_is_not_regular_is_left_to_the_parser(text: str) -> None:
    with pytest.raises(UnevenError):
        cityjson_text.tokens([text.encode()])


@given(st.lists(st.tuples(*[st.integers(-(2**40), 2**40)] * 3)), SPACING)
def test_whole_vertices_are_exact(points, indent) -> None:
    found = cityjson_text.triples(json.dumps(points, indent=indent).encode())
    assert found.tolist() == [list(map(float, each)) for each in points]


@given(st.lists(st.tuples(*[st.floats(-1e9, 1e9)] * 3)))
def test_vertices_with_decimals_are_exact(points) -> None:
    found = cityjson_text.triples(json.dumps(points).encode())
    assert np.array_equal(found, np.array(points).reshape(-1, 3))


@pytest.mark.parametrize(
    "text",
    ["[[1,2]]", "[[1,2,3,4]]", "[1,2,3]", "[[1,2,3],]", "[[1,,3]]", "[[1,2,x]]", "[[1,2,1-]]"],
)
def test_vertices_that_are_no_triples_are_left_to_the_parser(text: str) -> None:
    with pytest.raises(UnevenError):
        cityjson_text.triples(text.encode())


@pytest.mark.parametrize(
    "attributes",
    [
        {"boundaries": [1, 2, 3]},
        {"values": [4, 5, 6]},
        {"vertices": [[1, 2, 3]]},
        {"values": ["a", "b"]},
        {"say": 'the "boundaries": [1, 2] of it'},
    ],
)
def test_attributes_may_be_called_anything(tmp_path: Path, attributes: dict[str, Any]) -> None:
    path = saved(tmp_path, document({"x": building(attributes=dict(attributes))}))
    _, batch = only(path)
    assert batch.objects["attributes"][0] == attributes
    assert batch.meshes[0].face_count == 6


def test_an_address_may_have_a_place(tmp_path: Path) -> None:
    address = [{"city": "Delft", "location": {"type": "MultiPoint", "boundaries": [3]}}]
    _, batch = only(saved(tmp_path, document({"x": building(address=address)})))
    assert batch.objects["attributes"][0]["address"] == address
    assert batch.meshes[0].face_count == 6


def test_pretty_printed_and_dense_files_are_the_same(tmp_path: Path) -> None:
    objects = {"x": building(), "y": building(solid(boundaries=[CUBE, CUBE[:1]], semantics=None))}
    dense = saved(tmp_path, json.dumps(document(objects), separators=(",", ":")), "a.city.json")
    pretty = saved(tmp_path, json.dumps(document(objects), indent=3), "b.city.json")
    one, two = (opened(path)[1][0] for path in (dense, pretty))
    assert one.objects.drop(columns="geometry").equals(two.objects.drop(columns="geometry"))
    for first, second in zip(one.meshes, two.meshes, strict=True):
        assert np.array_equal(first.vertices, second.vertices)
        assert np.array_equal(first.indices, second.indices)
        assert first.shells == second.shells


@realdata.real
@pytest.mark.parametrize("name", realdata.below("citymodel/cityjson", ".json"))
def test_real_files_are_regular(name: str) -> None:
    assert parsed(realdata.path(name)).vertices is not None


def test_a_template_used_often_is_kept_once(tmp_path: Path) -> None:
    instance = {"type": "GeometryInstance", "template": 0, "boundaries": [0]}
    trees = {
        f"t{n}": {"type": "SolitaryVegetationObject", "geometry": [instance | {"boundaries": [n]}]}
        for n in range(8)
    }
    semantics = {"surfaces": [{"type": "RoofSurface"}], "values": [0]}
    template = {
        "type": "MultiSurface",
        "lod": "2",
        "boundaries": [[[0, 1, 2]]],
        "semantics": semantics,
    }
    stored = {"templates": [template], "vertices-templates": CORNERS[:3]}
    _, batch = only(saved(tmp_path, document(trees, **{"geometry-templates": stored})))
    assert [mesh.parts[0]["type"] for mesh in batch.meshes] == ["RoofSurface"] * 8
    assert len({tuple(mesh.vertices[0]) for mesh in batch.meshes}) == 8
