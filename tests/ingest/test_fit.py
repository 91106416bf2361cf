"""A source held against the city: where it truly lies, how high, and if it is there already."""

import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import realdata
import shapely

from cim import geodesy
from cim.store import Store, create_city
from ingest.catalogue import reader_for
from ingest.doctor import examine
from ingest.fit import city_findings
from ingest.load import load_files
from ingest.reader import ReadOptions

CRS = "EPSG:4547"
MIDDLE = (531_000.0, 3_852_000.0)
COUNT = 400


def houses(seed: int = 1) -> gpd.GeoDataFrame:
    """Houses of different sizes, densely and irregularly set, in the city's CRS."""
    draw = np.random.default_rng(seed)
    at = np.array([(east * 30.0, north * 30.0) for east in range(20) for north in range(20)])
    at = at + MIDDLE + draw.uniform(-6, 6, at.shape)
    size = draw.uniform(6, 18, (COUNT, 2))
    shapes = shapely.box(at[:, 0], at[:, 1], *(at + size).T)
    table = pd.DataFrame({"编号": [f"h{each}" for each in range(COUNT)], "高度": 9.0})
    return gpd.GeoDataFrame(table, geometry=shapes, crs=CRS)


def redrawn(table: gpd.GeoDataFrame, noise: float = 0.4) -> gpd.GeoDataFrame:
    """The same houses drawn by another hand: corners off, a few missing, other names."""
    draw = np.random.default_rng(2)
    bounds = table.geometry.bounds.to_numpy()
    shapes = shapely.box(*(bounds + draw.normal(0, noise, bounds.shape)).T)
    other = gpd.GeoDataFrame({"id": [f"x{at}" for at in table.index]}, geometry=shapes, crs=CRS)
    return other[draw.random(len(other)) > 0.1]


def moved(table: gpd.GeoDataFrame, crs: str, path: Path, stated: str = "") -> Path:
    """A file of the houses whose coordinates are in `crs`, and which says they are in `stated`."""

    def carry(points: np.ndarray) -> np.ndarray:
        return np.column_stack(geodesy.transform(CRS, crs, points[:, 0], points[:, 1]))

    shapes = shapely.transform(table.geometry.to_numpy(), carry)
    table = gpd.GeoDataFrame(table.drop(columns="geometry"), geometry=shapes, crs=stated or crs)
    table.to_file(path)
    return path


@pytest.fixture
def city(tmp_path: Path) -> Any:
    """A city that holds the houses."""
    houses().to_file(tmp_path / "houses.gpkg")
    with create_city(str(tmp_path / "city"), CRS) as store:
        load_files(store, [tmp_path / "houses.gpkg"])
        yield store


def found(path: Path, store: Store, **options: Any) -> dict[str, dict[str, Any]]:
    """Findings by code."""
    report = examine(path, ReadOptions(**options), store=store)
    return {each["code"]: each for each in report["findings"]}


@pytest.mark.parametrize("system", ["GCJ-02", "BD-09"])
def test_an_offset_is_seen_by_the_fit(city: Store, tmp_path: Path, system: str) -> None:
    path = moved(redrawn(houses()), system, tmp_path / "buildings.geojson", "EPSG:4326")
    seen = found(path, city)
    assert seen["crs_by_fit"]["fix"] == {"crs": system}
    assert f"m taken as {system}" in seen["crs_by_fit"]["evidence"]
    assert " as it is" in seen["crs_by_fit"]["evidence"]
    assert "crs_by_fit" not in found(path, city, crs=system)


def test_what_lies_right_is_left_alone(city: Store, tmp_path: Path) -> None:
    path = moved(redrawn(houses()), "EPSG:4490", tmp_path / "buildings.gpkg")
    assert not {"crs_by_fit", "crs_likely"} & found(path, city).keys()


def test_other_houses_nearby_are_no_reason_to_move(city: Store, tmp_path: Path) -> None:
    path = moved(houses(seed=5), "EPSG:4490", tmp_path / "buildings.gpkg")
    assert "crs_by_fit" not in found(path, city)


def test_the_neighbouring_zone_is_seen(city: Store, tmp_path: Path) -> None:
    path = moved(redrawn(houses()), "EPSG:4547", tmp_path / "buildings.gpkg", "EPSG:4549")
    assert found(path, city)["crs_by_fit"]["fix"] == {"crs": "EPSG:4547"}


def test_the_right_zone_is_found_where_none_is_stated(city: Store, tmp_path: Path) -> None:
    path = tmp_path / "buildings.shp"
    moved(redrawn(houses()), "EPSG:4509", path).with_suffix(".prj").unlink()
    seen = found(path, city)
    assert seen["crs_missing"]["fix"] == {}
    assert "EPSG:4509" in seen["crs_missing"]["evidence"]
    assert seen["crs_by_fit"]["fix"] == {"crs": "EPSG:4509"}


def test_lines_are_held_against_lines(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    starts = np.array(MIDDLE) + draw.uniform(0, 800, (60, 2))
    shapes = shapely.linestrings(np.stack([starts, starts + draw.uniform(-90, 90, (60, 2))], 1))
    roads = gpd.GeoDataFrame({"id": [str(at) for at in range(60)]}, geometry=shapes, crs=CRS)
    roads.to_file(tmp_path / "roads.gpkg")
    path = moved(roads, "GCJ-02", tmp_path / "new roads.geojson", "EPSG:4326")
    with create_city(str(tmp_path / "city"), CRS) as store:
        load_files(store, [tmp_path / "roads.gpkg"])
        assert found(path, store)["crs_by_fit"]["fix"] == {"crs": "GCJ-02"}


def test_an_empty_city_knows_nothing(tmp_path: Path) -> None:
    path = moved(houses(), "GCJ-02", tmp_path / "buildings.geojson", "EPSG:4326")
    with create_city(str(tmp_path / "city"), CRS) as store:
        assert not {"crs_by_fit", "crs_likely", "already_loaded"} & found(path, store).keys()


def test_what_is_there_already_under_other_names_is_told(city: Store, tmp_path: Path) -> None:
    path = moved(redrawn(houses(), noise=0.02), "EPSG:4490", tmp_path / "buildings.gpkg")
    seen = found(path, city)["already_loaded"]
    assert "in the data set houses" in seen["message"]
    assert "0 have the same id" in seen["evidence"]
    same = found(tmp_path / "houses.gpkg", city)["already_loaded"]
    assert "300 have the same id" in same["evidence"]


def test_the_data_set_itself_is_no_duplicate(city: Store, tmp_path: Path) -> None:
    report = examine(tmp_path / "houses.gpkg", store=city, dataset="houses")
    assert "already_loaded" not in {each["code"] for each in report["findings"]}


def with_terrain(store: Store, folder: Path) -> None:
    """Terrain that rises to the north-east from 72 m."""
    rows, columns = np.mgrid[0:100, 0:100]
    heights = (72 + 0.02 * columns + 0.01 * (100 - rows)).astype(np.float32)
    west, north = MIDDLE[0] - 100, MIDDLE[1] + 900
    profile = {
        "driver": "GTiff", "width": 100, "height": 100, "count": 1, "dtype": "float32",
        "crs": CRS, "transform": rasterio.transform.from_origin(west, north, 10, 10),
    }  # fmt: skip
    with rasterio.open(folder / "terrain.tif", "w", **profile) as file:
        file.write(heights, 1)
    load_files(store, [folder / "terrain.tif"], options=ReadOptions(kind="terrain"))


@pytest.mark.parametrize(("offset", "told"), [(-12.4, True), (0.5, False), (30.0, True)])
def test_heights_that_are_off_throughout_are_told(
    city: Store, tmp_path: Path, offset: float, told: bool
) -> None:
    with_terrain(city, tmp_path)
    table = redrawn(houses())
    east, north = (getattr(table.geometry.centroid, axis) for axis in "xy")
    ground = 72 + 0.02 * (east - MIDDLE[0] + 100) / 10 + 0.01 * (north - MIDDLE[1] + 100) / 10
    table["地面高程"] = ground + offset
    table.to_file(tmp_path / "buildings.gpkg")
    seen = found(tmp_path / "buildings.gpkg", city)
    assert ("height_offset" in seen) == told
    if told:
        assert seen["height_offset"]["fix"]["height_offset"] == pytest.approx(-offset, abs=0.1)
        assert ("ellipsoid" in seen["height_offset"]["evidence"]) == (offset < 0)
        fix = seen["height_offset"]["fix"]
        assert "height_offset" not in found(tmp_path / "buildings.gpkg", city, **fix)


def test_heights_that_scatter_are_no_offset(city: Store, tmp_path: Path) -> None:
    with_terrain(city, tmp_path)
    table = redrawn(houses())
    table["地面高程"] = np.random.default_rng(4).uniform(0, 200, len(table))
    table.to_file(tmp_path / "buildings.gpkg")
    assert "height_offset" not in found(tmp_path / "buildings.gpkg", city)


def test_a_load_says_what_the_city_knows(city: Store, tmp_path: Path) -> None:
    path = moved(redrawn(houses()), "GCJ-02", tmp_path / "buildings.geojson", "EPSG:4326")
    (report,) = load_files(city, [path], name="new", dry_run=True)
    assert "crs_by_fit" in {each.code for each in report.findings}


def test_the_first_look_is_quick(city: Store, tmp_path: Path) -> None:
    path = moved(redrawn(houses()), "EPSG:4490", tmp_path / "buildings.gpkg")
    reading = reader_for(path).open(path, ReadOptions(), tmp_path)
    batch = next(iter(reading))
    spent = []
    for _ in range(3):
        start = time.process_time()
        city_findings(city, reading, batch)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.15  # 50 ms on an idle machine


@realdata.real
def test_the_two_boundaries_of_kaifeng_are_told_apart(tmp_path: Path) -> None:
    truth = realdata.path("china/boundaries_cgcs2000/kaifeng_district.geojson")
    with create_city(str(tmp_path / "city"), CRS) as store:
        load_files(store, [truth], name="districts")
        whole = found(realdata.path("china/boundaries_gcj02/410200.geojson"), store)
        assert whole["crs_by_fit"]["fix"] == {"crs": "GCJ-02"}
        gbk = found(realdata.path("china/gbk_derived/kaifeng_districts_gbk.shp"), store)
        assert gbk["crs_by_fit"]["fix"] == {"crs": "GCJ-02"}
        true = found(realdata.path("china/boundaries_cgcs2000/kaifeng_city.geojson"), store)
        assert not {"crs_by_fit", "crs_likely"} & true.keys()
