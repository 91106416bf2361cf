"""Formats that GDAL opens: each with Chinese text, its CRS, and shapes that GEOS does not know."""

import struct
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from feature_files import KAIFENG, frame
from surface_files import SIDE, TALL, multipatch, polyhedral_geopackage, tower

from cim.errors import SourceError
from ingest.reader import ReadOptions
from ingest.surfaces import as_multipolygon, upright
from ingest.vector import VECTOR

NAMES = ["开封府", "龙亭公园", "铁塔"]
DRIVERS = (
    ("OpenFileGDB", ".gdb"),
    ("FlatGeobuf", ".fgb"),
    ("GPKG", ".gpkg"),
    ("GML", ".gml"),
    ("GeoJSONSeq", ".geojsonl"),
    ("SQLite", ".sqlite"),
    ("ESRI Shapefile", ".shp"),
    ("JML", ".jml"),
)


@pytest.mark.parametrize(("driver", "suffix"), DRIVERS)
def test_names_and_places_survive(driver: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"建筑{suffix}"
    table = frame({"名称": NAMES, "高度": [12.5, 3.0, 55.9]})
    pyogrio.write_dataframe(table, path, driver=driver)
    objects = _objects(path)
    assert sorted(objects["name"]) == sorted(NAMES)
    assert sorted(objects["height"]) == [3.0, 12.5, 55.9]
    west, south, east, north = shapely.total_bounds(np.asarray(objects["geometry"], object))
    assert (west, south) == pytest.approx(KAIFENG, abs=1e-9)
    assert set(objects["class"]) == {"Building"}
    assert east > west
    assert north > south


def _objects(path: Path, **given: str):  # type: ignore[no-untyped-def]
    reading = VECTOR.open(path, ReadOptions(**given), path.parent)
    (batch,) = list(reading)
    return batch.objects


@pytest.mark.parametrize(("driver", "suffix"), [("KML", ".kml"), ("LIBKML", ".kmz")])
def test_kml_is_in_degrees_by_its_standard(driver: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"places{suffix}"
    pyogrio.write_dataframe(frame({"Name": NAMES}), path, driver=driver)
    work = tmp_path / "work"
    work.mkdir()
    reading = VECTOR.open(path, ReadOptions(), work)
    (batch,) = list(reading)
    assert (reading.crs, reading.crs_source) == ("EPSG:4326", "format")
    assert list(batch.objects["name"]) == NAMES


MIF = """Version 300
Charset "{charset}"
Delimiter ","
CoordSys Earth Projection 1, 0
Columns 2
  名称 Char(30)
  高度 Float
Data

Region 1
  5
114.3 34.8
114.301 34.8
114.301 34.801
114.3 34.801
114.3 34.8
    Pen (1,2,0)
Region 1
  5
114.31 34.8
114.311 34.8
114.311 34.801
114.31 34.801
114.31 34.8
    Pen (1,2,0)
"""


class TestMapInfo:
    @pytest.mark.parametrize(
        ("charset", "encoding", "told"),
        [
            ("WindowsSimpChinese", "gbk", False),
            ("Neutral", "gbk", True),
            ("WindowsLatin1", "gbk", True),
            ("UTF-8", "utf-8", False),
            ("WindowsSimpChinese", "utf-8", True),
        ],
    )
    def test_text_is_what_its_bytes_are(
        self, charset: str, encoding: str, told: bool, tmp_path: Path
    ) -> None:
        path = tmp_path / "建筑.mif"
        path.write_bytes(MIF.format(charset=charset).encode(encoding))
        path.with_suffix(".mid").write_bytes('"开封府",12.5\n"龙亭公园",3\n'.encode(encoding))
        work = tmp_path / "work"
        work.mkdir()
        reading = VECTOR.open(path, ReadOptions(), work)
        (batch,) = list(reading)
        assert list(batch.objects["name"]) == ["开封府", "龙亭公园"]
        assert list(batch.objects["height"]) == [12.5, 3.0]
        assert ("encoding_contradicted" in {each.code for each in reading.findings}) is told

    def test_the_native_table_too(self, tmp_path: Path) -> None:
        path = tmp_path / "t.tab"
        pyogrio.write_dataframe(frame({"name": ["abc", "def"]}), path, driver="MapInfo File")
        table = path.with_suffix(".dat")
        table.write_bytes(table.read_bytes().replace(b"abc\0\0\0", "龙亭区".encode("gbk")))
        work = tmp_path / "work"
        work.mkdir()
        (batch,) = list(VECTOR.open(path, ReadOptions(), work))
        assert list(batch.objects["name"]) == ["龙亭区", "def"]

    def test_the_user_knows_the_encoding(self, tmp_path: Path) -> None:
        path = tmp_path / "t.mif"
        path.write_bytes(MIF.format(charset="Neutral").encode("big5", "replace"))
        path.with_suffix(".mid").write_bytes('"開封",1\n"龍亭",2\n'.encode("big5"))
        work = tmp_path / "work"
        work.mkdir()
        (batch,) = list(VECTOR.open(path, ReadOptions(encoding="Big5"), work))
        assert "開封" in batch.objects.to_string()


class TestBodies:
    def test_a_multipatch_is_a_building_with_surfaces(self, tmp_path: Path) -> None:
        path = multipatch(tmp_path / "建筑.shp", [tower(), tower()[:2]])
        (batch,) = list(VECTOR.open(path, ReadOptions(crs="EPSG:4547"), tmp_path))
        assert list(shapely.area(np.asarray(batch.objects["geometry"], object))) == [
            SIDE**2,
            SIDE**2,
        ]
        assert list(batch.objects["height"]) == [TALL, TALL]
        assert list(batch.objects["lod"]) == ["2", "2"]
        assert [each.face_count for each in batch.meshes] == [10, 2]
        assert len(batch.meshes[0].vertices) == 8
        assert list(batch.meshes[0].ring_sizes).count(3) == 8

    @pytest.mark.parametrize("declared", ["POLYHEDRALSURFACE", "TIN"])
    def test_declared_surfaces_are_read(self, declared: str, tmp_path: Path) -> None:
        path = polyhedral_geopackage(tmp_path / "b.gpkg", declared)
        before = path.read_bytes()
        work = tmp_path / "work"
        work.mkdir()
        (batch,) = list(VECTOR.open(path, ReadOptions(), work))
        assert list(batch.objects["name"]) == ["塔"]
        assert list(batch.objects["height"]) == [TALL]
        assert batch.meshes[0].face_count == 2
        assert path.read_bytes() == before

    def test_terraces_side_by_side_are_areas(self) -> None:
        low, high = shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)
        terraces = shapely.MultiPolygon([shapely.force_3d(low, 1.0), shapely.force_3d(high, 5.0)])
        assert not upright(np.array([terraces, shapely.box(0, 0, 1, 1)], object)).any()

    def test_what_covers_nothing_stays(self, tmp_path: Path) -> None:
        wall = [tower()[2]]
        path = multipatch(tmp_path / "w.shp", [wall, tower()])
        (batch,) = list(VECTOR.open(path, ReadOptions(crs="EPSG:4547"), tmp_path))
        assert len(batch) == 2

    @pytest.mark.parametrize(
        "wkb",
        [
            b"",
            b"\x01",
            struct.pack("<BII", 1, 1015, 4_000_000_000),
            struct.pack("<BII", 1, 1016, 1) + struct.pack("<BII", 1, 1017, 1) + b"\xff\xff\xff\xff",
            struct.pack("<BII", 1, 1001, 1),
            struct.pack("<BII", 0, 1015, 1),
            struct.pack("<BII", 1, 1007, 1) * 40,
        ],
    )
    def test_broken_bytes_are_no_surface(self, wkb: bytes) -> None:
        assert as_multipolygon(wkb) is None


def test_an_unknown_suffix_lists_what_is_read(tmp_path: Path) -> None:
    from ingest.catalogue import reader_for  # noqa: PLC0415  the whole catalogue is slow to import

    path = tmp_path / "a.xyzzy"
    path.write_text("?")
    with pytest.raises(SourceError, match="no reader"):
        reader_for(path)
