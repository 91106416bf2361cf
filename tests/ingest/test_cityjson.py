import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import realdata
import shapely
from cityjson_models import (
    CORNERS,
    CUBE,
    RD,
    SURFACES,
    building,
    document,
    only,
    opened,
    saved,
    solid,
)

from cim.errors import SourceError
from cim.schema import CLASSES, LODS
from ingest.cityjson import CITYJSON, CITYJSONSEQ


def test_a_cube_becomes_a_row_a_mesh_and_a_footprint(tmp_path: Path) -> None:
    reading, batch = only(saved(tmp_path, document()))
    row = batch.objects.iloc[0]
    assert (row["object_id"], row["class"], row["lod"]) == ("b1", "Building", "2")
    assert row["geometry"].equals(shapely.box(90000, 430000, 90010, 430010))
    assert (row["height"], row["ground_height"]) == (5, 2)
    assert (reading.crs, reading.crs_source, reading.total) == ("EPSG:28992", "file", 1)
    (mesh,) = batch.meshes
    assert (mesh.kind, mesh.face_count, len(mesh.vertices)) == ("Solid", 6, 8)
    assert mesh.ring_sizes.tolist() == [4] * 6
    assert mesh.face_rings.tolist() == [1] * 6
    assert [mesh.parts[part]["type"] for part in mesh.face_part[:3]] == [
        "GroundSurface",
        "RoofSurface",
        "WallSurface",
    ]
    assert mesh.vertices.max(axis=0).tolist() == [90010, 430010, 7]


def test_holes_stay_rings_of_their_face(tmp_path: Path) -> None:
    outer = [[0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]]
    hole = [[3, 3, 0], [3, 6, 0], [6, 6, 0], [6, 3, 0]]
    surface = {"type": "MultiSurface", "lod": "0", "boundaries": [[[0, 1, 2, 3], [4, 5, 6, 7]]]}
    _, batch = only(saved(tmp_path, document({"b1": building(surface)}, vertices=outer + hole)))
    assert batch.meshes[0].face_rings.tolist() == [2]
    assert batch.objects["geometry"][0].area == 72 * 100


@pytest.mark.parametrize(
    "kind, boundaries, shells",
    [
        ("MultiSurface", CUBE, ()),
        ("CompositeSurface", CUBE, ()),
        ("Solid", [CUBE], ()),
        ("Solid", [CUBE, CUBE[:1]], (6, 1)),
        ("MultiSolid", [[CUBE], [CUBE]], (6, 6)),
        ("CompositeSolid", [[CUBE]], ()),
    ],
)
def test_every_kind_of_surface_is_read(tmp_path, kind, boundaries, shells) -> None:
    geometry = {"type": kind, "lod": "1", "boundaries": boundaries}
    _, batch = only(saved(tmp_path, document({"b1": building(geometry)})))
    assert batch.meshes[0].shells == shells
    assert batch.objects["geometry"][0].area == 100


def test_semantics_may_leave_faces_out(tmp_path: Path) -> None:
    semantics = {"surfaces": SURFACES, "values": [[0, None, 2, 2, 2, 2]]}
    _, batch = only(saved(tmp_path, document({"b1": building(solid(semantics=semantics))})))
    mesh = batch.meshes[0]
    assert mesh.face_part.tolist() == [0, 3, 2, 2, 2, 2]
    assert mesh.parts[3] == {}


def test_semantics_that_do_not_fit_are_said(tmp_path: Path) -> None:
    semantics = {"surfaces": SURFACES, "values": [[0, 1]]}
    reading, batch = only(saved(tmp_path, document({"b1": building(solid(semantics=semantics))})))
    assert batch.meshes[0].parts == ()
    assert [finding.code for finding in reading.findings] == ["unmatched"]


def test_materials_of_the_first_theme_become_colours(tmp_path: Path) -> None:
    appearance = {
        "materials": [{"name": "brick", "diffuseColor": [1, 0.5, 0], "transparency": 0.25}]
    }
    geometry = solid(material={"day": {"value": 0}})
    path = saved(tmp_path, document({"b1": building(geometry)}, appearance=appearance))
    parts = only(path)[1].meshes[0].parts
    assert {part["type"] for part in parts} == {each["type"] for each in SURFACES}
    assert all(part["color"] == [1.0, 0.5, 0.0, 0.75] for part in parts)


def test_of_textures_only_the_names_of_themes_are_kept(tmp_path: Path) -> None:
    values = [[[[1, 0, 1, 2, 3]], [[None]], [[None]], [[None]], [[None]], [[None]]]]
    appearance = {"textures": [{"image": "a.jpg"}, {"image": "b.jpg"}]}
    geometry = solid(texture={"winter": {"values": values}})
    path = saved(tmp_path, document({"b1": building(geometry)}, appearance=appearance))
    reading, batch = only(path)
    assert batch.objects["attributes"][0]["texture_themes"] == ["winter"]
    (finding,) = reading.findings
    assert (finding.severity, finding.code) == ("info", "textures")
    assert finding.evidence == "a.jpg, b.jpg"


def test_materials_stay_whole_and_faces_may_have_none(tmp_path: Path) -> None:
    brick = {"name": "brick", "diffuseColor": [1, 0.5, 0], "shininess": 0.2}
    plain = {"name": "plain"}
    geometry = solid(material={"day": {"values": [[0, 1, None, 0, 7, 0]]}}, semantics=None)
    appearance = {"materials": [brick, plain]}
    path = saved(tmp_path, document({"b1": building(geometry)}, appearance=appearance))
    (mesh,) = only(path)[1].meshes
    said = [mesh.parts[each] for each in mesh.face_part]
    coloured = {"color": [1.0, 0.5, 0.0, 1.0], "material": brick}
    assert said == [coloured, {"material": plain}, {}, coloured, {}, coloured]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 1, None, 0, 7, -3]], [0, 1, 2, 0, 2, 2]),
        ([None], [2] * 6),
        (None, None),
        ([[0, 1]], None),
        ([0, 1, 0, 1, 0, 1], [0, 1, 0, 1, 0, 1]),
    ],
)
def test_null_stands_for_a_face_or_a_shell_without_meaning(
    tmp_path: Path, values, expected
) -> None:
    surfaces = [{"type": "RoofSurface"}, {"type": "WallSurface"}]
    geometry = solid(semantics={"surfaces": surfaces, "values": values})
    (mesh,) = only(saved(tmp_path, document({"b1": building(geometry)})))[1].meshes
    if expected is None:
        assert (mesh.parts, len(mesh.face_part)) == ((), 0)
    else:
        said = [{}, *surfaces]
        kinds = [
            (mesh.parts[each] if len(mesh.face_part) else mesh.parts[0]) for each in mesh.face_part
        ]
        assert kinds == [[*surfaces, {}][each] for each in expected]
        assert all(each in said for each in mesh.parts)


def test_extensions_are_told(tmp_path: Path) -> None:
    extensions = {"Noise": {"url": "https://example.org/noise.ext.json", "version": "1.0"}}
    city = document({"n": building() | {"type": "+NoiseBuilding", "+level": 62}})
    city |= {"extensions": extensions, "+measured": "2026-04-01"}
    reading, batch = only(saved(tmp_path, city))
    attributes = batch.objects["attributes"][0]
    assert attributes["cityjson_type"] == "+NoiseBuilding"
    assert attributes["+level"] == 62
    assert {each.code: each.evidence for each in reading.findings} == {
        "extensions": "Noise https://example.org/noise.ext.json",
        "extension_properties": "+measured",
    }


def test_templates_are_placed_and_turned(tmp_path: Path) -> None:
    quarter_turn = [0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]
    tree = {
        "type": "SolitaryVegetationObject",
        "geometry": [
            {
                "type": "GeometryInstance",
                "template": 0,
                "boundaries": [7],
                "transformationMatrix": quarter_turn,
            }
        ],
    }
    template = {"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}
    stored = {"templates": [template], "vertices-templates": [[0, 0, 0], [3, 0, 0], [3, 1, 1]]}
    _, batch = only(saved(tmp_path, document({"t": tree}, **{"geometry-templates": stored})))
    place = np.array([90010, 430010, 7])
    assert (batch.meshes[0].vertices - place).tolist() == [[0, 0, 0], [0, 3, 0], [-1, 3, 2]]


def test_points_and_lines_become_the_geometry(tmp_path: Path) -> None:
    objects = {
        "p": building({"type": "MultiPoint", "lod": "1", "boundaries": [7]}),
        "l": building({"type": "MultiLineString", "lod": "1", "boundaries": [[0, 1, 7]]}),
    }
    point, line = only(saved(tmp_path, document(objects)))[1].objects["geometry"]
    assert shapely.get_coordinates(point, include_z=True).tolist() == [[90010, 430010, 7]]
    assert line.geom_type == "LineString"


def test_a_building_without_surfaces_covers_what_its_parts_cover(tmp_path: Path) -> None:
    moved = [[x + 1, y, z * 3] for x, y, z in CORNERS]
    shifted = [[[corner + 8 for corner in ring] for ring in face] for face in CUBE]
    objects = {
        "whole": {"type": "Building", "children": ["left", "right"]},
        "left": building(type="BuildingPart", parents=["whole"]),
        "right": building(solid(boundaries=[shifted]), type="BuildingPart", parents=["whole"]),
    }
    _, batch = only(saved(tmp_path, document(objects, vertices=CORNERS + moved)))
    rows = batch.objects.set_index("object_id")
    assert rows["geometry"]["whole"].area == 200
    assert rows["height"]["whole"] == 15
    assert rows["parent_id"].to_dict() == {"whole": None, "left": "whole", "right": "whole"}


@pytest.mark.parametrize(
    "kind, expected",
    [
        ("Building", "Building"),
        ("BridgePart", "Bridge"),
        ("TransportSquare", "Square"),
        ("GenericCityObject", "GenericOccupiedSpace"),
        ("TunnelInstallation", "BuildingInstallation"),
        ("+NoiseBuilding", "GenericOccupiedSpace"),
    ],
)
def test_types_become_classes_and_are_not_forgotten(tmp_path, kind, expected) -> None:
    row = only(saved(tmp_path, document({"x": building(type=kind)})))[1].objects.iloc[0]
    assert row["class"] == expected
    assert row["attributes"].get("cityjson_type") == (None if kind == expected else kind)


def test_attributes_that_the_dictionary_knows_become_columns(tmp_path: Path) -> None:
    attributes = {
        "measuredHeight": 12.5,
        "storeysAboveGround": 4,
        "yearOfConstruction": 1987,
        "function": "Residential",
        "name": "Huis",
        "b3_opp_grond": 51.3,
        "status": "???",
    }
    row = only(saved(tmp_path, document({"x": building(attributes=attributes)})))[1].objects.iloc[0]
    assert (row["height"], row["storeys_above_ground"]) == (12.5, 4)
    assert (row["valid_from"], row["function"], row["name"]) == (
        "1987-01-01",
        "residential",
        "Huis",
    )
    assert row["attributes"]["b3_opp_grond"] == 51.3
    assert row["attributes"]["status"] == "???"


def test_the_user_names_class_and_fields(tmp_path: Path) -> None:
    attributes = {"h_dak_max": "31.5", "straat": "Coolsingel"}
    path = saved(tmp_path, document({"x": building(attributes=attributes)}))
    fields = {"h_dak_max": "height", "straat": "name"}
    row = only(path, class_name="OtherConstruction", fields=fields)[1].objects.iloc[0]
    assert (row["class"], row["height"], row["name"]) == ("OtherConstruction", 31.5, "Coolsingel")


def test_ground_that_slopes_has_no_height(tmp_path: Path) -> None:
    slope = {"type": "MultiSurface", "lod": "1", "boundaries": [[[0, 1, 7, 6]]]}
    row = only(saved(tmp_path, document({"x": building(slope, type="LandUse")})))[1].objects.iloc[0]
    assert np.isnan(row["height"])
    assert row["ground_height"] == 2


def test_an_unknown_height_stays_unknown(tmp_path: Path) -> None:
    attributes = {"measuredHeight": None, "storeysAboveGround": "many"}
    objects = {"x": {"type": "Building", "attributes": attributes}}
    row = only(saved(tmp_path, document(objects)))[1].objects.iloc[0]
    assert np.isnan(row["height"])
    assert np.isnan(row["storeys_above_ground"])
    assert row["attributes"]["storeysAboveGround"] == "many"


@pytest.mark.parametrize(
    "spelling, expected",
    [
        (RD, "EPSG:28992"),
        ("http://www.opengis.net/def/crs/EPSG/0/7415", "EPSG:7415"),
        ("urn:ogc:def:crs:EPSG::7415", "EPSG:7415"),
        ("urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::5783", "EPSG:5555"),
        ("EPSG:4549", "EPSG:4549"),
        (4549, "EPSG:4549"),
    ],
)
def test_coordinate_systems_are_understood_in_every_spelling(tmp_path, spelling, expected) -> None:
    path = saved(tmp_path, document(metadata={"referenceSystem": spelling}))
    reading, _ = opened(path)
    assert reading.crs == expected


def test_a_missing_coordinate_system_is_an_error_of_the_file(tmp_path: Path) -> None:
    reading, _ = opened(saved(tmp_path, document(metadata={})))
    assert reading.crs == ""
    assert [(each.severity, each.code) for each in reading.findings] == [("error", "crs_missing")]


def test_the_user_knows_the_coordinate_system_better(tmp_path: Path) -> None:
    reading, _ = opened(saved(tmp_path, document()), crs="EPSG:4547")
    assert (reading.crs, reading.crs_source) == ("EPSG:4547", "user")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "the file is empty"),
        (b'{"type": "CityJSON",\n "version": 2.0,,}', "line 2, column 17"),
        (json.dumps(document())[:-40].encode(), "cut off"),
        (b"[1, 2]", "no JSON object"),
        (b'{"type": "FeatureCollection"}', "its type is 'FeatureCollection'"),
        (b'{"type": "CityJSON", "version": "0.9"}', "CityJSON 0.9 is not one of 1.0, 1.1, 2.0"),
        (b'{"type": "CityJSON", "version": "2.0"}', "CityObjects is missing"),
        (b"\xff\xfe\x00{", "not valid JSON"),
    ],
)
def test_what_is_no_cityjson_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=re.escape(message)):
        opened(saved(tmp_path, content))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"transform": {"scale": [1, 1]}}, "unusable transform"),
        ({"vertices": [[0, 0]]}, "vertices are not triples"),
        ({"vertices": [["a", 0, 0]]}, "vertices are not triples"),
        ({"vertices": 5}, "vertices are not triples"),
        ({"CityObjects": []}, "CityObjects is missing"),
    ],
)
def test_a_broken_frame_is_refused(tmp_path: Path, change, message) -> None:
    with pytest.raises(SourceError, match=message):
        opened(saved(tmp_path, document() | change))


@pytest.mark.parametrize(
    "boundaries, reason",
    [
        ([[[[0, 1, 99]]]], "does not exist"),
        ([[[[0, 1, -1]]]], "does not exist"),
        ([[[0, 1, 2]]], "not nested"),
        ([[[[[0, 1, 2]]]]], "not nested"),
        (["abc"], "not nested"),
        (None, "not nested"),
        ([[[[0, None, 2]]]], "not nested"),
    ],
)
def test_one_broken_object_is_rejected_by_name(tmp_path: Path, boundaries, reason) -> None:
    objects = {"good": building(), "bad": building(solid(boundaries=boundaries, semantics={}))}
    reading, batch = only(saved(tmp_path, document(objects)))
    assert batch.objects["object_id"].tolist() == ["good"]
    assert [mesh.object_id for mesh in batch.meshes] == ["good"]
    (rejection,) = reading.rejected
    assert rejection.object == "bad"
    assert reason in rejection.reason


def test_an_object_without_its_parent_is_rejected(tmp_path: Path) -> None:
    objects = {"a": building(), "b": building(parents=["nobody"])}
    reading, batch = only(saved(tmp_path, document(objects)))
    assert batch.objects["object_id"].tolist() == ["a"]
    assert [(each.object, each.code) for each in reading.rejected] == [("b", "missing_parent")]


def test_a_second_object_with_the_same_id_is_noticed(tmp_path: Path) -> None:
    text = json.dumps(document({"a": building(), "b": building()})).replace('"b":', '"a":')
    reading, batch = only(saved(tmp_path, text))
    assert batch.objects["object_id"].tolist() == ["a"]
    assert [(each.object, each.code) for each in reading.rejected] == [("a", "duplicate_id")]


def test_rings_without_area_are_left_out_and_counted(tmp_path: Path) -> None:
    faces = [*CUBE, [[0, 1]], [[0, 1, 3, 2, 0], [4, 5]]]
    geometry = {"type": "MultiSurface", "lod": "2", "boundaries": faces}
    reading, batch = only(saved(tmp_path, document({"x": building(geometry)})))
    assert batch.meshes[0].face_count == 7
    assert batch.meshes[0].ring_sizes.tolist() == [4] * 7
    assert [finding.code for finding in reading.findings] == ["degenerate"]


def test_a_wall_alone_has_a_line_for_a_footprint(tmp_path: Path) -> None:
    wall = {"type": "MultiSurface", "lod": "2", "boundaries": [CUBE[2]]}
    reading, batch = only(saved(tmp_path, document({"x": building(wall)})))
    assert batch.objects["geometry"][0].geom_type == "LineString"
    assert [finding.code for finding in reading.findings] == ["hulls"]


def test_recognition_looks_into_the_file(tmp_path: Path) -> None:
    late = json.dumps({"CityObjects": {"a": {"x": "y" * 99_000}}, "type": "CityJSON"})
    assert CITYJSON.accepts(saved(tmp_path, late, "late.json"))
    assert CITYJSON.accepts(saved(tmp_path, document(), "plain.json"))
    features = {"type": "FeatureCollection", "features": [{"properties": {"x": "CityJSON" * 9999}}]}
    assert not CITYJSON.accepts(saved(tmp_path, features, "features.json"))
    assert not CITYJSON.accepts(saved(tmp_path, [1], "list.json"))
    assert not CITYJSONSEQ.accepts(saved(tmp_path, '{"type": "reading"}\n', "sensor.jsonl"))


def sequence(*features: dict, **header) -> str:
    head = document({}, vertices=[], **header)
    return "\n".join(json.dumps(each) for each in (head, *features)) + "\n"


def feature(name: str, **more) -> dict:
    objects = {name: building()}
    return {
        "type": "CityJSONFeature",
        "id": name,
        "CityObjects": objects,
        "vertices": CORNERS,
    } | more


def test_a_sequence_is_read_line_by_line(tmp_path: Path) -> None:
    moved = [[x + 5, y, z] for x, y, z in CORNERS]
    text = sequence(feature("a"), feature("b", vertices=moved))
    reading, batch = only(saved(tmp_path, text, "x.city.jsonl"))
    assert reading.crs == "EPSG:28992"
    assert [shape.bounds[0] for shape in batch.objects["geometry"]] == [90000, 90050]
    assert [len(mesh.vertices) for mesh in batch.meshes] == [8, 8]


def test_a_bad_line_costs_only_itself(tmp_path: Path) -> None:
    text = sequence(feature("a"), feature("a"), feature("c"))
    reading, batch = only(saved(tmp_path, text + '{"type": "CityJSONFea', "x.city.jsonl"))
    assert batch.objects["object_id"].tolist() == ["a", "c"]
    assert [(each.object, each.code) for each in reading.rejected] == [
        ("a", "duplicate_id"),
        ("line 5", "bad_line"),
    ]
    assert "line 5, column" in reading.rejected[1].reason


def test_a_sequence_with_a_broken_first_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 1, column 1"):
        opened(saved(tmp_path, '{"type": "CityJSON"\n{}\n', "x.city.jsonl"))


READABLE = [
    name
    for folder in ("cityjson", "cityjsonseq", "invalid")
    for name in realdata.below(f"citymodel/{folder}", ".json", ".jsonl")
    if "EXPECTED" not in realdata.manifest()[name]["expected_facts"] and "unclosed" not in name
]


@realdata.real
@pytest.mark.parametrize("name", READABLE)
def test_real_files_give_every_object_and_geometry(name: str) -> None:
    contents = realdata.manifest()[name]["contents"]
    reading, batches = opened(realdata.path(name))
    rows = sum(map(len, batches))
    assert rows == int(re.search(r"CityObjects=(\d+)", contents)[1])
    assert reading.rejected == []
    expected: Counter[str] = Counter()
    for kind, lod, count in re.findall(r"'(\w+)@([\w.]+)': (\d+)", contents):
        known = "MultiSurface" if kind == "GeometryInstance" else kind
        expected[known, "3" if lod == "None" else lod] += int(count)
    meshes = [mesh for batch in batches for mesh in batch.meshes]
    assert Counter((mesh.kind, mesh.lod) for mesh in meshes) == expected
    for batch in batches:
        assert set(batch.objects["class"]) <= set(CLASSES)
        assert set(batch.objects["lod"].dropna()) <= set(LODS)
        assert not shapely.is_missing(batch.objects["geometry"].to_numpy()).any()
        assert shapely.is_valid(batch.objects["geometry"].to_numpy()).all()


@realdata.real
@pytest.mark.parametrize("name", READABLE)
def test_real_vertices_lie_in_the_extent_the_file_states(name: str) -> None:
    stated = re.search(r"bbox=\[([^\]]*)\]", realdata.manifest()[name]["expected_facts"])
    low_high = np.array([float(each) for each in stated[1].split(",")])
    meshes = [mesh for batch in opened(realdata.path(name))[1] for mesh in batch.meshes]
    points = np.concatenate([mesh.vertices for mesh in meshes])
    if "template" in name or "unclosed" in name:
        assert np.isfinite(points).all()
        return
    slack = 0.002
    assert (points.min(axis=0) >= low_high[:3] - slack).all()
    assert (points.max(axis=0) <= low_high[3:] + slack).all()


@realdata.real
@pytest.mark.parametrize(
    "name, message",
    [
        ("citymodel/invalid/completely_empty.json", "the file is empty"),
        ("citymodel/invalid/invalid_json_cityjson.json", "line 3, column 11"),
        ("citymodel/invalid/unclosedbracket.city.jsonl", "line 1, column 1"),
        ("hostile/truncated/delft.truncated.city.json", "cut off"),
    ],
)
def test_real_broken_files_are_refused(name: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        opened(realdata.path(name))


@realdata.real
def test_footprints_of_delft_agree_with_a_plain_union() -> None:
    _, batch = only(realdata.path("citymodel/cityjson/delft.json"))
    shapes = batch.objects.set_index("object_id")["geometry"]
    for mesh in batch.meshes[::9]:
        starts = np.cumsum(mesh.ring_sizes) - mesh.ring_sizes
        rings = [
            mesh.vertices[mesh.indices[start : start + size], :2]
            for start, size in zip(starts, mesh.ring_sizes, strict=True)
        ]
        faces = [face for face in map(shapely.Polygon, rings) if face.area > 1e-9]
        whole = shapely.union_all(shapely.make_valid(faces), grid_size=1e-6)
        assert shapes[mesh.object_id].area == pytest.approx(whole.area, rel=1e-4)
