"""What the doctor finds in files that lie, and that its fixes mend them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import realdata
import shapely
from feature_files import KAIFENG, frame, geojson, shapefile, square

from ingest.doctor import examine
from ingest.mojibake import diagnosis, repair
from ingest.reader import ReadOptions
from ingest.remedies import with_fix

EASTING, NORTHING = 531_000.0, 3_852_000.0


def findings(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Findings by code."""
    return {each["code"]: each for each in report["findings"]}


def after(path: Path, code: str, **options: Any) -> dict[str, Any]:
    """The report once the fix of that finding is applied."""
    fix = findings(examine(path, ReadOptions(**options)))[code]["fix"]
    return examine(path, with_fix(ReadOptions(**options), fix))


def table(path: Path, x: float, y: float) -> Path:
    """Two points."""
    path.write_text(f"x,y\n{x},{y}\n{x + 40},{y + 30}\n")
    return path


class TestText:
    @pytest.mark.parametrize(
        ("encoding", "words"),
        [
            ("GBK", ["开封市龙亭区政府", "鼓楼区文化馆", "禹王台区"]),
            ("GB18030", ["开封市龙亭区政府", "鼓楼𠀋区文化馆", "禹王台区"]),
            ("Big5", ["臺北市政府", "國立臺灣大學", "總統府"]),
            ("Shift-JIS", ["東京都千代田区", "ひらがな", "カタカナの建物"]),
            ("UTF-8", ["开封市龙亭区政府", "鼓楼区文化馆", "禹王台区"]),
        ],
    )
    def test_of_every_usual_encoding_is_read(
        self, tmp_path: Path, encoding: str, words: list[str]
    ) -> None:
        path = tmp_path / "a.shp"
        shapefile(path, [(b"name", 60)], [[each.encode(encoding)] for each in words])
        report = examine(path, ReadOptions(crs="EPSG:4490"))
        assert [each["name"] for each in report["sample"]] == words

    def test_a_false_code_page_file_is_told_with_what_it_says(self, tmp_path: Path) -> None:
        path = tmp_path / "a.shp"
        rows = [[each.encode("gbk")] for each in ("开封市龙亭区政府", "鼓楼区文化馆", "禹王台区")]
        shapefile(path, [(b"name", 60)], rows, language_driver=0x57)
        path.with_suffix(".cpg").write_text("UTF-8")
        seen = findings(examine(path))["encoding_contradicted"]
        assert "the cpg says UTF-8" in seen["evidence"]
        assert "the language byte says cp1252" in seen["evidence"]
        assert seen["fix"] == {"encoding": "GB18030"}
        assert "encoding_contradicted" not in findings(after(path, "encoding_contradicted"))

    def test_half_a_character_is_left_out_and_said(self, tmp_path: Path) -> None:
        path = tmp_path / "a.shp"
        rows = [
            ["开封市龙亭区".encode("gbk")],
            ["鼓楼".encode("gbk")],
            ["禹王台区域".encode("gbk")],
        ]
        shapefile(path, [(b"name", 7)], rows)
        report = examine(path, ReadOptions(crs="EPSG:4490"))
        assert [each["name"] for each in report["sample"]] == ["开封市", "鼓楼", "禹王台"]
        assert findings(report)["character_cut"]["message"].startswith("2 texts end in half")

    def test_that_was_misread_and_saved_is_brought_back(self, tmp_path: Path) -> None:
        words = ["开封市龙亭区政府", "鼓楼区文化馆", "禹王台区"]
        wrong = [each.encode("gbk").decode("latin-1") for each in words]
        name = "名称".encode("gbk").decode("latin-1")
        rows = [(square(*KAIFENG), {name: each, "id": str(at)}) for at, each in enumerate(wrong)]
        path = geojson(tmp_path / "a.geojson", rows)
        seen = findings(examine(path))["mojibake"]
        assert seen["fix"] == {"text_repair": "iso8859-1>GB18030"}
        mended = after(path, "mojibake")
        assert [each["name"] for each in mended["sample"]] == words
        assert "mojibake" not in findings(mended)

    @pytest.mark.parametrize(
        "words",
        [
            ["café", "Zürich", "Straße", "São Paulo"],
            ["开封市", "龙亭区", "鼓楼区"],
            ["東京都", "千代田区", "ひらがな"],
            ["Ørsted", "Åse", "Søren"],
            ["a", "b", "c"],
            [],
        ],
    )
    def test_that_is_right_is_left_alone(self, words: list[str]) -> None:
        assert diagnosis(words) == []

    def test_that_is_lost_is_told_as_lost(self) -> None:
        (only,) = diagnosis(["锟斤拷锟斤拷市", "\N{REPLACEMENT CHARACTER}区"])
        assert (only.code, only.fix) == ("text_lost", {})

    def test_a_repair_leaves_what_it_does_not_fit(self) -> None:
        undo = repair("latin-1>gb18030")
        assert undo.undone("开封") == "开封"
        assert undo.undone("Kaifeng") == "Kaifeng"


class TestPlace:
    def test_a_zone_prefix_tells_the_crs(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.csv", 38_000_000 + EASTING, NORTHING)
        seen = findings(examine(path))["crs_missing"]
        assert seen["fix"] == {"crs": "EPSG:4526"}
        mended = after(path, "crs_missing")
        assert mended["loadable"]
        assert mended["bbox_wgs84"][:2] == pytest.approx([114.339, 34.796], abs=0.01)

    def test_northing_first_with_a_prefix_is_turned(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.csv", NORTHING, 38_000_000 + EASTING)
        seen = findings(examine(path))["crs_missing"]
        assert seen["fix"] == {"crs": "EPSG:4526", "swap_axes": True}
        assert after(path, "crs_missing")["bbox_wgs84"][0] == pytest.approx(114.339, abs=0.01)

    def test_without_a_prefix_all_zones_are_listed_and_none_is_chosen(self, tmp_path: Path) -> None:
        seen = findings(examine(table(tmp_path / "a.csv", EASTING, NORTHING)))["crs_missing"]
        assert seen["fix"] == {}
        assert "CM 114E (EPSG:4547): 114.339° E, 34.796° N" in seen["evidence"]
        assert "CM 117E (EPSG:4548): 117.339° E" in seen["evidence"]

    def test_degrees_in_a_projected_crs_are_told(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gpkg"
        frame({"a": ["x"]}).set_crs("EPSG:4547", allow_override=True).to_file(path)
        report = examine(path)
        assert not report["loadable"]
        assert {each["fix"]["crs"] for each in report["fixes"]} == {"EPSG:4490", "GCJ-02", "BD-09"}
        assert not any(each["sure"] for each in report["fixes"])

    def test_metres_in_a_geographic_crs_are_mended(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gpkg"
        shapes = frame({"a": ["x"]}).set_crs("EPSG:4490", allow_override=True).to_crs("EPSG:4526")
        shapes.set_crs("EPSG:4490", allow_override=True).to_file(path)
        report = examine(path)
        (fix,) = [each for each in report["fixes"] if each["code"] == "crs_contradicted"]
        assert fix["fix"] == {"crs": "EPSG:4526"}
        assert fix["sure"]
        assert fix["after"][:2] == pytest.approx(KAIFENG, abs=0.01)
        assert fix["preview"]["features"]
        assert after(path, "crs_contradicted")["loadable"]

    def test_exchanged_axes_of_a_projected_crs_are_mended(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.csv", NORTHING, EASTING)
        mended = after(path, "axis_order", crs="EPSG:4547")
        assert mended["loadable"]
        assert mended["bbox_wgs84"][0] == pytest.approx(114.339, abs=0.01)

    def test_web_mercator_is_a_candidate(self, tmp_path: Path) -> None:
        seen = findings(examine(table(tmp_path / "a.csv", 12_728_000.0, 4_135_000.0)))
        assert "EPSG:3857" in seen["crs_missing"]["evidence"]

    def test_a_local_grid_that_is_named_like_a_zone_is_taken_as_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a.shp"
        frame({"a": ["x"]}).to_crs("EPSG:4547").to_file(path)
        path.with_suffix(".prj").write_text(
            'LOCAL_CS["CGCS2000 3度带 114E",LOCAL_DATUM["x",0],UNIT["metre",1],'
            'AXIS["E",EAST],AXIS["N",NORTH]]'
        )
        report = examine(path)
        assert report["crs"] == "EPSG:4547"
        assert "crs_by_name" in findings(report)

    @pytest.mark.parametrize("code", [2362, 2414])
    def test_old_datums_are_told_to_be_inaccurate(self, tmp_path: Path, code: int) -> None:
        path = table(tmp_path / "a.csv", 38_000_000 + EASTING, NORTHING)
        report = examine(path, ReadOptions(crs=f"EPSG:{code}"))
        assert "not public" in findings(report)["datum_accuracy"]["evidence"]

    def test_wgs84_in_china_is_a_question(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "a.geojson", [(square(*KAIFENG), {})])
        assert "datum_in_china" in findings(examine(path))
        path = geojson(tmp_path / "b.geojson", [(square(4.0, 52.0), {})])
        assert "datum_in_china" not in findings(examine(path))


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "metre"), [("ft", 1 / 0.3048), ("mm", 1000.0), ("cm", 100.0), ("", 1.0)]
    )
    def test_of_heights_are_told_by_the_storeys(
        self, tmp_path: Path, unit: str, metre: float
    ) -> None:
        storeys = np.arange(1, 9)
        columns = {
            "id": [str(at) for at in storeys],
            "层数": storeys,
            "高度": 3.1 * metre * storeys,
        }
        path = tmp_path / "buildings.gpkg"
        frame(columns).to_file(path)
        seen = findings(examine(path))
        assert ("length_unit" in seen) == bool(unit)
        if unit:
            assert seen["length_unit"]["fix"] == {"length_unit": unit}
            mended = after(path, "length_unit")
            assert "length_unit" not in findings(mended)
            assert mended["sample"][0]["height"] == pytest.approx(3.1)


class TestShapes:
    def faults(self, tmp_path: Path, *shapes: Any) -> dict[str, dict[str, Any]]:
        rows = [(shape, {"id": f"o{at}"}) for at, shape in enumerate(shapes)]
        report = examine(geojson(tmp_path / "buildings.geojson", rows))
        return {each["code"]: each for each in report["faults"]}

    def test_that_cross_themselves_are_shown_where_they_do(self, tmp_path: Path) -> None:
        x, y = KAIFENG
        bow_tie = shapely.Polygon([(x, y), (x + 0.002, y + 0.002), (x + 0.002, y), (x, y + 0.002)])
        (place,) = self.faults(tmp_path, bow_tie)["self_crossing"]["places"]
        assert place == {"object": "o0", "lon": x + 0.001, "lat": y + 0.001}

    def test_slivers_spikes_and_repeated_points_are_counted(self, tmp_path: Path) -> None:
        x, y = KAIFENG
        sliver = shapely.box(x, y, x + 0.01, y + 0.00001)
        spike = shapely.Polygon(
            [(x, y), (x + 0.001, y), (x + 0.001, y + 0.001), (x + 0.0005, y + 0.001),
             (x + 0.0005, y + 0.005), (x + 0.00049, y + 0.001), (x, y + 0.001)]
        )  # fmt: skip
        repeated = shapely.Polygon(
            [(x + 1, y), (x + 1, y), (x + 1.001, y), (x + 1.001, y + 0.001), (x + 1, y + 0.001)]
        )
        seen = self.faults(tmp_path, sliver, spike, repeated)
        assert {code: seen[code]["count"] for code in ("sliver", "spike", "duplicate_nodes")} == {
            "sliver": 1, "spike": 1, "duplicate_nodes": 1,
        }  # fmt: skip
        assert seen["spike"]["places"][0]["lat"] == pytest.approx(y + 0.005)

    def test_buildings_over_one_another_and_twice_there_are_counted(self, tmp_path: Path) -> None:
        x, y = KAIFENG
        seen = self.faults(
            tmp_path, square(x, y), square(x + 0.0005, y), square(x + 1, y), square(x + 1, y)
        )
        assert seen["overlap"]["count"] == 1
        assert seen["duplicate_geometry"]["count"] == 1

    def test_that_only_touch_are_sound(self, tmp_path: Path) -> None:
        x, y = KAIFENG
        counter_clockwise = [
            shapely.Polygon([(a, y), (a + 0.001, y), (a + 0.001, y + 0.001), (a, y + 0.001)])
            for a in (x, x + 0.001)
        ]
        assert self.faults(tmp_path, *counter_clockwise) == {}

    def test_that_run_clockwise_are_told_in_geojson_only(self, tmp_path: Path) -> None:
        x, y = KAIFENG
        clockwise = shapely.Polygon([(x, y), (x, y + 0.001), (x + 0.001, y + 0.001)])
        assert "winding" in self.faults(tmp_path, clockwise)
        frame({"a": ["x"]}).to_file(tmp_path / "buildings.gpkg")
        assert examine(tmp_path / "buildings.gpkg")["faults"] == []


class TestSchema:
    def test_codes_of_land_use_are_recognised(self, tmp_path: Path) -> None:
        codes = ["0701", "0901", "1401", "0701", "9999"]
        rows = [(square(*KAIFENG), {"id": str(at), "地类编码": c}) for at, c in enumerate(codes)]
        path = geojson(tmp_path / "用地.geojson", rows)
        report = examine(path)
        seen = findings(report)
        assert seen["codes_recognised"]["fix"]["fields"] == {"地类编码": "function"}
        meanings = seen["codes_recognised"]["fix"]["values"]["function"]
        assert meanings == {"0701": "residential", "0901": "commercial", "1401": "park"}
        assert "9999 (1)" in seen["codes_unknown"]["evidence"]
        (field,) = [each for each in report["fields"] if each["name"] == "地类编码"]
        assert field["codes"][0] == {
            "value": "0701", "count": 2, "meaning": "residential", "list": "land_use",
        }  # fmt: skip
        mended = after(path, "codes_recognised")
        assert [each.get("function") for each in mended["sample"]] == [
            "residential", "commercial", "park", "residential", "9999",
        ]  # fmt: skip
        assert [each.get("地类编码") for each in mended["sample"][:2]] == ["0701", "0901"]
        assert "codes_recognised" not in findings(mended)

    def test_the_same_number_means_another_thing_for_buildings(self, tmp_path: Path) -> None:
        rows = [
            (square(*KAIFENG), {"id": str(at), "用途": c})
            for at, c in enumerate(["10", "30", "60"])
        ]
        path = geojson(tmp_path / "房屋.geojson", rows)
        fix = findings(examine(path))["codes_recognised"]["fix"]
        assert fix["values"]["function"] == {
            "10": "residential", "30": "commercial", "60": "office",
        }  # fmt: skip

    def test_a_misspelt_field_is_proposed_not_taken(self, tmp_path: Path) -> None:
        rows = [(square(*KAIFENG), {"id": "a", "heigth": 9.5})]
        report = examine(geojson(tmp_path / "buildings.geojson", rows))
        (fix,) = [each for each in report["fixes"] if each["code"] == "schema_proposal"]
        assert (fix["fix"], fix["sure"]) == ({"fields": {"heigth": "height"}}, False)

    def test_fields_come_with_samples_and_confidence(self, tmp_path: Path) -> None:
        rows = [(square(*KAIFENG), {"编号": str(at), "高度": 3.0 * at}) for at in range(1, 4)]
        report = examine(geojson(tmp_path / "建筑.geojson", rows))
        height = next(each for each in report["fields"] if each["name"] == "高度")
        assert (height["column"], height["confidence"]) == ("height", 0.9)
        assert set(height["samples"]) == {"3", "6", "9"}


def test_the_preview_is_small_and_in_degrees(tmp_path: Path) -> None:
    count = 900
    path = tmp_path / "buildings.gpkg"
    frame({"id": [str(at) for at in range(count)]}).to_crs("EPSG:4547").to_file(path)
    preview = examine(path)["preview"]
    assert len(preview["features"]) == 500
    ring = preview["features"][0]["geometry"]["coordinates"][0]
    assert ring[0] == pytest.approx(KAIFENG, abs=0.002)
    assert json.dumps(preview)


@realdata.real
@pytest.mark.parametrize(
    ("name", "encoding"),
    [("chinese.shp", "GB18030"), ("chinese.dbf", "GB18030")],
)
def test_the_real_gbk_files_are_understood(name: str, encoding: str) -> None:
    path = realdata.path(f"china/gbk/{name}")
    report = examine(path)
    if name.endswith(".shp"):
        assert report["encoding"] == encoding
        assert not report["loadable"]  # its point lies at -248°, 625°
    else:
        assert "only a part of a shapefile" in report["findings"][0]["message"]


@realdata.real
@pytest.mark.parametrize("name", realdata.below("hostile", ".geojson", ".gpkg", ".shp", ".gml"))
def test_hostile_files_are_examined_to_the_end(name: str) -> None:
    report = examine(realdata.path(name))
    assert json.dumps(report)
    assert "reader_failed" not in {each["code"] for each in report["findings"]}
    assert report["loadable"] or report["findings"][0]["severity"] == "error"
