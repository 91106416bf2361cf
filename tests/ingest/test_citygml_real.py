"""The real CityGML and PLATEAU files, against what MANIFEST.tsv says about them."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import realdata
import shapely
from citygml_models import opened

from cim.store import create_city
from ingest import load_files
from ingest.citygml.classes import OBJECTS
from ingest.citygml.place import understood

FILES = realdata.below("citymodel/citygml", ".gml", ".xml") + realdata.below(
    "citymodel/plateau", ".gml"
)
DROPPED = {"citymodel/citygml/v3/Opera-Lyon_CityGML3.0_LOD2_with_xAL3_FullyStructured.gml": 1}
"""Polygons of two corners."""


def facts(name: str) -> Counter[str]:
    """Elements and how often they are there, as MANIFEST says."""
    text = realdata.manifest()[name]["contents"]
    return Counter({key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", text)})


def envelope(name: str) -> np.ndarray | None:
    found = re.search(
        r"envelope ([-\d. ]+) / ([-\d. ]+)", realdata.manifest()[name]["expected_facts"]
    )
    if not found:
        return None
    return np.array([[float(each) for each in part.split()] for part in found.groups()])


@realdata.real
@pytest.mark.parametrize("name", FILES)
def test_there_are_as_many_objects_and_polygons_as_the_manifest_says(name: str) -> None:
    _, batches = opened(realdata.path(name))
    rows = [row for batch in batches for _, row in batch.objects.iterrows()]
    own = Counter(
        row["attributes"].get("citygml_class", row["class"]).rpartition(".")[2] for row in rows
    )
    stated = facts(name)
    assert own
    for kind in own | Counter(dict.fromkeys(stated.keys() & OBJECTS.keys(), 0)):
        assert own[kind] == stated[kind], kind
    faces = sum(mesh.face_count for batch in batches for mesh in batch.meshes)
    assert faces >= stated["Polygon"] + stated["Triangle"] - DROPPED.get(name, 0)


@realdata.real
@pytest.mark.parametrize("name", FILES)
def test_everything_lies_in_the_envelope_east_first(name: str) -> None:
    box = envelope(name)
    if box is None:
        pytest.skip("no envelope in the file")
    srs = understood(realdata.manifest()[name]["crs"])
    if srs.north_first:
        box = box[:, [1, 0, 2]]
    reading, batches = opened(realdata.path(name))
    assert reading.crs == srs.crs
    vertices = np.concatenate([mesh.vertices for batch in batches for mesh in batch.meshes])
    slack = 1e-6 if srs.north_first else 0.01
    assert (vertices[:, :2] >= box[0, :2] - slack).all()
    assert (vertices[:, :2] <= box[1, :2] + slack).all()


@realdata.real
@pytest.mark.parametrize("name", realdata.below("citymodel/plateau", ".gml"))
def test_plateau_is_where_its_city_is(name: str) -> None:
    reading, batches = opened(realdata.path(name))
    assert (reading.crs, reading.height_datum) == ("EPSG:6697", "JGD2011 (vertical) height")
    west, south, east, north = shapely.total_bounds(
        [shape for batch in batches for shape in batch.objects["geometry"] if shape is not None]
    )
    assert 138 < west <= east < 141
    assert 35 < south <= north < 39


@realdata.real
def test_a_flood_keeps_its_rank_and_its_level() -> None:
    _, (batch,) = opened(realdata.path("citymodel/plateau/52385721_fld_6697_l1_op.gml"))
    assert batch.objects["class"].tolist() == ["WaterBody"] * 3
    assert sum(mesh.face_count for mesh in batch.meshes) == 142
    attributes = batch.objects["attributes"][0]
    assert attributes["uro.WaterBodyRiverFloodingRiskAttribute.rankOrg"] == "1"
    assert attributes["uro.WaterBodyRiverFloodingRiskAttribute.scale"] == "L1"
    assert batch.objects["ground_height"].min() == 10.85


@realdata.real
def test_solids_have_the_polygons_of_their_surfaces_and_no_second_copy() -> None:
    _, (batch,) = opened(realdata.path("citymodel/plateau/53394517_bldg_6697_2_op_CityGML2.gml"))
    by_lod = {mesh.lod: mesh for mesh in batch.meshes}
    assert {lod: (mesh.kind, mesh.face_count) for lod, mesh in by_lod.items()} == {
        "0": ("MultiSurface", 1),
        "1": ("Solid", 134),
        "2": ("Solid", 650),
    }
    kinds = Counter(by_lod["2"].parts[number]["type"] for number in by_lod["2"].face_part)
    assert kinds == {"WallSurface": 370, "RoofSurface": 279, "GroundSurface": 1}
    assert batch.objects["attributes"][0]["textures"] == [
        "53394517_bldg_6697_appearance/stad0158.jpg"
    ]


@realdata.real
def test_a_road_has_its_sections_its_spaces_and_its_areas() -> None:
    name = "citymodel/citygml/v3/citygml3_roads_3wayintersection.gml"
    _, (batch,) = opened(realdata.path(name))
    kinds = Counter(part["type"] for mesh in batch.meshes for part in mesh.parts)
    assert kinds == {"TrafficArea": 58, "AuxiliaryTrafficArea": 87}
    parents = batch.objects.set_index("object_id")["parent_id"]
    section = parents[parents == "UUID_Queensberry_Street_"]
    assert "UUID_22497" in section.index
    assert batch.objects["geometry"].notna().all()


@realdata.real
def test_a_file_is_loaded_into_a_city_of_another_system(tmp_path: Path) -> None:
    store = create_city(str(tmp_path / "yokosuka"), "EPSG:6677")
    path = realdata.path("citymodel/plateau/52397519_bldg_6697_op.gml")
    (report,) = load_files(store, [path])
    assert (report.new, report.rejected) == (15, [])
    assert (report.crs, report.reader) == ("EPSG:6697", "citygml")
    areas = shapely.area(np.asarray(store.select().objects.geometry))
    assert 5 < areas.min() < areas.max() < 5_000
