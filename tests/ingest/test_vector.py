"""Files of features: ids, classes, columns, CRS, layers, networks."""

import gzip
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import realdata
import shapely
from feature_files import (
    KAIFENG,
    chunk,
    codes,
    frame,
    geojson,
    opened,
    shapefile,
    square,
    without_crs,
)
from pyproj import CRS

from cim.errors import ParamError, SchemaError, SourceError
from ingest.connections import lengths
from ingest.features import Log, shape
from ingest.gdal_layers import CHUNK
from ingest.plan import Plan
from ingest.reader import ReadOptions
from ingest.vector import GEOPARQUET, VECTOR

CHINESE = {
    "编号": ["a", "b", "c"],
    "名称": ["甲", "乙", "丙"],
    "建筑高": ["12 m", "12,5", "高"],
    "层数": ["4", "6F", None],
    "用途": ["住宅", "Shop", None],
    "状态": ["现状", "规划", "拆除"],
    "建成年": [1998, 2008, 2015],
    "密级": ["公开", "机密", "？"],
    "颜色": ["红", None, "蓝"],
}


@pytest.fixture(params=[".geojson", ".gpkg", ".shp", ".fgb"])
def chinese(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same three buildings in every format, with Chinese field names."""
    path = tmp_path / f"开封建筑{request.param}"
    frame(CHINESE).to_file(path, encoding="utf-8")
    return path


def by_id(objects: pd.DataFrame) -> pd.DataFrame:
    """`objects` in the order of their ids: FlatGeobuf has another order than was written."""
    return objects.sort_values("object_id", ignore_index=True)


class TestColumns:
    def test_chinese_fields_become_columns(self, chinese: Path, tmp_path: Path) -> None:
        objects = by_id(opened(VECTOR, chinese, tmp_path)[1])
        assert objects["object_id"].tolist() == ["a", "b", "c"]
        assert objects["class"].tolist() == ["Building"] * 3
        assert objects["name"].tolist() == ["甲", "乙", "丙"]
        assert objects["height"].tolist()[:2] == [12.0, 12.5]
        assert np.isnan(objects["height"][2])
        assert objects["storeys_above_ground"].fillna(-1).tolist() == [4, 6, -1]
        assert objects["function"].fillna("").tolist() == ["residential", "shop", ""]
        assert objects["status"].tolist() == ["existing", "planned", "demolished"]
        assert objects["valid_from"].tolist() == ["1998-01-01", "2008-01-01", "2015-01-01"]
        assert objects["颜色"].fillna("").tolist() == ["红", "", "蓝"]

    def test_what_is_not_understood_is_secret_or_unknown_and_counted(
        self, chinese: Path, tmp_path: Path
    ) -> None:
        reading, objects = opened(VECTOR, chinese, tmp_path)
        objects = by_id(objects)
        assert objects["access"].tolist() == ["public", "secret", "secret"]
        found = [f.message for f in reading.findings if f.code == "values_not_understood"]
        assert any("'高'" in message and "height" in message for message in found)
        assert any("'？'" in message for message in found)

    def test_the_source_is_kept_where_it_said_it_otherwise(
        self, chinese: Path, tmp_path: Path
    ) -> None:
        objects = by_id(opened(VECTOR, chinese, tmp_path)[1])
        assert objects["建筑高"].tolist() == ["12 m", "12,5", "高"]
        assert objects["状态"].tolist() == ["现状", "规划", "拆除"]
        assert "名称" not in objects

    def test_attributes_do_not_take_the_place_of_columns(self, tmp_path: Path) -> None:
        path = geojson(
            tmp_path / "buildings.geojson",
            [(square(*KAIFENG), {"height": "9 m", "lod": "what", "class": "house"})],
        )
        _, objects = opened(VECTOR, path, tmp_path)
        row = objects.iloc[0]
        assert (row["height"], row["height_source"]) == (9.0, "9 m")
        assert (row["function"], row["class"]) == ("house", "Building")

    def test_the_user_says_which_field_is_what(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {"h": 3, "t": "n", "k": "K1"})])
        options = ReadOptions(
            fields={"h": "height", "t": "name"}, id_field="k", class_name="Bridge"
        )
        _, objects = opened(VECTOR, path, tmp_path, options)
        assert objects.loc[0, ["object_id", "class", "name", "height"]].tolist() == [
            "K1", "Bridge", "n", 3.0,
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (ReadOptions(fields={"hight": "height"}), "no field 'hight' .*did you mean 'height'"),
            (ReadOptions(fields={"height": "hight"}), "no column 'hight'.*did you mean 'height'"),
            (ReadOptions(id_field="ids"), "no field 'ids'"),
        ],
    )
    def test_a_field_that_is_not_there_is_refused(
        self, tmp_path: Path, options: ReadOptions, message: str
    ) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {"height": 3})])
        with pytest.raises(ParamError, match=message):
            VECTOR.open(path, options, tmp_path)

    def test_an_unknown_class_is_refused(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])
        with pytest.raises(SchemaError, match="no class 'House'"):
            VECTOR.open(path, ReadOptions(class_name="House"), tmp_path)

    def test_whole_numbers_stay_whole_where_some_are_unknown(self, tmp_path: Path) -> None:
        big = 2**53 + 1
        path = geojson(
            tmp_path / "x.geojson",
            [(square(*KAIFENG), {"n": big}), (square(*KAIFENG), {"n": None})],
        )
        _, objects = opened(VECTOR, path, tmp_path)
        assert objects["n"][0] == big

    def test_access_of_roads_for_traffic_is_no_level_of_access(self, tmp_path: Path) -> None:
        line = shapely.LineString([KAIFENG, (114.31, 34.8)])
        path = geojson(tmp_path / "roads.geojson", [(line, {"access": "private"})])
        _, objects = opened(VECTOR, path, tmp_path)
        assert "access" not in objects
        assert objects["access_source"].tolist() == ["private"]


class TestIds:
    def test_a_field_that_repeats_is_not_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "x.gpkg"
        frame({"id": [1, 1, 2]}).to_file(path)
        reading, objects = opened(VECTOR, path, tmp_path)
        assert objects["object_id"].is_unique
        assert "id_repeats" in codes(reading)

    def test_numbers_are_without_a_point(self, tmp_path: Path) -> None:
        path = tmp_path / "x.gpkg"
        frame({"id": [1.0, 2.0]}).to_file(path)
        assert opened(VECTOR, path, tmp_path)[1]["object_id"].tolist() == ["1", "2"]

    def test_a_missing_id_is_filled_and_told(self, tmp_path: Path) -> None:
        path = geojson(
            tmp_path / "x.geojson",
            [(square(*KAIFENG), {"k": "a"}), (square(*KAIFENG), {"k": None})],
        )
        reading, objects = opened(VECTOR, path, tmp_path, ReadOptions(id_field="k"))
        assert objects["object_id"].tolist() == ["a", "number 1"]
        assert "id_missing" in codes(reading)


class TestClasses:
    @pytest.mark.parametrize(
        ("name", "geometry", "expected"),
        [
            ("osm_buildings", square(*KAIFENG), "Building"),
            ("房屋面", square(*KAIFENG), "Building"),
            ("City Roads", shapely.LineString([(0, 0), (1, 1)]), "Road"),
            ("道路中心线", shapely.LineString([(0, 0), (1, 1)]), "Road"),
            ("streets", shapely.LineString([(0, 0), (1, 1)]), "Road"),
            ("street_trees", shapely.Point(1, 1), "SolitaryVegetationObject"),
            ("水系", square(*KAIFENG), "WaterBody"),
            ("用地现状", square(*KAIFENG), "LandUse"),
            ("parks", square(*KAIFENG), "PlantCover"),
            ("给水管线", shapely.LineString([(0, 0), (1, 1)]), "Pipe"),
            ("water_mains", shapely.LineString([(0, 0), (1, 1)]), "Pipe"),
            ("检查井", shapely.Point(1, 1), "Manhole"),
            ("poi", shapely.Point(1, 1), "GenericLogicalSpace"),
            ("whatever", square(*KAIFENG), "GenericOccupiedSpace"),
        ],
    )
    def test_the_name_of_the_file_tells(
        self, tmp_path: Path, name: str, geometry: shapely.Geometry, expected: str
    ) -> None:
        path = geojson(tmp_path / f"{name}.geojson", [(geometry, {})])
        reading, objects = opened(VECTOR, path, tmp_path)
        assert objects["class"].tolist() == [expected]
        assert "class_guessed" in codes(reading)

    def test_areas_with_a_height_are_buildings(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {"height": 3})])
        assert opened(VECTOR, path, tmp_path)[1]["class"].tolist() == ["Building"]

    def test_a_field_may_name_each_class(self, tmp_path: Path) -> None:
        given = ["Building", "桥梁", "Water body", "Hut"]
        path = tmp_path / "things.gpkg"
        frame({"class": given}).to_file(path)
        reading, objects = opened(VECTOR, path, tmp_path)
        assert objects["class"].tolist() == [
            "Building", "Bridge", "WaterBody", "GenericOccupiedSpace",
        ]  # fmt: skip
        assert {"class_field", "class_unknown"} <= codes(reading)

    def test_labels_beside_buildings_are_places(self, tmp_path: Path) -> None:
        shapes = [square(*KAIFENG), shapely.Point(KAIFENG)]
        path = geojson(tmp_path / "buildings.geojson", [(each, {}) for each in shapes])
        _, objects = opened(VECTOR, path, tmp_path)
        assert objects["class"].tolist() == ["Building", "GenericLogicalSpace"]


class TestCrs:
    def test_geojson_without_crs_is_wgs84_by_its_standard(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])
        reading = VECTOR.open(path, ReadOptions(), tmp_path)
        assert (reading.crs, reading.crs_source) == ("EPSG:4326", "format")

    def test_the_user_overrides_the_file(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])
        for given, known in (("gcj02", "GCJ-02"), ("BD-09", "BD-09"), ("epsg:4490", "EPSG:4490")):
            reading = VECTOR.open(path, ReadOptions(crs=given), tmp_path)
            assert (reading.crs, reading.crs_source) == (known, "user")

    def test_an_unknown_crs_is_refused(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])
        with pytest.raises(SourceError, match="unknown coordinate system 'EPSG:99'"):
            VECTOR.open(path, ReadOptions(crs="EPSG:99"), tmp_path)

    @pytest.mark.parametrize(
        ("x", "y", "hint"),
        [
            (38_510_000, 3_850_000, "EPSG:4526"),
            (20_510_000, 3_850_000, "EPSG:4498"),
            (3_850_000, 38_510_000, "northing seems to come first"),
            (510_000, 3_850_000, "zone without prefix"),
            (12_700_000, 4_130_000, "EPSG:3857"),
            (114.3, 34.8, "EPSG:4490"),
        ],
    )
    def test_no_crs_is_an_error_that_suggests_one(
        self, tmp_path: Path, x: float, y: float, hint: str
    ) -> None:
        path = without_crs(
            tmp_path / "x.shp", gpd.GeoDataFrame({"a": [1]}, geometry=[square(x, y)])
        )
        reading = VECTOR.open(path, ReadOptions(), tmp_path)
        assert reading.crs == ""
        (found,) = [each for each in reading.findings if each.code == "crs_missing"]
        assert found.severity == "error"
        assert hint in found.hint

    def test_latitude_first_is_exchanged_and_told(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(shapely.Point(34.8, 114.3, 5), {})])
        reading, objects = opened(VECTOR, path, tmp_path)
        assert objects["geometry"][0].equals_exact(shapely.Point(114.3, 34.8, 5))
        assert shapely.get_z(objects["geometry"][0]) == 5
        assert "axis_order" in codes(reading)

    @pytest.mark.parametrize(
        ("crs", "x", "y", "code"),
        [
            ("EPSG:4326", 510_000, 3_850_000, "crs_contradicted"),
            ("EPSG:28992", 5.1, 52.1, "crs_contradicted"),
            ("EPSG:3857", 114.3, 34.8, "crs_contradicted"),
            ("EPSG:28992", 463_000, 155_000, "axis_order"),
        ],
    )
    def test_coordinates_that_contradict_the_crs_are_an_error(
        self, tmp_path: Path, crs: str, x: float, y: float, code: str
    ) -> None:
        path = tmp_path / "x.gpkg"
        gpd.GeoDataFrame({"a": [1]}, geometry=[square(x, y)], crs=crs).to_file(path)
        reading = VECTOR.open(path, ReadOptions(), tmp_path)
        assert ("error", code) in {(each.severity, each.code) for each in reading.findings}


class TestLayers:
    @pytest.fixture
    def town(self, tmp_path: Path) -> Path:
        path = tmp_path / "town.gpkg"
        frame({"height": [3.0, 4.0]}).to_file(path, layer="buildings")
        frame({"b": [1]}).to_crs("EPSG:4547").to_file(path, layer="用地")
        return path

    def test_all_are_read_into_the_crs_of_the_first(self, town: Path, tmp_path: Path) -> None:
        reading, objects = opened(VECTOR, town, tmp_path)
        assert (reading.crs, reading.total) == ("EPSG:4326", 3)
        assert objects["class"].tolist() == ["Building", "Building", "LandUse"]
        assert objects["object_id"].tolist() == ["buildings.1", "buildings.2", "用地.1"]
        assert np.allclose(shapely.bounds(objects["geometry"][2])[:2], KAIFENG, atol=1e-9)
        assert "mixed_crs" in codes(reading)

    def test_one_may_be_chosen(self, town: Path, tmp_path: Path) -> None:
        reading, objects = opened(VECTOR, town, tmp_path, ReadOptions(layer="用地"))
        assert (reading.crs, len(objects)) == ("EPSG:4547", 1)
        with pytest.raises(SourceError, match=r"no layer 'building' .*did you mean 'buildings'"):
            VECTOR.open(town, ReadOptions(layer="building"), tmp_path)

    def test_tables_without_geometry_are_left_out(self, town: Path, tmp_path: Path) -> None:
        pyogrio.write_dataframe(pd.DataFrame({"a": [1]}), town, layer="codes", append=True)
        reading, objects = opened(VECTOR, town, tmp_path)
        assert len(objects) == 3
        assert "layer_without_geometry" in codes(reading)


class TestGeometry:
    def test_what_has_no_shape_is_rejected_with_its_number(self, tmp_path: Path) -> None:
        broken = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}
        path = geojson(
            tmp_path / "x.geojson",
            [(square(*KAIFENG), {}), (None, {"n": "lost"}), (broken, {}), (shapely.Point(), {})],
        )
        reading, objects = opened(VECTOR, path, tmp_path)
        assert len(objects) == 1
        found = {each.object: each.code for each in reading.rejected}
        assert found == {"1": "no_geometry", "2": "invalid_geometry", "3": "no_geometry"}
        assert reading.rejected[0].raw == "n=lost"
        assert reading.total == len(objects) + len(reading.rejected)

    def test_nothing_usable_is_an_error(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(None, {}), (None, {})])
        with pytest.raises(SourceError, match="none of its 2 features can be used; feature 1"):
            opened(VECTOR, path, tmp_path)

    def test_an_empty_file_is_an_error(self, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [])
        with pytest.raises(SourceError, match="there are no features in it"):
            opened(VECTOR, path, tmp_path)

    def test_measures_are_dropped_and_told(self, tmp_path: Path) -> None:
        path = tmp_path / "m.shp"
        record = struct.pack("<iddd", 21, *KAIFENG, 7.0)

        def header(words: int) -> bytes:
            box = (*KAIFENG, *KAIFENG)
            start = struct.pack(">i5ii", 9994, 0, 0, 0, 0, 0, words)
            return start + struct.pack("<ii4d4d", 1000, 21, *box, 0, 0, 7, 7)

        words = len(record) // 2
        path.write_bytes(header(54 + words) + struct.pack(">ii", 1, words) + record)
        path.with_suffix(".shx").write_bytes(header(54) + struct.pack(">ii", 50, words))
        reading, objects = opened(VECTOR, path, tmp_path, ReadOptions(crs="EPSG:4326"))
        assert not shapely.has_m(objects["geometry"][0])
        assert "measures_dropped" in codes(reading)

    def test_coordinates_that_are_no_numbers_do_not_disturb(self, tmp_path: Path) -> None:
        path = tmp_path / "x.gpkg"
        shapes = [square(*KAIFENG), shapely.Point(np.nan, 1), shapely.Point(np.inf, 1)]
        gpd.GeoDataFrame({"a": [1, 2, 3]}, geometry=shapes, crs="EPSG:4326").to_file(path)
        reading, objects = opened(VECTOR, path, tmp_path)
        assert len(objects) + len(reading.rejected) == 3

    def test_batches_are_bounded(self, tmp_path: Path) -> None:
        path = tmp_path / "many.gpkg"
        count = 70_000
        shapes = shapely.points(np.linspace(114, 115, count), 34.8)
        gpd.GeoDataFrame({"n": np.arange(count)}, geometry=shapes, crs="EPSG:4326").to_file(path)
        reading = VECTOR.open(path, ReadOptions(), tmp_path)
        sizes = [len(batch) for batch in reading]
        assert sizes == [CHUNK, CHUNK, count - 2 * CHUNK]
        assert reading.total == count


class TestPackedFiles:
    def test_geojson_may_be_compressed(self, tmp_path: Path) -> None:
        plain = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {"a": 1})] * 3)
        packed = tmp_path / "buildings.geojson.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        assert VECTOR.accepts(packed)
        reading, objects = opened(VECTOR, packed, tmp_path)
        assert (reading.total, len(objects)) == (3, 3)
        assert objects["class"].tolist() == ["Building"] * 3

    def test_a_zipped_shapefile_is_read_with_its_sidecars(self, tmp_path: Path) -> None:
        inside = tmp_path / "made"
        inside.mkdir()
        rows = [["龙亭区".encode("gbk")], ["鼓楼区".encode("gbk")]]
        made = shapefile(inside / "建筑.shp", [("名称".encode("gbk"), 9)], rows)
        made.with_suffix(".prj").write_text(CRS("EPSG:4490").to_wkt("WKT1_ESRI"))
        packed = tmp_path / "x.shp.zip"
        with zipfile.ZipFile(packed, "w") as out:
            for each in inside.iterdir():
                out.write(each, f"data/{each.name}")
        assert VECTOR.accepts(packed)
        work = tmp_path / "work"
        reading, objects = opened(VECTOR, packed, work)
        assert objects["name"].tolist() == ["龙亭区", "鼓楼区"]
        assert (reading.crs, reading.crs_source) == ("EPSG:4490", "sidecar")
        assert reading.encoding == "GB18030"

    def test_names_in_a_zip_file_cannot_leave_the_folder(self, tmp_path: Path) -> None:
        plain = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {})])
        packed = tmp_path / "x.zip"
        with zipfile.ZipFile(packed, "w") as out:
            out.write(plain, "../../outside/x.geojson")
        work = tmp_path / "a" / "b" / "work"
        assert len(opened(VECTOR, packed, work)[1]) == 1
        assert not (tmp_path / "a" / "outside").exists()

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
    def test_a_broken_zip_file_is_not_ours(self, tmp_path: Path, content: bytes) -> None:
        packed = tmp_path / "x.zip"
        packed.write_bytes(content)
        assert not VECTOR.accepts(packed)
        with pytest.raises(SourceError, match="it cannot be unpacked"):
            VECTOR.open(packed, ReadOptions(), tmp_path)


class TestShapefiles:
    def test_gbk_without_a_word_about_it_is_read(self, tmp_path: Path) -> None:
        path = shapefile(
            tmp_path / "x.shp",
            [("名称".encode("gbk"), 9)],
            [["龙亭区开封".encode("gbk")], ["鼓楼区".encode("gbk")]],
        )
        reading, objects = opened(VECTOR, path, tmp_path)
        assert objects["name"].tolist() == ["龙亭区开", "鼓楼区"]
        assert reading.encoding == "GB18030"

    def test_a_lying_code_page_file_is_told(self, tmp_path: Path) -> None:
        rows = [["龙亭区".encode("gbk")], ["鼓楼区".encode("gbk")]]
        path = shapefile(tmp_path / "x.shp", [(b"name", 9)], rows)
        path.with_suffix(".cpg").write_text("UTF-8")
        reading, objects = opened(VECTOR, path, tmp_path)
        assert objects["name"].tolist() == ["龙亭区", "鼓楼区"]
        assert "encoding_contradicted" in codes(reading)

    def test_the_user_knows_the_encoding(self, tmp_path: Path) -> None:
        path = shapefile(tmp_path / "x.shp", [(b"name", 9)], [["臺北".encode("big5")]])
        _, objects = opened(VECTOR, path, tmp_path, ReadOptions(encoding="Big5"))
        assert objects["name"].tolist() == ["臺北"]
        with pytest.raises(SourceError, match="no encoding 'klingon'"):
            VECTOR.open(path, ReadOptions(encoding="klingon"), tmp_path)

    def test_names_cut_at_ten_characters_are_known(self, tmp_path: Path) -> None:
        path = shapefile(
            tmp_path / "x.shp", [(b"storeys_ab", 3), (b"building_h", 5)], [[b"4", b"12"]]
        )
        _, objects = opened(VECTOR, path, tmp_path)
        assert objects.loc[0, ["storeys_above_ground", "height"]].tolist() == [4, 12]

    def test_a_missing_index_says_what_to_do(self, tmp_path: Path) -> None:
        path = shapefile(tmp_path / "x.shp", [(b"name", 9)], [[b"a"]])
        path.with_suffix(".shx").unlink()
        with pytest.raises(SourceError, match=r"x\.shp: it cannot be read.*\.shx"):
            VECTOR.open(path, ReadOptions(), tmp_path)

    def test_a_missing_table_leaves_the_shapes(self, tmp_path: Path) -> None:
        path = shapefile(tmp_path / "x.shp", [(b"name", 9)], [[b"a"], [b"b"]])
        path.with_suffix(".dbf").unlink()
        assert len(opened(VECTOR, path, tmp_path)[1]) == 2


class TestGeoParquet:
    def test_is_read_like_any_other(self, tmp_path: Path) -> None:
        path = tmp_path / "建筑.parquet"
        frame(CHINESE, "EPSG:4490").to_parquet(path)
        reading, objects = opened(GEOPARQUET, path, tmp_path)
        assert (reading.crs, reading.crs_source, reading.total) == ("EPSG:4490", "file", 3)
        assert objects["status"].tolist() == ["existing", "planned", "demolished"]

    @pytest.mark.parametrize(
        "shapes",
        [
            [shapely.Point(114, 34), None, shapely.Point(115, 35)],
            [shapely.LineString([(1, 2), (3, 4)]), shapely.LineString([(1, 2), (3, 4), (5, 6)])],
            [square(1, 2), None, square(3, 4).difference(square(3.0003, 4.0003, 0.0001))],
            [
                shapely.MultiPolygon([square(1, 2), square(3, 4)]),
                shapely.MultiPolygon([square(5, 6)]),
            ],
            [shapely.MultiPoint([(1, 2), (3, 4)])],
        ],
    )
    def test_native_encodings_are_read(
        self, tmp_path: Path, shapes: list[shapely.Geometry]
    ) -> None:
        path = tmp_path / "x.parquet"
        table = gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs="EPSG:4326")
        table.to_parquet(path, geometry_encoding="geoarrow", schema_version="1.1.0")
        reading, objects = opened(GEOPARQUET, path, tmp_path)
        present = [each for each in shapes if each is not None]
        assert all(a.equals_exact(b) for a, b in zip(objects["geometry"], present, strict=True))
        assert len(reading.rejected) == len(shapes) - len(present)

    def test_a_null_crs_is_unknown(self, tmp_path: Path) -> None:
        path = tmp_path / "x.parquet"
        frame({"a": [1]}, None).to_parquet(path)
        reading = GEOPARQUET.open(path, ReadOptions(), tmp_path)
        assert reading.crs == ""
        assert "crs_missing" in codes(reading)

    def test_records_and_lists_become_plain_values(self, tmp_path: Path) -> None:
        path = tmp_path / "overture_buildings.parquet"
        table = frame({"id": ["a", "b"]})
        table["names"] = [{"primary": "塔"}, None]
        table["sources"] = [[{"dataset": "OSM"}], None]
        table.to_parquet(path, write_covering_bbox=True, schema_version="1.1.0")
        _, objects = opened(GEOPARQUET, path, tmp_path)
        assert objects["name"].fillna("").tolist() == ["塔", ""]
        assert objects["sources"][0] == [{"dataset": "OSM"}]
        assert "bbox" not in objects

    def test_a_table_with_coordinates_is_read_as_points(self, tmp_path: Path) -> None:
        path = tmp_path / "poi.parquet"
        pq.write_table(pa.table({"lon": [114.3], "lat": [34.8], "name": ["x"]}), path)
        reading, objects = opened(GEOPARQUET, path, tmp_path)
        assert objects["geometry"][0].equals(shapely.Point(114.3, 34.8))
        assert reading.crs == "EPSG:4326"

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\x00" * 50 + b"PAR1"])
    def test_a_broken_file_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.parquet"
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"x\.parquet: it cannot be read"):
            GEOPARQUET.open(path, ReadOptions(), tmp_path)


class TestNetworks:
    def test_lines_that_name_their_ends_are_edges(self, tmp_path: Path) -> None:
        path = tmp_path / "给水管线.gpkg"
        lines = [shapely.LineString([(0, 0, 0), (3, 4, 12)]), shapely.LineString([(3, 4), (3, 14)])]
        data = {"起点点号": ["J1", "J2"], "终点点号": ["J2", None], "编号": ["P1", "P2"]}
        moved = shapely.transform(lines, lambda c: c + 500_000, include_z=False)
        lines = [shapely.LineString([(500_000, 3_850_000, 0), (500_003, 3_850_004, 12)]), moved[1]]
        gpd.GeoDataFrame(data, geometry=lines, crs="EPSG:4547").to_file(path)
        reading = VECTOR.open(path, ReadOptions(network="water"), tmp_path)
        (batch,) = list(reading)
        assert batch.objects["class"].tolist() == ["Pipe", "Pipe"]
        assert batch.edges is not None
        assert batch.edges.to_dict("records") == [
            {
                "network": "water",
                "object_id": "P1",
                "start_node": "J1",
                "end_node": "J2",
                "length": 13.0,
            }
        ]
        assert "edge_not_joined" in codes(reading)

    def test_points_with_a_node_id_are_nodes(self, tmp_path: Path) -> None:
        points = [shapely.Point(*KAIFENG, 71.5), shapely.Point(*KAIFENG)]
        path = geojson(
            tmp_path / "井.geojson",
            [
                (point, {"network": code, "node_id": name, "class": "Manhole"})
                for point, code, name in zip(points, ["YS", "污水"], ["n1", "n2"], strict=True)
            ],
        )
        (batch,) = list(VECTOR.open(path, ReadOptions(), tmp_path))
        assert batch.nodes is not None
        assert batch.nodes["network"].tolist() == ["storm", "sewer"]
        assert batch.nodes["node_id"].tolist() == ["n1", "n2"]
        assert batch.nodes["z"][0] == 71.5
        assert np.isnan(batch.nodes["z"][1])
        assert batch.nodes["object_id"].tolist() == batch.objects["object_id"].tolist()
        assert batch.objects["class"].tolist() == ["Manhole"] * 2

    def test_lengths_are_in_metres_in_any_crs(self) -> None:
        lines = np.array(
            [
                shapely.LineString([(0, 0), (0, 1), (0, 2)]),
                shapely.MultiLineString([[(0, 0), (1, 0)]]),
            ]
        )
        assert lengths(lines, "EPSG:4547").tolist() == [2.0, 1.0]
        assert lengths(lines, "EPSG:2263") == pytest.approx(np.array([2, 1]) * 1200 / 3937)
        assert lengths(lines, "EPSG:4326") == pytest.approx([221_149.45, 111_319.49], abs=0.1)

    def test_parts_of_a_line_are_not_joined(self) -> None:
        parts = shapely.MultiLineString([[(0, 0), (1, 0)], [(100, 0), (101, 0)]])
        assert lengths(np.array([parts]), "EPSG:4547").tolist() == [2.0]

    def test_a_network_nobody_can_connect_is_told(self, tmp_path: Path) -> None:
        line = shapely.LineString([KAIFENG, (114.31, 34.8)])
        path = geojson(tmp_path / "x.geojson", [(line, {"dn": 300})])
        reading, _ = opened(VECTOR, path, tmp_path, ReadOptions(network="water"))
        assert "network_without_nodes" in codes(reading)


def test_a_chunk_without_fields_is_shaped() -> None:
    log = Log()
    batch = shape(Plan("x", given_class="Road"), chunk({}, [shapely.Point(1, 2), None]), log)
    assert batch.objects["object_id"].tolist() == ["0"]
    assert [each.code for each in log.rejected] == ["no_geometry"]


def test_cityjson_is_left_to_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"type":"CityJSON","CityObjects":{}}')
    assert not VECTOR.accepts(path)
    path.write_text('{"type":"FeatureCollection","features":[]}')
    assert VECTOR.accepts(path)


@realdata.real
class TestRealFiles:
    def test_shanghai_has_its_tower(self, tmp_path: Path) -> None:
        path = realdata.path("osm/china_tilezen/shanghai_buildings.geojson")
        reading, objects = opened(VECTOR, path, tmp_path)
        assert reading.total == len(objects) == 1981
        assert objects["class"].value_counts().to_dict() == {
            "Building": 1572,
            "GenericLogicalSpace": 409,
        }
        assert objects["height"].notna().sum() == 968
        assert objects["height"].max() == 632

    def test_overture_is_understood(self, tmp_path: Path) -> None:
        path = realdata.path("osm/overture/overture_buildings.parquet")
        reading, objects = opened(GEOPARQUET, path, tmp_path)
        assert (len(objects), reading.crs_source) == (100, "format")
        assert set(objects["class"]) == {"Building"}
        assert objects["object_id"].is_unique
        assert isinstance(objects["sources"][0], list)

    def test_kaifeng_in_gbk_has_its_districts(self, tmp_path: Path) -> None:
        path = realdata.path("china/gbk_derived/kaifeng_districts_gbk.shp")
        _, objects = opened(VECTOR, path, tmp_path, ReadOptions(crs="GCJ-02"))
        assert len(objects) == 9
        assert objects.loc[0, ["object_id", "name"]].tolist() == ["410202", "龙亭区"]
        assert objects.loc[0, "省"] == "河南省"

    def test_bubenec_has_its_four_layers(self, tmp_path: Path) -> None:
        reading, objects = opened(VECTOR, realdata.path("osm/footprints/bubenec.gpkg"), tmp_path)
        assert reading.total == len(objects) == 730
        assert objects["object_id"].is_unique
        assert objects["class"].value_counts().to_dict() == {
            "LandUse": 407,
            "Building": 144,
            "GenericOccupiedSpace": 144,
            "Road": 35,
        }

    def test_ky4_is_a_network(self, tmp_path: Path) -> None:
        path = realdata.path("network/epanet/ky4_gis/ky4_pipes.geojson")
        options = ReadOptions(network="water", id_field="name")
        (batch,) = list(VECTOR.open(path, options, tmp_path))
        assert batch.edges is not None
        assert len(batch.edges) == 1156
        assert batch.edges["length"].sum() == pytest.approx(853_588.1 * 1200 / 3937, rel=1e-6)
