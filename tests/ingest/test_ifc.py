"""Elements, properties, hierarchy and shapes from IFC files whose every number is known."""

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from ifc_models import House

from cim.errors import SourceError
from cim.model import Mesh
from ingest.ifc import IFC, shapes
from ingest.reader import Reading, ReadOptions


def read(folder: Path, content: bytes, name: str = "house.ifc", **options: str) -> Reading:
    """What the reader understands of a file with that content."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return IFC.open(folder / name, ReadOptions(**options), work)  # type: ignore[arg-type]


def table(reading: Reading) -> pd.DataFrame:
    """All objects, by name."""
    frames = [batch.objects for batch in reading]
    return pd.concat(frames).set_index("name")


def both(reading: Reading) -> tuple[pd.DataFrame, dict[str, Mesh]]:
    batches = list(reading)
    meshes = {mesh.object_id: mesh for batch in batches for mesh in batch.meshes}
    return pd.concat([batch.objects for batch in batches]).set_index("name"), meshes


def codes(reading: Reading) -> set[str]:
    return {finding.code for finding in reading.findings}


@pytest.fixture(params=[("IFC2X3", 0.001), ("IFC4", 1.0), ("IFC4", 0.3048), ("IFC4X3_ADD2", 1.0)])
def house(request: pytest.FixtureRequest) -> House:
    schema, unit = request.param
    return House(schema, unit)


def test_every_product_is_an_object_of_its_class_except_site_and_opening(
    house: House, tmp_path: Path
) -> None:
    objects = table(read(tmp_path, house.encode()))
    assert objects["class"].to_dict() == {
        "House": "Building",
        "Ground": "BuildingStorey",
        "1.01": "BuildingRoom",
        "South wall": "BuildingConstructiveElement",
        "Floor": "BuildingConstructiveElement",
        "Window": "Window",
    }


def test_parents_lead_up_to_the_building(house: House, tmp_path: Path) -> None:
    objects = table(read(tmp_path, house.encode()))
    names = {row.object_id: name for name, row in objects.iterrows()}
    parents = objects["parent_id"].map(names, na_action="ignore")
    assert parents.dropna().to_dict() == {
        "Ground": "House",
        "1.01": "Ground",
        "South wall": "Ground",
        "Floor": "Ground",
        "Window": "South wall",
    }


def test_lengths_are_metres_whatever_the_unit_of_the_project(house: House, tmp_path: Path) -> None:
    objects = table(read(tmp_path, house.encode()))
    wall = objects.loc["South wall", "attributes"]
    assert wall["Pset_WallCommon"]["ClearHeight"] == 3.0
    assert wall["Qto_WallBaseQuantities"] == {"Length": 10.0, "NetSideArea": 28.5}
    window = objects.loc["Window", "attributes"]
    assert (window["OverallHeight"], window["OverallWidth"]) == (1.0, 1.5)


def test_what_a_wall_says_and_what_its_type_says(house: House, tmp_path: Path) -> None:
    wall = table(read(tmp_path, house.encode())).loc["South wall", "attributes"]
    assert wall["ifc_class"] == "IfcWall"
    assert wall["Tag"] == "tag South wall"
    assert wall["materials"] == ["Brick", "Wool"]
    assert wall["type"]["name"] == "Brick 300"
    common = wall["Pset_WallCommon"]
    assert common["FireRating"] == "REI 60", "from the type"
    assert common["Reference"] == "W-1", "the wall's own goes before the type's"
    assert common["IsExternal"] is True
    assert common["Status"] == ["NEW"]


def test_volume_is_that_of_the_wall_without_its_window(house: House, tmp_path: Path) -> None:
    objects, meshes = both(read(tmp_path, house.encode()))
    wall = meshes[objects.loc["South wall", "object_id"]]
    assert wall.closed
    assert wall.volume == pytest.approx(10 * 0.3 * 3 - 1.5 * 0.3 * 1, rel=1e-5)
    assert wall.vertices.min(0) == pytest.approx([0, 0, 0.2], abs=1e-5)
    assert wall.vertices.max(0) == pytest.approx([10, 0.3, 3.2], abs=1e-5)
    assert (wall.kind, wall.lod) == ("Triangles", "3")


def test_building_has_outline_height_and_storeys(house: House, tmp_path: Path) -> None:
    building = table(read(tmp_path, house.encode())).loc["House"]
    assert building.geometry.symmetric_difference(shapely.box(0, 0, 10, 6)).area < 1e-3
    assert building.ground_height == pytest.approx(0.2)
    assert building.height == pytest.approx(3.0, abs=1e-5)
    assert building.storeys_above_ground == 1
    assert building.storeys_below_ground == 0


def test_heights_of_elements_are_where_they_begin_and_how_far_they_reach(tmp_path: Path) -> None:
    objects = table(read(tmp_path, House().encode()))
    assert objects.loc["Window", "ground_height"] == pytest.approx(1.2)
    assert objects.loc["Window", "height"] == pytest.approx(1.0)
    assert objects.loc["Window", "geometry"].area == pytest.approx(1.5 * 0.1, rel=1e-4)


def test_batch_keeps_to_the_dictionary_and_meshes_to_the_objects(tmp_path: Path) -> None:
    reading = read(tmp_path, House().encode())
    objects, meshes = both(reading)
    assert reading.total == len(objects) == 6
    assert set(meshes) <= set(objects["object_id"])
    for mesh in meshes.values():
        assert mesh.vertices.dtype == np.float64
        assert mesh.indices.dtype == np.uint32
        assert mesh.indices.max() < len(mesh.vertices)
        assert all(0 <= part <= 1 for part in mesh.parts[0]["color"])


def test_ifczip_reads_like_the_file_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packed.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escape.ifc", House().encode())
        archive.writestr("readme.txt", "hello")
    packed = read(tmp_path, (tmp_path / "packed.ifczip").read_bytes(), "packed.ifczip")
    assert (
        table(packed)["object_id"].tolist()
        == table(read(tmp_path, House().encode()))["object_id"].tolist()
    )
    assert not (tmp_path.parent.parent / "escape.ifc").exists()


@pytest.mark.parametrize(
    ("written", "encoding"), [("南墙", "utf-8"), ("南墙和北墙", "gb18030"), ("Südwand", "utf-8")]
)
def test_names_in_raw_bytes_are_understood(tmp_path: Path, written: str, encoding: str) -> None:
    house = House(name=written)
    reading = read(tmp_path, str(house).encode(encoding))
    assert written in table(reading).index
    assert reading.encoding == encoding
    assert "raw_text" in codes(reading)


def test_encoding_of_the_user_goes_first(tmp_path: Path) -> None:
    content = str(House(name="Wärmedämmung")).encode("latin-1")
    assert "Wärmedämmung" in table(read(tmp_path, content, encoding="latin-1")).index


def test_escapes_in_names_are_resolved(tmp_path: Path) -> None:
    house = House(name=r"\X2\5357\X0\ it''s \X\E9 \S\d \\ \X4\00020000\X0\.")
    assert "南 it's é ä \\ 𠀀." in table(read(tmp_path, house.encode())).index


def test_quotes_comments_and_semicolons_in_names_do_no_harm(tmp_path: Path) -> None:
    house = House(name="a; #99=IFCWALL( /* no comment */ ''q''")
    content = house.encode().replace(b"DATA;\n", b"DATA;\n/* it's a comment; */\n")
    assert "a; #99=IFCWALL( /* no comment */ 'q'" in table(read(tmp_path, content)).index


def test_same_global_id_twice_is_rejected_once_and_told(tmp_path: Path) -> None:
    house = House()
    first = str(house)
    wall = next(line for line in house.file.lines if "IFCWALL(" in line)
    slab = next(line for line in house.file.lines if "IFCSLAB(" in line)
    same = slab.replace(slab.split("'")[1], wall.split("'")[1])
    reading = read(tmp_path, first.replace(slab, same).encode())
    assert "Floor" not in table(reading).index
    assert [each.code for each in reading.rejected] == ["duplicate_id"]


def test_text_that_is_no_entity_is_rejected_and_the_rest_is_read(tmp_path: Path) -> None:
    content = (
        House().encode().replace(b"ENDSEC;\nEND-ISO", b"#9999=IFCWALL('cut;\nENDSEC;\nEND-ISO")
    )
    reading = read(tmp_path, content)
    assert len(table(reading)) == 6
    assert [each.code for each in reading.rejected] == ["damaged_entity"]
    assert "IFCWALL('cut" in reading.rejected[0].raw


def test_draft_schema_is_read_as_the_published_one(tmp_path: Path) -> None:
    content = House("IFC4X3_ADD2").encode().replace(b"IFC4X3_ADD2", b"IFC4X3_RC4")
    reading = read(tmp_path, content)
    assert len(table(reading)) == 6
    assert "draft_schema" in codes(reading)


def test_element_without_body_is_kept_without_shape(tmp_path: Path) -> None:
    house = House()
    content = str(house)
    solid = next(line for line in house.file.lines if "IFCEXTRUDEDAREASOLID" in line)
    broken = solid.split("=")[0] + "=IFCEXTRUDEDAREASOLID($,$,$,$);"
    objects, meshes = both(reading := read(tmp_path, content.replace(solid, broken).encode()))
    assert len(objects) == 6
    assert objects.loc["South wall", "object_id"] not in meshes
    assert "no_shape" in codes(reading)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"hello", "does not begin with ISO-10303-21"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xff\xfeI\0S\0O\0", "UTF-16"),
        (b"<?xml version='1.0'?>", "XML"),
        (b'{"type": "ifcJSON"}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (House().encode()[:-200], "is cut off"),
        (House().encode().replace(b"South", b"So\0th"), "zero bytes"),
        (House().encode().replace(b"'IFC4'", b"'IFC5'"), "schema IFC5"),
        (House().encode().replace(b"'IFC4'", b"'AP214'"), "schema AP214"),
        (House(units=False).encode(), "no unit of length"),
    ],
)
def test_what_cannot_be_read_says_why_and_what_to_do(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason) as caught:
        read(tmp_path, content)
    assert caught.value.where == "house.ifc"
    assert caught.value.hint


def test_file_without_elements_is_an_error(tmp_path: Path) -> None:
    content = House().encode()
    data = content.index(b"DATA;\n") + len(b"DATA;\n")
    empty = content[:data] + b"#1=IFCORGANIZATION($,'x',$,$,$);\n" + content[-27:]
    with pytest.raises(SourceError, match="no building, element or facility"):
        read(tmp_path, b"ENDSEC;\n".join([empty[:-27], b"END-ISO-10303-21;\n"]))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "no .ifc file"),
        ({"a.ifc": b"x", "b.IFC": b"y"}, "2 .ifc files"),
        ({"a.ifc": b"\0" * 300_000_000}, "far more than a model"),
    ],
)
def test_zip_that_holds_no_single_model_is_refused(
    tmp_path: Path, members: dict[str, bytes], reason: str
) -> None:
    with zipfile.ZipFile(tmp_path / "x.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(SourceError, match=reason):
        read(tmp_path, (tmp_path / "x.ifczip").read_bytes(), "x.ifczip")


def test_damaged_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no readable zip"):
        read(tmp_path, b"PK\x03\x04 and then nothing", "x.ifczip")


def test_geographic_crs_cannot_place_a_building(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"EPSG:4326.*projected CRS"):
        read(tmp_path, House().encode(), crs="EPSG:4326")


def test_pipes_outside_of_buildings_are_a_network_and_inside_an_installation(
    tmp_path: Path,
) -> None:
    house = House()
    place = house.placement(house.site_place, 20.0, 0.0, -1.0)
    outside = house.element("IFCPIPESEGMENT", "Main", place, house.box(30, 0.2, 0.2), None)
    chamber = house.element(
        "IFCDISTRIBUTIONCHAMBERELEMENT", "MH 1", place, house.box(1, 1, 2), ".MANHOLE."
    )
    inside = house.element("IFCPIPESEGMENT", "Riser", place, house.box(0.1, 0.1, 3), None)
    relate = "IFCRELCONTAINEDINSPATIALSTRUCTURE"
    house.file.root(relate, None, None, [outside, chamber], house.site_ref)
    house.file.root(relate, None, None, [inside], house.storey)
    objects = table(read(tmp_path, house.encode()))
    classes = objects["class"]
    assert (classes["Main"], classes["MH 1"]) == ("Pipe", "Manhole")
    assert classes["Riser"] == "BuildingInstallation"
    assert Counter(classes)["Pipe"] == 1
    assert pd.isna(objects.loc["Main", "parent_id"])


def test_bodies_that_touch_enclose_a_volume_together(tmp_path: Path) -> None:
    house = House()
    add = house.file.add
    solids = []
    for start in (0.0, 1.0):
        middle = add("IFCCARTESIANPOINT", [start + 0.5, 0.5])
        axes = add("IFCAXIS2PLACEMENT2D", middle, None)
        profile = add("IFCRECTANGLEPROFILEDEF", ".AREA.", None, axes, 1.0, 1.0)
        up = add("IFCDIRECTION", [0.0, 0.0, 1.0])
        solids.append(add("IFCEXTRUDEDAREASOLID", profile, house.axes, up, 1.0))
    body = add("IFCSHAPEREPRESENTATION", house.context, "'Body'", "'SweptSolid'", solids)
    shape = add("IFCPRODUCTDEFINITIONSHAPE", None, None, [body])
    house.element("IFCSLAB", "Two", house.level, shape, ".FLOOR.")
    objects, meshes = both(read(tmp_path, house.encode()))
    mesh = meshes[objects.loc["Two", "object_id"]]
    assert mesh.closed
    assert mesh.volume == pytest.approx(2.0, rel=1e-6)


def test_unit_of_the_user_goes_before_that_of_the_file(tmp_path: Path) -> None:
    for units in (True, False):
        house = House(units=units)
        objects, meshes = both(read(tmp_path, house.encode(), length_unit="mm", crs="EPSG:25832"))
        mesh = meshes[objects.loc["Floor", "object_id"]]
        assert np.ptp(mesh.vertices, axis=0) == pytest.approx([0.01, 0.006, 0.0002], abs=1e-9)
        assert objects.loc["Window", "attributes"]["OverallWidth"] == 0.0015


@pytest.mark.parametrize(
    ("unit", "before", "after", "said"),
    [
        (0.001, b".LENGTHUNIT.,.MILLI.", b".LENGTHUNIT.,$", "mm"),
        (1.0, b".LENGTHUNIT.,$", b".LENGTHUNIT.,.MILLI.", "m"),
    ],
    ids=["drawn in mm", "drawn in m"],
)
def test_building_a_thousand_times_too_large_or_too_small_is_told_with_the_fix(
    tmp_path: Path, unit: float, before: bytes, after: bytes, said: str
) -> None:
    wrong = House(unit=unit).encode().replace(before, after, 1)
    reading = read(tmp_path, wrong, crs="EPSG:25832")
    found = next(each for each in reading.findings if each.code == "implausible_size")
    assert found.fix == {"length_unit": said}
    assert "unit" in found.evidence
    mended = read(tmp_path, wrong, crs="EPSG:25832", length_unit=said)
    assert "implausible_size" not in codes(mended)


@pytest.mark.parametrize(
    "schema",
    ["IFC4X3_RC1", "IFC4X3_RC4", "IFC4X3_ADD1", "IFC4X3_TC1", "IFC4X3", "IFC4X1", "IFC2X_FINAL"],
)
def test_schemas_that_the_kernel_refuses_are_read_as_the_nearest(
    tmp_path: Path, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shapes, "fast_shapes", lambda *given: {})  # the kernel that refuses
    base = "IFC2X3" if schema.startswith("IFC2") else "IFC4"
    content = House(base).encode().replace(f"'{base}'".encode(), f"'{schema}'".encode())
    reading = read(tmp_path, content)
    objects, meshes = both(reading)
    assert len(objects) == 6
    assert len(meshes) == 4
    (told,) = [each for each in reading.findings if each.code == "draft_schema"]
    assert told.severity == "warning"
    assert schema in told.message


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("gb18030", b"")]
)
def test_raw_bytes_in_names_are_kept(tmp_path: Path, encoding: str, mark: bytes) -> None:
    house = House(name="南墙钢筋混凝土结构")
    reading = read(tmp_path, mark + str(house).encode(encoding))
    assert "南墙钢筋混凝土结构" in table(reading).index
    assert "raw_text" in codes(reading)
