import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from citygml_models import (
    UTM,
    codes,
    cube,
    gml_id,
    land_use,
    model,
    only,
    opened,
    polygon,
    reference,
    ring,
    saved,
    solid,
    square,
    surface,
)

from cim.errors import SourceError
from cim.model import Mesh
from ingest.catalogue import reader_for
from ingest.citygml import CITYGML


def kinds(mesh: Mesh) -> list[str]:
    """The type of each face."""
    numbers = mesh.face_part if len(mesh.face_part) else np.zeros(mesh.face_count, int)
    return [mesh.parts[number].get("type", "") for number in numbers]


@pytest.mark.parametrize("version", ["0.4", "1.0", "2.0", "3.0"])
def test_a_cube_becomes_a_row_a_mesh_and_a_footprint(tmp_path: Path, version: str) -> None:
    more = '<gml:name>Town hall</gml:name><bldg:measuredHeight uom="m">7</bldg:measuredHeight>'
    text = model(cube(version=version, more=more), version=version)
    reading, batch = only(saved(tmp_path, text))
    row = batch.objects.iloc[0]
    assert (row["object_id"], row["class"], row["lod"]) == ("b1", "Building", "2")
    assert (row["name"], row["height"], row["ground_height"]) == ("Town hall", 7, 100)
    assert row["geometry"].equals(shapely.box(500_000, 5_400_000, 500_010, 5_400_010))
    assert (reading.crs, reading.crs_source) == ("EPSG:25832", "file")
    (mesh,) = batch.meshes
    assert (mesh.kind, mesh.face_count, len(mesh.vertices)) == ("Solid", 6, 8)
    assert Counter(kinds(mesh)) == {"GroundSurface": 1, "RoofSurface": 1, "WallSurface": 4}
    assert mesh.parts[0]["id"] == "b1_GroundSurface_0"
    assert mesh.ring_sizes.tolist() == [4] * 6


def test_what_a_solid_and_its_surfaces_say_twice_is_one_mesh(tmp_path: Path) -> None:
    """Some write the polygons of the solid out once more in the thematic surfaces."""
    own, again = square(), square()
    top = [(x, y, z + 5) for x, y, z in own]
    inside = solid(polygon(own[::-1]), polygon(top))
    roof = f"<bldg:RoofSurface><bldg:lod2MultiSurface>{surface(polygon(again))}"
    text = (
        f'<bldg:Building gml:id="b"><bldg:lod2Solid>{inside}</bldg:lod2Solid>'
        f"<bldg:boundedBy>{roof.replace('Roof', 'Ground')}</bldg:lod2MultiSurface>"
        "</bldg:GroundSurface></bldg:boundedBy></bldg:Building>"
    )
    _, batch = only(saved(tmp_path, model(text)))
    (mesh,) = batch.meshes
    assert mesh.face_count == 2
    assert kinds(mesh) == ["GroundSurface", ""]


def test_surfaces_that_no_solid_has_are_a_mesh_of_their_own(tmp_path: Path) -> None:
    extra = (
        f"<bldg:boundedBy><bldg:ClosureSurface><bldg:lod2MultiSurface>"
        f"{surface(polygon(square((500_050, 5_400_000, 100))))}"
        "</bldg:lod2MultiSurface></bldg:ClosureSurface></bldg:boundedBy>"
    )
    _, batch = only(saved(tmp_path, model(cube(more=extra))))
    assert [(mesh.kind, mesh.face_count) for mesh in batch.meshes] == [
        ("Solid", 6),
        ("MultiSurface", 1),
    ]


def test_a_hole_stays_a_ring_of_its_face(tmp_path: Path) -> None:
    hole = square((500_002, 5_400_002, 100), 4)[::-1]
    face = f"<gml:Polygon>{ring(square())}{ring(hole, 'interior')}</gml:Polygon>"
    text = land_use(surface(face))
    _, batch = only(saved(tmp_path, model(text)))
    assert batch.meshes[0].face_rings.tolist() == [2]
    assert batch.objects["geometry"][0].area == 84
    assert batch.objects["class"][0] == "LandUse"


def test_a_part_its_installation_and_its_window_know_their_parents(tmp_path: Path) -> None:
    window = (
        '<bldg:opening><bldg:Window gml:id="w"><bldg:lod3MultiSurface>'
        f"{surface(polygon(square()))}</bldg:lod3MultiSurface></bldg:Window></bldg:opening>"
    )
    wall = f"<bldg:boundedBy><bldg:WallSurface>{window}</bldg:WallSurface></bldg:boundedBy>"
    outer = (
        '<bldg:outerBuildingInstallation><bldg:BuildingInstallation gml:id="i"/>'
        "</bldg:outerBuildingInstallation>"
    )
    room = "<bldg:interiorRoom><bldg:Room/></bldg:interiorRoom>" * 2
    part = (
        f'<bldg:BuildingPart gml:id="p">{wall}{outer}{room}<bldg:lod1Solid>'
        f"{solid(polygon(square()))}</bldg:lod1Solid></bldg:BuildingPart>"
    )
    text = (
        f'<bldg:Building gml:id="b"><bldg:consistsOfBuildingPart>{part}'
        "</bldg:consistsOfBuildingPart></bldg:Building>"
    )
    _, batch = only(saved(tmp_path, model(text)))
    rows = batch.objects.set_index("object_id")
    assert rows["parent_id"].to_dict() == {
        "b": None, "p": "b", "w": "p", "i": "p", "p/Room-1": "p", "p/Room-2": "p",
    }  # fmt: skip
    assert rows["class"].tolist() == [
        "Building", "BuildingPart", "Window", "BuildingInstallation",
        "BuildingRoom", "BuildingRoom",
    ]  # fmt: skip
    assert rows.loc["b", "geometry"].area == 100, "the whole covers what its parts cover"
    assert rows.loc["p/Room-1", "attributes"]["citygml_class"] == "Room"


def test_polygons_of_another_member_are_found_wherever_they_stand(tmp_path: Path) -> None:
    borrowed = (
        '<bldg:Building gml:id="b0"><bldg:lod2MultiSurface><gml:MultiSurface>'
        f"{reference('b1_RoofSurface_0_p')}</gml:MultiSurface></bldg:lod2MultiSurface>"
        "</bldg:Building>"
    )
    reading, batches = opened(
        saved(tmp_path, model(borrowed, cube(), borrowed.replace("b0", "b2")))
    )
    meshes = {mesh.object_id: mesh for batch in batches for mesh in batch.meshes}
    assert set(meshes) == {"b0", "b1", "b2"}
    for name in ("b0", "b2"):
        assert meshes[name].face_count == 1
        assert meshes[name].vertices[:, 2].tolist() == [105] * 4
    assert "missing_reference" not in codes(reading)


def test_a_reference_to_nothing_is_said_and_the_object_stays(tmp_path: Path) -> None:
    text = (
        '<bldg:Building gml:id="b"><bldg:lod2MultiSurface><gml:MultiSurface>'
        f"{reference('nowhere')}</gml:MultiSurface></bldg:lod2MultiSurface></bldg:Building>"
    )
    reading, batches = opened(saved(tmp_path, model(cube(), text)))
    assert sorted(each for batch in batches for each in batch.objects["object_id"]) == ["b", "b1"]
    assert "missing_reference" in codes(reading)


def test_a_reference_to_itself_ends(tmp_path: Path) -> None:
    text = (
        '<bldg:Building gml:id="b"><bldg:lod2MultiSurface><gml:MultiSurface gml:id="m">'
        f"{reference('m')}{polygon(square()).join(['<gml:surfaceMember>', '</gml:surfaceMember>'])}"
        "</gml:MultiSurface></bldg:lod2MultiSurface></bldg:Building>"
    )
    _, batch = only(saved(tmp_path, model(text)))
    assert batch.objects["geometry"][0].area == 100


def test_a_face_is_turned_round_where_its_orientation_says_so(tmp_path: Path) -> None:
    turned = (
        f'<gml:OrientableSurface orientation="-"><gml:baseSurface>{polygon(square())}'
        "</gml:baseSurface></gml:OrientableSurface>"
    )
    text = (
        '<gen:GenericCityObject gml:id="g"><gen:lod2Geometry>{}</gen:lod2Geometry>'
        "</gen:GenericCityObject>"
    )
    _, batch = only(saved(tmp_path, model(text.format(surface(turned)))))
    (mesh,) = batch.meshes
    around = mesh.vertices[mesh.indices][:, :2]
    assert shapely.LinearRing(around).is_ccw is False
    assert batch.objects["class"][0] == "GenericOccupiedSpace"


def template(name: str, at: tuple[float, ...], inside: str, scale: float = 2) -> str:
    matrix = f"{scale} 0 0 1  0 {scale} 0 0  0 0 {scale} 0  0 0 0 1"
    place = " ".join(f"{each:.10g}" for each in at)
    return (
        f'<veg:SolitaryVegetationObject gml:id="{name}"><veg:species>1200</veg:species>'
        '<veg:height uom="ft">10</veg:height><veg:lod2ImplicitRepresentation>'
        f"<core:ImplicitGeometry><core:transformationMatrix>{matrix}</core:transformationMatrix>"
        f"{inside}<core:referencePoint><gml:Point><gml:pos>{place}</gml:pos></gml:Point>"
        "</core:referencePoint></core:ImplicitGeometry></veg:lod2ImplicitRepresentation>"
        "</veg:SolitaryVegetationObject>"
    )


SHAPE = (
    f'<core:relativeGMLGeometry><gml:MultiSurface gml:id="shape"><gml:surfaceMember>'
    f"{polygon(square((0, 0, 0), 1))}</gml:surfaceMember></gml:MultiSurface>"
    "</core:relativeGMLGeometry>"
)
SAME = '<core:relativeGMLGeometry xlink:href="#shape"/>'


@pytest.mark.parametrize("order", [(SHAPE, SAME), (SAME, SHAPE)])
def test_a_template_is_placed_by_matrix_and_point_for_all_who_share_it(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    trees = [
        template(f"t{n}", (500_000 + 100 * n, 5_400_000, 50), each) for n, each in enumerate(order)
    ]
    _, batches = opened(saved(tmp_path, model(*trees)))
    boxes = {
        row["object_id"]: row["geometry"].bounds
        for batch in batches
        for _, row in batch.objects.iterrows()
    }
    assert boxes["t0"] == (500_001, 5_400_000, 500_003, 5_400_002)
    assert boxes["t1"] == (500_101, 5_400_000, 500_103, 5_400_002)
    heights = {each for batch in batches for each in batch.objects["height"]}
    assert list(heights) == [pytest.approx(3.048)]


def test_a_template_in_metres_is_placed_in_degrees(tmp_path: Path) -> None:
    tree = template("t", (35.5, 139.5, 50), SHAPE, scale=10)
    srs = "http://www.opengis.net/def/crs/EPSG/0/6697"
    _, batch = only(saved(tmp_path, model(tree, srs=srs)))
    west, south, east, north = batch.objects["geometry"][0].bounds
    assert (east - west) * 90_600 == pytest.approx(10, abs=0.1)
    assert (north - south) * 110_957 == pytest.approx(10, abs=0.01)
    assert west == pytest.approx(139.5, abs=1e-4)


def test_triangles_of_terrain_are_a_mesh_of_triangles(tmp_path: Path) -> None:
    a, b, c, d = square()
    patches = "".join(
        f"<gml:Triangle>{ring(each)}</gml:Triangle>" for each in ((a, b, c), (a, c, d))
    )
    text = (
        '<dem:ReliefFeature gml:id="r"><dem:lod>2</dem:lod><dem:reliefComponent>'
        '<dem:TINRelief gml:id="t"><dem:lod>2</dem:lod><dem:tin><gml:TriangulatedSurface>'
        f"<gml:trianglePatches>{patches}</gml:trianglePatches></gml:TriangulatedSurface>"
        "</dem:tin></dem:TINRelief></dem:reliefComponent></dem:ReliefFeature>"
    )
    _, batch = only(saved(tmp_path, model(text)))
    (mesh,) = batch.meshes
    assert (mesh.object_id, mesh.kind, mesh.lod, mesh.face_count) == ("t", "Triangles", "2", 2)
    assert batch.objects["class"].tolist() == ["CityObjectGroup", "TINRelief"]
    assert batch.objects["geometry"][1].area == 100


def test_levels_of_detail_three_and_four_stay_apart(tmp_path: Path) -> None:
    body = "".join(
        f"<bldg:lod{lod}Solid>{solid(polygon(square((500_000, 5_400_000, lod))))}"
        f"</bldg:lod{lod}Solid>"
        for lod in (1, 2, 3, 4)
    )
    _, batch = only(saved(tmp_path, model(f"<bldg:Building{gml_id('b')}>{body}</bldg:Building>")))
    assert [mesh.lod for mesh in batch.meshes] == ["1", "2", "3", "3.3"]


def test_the_footprint_is_the_outline_where_a_roof_edge_is_beside_it(tmp_path: Path) -> None:
    roof = surface(polygon(square((499_999, 5_399_999, 105), 12)))
    foot = surface(polygon(square()))
    text = (
        f"<bldg:Building{gml_id('b')}><bldg:lod0RoofEdge>{roof}</bldg:lod0RoofEdge>"
        f"<bldg:lod0FootPrint>{foot}</bldg:lod0FootPrint></bldg:Building>"
    )
    _, batch = only(saved(tmp_path, model(text)))
    assert batch.objects["geometry"][0].area == 100
    assert [mesh.parts for mesh in batch.meshes] == [(), ({"type": "RoofEdge"},)]


def test_lines_and_points_are_geometries_without_a_mesh(tmp_path: Path) -> None:
    line = (
        "<gml:MultiCurve><gml:curveMember><gml:LineString><gml:posList>"
        "500000 5400000 1 500100 5400000 2</gml:posList></gml:LineString></gml:curveMember>"
        "</gml:MultiCurve>"
    )
    point = "<gml:Point><gml:pos>500000 5400000 1</gml:pos></gml:Point>"
    road = f'<tran:Road gml:id="r"><tran:lod0Network>{line}</tran:lod0Network></tran:Road>'
    lamp = (
        f'<frn:CityFurniture gml:id="l"><frn:lod1Geometry>{point}</frn:lod1Geometry>'
        "</frn:CityFurniture>"
    )
    _, batch = only(saved(tmp_path, model(road, lamp)))
    assert [shape.geom_type for shape in batch.objects["geometry"]] == ["LineString", "Point"]
    assert batch.objects["geometry"][0].length == 100
    assert not len(batch.meshes)


def test_a_road_covers_what_its_sections_and_spaces_cover(tmp_path: Path) -> None:
    area = (
        "<tran:TrafficArea><core:lod2MultiSurface>{}</core:lod2MultiSurface>"
        "<tran:function>2</tran:function></tran:TrafficArea>"
    )
    spaces = "".join(
        f'<tran:trafficSpace><tran:TrafficSpace gml:id="s{n}"><core:boundary>'
        f"{area.format(surface(polygon(square((500_000 + 10 * n, 5_400_000, 0)))))}"
        "</core:boundary></tran:TrafficSpace></tran:trafficSpace>"
        for n in range(2)
    )
    text = (
        f'<tran:Road gml:id="r"><tran:section><tran:Section gml:id="x">{spaces}</tran:Section>'
        "</tran:section></tran:Road>"
    )
    _, batch = only(saved(tmp_path, model(text, version="3.0")))
    rows = batch.objects.set_index("object_id")
    assert rows["class"].unique().tolist() == ["Road"]
    assert rows["geometry"].map(shapely.area).to_dict() == {
        "r": 200,
        "x": 200,
        "s0": 100,
        "s1": 100,
    }
    assert batch.meshes[0].parts == ({"type": "TrafficArea", "function": 2},)


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, gzip.compress(model(cube()).encode()), "city.gml.gz")
    assert reader_for(path) is CITYGML
    assert len(only(path)[1]) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "shift_jis", "gb18030"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    name = {"shift_jis": "横須賀", "gb18030": "开封", "iso-8859-1": "Köln"}.get(
        encoding, "Łódź 開封"
    )
    declared = encoding.replace("-sig", "").upper()
    head = f'<?xml version="1.0" encoding="{declared}"?>'
    text = model(cube(more=f"<gml:name>{name}</gml:name>"), head=head)
    path = saved(tmp_path, text.encode(encoding))
    assert reader_for(path) is CITYGML
    assert only(path)[1].objects["name"][0] == name


def test_the_user_says_an_encoding_that_the_file_does_not(tmp_path: Path) -> None:
    data = model(cube(more="<gml:name>横須賀</gml:name>")).encode("shift_jis")
    path = saved(tmp_path, data)
    with pytest.raises(SourceError, match="set the encoding"):
        opened(path)
    assert only(path, encoding="shift_jis")[1].objects["name"][0] == "横須賀"


def test_many_members_make_batches_that_do_not_divide_families(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.citygml.reading.BATCH_ROWS", 4)
    cubes = [cube(f"b{n}", (500_000 + 20 * n, 5_400_000, 0)) for n in range(10)]
    _, batches = opened(saved(tmp_path, model(*cubes)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    found = [each.bounds[0] for batch in batches for each in batch.objects["geometry"]]
    assert found == [500_000 + 20 * n for n in range(10)]


def test_an_object_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    text = cube().replace(' gml:id="b1"', "", 1)
    reading, batch = only(saved(tmp_path, model(text)))
    assert batch.objects["object_id"].tolist() == ["Building-1"]
    assert "id_from_number" in codes(reading)


def test_colours_are_parts_and_pictures_stay_references(tmp_path: Path) -> None:
    look = (
        "<app:appearanceMember><app:Appearance><app:theme>summer</app:theme>"
        "<app:surfaceDataMember><app:X3DMaterial><app:diffuseColor>1 0.5 0</app:diffuseColor>"
        "<app:transparency>0.25</app:transparency><app:target>#b1_RoofSurface_0</app:target>"
        "</app:X3DMaterial></app:surfaceDataMember><app:surfaceDataMember>"
        "<app:ParameterizedTexture><app:imageURI>pictures/wall.jpg</app:imageURI>"
        '<app:target uri="#b1_WallSurface_1_p"><app:TexCoordList/></app:target>'
        "</app:ParameterizedTexture></app:surfaceDataMember></app:Appearance>"
        "</app:appearanceMember>"
    )
    _, batch = only(saved(tmp_path, model(cube(), more=look)))
    by_id = {part["id"]: part for part in batch.meshes[0].parts}
    assert by_id["b1_RoofSurface_0"]["color"] == [1, 0.5, 0, 0.75]
    assert by_id["b1_WallSurface_1"]["texture"] == "pictures/wall.jpg"
    attributes = batch.objects["attributes"][0]
    assert attributes["textures"] == ["pictures/wall.jpg"]
    assert attributes["texture_themes"] == ["summer"]


def test_the_srs_of_a_geometry_counts_more_than_the_files(tmp_path: Path) -> None:
    own = surface(polygon([(139.0, 35.0, 1), (139.001, 35.0, 1), (139.001, 35.001, 1)]))
    own = own.replace("<gml:MultiSurface", '<gml:MultiSurface srsName="OGC:CRS84"', 1)
    text = land_use(own)
    tokyo = cube("b", (390_000, 3_950_000, 0))
    reading, batch = only(saved(tmp_path, model(tokyo, text, srs="EPSG:32654")))
    west, south, *_ = batch.objects["geometry"][1].bounds
    assert (west, south) == (pytest.approx(317_450, abs=100), pytest.approx(3_874_800, abs=500))
    assert "own_system" in codes(reading)


def test_two_coordinates_a_point_give_an_outline_without_a_mesh(tmp_path: Path) -> None:
    flat = [(x, y) for x, y, _ in square()]
    text = land_use(surface(polygon(flat)))
    plain = model(text, srs=UTM).replace(' srsDimension="3"', ' srsDimension="2"')
    _, batch = only(saved(tmp_path, plain))
    assert batch.objects["geometry"][0].area == 100
    assert not len(batch.meshes)
    assert np.isnan(batch.objects["ground_height"][0])
