"""The file doctor: it says what a file is and what ails it, and never falls ill itself."""

import json
from pathlib import Path

import pytest
import realdata
import shapely
from feature_files import KAIFENG, frame, geojson, square, without_crs

from ingest.doctor import examine
from ingest.reader import Reader, Reading, ReadOptions


def test_a_sound_file_is_described(tmp_path: Path) -> None:
    path = tmp_path / "建筑.gpkg"
    frame({"编号": ["a", "b"], "高度": [3.5, 7.0], "颜色": ["红", "蓝"]}).to_file(path)
    report = examine(path)
    assert report["loadable"]
    assert (report["file"], report["reader"], report["features"]) == ("建筑.gpkg", "vector", 2)
    assert (report["crs"], report["crs_source"]) == ("EPSG:4326", "file")
    assert report["classes"] == {"Building": 2}
    assert report["geometry_types"] == {"polygon": 2}
    assert report["bbox_wgs84"] == pytest.approx([114.3, 34.79, 114.303, 34.791])
    assert {each["name"]: each["column"] for each in report["fields"]} == {
        "编号": "object_id",
        "高度": "height",
        "颜色": "",
    }
    assert report["layers"][0]["class_reason"] == "'建筑' is in the name '建筑'"
    assert report["sample"][0]["颜色"] == "红"
    assert json.loads(json.dumps(report)) == report


def test_errors_come_first(tmp_path: Path) -> None:
    path = without_crs(tmp_path / "x.shp", frame({"a": [1]}))
    report = examine(path)
    assert not report["loadable"]
    assert report["findings"][0]["code"] == "crs_missing"
    assert "EPSG:4490" in report["findings"][0]["hint"]


def test_what_ails_the_objects_is_told(tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    path = geojson(
        tmp_path / "buildings.geojson",
        [
            (square(*KAIFENG), {"k": "a", "height": -3}),
            (bow_tie, {"k": "a", "height": 4000}),
            (None, {"k": "c", "height": 3}),
        ],
    )
    report = examine(path, ReadOptions(id_field="k"))
    found = {each["code"]: each["message"] for each in report["findings"]}
    assert "1 objects have an id that came before, such as a" in found["duplicate_id"]
    assert "cross" in found["self_crossing"]
    assert "implausible_height" in found
    assert report["rejected"] == 1
    assert report["rejections"][0]["code"] == "no_geometry"


def test_options_are_heeded(tmp_path: Path) -> None:
    path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])
    report = examine(path, ReadOptions(crs="GCJ-02", class_name="Bridge"))
    assert (report["crs"], report["crs_source"]) == ("GCJ-02", "user")
    assert report["classes"] == {"Bridge": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.geojson", b"{"), ("x.gpkg", b""), ("x.csv", b"a,b\n1,2\n"), ("x.what", b"?")],
)
def test_a_broken_file_is_a_finding(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    report = examine(path)
    assert not report["loadable"]
    assert report["findings"][0]["severity"] == "error"
    assert json.dumps(report)


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    assert examine(tmp_path / "nowhere.shp")["findings"][0]["message"] == "no such file"


def test_a_reader_that_breaks_down_is_a_finding(tmp_path: Path) -> None:
    def open_badly(path: Path, options: ReadOptions, work: Path) -> Reading:
        raise ZeroDivisionError("inside")

    path = tmp_path / "x.bad"
    path.write_text("x")
    report = examine(path, readers=[Reader("bad", "Bad", (".bad",), open_badly)])
    assert report["reader"] == "bad"
    assert report["findings"][0]["code"] == "reader_failed"
    assert "ZeroDivisionError: inside" in report["findings"][0]["message"]


@realdata.real
@pytest.mark.parametrize(
    ("name", "reader", "features"),
    [
        ("china/gbk_derived/kaifeng_districts_gbk.shp", "vector", 9),
        ("osm/overture/overture_buildings.parquet", "geoparquet", 100),
        ("sensor/station/station_list.csv", "csv", 79),
        ("citymodel/cityjson/delft.json", "cityjson", 570),
    ],
)
def test_files_of_every_kind_are_understood(name: str, reader: str, features: int) -> None:
    report = examine(realdata.path(name))
    assert (report["reader"], report["features"]) == (reader, features)
    assert json.dumps(report, ensure_ascii=False)
