"""From a batch to the columns of the store: checked, ranked, digested."""

import json

import numpy as np
import pandas as pd
import pytest
from cities import cube, street, water_main
from hypothesis import given
from hypothesis import strategies as st

from cim.errors import SchemaError
from cim.model import Batch
from cim.store.dialect import Same
from cim.store.encoding import attributes_json, encoded

SIMPLE = st.one_of(
    st.none(), st.text(max_size=20), st.integers(-(2**53), 2**53), st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.lists(SIMPLE, min_size=1, max_size=8), st.text(min_size=1, max_size=12))
def test_attributes_survive_as_json_and_unknowns_are_left_out(values: list, name: str) -> None:
    table = pd.DataFrame({f"{name}?": pd.Series(values, dtype=object)})
    for text, value in zip(attributes_json(table), values, strict=True):
        found = json.loads(text) if text else {}
        assert found == ({} if value is None else {f"{name}?": value})


def test_typed_columns_give_typed_json() -> None:
    table = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [1.5, np.nan],
            "s": ['say "hi"\n', None],
            "b": [True, False],
            "d": pd.to_datetime(["2020-01-02", "2021-03-04"]).date,
            "more": [{"a": [1, {"b": "汉"}]}, None],
        }
    )
    first, second = (json.loads(text or "{}") for text in attributes_json(table))
    assert first["n"] == 1
    assert first["s"] == 'say "hi"\n'
    assert first["b"] is True
    assert first["d"] == "2020-01-02"
    assert first["more"] == {"a": [1, {"b": "汉"}]}
    assert set(second) == {"n", "b", "d"}


def test_dicts_and_columns_are_merged() -> None:
    table = pd.DataFrame({"a": [1, 2], "attributes": [{"b": 2, "c": None}, '{"b": 3}']})
    assert [json.loads(text or "") for text in attributes_json(table)] == [
        {"a": 1, "b": 2},
        {"a": 2, "b": 3},
    ]


def test_digest_changes_with_every_part_of_an_object() -> None:
    base = encoded(street(1)).digest[0]
    objects = street(1).objects
    moved = objects.assign(geometry=street(2).objects["geometry"].iloc[[1]].to_numpy())
    changes = [
        objects.assign(height=4.0),
        objects.assign(name="other"),
        objects.assign(status="planned"),
        objects.assign(valid_to="2030-01-01"),
        objects.assign(attributes=[{"year": 1991}]),
        moved,
    ]
    digests = {int(encoded(Batch(each)).digest[0]) for each in changes}
    assert len(digests) == len(changes)
    assert int(base) not in digests


def test_digest_sees_surfaces_and_edges() -> None:
    whole, bare = cube(), Batch(cube().objects)
    assert encoded(whole).digest[0] != encoded(bare).digest[0]
    pipes = water_main()
    turned = pipes.edges.assign(end_node="elsewhere")  # type: ignore[union-attr]
    assert (encoded(pipes).digest != encoded(Batch(pipes.objects, edges=turned)).digest)[:2].all()


def test_digest_does_not_depend_on_company() -> None:
    together = encoded(street(3))
    alone = encoded(Batch(street(3).objects.iloc[[2]].reset_index(drop=True)))
    assert together.digest[2] == alone.digest[0]


def test_rank_follows_size() -> None:
    rows = encoded(Batch(street(3).objects.assign(height=[3.0, 45.0, 400.0])))
    ranks = rows.columns["rank"]
    assert not isinstance(ranks, Same)
    assert ranks.tolist() == [5, 3, 0]


def test_cim_level_comes_from_evidence() -> None:
    low = Batch(street(1).objects.drop(columns="height"))
    assert encoded(low).columns["cim_level"] == Same(1)
    assert encoded(street(1)).columns["cim_level"] == Same(2)
    assert encoded(cube()).columns["cim_level"] == Same(3)
    door = pd.DataFrame({"object_id": ["d"], "class": ["Door"], "lod": ["3"]})
    for attributes, level in (
        ({"ifc_class": "IfcDoor"}, 5),
        ({"Pset_DoorCommon": {"FireRating": "EI30"}}, 6),
        ({"Pset_ManufacturerTypeInformation": {"Manufacturer": "x"}}, 7),
    ):
        rows = encoded(Batch(door.assign(attributes=[attributes])))
        assert rows.columns["cim_level"] == Same(level)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"class": "House"}, "no class 'House'"),
        ({"status": "haunted"}, "haunted"),
        ({"lod": "9"}, "no level of detail '9'"),
        ({"access": "private"}, "private"),
        ({"object_id": None}, "without object_id"),
        ({"height": "tall"}, "not a number"),
    ],
)
def test_what_the_dictionary_does_not_know_is_refused(change: dict, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        encoded(Batch(street(1).objects.assign(**change)))
