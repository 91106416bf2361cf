from pathlib import Path
from typing import Any

import numpy as np
import pytest
import realdata

from cim.errors import SourceError
from cim.model import Batch
from ingest.catalogue import reader_for
from ingest.landxml import LANDXML
from ingest.reader import Reading, ReadOptions

METRIC = '<Units><Metric linearUnit="meter" elevationUnit="meter" diameterUnit="{}"/></Units>'
SYSTEM = '<CoordinateSystem epsgCode="3878" verticalDatum="N2000"/>'

TIN = (
    '<Surfaces><Surface name="ground" desc="as built"><Definition surfType="TIN"><Pnts>'
    '<P id="1">6800000 24500000 1</P><P id="2">6800000 24500010 2</P>'
    '<P id="3">6800010 24500010 3</P><P id="4">6800010 24500000 {z}</P></Pnts><Faces>'
    "<F>1 2 3</F><F{more}>1 3 4</F></Faces></Definition></Surface></Surfaces>"
)
PIPES = (
    '<PipeNetworks><PipeNetwork name="N" pipeNetType="storm"><Structs>'
    '<Struct name="A" elevRim="12" elevSump="10"><Center>6800000 24500000</Center>'
    '<CircStruct diameter="1000"/><Invert elev="10.1" flowDir="out" refPipe="p"/></Struct>'
    '<Struct name="B" elevRim="11" elevSump="9"><Center>6800030 24500040</Center>'
    '<Invert elev="9.5" flowDir="in" refPipe="p"/></Struct></Structs><Pipes>'
    '<Pipe name="p" refStart="A" refEnd="{end}" length="50"><CircPipe diameter="300" '
    'material="concrete"/></Pipe></Pipes></PipeNetwork></PipeNetworks>'
)


def saved(folder: Path, *inside: str, units: str = METRIC.format("millimeter")) -> Path:
    text = f'<LandXML xmlns="http://www.landxml.org/schema/LandXML-1.2">{units}{SYSTEM}'
    path = folder / "site.xml"
    path.write_text(f"{text}{''.join(inside)}</LandXML>", "utf-8")
    return path


def opened(path: Path, **options: Any) -> tuple[Reading, list[Batch]]:
    assert reader_for(path) is LANDXML
    reading = LANDXML.open(path, ReadOptions(**options), path.parent)
    return reading, list(reading)


def test_a_surface_is_terrain_east_first(tmp_path: Path) -> None:
    reading, (batch,) = opened(saved(tmp_path, TIN.format(z=4, more="")))
    row = batch.objects.iloc[0]
    assert (row["object_id"], row["class"], row["ground_height"]) == ("ground", "TINRelief", 1)
    assert row["geometry"].bounds == (24500000, 6800000, 24500010, 6800010)
    assert row["attributes"] == {"description": "as built"}
    (mesh,) = batch.meshes
    assert (mesh.kind, mesh.face_count, mesh.vertices[2].tolist()) == (
        "Triangles",
        2,
        [24500010, 6800010, 3],
    )
    assert (reading.crs, reading.crs_source, reading.height_datum) == ("EPSG:3878", "file", "N2000")


def test_invisible_faces_are_left_out_and_said(tmp_path: Path) -> None:
    reading, (batch,) = opened(saved(tmp_path, TIN.format(z=4, more=' i="1"')))
    assert batch.meshes[0].face_count == 1
    assert batch.objects["geometry"][0].area == 50
    assert [each.code for each in reading.findings] == ["invisible_faces"]


@pytest.mark.parametrize("z", ["nowhere", "nan", ""])
def test_a_surface_with_a_point_that_is_none_is_rejected(tmp_path: Path, z: str) -> None:
    reading, batches = opened(saved(tmp_path, TIN.format(z=z, more="")))
    assert not batches
    assert [each.object for each in reading.rejected] == ["ground"]


def test_feet_become_metres(tmp_path: Path) -> None:
    units = '<Units><Imperial linearUnit="foot" diameterUnit="inch"/></Units>'
    _, (batch,) = opened(saved(tmp_path, TIN.format(z=4, more=""), units=units), crs="EPSG:3878")
    size = np.ptp(batch.meshes[0].vertices, axis=0)
    assert size == pytest.approx([3.048, 3.048, 3 * 0.3048], abs=1e-6)


def test_structures_are_nodes_and_pipes_are_edges(tmp_path: Path) -> None:
    reading, (batch,) = opened(saved(tmp_path, PIPES.format(end="B")))
    rows = batch.objects.set_index("object_id")
    assert rows["class"].to_dict() == {
        "N/structure/A": "Manhole",
        "N/structure/B": "Manhole",
        "N/pipe/p": "Pipe",
    }
    pipe = rows.loc["N/pipe/p"]
    assert list(pipe["geometry"].coords) == [(24500000, 6800000, 10.1), (24500040, 6800030, 9.5)]
    assert pipe["attributes"]["diameter_m"] == pytest.approx(0.3)
    assert pipe["attributes"]["material"] == "concrete"
    assert pipe["attributes"]["z_reference"] == "invert"
    assert rows.loc["N/structure/A", "attributes"]["depth_m"] == 2
    assert batch.nodes is not None
    assert batch.edges is not None
    assert batch.nodes[["network", "node_id", "z"]].values.tolist() == [
        ["storm", "A", 10],
        ["storm", "B", 9],
    ]
    assert batch.edges[["start_node", "end_node", "length"]].values.tolist() == [["A", "B", 50]]
    assert not reading.rejected


def test_a_pipe_that_ends_nowhere_is_rejected_alone(tmp_path: Path) -> None:
    reading, (batch,) = opened(saved(tmp_path, PIPES.format(end="C")))
    assert len(batch) == 2
    assert [(each.object, each.code) for each in reading.rejected] == [
        ("N/pipe/p", "no_coordinates")
    ]


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    inside = '<Alignments><Alignment name="a"/></Alignments>'
    reading, _ = opened(saved(tmp_path, TIN.format(z=4, more=""), inside))
    assert "left out: Alignment 1" in str(reading.findings[0])


def test_a_file_without_surfaces_and_pipes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="neither a surface nor a pipe network"):
        opened(saved(tmp_path, '<Alignments><Alignment name="a"/></Alignments>'))


def test_a_truncated_file_is_one_error(tmp_path: Path) -> None:
    path = saved(tmp_path, TIN.format(z=4, more=""))
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(SourceError, match="cut off or damaged"):
        opened(path)


@realdata.real
def test_the_ground_of_a_real_road_is_read() -> None:
    reading, (batch,) = opened(realdata.path("ifc/infra/DrainageSystem-1-2.xml"))
    (mesh,) = batch.meshes
    assert (mesh.face_count, len(mesh.vertices)) == (4068, 2309)
    assert (reading.crs, reading.height_datum) == ("EPSG:3878", "N2000")
    assert batch.objects["name"][0] == "Ylin yhdistelmäpinta"
    assert batch.objects["attributes"][0] == {"infraCoding": "211000", "breaklines": 38}
    low, high = mesh.vertices[:, 2].min(), mesh.vertices[:, 2].max()
    assert (low, high) == pytest.approx((124.28, 127.653212))
