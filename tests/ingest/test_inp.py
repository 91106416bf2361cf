"""EPANET and SWMM models: told apart by their sections, read in SI units, refused by line."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import realdata
import shapely

from cim.errors import ParamError, SourceError
from cim.networks import UTILITY_ATTRIBUTES
from cim.store import create_city
from ingest.catalogue import reader_for
from ingest.load import load_files
from ingest.reader import Reading, ReadOptions

WATER = """
[TITLE]
Small town
[JUNCTIONS]
;ID Elev Demand
 J1   100  10  P1 ;
 J2   90
"J 3" 80   5
[RESERVOIRS]
 R    120
[TANKS]
 T    95  2  1  5  10  0
[PIPES]
 1  R  J1    100  200  130  0  Open ;
 J1 J1 J2    200  150  130  CV
 3  J2 "J 3" 300  100  130  0.5 Closed
[PUMPS]
 P  J1 T  HEAD C1 SPEED 1.2
[VALVES]
 V  "J 3" T 100 PRV 40 0
[DEMANDS]
 J2  3  P1 ;households
 J2  1  P2
[STATUS]
 1 Closed
 V 55
[PATTERNS]
 P1 1 2 3
[TAGS]
 LINK 1 main
[OPTIONS]
 Units LPS
 Headloss H-W
[COORDINATES]
 R    500000 4000000
 J1   500100 4000000
 J2   500100 4000200
 "J 3"  500400 4000200
 T    500200 4000100
[END]
"""

DRAIN = """
[TITLE]
Drains of EPSG:32650
[OPTIONS]
FLOW_UNITS  CMS
LINK_OFFSETS DEPTH
[RAINGAGES]
RG INTENSITY 1:00 1.0 TIMESERIES T
[SUBCATCHMENTS]
S1 RG j2 2 50 100 0.5 0
S2 RG S1 1 50 100 0.5 0
[JUNCTIONS]
J1 50 3 0 0 0
J2 49 0 0 0 0
[OUTFALLS]
O 45 FREE NO
[CONDUITS]
C1 J1 J2 100 0.013 0.2 0.1
C2 J2 O  100 0.013 0   0
[PUMPS]
P1 J1 O * ON 0 0
[XSECTIONS]
C1 CIRCULAR 0.6 0 0 0 2
C2 TRAPEZOIDAL 1.5 2 1 1 1
[COORDINATES]
J1 500000 4000000
J2 500100 4000000
O  500200 4000000
[VERTICES]
C1 500050 4000000
[Polygons]
S1 500000 4000000
S1 500100 4000000
S1 500100 4000100
S1 500000 4000000
[TIMESERIES]
T 0:00 1
"""


def written(tmp_path: Path, text: str, name: str = "model.inp", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding)
    return path


def read(path: Path, **options: Any) -> tuple[Reading, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The reading with its objects (by id), nodes (by id) and edges (by object)."""
    reading = reader_for(path).open(path, ReadOptions(**options), path.parent)
    (batch,) = list(reading)
    assert batch.nodes is not None
    assert batch.edges is not None
    return (
        reading,
        batch.objects.set_index("object_id"),
        batch.nodes.set_index("node_id"),
        batch.edges.set_index("object_id"),
    )


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(SourceError) as refused:
        reader_for(path).open(path, ReadOptions(**options), path.parent)
    return str(refused.value)


def codes(reading: Reading) -> dict[str, str]:
    return {each.code: each.severity for each in reading.findings}


def finding(reading: Reading, code: str) -> Any:
    return next(each for each in reading.findings if each.code == code)


class TestWhichProgram:
    @pytest.mark.parametrize("name", ["a.inp", "A.INP", "a.txt"])
    def test_sections_tell_not_the_suffix(self, tmp_path: Path, name: str) -> None:
        assert reader_for(written(tmp_path, WATER, name)).name == "epanet"
        assert reader_for(written(tmp_path, DRAIN, name)).name == "swmm"

    def test_another_programs_inp_is_neither(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="does not hold what its name says"):
            reader_for(written(tmp_path, "*HEADING\nbeam\n*NODE\n1, 0, 0\n"))

    def test_a_plain_table_stays_a_table(self, tmp_path: Path) -> None:
        assert reader_for(written(tmp_path, "id,lon,lat\n1,116,39\n", "a.txt")).name == "csv"


class TestEpanet:
    def test_pipes_are_in_si_units(self, tmp_path: Path) -> None:
        _, objects, _, edges = read(written(tmp_path, WATER), crs="EPSG:32650")
        pipe = objects.loc["pipe/3"]
        assert pipe["class"] == "Pipe"
        assert pipe["attributes"] == {
            "source_id": "3",
            "network": "water",
            "length_m": 300.0,
            "diameter_m": 0.1,
            "diameter_kind": "inner",
            "section": "circular",
            "roughness": 130.0,
            "roughness_method": "Hazen-Williams",
            "minor_loss": 0.5,
            "initial_status": "closed",
        }
        assert edges.loc["pipe/3", ["start_node", "end_node"]].tolist() == ["J2", "J 3"]
        assert not pipe["geometry"].has_z

    def test_every_kind_of_object_is_there(self, tmp_path: Path) -> None:
        reading, objects, nodes, edges = read(written(tmp_path, WATER), crs="EPSG:32650")
        assert objects.groupby(["class", "function"]).size().to_dict() == {
            ("CityObjectGroup", "water network"): 1,
            ("Pipe", "pipe"): 3,
            ("UtilityNode", "junction"): 3,
            ("UtilityNode", "pump"): 1,
            ("UtilityNode", "reservoir"): 1,
            ("UtilityNode", "tank"): 1,
            ("Valve", "valve"): 1,
        }
        assert reading.total == 11
        assert set(nodes.index) == {"J1", "J2", "J 3", "R", "T"}
        assert nodes["z"].fillna(-1).to_dict() == {"J1": 100, "J2": 90, "J 3": 80, "R": -1, "T": 95}
        assert set(edges.index) == {"pipe/1", "pipe/J1", "pipe/3", "pump/P", "valve/V"}
        assert objects.loc["valve/V", "geometry"].equals(shapely.Point(500300, 4000150))

    def test_later_sections_complete_the_objects(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, WATER), crs="EPSG:32650")
        known = objects["attributes"]
        assert known["pipe/1"]["initial_status"] == "closed"
        assert known["pipe/1"]["tag"] == "main"
        assert known["pipe/J1"]["initial_status"] == "check valve"
        assert known["valve/V"]["setting"] == "55"
        assert known["pump/P"]["pump_speed"] == "1.2"
        assert known["junction/J1"]["demand_m3_s"] == pytest.approx(0.010)
        assert known["junction/J2"]["demand_m3_s"] == pytest.approx(0.004)
        assert [each.get("category") for each in known["junction/J2"]["demands"]] == [
            "households",
            None,
        ]

    def test_what_is_no_object_is_kept_with_the_network(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, WATER), crs="EPSG:32650")
        whole = objects.loc["network"]
        assert whole["name"] == "Small town"
        assert whole["attributes"]["PATTERNS"] == ["P1 1 2 3"]

    def test_american_units_are_feet_and_inches(self, tmp_path: Path) -> None:
        text = WATER.replace("LPS", "GPM")
        reading, objects, _, _ = read(written(tmp_path, text), crs="EPSG:32650")
        known = objects.loc["pipe/3", "attributes"]
        assert known["length_m"] == pytest.approx(300 * 0.3048)
        assert known["diameter_m"] == pytest.approx(100 * 0.0254)
        assert reading.length_unit == "ft"

    def test_units_that_are_not_said_are_told(self, tmp_path: Path) -> None:
        text = WATER.replace("Units LPS", "")
        reading, _, _, _ = read(written(tmp_path, text), crs="EPSG:32650")
        assert codes(reading)["units_assumed"] == "warning"

    @pytest.mark.parametrize(
        "before, after, said",
        [
            (" 1  R  J1 ", " 1  R  J9 ", "[PIPES]: pipe 1 ends at node J9, which is not"),
            ("  200  130  0", "  20o  130  0", "[PIPES]: the diameter of 1 is '20o'"),
            ("    100  200", "    -1  200", "[PIPES]: the length of pipe 1 is not above 0"),
            (" J2   90", " J1   90", "[JUNCTIONS]: node J1 comes a second time, first in"),
            ("[STATUS]", "[FOO]", "there is no section [FOO]"),
            ("Units LPS", "Units FOO", "[OPTIONS]: no unit of flow 'FOO'"),
            (" V 55", " W 55", "[STATUS]: link W is not in the file"),
        ],
    )
    def test_faults_are_told_by_line_and_section(
        self, tmp_path: Path, before: str, after: str, said: str
    ) -> None:
        assert before in WATER
        message = refusal(written(tmp_path, WATER.replace(before, after, 1)), crs="EPSG:32650")
        line = WATER[: WATER.index(before)].count("\n") + 1
        assert re.search(rf"line {line}\b\D{{0,3}}{re.escape(said)}", message)
        assert "mend these lines" in message

    def test_all_faults_are_told_at_once(self, tmp_path: Path) -> None:
        text = WATER.replace(" 1  R  J1 ", " 1  A  B ").replace(" V 55", " W 55")
        message = refusal(written(tmp_path, text), crs="EPSG:32650")
        assert message.count("line ") == 3

    def test_node_without_coordinates_is_rejected_with_its_links(self, tmp_path: Path) -> None:
        text = WATER.replace(" J2   500100 4000200\n", "")
        reading, objects, _, edges = read(written(tmp_path, text), crs="EPSG:32650")
        assert {each.object for each in reading.rejected} == {"junction/J2", "pipe/J1", "pipe/3"}
        assert {each.code for each in reading.rejected} == {"no_coordinates"}
        assert "pipe/3" not in objects.index
        assert "pipe/3" not in edges.index

    def test_chinese_names_survive_gbk(self, tmp_path: Path) -> None:
        text = WATER.replace("Small town", "开封市城区供水管网模型").replace(
            '"J 3"', "大梁路阀门井"
        )
        reading, objects, nodes, _ = read(
            written(tmp_path, text, encoding="gb18030"), crs="EPSG:32650"
        )
        assert objects.loc["network", "name"] == "开封市城区供水管网模型"
        assert "大梁路阀门井" in nodes.index
        assert reading.encoding.upper().startswith("GB")

    def test_attributes_are_those_of_the_dictionary(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, WATER), crs="EPSG:32650")
        measured = {
            name
            for each in objects["attributes"].drop("network")
            for name in each
            if name.endswith(("_m", "_m3_s"))
        }
        assert measured - UTILITY_ATTRIBUTES.keys() == {
            "level_initial_m",
            "level_minimum_m",
            "level_maximum_m",
            "tank_diameter_m",
        }


class TestPlace:
    def test_without_crs_the_unit_is_measured(self, tmp_path: Path) -> None:
        reading, _, _, _ = read(written(tmp_path, WATER))
        found = finding(reading, "crs_missing")
        assert found.severity == "error"
        assert "true to scale, in metres" in found.message
        assert reading.crs == ""

    def test_a_drawing_is_no_map(self, tmp_path: Path) -> None:
        text = WATER.replace("500100 4000200", "500900 4000200")
        reading, _, _, _ = read(written(tmp_path, text))
        assert codes(reading)["schematic_coordinates"] == "error"
        reading, _, _, _ = read(written(tmp_path, text), crs="EPSG:32650")
        assert codes(reading)["schematic_coordinates"] == "warning"

    def test_crs_named_by_the_title_is_a_fix(self, tmp_path: Path) -> None:
        reading, _, _, _ = read(written(tmp_path, DRAIN))
        assert finding(reading, "crs_missing").fix == {"crs": "EPSG:32650"}

    def test_feet_in_a_metric_crs_are_an_error_that_a_unit_mends(self, tmp_path: Path) -> None:
        text = "\n".join(_in_feet(line) for line in WATER.replace("LPS", "GPM").splitlines())
        path = written(tmp_path, text)
        reading, _, _, _ = read(path, crs="EPSG:32650")
        found = finding(reading, "coordinate_unit")
        assert (found.severity, found.fix) == ("error", {"length_unit": "us-ft"})
        mended, objects, _, _ = read(path, crs="EPSG:32650", **found.fix)
        assert "error" not in codes(mended).values()
        assert objects.loc["junction/J2", "geometry"].x == pytest.approx(500100, abs=0.01)

    def test_unit_must_be_one_of_length(self, tmp_path: Path) -> None:
        path = written(tmp_path, WATER)
        with pytest.raises(ParamError, match="'furlong'"):
            reader_for(path).open(path, ReadOptions(length_unit="furlong"), tmp_path)


def _in_feet(line: str) -> str:
    """Coordinates and lengths of `WATER` in US survey feet."""
    words = line.split()
    if len(words) >= 3 and words[-1].startswith("4000"):
        x, y = (float(each) * 3937 / 1200 for each in words[-2:])
        return f"{line[: line.index('500')]} {x:.6f} {y:.6f}"
    for metres in ("  100  200 ", "    200  150", " 300  100 "):
        if metres in line:
            length = float(metres.split()[0]) / 0.3048
            return line.replace(metres, f"  {length:.4f}  {metres.split()[1]} ")
    return line


class TestSwmm:
    def test_every_kind_of_object_is_there(self, tmp_path: Path) -> None:
        reading, objects, nodes, edges = read(written(tmp_path, DRAIN), crs="EPSG:32650")
        assert objects.groupby(["class", "function"]).size().to_dict() == {
            ("CityObjectGroup", "storm network"): 1,
            ("Pipe", "conduit"): 1,
            ("Canal", "conduit"): 1,
            ("Manhole", "junction"): 2,
            ("UtilityNode", "outfall"): 1,
            ("UtilityNode", "pump"): 1,
            ("GenericLogicalSpace", "subcatchment"): 1,
        }
        assert {each.object for each in reading.rejected} == {"subcatchment/S2", "rain gauge/RG"}
        assert nodes["z"].to_dict() == {"J1": 50.0, "J2": 49.0, "O": 45.0}
        assert len(edges) == 3

    def test_closed_conduit_has_the_heights_of_its_axis(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, DRAIN), crs="EPSG:32650")
        pipe = objects.loc["conduit/C1"]
        known = pipe["attributes"]
        assert known["z_reference"] == "axis"
        assert (known["invert_start_m"], known["invert_end_m"]) == pytest.approx((50.2, 49.1))
        assert (known["crown_start_m"], known["crown_end_m"]) == pytest.approx((50.8, 49.7))
        z = shapely.get_coordinates(pipe["geometry"], include_z=True)[:, 2]
        assert z.tolist() == pytest.approx([50.5, 49.95, 49.4])
        assert (known["diameter_m"], known["barrels"]) == (0.6, 2)

    def test_open_channel_has_the_heights_of_its_invert(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, DRAIN), crs="EPSG:32650")
        known = objects.loc["conduit/C2", "attributes"]
        assert (known["z_reference"], known["section"]) == ("invert", "trapezoidal")
        assert known["section_height_m"] == 1.5

    def test_offsets_may_be_elevations(self, tmp_path: Path) -> None:
        text = DRAIN.replace("OFFSETS DEPTH", "OFFSETS ELEVATION").replace("0.2 0.1", "50.3 *")
        _, objects, _, _ = read(written(tmp_path, text), crs="EPSG:32650")
        known = objects.loc["conduit/C1", "attributes"]
        assert (known["invert_start_m"], known["invert_end_m"]) == (50.3, 49.0)

    def test_manhole_knows_its_ground_unless_its_depth_is_not_said(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, DRAIN), crs="EPSG:32650")
        assert objects.loc["junction/J1", "ground_height"] == 53.0
        assert pd.isna(objects.loc["junction/J2", "ground_height"])

    def test_metric_catchments_are_in_hectares_american_ones_in_acres(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(written(tmp_path, DRAIN), crs="EPSG:32650")
        assert objects.loc["subcatchment/S1", "attributes"]["area_m2"] == 20_000
        text = DRAIN.replace("CMS", "CFS")
        _, objects, _, _ = read(written(tmp_path, text), crs="EPSG:32650")
        area = objects.loc["subcatchment/S1", "attributes"]["area_m2"]
        assert area == pytest.approx(2 * 4046.8564224)

    def test_sewage_without_rain_is_a_sewer(self, tmp_path: Path) -> None:
        start, end = DRAIN.index("[SUBCATCHMENTS]"), DRAIN.index("[JUNCTIONS]")
        text = DRAIN[:start] + "[DWF]\nJ1 FLOW 0.1\n" + DRAIN[end:]
        reading, _, nodes, _ = read(written(tmp_path, text), crs="EPSG:32650")
        assert set(nodes["network"]) == {"sewer"}
        assert finding(reading, "network_guessed").fix == {"network": "storm"}

    def test_user_says_which_network(self, tmp_path: Path) -> None:
        _, objects, _, edges = read(written(tmp_path, DRAIN), crs="EPSG:32650", network="sewer")
        assert set(edges["network"]) == {"sewer"}
        assert objects.loc["conduit/C1", "attributes"]["network"] == "sewer"

    @pytest.mark.parametrize(
        "before, after, said",
        [
            ("S1 RG j2 2", "S1 RG J9 2", "line 10 [SUBCATCHMENTS]: subcatchment S1 drains to J9"),
            ("C2 TRAP", "C9 TRAP", "[XSECTIONS]: link C9 is not in the file"),
            ("C2 TRAPEZOIDAL 1.5 2 1 1 1\n", "", "conduit C2 has no cross-section"),
            (
                "[TIMESERIES]",
                "[CONTROLS]\nRULE A\nIF NODE X DEPTH > 1\n[TIMESERIES]",
                "a rule names node X",
            ),
        ],
    )
    def test_faults_are_told_by_line_and_section(
        self, tmp_path: Path, before: str, after: str, said: str
    ) -> None:
        assert before in DRAIN
        assert said in refusal(written(tmp_path, DRAIN.replace(before, after, 1)))


def test_model_loads_into_a_city(tmp_path: Path) -> None:
    options = ReadOptions(crs="EPSG:32650")
    with create_city(str(tmp_path / "city"), "EPSG:32650") as store:
        (report,) = load_files(store, [written(tmp_path, DRAIN)], options=options)
        assert (report.new, report.read) == (8, 10)
        city = store.select()
    assert len(city.edges) == 3
    assert len(city.nodes) == 3


EPANET_FACTS = {
    "L-TOWN": (782, 2, 1, 905, 1, 3, 43163.2),
    "Net1": (9, 1, 1, 12, 1, 0, 19363.9),
    "Net3": (92, 2, 3, 117, 2, 0, 65749.0),
    "ky4": (959, 1, 4, 1156, 2, 0, 260241.0),
    "latin1": (9, 1, 1, 12, 1, 0, 19363.9),
}
KINDS = ("junction", "reservoir", "tank", "pipe", "pump", "valve")


@realdata.real
@pytest.mark.parametrize("name", EPANET_FACTS)
def test_real_water_network_has_its_known_facts(name: str) -> None:
    _, objects, _, edges = read(realdata.path(f"network/epanet/{name}.inp"))
    counts = objects["function"].value_counts()
    assert tuple(counts.get(each, 0) for each in KINDS) == EPANET_FACTS[name][:6]
    length = sum(each.get("length_m", 0.0) for each in objects["attributes"])
    assert length == pytest.approx(EPANET_FACTS[name][6], abs=0.1)
    assert len(edges) == sum(EPANET_FACTS[name][3:6])


@realdata.real
def test_ky4_is_in_feet_of_kentucky() -> None:
    path = realdata.path("network/epanet/ky4.inp")
    reading, _, _, _ = read(path)
    assert "true to scale, in feet" in finding(reading, "crs_missing").message
    reading, objects, _, _ = read(path, crs="EPSG:3547")
    assert (reading.crs, codes(reading)) == ("EPSG:3547", {"pipe_heights_unknown": "info"})
    pipes = objects[objects["class"] == "Pipe"]
    diameters = [each["diameter_m"] for each in pipes["attributes"]]
    assert (min(diameters), max(diameters)) == pytest.approx((0.076, 0.406), abs=0.001)
    assert sum(diameters) == pytest.approx(207.9, abs=0.1)
    assert shapely.length(list(pipes["geometry"])).sum() == pytest.approx(853588.1, abs=0.2)


@realdata.real
@pytest.mark.parametrize(
    "name, said",
    [
        ("epanet/bad_syntax", "line 330: there is no section [FOO]"),
        ("epanet/bad_values", "line 56 [PIPES]: pipe pipe2 starts at node node1, which is not"),
        ("swmm/invalid_model", "line 112 [CONDUITS]: conduit InvalidLink1 starts at node NonEx"),
        ("swmm/invalid_model", "line 59 [SUBCATCHMENTS]: subcatchment InvalidS5 drains to NonEx"),
        ("swmm/invalid_model", "line 152 [CONTROLS]: a rule names weir CC33"),
    ],
)
def test_real_broken_model_is_refused_by_line(name: str, said: str) -> None:
    message = refusal(realdata.path(f"network/{name}.inp"))
    assert said in message
    assert "j3" not in message  # SWMM takes j3 for J3


@realdata.real
@pytest.mark.parametrize("name", ["Net1", "Net3"])
def test_real_schematic_is_called_one(name: str) -> None:
    reading, _, _, _ = read(realdata.path(f"network/epanet/{name}.inp"))
    assert codes(reading)["schematic_coordinates"] == "error"


SWMM_FACTS = {
    "Example1b": (13, 1, 0, 13, 8, 4300.0),
    "model_lids": (13, 1, 0, 13, 8, 4300.0),
    "model_state_plane": (31, 1, 13, 44, 2, 10017.63),
    "test_inlet_drains": (19, 1, 0, 22, 7, 5923.92),
}
DRAIN_KINDS = ("junction", "outfall", "storage", "conduit", "subcatchment")


@realdata.real
@pytest.mark.parametrize("name", SWMM_FACTS)
def test_real_drains_have_their_known_facts(name: str) -> None:
    reading, objects, _, _ = read(realdata.path(f"network/swmm/{name}.inp"))
    counts = objects["function"].value_counts()
    assert tuple(counts.get(each, 0) for each in DRAIN_KINDS) == SWMM_FACTS[name][:5]
    length = sum(each.get("length_m", 0.0) for each in objects["attributes"])
    assert length / 0.3048 == pytest.approx(SWMM_FACTS[name][5], abs=0.01)
    assert reading.length_unit == "ft"


@realdata.real
def test_state_plane_in_feet_under_a_metric_crs_is_mended_by_its_finding() -> None:
    path = realdata.path("network/swmm/model_state_plane.inp")
    reading, _, _, _ = read(path)
    fix = finding(reading, "crs_missing").fix
    assert fix == {"crs": "EPSG:2817", "length_unit": "us-ft"}
    mended, _, _, edges = read(path, **fix)
    assert "error" not in codes(mended).values()
    assert edges["length"].sum() == pytest.approx(10017.63 * 0.3048, abs=0.1)
