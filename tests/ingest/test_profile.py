"""Mapping profiles: written by fixes, read beside files, kept with data sets."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from feature_files import KAIFENG, geojson, square

from cim.errors import CimError, NotFoundError
from cim.store import Store, create_city
from ingest.catalogue import reader_for
from ingest.delivery import items
from ingest.doctor import examine
from ingest.load import load_files
from ingest.one_dataset import Manner, Task, load_dataset
from ingest.profile import beside, mend, merged, profile_text, read_profile, resolved, stored
from ingest.reader import ReadOptions
from ingest.report import LoadReport

FULL = ReadOptions(
    crs="GCJ-02",
    encoding="GB18030",
    class_name="Building",
    id_field="编号",
    fields={"用途": "function", "楼高": "height"},
    units={"楼高": "mm"},
    values={"function": {"R": "residential", "C 1": "commercial"}},
    height_offset=-12.5,
    length_unit="ft",
    swap_axes=True,
    anchor="114.3,34.8,70,0",
    height_datum="EPSG:5737",
)


def codes(reports: list[LoadReport]) -> set[str]:
    return {each.code for report in reports for each in report.findings}


def houses(path: Path, **properties: Any) -> Path:
    rows = [
        (square(*KAIFENG), {"编号": "a", "用途": "R", "楼高": 9000.0, **properties}),
        (square(KAIFENG[0] + 0.01, KAIFENG[1]), {"编号": "b", "用途": "X", "楼高": 6000.0}),
    ]
    return geojson(path, rows)


@pytest.fixture
def city(tmp_path: Path) -> Any:
    with create_city(str(tmp_path / "city"), "EPSG:4547") as store:
        yield store


def test_everything_said_goes_through_toml_and_yaml(tmp_path: Path) -> None:
    text = profile_text(FULL, "房屋.shp")
    (tmp_path / "a.profile.toml").write_text(text, encoding="utf-8")
    assert read_profile(tmp_path / "a.profile.toml") == FULL
    content = {"crs": "GCJ-02", "values": {"function": {"R": "residential"}}}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    read = read_profile(tmp_path / "a.yaml")
    assert (read.crs, read.values) == ("GCJ-02", content["values"])


@pytest.mark.parametrize(
    "text", ["crs = 3", "colour = 'red'", "crs = ", "[fields]\na = 1", "\udcff", "length_unit='x'"]
)
def test_a_profile_that_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CimError):
        read_profile(path)
    with pytest.raises(CimError, match="no profile"):
        read_profile(tmp_path / "nowhere.toml")


def test_what_the_user_says_stands_above_the_profile() -> None:
    known = ReadOptions(crs="GCJ-02", fields={"a": "name", "b": "height"})
    given = ReadOptions(crs="BD-09", fields={"a": "function"})
    both = merged(given, known)
    assert both.crs == "BD-09"
    assert both.fields == {"a": "function", "b": "height"}


def test_a_profile_beside_a_file_is_used_and_said(city: Store, tmp_path: Path) -> None:
    path = houses(tmp_path / "房屋.geojson")
    profile = tmp_path / "房屋.geojson.profile.toml"
    profile.write_text(
        'crs = "GCJ-02"\n[fields]\n"楼高" = "height"\n[units]\n"楼高" = "mm"\n'
        '[values.function]\nR = "residential"\n',
        encoding="utf-8",
    )
    assert beside(path) == profile
    reports = load_files(city, [path, profile])  # as a shell's * gives them
    assert len(reports) == 1
    assert reports[0].crs == "GCJ-02"
    assert "profile_used" in codes(reports)
    kept = city.select().objects.set_index("object_id")
    assert kept["height"].to_dict() == {"a": 9.0, "b": 6.0}
    assert kept["function"].to_dict() == {"a": "residential", "b": "x"}
    assert kept["attributes"]["a"]["楼高"] == 9000.0
    report = examine(path)
    assert (report["profile"], report["crs"]) == (profile.name, "GCJ-02")


def test_a_broken_profile_is_refused_by_its_name(city: Store, tmp_path: Path) -> None:
    path = houses(tmp_path / "a.geojson")
    (tmp_path / "a.geojson.profile.toml").write_text("colour = 1")
    with pytest.raises(CimError, match=r"profile\.toml"):
        load_files(city, [path])


def test_the_same_mapping_is_used_when_a_data_set_comes_again(city: Store, tmp_path: Path) -> None:
    said = ReadOptions(crs="GCJ-02", fields={"用途": "name"}, valid_from="2020-01-01")
    load_files(city, [houses(tmp_path / "a.geojson")], name="houses", options=said)
    newer = houses(tmp_path / "b.geojson", extra=1)
    (report,) = load_files(city, [newer], name="houses")
    assert "profile_reused" in codes([report])
    assert (report.crs, report.new, report.changed) == ("GCJ-02", 0, 2)
    assert city.select().objects["name"].tolist() == ["R", "X"]
    options, reader = stored(city, "houses")
    assert (options.fields, options.valid_from, reader) == ({"用途": "name"}, "", "vector")
    (report,) = load_files(city, [newer], name="houses", options=ReadOptions(crs="EPSG:4490"))
    assert "profile_reused" not in codes([report])
    with pytest.raises(NotFoundError):
        stored(city, "nothing")


def test_another_format_is_another_matter(city: Store, tmp_path: Path) -> None:
    options = ReadOptions(fields={"用途": "name"})
    load_files(city, [houses(tmp_path / "a.geojson")], name="houses", options=options)
    table = tmp_path / "a.csv"
    table.write_text("lon,lat,编号\n114.3,34.8,a\n")
    found = resolved(table, ReadOptions(), reader_for(table).name, city, "houses")
    assert found.options == ReadOptions()


def metres_called_degrees(path: Path) -> Path:
    """Houses whose coordinates are of zone 38 with prefix, in a file that says nothing."""
    path.write_text("x,y,编号\n38531000,3852000,a\n38531050,3852020,b\n", encoding="utf-8")
    return path


def test_mending_stops_when_nothing_is_left_to_mend(tmp_path: Path) -> None:
    path = metres_called_degrees(tmp_path / "a.csv")
    found = mend(lambda options: examine(path, options), ReadOptions())
    assert found.options == ReadOptions(crs="EPSG:4526")
    assert [each["code"] for each in found.applied] == ["crs_missing"]
    assert (found.before["loadable"], found.after["loadable"]) == (False, True)
    assert found.before["bbox_wgs84"] is None
    assert found.after["bbox_wgs84"][0] == pytest.approx(114.339, abs=0.01)


def test_no_fix_changes_what_the_user_said(tmp_path: Path) -> None:
    path = metres_called_degrees(tmp_path / "a.csv")
    found = mend(lambda options: examine(path, options), ReadOptions(crs="EPSG:4490"))
    assert found.options.crs == "EPSG:4490"
    assert not found.after["loadable"]


def test_a_load_mends_what_it_may(city: Store, tmp_path: Path) -> None:
    path = metres_called_degrees(tmp_path / "houses.csv")
    with pytest.raises(CimError):
        load_files(city, [path])
    reports: list[LoadReport] = []
    task = Task(city, "houses", items([path], "houses", ReadOptions()), Manner(fix=True))
    load_dataset(task, reports)
    assert (reports[0].new, reports[0].crs) == (2, "EPSG:4526")
    assert "fix_applied" in codes(reports)
