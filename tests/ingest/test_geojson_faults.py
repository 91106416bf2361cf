"""What is told of a GeoJSON file that no driver takes."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import realdata
from feature_files import KAIFENG, geojson, square

from ingest.geojson_faults import LOOKED_INTO, fault


def feature(kind: str, coordinates: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": {}, "geometry": geometry}


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


GOOD = feature("Point", [114.3, 34.79])
FAULTS = [
    (None, "its type is null, not one of FeatureCollection, Feature"),
    ([1], "its type is a list"),
    ({"type": "Topology"}, 'its type is "Topology"'),
    ({"type": "FeatureCollection"}, "it has no features: the list `features` is missing"),
    ({"type": "FeatureCollection", "features": {}}, "its features are an object, no list"),
    (collection(GOOD, "x"), "feature 2: it is text, no feature"),
    (collection({"type": "Featre"}), 'feature 1: its type is "Featre", not Feature'),
    (collection(GOOD, {"type": "Feature"}), "feature 2: it has no geometry"),
    (collection(feature("Circle", [1, 2])), "feature 1: its geometry is of no known type"),
    ({"type": "Polygon"}, "its Polygon has no coordinates"),
    (collection(feature("Point", ["1", "2"])), "in its Point coordinates are texts, not numbers"),
    (collection(feature("Point", [1])), "in its Point a position has less than two numbers"),
    (collection(feature("Point", [1, None])), "in its Point coordinates are no numbers"),
    (collection(feature("Point", [[1, 2]])), "in its Point coordinates are not nested"),
    (collection(feature("LineString", [1, 2])), "in its LineString coordinates are not nested"),
    (
        collection(feature("Polygon", [[[0, 0], [1, 0], [1, 1]]])),
        "in its Polygon a ring is not closed",
    ),
    (
        collection(feature("MultiPolygon", [[[[0, 0], [1, 0], [0, 0]]]])),
        "in its MultiPolygon a ring has less than four positions",
    ),
    (
        collection({"type": "Feature", "geometry": {"type": "GeometryCollection"}}),
        "its GeometryCollection has no list of geometries",
    ),
]


@pytest.mark.parametrize(("document", "said"), FAULTS)
def test_the_fault_and_its_feature_are_named(tmp_path: Path, document: Any, said: str) -> None:
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps(document))
    assert said in fault(path)
    packed = tmp_path / "x.geojson.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert fault(packed) == fault(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "type": }', "not valid JSON at line 2, column 10"),
        ('{"type": "Feature"', "not valid JSON at line 1"),
        ('{"type": "Point", "coordinates": [NaN, 1]}', "coordinates are no numbers"),
        ("[" * 100_000, ""),
        ('{"type": "Point", "coordinates": [1, 2' + "0" * 5000 + "]}", ""),
    ],
)
def test_text_that_is_no_json_is_located(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "x.geojson"
    path.write_text(text)
    assert said in fault(path)


def test_nothing_is_said_of_sound_other_and_huge_files(tmp_path: Path) -> None:
    assert fault(geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])) == ""
    assert fault(geojson(tmp_path / "x.kml", [(None, {})])) == ""
    with (tmp_path / "huge.geojson").open("wb") as file:
        file.truncate(LOOKED_INTO + 1)
    assert fault(tmp_path / "huge.geojson") == ""


@realdata.real
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in realdata.below("hostile", ".geojson")
        if realdata.manifest()[name]["contents"] == "deliberately broken"
    ],
)
def test_every_broken_file_has_a_fault(name: str) -> None:
    assert fault(realdata.path(name))
