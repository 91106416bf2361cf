"""CSV tables: delimiters, encodings, coordinates, bad rows."""

from pathlib import Path

import pytest
import realdata
import shapely
from feature_files import codes, opened

from cim.errors import SourceError
from ingest.reader import ReadOptions
from ingest.table import CSV


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding, newline="")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_chinese_points_are_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [
        ["编号", "名称", "经度", "纬度"],
        ["1", "龙亭", "114.35", "34.81"],
        ["2", "铁塔", "114.36", "34.82"],
    ]
    text = "\r\n".join(delimiter.join(row) for row in rows) + "\r\n"
    reading, objects = opened(CSV, table(tmp_path / "兴趣点.csv", text, encoding), tmp_path)
    assert objects["object_id"].tolist() == ["1", "2"]
    assert objects["name"].tolist() == ["龙亭", "铁塔"]
    assert objects["class"].tolist() == ["GenericLogicalSpace"] * 2
    assert objects["geometry"][1].equals(shapely.Point(114.36, 34.82))
    assert reading.crs == "EPSG:4326"
    assert "crs_assumed" in codes(reading)


def test_the_users_crs_is_taken(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "lon,lat\n114.3,34.8\n")
    assert CSV.open(path, ReadOptions(crs="BD-09"), tmp_path).crs == "BD-09"


def test_metres_without_crs_are_an_error_with_a_suggestion(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "x,y,z\n38510000,3850000,70\n")
    reading, objects = opened(CSV, path, tmp_path)
    (found,) = [each for each in reading.findings if each.code == "crs_missing"]
    assert "EPSG:4526" in found.hint
    assert objects["geometry"][0].z == 70


def test_the_user_says_where_coordinates_are(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "a,b\n500000,3850000\n")
    options = ReadOptions(fields={"a": "x", "b": "y"}, crs="EPSG:4547")
    assert opened(CSV, path, tmp_path, options)[1]["geometry"][0].x == 500_000


@pytest.mark.parametrize(
    "shape", ["POLYGON ((0 0, 1 0, 1 1, 0 0))", "SRID=4326;POLYGON ((0 0, 1 0, 1 1, 0 0))"]
)
def test_shapes_may_be_text(tmp_path: Path, shape: str) -> None:
    path = table(tmp_path / "x.csv", f'id,wkt\n1,"{shape}"\n2,nonsense\n3,\n')
    reading, objects = opened(CSV, path, tmp_path, ReadOptions(crs="EPSG:4326"))
    assert objects["geometry"][0].area == 0.5
    assert {each.object: each.code for each in reading.rejected} == {
        "3": "invalid_geometry",
        "4": "no_geometry",
    }


def test_shapes_may_be_hexadecimal(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", f"geom\n{shapely.to_wkb(shapely.Point(1, 2), hex=True)}\n")
    _, objects = opened(CSV, path, tmp_path, ReadOptions(crs="EPSG:4326"))
    assert objects["geometry"][0].equals(shapely.Point(1, 2))


def test_bad_rows_are_rejected_with_their_line(tmp_path: Path) -> None:
    text = "id,lon,lat\na,1,2\nb,1\nc,1,2,3\nd,east,2\ne,,\nf,3,4\n"
    reading, objects = opened(CSV, table(tmp_path / "x.csv", text), tmp_path)
    assert objects["object_id"].tolist() == ["a", "f"]
    found = {each.object: (each.code, each.raw) for each in reading.rejected}
    assert found["line 3"] == ("wrong_length", "b,1")
    assert found["line 4"] == ("wrong_length", "c,1,2,3")
    assert found["5"] == ("invalid_geometry", "id=d")
    assert found["6"] == ("no_geometry", "id=e")


def test_coordinates_may_be_degrees_minutes_and_seconds(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "lon;lat\n114°18'00\"E;34°48′00″S\n")
    point = opened(CSV, path, tmp_path)[1]["geometry"][0]
    assert (point.x, point.y) == pytest.approx((114.3, -34.8))


def test_commas_as_decimal_points_are_read(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", "lon;lat;height\n114,3;34,8;12,5\n")
    _, objects = opened(CSV, path, tmp_path)
    assert objects["geometry"][0].equals(shapely.Point(114.3, 34.8))
    assert objects["height"].tolist() == [12.5]


def test_numbers_are_numbers_and_codes_stay_text(tmp_path: Path) -> None:
    text = "lon,lat,n,code,part\n1,2,5,007,1.5\n1,2,,008,\n"
    _, objects = opened(CSV, table(tmp_path / "x.csv", text), tmp_path)
    assert objects["n"].tolist()[0] == 5
    assert objects["code"].tolist() == ["007", "008"]
    assert objects["part"].tolist()[0] == 1.5


def test_line_breaks_in_quotes_are_part_of_the_value(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", 'name,lon,lat\n"two\nlines",1,2\n')
    assert opened(CSV, path, tmp_path)[1]["name"].tolist() == ["two\nlines"]


def test_bytes_that_are_no_text_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    good = "".join(f"龙亭区{at},114,34\n" for at in range(50)).encode("gbk")
    path.write_bytes("名称,lon,lat\n".encode("gbk") + good + b"\xff\xff,114,34\n")
    reading, objects = opened(CSV, path, tmp_path, ReadOptions(encoding="GBK"))
    assert len(objects) == 51
    assert "undecodable" in codes(reading)


def test_equal_names_of_columns_are_told_apart(tmp_path: Path) -> None:
    _, objects = opened(CSV, table(tmp_path / "x.csv", "lon,lat,a,a,\n1,2,3,4,5\n"), tmp_path)
    assert objects.loc[0, ["a", "a_2", "field_5"]].tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (b"\x00\x01\x02\x03", "it is not a text file"),
        (b"a,b\n1,2\n", "no column says where its rows are: a, b"),
        (b"1,2\n3,4\n", "its first line has no column names"),
        (b"lon,lat\n", "there are no features in it"),
        (b"lon,lat\n1\n2\n", "no row fits its header"),
        (b"lon,lat\nx,y\n", "its only feature cannot be used; 2: 'x', 'y' are no coordinates"),
    ],
)
def test_what_is_no_table_of_places_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        opened(CSV, path, tmp_path)


@realdata.real
def test_real_stations_are_points(tmp_path: Path) -> None:
    path = realdata.path("sensor/station/station_list.csv")
    _, objects = opened(CSV, path, tmp_path)
    assert len(objects) == 79
