"""Every file made to hurt that we could find: loaded soundly, or refused without a trace."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import realdata
from served import cim
from untouched import check_leaves_nothing, check_refusal, check_sound, trace

from cim.errors import CimError
from cim.store import Store, create_city
from ingest import LoadReport, ReadOptions, load_files
from ingest.doctor import examine

WORLD = "EPSG:3857"
"""A city that could be anywhere."""

FOLDERS = ("hostile", "ifc/invalid", "citymodel/invalid")
FILES = sorted({name for folder in FOLDERS for name in realdata.below(folder)})
NOWHERE = [
    name
    for name in FILES
    if realdata.manifest()[name]["crs"].startswith("none") and not name.startswith("network")
]
"""Files that nobody says the place of."""

CASES = [
    *(pytest.param(name, ReadOptions(), id=name) for name in FILES),
    *(pytest.param(name, ReadOptions(crs="EPSG:28992"), id=f"{name} at Delft") for name in NOWHERE),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load."""

    reports: tuple[LoadReport, ...] = ()
    refusal: str = ""


def attempt(store: Store, path: Path, options: ReadOptions, *, dry_run: bool) -> Outcome:
    try:
        return Outcome(tuple(load_files(store, [path], options=options, dry_run=dry_run)))
    except CimError as error:
        check_refusal(error, path)
        return Outcome(refusal=str(error))


def plain(report: LoadReport) -> LoadReport:
    """Without what GDAL says once in a process only."""
    return replace(report, findings=[each for each in report.findings if each.code != "gdal"])


def features_told(name: str) -> int | None:
    """Objects that the manifest says are in a file of features; None if it does not."""
    contents = realdata.manifest()[name]["contents"]
    counts = re.findall(r": (\d+) \w+,? ?[\w ]*\d* ?(?:Z|M)?, \d+ fields", contents)
    return sum(map(int, counts)) if counts else None


@realdata.real
@pytest.mark.parametrize(("name", "options"), CASES)
def test_it_is_loaded_soundly_or_leaves_no_trace(
    name: str, options: ReadOptions, tmp_path: Path
) -> None:
    path = realdata.path(name)
    with create_city(str(tmp_path / "city"), WORLD) as store:
        before = trace(store)
        tried = attempt(store, path, options, dry_run=True)
        assert trace(store) == before
        done = attempt(store, path, options, dry_run=False)
        assert done.refusal == tried.refusal
        if done.refusal:
            assert trace(store) == before
            check_leaves_nothing(store)
            return
        check_sound(store, list(done.reports))
        (report,) = done.reports
        assert report.read == (features_told(name) or report.read)
        assert plain(replace(report, load=None, dry_run=True)) == plain(tried.reports[0])
        assert store.version() == before.version + 1
        assert sum(store.info().classes.values()) + store.info().coverages == report.new


BROKEN = [
    name
    for name in FILES
    if realdata.manifest()[name]["contents"]
    in {"deliberately broken", "sidecar/part of a multi-file data set"}
]


@realdata.real
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_on_purpose_is_refused(name: str, tmp_path: Path) -> None:
    with create_city(str(tmp_path / "city"), WORLD) as store, pytest.raises(CimError):
        load_files(store, [realdata.path(name)])


@realdata.real
@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_doctor_foretells_the_load_and_names_the_problem(
    name: str, options: ReadOptions, tmp_path: Path
) -> None:
    path = realdata.path(name)
    report = examine(path, options)
    with create_city(str(tmp_path / "city"), WORLD) as store:
        done = attempt(store, path, options, dry_run=True)
    assert report["loadable"] == (not done.refusal)
    assert json.dumps(report)
    if done.refusal:
        first = report["findings"][0]
        assert first["severity"] == "error"
        assert first["code"] != "reader_failed"
        assert first["hint"]
        assert first["message"] in done.refusal


TOLD = {
    "citymodel/invalid/completely_empty.json": "the file is empty",
    "citymodel/invalid/invalid_json_cityjson.json": "not valid JSON at line 3, column 11",
    "citymodel/invalid/unclosedbracket.city.jsonl": "not valid JSON at line 1",
    "citymodel/invalid/501.json": "does not say which coordinate system",
    "hostile/geojson_chrieke/invalid_featurecollection_nulltype.geojson": "its type is null",
    "hostile/geojson_chrieke/invalid_featurecollection_unknown_type.geojson": "its type is",
    "hostile/geojson_chrieke/invalid_featurecollection_features_is_object.geojson": "no list",
    "hostile/geojson_chrieke/invalid_geometry_coordinates_missing.geojson": "no coordinates",
    "hostile/geojson_chrieke/invalid_geometry_coordinates_1d.geojson": "nested",
    "hostile/geojson_chrieke/invalid_geometry_depth_shallow_linestring.geojson": "nested",
    "hostile/geojson_chrieke/invalid_geometry_mislabeled_point.geojson": "nested",
    "hostile/geojson_chrieke/invalid_feature_wrong_geometry_key.geojson": "no geometry",
    "hostile/geojson_hint/bad-json.geojson": "not valid JSON at line 3, column 5",
    "hostile/geojson_hint/badcoordtype.geojson": "feature 1: in its MultiPolygon coordinates",
    "hostile/geojson_hint/featurecollection.geojson": "no features",
    "hostile/geojson_hint/rootstring.geojson": "its type is",
    "hostile/raster/all-nodata.tif": "no values at all",
    "hostile/raster/corrupt.tif": "damaged",
    "hostile/shp_invalid/invalid_coordinates.shp": "not degrees",
    "hostile/shp_invalid/popctr_state1970.dbf": "load popctr_state1970.shp",
    "hostile/truncated/RGB.byte.truncated.tif": "cut off",
    "hostile/truncated/SimpleWall.truncated.ifc": "END-ISO-10303-21",
    "hostile/truncated/delft.truncated.city.json": "cut off",
    "hostile/truncated/test.truncated.osm.pbf": "cut off",
    "ifc/invalid/git_lfs_pointer.ifc": "Git LFS pointer",
    "ifc/invalid/InvalidType.ifc": "does not say where",
    "ifc/invalid/Axis2PlacementError.ifc": "no building",
}


@realdata.real
@pytest.mark.parametrize("name", TOLD)
def test_the_reason_is_one_that_staff_understand(name: str, tmp_path: Path) -> None:
    with (
        create_city(str(tmp_path / "city"), WORLD) as store,
        pytest.raises(CimError, match=re.escape(TOLD[name])),
    ):
        load_files(store, [realdata.path(name)])


SHOWN = (
    "hostile/truncated/SimpleWall.truncated.ifc",
    "hostile/geojson_hint/bad-json.geojson",
    "hostile/raster/corrupt.tif",
)


@realdata.real
@pytest.mark.parametrize("name", SHOWN)
def test_the_shell_refuses_in_one_line(name: str, tmp_path: Path) -> None:
    path, city = realdata.path(name), tmp_path / "city"
    with create_city(str(city), WORLD) as store:
        before = trace(store)
        told = cim("load", city, path, check=False)
        assert told.returncode == 1
        assert told.stdout == ""
        assert re.fullmatch(rf"error: .*{re.escape(path.name)}: [^\n]+\n", told.stderr)
        as_json = cim("load", city, path, "--json", check=False)
        assert as_json.returncode == 1
        found = json.loads(as_json.stdout)["error"]
        assert found["where"].startswith(path.name)
        assert found["problem"]
        assert found["hint"]
        assert as_json.stderr == told.stderr
        assert trace(store) == before


@realdata.real
def test_the_shell_loads_what_can_be_and_lists_what_cannot(tmp_path: Path) -> None:
    names = [
        "hostile/truncated/delft.truncated.city.json",
        "hostile/geojson_chrieke/problematic_holes.geojson",
        "hostile/raster/all-nodata.tif",
    ]
    city = tmp_path / "city"
    create_city(str(city), WORLD).close()
    told = cim("load", city, *map(realdata.path, names), "--json", check=False)
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "2 of 3 data sets were not loaded" in told.stderr
    found = json.loads(told.stdout)
    assert [each["dataset"] for each in found["loads"]] == ["problematic_holes"]
    assert [each["where"] for each in found["failed"]] == [
        "delft.truncated.city.json",
        "all-nodata.tif",
    ]


@realdata.real
def test_the_doctor_in_the_shell_ends_with_one_for_them(tmp_path: Path) -> None:
    told = cim("doctor", *map(realdata.path, SHOWN), "--json", check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("error: SimpleWall.truncated.ifc: ")
    assert told.stderr.count("\n") == 1
    assert [each["loadable"] for each in json.loads(told.stdout)["files"]] == [False] * 3
