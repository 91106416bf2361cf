"""IFC files from practice: what their manifest says of them is what the reader finds."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import ifcopenshell
import ifcopenshell.util.element
import numpy as np
import pandas as pd
import pytest
import realdata

from cim.errors import SourceError
from cim.model import Finding, Mesh
from ingest.ifc import IFC
from ingest.ifc.schema import ancestors
from ingest.reader import ReadOptions

FILES = [
    name for name in realdata.below("ifc", ".ifc", ".ifczip") if not name.startswith("ifc/invalid/")
]
INVALID = realdata.below("ifc/invalid", ".ifc") + realdata.below("hostile/truncated", ".ifc")
NOT_OBJECTS = {"IfcSite", "IfcProduct", "IfcTriangulatedIrregularNetwork"}
DUPLEX = "ifc/duplex/Duplex_A_20110907.ifc"
GEOREFERENCED = "ifc/duplex/Duplex_A_20110907_georeferenced.ifc"

pytestmark = realdata.real


class Loaded:
    """A reading, all of it in memory."""

    def __init__(self, path: Path, crs: str = "") -> None:
        with TemporaryDirectory() as work:
            reading = IFC.open(path, ReadOptions(crs=crs), Path(work))
            batches = list(reading)
        self.crs, self.length_unit = reading.crs, reading.length_unit
        self.objects = pd.concat([batch.objects for batch in batches])
        self.meshes = {mesh.object_id: mesh for batch in batches for mesh in batch.meshes}
        self.findings = {finding.code: finding for finding in reading.findings}
        self.total = reading.total


@cache
def loaded(name: str) -> Loaded:
    return Loaded(realdata.path(name))


def facts(name: str) -> dict[str, int]:
    """``IfcWall=57, …`` in the manifest."""
    text = realdata.manifest()[name]["contents"]
    text += realdata.manifest()[name]["expected_facts"]
    return {key: int(count) for key, count in re.findall(r"\b(Ifc\w+)=(\d+)", text)}


@pytest.mark.parametrize("name", FILES)
def test_every_product_counted_in_the_manifest_is_an_object(name: str) -> None:
    classes = Counter(each["ifc_class"] for each in loaded(name).objects["attributes"])
    expected = {key: count for key, count in facts(name).items() if key not in NOT_OBJECTS}
    found = {
        key: sum(
            count for each, count in classes.items() if key in ancestors("IFC4X3_ADD2", each)
            or key in ancestors("IFC2X3", each)
        )
        for key in expected
    }  # fmt: skip
    assert found == expected


@pytest.mark.parametrize("name", FILES)
def test_reading_is_whole(name: str) -> None:
    reading = loaded(name)
    assert len(reading.objects) == reading.total > 0
    assert reading.objects["object_id"].is_unique
    parents = set(reading.objects["parent_id"].dropna())
    assert parents <= set(reading.objects["object_id"])
    assert set(reading.meshes) <= set(reading.objects["object_id"])
    for mesh in reading.meshes.values():
        assert np.isfinite(mesh.vertices).all()
        assert (mesh.volume is None) == (not mesh.closed)


@pytest.mark.parametrize("name", [each for each in INVALID if "InvalidType" not in each])
def test_invalid_files_are_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(SourceError) as caught:
        Loaded(realdata.path(name))
    assert caught.value.where == Path(name).name
    assert caught.value.hint


def test_file_with_dangling_references_is_read_as_far_as_it_is_sound() -> None:
    reading = Loaded(realdata.path("ifc/invalid/InvalidType.ifc"))
    assert set(reading.objects["class"]) == {"BuildingStorey", "BuildingConstructiveElement"}


def test_unit_of_length_is_that_of_the_manifest() -> None:
    units = {"METRE": "m", "MILLIMETRE": "mm", "ft (US Survey)": "ft (US survey)"}
    for name in FILES:
        row = realdata.manifest()[name]
        stated = re.search(r"length unit=([^;]*)", f"{row['expected_facts']};{row['note']}")
        assert stated is not None
        assert loaded(name).length_unit == units[stated[1].strip()]


@pytest.mark.parametrize("name", [DUPLEX, "ifc/xbim/SampleHouse4.ifc"])
def test_property_sets_are_those_that_ifcopenshell_finds(name: str) -> None:
    model = ifcopenshell.open(str(realdata.path(name)))
    for attributes, object_id in zip(
        loaded(name).objects["attributes"], loaded(name).objects["object_id"], strict=True
    ):
        element = model.by_guid(object_id)
        theirs = ifcopenshell.util.element.get_psets(element)
        for set_name, values in theirs.items():
            ours = {key: each for key, each in attributes[set_name].items() if each is not None}
            values.pop("id", None)
            known = {key: each for key, each in values.items() if each not in {None, "UNKNOWN"}}
            assert set(known) == set(ours), (object_id, set_name)
            for key, value in known.items():
                if isinstance(value, str | bool):
                    assert ours[key] == value


def test_parents_are_the_containers_that_ifcopenshell_finds() -> None:
    model = ifcopenshell.open(str(realdata.path(DUPLEX)))
    objects = loaded(DUPLEX).objects.set_index("object_id")
    for wall in model.by_type("IfcWall"):
        container = ifcopenshell.util.element.get_container(wall)
        assert objects.loc[wall.GlobalId, "parent_id"] == container.GlobalId


def test_declared_volumes_agree_with_the_meshes() -> None:
    reading = loaded("ifc/schependomlaan/ROOT-Vebo.ifczip")
    ratios = [
        mesh.volume / declared
        for attributes, object_id in zip(
            reading.objects["attributes"], reading.objects["object_id"], strict=True
        )
        if (declared := _declared(attributes)) and _closed(mesh := reading.meshes.get(object_id))
    ]
    assert len(ratios) > 30
    assert np.mean(np.abs(np.array(ratios) - 1) < 0.01) > 0.85


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("ifc/schependomlaan/ROOT-Vebo.ifczip", 1.0),
        ("ifc/schependomlaan/ROOT-staal.ifczip", 1.0),
        ("ifc/schependomlaan/ROOT-kapconstructie_dakkapellen_platdak.ifczip", 0.97),
    ],
)
def test_closed_meshes_have_the_volume_that_the_file_declares(name: str, least: float) -> None:
    reading = loaded(name)
    hits = []
    for attributes, object_id in zip(
        reading.objects["attributes"], reading.objects["object_id"], strict=True
    ):
        sets = [each for each in attributes.values() if isinstance(each, dict)]
        stated = [each[key] for each in sets for key in ("NetVolume", "Volume") if key in each]
        if stated:
            mesh = reading.meshes.get(object_id)
            volume = (mesh.volume if mesh else None) or 0.0
            hits.append(any(abs(volume - each) < 0.01 * each for each in stated))
    assert len(hits) > 70
    assert np.mean(hits) >= least


def _declared(attributes: dict[str, object]) -> float | None:
    for values in attributes.values():
        if isinstance(values, dict) and isinstance(values.get("NetVolume"), float):
            return float(values["NetVolume"])
    return None


def _closed(mesh: Mesh | None) -> bool:
    return mesh is not None and mesh.volume is not None and mesh.volume > 0


def test_terrain_lands_on_the_same_place_whichever_way_it_is_georeferenced() -> None:
    absolute, converted = (
        next(iter(loaded(f"ifc/infra/Georeferencing-Tin-12d-{n}.ifc").meshes.values()))
        for n in (1, 2)
    )
    assert absolute.vertices.min(0) == pytest.approx([256305.392, 7011526.236, 33.25], abs=2e-3)
    assert absolute.vertices.max(0) == pytest.approx([256588.599, 7011732.817, 40.75], abs=2e-3)
    assert converted.vertices.min(0) == pytest.approx(absolute.vertices.min(0), abs=2e-3)
    assert converted.vertices.max(0) == pytest.approx(absolute.vertices.max(0), abs=2e-3)
    assert loaded("ifc/infra/Georeferencing-Tin-12d-1.ifc").crs == "EPSG:7856"


def test_duplex_lands_in_luxembourg_and_says_that_its_site_is_in_chicago() -> None:
    reading = loaded(GEOREFERENCED)
    assert reading.crs == "EPSG:2169", "the horizontal part of EPSG:9897"
    building = reading.objects.set_index("class").loc["Building"]
    centre = building.geometry.centroid
    assert (centre.x, centre.y) == pytest.approx((76670, 77179), abs=30)
    assert building.ground_height == pytest.approx(293.7, abs=0.5)
    told: Finding = reading.findings["contradictory_location"]
    assert "6859 km" in told.message


def test_duplex_without_map_conversion_stands_in_chicago() -> None:
    reading = loaded(DUPLEX)
    assert reading.crs == "EPSG:32616"
    assert "placed_by_site" in reading.findings


def test_duplex_has_height_outline_and_storeys() -> None:
    building = loaded(DUPLEX).objects.set_index("class").loc["Building"]
    assert building.height == pytest.approx(6.63, abs=0.1)
    assert building.storeys_below_ground == 1
    assert 150 < building.geometry.area < 250


def test_epsg_code_is_found_in_the_map_zone() -> None:
    assert loaded("ifc/xbim/test1.ifc").crs == "EPSG:32119"


def test_us_survey_feet_keep_their_millimetres() -> None:
    reading = loaded("ifc/infra/RumbleStrip-INDOT.ifc")
    largest = max(reading.meshes.values(), key=lambda mesh: len(mesh.vertices))
    steps = np.unique(np.round(np.diff(np.sort(largest.vertices[:, 0])), 6))
    assert (steps[steps > 0] < 0.02).any(), "not on the grid of single precision"
    assert reading.findings["crs_missing"].severity == "error"


def test_elements_that_openings_cut_away_entirely_are_accounted_for() -> None:
    reading = loaded("ifc/schependomlaan/ROOT-houten kozijnen.ifczip")
    assert "64 elements" in reading.findings["empty_shape"].message
    assert "placeholder_location" in reading.findings


def test_alignment_is_a_line_in_space() -> None:
    alignment = loaded("ifc/infra/Alignment-ACCA-2.ifc").objects.iloc[0]
    assert alignment["class"] == "Road"
    assert alignment.geometry.geom_type == "LineString"
    assert alignment.geometry.has_z
    assert alignment.geometry.length > 800


def test_drainage_is_pipes_and_manholes_where_the_user_says() -> None:
    path = realdata.path("ifc/infra/DrainageSystem-1-1.ifc")
    reading = Loaded(path, crs="EPSG:3879")
    classes = Counter(reading.objects["class"])
    assert (classes["Pipe"], classes["Manhole"]) == (6, 7)
    assert reading.crs == "EPSG:3879"


def test_ifcxml_and_ifczip_are_the_same_model_as_the_step_file() -> None:
    plain = loaded("ifc/xbim/4walls1floorSite.ifc")
    for other in ("ifcxml", "ifczip"):
        same = loaded(f"ifc/xbim/4walls1floorSite.{other}")
        assert same.crs == plain.crs
        left, right = (each.objects.set_index("object_id").sort_index() for each in (plain, same))
        pd.testing.assert_frame_equal(left, right)
        assert set(same.meshes) == set(plain.meshes)
        for name, mesh in plain.meshes.items():
            assert same.meshes[name].volume == pytest.approx(mesh.volume)
