import itertools
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from cim import zones
from cim.errors import InputError
from cim.model import Coverage
from cim.zones import zonal_statistics

CRS = "EPSG:4547"
WEST, NORTH = 500_000.0, 3_900_000.0


def coverage(path: Path, grid: np.ndarray, cell: float = 1.0, nodata: float = -9999) -> Coverage:
    profile = {"driver": "GTiff", "count": 1, "crs": CRS, "nodata": nodata, "dtype": grid.dtype}
    profile |= {"height": grid.shape[0], "width": grid.shape[1]}
    with rasterio.open(
        path, "w", transform=from_origin(WEST, NORTH, cell, cell), **profile
    ) as file:
        file.write(grid, 1)
    return Coverage(path.stem, "surface", path, CRS, (0, 0, 0, 0), *grid.shape[::-1], ())


def at(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape drawn with x to the right and y down from the corner of the grid, in cells."""
    return shapely.transform(shape, lambda xy: xy * (1, -1) + (WEST, NORTH))


def made_up(count: int, size: tuple[int, int], seed: int = 1) -> list[shapely.Geometry]:
    """Discs, discs with holes, and discs with a box apart; some reach beyond the grid."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        centre = rng.random(2) * (np.array(size) + 10) - 5
        shape = shapely.Point(centre).buffer(rng.random() * 8 + 0.1, quad_segs=3)
        if number % 2:
            shape = shape.difference(shapely.Point(centre + 0.5).buffer(rng.random() * 3))
        if number % 3 == 0:
            shape = shape.union(shapely.box(*(centre + 10), *(centre + 12.3)))
        if not shape.is_empty:
            found.append(shape)
    return found


def test_a_square_on_whole_cells_is_their_plain_mean(tmp_path: Path) -> None:
    grid = np.arange(25, dtype="float32").reshape(5, 5)
    table = zonal_statistics(coverage(tmp_path / "g.tif", grid), CRS, [at(shapely.box(1, 1, 3, 3))])
    assert table.iloc[0].to_dict() == pytest.approx(
        {"count": 4, "sum": 36, "mean": 9, "minimum": 6, "maximum": 12}
    )


def test_a_half_covered_cell_counts_half(tmp_path: Path) -> None:
    grid = np.array([[10.0, 20.0]])
    (row,) = zonal_statistics(
        coverage(tmp_path / "g.tif", grid), CRS, [at(shapely.box(0, 0, 1.5, 1))]
    ).itertuples()
    assert (row.count, row.sum) == pytest.approx((1.5, 20))
    assert row.mean == pytest.approx(20 / 1.5)


def test_covered_parts_are_those_of_an_exact_intersection(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    grid = rng.random((30, 40))
    shapes = made_up(60, (40, 30))
    table = zonal_statistics(coverage(tmp_path / "g.tif", grid), CRS, [at(s) for s in shapes])
    cells = [(r, c, shapely.box(c, r, c + 1, r + 1)) for r in range(30) for c in range(40)]
    for number, shape in enumerate(shapes):
        areas = [(shape.intersection(box).area, grid[r, c]) for r, c, box in cells]
        assert table["count"][number] == pytest.approx(sum(a for a, _ in areas), abs=1e-7)
        if table["count"][number] > 0:
            total = sum(area * value for area, value in areas)
            assert table["sum"][number] == pytest.approx(total, abs=1e-7)


def test_neighbours_share_out_every_cell_exactly_once(tmp_path: Path) -> None:
    grid = np.ones((20, 20))
    rng = np.random.default_rng(5)
    seeds = shapely.multipoints(rng.random((40, 2)) * 20)
    pieces = shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=shapely.box(0, 0, 20, 20)))
    pieces = shapely.intersection(pieces, shapely.box(0, 0, 20, 20))
    table = zonal_statistics(coverage(tmp_path / "g.tif", grid), CRS, [at(p) for p in pieces])
    assert table["count"].sum() == pytest.approx(400)


@pytest.mark.parametrize("classes", [False, True])
def test_it_says_the_same_as_exactextract(tmp_path: Path, classes: bool) -> None:
    exactextract = pytest.importorskip("exactextract")
    rng = np.random.default_rng(7)
    grid = rng.integers(0, 12, (60, 80)) if classes else rng.random((60, 80)) * 12
    grid = grid.astype("float32")
    grid[10:20, 30:50] = -9999
    found = coverage(tmp_path / "g.tif", grid)
    shapes = [at(shape) for shape in made_up(200, (80, 60))]
    ours = zonal_statistics(found, CRS, shapes, quantiles=(0.5, 0.9))
    asked = ["count", "sum", "mean", "min", "max", "majority", "median", "quantile(q=0.9)"]
    theirs = exactextract.exact_extract(
        str(found.path), gpd.GeoDataFrame(geometry=shapes, crs=CRS), asked, output="pandas"
    )
    assert len(ours) > 150
    known = ours["count"].to_numpy() > 0
    for own, other in zip(ours.columns, theirs.columns, strict=True):
        if own in ({"q0.5", "q0.9"} if classes else {"majority"}):
            continue  # between equal values, or values all different, theirs is not defined
        same = np.abs(ours[own] - theirs[other])[known]
        assert same.max() < 2e-3, own  # their covered parts are single precision


def test_cells_without_a_value_do_not_count_and_nothing_is_unknown(tmp_path: Path) -> None:
    grid = np.array([[1.0, -9999.0], [3.0, -9999.0]])
    shapes = [shapely.box(0, 0, 2, 2), shapely.box(1, 0, 2, 2), shapely.box(50, 50, 60, 60)]
    shapes = [*map(at, shapes), None, shapely.Polygon(), shapely.Point(WEST, NORTH)]
    table = zonal_statistics(coverage(tmp_path / "g.tif", grid), CRS, shapes)
    assert table["count"].tolist() == [2, 0, 0, 0, 0, 0]
    assert table["mean"][0] == 2
    assert table["mean"][1:].isna().all()


def test_of_no_polygons_there_are_no_rows(tmp_path: Path) -> None:
    assert len(zonal_statistics(coverage(tmp_path / "g.tif", np.ones((3, 3))), CRS, [])) == 0


def test_majority_is_the_class_with_the_most_area(tmp_path: Path) -> None:
    grid = np.array([[10, 10, 50], [10, 50, 50], [80, 50, 50]], "uint8")
    found = coverage(tmp_path / "g.tif", grid, nodata=0)
    shapes = [at(shapely.box(0, 0, 3, 3)), at(shapely.box(0, 0, 2, 2.5))]
    table = zonal_statistics(found, CRS, shapes, quantiles=(0.5,))
    assert table["majority"].tolist() == [50, 10]


def test_polygons_in_degrees_are_measured_in_the_rasters_grid(tmp_path: Path) -> None:
    found = coverage(tmp_path / "g.tif", np.arange(100.0).reshape(10, 10), cell=30)
    shape = shapely.box(WEST + 30, NORTH - 90, WEST + 90, NORTH - 30)
    degrees = gpd.GeoSeries([shape], crs=CRS).to_crs("EPSG:4490")
    one = zonal_statistics(found, CRS, [shape])
    other = zonal_statistics(found, "EPSG:4490", degrees.to_numpy())
    assert other["mean"][0] == pytest.approx(one["mean"][0], abs=1e-3)


def test_scale_and_offset_of_a_band_are_applied(tmp_path: Path) -> None:
    found = coverage(tmp_path / "g.tif", np.full((4, 4), 250, "int16"))
    with rasterio.open(found.path, "r+") as file:
        file.scales, file.offsets = (0.1,), (-5.0,)
    table = zonal_statistics(found, CRS, [at(shapely.box(0, 0, 2, 2))])
    assert table["mean"][0] == pytest.approx(20)


@pytest.mark.parametrize("piece", [50, 400, 10_000])
def test_the_answer_does_not_depend_on_how_much_is_read_at_once(
    tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = np.random.default_rng(9).random((60, 80))
    found = coverage(tmp_path / "g.tif", grid)
    shapes = [at(shape) for shape in made_up(120, (80, 60))]
    whole = zonal_statistics(found, CRS, shapes)
    monkeypatch.setattr(zones, "PIECE", piece)
    pieces = zonal_statistics(found, CRS, shapes)
    for name in whole:
        assert np.allclose(whole[name], pieces[name], equal_nan=True, rtol=1e-9), name


def test_a_median_over_more_than_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = coverage(tmp_path / "g.tif", np.ones((60, 80)))
    monkeypatch.setattr(zones, "PIECE", 100)
    with pytest.raises(InputError, match="80 by 60 cells"):
        zonal_statistics(found, CRS, [at(shapely.box(0, 0, 80, 60))], quantiles=(0.5,))


def test_quantiles_rise_from_least_to_greatest(tmp_path: Path) -> None:
    found = coverage(tmp_path / "g.tif", np.random.default_rng(2).random((60, 80)))
    shapes = [at(shape) for shape in made_up(50, (80, 60))]
    shares = (0.0, 0.05, 0.5, 0.95, 1.0)
    table = zonal_statistics(found, CRS, shapes, quantiles=shares).dropna()
    assert len(table) > 30
    names = [f"q{share:g}" for share in shares]
    for low, high in itertools.pairwise(names):
        assert (table[low] <= table[high] + 1e-12).all()
    assert np.allclose(table["q0"], table["minimum"])
    assert np.allclose(table["q1"], table["maximum"])
