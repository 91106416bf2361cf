"""Heights above another datum are brought to the city's, or said to be uncertain."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from feature_files import KAIFENG, geojson

from cim.errors import SourceError
from cim.geodesy.heights import (
    check_grid,
    datum_named,
    geoid_in,
    height_shift,
    keep_grid,
    undulation,
)
from cim.store import create_city
from ingest.load import load_files
from ingest.reader import ReadOptions
from ingest.report import LoadReport


def gtx(path: Path, west: float = 114.0, south: float = 34.5) -> Path:
    """A grid of 0.1° whose undulation is -12 m in the south-west and rises by 1 m a degree east."""
    rows, columns, step = 7, 9, 0.1
    values = [[-12.0 + step * column for column in range(columns)] for _ in range(rows)]
    head = struct.pack(">4d2i", south, west, step, step, rows, columns)
    path.write_bytes(head + np.array(values, ">f4").tobytes())
    return path


def test_a_grid_is_read_between_its_points(tmp_path: Path) -> None:
    grid = gtx(tmp_path / "quasi geoid.gtx")
    found = undulation(grid, np.array([114.0, 114.35, 130.0]), np.array([34.6, 34.8, 34.8]))
    assert found[:2] == pytest.approx([-12.0, -11.65], abs=1e-4)
    assert np.isnan(found[2])


@pytest.mark.parametrize("name", ["x.gtx", "x.tif", "x.txt"])
def test_what_is_no_grid_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no grid at all, but some bytes")
    with pytest.raises(SourceError, match="not a grid"):
        check_grid(path)


def test_names_of_datums_are_understood() -> None:
    assert datum_named("1985国家高程基准") == "EPSG:5737"
    assert datum_named("大地高") == datum_named("EPSG:4979") == "ellipsoid"
    assert datum_named("our own") == "our own"


def test_1956_and_1985_are_joined_by_a_constant() -> None:
    there, back = height_shift("EPSG:5736", "EPSG:5737"), height_shift("EPSG:5737", "EPSG:5736")
    assert there is not None
    assert back is not None
    assert there.at(np.zeros(1), np.zeros(1)).tolist() == [-0.029]
    assert (there.constant, back.constant) == (-0.029, 0.029)
    assert height_shift("EPSG:5737", "1985国家高程基准") is None


def loaded(tmp_path: Path, datum: str, grid: Path | None, lon: float = KAIFENG[0]) -> Any:
    """(report, height of the point, ground height) of a point 100 m high in a city of 1985."""
    point = shapely.Point(lon, KAIFENG[1], 100.0)
    path = geojson(tmp_path / "houses.geojson", [(point, {"id": "a", "ground_height": 100.0})])
    with create_city(str(tmp_path / "city"), "EPSG:4547", height_datum="EPSG:5737") as store:
        if grid is not None:
            keep_grid(grid, store.folder)
            assert geoid_in(store.folder) is not None
        reports: list[LoadReport] = load_files(
            store, [path], options=ReadOptions(height_datum=datum)
        )
        row = store.select().objects.iloc[0]
        return reports[0], row.geometry.z, row["ground_height"]


def test_ellipsoidal_heights_come_down_to_the_sea(tmp_path: Path) -> None:
    report, z, ground = loaded(tmp_path, "ellipsoid", gtx(tmp_path / "grid.gtx"))
    assert (z, ground) == (pytest.approx(111.7, abs=1e-3), pytest.approx(111.7, abs=1e-3))
    (told,) = [each for each in report.findings if each.code == "height_datum_shifted"]
    assert "by the grid grid.gtx" in told.message


def test_without_a_grid_heights_stay_and_their_uncertainty_is_told(tmp_path: Path) -> None:
    report, z, ground = loaded(tmp_path, "ellipsoid", None)
    assert (z, ground) == (100.0, 100.0)
    (told,) = [each for each in report.findings if each.code == "height_datum"]
    assert told.severity == "warning"
    assert "up to 70 m" in told.evidence


def test_outside_the_grid_heights_are_unknown(tmp_path: Path) -> None:
    report, z, ground = loaded(tmp_path, "ellipsoid", gtx(tmp_path / "grid.gtx"), lon=113.0)
    assert np.isnan(z)
    assert np.isnan(ground)
    assert "outside_geoid" in {each.code for each in report.findings}
