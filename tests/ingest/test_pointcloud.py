import struct
from datetime import date
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest
import rasterio
import realdata
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from point_clouds import GROUND, HOUSE, ROOF, SOUTH, WEST, village, written

from cim.errors import CimError, SourceError
from cim.store import create_city
from ingest import load_files
from ingest.pointcloud import POINTCLOUD
from ingest.pointcloud import cells as pointcloud_cells
from ingest.reader import Reading, ReadOptions


def read(path: Path, work: Path, **options: Any) -> Reading:
    work.mkdir(exist_ok=True)
    return POINTCLOUD.open(path, ReadOptions(**options), work)


def grids(reading: Reading) -> dict[str, np.ndarray]:
    found = {}
    for each in reading.coverages:
        with rasterio.open(each.path) as cog:
            assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            found[each.kind] = cog.read(1)
    return found


def codes(reading: Reading) -> set[str]:
    return {each.code for each in reading.findings}


def finding(reading: Reading, code: str) -> Any:
    return next(each for each in reading.findings if each.code == code)


def of_house(reading: Reading, grid: np.ndarray) -> np.ndarray:
    """Cells well within the house."""
    with rasterio.open(reading.coverages[0].path) as file:
        top, left = file.index(WEST + HOUSE[0] + 2, SOUTH + HOUSE[3] - 2)
        bottom, right = file.index(WEST + HOUSE[2] - 2, SOUTH + HOUSE[1] + 2)
    return grid[top:bottom, left:right]


@pytest.mark.parametrize("suffix", [".las", ".laz"])
def test_a_house_stands_on_the_surface_and_not_on_the_terrain(tmp_path: Path, suffix: str) -> None:
    reading = read(written(tmp_path / f"v{suffix}", village()), tmp_path / "w")
    assert reading.crs == "EPSG:4547"
    made = grids(reading)
    assert np.allclose(of_house(reading, made["surface"]), ROOF, atol=0.01)
    assert np.allclose(of_house(reading, made["terrain"]), GROUND, atol=0.01)
    assert np.nanmax(made["terrain"]) == pytest.approx(GROUND, abs=0.01)
    assert "6 building: " in finding(reading, "points").evidence


def test_cells_follow_from_the_density(tmp_path: Path) -> None:
    for spacing, side in ((0.3, 0.5), (1.0, 2.0), (3.0, 5.0)):
        reading = read(written(tmp_path / "v.las", village(spacing)), tmp_path / "w")
        with rasterio.open(reading.coverages[0].path) as cog:
            assert cog.res == (side, side)
        assert f"cells of {side:g} m" in finding(reading, "cell_size").message


@pytest.mark.parametrize("slope", [0.0, 0.08])
def test_ground_is_found_without_classes(tmp_path: Path, slope: float) -> None:
    points = village(slope=slope)
    points["classes"] = np.ones_like(points["classes"])
    reading = read(written(tmp_path / "v.las", points), tmp_path / "w")
    assert "ground_filtered" in codes(reading)
    terrain = grids(reading)["terrain"]
    with rasterio.open(reading.coverages[0].path) as cog:
        east = cog.bounds.left - WEST + (np.arange(cog.width) + 0.5) * cog.res[0]
    expected = GROUND + slope * east
    assert np.nanmax(np.abs(terrain - expected)) < 0.6


def test_a_stray_echo_below_the_ground_is_no_terrain(tmp_path: Path) -> None:
    points = village()
    points["classes"] = np.ones_like(points["classes"])
    points["z"][700] = GROUND - 25
    reading = read(written(tmp_path / "v.las", points), tmp_path / "w")
    assert np.nanmin(grids(reading)["terrain"]) > GROUND - 0.5


def test_noise_and_withheld_points_are_left_out_and_counted(tmp_path: Path) -> None:
    points = village()
    points["z"][:3], points["classes"][:3] = 500.0, 18
    points["z"][3:5], points["classes"][3:5] = -80.0, 7
    points["z"][5] = 400.0
    withheld = np.zeros(len(points["z"]), np.uint8)
    withheld[5] = 1
    reading = read(written(tmp_path / "v.las", points, withheld=withheld), tmp_path / "w")
    assert "5 points of noise and 1 withheld" in finding(reading, "points_left_out").message
    made = grids(reading)
    assert np.nanmax(made["surface"]) == pytest.approx(ROOF, abs=0.01)
    assert np.nanmin(made["surface"]) == pytest.approx(GROUND, abs=0.01)


def test_large_gaps_stay_unknown_and_small_ones_are_told(tmp_path: Path) -> None:
    points = village()
    x, y = points["x"] - WEST, points["y"] - SOUTH
    kept = (x < 5) | (y < 5) | (x > 55) | (y > 55)
    reading = read(
        written(tmp_path / "v.las", {k: v[kept] for k, v in points.items()}), tmp_path / "w"
    )
    surface = grids(reading)["surface"]
    middle = surface[surface.shape[0] // 2, surface.shape[1] // 2]
    assert np.isnan(middle)
    assert "is unknown" in finding(reading, "surface_gaps").message


@pytest.mark.parametrize(
    ("version", "form"),
    [("1.1", 0), ("1.1", 1), ("1.2", 0), ("1.2", 3), ("1.3", 1), ("1.3", 5)]
    + [("1.4", form) for form in (0, 1, 2, 3, 6, 7, 8, 10)],
)
def test_every_version_and_format_is_read(tmp_path: Path, version: str, form: int) -> None:
    crs = "" if version < "1.4" or form < 6 else "EPSG:4547"
    path = written(tmp_path / "v.las", village(1.0), version=version, form=form, crs=crs)
    reading = read(path, tmp_path / "w", crs="EPSG:4547")
    assert np.nanmax(grids(reading)["surface"]) == pytest.approx(ROOF, abs=0.01)


def test_las_1_0_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "v.las", village(1.0), version="1.1", form=0, crs="")
    data = bytearray(path.read_bytes())
    data[25] = 0
    path.write_bytes(data)
    assert len(read(path, tmp_path / "w", crs="EPSG:4547").coverages) == 2


def test_without_a_crs_it_must_be_told(tmp_path: Path) -> None:
    reading = read(written(tmp_path / "v.las", village(1.0), crs=""), tmp_path / "w")
    assert (reading.crs, reading.coverages) == ("", [])
    assert "crs_missing" in codes(reading)


def test_heights_in_feet_become_metres(tmp_path: Path) -> None:
    points = village(1.0)
    points["x"], points["y"] = points["x"] - WEST + 600_000, points["y"] - SOUTH + 4_500_000
    points["z"] = points["z"] / 0.3048
    path = written(tmp_path / "v.las", points, crs="EPSG:26914+8228")
    reading = read(path, tmp_path / "w")
    assert "heights_converted" in codes(reading)
    assert np.nanmax(grids(reading)["surface"]) == pytest.approx(ROOF, abs=0.02)
    assert "NAVD88" in reading.height_datum


def test_the_day_follows_from_standard_time(tmp_path: Path) -> None:
    seconds = (date(2021, 6, 15) - date(1980, 1, 6)).days * 86400 + 3600 - 1e9
    path = written(tmp_path / "v.las", village(1.0), time=seconds)
    assert read(path, tmp_path / "w").coverages[0].valid_from == date(2021, 6, 15)
    told = read(path, tmp_path / "w", valid_from="2019-01-02")
    assert told.coverages[0].valid_from == date(2019, 1, 2)


def test_a_header_with_wrong_bounds_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path / "v.las", village(1.0))
    data = bytearray(path.read_bytes())
    for bounds in (
        (WEST + 30, WEST, SOUTH + 30, SOUTH),
        (float("nan"), WEST, float("inf"), SOUTH),
    ):
        struct.pack_into("<4d", data, 179, *bounds)
        path.write_bytes(data)
        reading = read(path, tmp_path / "w")
        assert "bounds_wrong" in codes(reading)
        assert np.nanmax(grids(reading)["surface"]) == pytest.approx(ROOF, abs=0.01)
        assert reading.coverages[0].width >= 30


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.95, 0.999])
def test_a_file_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    whole = written(tmp_path / f"whole{suffix}", village(0.3)).read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match=path.name):
        read(path, tmp_path / "w")


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        (100, "<I", 4_000_000_000),
        (96, "<I", 4_000_000_000),
        (247, "<Q", 2**62),
        (235, "<Q", 2**62),
        (243, "<I", 4_000_000_000),
        (104, "<B", 63),
        (105, "<H", 1),
        (94, "<H", 20),
        (131, "<d", 0.0),
        (131, "<d", float("nan")),
        (155, "<d", 1e300),
        (24, "<B", 2),
    ],
)
def test_a_header_that_cannot_be_is_refused(
    tmp_path: Path, suffix: str, at: int, form: str, value: float
) -> None:
    data = bytearray(written(tmp_path / "v.las", village(2.0)).read_bytes())
    if suffix == ".laz":
        data = bytearray(written(tmp_path / "v.laz", village(2.0)).read_bytes())
        value = value | 128 if at == 104 else value
    struct.pack_into(form, data, at, value)
    if at == 235:
        struct.pack_into("<I", data, 243, 5)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=path.name):
        read(path, tmp_path / "w")


def test_a_table_of_chunks_without_end_is_refused(tmp_path: Path) -> None:
    data = bytearray(written(tmp_path / "v.laz", village(0.5)).read_bytes())
    start = struct.unpack_from("<I", data, 96)[0]
    table = struct.unpack_from("<q", data, start)[0]
    for place, form, value in ((start, "<q", 2**60), (table + 4, "<I", 2**32 - 1)):
        broken = data.copy()
        struct.pack_into(form, broken, place, value)
        path = tmp_path / "x.laz"
        path.write_bytes(broken)
        with pytest.raises(SourceError, match="chunks"):
            read(path, tmp_path / "w")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_changed_in_a_file_gives_a_reading_or_one_error(
    tmp_path: Path, data: st.DataObject
) -> None:
    whole = tmp_path / "whole.laz"
    if not whole.exists():
        written(whole, village(2.0))
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "x.laz"
    path.write_bytes(content)
    try:
        reading = read(path, tmp_path / "w")
    except CimError as error:
        said = str(error)
    else:
        said = " ".join(str(each) for each in reading.findings if each.severity == "error")
        assert reading.coverages or said
    assert "Traceback" not in said


def test_it_is_loaded_into_a_city(tmp_path: Path) -> None:
    path = written(tmp_path / "village.laz", village())
    with create_city(str(tmp_path / "c.city"), "EPSG:4547") as store:
        (report,) = load_files(store, [path])
        assert report.new == 2
        assert [(each.name, each.kind) for each in store.coverages()] == [
            ("village/terrain", "terrain"),
            ("village/surface", "surface"),
        ]


FILES = realdata.below("pointcloud", ".las", ".laz")
TOLD = {
    "ahn3_cropped_2.laz": {"crs": "EPSG:28992"},
    "simple.las": {"crs": "EPSG:2992"},
    "simple.copc.laz": {"length_unit": "ft"},
}


@realdata.real
@pytest.mark.parametrize("name", FILES)
def test_real_points_are_what_the_manifest_says(name: str, tmp_path: Path) -> None:
    row = realdata.manifest()[name]
    reading = read(realdata.path(name), tmp_path, **TOLD.get(Path(name).name, {}))
    points = finding(reading, "points")
    version, _, rest = row["contents"].removeprefix("LAS ").partition(" pf")
    count = rest.split("points=")[1].split()[0]
    assert points.message == f"LAS {version}, {count} points of format {rest.split()[0]}"
    classes = row["expected_facts"].split("classes={")[1].split("}")[0]
    for each in classes.split(", "):
        code, _, number = each.partition(": ")
        assert any(
            text.startswith(f"{code} ") and text.endswith(f": {number}")
            for text in points.evidence.split("; ")
        )
    assert {each.kind for each in reading.coverages} == {"terrain", "surface"}


@realdata.real
def test_feet_that_are_called_metres_are_found_out(tmp_path: Path) -> None:
    path = realdata.path("pointcloud/simple.copc.laz")
    doubt = finding(read(path, tmp_path / "a"), "unit_contradicted")
    assert (doubt.severity, doubt.fix) == ("error", {"length_unit": "ft"})
    assert "44.0563 N, -123.0687 E" in doubt.evidence
    for told in (doubt.fix, {"crs": "EPSG:2992"}):
        west, south, east, north = read(path, tmp_path / "b", **told).coverages[0].bounds
        assert west < -123.069 < east
        assert south < 44.056 < north


@realdata.real
def test_of_two_crs_records_the_possible_one_counts(tmp_path: Path) -> None:
    name = "pointcloud/file_with_both_wkt_and_geotiff_vlrs.las"
    reading = read(realdata.path(name), tmp_path)
    assert reading.crs == "EPSG:6880"
    assert "41.4549 N, -97.0626 E" in finding(reading, "crs_contradicted").evidence
    low, high = (reading.coverages[1].bands[0][each] for each in ("minimum", "maximum"))
    assert 1352.7 * 0.3048 - 0.1 < low < high < 1403.96 * 0.3048 + 0.1


@realdata.real
def test_the_filter_finds_the_ground_that_a_surveyor_found(tmp_path: Path) -> None:
    path = realdata.path("pointcloud/ahn3_cropped_2.laz")
    known = grids(read(path, tmp_path / "a", crs="EPSG:28992"))["terrain"]
    las = laspy.read(path)
    las.classification = np.ones(len(las.points), np.uint8)
    las.write(str(tmp_path / "bare.laz"))
    found = grids(read(tmp_path / "bare.laz", tmp_path / "b", crs="EPSG:28992"))["terrain"]
    apart = np.abs(found - known)
    both = np.isfinite(apart)
    assert both.mean() > 0.8
    assert np.median(apart[both]) < 0.1
    assert np.percentile(apart[both], 95) < 0.6


def test_points_are_read_a_bounded_number_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    sort = pointcloud_cells.sort_chunk

    def watched(cells: Any, chunk: Any, *how: Any) -> None:
        sizes.append(len(chunk))
        sort(cells, chunk, *how)

    path = written(tmp_path / "v.laz", village(0.5))
    whole = grids(read(path, tmp_path / "a"))
    monkeypatch.setattr(pointcloud_cells, "CHUNK", 1000)
    monkeypatch.setattr(pointcloud_cells, "sort_chunk", watched)
    pieces = grids(read(path, tmp_path / "b"))
    assert max(sizes) == 1000
    assert sum(sizes) == 120 * 120
    for kind, grid in whole.items():
        assert np.array_equal(grid, pieces[kind], equal_nan=True)
