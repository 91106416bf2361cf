"""Analyses that read images and surfaces of a made-up town, whose answers are known."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import cities
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from cim.analyses import ANALYSES
from cim.cog import write_cog
from cim.errors import InputError
from cim.images import strips
from cim.keeping import keep
from cim.model import Batch, Coverage, Dataset
from cim.store import Delivery, Store, create_city
from cim.store.coverages import sha256_of

EAST, NORTH = cities.ORIGIN
WEST_EDGE, TOP_EDGE = EAST - 100, NORTH + 150
SIZE = 120
CELL = 2.5
FOUR = ("blue", "green", "red", "nir")
GRASS, ROOF, WATER = (400, 700, 500, 3500), (1500, 1600, 1700, 2000), (620, 760, 560, 330)


def raster(
    path: Path, values: np.ndarray, kind: str, day: date | None = None, **more: object
) -> Coverage:
    """A COG of bands (count, rows, columns) over the town."""
    plain = path.with_suffix(".plain.tif")
    names = more.get("names", ["height"])
    with rasterio.open(
        plain, "w", driver="GTiff", width=values.shape[2], height=values.shape[1],
        count=len(values), dtype=values.dtype, crs=cities.CRS, nodata=more.get("nodata"),
        transform=from_origin(*more.get("corner", (WEST_EDGE, TOP_EDGE)), CELL, CELL),
        photometric="minisblack",
    ) as file:  # fmt: skip
        file.write(values)
        file.descriptions = tuple(names)
        if "scale" in more:
            file.scales = (more["scale"],) * len(values)
            file.offsets = (more["offset"],) * len(values)
    write_cog(plain, path, exact=False)
    bands = tuple({"name": name, "dtype": str(values.dtype)} for name in names)
    bounds = (114.3, 34.7, 114.4, 34.9)
    shape = values.shape[2], values.shape[1]
    return Coverage(
        path.stem, kind, path, cities.CRS, bounds, *shape, bands, day, sha256_of(path)
    )  # fmt: skip


def painted(*areas: tuple[shapely.Geometry, tuple[int, ...]]) -> np.ndarray:
    """Grass, and areas in the city's CRS with the colours of four bands over it."""
    values = np.zeros((4, SIZE, SIZE), np.uint16)
    values[:] = np.array(GRASS)[:, None, None]
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    x = WEST_EDGE + (columns + 0.5) * CELL
    y = TOP_EDGE - (rows + 0.5) * CELL
    for area, colour in areas:
        inside = shapely.contains_xy(area, x.ravel(), y.ravel()).reshape(SIZE, SIZE)
        values[:, inside] = np.array(colour)[:, None]
    noise = np.random.default_rng(1).integers(-15, 16, values.shape)
    return (values + noise).astype(np.uint16)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_city(str(tmp_path / "town"), cities.CRS) as made:
        yield made


def put(store: Store, name: str, *things: Batch | Coverage) -> None:
    with store.load(Delivery(Dataset(name), file=name)) as load:
        for each in things:
            load.put(each) if isinstance(each, Batch) else load.put_coverage(each)


def buildings(*rows: tuple[str, float, float | None, str | None, str | None]) -> Batch:
    """Buildings of 20 m: identifier, metres east of the origin, height, first and last day."""
    table = pd.DataFrame(
        {
            "object_id": [row[0] for row in rows],
            "class": "Building",
            "height": [row[2] for row in rows],
            "valid_from": [row[3] for row in rows],
            "valid_to": [row[4] for row in rows],
        }
    )
    table["geometry"] = pd.Series([house(row[1]) for row in rows], dtype=object)
    return Batch(table)


def house(east: float) -> shapely.Polygon:
    return shapely.box(EAST + east, NORTH, EAST + east + 20, NORTH + 20)


PARK = shapely.box(EAST - 80, NORTH + 60, EAST - 20, NORTH + 120)
POND = shapely.box(EAST, NORTH + 60, EAST + 60, NORTH + 120)


def test_ndvi_is_what_the_formula_says_and_a_coverage(store: Store, tmp_path: Path) -> None:
    green = pd.DataFrame({"object_id": ["park", "pond"], "class": "PlantCover"})
    green["geometry"] = pd.Series([PARK, POND], dtype=object)
    scene = raster(tmp_path / "s.tif", painted((POND, WATER)), "imagery", names=FOUR)
    put(store, "green", Batch(green))
    put(store, "scene", scene)
    result = ANALYSES["spectral_index"].run(store, {"index": "NDVI"})
    (made,) = result.coverages
    with rasterio.open(scene.path) as source, rasterio.open(made.path) as index:
        red, nir = source.read(3).astype(float), source.read(4).astype(float)
        assert np.allclose(index.read(1), (nir - red) / (nir + red), atol=1e-6)
        assert index.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert (made.kind, made.bands[0]["name"]) == ("index", "NDVI")
    means = result.table["mean"].to_numpy()
    assert means == pytest.approx([3000 / 4000, -230 / 890], abs=0.01)
    assert result.facts["unknown_share"] == 0


def test_water_stands_out_in_ndwi(store: Store, tmp_path: Path) -> None:
    scene = raster(tmp_path / "s.tif", painted((POND, WATER)), "imagery", names=FOUR)
    put(store, "scene", scene)
    (made,) = ANALYSES["spectral_index"].run(store, {"index": "NDWI"}).coverages
    with rasterio.open(made.path) as index:
        positive = index.read(1) > 0
    assert positive.sum() * CELL**2 == pytest.approx(POND.area, rel=0.02)


def test_scale_and_offset_of_the_image_count(store: Store, tmp_path: Path) -> None:
    values = painted() + np.uint16(1000)
    values[:, :10] = 0
    scene = raster(
        tmp_path / "s.tif", values, "imagery", names=FOUR, scale=1e-4, offset=-0.1, nodata=0
    )
    put(store, "scene", scene)
    result = ANALYSES["spectral_index"].run(store, {})
    assert result.facts["mean"] == pytest.approx(0.75, abs=0.005)
    assert result.facts["unknown_share"] == pytest.approx(10 / SIZE)


def test_nothing_reflected_is_unknown_and_not_zero(store: Store, tmp_path: Path) -> None:
    values = painted()
    values[:, 5, 5] = 0
    put(store, "scene", raster(tmp_path / "s.tif", values, "imagery", names=FOUR))
    (made,) = ANALYSES["spectral_index"].run(store, {}).coverages
    with rasterio.open(made.path) as index:
        found = index.read(1)
    assert np.isnan(found[5, 5])
    assert np.isnan(found).sum() == 1


def test_an_image_without_the_band_says_so(store: Store, tmp_path: Path) -> None:
    put(store, "scene", raster(tmp_path / "s.tif", painted(), "imagery", names=FOUR))
    with pytest.raises(InputError, match="no band 'swir1' but blue, green, red, nir"):
        ANALYSES["spectral_index"].run(store, {"index": "NDBI"})
    with pytest.raises(InputError, match="no imagery of '1999-01-01'"):
        ANALYSES["spectral_index"].run(store, {"day": "1999-01-01"})


def test_a_result_with_a_raster_is_kept_and_can_join_the_city(store: Store, tmp_path: Path) -> None:
    put(store, "scene", raster(tmp_path / "s.tif", painted(), "imagery", names=FOUR))
    first = ANALYSES["spectral_index"].run(store, {})
    again = ANALYSES["spectral_index"].run(store, {})
    assert (first.from_store, again.from_store) == (False, True)
    assert again.coverages == first.coverages
    assert store.check() == []
    assert len(store.coverages()) == 1
    assert keep(store, first, "green").new == 1
    assert [each.kind for each in store.coverages()] == ["imagery", "index"]
    assert store.check() == []
    again.coverages[0].path.unlink()
    third = ANALYSES["spectral_index"].run(store, {})
    assert not third.from_store
    assert third.coverages[0].path.is_file()


def two_days(store: Store, tmp_path: Path, *batches: Batch) -> None:
    """House 0 stood, 60 came, 120 came and is unknown to the city, -60 went."""
    before = painted((house(0), ROOF), (house(-60), ROOF))
    after = painted((house(0), ROOF), (house(60), ROOF), (house(120), ROOF))
    put(store, "2015", raster(tmp_path / "a.tif", before, "imagery", date(2015, 6, 1), names=FOUR))
    put(store, "2025", raster(tmp_path / "b.tif", after, "imagery", date(2025, 6, 1), names=FOUR))
    put(store, "houses", *batches)


def test_change_is_explained_by_the_buildings_of_the_city(store: Store, tmp_path: Path) -> None:
    known = buildings(
        ("stood", 0, None, None, None),
        ("came", 60, None, "2019-05-01", None),
        ("went", -60, None, "1980-01-01", "2020-02-02"),
    )
    two_days(store, tmp_path, known)
    result = ANALYSES["land_change"].run(store, {})
    table = result.table.sort_values("x")
    assert table["kind"].tolist() == ["removed", "built", "new_candidate"]
    assert table["buildings"].tolist() == ["went", "came", ""]
    assert table["area"].to_numpy() == pytest.approx([400, 400, 400])
    assert (table["greener"].to_numpy() > 0).tolist() == [True, False, False]
    outlines = shapely.from_wkt(table["outline"].to_list())
    truth = np.array([house(-60), house(60), house(120)])
    assert shapely.area(shapely.symmetric_difference(outlines, truth)).max() < 1e-6
    assert [each.name for each in result.coverages] == ["change 2015-06-01 2025-06-01"]


def test_a_building_that_vanished_is_a_candidate_for_removal(store: Store, tmp_path: Path) -> None:
    two_days(store, tmp_path, buildings(("still there?", -60, None, None, None)))
    table = ANALYSES["land_change"].run(store, {}).table.sort_values("x")
    assert table["kind"].tolist() == ["removed_candidate", "new_candidate", "new_candidate"]
    assert table["buildings"].tolist()[0] == "still there?"


def test_small_areas_and_high_thresholds_leave_less(store: Store, tmp_path: Path) -> None:
    two_days(store, tmp_path, buildings(("stood", 0, None, None, None)))
    run = ANALYSES["land_change"].run
    assert len(run(store, {"min_area": 401}).table) == 0
    counts = [len(run(store, {"threshold": level}).table) for level in (0.1, 0.3, 0.9)]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (3, 0)


def test_one_image_is_not_enough_for_a_change(store: Store, tmp_path: Path) -> None:
    scene = raster(tmp_path / "a.tif", painted(), "imagery", date(2015, 6, 1), names=FOUR)
    put(store, "2015", scene)
    with pytest.raises(InputError, match="two images of different days"):
        ANALYSES["land_change"].run(store, {})


def test_images_on_different_grids_are_compared_on_the_first(store: Store, tmp_path: Path) -> None:
    two_days(store, tmp_path, buildings(("stood", 0, None, None, None)))
    later = painted((house(0), ROOF), (house(60), ROOF))[:, 10:-10, 10:-10]
    corner = WEST_EDGE + 10 * CELL, TOP_EDGE - 10 * CELL
    scene = raster(
        tmp_path / "c.tif", later, "imagery", date(2030, 1, 1), names=FOUR, corner=corner
    )
    put(store, "2030", scene)
    result = ANALYSES["land_change"].run(store, {"before": "2025-06-01"})
    (kind,) = result.table["kind"]
    assert kind == "other"
    (outline,) = shapely.from_wkt(result.table["outline"].to_list())
    assert outline.symmetric_difference(house(120)).area < 1e-6


def hilly(height: float = 0.0) -> np.ndarray:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    return (70 + columns * 0.01 + rows * 0.0 + height).astype("float32")[None]


def with_roofs(surface: np.ndarray, *roofs: tuple[float, float]) -> np.ndarray:
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    x, y = WEST_EDGE + (columns + 0.5) * CELL, TOP_EDGE - (rows + 0.5) * CELL
    risen = surface.copy()
    for east, height in roofs:
        inside = shapely.contains_xy(house(east), x.ravel(), y.ravel()).reshape(SIZE, SIZE)
        risen[0][inside] += height
    return risen


def test_buildings_get_their_heights_from_surface_and_terrain(store: Store, tmp_path: Path) -> None:
    put(store, "houses", buildings(("a", 0, 10.0, None, None), ("b", 60, None, None, None)))
    put(store, "dtm", raster(tmp_path / "t.tif", hilly(), "terrain"))
    put(store, "dsm", raster(tmp_path / "s.tif", with_roofs(hilly(), (0, 12), (60, 30)), "surface"))
    result = ANALYSES["building_heights"].run(store, {})
    table = result.table
    assert table["height"].to_numpy() == pytest.approx([12, 30], abs=0.15)
    assert table["ground_height"].to_numpy() == pytest.approx([70.4, 70.64], abs=0.05)
    assert table["difference"].to_numpy()[0] == pytest.approx(2, abs=0.15)
    assert np.isnan(table["difference"].to_numpy()[1])
    assert (result.facts["surface"], result.facts["terrain"]) == ("s", "t")


def test_an_antenna_does_not_make_a_building_taller(store: Store, tmp_path: Path) -> None:
    put(store, "houses", buildings(("a", 0, None, None, None)))
    surface = with_roofs(hilly(), (0, 12))
    row, column = int((TOP_EDGE - NORTH - 10) / CELL), int((EAST + 10 - WEST_EDGE) / CELL)
    surface[0, row, column] += 40
    put(store, "dtm", raster(tmp_path / "t.tif", hilly(), "terrain"))
    put(store, "dsm", raster(tmp_path / "s.tif", surface, "surface"))
    assert ANALYSES["building_heights"].run(store, {}).table["height"].iloc[0] < 13


def test_a_building_outside_the_surface_has_no_height(store: Store, tmp_path: Path) -> None:
    put(store, "houses", buildings(("far", 5000, 8.0, None, None)))
    put(store, "dtm", raster(tmp_path / "t.tif", hilly(), "terrain"))
    put(store, "dsm", raster(tmp_path / "s.tif", hilly(9), "surface"))
    result = ANALYSES["building_heights"].run(store, {})
    assert result.table["height"].isna().all()
    assert result.facts["unknown"] == 1


def test_without_a_surface_model_there_are_no_heights(store: Store) -> None:
    put(store, "houses", cities.street())
    with pytest.raises(InputError, match="no surface model"):
        ANALYSES["building_heights"].run(store, {})


def test_an_image_is_read_in_strips_of_whole_blocks(tmp_path: Path) -> None:
    found = raster(tmp_path / "s.tif", painted(), "imagery", names=FOUR)
    with rasterio.open(found.path) as file:
        windows = list(strips(file, 2))
    assert sum(each.height for each in windows) == SIZE
    assert {each.width for each in windows} == {SIZE}
