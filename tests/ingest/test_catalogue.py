"""Which reader a file gets, and which files get none."""

from pathlib import Path

import pytest

from cim.errors import SourceError
from ingest.catalogue import READERS, reader_for


@pytest.mark.parametrize(
    "name, head, reader",
    [
        ("a.city.json", '{"type": "CityJSON", "version": "2.0"}', "cityjson"),
        ("a.json", '{"type": "FeatureCollection", "features": []}', "vector"),
        ("a.geojson", "{}", "vector"),
        ("a.ifc", "ISO-10303-21;", "ifc"),
        ("a.tif", "II*", "raster"),
        ("a.csv", "lon,lat", "csv"),
        ("A.PARQUET", "PAR1", "geoparquet"),
    ],
)
def test_reader_goes_by_name_and_content(tmp_path: Path, name: str, head: str, reader: str) -> None:
    (tmp_path / name).write_text(head)
    assert reader_for(tmp_path / name).name == reader


def test_unknown_kind_lists_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("x")
    with pytest.raises(SourceError, match=r"a\.docx: no reader for \.docx") as refused:
        reader_for(tmp_path / "a.docx")
    assert all(each.title in str(refused.value) for each in READERS.values())


@pytest.mark.parametrize("name", ["evil.gpkg", "evil.geojson", "evil.shp"])
def test_file_that_points_at_others_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/hosts</SrcDataSource>"
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    with pytest.raises(SourceError, match="points at other files"):
        reader_for(tmp_path / name)
