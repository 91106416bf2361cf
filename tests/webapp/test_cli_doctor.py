"""The shell's doctor, profiles and local grids, as people use them."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from click.testing import CliRunner, Result

from cim.store import create_city, open_city
from webapp.cli import main


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def zoned(tmp_path: Path) -> Path:
    """Points of zone 38 with prefix, in a table that says nothing."""
    path = tmp_path / "points.csv"
    path.write_text("x,y,编号\n38531000,3852000,a\n38531050,3852020,b\n", encoding="utf-8")
    return path


@pytest.fixture
def city(tmp_path: Path) -> Path:
    create_city(str(tmp_path / "city"), "EPSG:4547").close()
    return tmp_path / "city"


def test_fixes_are_written_beside_the_file_and_the_load_uses_them(zoned: Path, city: Path) -> None:
    before = zoned.read_bytes()
    assert run("doctor", zoned).exit_code == 1
    done = run("doctor", zoned, "--fix", "--json")
    assert done.exit_code == 0
    (report,) = json.loads(done.stdout)["files"]
    assert [each["code"] for each in report["mended"]] == ["crs_missing"]
    assert report["was"]["troubles"] == ["crs_missing"]
    profile = zoned.with_name("points.csv.profile.toml")
    assert report["written"] == str(profile)
    assert 'crs = "EPSG:4526"' in profile.read_text("utf-8")
    assert zoned.read_bytes() == before
    loaded = run("load", city, zoned)
    assert loaded.exit_code == 0
    assert "2 new" in loaded.stdout
    assert "lies beside the file and was used" in loaded.stdout
    told = run("profile", city, "points")
    assert 'crs = "EPSG:4526"' in told.stdout
    assert run("profile", city, "nothing").exit_code == 1


def test_a_load_may_mend_by_itself(zoned: Path, city: Path) -> None:
    assert run("load", city, zoned).exit_code == 1
    done = run("load", city, zoned, "--fix")
    assert done.exit_code == 0, done.output
    assert "take it as EPSG:4526" in done.stdout


def test_fixes_go_where_they_are_wanted(zoned: Path, tmp_path: Path) -> None:
    target = tmp_path / "my.toml"
    assert run("doctor", zoned, "--fix", "--profile", target).exit_code == 0
    assert "EPSG:4526" in target.read_text("utf-8")
    assert not zoned.with_name("points.csv.profile.toml").exists()
    assert run("doctor", zoned, "--profile", target).exit_code == 0


def test_a_city_tells_the_doctor_more(tmp_path: Path, city: Path) -> None:
    draw = np.random.default_rng(1)
    at = np.array([531_000.0, 3_852_000.0]) + draw.uniform(0, 900, (200, 2))
    shapes = shapely.box(*at.T, *(at + 12).T)
    table = gpd.GeoDataFrame({"id": [str(n) for n in range(200)]}, geometry=shapes, crs="EPSG:4547")
    table.to_file(tmp_path / "houses.gpkg")
    assert run("load", city, tmp_path / "houses.gpkg").exit_code == 0
    table.set_crs("EPSG:4548", allow_override=True).to_file(tmp_path / "buildings.gpkg")
    done = run("doctor", tmp_path / "buildings.gpkg", "--city", city)
    assert "taken as EPSG:4547" in done.stdout
    assert "m as it is" in done.stdout or "nothing near as it is" in done.stdout


@pytest.mark.parametrize(
    "option",
    [
        ("--value", "function=x"),
        ("--value", "colour:1=red"),
        ("--unit", "h"),
        ("--unit", "h=furlong"),
        ("--anchor", "here"),
        ("--height-offset", "nan"),
        ("--text-repair", "x"),
        ("--profile", "nowhere.toml"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(zoned: Path, city: Path, option: tuple) -> None:
    done = run("load", city, zoned, "--crs", "EPSG:4526", *option)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")


def test_options_reach_the_reader(city: Path, tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    path.write_text("x,y,编号,楼高,用途\n3852000,531000,a,9000,R\n", encoding="utf-8")
    done = run(
        "load", city, path, "--crs", "EPSG:4547", "--swap-axes", "--field", "楼高=height",
        "--unit", "楼高=mm", "--value", "function:R=residential", "--class", "Building",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    shown = json.loads(run("show", city, "a", "--json").stdout)
    assert (shown["height"], shown["function"]) == (9.0, "residential")


def control(path: Path, count: int = 6) -> Path:
    """Control points of a grid that is the zone less 500 km east and 3800 km north, turned."""
    draw = np.random.default_rng(3)
    base = np.array([531_000.0, 3_852_000.0]) + draw.uniform(-5_000, 5_000, (count, 2))
    turn = np.radians(0.3)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    grid = (base - [500_000, 3_800_000]) @ matrix
    rows = [
        f"P{at},{a:.4f},{b:.4f},{c:.4f},{d:.4f}"
        for at, ((a, b), (c, d)) in enumerate(zip(grid, base, strict=True))
    ]
    path.write_text("点号,from_x,from_y,to_x,to_y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_local_grid_is_fitted_and_used_as_a_crs(tmp_path: Path, city: Path) -> None:
    points, grid = control(tmp_path / "points.csv"), tmp_path / "grid.toml"
    done = run(
        "localgrid", "fit", points, "--from", "Kaifeng grid", "--to", "EPSG:4547", "-o", grid,
        "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["rms"] < 1e-3
    assert made["freedom"] == 8
    assert made["residuals"][0]["point"] == "P0"
    first = points.read_text("utf-8").splitlines()[1].split(",")
    table = tmp_path / "trees.csv"
    table.write_text(f"x,y,id\n{first[1]},{first[2]},a\n", encoding="utf-8")
    assert run("load", city, table, "--crs", grid).exit_code == 0
    grid.unlink()  # the data set keeps what it needs
    with open_city(str(city)) as store:
        (point,) = store.select().objects.geometry
    assert (point.x, point.y) == pytest.approx((float(first[3]), float(first[4])), abs=1e-3)
    assert "DERIVEDPROJCRS" in run("profile", city, "trees").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no column from_x"),
        ("from_x,from_y,to_x,to_y\n1,2,3,x\n", "is no number"),
        ("from_x,from_y,to_x,to_y\n1,2,3,4\n", "too few"),
        ("", "no column"),
    ],
)
def test_control_points_that_say_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    done = run("localgrid", "fit", path, "--from", "x", "--to", "EPSG:4547", "-o", tmp_path / "g")
    assert done.exit_code == 1
    assert said in done.stderr
    assert not (tmp_path / "g").exists()


def test_a_city_keeps_its_geoid(tmp_path: Path) -> None:
    path = tmp_path / "grid.gtx"
    path.write_bytes(b"none")
    done = run("init", tmp_path / "new", "--crs", "EPSG:4547", "--geoid", path)
    assert done.exit_code == 1
    assert "not a grid of a quasi-geoid" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("system", ["GCJ-02", "BD-09"])
def test_a_city_goes_out_and_in_as_web_maps_have_it(
    tmp_path: Path, city: Path, system: str
) -> None:
    table = gpd.GeoDataFrame(
        {"id": ["a", "b"]},
        geometry=[
            shapely.box(531_000, 3_852_000, 531_010, 3_852_010),
            shapely.Point(531_000, 3_852_500, 7),
        ],
        crs="EPSG:4547",
    )
    table.to_crs("EPSG:4490").to_file(tmp_path / "things.geojson", driver="GeoJSON")
    assert run("load", city, tmp_path / "things.geojson").exit_code == 0
    out = tmp_path / "web.geojson"
    done = run("export", city, "-o", out, "--crs", system)
    assert done.exit_code == 0, done.output
    assert f"coordinates are {system}" in done.stderr
    moved = gpd.read_file(out).to_crs("EPSG:4547").geometry
    assert 300 < moved.iloc[0].distance(table.geometry.iloc[0]) < 2000
    create_city(str(tmp_path / "again"), "EPSG:4547").close()
    assert (
        run("load", tmp_path / "again", out, "--crs", system, "--id-field", "object_id").exit_code
        == 0
    )
    with open_city(str(tmp_path / "again")) as store:
        back = store.select().objects.set_index("object_id").geometry
    for name, shape in zip(["a", "b"], table.geometry, strict=True):
        assert back[name].hausdorff_distance(shape) < 0.1
    for refused in ("a.gpkg", "a.glb"):
        assert run("export", city, "-o", tmp_path / refused, "--crs", system).exit_code == 2
