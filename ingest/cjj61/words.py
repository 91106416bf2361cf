"""What tables of an underground pipeline survey (CJJ 61-2017) call things, and what that means.

Codes of kinds are those of the standard's appendix B; header spellings are those of practice.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final

from ingest.attributes import network_named
from ingest.codes import code_list

POINT_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "id": """
            物探点号 管线点号 管线点编号 管点编号 管点号 管点点号 探测点号 外业点号 点号 wtdh
            exp_no expno point_no pointno 图上点号""",
        "map_id": "图上点号 成果点号 图幅点号 tsdh map_no mapno",
        "x": "x x坐标 坐标x 纵坐标 纵坐标x 北坐标 北坐标x xcoord x_coord",
        "y": "y y坐标 坐标y 横坐标 横坐标y 东坐标 东坐标y ycoord y_coord",
        "kind": """
            管线类型 管线种类 管线类别 管类 管线代码 管线代号 管线性质 管线类型代码 管种 gxzl
            gxlx pipetype""",
        "feature": "特征 管点特征 点特征 特征点 管线点特征 特征类型 tzd tz feature",
        "appurtenance": """
            附属物 附属物名称 附属设施 附属设施名称 管点附属物 附属物类型 附属物类别 fsw subsid
            appurtenance""",
        "ground": "地面高程 地面标高 地面高 地表高程 dmgc surf_h surfh",
        "crown": "管顶高程 管顶标高 管(块)顶高程 管外顶高程",
        "invert": "管底高程 管底标高 管内底高程 管内底标高 管底内高程",
        "level": "管线点高程 管线高程 管线点标高 管线标高 管点高程 高程 标高 gxgc",
        "depth": "埋深 管线埋深 管线点埋深 埋设深度 点埋深 ms",
        "well_depth": "井深 井底埋深 检查井深 窨井深度 js well_deep",
        "connected": "连接点号 连接方向 连接点 连接管点号 相邻点号 下一点号 连接点编号 ljdh",
    }
)
"""Column of a table of points → what its header says; x is north, as surveyors have it."""

LINE_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "line_id": "管线编号 管段编号 线号 管线段编号 管线段号 管段号 lno line_id",
        "start": """
            起点点号 起始点号 起点物探点号 起点管线点号 起点编号 起点管点号 起点号 起点 本点号
            qddh s_point start_point""",
        "end": """
            终点点号 终止点号 终点物探点号 终点管线点号 终点编号 终点管点号 终点号 终点 连接点号
            连接方向 zddh e_point end_point""",
        "kind": POINT_FIELDS["kind"],
        "start_crown": "起点管顶高程 起点管顶标高 起始管顶高程",
        "end_crown": "终点管顶高程 终点管顶标高 终止管顶高程",
        "start_invert": "起点管底高程 起点管底标高 起点管内底高程 起始管底高程",
        "end_invert": "终点管底高程 终点管底标高 终点管内底高程 终止管底高程",
        "start_level": "起点高程 起点管线高程 起点标高 起点管线点高程 起始高程 qdgc s_h",
        "end_level": "终点高程 终点管线高程 终点标高 终点管线点高程 终止高程 zdgc e_h",
        "start_depth": "起点埋深 起始埋深 起点管线埋深 起始点埋深 qdms s_deep",
        "end_depth": "终点埋深 终止埋深 终点管线埋深 终止点埋深 zdms e_deep",
        "section": """
            管径 断面尺寸 管径或断面尺寸 管径/断面尺寸 管径及断面尺寸 管径断面尺寸 管线规格 规格
            断面 尺寸 管径或断面 管沟规格 断面规格 gj psize d_s ds""",
        "material": "材质 管线材质 管材 管道材质 材料 cz material",
        "embedding": "埋设方式 埋设类型 敷设方式 敷设类型 msfs emb_type embed",
        "pressure": "压力 压力级别 压力等级 压力类型 压力值 yl pressure",
        "voltage": "电压 电压值 电压等级 dy voltage",
        "pressure_or_voltage": "压力/电压 电压/压力 压力或电压 电压或压力 压力(电压) 电压(压力)",
        "holes": "总孔数 孔数 管孔数 管块孔数 zks total_hole",
        "holes_used": "已用孔数 占用孔数 使用孔数 yyks used_hole",
        "cables": "电缆条数 电缆根数 条数 根数 光缆条数 线缆条数 dlts cab_count",
        "year": """
            建设年代 埋设年代 建设年份 敷设年代 埋设年份 建设日期 埋设日期 竣工年代 敷设年份 jsnd
            mdate""",
        "owner": "权属单位 权属单位名称 权属单位代码 权属 产权单位 管理单位 qsdw belong owner",
        "direction": "流向 水流方向 lx flowdirect flow_direction",
        "service": "使用状态 使用情况 使用状况 管线状态 运行状态 syzt",
    }
)
"""Column of a table of lines → what its header says."""


@cache
def network_by_code() -> Mapping[str, str]:
    """Code of a kind of line → one of `schema.NETWORKS`."""
    meanings = code_list("cjj61_kind").meanings
    return {code: each for code, each in meanings.items() if len(code) == 2 and code.isascii()}


GRAVITY: Final = frozenset({"storm", "sewer"})
"""Networks whose heights are of the inner bottom; of all others they are of the outer top."""

SERVICES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "0": "in use",
        "在用": "in use",
        "使用": "in use",
        "正常": "in use",
        "1": "abandoned",
        "废弃": "abandoned",
        "报废": "abandoned",
        "停用": "abandoned",
        "2": "empty",
        "空管": "empty",
        "3": "other",
        "其他": "other",
    }
)

_TRENCH: Final = re.compile(r"管沟|沟道|地沟|方沟|渠|管廊|^GG$|^ZH$")

_DEVICES: Final = (
    (r"阀.*(井|室)|(井|室).*阀", "Manhole", "valve chamber"),
    (r"阀|闸门", "Valve", "valve"),
    (r"雨水?[篦箅]|[篦箅]子", "UtilityNode", "gully"),
    (r"手孔", "Manhole", "handhole"),
    (r"井|人孔", "Manhole", "manhole"),
    (r"消[防火]栓", "UtilityNode", "hydrant"),
    (r"水表|计量|流量计|气表", "UtilityNode", "meter"),
    (r"变压器|变电|配电|开关柜", "UtilityNode", "transformer"),
    (r"接线箱|分线箱|交接箱|控制柜|电缆分支|配电箱", "UtilityNode", "cabinet"),
    (r"路灯|灯杆|地灯", "UtilityNode", "street light"),
    (r"信号灯", "UtilityNode", "traffic light"),
    (r"电杆|线杆|上杆|杆", "UtilityNode", "pole"),
    (r"泵", "UtilityNode", "pump"),
    (r"排(水|放)口|出水口|出口", "UtilityNode", "outfall"),
    (r"进水口|进口|取水", "UtilityNode", "inlet"),
    (r"调压", "UtilityNode", "pressure regulator"),
    (r"凝水缸|排水器", "UtilityNode", "drip"),
    (r"三通|三分支", "UtilityNode", "tee"),
    (r"四通|五通|多通|四分支|分支", "UtilityNode", "junction"),
    (r"弯头|转折|拐点|折点", "UtilityNode", "bend"),
    (r"变径|变坡|变深|变材", "UtilityNode", "change"),
    (r"预留|盖堵|管堵|管帽|末端|出地|入户|进墙|终止", "UtilityNode", "end"),
    (r"直线|一般|探测|测点|起止", "UtilityNode", "point on a line"),
)
"""What an appurtenance or a feature is called → class and function, the first that fits."""


@lru_cache(maxsize=4096)
def device(appurtenance: str, feature: str) -> tuple[str, str]:
    """(class, function) of a survey point; what it carries says more than how lines meet there."""
    for text in (appurtenance, feature):
        for words, class_name, function in _DEVICES:
            if text and re.search(words, text):
                return class_name, function
    return "UtilityNode", ""


_LETTERS: Final = re.compile(r"\s*([A-Za-z]{2})")


def kind_code(text: str) -> str:
    """The CJJ 61 code at the start of `text`, such as JS of ``JS1024``; empty if there is none."""
    letters = _LETTERS.match(text)
    code = letters[1].upper() if letters else ""
    return code if code in network_by_code() else ""


def network_of(text: str) -> str:
    """The network that a kind of line belongs to, by its code or its name; empty if unknown."""
    bare = text.strip()
    if not bare:
        return ""
    if bare.upper() in network_by_code():
        return network_by_code()[bare.upper()]
    for word in (bare, bare[:2]):
        try:
            return network_named(word)
        except ValueError:
            continue
    return ""


def is_trench(embedding: str) -> bool:
    """Whether lines lie in an open space of their own, whose bottom is what is surveyed."""
    return _TRENCH.search(embedding.strip()) is not None


_ROUND: Final = re.compile(
    r"(?:(?P<count>\d+)\s*[-*x×])?\s*(?:DN|De|OD|D|d|[ΦφФØ∅])\s*(?P<size>\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
_SIDES: Final = re.compile(r"(\d+(?:\.\d+)?)\s*[×xX*✕╳＊]\s*(\d+(?:\.\d+)?)")
_PLAIN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(mm|m|毫米|米)?$", re.IGNORECASE)
IN_METRES: Final = 10.0
"""A size below this is in metres: no pipe is 10 mm or 10 m wide."""


def section(text: str) -> dict[str, float | str | int]:
    """Attributes of `cim.networks` from a size such as ``DN300``, ``300``, ``φ200``, ``1000×800``.

    Empty if nothing is understood or it is 0. The first of two numbers is the width.
    """
    bare = text.strip()
    if found := _ROUND.match(bare):
        size = _metres(found["size"])
        kind = "outer" if bare.lower().startswith(("de", "od")) else "nominal"
        known = _circular(size, kind)
        if known and found["count"]:
            known["barrels"] = int(found["count"])
        return known
    if found := _SIDES.match(bare):
        width, height = _metres(found[1]), _metres(found[2])
        if not (width and height):
            return {}
        return {
            "section": "rectangular",
            "section_width_m": width,
            "section_height_m": height,
        }
    found = _PLAIN.match(bare)
    return _circular(_metres(found[1]), "nominal") if found else {}


def _circular(size: float, kind: str) -> dict[str, float | str | int]:
    return {"section": "circular", "diameter_m": size, "diameter_kind": kind} if size else {}


def _metres(text: str) -> float:
    value = float(text)
    return value if value < IN_METRES else round(value / 1000, 6)
