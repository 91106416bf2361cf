import shutil
import tarfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import realdata
from satellite_scenes import BARE, REFLECTANCE, band, landsat, safe

from cim.errors import SourceError
from cim.store import create_city
from ingest import load_files
from ingest.bands import BANDS
from ingest.catalogue import reader_for
from ingest.raster import RASTER
from ingest.reader import Reading, ReadOptions

SIX = list(REFLECTANCE)


def read(path: Path, work: Path, **options: Any) -> Reading:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    assert reader_for(path) is BANDS
    return BANDS.open(path, ReadOptions(**options), work)


def reflectances(reading: Reading) -> dict[str, tuple[float, float]]:
    """Per band, what the western and the eastern half reflect."""
    (found,) = reading.coverages
    with rasterio.open(found.path) as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert cog.nodata == 0
        assert not cog.dataset_mask()[: round(60 / cog.res[0])].any()
        halves = {}
        for number, name in enumerate(cog.descriptions):
            numbers = cog.read(number + 1).astype(float)
            true = numbers * cog.scales[number] + cog.offsets[number]
            halves[name] = (true[-2, 1], true[-2, -2])
    stated = {each["name"]: (each.get("scale"), each.get("offset")) for each in found.bands}
    assert list(stated) == list(halves)
    return halves


def check_truth(reading: Reading, accuracy: float) -> None:
    found = reflectances(reading)
    assert list(found) == SIX
    for name, (west, east) in found.items():
        assert west == pytest.approx(REFLECTANCE[name], abs=accuracy)
        assert east == pytest.approx(BARE, abs=accuracy)


@pytest.mark.parametrize("baseline", ["0209", "0400", "0510"])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_sentinel_2_product_is_one_image_of_six_bands(
    tmp_path: Path, baseline: str, metadata: bool
) -> None:
    reading = read(safe(tmp_path, baseline, metadata=metadata), tmp_path / "w")
    check_truth(reading, 1e-4)
    (found,) = reading.coverages
    assert (found.kind, found.crs, found.valid_from) == (
        "imagery", "EPSG:32650", date(2023, 1, 6)
    )  # fmt: skip
    assert (found.width, found.height) == (120, 120)
    told = {each.code: each.message for each in reading.findings}
    assert "swir1, swir2 have larger cells" in told["bands_repeated"]
    assert "B1" in told["bands_left_out"]


def test_a_zipped_product_is_read_without_unpacking(tmp_path: Path) -> None:
    root = safe(tmp_path / "p")
    shutil.make_archive(str(tmp_path / "scene"), "zip", root.parent)
    check_truth(read(tmp_path / "scene.zip", tmp_path / "w"), 1e-4)


def test_loose_bands_of_a_folder_are_a_scene(tmp_path: Path) -> None:
    folder = tmp_path / "chosen"
    for name, code in (("blue", "B02"), ("red", "B04"), ("nir", "B08"), ("swir1", "B11")):
        band(folder / f"{code}.tif", REFLECTANCE[name], 10, (1e-4, 0.0))
    reading = read(folder, tmp_path / "w")
    assert list(reflectances(reading)) == ["blue", "red", "nir", "swir1"]
    assert "baseline_unknown" in {each.code for each in reading.findings}


def test_what_is_assumed_without_metadata_depends_on_the_day(tmp_path: Path) -> None:
    for day, shift in (("20210603", 0.0), ("20230603", -0.1)):
        folder = tmp_path / day
        for name, code in (("red", "B04"), ("nir", "B08")):
            path = folder / f"T50TMK_{day}T030111_{code}_10m.jp2"
            band(path, REFLECTANCE[name], 10, (1e-4, shift))
        reading = read(folder, tmp_path / "w")
        assert reflectances(reading)["nir"][0] == pytest.approx(0.42, abs=1e-4)
        assert "baseline_assumed" in {each.code for each in reading.findings}


@pytest.mark.parametrize("level", [1, 2])
def test_a_landsat_product_is_one_image_of_six_bands(tmp_path: Path, level: int) -> None:
    reading = read(landsat(tmp_path, level=level), tmp_path / "w")
    check_truth(reading, 5e-5)
    (found,) = reading.coverages
    assert (found.kind, found.valid_from, found.width) == ("imagery", date(2021, 5, 17), 40)
    codes = {each.code for each in reading.findings}
    assert ("top_of_atmosphere" in codes) == (level == 1)


def test_a_landsat_product_without_metadata_is_known_by_its_name(tmp_path: Path) -> None:
    reading = read(landsat(tmp_path, metadata=False), tmp_path / "w")
    check_truth(reading, 5e-5)
    assert reading.coverages[0].valid_from == date(2021, 5, 17)
    plain = read(landsat(tmp_path / "1", metadata=False, level=1), tmp_path / "w")
    assert "not_calibrated" in {each.code for each in plain.findings}


def test_a_tar_is_read_without_unpacking(tmp_path: Path) -> None:
    root = landsat(tmp_path)
    with tarfile.open(tmp_path / "scene.tar", "w") as tar:
        for each in root.iterdir():
            tar.add(each, each.name)
    check_truth(read(tmp_path / "scene.tar", tmp_path / "w"), 5e-5)


def test_two_dates_in_a_folder_are_two_images(tmp_path: Path) -> None:
    for day in ("20210603", "20220103"):
        for code in ("B04", "B08"):
            path = tmp_path / "both" / f"T50TMK_{day}T030111_{code}_10m.jp2"
            band(path, 0.2, 10, (1e-4, 0.0))
    reading = read(tmp_path / "both", tmp_path / "w")
    assert [each.valid_from for each in reading.coverages] == [
        date(2021, 6, 3), date(2022, 1, 3)
    ]  # fmt: skip


def test_bands_of_different_places_are_no_scene(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    band(folder / "B04.tif", 0.2, 10, (1e-4, 0.0))
    band(folder / "B08.tif", 0.2, 10, (1e-4, 0.0))
    with rasterio.open(folder / "B08.tif", "r+") as file:
        file.transform = rasterio.Affine(10, 0, 500_000, 0, -10, 4_000_000)
    with pytest.raises(SourceError, match="do not show the same ground"):
        read(folder, tmp_path / "w")


def test_a_band_that_is_no_image_is_refused(tmp_path: Path) -> None:
    root = landsat(tmp_path)
    next(root.glob("*_B5.TIF")).write_bytes(b"GIF89a" + bytes(100))
    with pytest.raises(SourceError, match=root.name):
        read(root, tmp_path / "w")


def test_metadata_with_entities_are_not_read(tmp_path: Path) -> None:
    root = safe(tmp_path)
    (root / "MTD_MSIL2A.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "utf-8")
    reading = read(root, tmp_path / "w")
    assert "metadata_unread" in {each.code for each in reading.findings}
    check_truth(reading, 1e-4)


@pytest.mark.parametrize("member", ["../B04.tif", "/etc/B04.tif"])
def test_members_outside_an_archive_are_not_looked_at(tmp_path: Path, member: str) -> None:
    band(tmp_path / "x.tif", 0.2, 10, (1e-4, 0.0))
    with tarfile.open(tmp_path / "scene.tar", "w") as tar:
        for name in (member, member.replace("B04", "B08")):
            info = tarfile.TarInfo(name)
            info.size = (tmp_path / "x.tif").stat().st_size
            with (tmp_path / "x.tif").open("rb") as file:
                tar.addfile(info, file)
    assert not BANDS.accepts(tmp_path / "scene.tar")


def test_a_folder_without_bands_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "roads.geojson").write_text("{}", "utf-8")
    assert not BANDS.accepts(tmp_path / "plain")


def test_a_scene_is_loaded_into_a_city(tmp_path: Path) -> None:
    root = safe(tmp_path)
    with create_city(str(tmp_path / "c.city"), "EPSG:32650") as store:
        (report,) = load_files(store, [root], name="winter")
        assert report.new == 1
        (found,) = store.coverages()
        assert found.kind == "imagery"
        assert [each["name"] for each in found.bands] == SIX
        (again,) = load_files(store, [root], name="winter")
        assert again.new == 0


@realdata.real
def test_the_bands_of_a_real_landsat_7_stack_are_known(tmp_path: Path) -> None:
    reading = RASTER.open(
        realdata.path("raster/landsat/L7_ETMs.tif"), ReadOptions(), tmp_path
    )  # fmt: skip
    (found,) = reading.coverages
    assert [each["name"] for each in found.bands] == SIX
    with rasterio.open(found.path) as cog:
        values = cog.read().astype(float)
    red, nir, swir1 = values[2], values[3], values[4]
    water = (nir < 20) & (swir1 < 20)  # the Atlantic, a good part of the scene
    assert 0.1 < water.mean() < 0.7
    index = (nir - red) / (nir + red)
    assert np.median(index[water]) < -0.3 < np.median(index[~water])
