import hashlib
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import realdata
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine, from_origin

from cim.errors import ParamError, SourceError
from cim.schema import COVERAGE_KINDS
from ingest.raster import RASTER
from ingest.reader import Reading, ReadOptions


def written(path: Path, values: np.ndarray, **profile: Any) -> Path:
    values = values if values.ndim == 3 else values[None]
    count, height, width = values.shape
    standard = {"crs": "EPSG:4549", "transform": from_origin(500000, 3000000, 10, 10)}
    tags = profile.pop("tags", {})
    with rasterio.open(
        path,
        "w",
        driver=profile.pop("driver", "GTiff"),
        count=count,
        height=height,
        width=width,
        dtype=values.dtype,
        **standard | profile,
    ) as target:
        target.write(values)
        target.update_tags(**tags)
    return path


def hills(size: int = 100) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size]
    return (50 + 10 * np.sin(x / 9) + y / 3).astype("float32")


def read(path: Path, work: Path, **options: Any) -> Reading:
    work.mkdir(exist_ok=True)
    return RASTER.open(path, ReadOptions(**options), work)


def test_terrain_is_written_as_a_cog_with_the_same_values(tmp_path: Path) -> None:
    reading = read(
        written(tmp_path / "dem_2019-05-30.tif", hills(1100), nodata=-9999), tmp_path / "w"
    )
    (found,) = reading.coverages
    assert (found.kind, found.crs, found.valid_from) == ("terrain", "EPSG:4549", date(2019, 5, 30))
    with rasterio.open(found.path) as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert cog.overviews(1) == [2, 4]
        assert cog.nodata == -9999
        assert np.array_equal(cog.read(1), hills(1100))
    (band,) = found.bands
    assert band["minimum"] == pytest.approx(hills(1100).min())
    assert band["maximum"] == pytest.approx(hills(1100).max())
    west, south, east, north = found.bounds
    assert 119 < west < east < 121
    assert 26 < south < north < 28
    assert found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()


def test_the_same_raster_gives_the_same_bytes(tmp_path: Path) -> None:
    path = written(tmp_path / "dem.tif", hills(700))
    one, two = (read(path, tmp_path / name).coverages[0] for name in "ab")
    assert one.sha256 == two.sha256
    assert one.path != two.path


def test_a_cog_is_kept_as_it_is(tmp_path: Path) -> None:
    path = read(written(tmp_path / "dem.tif", hills(700)), tmp_path / "a").coverages[0].path
    again = shutil.copy(path, tmp_path / "dem_again.tif")
    assert read(Path(again), tmp_path / "b").coverages[0].path.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "name, values, expected",
    [
        ("dsm.tif", hills(), "surface"),
        ("abc.tif", hills(), "terrain"),
        ("abc.tif", np.full((9, 9), 0.5, "float32"), "other"),
        ("ntl.tif", hills(), "night_lights"),
        ("ndvi_2020.tif", hills(), "index"),
        ("flood_depth_t100.tif", hills(), "hazard"),
        ("slope.tif", hills(), "other"),
        ("pop_2020.tif", hills(), "population"),
        ("ESA_WorldCover.tif", np.ones((9, 9), "uint8"), "land_cover"),
        ("abc.tif", np.ones((3, 9, 9), "uint8"), "imagery"),
        ("abc.tif", np.ones((4, 9, 9), "uint16"), "imagery"),
        ("dem.tif", np.ones((3, 9, 9), "uint8"), "imagery"),
        ("modern.tif", np.ones((9, 9), "uint8"), "other"),
    ],
)
def test_the_kind_is_told_by_name_and_bands(tmp_path, name, values, expected) -> None:
    reading = read(written(tmp_path / name, values), tmp_path / "w")
    assert reading.coverages[0].kind == expected


def test_a_guessed_kind_is_told_with_its_evidence(tmp_path: Path) -> None:
    reading = read(written(tmp_path / "abc.tif", hills()), tmp_path / "w")
    (remark,) = reading.findings
    assert (remark.code, remark.fix) == ("kind_guessed", {"kind": "terrain"})
    assert "1 x float32, 40" in remark.evidence


def test_values_of_classes_are_kept(tmp_path: Path) -> None:
    values = np.array([[10, 20, 50], [10, 0, 50]], "uint8")
    found = read(written(tmp_path / "landcover.tif", values, nodata=0), tmp_path / "w")
    (band,) = found.coverages[0].bands
    assert band["values"] == [10, 20, 50]


def test_a_palette_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "landcover.tif", np.ones((600, 600), "uint8"))
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {1: (10, 20, 30, 255)})
    with rasterio.open(read(path, tmp_path / "w").coverages[0].path) as cog:
        assert cog.colormap(1)[1] == (10, 20, 30, 255)


def test_a_raster_across_the_180th_meridian_ends_east_of_it(tmp_path: Path) -> None:
    profile = {"crs": "EPSG:32660", "transform": from_origin(700000, 5800000, 1000, 1000)}
    reading = read(written(tmp_path / "dem.tif", hills(200), **profile), tmp_path / "w")
    west, _, east, _ = reading.coverages[0].bounds
    assert 178 < west < 180 < east < 184
    assert "dateline" in {each.code for each in reading.findings}


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("L7_ETMs.tif", 6, ["blue", "green", "red", "nir", "swir1", "swir2"]),
        ("GF2_PMS1_E114.3.tif", 4, ["blue", "green", "red", "nir"]),
        ("S2_stack.tif", 4, ["blue", "green", "red", "nir"]),
        ("scene.tif", 5, [f"band {number}" for number in range(1, 6)]),
    ],
)
def test_unnamed_bands_are_named_after_the_sensor(tmp_path, name, count, expected) -> None:
    path = written(tmp_path / name, np.ones((count, 9, 9), "uint16"), photometric="minisblack")
    reading = read(path, tmp_path / "w")
    assert [band["name"] for band in reading.coverages[0].bands] == expected
    assert {"bands_named", "bands_unnamed"} & {each.code for each in reading.findings}


def test_the_user_names_the_bands(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", np.ones((4, 9, 9), "uint16"), photometric="minisblack")
    told = {"4": "nir", "band 3": "red"}
    (found,) = read(path, tmp_path / "w", fields=told).coverages
    assert [band["name"] for band in found.bands] == ["band 1", "band 2", "red", "nir"]
    with pytest.raises(ParamError, match="no band '7'"):
        read(path, tmp_path / "w", fields={"7": "nir"})


def test_codes_of_bands_become_words(tmp_path: Path) -> None:
    path = written(tmp_path / "LC08_x.tif", np.ones((3, 9, 9), "uint16"), photometric="minisblack")
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("SR_B4", "SR_B5", "QA_PIXEL")
    (found,) = read(path, tmp_path / "w").coverages
    assert [band["name"] for band in found.bands] == ["red", "nir", "QA_PIXEL"]


def test_the_user_says_the_kind_and_the_day(tmp_path: Path) -> None:
    path = written(tmp_path / "x.tif", hills())
    found = read(path, tmp_path / "w", kind="surface", valid_from="2001-02-03").coverages[0]
    assert (found.kind, found.valid_from) == ("surface", date(2001, 2, 3))
    with pytest.raises(ParamError, match="no kind 'relief'"):
        read(path, tmp_path / "w", kind="relief")
    with pytest.raises(ParamError, match="is no day"):
        read(path, tmp_path / "w", valid_from="soon")


@pytest.mark.parametrize(
    "name, tags, expected",
    [
        ("S2_20200106_b4.tif", {}, date(2020, 1, 6)),
        ("scene.tif", {"TIFFTAG_DATETIME": "2022:01:17 10:43:43"}, date(2022, 1, 17)),
        ("scene_2019.tif", {"time_start": "2019-03-01T00:00:00Z"}, date(2019, 3, 1)),
        ("201404_13_tile.tif", {}, date(2014, 4, 1)),
        ("tile_1234567_20.tif", {}, None),
    ],
)
def test_the_day_is_in_the_name_or_the_tags(tmp_path, name, tags, expected) -> None:
    path = written(tmp_path / name, hills(), tags=tags)
    assert read(path, tmp_path / "w").coverages[0].valid_from == expected


def test_without_a_crs_there_is_a_suggestion_and_no_coverage(tmp_path: Path) -> None:
    profile = {"driver": "AAIGrid", "crs": None, "transform": from_origin(116.3, 39.9, 0.01, 0.01)}
    reading = read(written(tmp_path / "dem.asc", hills(), **profile), tmp_path / "w")
    assert (reading.crs, reading.coverages) == ("", [])
    assert reading.findings[0].fix == {"crs": "EPSG:4326"}


def test_the_users_crs_is_written_into_the_cog(tmp_path: Path) -> None:
    path = written(tmp_path / "dem.tif", hills(), crs=None)
    found = read(path, tmp_path / "w", crs="EPSG:4548").coverages[0]
    with rasterio.open(found.path) as cog:
        assert cog.crs.to_epsg() == 4548
        assert np.array_equal(cog.read(1), hills())
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_no_raster_is_in_an_offset_system(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be in GCJ-02"):
        read(written(tmp_path / "dem.tif", hills()), tmp_path / "w", crs="GCJ-02")


@pytest.mark.parametrize(
    "transform",
    [
        from_origin(500000, 3000000, 10, 10) * Affine.rotation(20),
        Affine(10, 0, 500000, 0, 10, 3000000),
    ],
    ids=["rotated", "south up"],
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_turned_grid_is_put_upright(tmp_path: Path, transform, dtype) -> None:
    path = written(tmp_path / "dem.tif", hills().astype(dtype), transform=transform)
    reading = read(path, tmp_path / "w")
    assert any(finding.code == "resampled" for finding in reading.findings)
    with rasterio.open(reading.coverages[0].path) as cog:
        assert cog.transform.b == cog.transform.d == 0
        assert cog.transform.e < 0
        inside = cog.read(1, masked=True)
        assert inside.mean() == pytest.approx(hills().mean(), rel=0.03)


def test_control_points_place_a_raster(tmp_path: Path) -> None:
    points = [
        GroundControlPoint(row, column, 116 + column / 1000, 40 - row / 1000)
        for row in (0, 100)
        for column in (0, 100)
    ]
    path = tmp_path / "scan_dem.tif"
    written(path, hills(), crs="EPSG:4326", transform=None, gcps=points)
    found = read(path, tmp_path / "w").coverages[0]
    assert found.bounds == pytest.approx((116, 39.9, 116.1, 40), abs=0.005)


def test_a_picture_without_position_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        written(path, hills(), crs=None, transform=Affine.identity())
    with pytest.raises(SourceError, match="picture without a position"):
        read(path, tmp_path / "w")


def test_nothing_but_nodata_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "dem.tif", np.zeros((9, 9), "int16"), nodata=0)
    with pytest.raises(SourceError, match="no values at all"):
        read(path, tmp_path / "w")


def test_zero_as_nodata_of_terrain_is_doubted(tmp_path: Path) -> None:
    reading = read(written(tmp_path / "dem.tif", hills(), nodata=0), tmp_path / "w")
    assert [finding.code for finding in reading.findings] == ["nodata_zero"]


@pytest.mark.parametrize("cut", [0, 4, 100, 0.6])
def test_a_damaged_file_is_refused(tmp_path: Path, cut: float) -> None:
    whole = written(tmp_path / "whole.tif", np.random.default_rng(1).random((400, 400)))
    data = whole.read_bytes()
    path = tmp_path / "dem.tif"
    path.write_bytes(data[: int(cut * len(data)) if 0 < cut < 1 else int(cut)])
    with pytest.raises(SourceError, match="damaged or cut off"):
        read(path, tmp_path / "w")


VRT = (
    '<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:4549</SRS>'
    "<GeoTransform>500000, 10, 0, 3000000, 0, -10</GeoTransform>"
    '<VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
    '<SourceFilename relativeToVRT="{relative}">{name}</SourceFilename><SourceBand>1</SourceBand>'
    '<SrcRect xOff="0" yOff="0" xSize="9" ySize="9"/><DstRect xOff="0" yOff="0" xSize="9" '
    'ySize="9"/></SimpleSource></VRTRasterBand></VRTDataset>'
)


def test_a_vrt_of_its_own_folder_is_read(tmp_path: Path) -> None:
    written(tmp_path / "part.tif", hills(9))
    path = tmp_path / "dem.vrt"
    path.write_text(VRT.format(relative=1, name="part.tif"), "utf-8")
    with rasterio.open(read(path, tmp_path / "w").coverages[0].path) as cog:
        assert np.array_equal(cog.read(1), hills(9))


@pytest.mark.parametrize(
    "relative, name",
    [
        (0, "/etc/passwd"),
        (1, "../secret.tif"),
        (1, "/vsicurl/http://127.0.0.1/x.tif"),
        (0, "part.tif"),
        (1, "other.vrt"),
    ],
)
def test_a_vrt_that_leads_elsewhere_is_refused(tmp_path: Path, relative: int, name: str) -> None:
    path = tmp_path / "dem.vrt"
    path.write_text(VRT.format(relative=relative, name=name), "utf-8")
    with pytest.raises(SourceError, match="it refers to"):
        read(path, tmp_path / "w")


def test_a_vrt_called_tif_is_not_followed(tmp_path: Path) -> None:
    written(tmp_path / "part.tif", hills(9))
    path = tmp_path / "dem.tif"
    path.write_text(VRT.format(relative=1, name="part.tif"), "utf-8")
    with pytest.raises(SourceError, match="cannot be read as a raster"):
        read(path, tmp_path / "w")


KINDS = {
    "coastal_ky4": "hazard",
    "ky4_elevation": "terrain",
    "olinda_dem": "terrain",
    "N52E008": "terrain",
    "cog_cmap": "land_cover",
    "WorldCover": "land_cover",
    "L7_ETMs": "imagery",
    "RGB.byte.tif": "imagery",
    "viirs": "night_lights",
    "201404": "imagery",
    "abw_ppp": "population",
    "TCI": "imagery",
}

REAL = [
    name
    for name, row in realdata.manifest().items()
    if row["kind"] in {"dem", "raster"} or name.startswith("hostile/raster/")
    if name.endswith((".tif", ".asc", ".hgt.zip"))
]


@realdata.real
@pytest.mark.parametrize("name", REAL)
def test_every_real_raster_is_read_or_refused_as_it_should(name: str, tmp_path: Path) -> None:
    row = realdata.manifest()[name]
    if name.startswith("hostile"):
        with pytest.raises(SourceError, match=r"damaged|no values"):
            read(realdata.path(name), tmp_path)
        return
    reading = read(realdata.path(name), tmp_path)
    if row["crs"] == "none":
        assert (reading.crs, reading.coverages) == ("", [])
        assert reading.findings[0].code == "crs_missing"
        seconds = "SRTMGL3" in name  # a laboratory model has small coordinates too
        assert reading.findings[0].fix == ({"crs": "EPSG:4326"} if seconds else {})
        return
    (found,) = reading.coverages
    assert found.kind in COVERAGE_KINDS
    for part, kind in KINDS.items():
        assert part not in name or found.kind == kind
    size = f"{found.width}x{found.height}x{len(found.bands)}"
    assert "GCPs" in row["crs"] or size in row["contents"]
    for number, band in enumerate(found.bands, 1):
        stated = f"b{number} min={band['minimum']:.3f}".rstrip("0").rstrip(".")
        assert "decimated" in row["expected_facts"] or stated in row["expected_facts"]
    with rasterio.open(found.path) as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


@realdata.real
def test_a_wrong_code_of_a_crs_with_shifts_is_not_believed(tmp_path: Path) -> None:
    reading = read(realdata.path("dem/geotiff/olinda_dem_utm25s.tif"), tmp_path)
    assert "32000" not in reading.crs
    west, south, east, north = reading.coverages[0].bounds
    assert (west, south) == pytest.approx((-34.917, -8.041), abs=0.002)
    assert (east, north) == pytest.approx((-34.826, -7.950), abs=0.002)


@realdata.real
def test_the_height_datum_of_srtm_is_known(tmp_path: Path) -> None:
    reading = read(realdata.path("dem/srtm/N52E008.hgt.zip"), tmp_path)
    assert reading.height_datum == "EGM96 height"


@realdata.real
def test_a_truncated_raster_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="damaged or cut off"):
        read(realdata.path("hostile/truncated/RGB.byte.truncated.tif"), tmp_path)


@realdata.real
def test_a_grid_of_arc_seconds_is_read_once_its_crs_is_confirmed(tmp_path: Path) -> None:
    name = "dem/srtm/SRTMGL3_40.09_-105.56_40.209999999999994_-105.44.asc"
    path = realdata.path(name)
    fix = read(path, tmp_path).findings[0].fix
    reading = read(path, tmp_path, **fix)
    (found,) = reading.coverages
    assert (found.kind, found.width, found.height) == ("terrain", 144, 144)
    assert found.bounds == pytest.approx((-105.560417, 40.090417, -105.440417, 40.210417))
    assert (found.bands[0]["minimum"], found.bands[0]["maximum"]) == (2186, 3345)
    assert "nodata_zero" in {each.code for each in reading.findings}


MEMORY = """
import resource, sys
from pathlib import Path
from ingest.raster import RASTER
from ingest.reader import ReadOptions
(found,) = RASTER.open(Path(sys.argv[1]), ReadOptions(), Path(sys.argv[2])).coverages
status = Path("/proc/self/status").read_text("ascii")
print(found.kind, found.bands[0]["values"], int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@realdata.real
def test_a_large_land_cover_is_not_decoded_whole(tmp_path: Path) -> None:
    name = "raster/landcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
    command = [sys.executable, "-c", MEMORY, str(realdata.path(name)), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    kind, _, rest = done.stdout.partition(" ")
    values, _, megabytes = rest.rpartition(" ")
    assert (kind, values) == ("land_cover", "[10, 20, 30, 40, 50, 60, 80, 90, 95]")
    assert int(megabytes) < 700
