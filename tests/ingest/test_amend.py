"""What the user says of a file holds for every reader: axes, units, heights, codes, anchors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from cities import CRS
from feature_files import KAIFENG, geojson, square

from cim.errors import CimError, ParamError
from cim.store import create_city
from ingest.amend import anchor, opened
from ingest.catalogue import reader_for
from ingest.delivery import options_from
from ingest.load import load_files
from ingest.reader import ReadOptions


def first(path: Path, work: Path, **options: Any) -> Any:
    """The first batch of a file read so."""
    reading = opened(reader_for(path), path, options_from(options, "test"), work)
    return reading, next(iter(reading))


def test_axes_are_exchanged_before_the_crs_is_checked(tmp_path: Path) -> None:
    x, y = 531_000.0, 3_852_000.0
    path = tmp_path / "points.csv"
    path.write_text(f"x,y,name\n{y},{x},a\n{y + 5},{x + 7},b\n")
    straight, _ = first(path, tmp_path, crs="EPSG:4547")
    assert "axis_order" in {each.code for each in straight.findings}
    reading, batch = first(path, tmp_path, crs="EPSG:4547", swap_axes=True)
    assert "axis_order" not in {each.code for each in reading.findings}
    assert shapely.get_coordinates(batch.objects["geometry"]).tolist() == [
        [x, y],
        [x + 7, y + 5],
    ]


def test_lengths_are_converted_and_lifted(tmp_path: Path) -> None:
    shape = shapely.Point(*KAIFENG, 100.0)
    fields = {"id": "a", "height": 30.0, "ground_height": 100.0}
    path = geojson(tmp_path / "buildings.geojson", [(shape, fields)])
    reading, batch = first(path, tmp_path, length_unit="ft", height_offset=-2.0)
    row = batch.objects.iloc[0]
    assert row["height"] == pytest.approx(9.144)
    assert row["ground_height"] == pytest.approx(30.48 - 2)
    assert shapely.get_coordinates(row["geometry"], include_z=True)[0, 2] == pytest.approx(28.48)
    assert reading.length_unit == "ft"


def test_the_unit_of_one_field_stands_above_that_of_the_file(tmp_path: Path) -> None:
    fields = {"id": "a", "height": 9144.0, "ground_height": 100.0}
    path = geojson(tmp_path / "buildings.geojson", [(square(*KAIFENG), fields)])
    _, batch = first(path, tmp_path, length_unit="ft", units={"height": "mm"})
    assert batch.objects["height"][0] == pytest.approx(9.144)
    assert batch.objects["ground_height"][0] == pytest.approx(30.48)


def test_codes_mean_what_the_user_says_and_stay_beside_it(tmp_path: Path) -> None:
    rows = [(square(*KAIFENG), {"id": str(at), "用途": code}) for at, code in enumerate("RCX")]
    path = geojson(tmp_path / "buildings.geojson", rows)
    meanings = {"function": {"R": "residential", "C": "commercial"}}
    _, batch = first(path, tmp_path, values=meanings)
    assert batch.objects["function"].tolist() == ["residential", "commercial", "x"]
    assert batch.objects["用途"].tolist() == ["R", "C", "X"]


def test_codes_of_classes_are_classes(tmp_path: Path) -> None:
    rows = [(square(*KAIFENG), {"id": "a", "kind": "JZ"}), (square(*KAIFENG), {"id": "b"})]
    path = geojson(tmp_path / "things.geojson", rows)
    given = {"fields": {"kind": "class"}, "values": {"class": {"JZ": "Building"}}}
    _, batch = first(path, tmp_path, **given)
    assert batch.objects["class"][0] == "Building"


def cityjson(path: Path) -> Path:
    """A model of one triangle without a CRS, whose vertices are small whole metres."""
    surface = {"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}
    house = {"type": "Building", "geometry": [surface], "attributes": {"function": "1000"}}
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [1, 1, 1], "translate": [0, 0, 0]},
        "CityObjects": {"h": house},
        "vertices": [[0, 0, 0], [0, 10, 3], [4, 10, 3]],
    }
    path.write_text(json.dumps(document))
    return path


def test_a_local_model_stands_at_its_anchor(tmp_path: Path) -> None:
    path = cityjson(tmp_path / "house.city.json")
    given = f"{KAIFENG[0]},{KAIFENG[1]},70,90"
    reading, batch = first(path, tmp_path, anchor=given)
    assert "crs_missing" not in {each.code for each in reading.findings}
    (mesh,) = batch.meshes
    ends = mesh.vertices[np.argsort(np.linalg.norm(mesh.vertices - (0, 0, 70), axis=1))]
    # what was north of the origin is east of it after a quarter turn clockwise
    np.testing.assert_allclose(ends, [[0, 0, 70], [10, 0, 73], [10, -4, 73]], atol=1e-9)
    with create_city(str(tmp_path / "city"), CRS) as store:
        load_files(store, [path], options=ReadOptions(anchor=given))
        west, south, _, _ = store.info().bbox or (0, 0, 0, 0)
    assert (west, south) == pytest.approx(KAIFENG, abs=2e-4)


def test_other_readers_take_codes_too(tmp_path: Path) -> None:
    path = cityjson(tmp_path / "house.city.json")
    said = {"function": {"1000": "residential"}}
    _, batch = first(path, tmp_path, crs="EPSG:4547", values=said, swap_axes=True)
    assert batch.objects["function"].tolist() == ["residential"]
    assert batch.objects["function_in_source"].tolist() == ["1000"]
    assert sorted(batch.meshes[0].vertices[:, 0].tolist()) == [0, 10, 10]


@pytest.mark.parametrize(
    "given",
    [
        {"length_unit": "furlong"},
        {"units": {"a": "furlong"}},
        {"height_offset": float("nan")},
        {"height_offset": 1e9},
        {"height_offset": True},
        {"swap_axes": "yes"},
        {"values": {"colour": {"1": "red"}}},
        {"values": {"function": "x"}},
        {"values": {"function": {"1": 2}}},
        {"units": {"a": 1}},
        {"anchor": "here"},
        {"anchor": "1,2,3,4,5"},
        {"anchor": "200,0"},
        {"anchor": "nan,0"},
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(CimError):
        options_from(given, "test")


def test_an_anchor_needs_a_place() -> None:
    assert anchor("114.3,34.8").height == 0.0
    with pytest.raises(ParamError, match="is no place"):
        anchor("114.3")
