"""IFC of roads, drains, terrain and boreholes: networks, lines, depths, and one place each."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import realdata
from ifc_models import House

from cim.model import Batch
from ingest.ifc import IFC
from ingest.reader import ReadOptions


def read(path: Path, folder: Path, **options: str) -> Batch:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    reading = IFC.open(path, ReadOptions(**options), work)  # type: ignore[arg-type]
    return next(iter(reading))


def infra(name: str, folder: Path, **options: str) -> Batch:
    return read(realdata.path(f"ifc/infra/{name}.ifc"), folder, **options)


def drains(folder: Path, house: House, **options: str) -> Batch:
    (folder / "house.ifc").write_bytes(house.encode())
    return read(folder / "house.ifc", folder, **options)


def with_pipe(length: float = 28.8) -> tuple[House, str, str, str]:
    """A house with two manholes 30 m apart, one metre square, and a pipe between them."""
    house = House()
    first, last = (
        house.element(
            "IFCDISTRIBUTIONCHAMBERELEMENT",
            name,
            house.placement(house.site_place, x, 10.0, -2.0),
            house.box(1, 1, 2),
            ".MANHOLE.",
        )
        for name, x in (("MH 1", 0.0), ("MH 2", 30.0))
    )
    place = house.placement(house.site_place, 1.1, 10.4, -1.5)
    pipe = house.element("IFCPIPESEGMENT", "Main", place, house.box(length, 0.2, 0.2), None)
    relate = "IFCRELCONTAINEDINSPATIALSTRUCTURE"
    house.file.root(relate, None, None, [first, last, pipe], house.site_ref)
    return house, first, last, pipe


def test_pipe_without_ports_joins_the_manholes_that_it_touches(tmp_path: Path) -> None:
    house, *_ = with_pipe()
    batch = drains(tmp_path, house, crs="EPSG:25832")
    names = batch.objects.set_index("object_id")["name"]
    assert batch.edges is not None
    assert batch.nodes is not None
    (edge,) = batch.edges.to_dict("records")
    assert {names[edge["start_node"]], names[edge["end_node"]]} == {"MH 1", "MH 2"}
    assert edge["length"] == pytest.approx(28.8, abs=0.01)
    assert edge["network"] == "other"
    assert batch.nodes.set_index("node_id")["z"].tolist() == pytest.approx([-2.0, -2.0], abs=1e-6)
    main = batch.objects.set_index("name").loc["Main"]
    assert main.geometry.geom_type == "LineString"
    assert main.geometry.has_z


def test_pipe_that_ends_in_the_open_has_an_end_of_its_own(tmp_path: Path) -> None:
    house, *_ = with_pipe(20.0)
    batch = drains(tmp_path, house, crs="EPSG:25832", network="storm")
    assert batch.nodes is not None
    owners = batch.nodes["object_id"].notna()
    assert Counter(owners) == {True: 1, False: 1}
    assert set(batch.nodes["network"]) == {"storm"}


def test_ports_decide_what_is_joined_and_which_way_it_flows(tmp_path: Path) -> None:
    house, first, last, pipe = with_pipe()
    root = house.file.root
    more = [".PIPE.", ".NOTDEFINED."]

    def port(owner: str, flow: str, x: float) -> str:
        place = house.placement(house.site_place, x, 10.5, -1.4)
        made = root("IFCDISTRIBUTIONPORT", None, None, None, place, None, flow, *more)
        root("IFCRELNESTS", None, None, owner, [made])
        return made

    joins = [
        (port(last, ".SOURCE.", 30.0), port(pipe, ".SINK.", 29.9)),
        (port(pipe, ".SOURCE.", 1.1), port(first, ".SINK.", 1.0)),
    ]
    for one, other in joins:
        root("IFCRELCONNECTSPORTS", None, None, one, other, None)
    system = root("IFCDISTRIBUTIONSYSTEM", "Drains", None, None, None, ".SEWAGE.")
    root("IFCRELASSIGNSTOGROUP", None, None, [pipe, first, last], None, system)
    batch = drains(tmp_path, house, crs="EPSG:25832")
    names = batch.objects.set_index("object_id")["name"]
    assert batch.edges is not None
    (edge,) = batch.edges.to_dict("records")
    assert (names[edge["start_node"]], names[edge["end_node"]]) == ("MH 2", "MH 1")
    assert edge["network"] == "sewer"
    line = batch.objects.set_index("name").loc["Main", "geometry"]
    assert line.coords[0][0] > line.coords[-1][0], "from where it flows in"


def test_layers_of_a_borehole_have_depths(tmp_path: Path) -> None:
    house = House("IFC4X3_ADD2")
    place = house.placement(house.site_place, 0.0, 0.0, 0.0)
    hole = house.element("IFCBOREHOLE", "BH", place, None)
    layers = []
    for name, depth, thick in (("clay", 1.5, 1.5), ("sand", 5.0, 3.5)):
        below = house.placement(house.site_place, 0.0, 0.0, -depth)
        layers.append(
            house.element(
                "IFCGEOTECHNICALSTRATUM", name, below, house.box(0.1, 0.1, thick), ".SOLID."
            )
        )
    house.file.root("IFCRELNESTS", None, None, hole, layers)
    objects = drains(tmp_path, house, crs="EPSG:25832").objects.set_index("name")
    clay, sand = (objects.loc[name, "attributes"] for name in ("clay", "sand"))
    assert (clay["depth_top_m"], clay["depth_bottom_m"]) == pytest.approx((0, 1.5), abs=1e-6)
    assert (sand["depth_top_m"], sand["depth_bottom_m"]) == pytest.approx((1.5, 5.0), abs=1e-6)
    assert objects.loc["BH", "attributes"]["depth_m"] == pytest.approx(5.0, abs=1e-6)
    assert objects.loc["BH", "geometry"].z == pytest.approx(0.0, abs=1e-6)


@realdata.real
@pytest.mark.parametrize("name", ["DrainageSystem-1-1", "DrainageSystem-1-2"])
def test_drainage_system_is_a_storm_network_of_six_pipes(tmp_path: Path, name: str) -> None:
    batch = infra(name, tmp_path, crs="EPSG:3879")
    assert batch.nodes is not None
    assert batch.edges is not None
    assert (len(batch.nodes), len(batch.edges)) == (7, 6)
    assert set(batch.edges["network"]) == {"storm"}
    declared = [16.748145, 11.359033, 25.044046, 11.338315, 3.086138, 3.760222]
    assert batch.edges["length"].tolist() == pytest.approx(declared, abs=1e-5)
    assert set(batch.nodes["object_id"]) == set(
        batch.objects.loc[batch.objects["class"] == "Manhole", "object_id"]
    )
    widths = [
        each["diameter_m"]
        for each, kind in zip(batch.objects["attributes"], batch.objects["class"], strict=True)
        if kind == "Pipe"
    ]
    assert widths[:4] == [0.4] * 4


@realdata.real
def test_borehole_of_queensland_has_five_layers_down_to_12_metres_70(tmp_path: Path) -> None:
    batch = infra("Borehole-1", tmp_path, crs="EPSG:7856")
    depths = [each.get("depth_bottom_m") for each in batch.objects["attributes"]][1:]
    assert depths == pytest.approx([0.1, 1.2, 6.4, 6.8, 12.7], abs=1e-5)
    assert batch.objects["attributes"].iloc[0]["depth_m"] == pytest.approx(12.7, abs=1e-5)


@realdata.real
def test_rumble_strip_in_survey_feet_is_metres(tmp_path: Path) -> None:
    metres = infra("RumbleStrip-INDOT", tmp_path, crs="EPSG:26973")
    feet = infra("RumbleStrip-INDOT", tmp_path, crs="EPSG:2965")
    assert Counter(metres.objects["class"])["Road"] == 25
    low, high = (
        np.min([mesh.vertices.min(0) for mesh in batch.meshes], axis=0) for batch in (metres, feet)
    )
    foot = 1200 / 3937
    assert high[:2] == pytest.approx([1320665.51, 627918.09], abs=0.01), "as the file has them"
    assert low == pytest.approx([*high[:2] * foot, high[2]], abs=0.01), "heights stay metres"
