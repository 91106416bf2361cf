"""Files made to hurt: each gives a sound reading, or one clear error."""

import warnings
from pathlib import Path

import pytest
import realdata
import shapely
from feature_files import frame

from cim.errors import SourceError
from ingest.doctor import examine
from ingest.reader import ReadOptions
from ingest.table import CSV
from ingest.vector import GEOPARQUET, VECTOR

HOSTILE = realdata.below("hostile", ".geojson", ".shp", ".gpkg", ".parquet")


@realdata.real
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_sound_or_refused(name: str, tmp_path: Path) -> None:
    path = realdata.path(name)
    reader = next(each for each in (GEOPARQUET, VECTOR) if each.accepts(path))
    broken = realdata.manifest()[name]["contents"] == "deliberately broken"
    try:
        reading = reader.open(path, ReadOptions(), tmp_path)
        batches = list(reading)
    except SourceError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.where == path.name
        assert len(refused.problem) > 10
        return
    assert not broken
    count = sum(len(batch) for batch in batches)
    assert count > 0
    assert reading.total == count + len(reading.rejected)
    for batch in batches:
        assert not shapely.is_missing(batch.objects["geometry"].to_numpy()).any()
        assert batch.objects["object_id"].notna().all()


@realdata.real
@pytest.mark.parametrize("name", HOSTILE)
def test_the_doctor_survives_it(name: str) -> None:
    report = examine(realdata.path(name))
    assert report["looked_at"] > 0 or not report["loadable"]


@realdata.real
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "geojson_chrieke/invalid_unclosed.geojson",
            "feature 1: in its Polygon a ring is",
        ),
        ("geojson_hint/bad-json.geojson", "not valid JSON at line 3, column 5"),
        ("geojson_hint/rootstring.geojson", "its type is null"),
        ("geojson_hint/nofeaturetype.geojson", "no features in it; feature 1: its type is"),
        ("geojson_hint/badcoordtype.geojson", "feature 1: in its MultiPolygon coordinates"),
    ],
)
def test_the_reason_is_told(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        list(VECTOR.open(realdata.path(f"hostile/{name}"), ReadOptions(), tmp_path))


@realdata.real
def test_curves_are_straightened(tmp_path: Path) -> None:
    reading = VECTOR.open(realdata.path("hostile/gpkg/curvepolygon.gpkg"), ReadOptions(), tmp_path)
    (batch,) = list(reading)
    assert batch.objects["geometry"][0].area > 0
    assert "curves_straightened" in {each.code for each in reading.findings}


@realdata.real
def test_layers_in_two_systems_lie_on_one_another(tmp_path: Path) -> None:
    reading = VECTOR.open(realdata.path("hostile/gpkg/mixed_crs.gpkg"), ReadOptions(), tmp_path)
    one, two = (batch.objects["geometry"][0] for batch in reading)
    assert one.intersection(two).area / one.union(two).area > 0.99


@realdata.real
@pytest.mark.parametrize("name", ["shp_invalid/invalid_coordinates.shp"])
def test_coordinates_beyond_the_earth_are_an_error(name: str, tmp_path: Path) -> None:
    reading = VECTOR.open(realdata.path(f"hostile/{name}"), ReadOptions(), tmp_path)
    errors = {each.code for each in reading.findings if each.severity == "error"}
    assert errors == {"crs_contradicted"}


CRAFTED = {
    "empty": b"",
    "nul": b"\x00" * 1000,
    "text": b"this is not the file you are looking for\n" * 50,
    "utf16": '{"type": "FeatureCollection"}'.encode("utf-16"),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "gzip": b"\x1f\x8b\x08\x00garbage",
    "deep": b'{"type":"FeatureCollection","features":' + b"[" * 5000,
}


@pytest.mark.parametrize("suffix", [".geojson", ".shp", ".gpkg", ".fgb", ".kml", ".geojson.gz"])
@pytest.mark.parametrize("content", CRAFTED)
def test_garbage_is_refused_by_name(suffix: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(CRAFTED[content])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SourceError, match=f"^x{suffix}: "):
            list(VECTOR.open(path, ReadOptions(), tmp_path))


@pytest.mark.parametrize("content", CRAFTED)
def test_garbage_is_no_table(content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CRAFTED[content])
    with pytest.raises(SourceError, match=r"^x\.csv: "):
        list(CSV.open(path, ReadOptions(), tmp_path))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".fgb", ".parquet"])
def test_a_file_cut_off_is_never_silently_short(suffix: str, keep: float, tmp_path: Path) -> None:
    path = tmp_path / f"whole{suffix}"
    table = frame({"name": [f"n{at}" * 20 for at in range(500)]})
    table.to_parquet(path) if suffix == ".parquet" else table.to_file(path)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    reader = GEOPARQUET if suffix == ".parquet" else VECTOR
    try:
        count = sum(len(batch) for batch in reader.open(cut, ReadOptions(), tmp_path))
    except SourceError:
        count = 500
    assert count == 500
