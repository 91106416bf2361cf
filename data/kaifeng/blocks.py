"""What lies between the streets: blocks, each with one land use, and sites kept free in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import shapely
from shapely import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from kaifeng.frame import place, stream
from kaifeng.plan import Area, Plan
from kaifeng.streets import Streets

USES: Final = MappingProxyType(
    {
        "courtyards": ("residential", "070101", "城镇住宅用地"),
        "slabs": ("residential", "070101", "城镇住宅用地"),
        "towers": ("residential", "070101", "城镇住宅用地"),
        "village": ("residential", "0703", "农村宅基地"),
        "commercial": ("commercial", "0901", "商业用地"),
        "office": ("office", "0902", "商务金融用地"),
        "civic": ("public", "0801", "机关团体用地"),
        "school": ("education", "0804", "教育用地"),
        "hospital": ("medical", "0806", "医疗卫生用地"),
        "industrial": ("industrial", "1001", "工业用地"),
        "redevelopment": ("vacant", "16", "留白用地"),
        "green": ("green", "1401", "公园绿地"),
    }
)
"""Kind of block: function of its land use, code and name of the 2023 national land-use list."""

_MIX: Final = MappingProxyType(
    {
        "old": (("courtyards", 0.74), ("slabs", 0.12), ("commercial", 0.06), ("school", 0.05)),
        "west": (("towers", 0.40), ("slabs", 0.22), ("office", 0.12), ("commercial", 0.09),
                 ("industrial", 0.06), ("school", 0.05)),
        "north": (("slabs", 0.55), ("towers", 0.15), ("village", 0.08), ("school", 0.06)),
        "east": (("slabs", 0.42), ("industrial", 0.30), ("commercial", 0.07), ("village", 0.05)),
        "south": (("slabs", 0.58), ("industrial", 0.17), ("commercial", 0.1), ("school", 0.05)),
    }
)  # fmt: skip
"""Shares of the kinds of block in each part of the city; the rest is green or civic."""

_FIXED: Final = (
    ("school", "河南大学", (3080, 3130)),
    ("hospital", "淮河医院", (2650, 2650)),
    ("hospital", "开封市第一人民医院", (500, 1650)),
    ("hospital", "开封市中心医院", (-2000, 1500)),
    ("hospital", "东区医院", (4300, 1400)),
    ("civic", "市民服务中心", (-1800, 2450)),
    ("redevelopment", "顺河回族区城市更新单元", (2700, 900)),
    ("redevelopment", "鼓楼片区更新单元", (1350, 1800)),
    ("redevelopment", "铁路货场更新单元", (1900, -900)),
    ("redevelopment", "西部科创园二期", (-2550, 650)),
)
_VILLAGES: Final = (
    ("刘寺村", (2050, 6900)), ("南北堤村", (2550, 7900)), ("辛庄村", (2000, 8800)),
    ("柳园口村", (2480, 9700)), ("马头村", (-1800, 7100)), ("芦花岗村", (-1350, 8400)),
    ("黑岗口村", (-1850, 9600)), ("大王庄村", (-2950, 7600)), ("八里湾村", (4200, 7300)),
    ("小吴庄村", (4600, 8900)), ("回回寨村", (600, 8300)), ("孙口村", (3700, 9900)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of ground between streets and what stands on it."""

    number: int
    kind: str
    part: str
    name: str
    geometry: Polygon


@dataclass(frozen=True, slots=True)
class Site:
    """A place that something special will fill: a model of its own, or a landmark."""

    name: str
    centre: tuple[float, float]
    angle: float
    """Radians from east, anticlockwise: direction of the site's x axis."""
    size: tuple[float, float]

    @property
    def outline(self) -> Polygon:
        """The rectangle, EPSG:4547."""
        half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(self.size) / 2
        turn = np.array([[np.cos(self.angle), np.sin(self.angle)],
                         [-np.sin(self.angle), np.cos(self.angle)]])  # fmt: skip
        return Polygon(half @ turn + self.centre)


def part_of(plan: Plan, point: Point) -> str:
    """Which part of the city an EPSG:4547 point is in."""
    if plan.inside.contains(point):
        return "old"
    x, y = point.x - 530_000, point.y - 3_850_000
    if y > 6_200:
        return "countryside"
    if x < -120:
        return "west"
    if y > 4_250:
        return "north"
    return "east" if x > 3_400 else "south"


def _village_blocks(taken: BaseGeometry) -> list[Block]:
    found: list[Block] = []
    for name, (x, y) in _VILLAGES:
        half = 150 + 60 * np.sin(x + y)
        area = place(box(x - half, y - half * 0.8, x + half, y + half * 0.8)).difference(taken)
        parts = [each for each in shapely.get_parts(area) if each.area > 4_000]
        found += [Block(0, "village", "countryside", name, each) for each in parts]
    return found


def _parcels(polygon: Polygon) -> list[Polygon]:
    """A block, or its parcels of some 250 m with alleys between them if it is very large."""
    rest: BaseGeometry = polygon
    if polygon.area > 110_000:
        west, south, east, north = polygon.bounds
        columns, rows = (int((east - west) // 250) + 1, int((north - south) // 250) + 1)
        x, y = np.linspace(west, east, columns + 1), np.linspace(south, north, rows + 1)
        cuts = [shapely.LineString([(each, south), (each, north)]) for each in x[1:-1]]
        cuts += [shapely.LineString([(west, each), (east, each)]) for each in y[1:-1]]
        alleys = shapely.union_all(shapely.buffer(cuts, 4))
        rest = polygon.difference(alleys)
    return [each for each in shapely.get_parts(rest) if each.area > 1_400]


def _fixed(polygons: list[Polygon]) -> dict[int, tuple[str, str]]:
    tree = shapely.STRtree(polygons)
    chosen: dict[int, tuple[str, str]] = {}
    for kind, name, local in _FIXED:
        spot = place(shapely.Point(local))
        least = 24_000 if kind == "redevelopment" else 9_000
        near = [
            number
            for number in tree.query(spot.buffer(600)).tolist()
            if least < polygons[number].area < 70_000 and number not in chosen
        ]
        chosen[min(near, key=lambda i: polygons[i].distance(spot))] = (kind, name)
    return chosen


def make_blocks(plan: Plan, streets: Streets, seed: int) -> list[Block]:
    """Blocks that overlap neither streets, water, parks, wall nor railway."""
    rng = stream(seed, "blocks")
    water = shapely.union_all([shapely.buffer(each.geometry, 6) for each in plan.waters])
    parks = shapely.union_all([each.geometry for each in plan.parks])
    rails = shapely.union_all([each.line.buffer(24) for each in plan.railways])
    wall = plan.inside.exterior.buffer(24)
    levee = plan.levee.buffer(140)
    taken = shapely.union_all([streets.surface.buffer(2.5), water, parks, rails, wall, levee])
    area = plan.city.difference(taken)
    polygons = [each for part in shapely.get_parts(area) for each in _parcels(part)]
    polygons.sort(key=lambda each: (round(each.bounds[0]), round(each.bounds[1])))
    fixed, blocks = _fixed(polygons), []
    for number, polygon in enumerate(polygons):
        part = part_of(plan, polygon.representative_point())
        kinds, shares = zip(*_MIX[part], strict=True)
        rest = ("civic", "green", "hospital")
        odds = np.array([*shares, *np.array([0.45, 0.45, 0.1]) * (1 - sum(shares))])
        drawn = str(rng.choice([*kinds, *rest], p=odds / odds.sum()))
        kind, name = fixed.get(number, (drawn, ""))
        blocks.append(Block(number, kind, part, name, polygon))
    villages = _village_blocks(taken)
    first = len(blocks)
    for number, village in enumerate(villages, first):
        blocks.append(Block(number, village.kind, village.part, village.name, village.geometry))
    return blocks


def orientation(polygon: BaseGeometry) -> float:
    """Angle in radians within ±45° of the sides of the smallest rectangle around a polygon."""
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygon))
    side = ring[1] - ring[0]
    angle = np.arctan2(side[1], side[0])
    return float((angle + np.pi / 4) % (np.pi / 2) - np.pi / 4)


def find_site(blocks: list[Block], name: str, near: tuple[float, float],
              size: tuple[float, float]) -> Site:  # fmt: skip
    """A site of that size (metres) in the closest block with room for it; `near` is local.

    Raises
    ------
    LookupError
        If no block has room.
    """
    spot = place(shapely.Point(near))
    for block in sorted(blocks, key=lambda each: each.geometry.distance(spot)):
        angle = orientation(block.geometry)
        inner = block.geometry.buffer(-min(size) / 2)
        if inner.is_empty or block.kind in {"green", "redevelopment"}:
            continue
        target = shapely.shortest_line(inner, spot)
        for point in (shapely.get_point(target, 0), inner.representative_point()):
            site = Site(name, (round(point.x, 2), round(point.y, 2)), angle, size)
            if block.geometry.contains(site.outline.buffer(3)):
                return site
    raise LookupError(f"no block has room for {name}")


def carve(blocks: list[Block], sites: Sequence[BaseGeometry]) -> list[Block]:
    """The blocks without the sites' outlines."""
    taken = shapely.union_all(sites)
    carved: list[Block] = []
    for block in blocks:
        rest = block.geometry.difference(taken)
        pieces = [each for each in shapely.get_parts(rest) if each.area > 600]
        carved += [replace(block, geometry=piece) for piece in pieces]
    return carved


def land_use(blocks: list[Block], plan: Plan) -> list[tuple[Area, str]]:
    """Land use areas with their national code: the blocks and the parks."""
    areas = []
    for block in blocks:
        use, code, chinese = USES[block.kind]
        areas.append((Area(block.name or chinese, use, block.geometry), code))
    areas += [(Area(each.name, "green", each.geometry), "1401") for each in plan.parks]
    return areas
