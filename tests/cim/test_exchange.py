"""What `cim.exchange` writes, read back by programs that do not know us."""

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cities
import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely import LineString, Point, box
from shapely.geometry import shape

from cim.errors import InputError, NotFoundError
from cim.exchange import FORMATS, format_of, write
from cim.model import Batch, CityModel


def model(*batches: Batch) -> CityModel:
    """The objects of these batches as a store would select them."""
    objects = pd.concat([each.objects for each in batches], ignore_index=True)
    objects = objects.assign(dataset="test", cim_level=2, version=1, load=1)
    frame = gpd.GeoDataFrame(objects, geometry="geometry", crs=cities.CRS)
    frame.index = pd.Index(range(10, 10 + len(frame)), name="oid")
    by_id = dict(zip(frame["object_id"], frame.index, strict=True))
    meshes: dict[int, Any] = {}
    for batch in batches:
        for mesh in batch.meshes:
            meshes[by_id[mesh.object_id]] = (*meshes.get(by_id[mesh.object_id], ()), mesh)
    empty = pd.DataFrame()
    return CityModel("Test", 1, frame, empty, empty, (), meshes=meshes)


def document(found: CityModel, name: str) -> Any:
    """The JSON that format `name` makes of it."""
    body = write(found, None, name)
    assert body is not None
    return json.loads(body)


class TestEveryFormat:
    @pytest.mark.parametrize("name", FORMATS)
    def test_is_known_by_its_suffixes(self, name: str) -> None:
        for suffix in FORMATS[name].suffixes:
            assert format_of(Path(f"City{suffix.upper()}")) == name

    @pytest.mark.parametrize("name", FORMATS)
    def test_writes_an_empty_city(self, name: str, tmp_path: Path) -> None:
        found = model(cities.street(1))
        nothing = CityModel("Test", 1, found.objects.iloc[:0], found.nodes, found.edges, ())
        path = tmp_path / f"empty{FORMATS[name].suffixes[0]}"
        write(nothing, path, name)
        assert path.stat().st_size > 0

    @pytest.mark.parametrize("name", FORMATS)
    def test_file_and_bytes_hold_the_same_objects(self, name: str, tmp_path: Path) -> None:
        found = model(cities.street(3), cities.water_main())
        path = tmp_path / "out"
        assert write(found, path, name) is None
        body = write(found, None, name)
        assert body is not None
        assert abs(len(body) - path.stat().st_size) < 200
        assert [each.name for each in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("name", FORMATS)
    def test_keeps_the_old_file_if_the_disk_is_full(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "out"
        path.write_text("old")

        def full(found: CityModel, target: Path) -> None:
            target.write_text("half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(type(FORMATS[name]), "write", staticmethod(full), raising=False)
        with pytest.raises(InputError, match="No space left"):
            write(model(cities.street(1)), path, name)
        assert path.read_text() == "old"
        assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_unknown_format_names_the_closest() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'geojson'"):
        write(model(cities.street(1)), None, "geojsn")


def test_unknown_suffix_is_refused() -> None:
    with pytest.raises(InputError, match="cannot tell the format"):
        format_of(Path("city.dwg"))


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder"):
        write(model(cities.street(1)), tmp_path / "none" / "a.csv", "csv")


class TestGeoJson:
    def test_is_wgs84_with_object_ids(self) -> None:
        features = document(model(cities.street(3)), "geojson")["features"]
        assert [each["id"] for each in features] == ["b0", "b1", "b2"]
        centre = shape(features[0]["geometry"]).centroid
        assert (round(centre.x, 2), round(centre.y, 2)) == (114.34, 34.8)

    def test_outer_rings_turn_left(self) -> None:
        for each in document(model(cities.street(3)), "geojson")["features"]:
            assert shape(each["geometry"]).exterior.is_ccw

    def test_holds_columns_and_attributes(self) -> None:
        properties = document(model(cities.street(1)), "geojson")["features"][0]["properties"]
        assert properties["height"] == 3.0
        assert properties["storeys_above_ground"] == 1
        assert properties["owner"] == "城市"
        assert properties["oid"] == 10

    def test_unknown_is_absent(self) -> None:
        properties = document(model(cities.street(1), cities.unknown_house()), "geojson")
        assert "height" not in properties["features"][1]["properties"]

    def test_heights_of_lines_are_kept(self) -> None:
        features = document(model(cities.water_main()), "geojson")["features"]
        assert features[0]["geometry"]["coordinates"][0][2] == -1.5

    def test_an_attribute_cannot_hide_a_column(self) -> None:
        batch = cities.street(1)
        batch.objects["attributes"] = [{"height": "tall", "x": 1}]
        properties = document(model(batch), "geojson")["features"][0]["properties"]
        assert properties["height"] == 3.0
        assert properties["attributes"] == {"height": "tall"}

    def test_an_object_without_a_place_has_null(self) -> None:
        batch = cities.street(1)
        batch.objects["geometry"] = pd.Series([None], dtype=object)
        assert document(model(batch), "geojson")["features"][0]["geometry"] is None


class TestTables:
    def test_geopackage_has_a_layer_for_each_class(self, tmp_path: Path) -> None:
        path = tmp_path / "city.gpkg"
        write(model(cities.street(3), cities.water_main()), path, "gpkg")
        assert {name for name, _ in pyogrio.list_layers(path)} == {"Building", "Pipe", "Manhole"}
        houses = gpd.read_file(path, layer="Building")
        assert houses.crs == cities.CRS
        assert houses.geometry.area.round(6).tolist() == [100.0] * 3
        assert houses["year"].tolist() == [1990, 1991, 1992]
        pipes = gpd.read_file(path, layer="Pipe")
        assert pipes.geometry.iloc[0].has_z

    def test_geopackage_keeps_names_apart_that_differ_in_case(self, tmp_path: Path) -> None:
        batch = cities.street(1)
        batch.objects["attributes"] = [{"Height": 9, "fid": 5, "Year": 1, "year": 2, "none": None}]
        path = tmp_path / "city.gpkg"
        write(model(batch), path, "gpkg")
        read = gpd.read_file(path, layer="Building").iloc[0]
        assert (read["height"], read["Year"]) == (3.0, 1)
        assert json.loads(read["attributes"]) == {"Height": 9, "fid": 5, "year": 2}

    def test_rare_attributes_stay_together(self, tmp_path: Path) -> None:
        batch = cities.street(2)
        batch.objects["attributes"] = [{f"k{n}": n for n in range(201)}, {"k0": 1}]
        path = tmp_path / "city.parquet"
        write(model(batch), path, "parquet")
        read = gpd.read_parquet(path)
        assert json.loads(read["attributes"].iloc[0]) == {"k200": 200}

    def test_geoparquet_has_crs_and_boxes(self, tmp_path: Path) -> None:
        path = tmp_path / "city.parquet"
        write(model(cities.street(3)), path, "parquet")
        read = gpd.read_parquet(path)
        assert read.crs == cities.CRS
        assert read["height"].tolist() == [3.0, 6.0, 9.0]
        west = gpd.read_parquet(path, bbox=(cities.ORIGIN[0] - 1, 0, cities.ORIGIN[0] + 1, 9e6))
        assert west["object_id"].tolist() == ["b0"]

    def test_csv_has_a_point_inside_and_the_shape(self) -> None:
        body = write(model(cities.street(2), cities.unknown_house()), None, "csv")
        assert body is not None
        rows = list(csv.DictReader(body.decode().splitlines()))
        assert [row["object_id"] for row in rows] == ["b0", "b1", "u0"]
        assert float(rows[0]["lon"]) == pytest.approx(114.339, abs=0.002)
        assert rows[0]["wkt"].startswith("POLYGON ((114.3")
        assert rows[2]["height"] == ""


def solid_volume(geometry: Any, vertices: Any) -> float:
    """Volume inside the outer shell by the divergence theorem; wrong if any face turns inward."""
    total = 0.0
    for face in geometry["boundaries"][0]:
        for ring in face:
            points = vertices[np.array(ring)]
            for second, third in pairwise(points[1:]):
                total += float(np.dot(points[0], np.cross(second, third))) / 6
    return total


class TestCityJson:
    def real_vertices(self, found: Any) -> Any:
        transform = found["transform"]
        return np.array(found["vertices"]) * transform["scale"] + transform["translate"]

    def test_a_footprint_with_a_height_is_a_block(self) -> None:
        found = document(model(cities.street(3)), "cityjson")
        assert (found["type"], found["version"]) == ("CityJSON", "2.0")
        assert found["metadata"]["referenceSystem"].endswith("/EPSG/0/4547")
        block = found["CityObjects"]["b2"]["geometry"][0]
        assert (block["type"], block["lod"]) == ("Solid", "1")
        local = self.real_vertices(found) - [*cities.ORIGIN, 0]
        assert solid_volume(block, local) == pytest.approx(900, abs=0.1)
        used = local[np.unique([n for face in block["boundaries"][0] for n in face[0]])]
        assert (used[:, 2].min(), used[:, 2].max()) == (2.0, 11.0)
        assert block["semantics"]["values"] == [[0, 1, 2, 2, 2, 2]]

    def test_a_courtyard_stays_open(self) -> None:
        batch = cities.street(1)
        east, north = cities.ORIGIN
        yard = box(east + 2, north + 2, east + 4, north + 4)
        batch.objects["geometry"] = pd.Series([cities.square(0).difference(yard)], dtype=object)
        found = document(model(batch), "cityjson")
        block = found["CityObjects"]["b0"]["geometry"][0]
        walls = block["boundaries"][0][2:]
        assert len(walls) == 8
        assert len(block["boundaries"][0][0]) == 2

    def test_a_house_in_two_parts_is_two_solids(self) -> None:
        batch = cities.street(1)
        both = cities.square(0).union(cities.square(1))
        batch.objects["geometry"] = pd.Series([both], dtype=object)
        block = document(model(batch), "cityjson")["CityObjects"]["b0"]["geometry"][0]
        assert block["type"] == "CompositeSolid"
        assert len(block["boundaries"]) == len(block["semantics"]["values"]) == 2

    def test_surfaces_and_semantics_are_kept(self) -> None:
        found = document(model(cities.cube()), "cityjson")
        solid = found["CityObjects"]["c0"]["geometry"][0]
        assert (solid["type"], solid["lod"]) == ("Solid", "2")
        assert solid["semantics"]["values"] == [[0, 1, 2, 2, 2, 2]]
        local = self.real_vertices(found) - [*cities.ORIGIN, 0]
        assert solid_volume(solid, local) == pytest.approx(1000, abs=0.1)

    def test_an_unknown_height_is_an_outline(self) -> None:
        found = document(model(cities.unknown_house()), "cityjson")
        outline = found["CityObjects"]["u0"]["geometry"][0]
        assert (outline["type"], outline["lod"]) == ("MultiSurface", "0")
        assert "height" not in found["CityObjects"]["u0"]["attributes"]

    def test_faces_keep_meaning_and_material_where_they_have_one(self) -> None:
        batch = cities.cube()
        (mesh,) = batch.meshes
        brick = {"name": "brick", "diffuseColor": [1.0, 0.5, 0.0], "shininess": 0.25}
        parts = (
            {"type": "RoofSurface", "slope": 12, "color": [1.0, 0.5, 0.0, 0.75], "material": brick},
            {},
            {"name": "glass", "color": [0.0, 0.0, 1.0]},
        )
        own = replace(mesh, parts=parts, face_part=np.array([0, 1, 2, 0, 1, 2], np.uint16))
        found = document(model(replace(batch, meshes=[own])), "cityjson")
        (each,) = found["CityObjects"].values()
        (geometry,) = each["geometry"]
        assert geometry["semantics"] == {
            "surfaces": [{"type": "RoofSurface", "slope": 12}],
            "values": [[0, None, None, 0, None, None]],
        }
        assert geometry["material"]["visual"]["values"] == [[0, None, 1, 0, None, 1]]
        assert found["appearance"]["materials"] == [
            brick | {"transparency": 0.25},
            {"name": "glass", "diffuseColor": [0.0, 0.0, 1.0], "transparency": 0.0},
        ]

    def test_an_outline_that_is_that_of_the_parts_is_not_raised_beside_them(self) -> None:
        batch = cities.cube()
        (mesh,) = batch.meshes
        whole = batch.objects.assign(object_id="whole", lod=None, height=12.0)
        part = batch.objects.assign(parent_id="whole", **{"class": "BuildingPart"})
        both = pd.concat([whole, part], ignore_index=True)
        found = document(model(Batch(both, [mesh])), "cityjson")["CityObjects"]
        assert found["whole"]["geometry"] == []
        assert [each["type"] for each in found[mesh.object_id]["geometry"]] == ["Solid"]

    def test_classes_cityjson_does_not_know_are_generic(self) -> None:
        found = document(model(cities.water_main()), "cityjson")["CityObjects"]
        assert found["p0"]["type"] == found["m0"]["type"] == "GenericCityObject"
        assert found["p0"]["attributes"]["class"] == "Pipe"
        assert found["p0"]["geometry"][0]["type"] == "MultiLineString"
        assert found["m0"]["geometry"][0]["type"] == "MultiPoint"

    def test_a_path_is_a_road_that_says_so(self) -> None:
        batch = cities.street(2)
        batch.objects["class"] = ["Track", "Square"]
        found = document(model(batch), "cityjson")["CityObjects"]
        assert [found[each]["type"] for each in ("b0", "b1")] == ["Road", "TransportSquare"]
        assert found["b0"]["attributes"]["class"] == "Track"
        assert "class" not in found["b1"]["attributes"]

    def test_types_take_only_the_shapes_they_may(self) -> None:
        batch = cities.street(2)
        batch.objects["class"] = ["Building", "Road"]
        batch.objects["geometry"] = pd.Series(
            [Point(cities.ORIGIN), LineString([cities.ORIGIN, (531_050.0, 3_852_000.0)])],
            dtype=object,
        )
        found = document(model(batch), "cityjson")["CityObjects"]
        assert [found[each]["type"] for each in ("b0", "b1")] == ["GenericCityObject", "Road"]

    def test_parents_and_children_know_each_other(self) -> None:
        batch = cities.street(3)
        batch.objects["class"] = ["Building", "BuildingPart", "BuildingPart"]
        batch.objects["parent_id"] = [None, "b0", "gone"]
        found = document(model(batch), "cityjson")["CityObjects"]
        assert found["b1"]["parents"] == ["b0"]
        assert found["b0"]["children"] == ["b1"]
        assert found["b2"]["type"] == "Building"

    def test_two_data_sets_may_use_the_same_id(self) -> None:
        found = model(cities.street(1), cities.street(1))
        found.objects["dataset"] = ["old", "new"]
        assert set(document(found, "cityjson")["CityObjects"]) == {"old/b0", "new/b0"}
