"""Drawings: what becomes of their layers, entities, labels, blocks, units and text."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dxf_drawings import EAST, NORTH, at, blank, house, opened, saved, survey

from cim.errors import SourceError
from cim.store import create_city
from ingest.catalogue import reader_for
from ingest.dxf import DXF
from ingest.dxf.cass import building_label
from ingest.load import load_files
from ingest.reader import Reading, ReadOptions


def codes(reading: Reading) -> set[str]:
    return {each.code for each in reading.findings}


def test_layers_of_a_survey_become_classes(tmp_path: Path) -> None:
    reading, layers = opened(saved(survey(blank()), tmp_path / "a.dxf"))
    found = {(name, row["class"]) for name, rows in layers.items() for row in rows}
    assert found == {
        ("JMD", "Building"),
        ("DLSS", "Road"),
        ("SXSS", "WaterBody"),
        ("DGX", "GenericOccupiedSpace"),
        ("GCD", "GenericOccupiedSpace"),
        ("GXYZ", "Pipe"),
    }
    assert "drawing_aids" in codes(reading)
    assert not reading.rejected


def test_a_label_in_an_outline_tells_structure_and_storeys(tmp_path: Path) -> None:
    _, layers = opened(saved(survey(blank()), tmp_path / "a.dxf"))
    one, two = layers["JMD"]
    assert (one["label"], one["structure"], one["storeys_above_ground"]) == ("砖3", "brick", 3)
    assert (two["structure"], two["storeys_above_ground"]) == ("mixed", 5)
    assert two["storeys_below_ground"] == 1
    assert (one["cass_code"], one["entity"]) == ("141101", "LWPOLYLINE")
    assert one["geometry"].area == 400
    assert not one["geometry"].has_z  # drawn flat: nobody gave a height


@pytest.mark.parametrize(
    ("text", "structure", "storeys", "below"),
    [
        ("砖3", "brick", 3, None),
        ("混5-1", "mixed", 5, 1),
        ("砼 12", "concrete", 12, None),
        ("钢混20", "reinforced concrete", 20, None),
        ("简", "simple", None, None),
    ],
)
def test_labels_of_buildings_are_understood(
    text: str, structure: str, storeys: int | None, below: int | None
) -> None:
    found = building_label(text)
    assert found is not None
    assert (found.structure, found.storeys, found.below) == (structure, storeys, below)


@pytest.mark.parametrize("text", ["3", "45.32", "河南大学", "砖厂", "砖3号楼", ""])
def test_other_words_are_no_labels_of_buildings(text: str) -> None:
    assert building_label(text) is None


def test_structure_and_storeys_may_be_two_texts(tmp_path: Path) -> None:
    document = blank()
    house(document, 0, 0)
    space = document.modelspace()
    for word, x in (("混", 5), ("4", 8), ("红星小区", 6)):
        y = 10 if len(word) == 1 else 5
        space.add_text(word, height=1, dxfattribs={"layer": "JMD"}).set_placement(at((x, y))[0])
    _, layers = opened(saved(document, tmp_path / "a.dxf"))
    (row,) = layers["JMD"]
    assert (row["structure"], row["storeys_above_ground"], row["name"]) == ("mixed", 4, "红星小区")


def test_texts_outside_are_places_and_numbers_are_not(tmp_path: Path) -> None:
    document = survey(blank())
    space = document.modelspace()
    for word in ("中山路", "72.35"):
        space.add_text(word, height=2, dxfattribs={"layer": "ZJ"}).set_placement(at((50, -20))[0])
    reading, layers = opened(saved(document, tmp_path / "a.dxf"))
    assert [(row["name"], row["class"]) for row in layers["ZJ"]] == [
        ("中山路", "GenericLogicalSpace")
    ]
    assert "labels_left_out" in codes(reading)


def test_heights_are_kept_where_they_are_given(tmp_path: Path) -> None:
    _, layers = opened(saved(survey(blank()), tmp_path / "a.dxf"))
    (spot,) = layers["GCD"]
    assert spot["ground_height"] == 72.35
    assert spot["geometry"].coords[0] == (EAST + 10, NORTH - 5, 72.35)
    assert spot["block"] == "GC200"
    (contour,) = layers["DGX"]
    assert contour["geometry"].geom_type == "LineString"
    assert contour["geometry"].is_ring
    assert {z for _, _, z in contour["geometry"].coords} == {75.0}
    (pipe,) = layers["GXYZ"]
    assert [z for _, _, z in pipe["geometry"].coords] == [70.1, 69.8]


def test_arcs_become_short_straight_pieces(tmp_path: Path) -> None:
    document = blank()
    space = document.modelspace()
    space.add_circle(at((0, 0))[0], 10)
    bulged = [(*at((30, 0))[0], 1.0), (*at((50, 0))[0], 1.0)]
    space.add_lwpolyline(bulged, format="xyb", close=True)
    space.add_arc(at((0, 40))[0], 10, 0, 180)
    space.add_ellipse(at((40, 40))[0], (20, 0, 0), 0.5)
    space.add_spline(at((0, 80, 0), (10, 90, 0), (20, 80, 0)))
    space.add_lwpolyline([(*p, 0.5) for p in at((80, 0), (90, 0))], format="xyb")
    _, layers = opened(saved(document, tmp_path / "a.dxf"))
    circle, ring, arc, ellipse, spline, bow = (row["geometry"] for row in layers["0"])
    assert circle.area == pytest.approx(math.pi * 100, rel=2e-3)
    assert ring.area == pytest.approx(math.pi * 100, rel=2e-3)
    assert arc.length == pytest.approx(math.pi * 10, rel=2e-3)
    assert ellipse.area == pytest.approx(math.pi * 200, rel=2e-3)
    assert (spline.geom_type, bow.geom_type) == ("LineString", "LineString")
    assert bow.length > 10.5


def test_a_hatch_has_its_holes_and_a_mere_fill_is_left_out(tmp_path: Path) -> None:
    document = blank()
    house(document, 0, 0)
    space = document.modelspace()
    fill = space.add_hatch(dxfattribs={"layer": "JMD"})
    fill.paths.add_polyline_path(at((0, 0), (20, 0), (20, 20), (0, 20)))
    green = space.add_hatch(dxfattribs={"layer": "ZBTZ"})
    green.paths.add_polyline_path(at((0, 50), (20, 50), (20, 70), (0, 70)))
    green.paths.add_polyline_path(at((5, 55), (15, 55), (15, 65), (5, 65)))
    reading, layers = opened(saved(document, tmp_path / "a.dxf"))
    assert len(layers["JMD"]) == 1
    (park,) = layers["ZBTZ"]
    assert (park["geometry"].area, park["class"]) == (300, "PlantCover")
    assert "fill_of_outline" in codes(reading)


def test_faces_that_touch_are_one_body_with_its_surface(tmp_path: Path) -> None:
    document = blank()
    space = document.modelspace()
    for corners in (
        at((0, 0, 1), (10, 0, 2), (10, 10, 3), (0, 10, 2)),
        at((10, 0, 2), (20, 0, 2), (20, 10, 3), (10, 10, 3)),
    ):
        space.add_3dface(corners, dxfattribs={"layer": "SJW"})
    path = saved(document, tmp_path / "a.dxf")
    (batch,) = list(DXF.open(path, ReadOptions(), tmp_path))
    (row,) = batch.objects.to_dict("records")
    assert (row["class"], row["faces"], row["geometry"].area) == ("TINRelief", 2, 200)
    (mesh,) = batch.meshes
    assert mesh.face_count == 2
    assert np.ptp(mesh.vertices, axis=0).tolist() == [20, 10, 2]


def test_polyface_meshes_are_bodies(tmp_path: Path) -> None:
    from ezdxf.render.forms import cube  # noqa: PLC0415  as the module of drawings does

    document = blank()
    box = cube().scale(10, 10, 10).translate(EAST, NORTH, 5)
    box.render_polyface(document.modelspace(), dxfattribs={"layer": "building"})
    box.translate(50, 0, 0).render_mesh(document.modelspace(), dxfattribs={"layer": "building"})
    path = saved(document, tmp_path / "a.dxf")
    (batch,) = list(DXF.open(path, ReadOptions(), tmp_path))
    assert [each.face_count for each in batch.meshes] == [6, 6]
    assert batch.objects["height"].tolist() == [10, 10]
    assert [each.area for each in batch.objects["geometry"]] == pytest.approx([100, 100])


def test_large_blocks_are_opened_and_small_ones_are_points(tmp_path: Path) -> None:
    document = blank()
    tree = document.blocks.new("tree")
    tree.add_circle((0, 0), 1)
    yard = document.blocks.new("yard")
    yard.add_lwpolyline([(0, 0), (30, 0), (30, 30), (0, 30)], close=True)
    yard.add_blockref("tree", (15, 15))
    space = document.modelspace()
    placing = {"layer": "JMD", "rotation": 90.0, "xscale": 2.0, "yscale": 2.0}
    space.add_blockref("yard", at((0, 0))[0], dxfattribs=placing)
    _, layers = opened(saved(document, tmp_path / "a.dxf"))
    outline, point = layers["JMD"]
    assert outline["geometry"].bounds == pytest.approx((EAST - 60, NORTH, EAST, NORTH + 60))
    assert (outline["block"], point["block"]) == ("yard", "tree")
    assert point["geometry"].coords[0] == pytest.approx((EAST - 30, NORTH + 30))
    assert outline["object_id"] != point["object_id"]


def test_blocks_in_themselves_and_bombs_come_to_an_end(tmp_path: Path) -> None:
    document = blank()
    ring = document.blocks.new("ring")
    ring.add_lwpolyline([(0, 0), (30, 0), (30, 30)], close=True)
    ring.add_blockref("ring", (1, 1))
    document.modelspace().add_blockref("ring", at((0, 0))[0])
    _, layers = opened(saved(document, tmp_path / "a.dxf"))
    assert 1 <= len(layers["0"]) < 20
    bomb = blank()
    bomb.blocks.new("b0").add_lwpolyline([(0, 0), (30, 0), (30, 30)], close=True)
    inner = bomb.blocks.new("b1")
    insert = inner.add_blockref("b0", (0, 0))
    insert.dxf.row_count, insert.dxf.column_count = 30_000, 30_000
    insert.dxf.row_spacing = insert.dxf.column_spacing = 1
    bomb.modelspace().add_blockref("b1", at((0, 0))[0])
    with pytest.raises(SourceError, match="blocks in blocks"):
        opened(saved(bomb, tmp_path / "b.dxf"))


def test_what_is_hidden_or_on_a_sheet_is_said(tmp_path: Path) -> None:
    document = survey(blank())
    document.layers.add("DLSS").freeze()
    document.layers.add("SXSS").off()
    document.layout("Layout1").add_line((0, 0), (1, 1))
    document.layout("Layout1").add_line((0, 0), (1, 2))
    document.modelspace().add_linear_dim(at((0, 0))[0], at((0, 0))[0], at((9, 0))[0]).render()
    path = saved(document, tmp_path / "a.dxf")
    reading, layers = opened(path)
    assert not {"DLSS", "SXSS"} & layers.keys()
    assert {"layers_hidden", "paper_space", "left_out"} <= codes(reading)
    _, layers = opened(path, layer="DLSS")
    assert list(layers) == ["DLSS"]


def test_drawings_outside_are_said(tmp_path: Path) -> None:
    document = survey(blank())
    document.add_xref_def("other.dxf", "other")
    document.modelspace().add_blockref("other", (0, 0))
    reading, _ = opened(saved(document, tmp_path / "a.dxf"))
    assert "xref" in codes(reading)


@pytest.mark.parametrize(("version", "page"), [("R12", "ANSI_936"), ("R2000", "ANSI_936")])
def test_text_in_a_code_page_is_read(tmp_path: Path, version: str, page: str) -> None:
    reading, layers = opened(saved(survey(blank(version, page=page)), tmp_path / "a.dxf"))
    assert layers["JMD"][0]["label"] == "砖3"
    assert reading.encoding == "GB18030"


def test_a_code_page_that_lies_is_found_out(tmp_path: Path) -> None:
    path = saved(survey(blank("R2000", page="ANSI_936")), tmp_path / "a.dxf")
    path.write_bytes(path.read_bytes().replace(b"ANSI_936", b"ANSI_1252"))
    reading, layers = opened(path)
    assert [row["label"] for row in layers["JMD"]] == ["砖3", "混5-1"]
    (finding,) = [each for each in reading.findings if each.code == "encoding_contradicted"]
    assert finding.fix == {"encoding": "GB18030"}
    assert not codes(opened(path, **finding.fix)[0]) & {"encoding_contradicted"}


def test_escaped_characters_are_read(tmp_path: Path) -> None:
    document = blank("R2000")
    house(document, 0, 0, r"\U+7816\U+0033")
    _, layers = opened(saved(document, tmp_path / "a.dxf"))
    assert layers["JMD"][0]["label"] == "砖3"


@pytest.mark.parametrize(("stated", "factor", "meant"), [(4, 1.0, "m"), (0, 1000.0, "mm")])
def test_a_header_that_is_wrong_on_the_unit_is_found_out(
    tmp_path: Path, stated: int, factor: float, meant: str
) -> None:
    document = blank(unit=stated)
    space = document.modelspace()
    corners = [(x * factor, y * factor) for x, y in at((0, 0), (20, 0), (20, 20), (0, 20))]
    space.add_lwpolyline(corners, close=True, dxfattribs={"layer": "JMD"})
    path = saved(document, tmp_path / "a.dxf")
    for options in ({}, {"crs": "EPSG:4547"}):
        reading, layers = opened(path, **options)
        assert layers["JMD"][0]["geometry"].area == pytest.approx(400)
        (finding,) = [each for each in reading.findings if each.code == "length_unit"]
        assert finding.fix == {"length_unit": meant}
    reading, layers = opened(path, length_unit=meant)
    assert "length_unit" not in codes(reading)
    assert layers["JMD"][0]["geometry"].area == pytest.approx(400)


def test_a_drawing_in_millimetres_is_in_metres(tmp_path: Path) -> None:
    document = blank(unit=4)
    space = document.modelspace()
    corners = [(x * 1000, y * 1000, 5000.0) for x, y in at((0, 0), (20, 0), (20, 20), (0, 20))]
    space.add_polyline3d(corners, close=True, dxfattribs={"layer": "JMD"})
    reading, layers = opened(saved(document, tmp_path / "a.dxf"))
    assert layers["JMD"][0]["geometry"].area == pytest.approx(400)
    assert layers["JMD"][0]["geometry"].exterior.coords[0][2] == pytest.approx(5)
    assert reading.length_unit == "mm"
    assert "length_unit" not in codes(reading)


def test_a_drawing_says_no_system_and_candidates_are_proposed(tmp_path: Path) -> None:
    reading, _ = opened(saved(survey(blank()), tmp_path / "a.dxf"))
    assert reading.crs == ""
    (missing,) = [each for each in reading.findings if each.code == "crs_missing"]
    assert "3852" in missing.evidence
    assert "EPSG:4534 to EPSG:4554" in missing.hint


def test_a_survey_is_loaded_into_a_city(tmp_path: Path) -> None:
    path = saved(survey(blank()), tmp_path / "a.dxf")
    with create_city(str(tmp_path / "c.city"), crs="EPSG:4547") as store:
        (report,) = load_files(store, [path], options=ReadOptions(crs="EPSG:4547"))
        assert (report.new, report.rejected) == (7, [])
        (again,) = load_files(store, [path], options=ReadOptions(crs="EPSG:4547"))
        assert again.same == 7


@pytest.mark.parametrize("damage", ["cut", "tag", "header"])
def test_a_damaged_drawing_is_saved_or_refused(tmp_path: Path, damage: str) -> None:
    body = saved(survey(blank()), tmp_path / "a.dxf").read_bytes()
    broken: Any = {
        "cut": body[: int(len(body) * 0.97)],
        "tag": body.replace(b"AcDbPolyline", b"AcDbNothing!\r\nxx", 1),
        "header": b"\x00" * 40 + body,
    }[damage]
    path = tmp_path / "b.dxf"
    path.write_bytes(broken)
    try:
        reading, layers = opened(path)
    except SourceError as error:
        refused = error
    else:
        assert layers
        assert "drawing_damaged" in codes(reading)
        return
    assert refused.hint


NO_DRAWINGS = [b"0\nSECTION\n", b"hello", b"\x00" * 500, b"AutoCAD Binary DXF"]


@pytest.mark.parametrize("content", NO_DRAWINGS)
def test_what_is_no_drawing_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        opened(path)
    assert refused.value.hint


def test_an_empty_drawing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing is drawn"):
        opened(saved(blank(), tmp_path / "a.dxf"))


def test_coordinates_that_are_no_numbers_are_rejected_alone(tmp_path: Path) -> None:
    document = blank()
    house(document, 0, 0)
    document.modelspace().add_line((math.nan, 0), (1, 1))
    document.modelspace().add_circle((EAST, NORTH), math.inf)
    reading, layers = opened(saved(document, tmp_path / "a.dxf"))
    assert len(layers["JMD"]) == 1
    assert {each.code for each in reading.rejected} == {"bad_geometry"}
    assert len(reading.rejected) == 2


def test_dwg_stays_refused_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.dwg"
    path.write_bytes(b"AC1032")
    with pytest.raises(SourceError, match="save it as DXF"):
        reader_for(path)
    assert DXF.suffixes == (".dxf",)
