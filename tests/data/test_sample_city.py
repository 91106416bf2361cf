"""The sample city is what it says it is, seen with other eyes than the ingest package's."""

import importlib.util
import json
import sys
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import ifcopenshell
import ifcopenshell.geom
import ifcopenshell.validate
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely

SCRIPT = Path(__file__).parents[2] / "data" / "make_city.py"


@pytest.fixture(scope="session")
def script():
    spec = importlib.util.spec_from_file_location("make_city", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made(script, tmp_path_factory):
    out = tmp_path_factory.mktemp("sample") / "city"
    return out, script.make(out, seed=1)


@pytest.fixture(scope="session")
def buildings(made):
    """Footprints that stand, all in EPSG:4547."""
    out, _ = made
    old = pyogrio.read_dataframe(out / "buildings_old_town.shp", encoding="gb18030")
    new = pyogrio.read_dataframe(out / "buildings_new_town.gpkg").to_crs("EPSG:4547")
    return np.concatenate([old.geometry.to_numpy(), new.geometry.to_numpy()])


def layer(made, file, name):
    return pyogrio.read_dataframe(made[0] / file, layer=name)


def test_it_is_big_enough_and_small_enough(made):
    out, found = made
    assert found["buildings"]["existing"] >= 10_000
    assert sum(each.stat().st_size for each in out.iterdir()) < 42e6
    assert json.loads((out / "expected.json").read_text("utf-8")) == found


def test_every_file_is_in_the_delivery_and_the_other_way_round(made):
    out, found = made
    listed = tomllib.loads((out / "delivery.toml").read_text("utf-8"))["dataset"]
    files = {each["file"] for each in listed}
    sidecars = {".shx", ".dbf", ".prj"}
    present = {each.name for each in out.iterdir() if each.suffix not in sidecars}
    assert files == present - {"delivery.toml", "expected.json"}
    assert {each["name"] for each in listed} == set(found["datasets"])


def test_the_shapefile_is_gbk_and_does_not_say_so(made):
    out, found = made
    assert not (out / "buildings_old_town.cpg").exists()
    table = pyogrio.read_dataframe(out / "buildings_old_town.shp", encoding="gb18030")
    assert {"编号", "名称", "用途", "层数", "高度", "建成年", "地面高"} <= set(table.columns)
    assert all(len(each.encode("gbk")) <= 10 for each in table.columns)
    assert len(table) == found["datasets"]["buildings-old-town"]["objects"]
    assert set(table["用途"]) >= {"住宅", "商业"}


def test_zoned_eastings_carry_the_zone(made):
    west, _, east, _ = pyogrio.read_info(made[0] / "buildings_new_town.gpkg")["total_bounds"]
    assert 38_520_000 < west < east < 38_540_000


def test_buildings_are_valid_and_overlap_neither_each_other_nor_streets_nor_water(made, buildings):
    assert shapely.is_valid(buildings).all()
    tree = shapely.STRtree(buildings)
    first, second = tree.query(buildings, predicate="intersects")
    assert (first == second).all()
    roads = layer(made, "pipes.gpkg", "pipes").query("network == 'sewer'").geometry.to_numpy()
    assert len(tree.query(roads, predicate="intersects")[0]) == 0
    water = layer(made, "town.gpkg", "water").geometry.to_numpy()
    assert len(tree.query(water, predicate="intersects")[0]) == 0
    wall = layer(made, "town.gpkg", "wall").geometry.to_numpy()
    assert len(tree.query(wall, predicate="intersects")[0]) == 0


def test_the_wall_is_as_long_as_published(made):
    assert made[1]["wall_length_m"] == pytest.approx(14_400, abs=0.5)
    wall = layer(made, "town.gpkg", "wall")
    gates = 7
    assert len(wall) == gates
    assert wall.area.sum() / 14 == pytest.approx(14_400 - gates * 44, rel=0.005)


def test_the_river_lies_above_the_plain(made):
    out, found = made
    with rasterio.open(out / "terrain.tif") as file:
        heights, transform = file.read(1), file.transform
        assert file.crs.to_epsg() == 4547
    assert heights.dtype == np.float32
    assert found["datasets"]["terrain"]["mean"] == pytest.approx(
        heights.mean(dtype=float), abs=1e-3
    )

    def at(north):
        column, row = ~transform * (531_700, north)
        return heights[int(row), int(column)]

    bed = min(at(north) for north in range(3_861_500, 3_864_000, 50))
    town = max(at(north) for north in range(3_850_400, 3_854_100, 50))
    levee = max(at(north) for north in range(3_859_500, 3_861_500, 10))
    assert 70 < town < 76
    assert 80 < bed < 82
    assert bed - town > 5
    assert 90 < levee < 92


def test_gcj_02_is_the_published_shift(script):
    gcj02 = sys.modules["kaifeng.frame"].gcj02
    shanghai = gcj02(np.array([[121.5272106, 31.1774276]]))[0]
    assert shanghai == pytest.approx([121.531541859215, 31.17530398364597], abs=5e-7)


def test_roads_are_shifted_and_join(made):
    out, found = made
    roads = gpd.read_file(out / "roads.geojson")
    assert len(roads) == found["networks"]["road"]["edges"]
    places = gpd.read_file(out / "junctions.geojson").set_index("node_id").geometry
    first = places[roads["start_node"]].to_numpy()
    last = places[roads["end_node"]].to_numpy()
    lines = roads.geometry.to_numpy()
    assert shapely.distance(shapely.get_point(lines, 0), first).max() < 1e-7
    assert shapely.distance(shapely.get_point(lines, -1), last).max() < 1e-7
    true = pyogrio.read_dataframe(out / "pipes.gpkg", layer="pipes").to_crs(4490).total_bounds
    gap = (roads.total_bounds - true)[[0, 2]] * 91_400
    assert 300 < gap.min() < gap.max() < 900


def test_pipes_end_at_their_nodes_and_sewers_fall(made):
    pipes, nodes = (layer(made, "pipes.gpkg", each) for each in ("pipes", "nodes"))
    assert set(pipes["cjj61"]) == {"JS", "YS", "WS", "RQ", "RL", "DL", "DX"}
    assert set(nodes["class"]) == {"Manhole", "Valve", "UtilityNode"}
    xyz = shapely.get_coordinates(nodes.geometry, include_z=True)
    where = pd.DataFrame(xyz, index=nodes["node_id"])
    lines = pipes.geometry.to_numpy()
    for column, end in (("start_node", 0), ("end_node", -1)):
        points = shapely.get_coordinates(shapely.get_point(lines, end), include_z=True)
        gap = np.abs(points - where.loc[pipes[column]].to_numpy())
        assert gap[:, :2].max() < 0.002
        assert gap[:, 2].max() < 1.05
    gravity = pipes["network"].isin(["sewer", "storm"]).to_numpy()
    top = where.loc[pipes["start_node"], 2].to_numpy()
    bottom = where.loc[pipes["end_node"], 2].to_numpy()
    assert (top >= bottom)[gravity].all()
    assert pipes[["depth_start", "depth_end"]].min().min() > 0.5
    leaving = pipes[gravity].groupby("start_node").size()
    assert leaving.max() == 1


def test_the_metro_is_below_ground(made):
    stations = layer(made, "metro.gpkg", "stations")
    assert (stations["ground_height"] < 60).all()
    tunnels = layer(made, "metro.gpkg", "tunnels")
    assert shapely.get_coordinates(tunnels.geometry, include_z=True)[:, 2].max() < 60


def test_green_has_the_defects_that_it_says(made):
    found = made[1]["datasets"]["green"]
    with np.errstate(invalid="ignore"):
        green = layer(made, "town.gpkg", "green")
        finite = np.array([np.isfinite(each.bounds).all() for each in green.geometry])
    xy, owner = shapely.get_coordinates(green.geometry, return_index=True)
    finite[owner[~np.isfinite(xy).all(axis=1)]] = False
    assert (~shapely.is_valid(green.geometry[finite])).sum() == found["repaired"] == 3
    rejected = (~finite).sum() + green["object_id"].duplicated().sum()
    assert rejected == found["rejected"] == 2
    assert len(green) == found["objects"] + rejected


def test_planned_buildings_are_still_to_come(made):
    planned, gone = (layer(made, "planning.gpkg", each) for each in ("planned", "demolished"))
    assert set(planned["status"]) == {"planned"}
    years = pd.to_datetime(planned["valid_from"]).dt.year
    assert years.between(2028, 2032).all()
    assert (pd.to_datetime(gone["valid_to"]) > pd.to_datetime(gone["valid_from"])).all()
    standing = made[1]["buildings"]["valid_on"]
    assert standing["2015-01-01"] < standing["2025-06-01"] < standing["2030-06-01"]


def test_landmarks_are_closed_solids(made):
    out, found = made
    document = json.loads((out / "landmarks.city.json").read_text("utf-8"))
    assert (document["type"], document["version"]) == ("CityJSON", "2.0")
    xyz = np.array(document["vertices"]) * document["transform"]["scale"]
    volume = 0.0
    solids = [g for o in document["CityObjects"].values() for g in o.get("geometry", [])]
    for solid in solids:
        faces = [face[0] for face in solid["boundaries"][0]]
        edges = [pair for face in faces for pair in pairwise([*face, face[0]])]
        assert len(edges) == len(set(edges))
        assert set(edges) == {(b, a) for a, b in edges}
        middle = xyz[faces[0][0]]
        for face in faces:
            corner = xyz[face] - middle
            flat = corner - corner.mean(axis=0)
            assert np.linalg.svd(flat)[1][2] < 0.01
            for i in range(1, len(face) - 1):
                volume += np.linalg.det(corner[[0, i, i + 1]]) / 6
        kinds = {solid["semantics"]["surfaces"][i]["type"] for i in solid["semantics"]["values"][0]}
        assert kinds >= {"RoofSurface", "WallSurface", "GroundSurface"}
    assert volume == pytest.approx(found["datasets"]["landmarks"]["volume_m3"], abs=1)
    pagoda = document["CityObjects"]["LM-PAGODA-1"]["geometry"][0]["boundaries"][0]
    z = [xyz[i, 2] for face in pagoda for i in face[0]]
    assert max(z) - min(z) == pytest.approx(55.88, abs=0.002)


@pytest.mark.parametrize("name", ["office_ifc4", "school_ifc2x3"])
def test_models_are_valid_and_every_element_has_a_mesh(made, name):
    out, found = made
    model = ifcopenshell.open(out / f"{name}.ifc")
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(model, logger)
    assert logger.statements == []
    wanted = found["datasets"][f"{name.partition('_')[0]}-ifc"]["ifc_classes"]
    assert {each: len(model.by_type(each)) for each in wanted} == wanted
    settings = ifcopenshell.geom.settings()
    iterator = ifcopenshell.geom.iterator(settings, model)
    assert iterator.initialize()
    shapes = 0
    while True:
        assert len(iterator.get().geometry.verts) > 0
        shapes += 1
        if not iterator.next():
            break
    assert shapes == sum(1 for each in model.by_type("IfcProduct") if each.Representation)


def placement_of(model):
    """(easting, northing, cosine, sine, metres per unit) however the file says it."""
    if model.schema == "IFC4":
        found = model.by_type("IfcMapConversion")[0]
        values = found.get_info()
    else:
        pset = next(p for p in model.by_type("IfcPropertySet") if p.Name == "ePSet_MapConversion")
        values = {each.Name: each.NominalValue.wrappedValue for each in pset.HasProperties}
    keys = ("Eastings", "Northings", "XAxisAbscissa", "XAxisOrdinate", "Scale")
    return [values[key] for key in keys]


@pytest.mark.parametrize("name", ["office_ifc4", "school_ifc2x3"])
def test_models_stand_where_they_should_and_on_free_ground(made, buildings, name):
    out, found = made
    model = ifcopenshell.open(out / f"{name}.ifc")
    east, north, cos, sin, scale = placement_of(model)
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    settings.set("convert-back-units", True)
    corners = [np.array(ifcopenshell.geom.create_shape(settings, each).geometry.verts)
               for each in model.by_type("IfcWall")]  # fmt: skip
    xy = np.concatenate(corners).reshape(-1, 3)[:, :2] * scale
    turned = xy @ np.array([[cos, sin], [-sin, cos]]) + (east, north)
    outline = shapely.MultiPoint(turned).convex_hull
    wanted = shapely.Polygon(found["datasets"][f"{name.partition('_')[0]}-ifc"]["footprint_en"])
    assert outline.symmetric_difference(wanted).area < 0.1
    assert not shapely.STRtree(buildings).query(wanted, predicate="intersects").size


def test_satellite_scenes_show_what_was_built(made):
    out, _ = made
    scenes = []
    for year in (2015, 2025):
        with rasterio.open(out / f"satellite_{year}.tif") as file:
            assert file.descriptions == ("blue", "green", "red", "nir")
            scenes.append(file.read().astype(float))
            transform = file.transform
    vegetation = [(s[3] - s[2]) / (s[3] + s[2]) for s in scenes]
    new = pyogrio.read_dataframe(out / "buildings_new_town.gpkg").to_crs("EPSG:4547")
    young = new[pd.to_datetime(new["valid_from"]) > pd.Timestamp(date(2019, 1, 1))]
    centres = young.geometry.representative_point()
    column, row = ~transform * (centres.x, centres.y)
    change = np.abs(scenes[1] - scenes[0])[:, row.astype(int), column.astype(int)].mean()
    assert change > 2 * np.abs(scenes[1] - scenes[0]).mean()
    assert vegetation[1].mean() < vegetation[0].mean()


def test_people_live_where_homes_are(made):
    out, found = made
    with rasterio.open(out / "population.tif") as file:
        people = file.read(1)
    assert 300_000 < people.sum(dtype=float) < 2_500_000
    assert people.sum(dtype=float) == pytest.approx(found["datasets"]["population"]["sum"], abs=1)


def test_the_same_seed_gives_the_same_bytes(made, tmp_path):
    out, _ = made
    delivery = sys.modules["kaifeng.delivery"]
    again = delivery.Delivery(tmp_path, delivery.make_district(1), 1)
    for part in (again.buildings, again.ground_cover, again.networks, again.points, again.models):
        part()
    for file in sorted(tmp_path.iterdir()):
        assert file.read_bytes() == (out / file.name).read_bytes(), file.name


def test_the_benchmark_city_has_any_size_and_changes(script, tmp_path):
    found = script.make_benchmark(tmp_path, 3_000, change=0.05)
    first = pyogrio.read_dataframe(tmp_path / "buildings.fgb")
    second = pyogrio.read_dataframe(tmp_path / "changed" / "buildings.fgb")
    assert len(first) == len(second) == found["objects"] == 3_000
    assert first.area.sum() == pytest.approx(found["footprint_m2"], rel=1e-6)
    corners = shapely.get_num_coordinates(first.geometry) - 1
    assert (corners.min(), corners.max()) == (4, 12)
    tree = shapely.STRtree(first.geometry.to_numpy())
    a, b = tree.query(first.geometry.to_numpy(), predicate="intersects")
    assert (a == b).all()
    both = first.merge(second, on="object_id", suffixes=("", "_later"))
    changed = (both["height"] != both["height_later"]).sum()
    assert changed == found["changed"]["changed"]
    assert 0.03 < changed / 3_000 < 0.07
