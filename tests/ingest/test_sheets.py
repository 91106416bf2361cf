"""Spreadsheets: where their names and rows begin, what their cells mean, which sheets are read."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from workbooks import workbook

from cim.errors import ParamError, SourceError
from ingest.catalogue import reader_for
from ingest.reader import Reading, ReadOptions

PLAIN = [["id", "lon", "lat", "height"], ["a", 114.3, 34.8, 10], ["b", 114.4, 34.9, 20.5]]


def read(path: Path, **options: Any) -> tuple[Reading, pd.DataFrame]:
    reader = reader_for(path)
    assert reader.name == "sheets"
    reading = reader.open(path, ReadOptions(**options), path.parent)
    return reading, pd.concat([batch.objects for batch in reading], ignore_index=True)


def codes(reading: Reading) -> list[str]:
    return [each.code for each in reading.findings]


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(SourceError) as refused:
        read(path, **options)
    return str(refused.value)


def test_rows_become_objects(tmp_path: Path) -> None:
    reading, objects = read(workbook(tmp_path / "建筑.xlsx", {"建筑": PLAIN}))
    assert objects["object_id"].tolist() == ["a", "b"]
    assert objects["class"].tolist() == ["Building", "Building"]
    assert objects["height"].tolist() == [10.0, 20.5]
    assert [(each.x, each.y) for each in objects["geometry"]] == [(114.3, 34.8), (114.4, 34.9)]
    assert reading.crs == "EPSG:4326"


def test_title_names_in_two_rows_and_a_row_of_units(tmp_path: Path) -> None:
    rows = [
        ["某区建筑调查表", None, None, None, None],
        ["编号", "坐标", None, "高度", "竣工日期"],
        [None, "经度", "纬度", None, None],
        ["-", "°", "°", "m", "-"],
        ["001", 114.3, 34.8, 12, date(2001, 2, 3)],
        ["002", 114.4, 34.9, 15, datetime(2002, 3, 4, 5, 6)],
    ]
    merged = ["A1:E1", "B2:C2", "A2:A3", "D2:D3", "E2:E3"]
    path = workbook(tmp_path / "a.xlsx", {"建筑": rows}, {"建筑": merged})
    _, objects = read(path)
    assert objects["object_id"].tolist() == ["001", "002"]
    assert objects["height"].tolist() == [12, 15]
    assert objects["valid_from"].tolist() == ["2001-02-03", "2002-03-04"]


def test_the_same_name_below_two_is_told_apart(tmp_path: Path) -> None:
    rows = [
        ["lon", "lat", "起点", None, "终点", None],
        [None, None, "高程", "埋深", "高程", "埋深"],
        [114.3, 34.8, 70, 1, 69, 2],
    ]
    merged = ["C1:D1", "E1:F1", "A1:A2", "B1:B2"]
    _, objects = read(workbook(tmp_path / "a.xlsx", {"s": rows}, {"s": merged}))
    assert {"起点高程", "起点埋深", "终点高程", "终点埋深"} <= set(objects.columns)


def test_units_below_the_names_are_told(tmp_path: Path) -> None:
    rows = [["id", "lon", "lat", "height"], ["-", "°", "°", "mm"], ["a", 114.3, 34.8, 12_000]]
    reading, _ = read(workbook(tmp_path / "a.xlsx", {"s": rows}))
    found = next(each for each in reading.findings if each.code == "units_row")
    assert found.fix == {"units": {"height": "mm"}}


def test_numbers_stored_as_text_are_numbers_and_codes_stay_text(tmp_path: Path) -> None:
    rows = [["编号", "经度", "纬度", "层数", "代码"], ["x", "114.3", "34.8", "6", "007"]]
    _, objects = read(workbook(tmp_path / "楼.xlsx", {"楼": rows}))
    assert objects["geometry"][0].x == 114.3
    assert objects["storeys_above_ground"][0] == 6
    assert objects["代码"][0] == "007"


def test_every_visible_sheet_is_a_layer(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        {"建筑": PLAIN, "说明": [["name", "text"], ["a", "b"]], "树": PLAIN, "旧": PLAIN, "空": []},
        hidden=["旧"],
    )
    reading, objects = read(path)
    assert objects["class"].value_counts().to_dict() == {
        "Building": 2,
        "SolitaryVegetationObject": 2,
    }
    assert {"sheet_left_out", "sheet_hidden"} <= set(codes(reading))
    hidden = next(each for each in reading.findings if each.code == "sheet_hidden")
    _, objects = read(path, **hidden.fix)
    assert len(objects) == 2


def test_rejections_name_the_row_of_the_sheet(tmp_path: Path) -> None:
    rows = [["title"], [], *PLAIN, ["c", None, None, 5]]
    reading, objects = read(workbook(tmp_path / "a.xlsx", {"s": rows}))
    assert len(objects) == 2
    assert [each.object for each in reading.rejected] == ["6"]


@pytest.mark.parametrize(
    "sheets, said",
    [
        ({"s": [["name", "text"], ["a", "b"]]}, "no column says where its rows are"),
        ({"s": []}, "no sheet has a row of names with rows below it"),
        ({"s": [[1, 2], [3, 4]]}, "no sheet has a row of names with rows below it"),
    ],
)
def test_workbook_without_places_is_refused(
    tmp_path: Path, sheets: dict[str, Any], said: str
) -> None:
    assert said in refusal(workbook(tmp_path / "a.xlsx", sheets))


def test_broken_workbook_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"s": PLAIN})
    path.write_bytes(path.read_bytes()[:2000])
    assert "save it again as .xlsx" in refusal(path)


def test_sheet_must_exist(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"建筑": PLAIN})
    with pytest.raises(ParamError, match="no sheet '建筑物'"):
        read(path, layer="建筑物")
