"""Underground surveys by CJJ 61-2017: points and lines joined, heights by rule, faults told."""

import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely
from workbooks import workbook

from cim.errors import SourceError
from cim.networks import UTILITY_ATTRIBUTES
from cim.store import create_city
from ingest.catalogue import reader_for
from ingest.cjj61 import tables as cjj61_tables
from ingest.cjj61.words import device, network_of, section
from ingest.load import load_files
from ingest.reader import Reading, ReadOptions

POINTS = [
    [
        "物探点号",
        "图上点号",
        "管线类型",
        "特征",
        "附属物",
        "X坐标",
        "Y坐标",
        "地面高程",
        "埋深",
        "井深",
    ],
    ["JS1", "1", "JS", None, "阀门井", 3851000.0, 512000.0, 75.50, 1.20, 1.8],
    ["JS2", "2", "JS", "三通", None, 3851050.0, 512000.0, 75.60, 1.30, None],
    ["JS3", "3", "JS", None, "消防栓", 3851050.0, 512030.0, 75.70, 1.10, None],
    ["WS1", "4", "WS", None, "检查井", 3851000.0, 512010.0, 75.40, 2.40, 2.5],
    ["WS2", "5", "WS", None, "检查井", 3851040.0, 512010.0, 75.40, 2.60, None],
    ["DL1", "6", "DL", "转折点", "手孔", 3851000.0, 512020.0, 75.40, 0.80, None],
    ["DL2", "7", "DL", "直线点", None, 3851020.0, 512020.0, 75.40, 0.80, None],
]
LINES = [
    [
        "起点点号",
        "终点点号",
        "起点埋深",
        "终点埋深",
        "管径(mm)",
        "材质",
        "埋设方式",
        "压力/电压",
        "总孔数",
        "电缆根数",
        "埋设年代",
        "权属单位",
        "使用状态",
        "备注",
    ],
    ["JS1", "JS2", 1.2, 1.3, "DN300", "QM", "ZM", "0.4MPa", None, None, 2008, "水司", "0", "注"],
    ["JS2", "JS3", None, None, "100", "PE", None, None, None, None, "2010-05", None, None, None],
    ["WS1", "WS2", 2.4, 2.6, "600×800", "T", "GM", None, None, None, None, None, "废弃", None],
    ["DL1", "DL2", 0.8, 0.8, "400X200", None, "GK", "10kV", 6, 2, None, None, None, None],
]
CRS = "EPSG:4547"


def survey(tmp_path: Path, points: Any = POINTS, lines: Any = LINES) -> Path:
    return workbook(tmp_path / "管线.xlsx", {"管点表": points, "管线表": lines})


def text(rows: Any) -> str:
    return "\n".join(",".join("" if each is None else str(each) for each in row) for row in rows)


def read(path: Path, **options: Any) -> tuple[Reading, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The reading with its objects (by id), nodes (by id) and edges (by object)."""
    reader = reader_for(path)
    assert reader.name == "cjj61"
    reading = reader.open(path, ReadOptions(**{"crs": CRS} | options), path.parent)
    batches = list(reading)
    empty = pd.DataFrame({"object_id": [], "node_id": []})
    tables = [
        pd.concat([each for each in found if each is not None] or [empty])
        for found in (
            [each.objects for each in batches],
            [each.nodes for each in batches],
            [each.edges for each in batches],
        )
    ]
    objects, nodes, edges = tables
    return (
        reading,
        objects.set_index("object_id"),
        nodes.set_index("node_id"),
        edges.set_index("object_id"),
    )


def told(reading: Reading, code: str) -> str:
    return next((each.message for each in reading.findings if each.code == code), "")


class TestSurvey:
    def test_points_are_what_stands_there(self, tmp_path: Path) -> None:
        _, objects, nodes, _ = read(survey(tmp_path))
        found = objects.loc[["JS1", "JS2", "JS3", "WS1", "DL1", "DL2"], ["class", "function"]]
        assert found.values.tolist() == [
            ["Manhole", "valve chamber"],
            ["UtilityNode", "tee"],
            ["UtilityNode", "hydrant"],
            ["Manhole", "manhole"],
            ["Manhole", "handhole"],
            ["UtilityNode", "point on a line"],
        ]
        assert objects.loc["JS1", "ground_height"] == 75.5
        assert objects.loc["JS1", "attributes"]["depth_m"] == 1.8
        assert set(nodes.index) == {row[0] for row in POINTS[1:]}

    def test_x_is_north(self, tmp_path: Path) -> None:
        reading, objects, nodes, _ = read(survey(tmp_path))
        assert (objects.loc["JS1", "geometry"].x, objects.loc["JS1", "geometry"].y) == (
            512000,
            3851000,
        )
        assert nodes.loc["JS1", ["x", "y"]].tolist() == [512000, 3851000]
        assert told(reading, "axis_order") == "X坐标 is taken as north: by its size"

    def test_lines_join_points(self, tmp_path: Path) -> None:
        _, objects, _, edges = read(survey(tmp_path))
        ends = ["network", "start_node", "end_node", "length"]
        assert edges.loc["JS1-JS2", ends].tolist() == ["water", "JS1", "JS2", 50.0]
        assert edges["network"].value_counts().to_dict() == {"water": 2, "sewer": 1, "power": 1}
        assert objects.loc["JS1-JS2", "class"] == "Pipe"
        assert objects.loc["DL1-DL2", "class"] == "Cable"

    def test_pressure_pipes_are_measured_to_the_top(self, tmp_path: Path) -> None:
        _, objects, nodes, _ = read(survey(tmp_path))
        known = objects.loc["JS1-JS2", "attributes"]
        assert (known["crown_start_m"], known["crown_end_m"]) == (74.3, 74.3)
        assert (known["axis_start_m"], known["axis_end_m"]) == (74.15, 74.15)
        assert known["z_reference"] == "axis"
        z = shapely.get_coordinates(objects.loc["JS1-JS2", "geometry"], include_z=True)[:, 2]
        assert z.tolist() == [74.15, 74.15]
        assert nodes.loc["JS1", "z"] == 74.3

    def test_gravity_pipes_are_measured_to_the_inner_bottom(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(survey(tmp_path))
        known = objects.loc["WS1-WS2", "attributes"]
        assert (known["invert_start_m"], known["invert_end_m"]) == (73.0, 72.8)
        assert (known["axis_start_m"], known["axis_end_m"]) == (73.4, 73.2)
        assert "crown_start_m" not in known

    def test_a_trench_is_measured_to_its_bottom_and_is_a_duct(self, tmp_path: Path) -> None:
        lines = [*LINES[:-1], [*LINES[-1][:6], "管沟", *LINES[-1][7:]]]
        _, objects, _, _ = read(survey(tmp_path, lines=lines))
        trench = objects.loc["DL1-DL2"]
        assert trench["class"] == "Canal"
        assert trench["attributes"]["invert_start_m"] == 74.6

    def test_a_header_may_say_what_heights_are_of(self, tmp_path: Path) -> None:
        lines = [["起点点号", "终点点号", "起点管底高程", "终点管底高程", "管径"]]
        lines.append(["JS1", "JS2", 74.0, 73.9, "DN300"])
        reading, objects, _, _ = read(survey(tmp_path, lines=lines))
        known = objects.loc["JS1-JS2", "attributes"]
        assert (known["invert_start_m"], known["axis_start_m"]) == (74.0, 74.15)
        assert "unless a header says otherwise" in told(reading, "height_rule")

    def test_codes_become_words_and_the_rest_is_kept(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(survey(tmp_path))
        known = objects.loc["JS1-JS2", "attributes"]
        wanted = {
            "network": "water",
            "cjj61": "JS",
            "material": "ductile iron",
            "embedding": "direct burial",
            "pressure": "0.4MPa",
            "year_built": 2008,
            "owner": "水司",
            "service_status": "in use",
            "section_source": "DN300",
            "diameter_m": 0.3,
            "备注": "注",
        }
        assert {key: known.get(key) for key in wanted} == wanted
        assert objects.loc["JS1-JS2", "valid_from"] == "2008-01-01"
        cable = objects.loc["DL1-DL2", "attributes"]
        assert (cable["voltage"], cable["holes"], cable["cables"]) == ("10kV", 6, 2)
        assert (cable["section_width_m"], cable["section_height_m"]) == (0.4, 0.2)
        assert objects.loc["WS1-WS2", "attributes"]["service_status"] == "abandoned"

    def test_every_measure_is_in_the_dictionary(self, tmp_path: Path) -> None:
        _, objects, _, _ = read(survey(tmp_path))
        names = {name for each in objects["attributes"] for name in each if name.endswith("_m")}
        assert names
        assert names <= UTILITY_ATTRIBUTES.keys()

    def test_without_crs_the_zone_is_suggested(self, tmp_path: Path) -> None:
        rows = [POINTS[0], *([*row[:6], row[6] + 38e6, *row[7:]] for row in POINTS[1:])]
        reading, _, _, _ = read(survey(tmp_path, points=rows), crs="")
        found = next(each for each in reading.findings if each.severity == "error")
        assert found.code == "crs_missing"
        assert "4526" in f"{found.hint} {found.fix} {found.evidence}"


class TestAxes:
    @pytest.mark.parametrize(
        "names, first, second, east",
        [
            (("X", "Y"), 3851000.0, 512000.0, 512000.0),
            (("X", "Y"), 3851000.0, 38512000.0, 38512000.0),
            (("X", "Y"), 512000.0, 3851000.0, 512000.0),
            (("X", "Y"), 38512000.0, 3851000.0, 38512000.0),
            (("东坐标", "北坐标"), 1234.0, 5678.0, 1234.0),
            (("纵坐标", "横坐标"), 1234.0, 5678.0, 5678.0),
            (("X", "Y"), 1234.0, 5678.0, 5678.0),
        ],
    )
    def test_are_told_by_header_or_size_or_custom(
        self, tmp_path: Path, names: tuple[str, str], first: float, second: float, east: float
    ) -> None:
        path = tmp_path / "点.csv"
        path.write_text(f"点号,特征,{names[0]},{names[1]}\nA,三通,{first},{second}\n", "utf-8")
        reading, objects, _, _ = read(path)
        assert objects.loc["A", "geometry"].x == east
        assert told(reading, "axis_order").startswith(
            f"{names[0]} is taken as {'east' if east == first else 'north'}"
        ) or names == ("东坐标", "北坐标")

    def test_what_does_not_tell_is_a_warning_that_can_be_turned(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("点号,特征,X,Y\nA,三通,1234,5678\n", "utf-8")
        reading, _, _, _ = read(path)
        found = next(each for each in reading.findings if each.code == "axis_order")
        assert (found.severity, found.fix) == ("warning", {"swap_axes": True})
        _, objects, _, _ = read(path, **found.fix)
        assert objects.loc["A", "geometry"].x == 1234


class TestTwoFiles:
    def test_lines_bring_their_points_along(self, tmp_path: Path) -> None:
        folder = tmp_path / "two"
        folder.mkdir()
        (folder / "JS点.csv").write_text(text(POINTS), "gb18030")
        (folder / "JS线.csv").write_text(text(LINES), "gb18030")
        _, objects, nodes, edges = read(folder / "JS线.csv")
        _, same, _, _ = read(survey(tmp_path))
        assert objects.index.tolist() == same.index.tolist()
        assert (len(nodes), len(edges)) == (7, 4)

    def test_points_send_to_their_lines(self, tmp_path: Path) -> None:
        (tmp_path / "JS点.csv").write_text(text(POINTS), "utf-8")
        (tmp_path / "JS线.csv").write_text(text(LINES), "utf-8")
        with pytest.raises(SourceError, match=r"only the points.*load JS线\.csv"):
            read(tmp_path / "JS点.csv")

    def test_lines_alone_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "JS线.csv").write_text(text(LINES), "utf-8")
        with pytest.raises(SourceError, match="put the table of points beside it"):
            read(tmp_path / "JS线.csv")

    def test_points_alone_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "JS点.csv").write_text(text(POINTS), "utf-8")
        reading, objects, _, _ = read(tmp_path / "JS点.csv")
        assert len(objects) == 7
        assert told(reading, "point_not_joined")

    def test_a_new_half_is_a_new_delivery(self, tmp_path: Path) -> None:
        (tmp_path / "JS点.csv").write_text(text(POINTS), "utf-8")
        (tmp_path / "JS线.csv").write_text(text(LINES), "utf-8")
        options = ReadOptions(crs=CRS)
        with create_city(str(tmp_path / "city"), CRS) as store:
            (first,) = load_files(store, [tmp_path / "JS线.csv"], options=options)
            (tmp_path / "JS点.csv").write_text(text(POINTS).replace("消防栓", "水表"), "utf-8")
            (second,) = load_files(store, [tmp_path / "JS线.csv"], options=options)
        assert (first.new, second.changed) == (11, 1)


class TestConnections:
    HEADER = "管线点号,连接点号,特征,附属物,X,Y,地面高程,管线点高程,管径,材质\n"

    def table(self, tmp_path: Path, rows: str) -> Path:
        path = tmp_path / "成果表.csv"
        path.write_text(self.HEADER + rows, "utf-8")
        return path

    def test_points_that_name_each_other_are_one_line(self, tmp_path: Path) -> None:
        rows = (
            "YS1,YS2,,雨水井,3851000,512000,75,73.0,DN400,砼\n"
            "YS2,YS1,,雨水井,3851030,512000,75,72.9,DN400,砼\n"
            "YS2,YS3,,雨水井,3851030,512000,75,72.5,DN500,砼\n"
        )
        reading, objects, nodes, edges = read(
            self.table(tmp_path, rows + "YS3,,,出水口,3851060,512000,,,,\n")
        )
        assert edges.index.tolist() == ["YS1-YS2", "YS2-YS3"]
        known = objects.loc["YS1-YS2", "attributes"]
        assert (known["invert_start_m"], known["invert_end_m"]) == (73.0, 72.9)
        assert objects.loc["YS2-YS3", "attributes"]["diameter_m"] == 0.5
        assert set(nodes["network"]) == {"storm"}
        assert "one_sided" in {each.code for each in reading.findings}
        assert not told(reading, "point_repeats")

    def test_several_connections_in_one_cell(self, tmp_path: Path) -> None:
        rows = (
            "YS1,YS2；YS3,,雨水井,3851000,512000,75,73.0,DN400,砼\n"
            "YS2,,,雨水井,3851030,512000,75,72.9,,\nYS3,,,雨水井,3851000,512040,75,72.9,,\n"
        )
        _, _, _, edges = read(self.table(tmp_path, rows))
        assert edges.index.tolist() == ["YS1-YS2", "YS1-YS3"]


class TestFaults:
    def test_of_lines(self, tmp_path: Path) -> None:
        rest = [None] * 12
        lines = [*LINES, ["JS2", "JS2", *rest], ["JS2", "JS9", *rest], ["JS2", "JS1", *rest]]
        reading, _, _, edges = read(survey(tmp_path, lines=lines))
        assert [(each.object, each.code) for each in reading.rejected] == [
            ("JS2-JS2", "self_loop"),
            ("JS2-JS9", "missing_node"),
        ]
        assert reading.rejected[1].raw.startswith("row 7: 起点点号=JS2")
        assert told(reading, "line_repeats").endswith(": 1")
        assert len(edges) == 4

    def test_of_points(self, tmp_path: Path) -> None:
        points = [*POINTS, [*POINTS[1][:5], 3851900.0, *POINTS[1][6:]], POINTS[2]]
        points.append(["JS8", "8", "JS", "三通", None, None, None, 75, 1, None])
        reading, objects, _, _ = read(survey(tmp_path, points=points))
        assert sorted((each.object, each.code) for each in reading.rejected) == [
            ("JS1", "duplicate_id"),
            ("JS8", "no_coordinates"),
        ]
        assert told(reading, "point_repeats").endswith("once: 1, such as 'JS2'")
        assert objects.index.is_unique

    def test_of_heights_and_sizes(self, tmp_path: Path) -> None:
        points = [[*POINTS[0], "管线点高程"], *([*row, 74.9] for row in POINTS[1:])]
        lines = [LINES[0], [*LINES[1][:4], "三百", *LINES[1][5:]]]
        reading, _, _, _ = read(survey(tmp_path, points=points, lines=lines))
        assert "more than 0.05 m off" in told(reading, "levels_disagree")
        assert told(reading, "section_not_understood").endswith("1, such as '三百'")

    def test_of_lengths_and_lonely_points(self, tmp_path: Path) -> None:
        points = [*POINTS, ["JS9", "9", "JS", "三通", None, 3851500.0, 512000.0, 75, 1, None]]
        points.append(["JS8", "8", "JS", "三通", None, 3851500.0, 512090.0, 75, 1, None])
        lines = [*LINES, ["JS2", "JS9", *[None] * 12]]
        reading, _, _, _ = read(survey(tmp_path, points=points, lines=lines))
        assert told(reading, "line_length").endswith(": 1")
        assert told(reading, "point_not_joined") == "points that no line joins: 1, such as 'JS8'"


class TestAccess:
    def test_without_mdbtools_one_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cjj61_tables.shutil, "which", lambda name: None)
        path = tmp_path / "管线.mdb"
        path.write_bytes(b"\x00\x01\x00\x00Standard Jet DB\x00")
        with pytest.raises(SourceError, match="install mdbtools, or save the tables as Excel"):
            read(path)

    def test_tables_come_through_mdbtools(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tables = {"JSPOINT": text(POINTS), "JSLINE": text(LINES), "NOTE": "a,b\n1,2\n"}

        def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[bytes]":
            listed = command[0].endswith("mdb-tables")
            said = "\n".join(tables) if listed else tables[command[-1]]
            return subprocess.CompletedProcess(command, 0, said.encode(), b"")

        monkeypatch.setattr(cjj61_tables.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(cjj61_tables.subprocess, "run", run)
        path = tmp_path / "管线.mdb"
        path.write_bytes(b"\x00\x01\x00\x00Standard Jet DB\x00")
        _, objects, nodes, edges = read(path)
        assert (len(objects), len(nodes), len(edges)) == (11, 7, 4)


@pytest.mark.parametrize(
    "size, known",
    [
        ("DN300", {"diameter_m": 0.3, "diameter_kind": "nominal"}),
        ("300", {"diameter_m": 0.3}),
        ("φ200", {"diameter_m": 0.2}),
        ("Φ 219", {"diameter_m": 0.219}),
        ("De110", {"diameter_m": 0.11, "diameter_kind": "outer"}),
        ("0.5", {"diameter_m": 0.5}),
        ("2-DN150", {"diameter_m": 0.15, "barrels": 2}),
        ("300mm", {"diameter_m": 0.3}),
        ("1000×800", {"section_width_m": 1.0, "section_height_m": 0.8}),
        ("400X200", {"section_width_m": 0.4, "section_height_m": 0.2}),
        ("400*200", {"section_width_m": 0.4}),
        ("0", {}),
        ("0×0", {}),
        ("不详", {}),
    ],
)
def test_sizes_are_read_as_they_are_written(size: str, known: dict[str, Any]) -> None:
    found = section(size)
    assert {key: found.get(key) for key in known} == known
    assert bool(found) == bool(known)


@pytest.mark.parametrize(
    "kind, network",
    [
        ("JS", "water"),
        ("YS", "storm"),
        ("雨水", "storm"),
        ("污水管线", "sewer"),
        ("TR", "gas"),
        ("HS", "sewer"),
        ("RS", "heat"),
        ("路灯", "power"),
        ("XX", "telecom"),
        ("BM", "other"),
        ("给水", "water"),
        ("", ""),
        ("??", ""),
    ],
)
def test_kinds_of_lines_belong_to_networks(kind: str, network: str) -> None:
    assert network_of(kind) == network


def test_appurtenance_says_more_than_feature() -> None:
    assert device("阀门", "三通") == ("Valve", "valve")
    assert device("", "四通") == ("UtilityNode", "junction")
    assert device("", "") == ("UtilityNode", "")


def test_other_tables_stay_tables(tmp_path: Path) -> None:
    path = tmp_path / "poi.csv"
    path.write_text("名称,x,y,类型\n甲,512000,3851000,店\n", "utf-8")
    assert reader_for(path).name == "csv"
