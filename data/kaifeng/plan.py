"""The hand-drawn part of the district: wall, water, parks, main streets, railway, river.

Coordinates are local metres (see `frame`). Positions follow the real town loosely: Yangjia lake
west and Panjia lake east of the avenue to Longting, the Iron Pagoda in the north-eastern corner,
the new district in the west, the Yellow River in the north.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
import shapely.affinity
from shapely import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

from kaifeng.frame import place, stream

WALL_LENGTH: Final = 14_400.0
"""Metres around the Qing dynasty wall, as published."""
WALL_HEIGHT: Final = 8.0

CITY: Final = (-3900.0, -2300.0, 5750.0, 6050.0)
"""The built-up part, local metres."""

Path = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Street:
    """A named street before it is cut at crossings."""

    name: str
    kind: str
    line: BaseGeometry


@dataclass(frozen=True, slots=True)
class Area:
    """A named area; `function` is an English word, `level` a height above the datum or NaN."""

    name: str
    function: str
    geometry: BaseGeometry
    level: float = float("nan")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the rest of the city is fitted into; EPSG:4547."""

    inside: Polygon
    """What the wall encloses; its exterior is the wall's axis."""
    city: Polygon
    waters: tuple[Area, ...]
    parks: tuple[Area, ...]
    streets: tuple[Street, ...]
    railways: tuple[Street, ...]
    levee: LineString
    sandbanks: tuple[Polygon, ...]


_WALL: Final[Path] = (
    (40, 420), (1700, 330), (3300, 390), (3370, 2200), (3330, 4060), (1750, 4170), (90, 4120),
    (0, 2300),
)  # fmt: skip

_THROUGH: Final[tuple[tuple[str, str, Path], ...]] = (
    ("大梁路", "primary", ((-3850, 2000), (150, 2000))),
    ("西大街", "secondary", ((150, 2000), (1650, 2000))),
    ("东大街", "secondary", ((1650, 2000), (3200, 1900))),
    ("宋门关大街", "primary", ((3200, 1900), (5700, 1850))),
    ("曹门大街", "secondary", ((2350, 2800), (3200, 2800))),
    ("曹门关大街", "secondary", ((3200, 2800), (5700, 2850))),
    ("中山路", "primary", ((1650, -1265), (1650, 2330))),
    ("宋都御街", "secondary", ((1650, 2330), (1650, 3060))),
    ("解放路", "primary", ((2350, -2210), (2350, 2800))),
    ("北门大街", "secondary", ((2350, 2800), (2350, 4300))),
    ("柳园口路", "secondary", ((2350, 4300), (2350, 5960))),
    ("柳园口路", "rural", ((2350, 5960), (2200, 10560))),
    ("黑岗口路", "rural", ((-1500, 5960), (-1650, 10560))),
    ("迎宾路", "secondary", ((700, -2210), (700, 2010))),
)
_INSIDE: Final[tuple[tuple[str, str, Path], ...]] = (
    ("自由路", "secondary", ((100, 1330), (3300, 1330))),
    ("鼓楼街", "tertiary", ((1640, 1690), (2360, 1690))),
    ("午朝门街", "tertiary", ((100, 2330), (2360, 2330))),
    ("龙亭西路", "tertiary", ((840, 2320), (840, 4000))),
    ("龙亭北路", "tertiary", ((100, 3560), (2600, 3560))),
    ("明伦街", "tertiary", ((2340, 3260), (3300, 3260))),
    ("铁塔西街", "tertiary", ((2760, 2790), (2760, 4000))),
)
_OUTSIDE: Final[tuple[tuple[str, str, Path], ...]] = (
    ("宋城路", "primary", ((-3860, 2900), (60, 2900))),
    ("郑开大道", "primary", ((-3860, 1150), (60, 1150))),
    ("晋安路", "secondary", ((-3860, 300), (60, 300))),
    ("魏都路", "secondary", ((-3860, -600), (5710, -600))),
    ("汉兴路", "secondary", ((-3860, 3800), (60, 3800))),
    ("东京大道", "primary", ((-3860, 4900), (5710, 4900))),
    ("复兴大道", "primary", ((-3860, 5950), (5710, 5950))),
    ("南环路", "primary", ((-3860, -2200), (5710, -2200))),
    ("八大街", "primary", ((-3840, -2210), (-3840, 5960))),
    ("六大街", "secondary", ((-2900, -2210), (-2900, 5960))),
    ("五大街", "secondary", ((-2250, -2210), (-2250, 5960))),
    ("金明大道", "primary", ((-1500, -2210), (-1500, 5960))),
    ("黄河大街", "secondary", ((-850, -2210), (-850, 5960))),
    ("公园路", "secondary", ((3950, -2210), (3950, 5960))),
    ("劳动路", "secondary", ((4650, -2210), (4650, 5960))),
    ("东环路", "primary", ((5690, -2210), (5690, 5960))),
    ("汴京路", "secondary", ((3380, 1000), (5710, 1000))),
    ("新曹路", "secondary", ((3380, 3900), (5710, 3900))),
    ("五一路", "secondary", ((-860, -100), (3960, -100))),
    ("铁路北沿街", "tertiary", ((-860, -1250), (3960, -1250))),
)

_OLD_LIST: Final = (
    "双龙巷 游梁祠街 刘府胡同 维中前街 砖桥街 乐观街 生产街 鹁鸽市街 省府前街 书店街 徐府街 "
    "学院门街 财政厅街 北道门街 文庙街 南京巷 草市街 州桥街 理事厅街 延寿寺街 县前街 穆家桥街 "
    "旗纛街 黄大王庙街 花井街 后保定巷 聚奎巷 朱雀街 西蔡屯巷 吹古台街 油坊街 前炒米胡同 "
    "磨盘街 相国寺后街 大纸坊街 小纸坊街 惠济街 城隍庙街 辘轳湾街 大厅门街 眼光庙街 里城大院街"
)
_NEW_LIST: Final = (
    "集英街 夷山大街 安康路 周天路 秦楚路 碧水路 锦绣路 杏花营路 九天路 云杉路 松园路 丽景路 "
    "枫华路 清明街 御河路 菊香路 翠园路 科教路 创新街 职教路 金祥路 西湖路 望湖街 启明路 康平路 "
    "新宋路 平台路 华夏街 育才街 百塔路 工农路 东苑街 机场路 建设路 纬一路 纬二路 经三路 经四路"
)

_ZONES: Final = (
    ("in", (120, 430, 3250, 4060), 165.0),
    ("out", (-3840, -2200, -100, 5950), 360.0),
    ("out", (3450, -2200, 5690, 5950), 350.0),
    ("out", (-850, -2200, 3950, 300), 330.0),
    ("out", (-100, 4280, 3450, 5950), 330.0),
)
"""Where lanes are drawn by chance: inside or outside the wall, bounds, mean spacing in metres."""


def blob(centre: tuple[float, float], size: tuple[float, float], wave: int = 3) -> Polygon:
    """A lake-like outline: a rounded rectangle with `wave` bays; local metres."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    swell = 1 + 0.06 * np.sin(wave * angle + centre[0]) + 0.03 * np.sin(7 * angle)
    x = np.sign(cos) * np.abs(cos) ** 0.7 * size[0] / 2 * swell
    y = np.sign(sin) * np.abs(sin) ** 0.7 * size[1] / 2 * swell
    return Polygon(np.column_stack([x + centre[0], y + centre[1]]))


def levee_y(x: np.ndarray) -> np.ndarray:
    """The local y of the southern levee of the Yellow River at local x."""
    return np.asarray(10_560 + 180 * np.sin(x / 2300.0 + 0.4) + 60 * np.sin(x / 900.0))


def river_banks(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The local y of the southern and the northern bank of the river's channel at local x."""
    south = levee_y(x) + 1250 + 240 * np.sin(x / 1100) + 70 * np.sin(x / 420)
    return south, south + 980 + 230 * np.sin(x / 790 + 2) + 60 * np.sin(x / 310)


def _wall() -> Polygon:
    ring = place(Polygon(_WALL), 120)
    factor = WALL_LENGTH / ring.exterior.length
    middle = np.asarray(ring.centroid.coords[0])
    scaled = shapely.transform(ring, lambda xy: np.round((xy - middle) * factor + middle, 3))
    return Polygon(scaled.exterior)


def _waters(inside: Polygon) -> tuple[Area, ...]:
    moat = inside.buffer(58, join_style="mitre").difference(inside.buffer(38, join_style="mitre"))
    canal = LineString([(-560, 6300), (-520, 4000), (-470, 2000), (-430, 0), (-400, -2450)])
    huiji = LineString([(3330, 420), (3700, 200), (4300, -350), (5000, -900), (5980, -1700)])
    x = np.linspace(-3990, 5990, 120)
    south, north = river_banks(x)
    river = np.vstack([np.column_stack([x, south]), np.column_stack([x, north])[::-1]])
    lakes = (
        ("潘家湖", "lake", blob((2010, 2790), (470, 640)), 71.6),
        ("杨家湖", "lake", blob((1260, 2790), (560, 680), 4), 71.6),
        ("包公湖", "lake", blob((1170, 1040), (560, 330)), 71.2),
        ("铁塔湖", "lake", blob((2960, 3600), (210, 260)), 71.8),
        ("汴西湖", "lake", blob((-2570, 4380), (480, 780), 4), 72.0),
        ("开封西湖", "lake", blob((-3370, 3350), (620, 620)), 72.2),
        ("汴西新河", "canal", canal.buffer(14, cap_style="flat"), 70.8),
        ("惠济河", "river", huiji.buffer(16, cap_style="flat"), 69.0),
        ("黄河", "river", Polygon(river), 82.4),
    )
    placed = [Area(name, use, place(shape), level) for name, use, shape, level in lakes]
    return (*placed, Area("护城河", "moat", moat, 70.9))


def _sandbanks() -> tuple[Polygon, ...]:
    """Lens-shaped banks in the river's channel."""
    banks = []
    for i, x in enumerate(np.arange(-3500.0, 5800.0, 930.0)):
        south, north = river_banks(np.array([x]))
        middle = float(south[0] + (north - south)[0] * (0.3 + 0.4 * (i % 3) / 2))
        lens = shapely.Point(0, 0).buffer(1.0)
        scaled = shapely.affinity.scale(lens, 420 + 60 * (i % 4), 55 + 18 * (i % 3))
        turned = shapely.affinity.rotate(scaled, 9.0 - 5 * (i % 4))
        banks.append(place(Polygon(shapely.affinity.translate(turned, x, middle))))
    return tuple(banks)


def _parks() -> tuple[Area, ...]:
    parks = (
        ("龙亭公园", box(880, 2360, 2320, 3520)),
        ("铁塔公园", box(2800, 3300, 3230, 4020)),
        ("包公湖公园", blob((1170, 1040), (720, 470))),
        ("汴京公园", box(3480, 2080, 3900, 2600)),
        ("汴西湖公园", box(-2860, 3860, -2290, 4850)),
        ("西湖湿地公园", box(-3790, 2960, -2940, 3750)),
        ("金明池公园", box(-790, 1260, -540, 1900)),
        ("开封府广场绿地", box(1500, 1010, 1600, 1250)),
    )
    return tuple(Area(name, "park", place(shape)) for name, shape in parks)


def _anchors(bounds: tuple[float, ...], axis: int) -> list[float]:
    """Where main streets along `axis` cross the zone, with its two edges."""
    low, high = bounds[1 - axis], bounds[3 - axis]
    begin, end = bounds[axis], bounds[2 + axis]
    found = {low, high}
    for _, _, path in (*_THROUGH, *_INSIDE, *_OUTSIDE):
        first, last = path[0], path[-1]
        if abs(first[1 - axis] - last[1 - axis]) > 200:
            continue
        where = (first[1 - axis] + last[1 - axis]) / 2
        along = sorted((first[axis], last[axis]))
        if low < where < high and along[0] < end and along[1] > begin:
            found.add(where)
    return sorted(found)


def _lanes(rng: np.random.Generator, bounds: tuple[float, ...], step: float) -> list[LineString]:
    lines = []
    for axis in (0, 1):
        across, along = _anchors(bounds, axis), _anchors(bounds, 1 - axis)
        where = bounds[1 - axis] + step * 0.7
        while where < bounds[3 - axis] - 60:
            clear = min(abs(where - each) for each in across)
            if clear > 0.36 * step:
                present = np.append(rng.random(len(along) - 1) < 0.74, False)
                for first in np.flatnonzero(present & ~np.roll(present, 1)):
                    last = first + int(np.argmin(present[first:]))
                    ends = (along[first] - 12, along[last] + 12)
                    points = [(end, where) if axis == 0 else (where, end) for end in ends]
                    lines.append(LineString(points))
            where += step * rng.uniform(0.55, 1.0)
    return lines


def _streets(seed: int, inside: Polygon, keep_out: BaseGeometry) -> list[Street]:
    inner, outer = inside.buffer(-33, join_style="mitre"), inside.buffer(83, join_style="mitre")
    ring_in, ring_out = (
        inside.buffer(-45, join_style="mitre"),
        inside.buffer(95, join_style="mitre"),
    )
    streets = [Street("内环路", "tertiary", ring_in.exterior)]
    streets.append(Street("环城路", "secondary", ring_out.exterior))
    streets += [Street(name, kind, place(LineString(path))) for name, kind, path in _THROUGH]
    for name, kind, path in _INSIDE:
        streets.append(Street(name, kind, place(LineString(path)).intersection(inner)))
    for name, kind, path in _OUTSIDE:
        streets.append(Street(name, kind, place(LineString(path)).difference(outer)))
    rng = stream(seed, "lanes")
    used = {"in": 0, "out": 0}
    names = {"in": _OLD_LIST.split(), "out": _NEW_LIST.split()}
    for side, bounds, step in _ZONES:
        for line in _lanes(rng, bounds, step):
            placed = place(line).difference(keep_out)
            cut = placed.intersection(inner) if side == "in" else placed.difference(outer)
            number, turn = used[side] % len(names[side]), used[side] // len(names[side])
            name = names[side][number] + ("" if turn == 0 else "南北东西中"[turn % 5] + "巷")
            streets.append(Street(name, "lane" if side == "in" else "residential", cut))
            used[side] += 1
    return streets


def make_plan(seed: int) -> Plan:
    """The plan of the district; only the lanes depend on the seed."""
    inside = _wall()
    waters, parks = _waters(inside), _parks()
    lakes = shapely.union_all([each.geometry for each in waters if each.function == "lake"])
    keep_out = shapely.union_all([each.geometry for each in parks]).union(lakes.buffer(12))
    streets = []
    for street in _streets(seed, inside, keep_out):
        free = street.line.difference(lakes.buffer(8))
        streets.append(Street(street.name, street.kind, free))
    x = np.linspace(-3990, 5990, 100)
    levee = place(LineString(np.column_stack([x, levee_y(x)])))
    streets.append(Street("黄河大堤堤顶路", "rural", levee))
    tracks = (
        ("陇海铁路", ((-3990, -1500), (5990, -1520))),
        ("郑开城际铁路", ((-3990, -1540), (1650, -1540))),
    )
    rails = tuple(Street(name, "rail", place(LineString(path))) for name, path in tracks)
    city = place(box(*CITY))
    return Plan(inside, city, waters, parks, tuple(streets), rails, levee, _sandbanks())
