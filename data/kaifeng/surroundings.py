"""Trees, green areas, bridges, wall, places of public services and sensors."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from kaifeng.blocks import Block
from kaifeng.frame import Array, lonlat, stream
from kaifeng.plan import WALL_HEIGHT, Area, Plan
from kaifeng.streets import Streets
from kaifeng.terrain import ground

_SPECIES: Final = ("国槐", "法国梧桐", "垂柳", "银杏", "毛白杨", "女贞")
_SERVICES: Final = (
    ("hospital", "医院", 14, (120, 1500), "张床位"),
    ("school", "学校", 46, (600, 3200), "名学生"),
    ("fire station", "消防站", 7, (4, 12), "辆消防车"),
    ("police", "派出所", 15, (20, 80), "名民警"),
    ("shelter", "应急避难场所", 28, (500, 12_000), "人"),
)
_SENSORS: Final = (
    ("water level", "水位计", "m", 18), ("rain gauge", "雨量计", "mm/h", 14),
    ("air quality", "空气质量站", "ug/m3", 12), ("camera", "摄像机", "", 60),
    ("water pressure", "供水压力计", "MPa", 24), ("gas detector", "燃气泄漏探测器", "%LEL", 30),
    ("manhole level", "窨井液位计", "m", 26),
)  # fmt: skip


def make_trees(plan: Plan, streets: Streets, taken: Sequence[BaseGeometry],
               seed: int) -> pd.DataFrame:  # fmt: skip
    """Street trees every 25 m on wide streets, and scattered ones in the parks."""
    rng = stream(seed, "trees")
    wide = np.isin(streets.kinds, ["primary", "secondary"])
    spots = [np.empty((0, 2))]
    for line, width in zip(streets.lines[wide], streets.widths[wide], strict=True):
        along = np.arange(18, line.length - 18, 25)
        for side in (width / 2 + 1.2, -width / 2 - 1.2):
            beside = shapely.offset_curve(line, side)
            if not beside.is_empty:
                share = along / line.length
                points = shapely.line_interpolate_point(beside, share, normalized=True)
                spots.append(shapely.get_coordinates(points))
    for park in plan.parks:
        west, south, east, north = park.geometry.bounds
        count = int(park.geometry.area / 420)
        scattered = rng.uniform((west, south), (east, north), (count, 2))
        spots.append(scattered[shapely.contains_xy(park.geometry, scattered)])
    xy: Array = np.asarray(np.round(np.vstack(spots), 2), dtype=float)
    tree = shapely.STRtree([shapely.Point(each) for each in xy])
    hit = tree.query(np.array(taken), predicate="intersects")[1]
    xy = np.asarray(np.delete(xy, np.unique(hit), axis=0), dtype=float)
    height = np.round(rng.gamma(9, 1.05, len(xy)) + 2.5, 1)
    return pd.DataFrame(
        {
            "object_id": [f"TREE{i:06d}" for i in range(1, len(xy) + 1)],
            "class": "SolitaryVegetationObject",
            "species": np.array(_SPECIES, dtype=object)[rng.integers(0, len(_SPECIES), len(xy))],
            "height": height,
            "crown_diameter_m": np.round(height * rng.uniform(0.4, 0.65, len(xy)), 1),
            "ground_height": np.round(ground(xy[:, 0], xy[:, 1]), 2),
            "geometry": shapely.points(xy),
        }
    )


def make_green(plan: Plan, blocks: list[Block]) -> pd.DataFrame:
    """Green areas (PlantCover), with the delivery's deliberate defects at the end.

    Three bow-ties that can be mended, one identifier given twice and one vertex that is not a
    number; the last two cannot be loaded.
    """
    waters = shapely.union_all([each.geometry for each in plan.waters])
    areas = [Area(each.name, "park", each.geometry.difference(waters)) for each in plan.parks]
    verge = plan.inside.exterior.buffer(36).difference(plan.inside.exterior.buffer(12))
    lawn = verge.intersection(plan.inside.buffer(40)).difference(waters)
    pieces = [each for each in shapely.get_parts(lawn) if each.area > 500]
    areas += [Area("环城墙绿带", "green belt", each) for each in pieces]
    areas += [
        Area(f"街头绿地{each.number}", "lawn", each.geometry)
        for each in blocks
        if each.kind == "green"
    ]
    rows = [(f"GR{i:04d}", each.name, each.function, each.geometry)
            for i, each in enumerate(areas, 1)]  # fmt: skip
    x, y = 529_800.0, 3_856_400.0
    for i in range(3):
        knot = [(x, y), (x + 60, y + 40), (x + 60, y), (x, y + 40), (x, y)]
        rows.append((f"GR9{i + 1:03d}", f"苗圃{i + 1}", "nursery", Polygon(knot)))
        x += 120
    rows.append((rows[0][0], "重复编号的绿地", "lawn", shapely.box(x, y, x + 50, y + 50)))
    broken = [(x, y + 90), (x + 50, y + 90), (x + 50, float("nan")), (x, y + 140), (x, y + 90)]
    with np.errstate(invalid="ignore"):
        rows.append(("GR9999", "坐标缺失的绿地", "lawn", Polygon(broken)))
    table = pd.DataFrame(rows, columns=["object_id", "name", "function", "geometry"])
    table["class"] = "PlantCover"
    table["average_height_m"] = 4.5
    return table


def make_bridges(plan: Plan, streets: Streets) -> pd.DataFrame:
    """Where streets cross the canal, the moat and the river."""
    names = {"汴西新河", "惠济河", "护城河"}
    rows = []
    for water in plan.waters:
        if water.name not in names:
            continue
        banks = water.geometry.buffer(3)
        crossing = np.flatnonzero(shapely.intersects(streets.lines, water.geometry))
        for edge in crossing.tolist():
            deck = streets.lines[edge].buffer(streets.widths[edge] / 2, cap_style="flat")
            parts = [each for each in shapely.get_parts(deck.intersection(banks)) if each.area > 60]
            name = f"{streets.names[edge]}{water.name}桥"
            rows += [(name, water.level, each) for each in parts]
    table = pd.DataFrame(rows, columns=["name", "water_level", "geometry"])
    centres = shapely.get_coordinates(shapely.centroid(table["geometry"].to_numpy()))
    top = ground(centres[:, 0], centres[:, 1])
    table["object_id"] = [f"BR{i:03d}" for i in range(1, len(table) + 1)]
    table["class"], table["function"], table["status"] = "Bridge", "road bridge", "existing"
    table["height"], table["ground_height"] = 1.6, np.round(top, 2)
    return table


def make_wall(pieces: list[Polygon]) -> pd.DataFrame:
    """The city wall between the gates (OtherConstruction)."""
    centres = shapely.get_coordinates(shapely.centroid(pieces))
    return pd.DataFrame(
        {
            "object_id": [f"WALL{i:02d}" for i in range(1, len(pieces) + 1)],
            "class": "OtherConstruction",
            "name": [f"开封城墙第{i}段" for i in range(1, len(pieces) + 1)],
            "function": "city wall",
            "status": "existing",
            "height": WALL_HEIGHT,
            "ground_height": np.round(ground(centres[:, 0], centres[:, 1]), 2),
            "valid_from": date(1842, 12, 1),
            "protection": "全国重点文物保护单位",
            "geometry": pieces,
        }
    )


def _spread(buildings: pd.DataFrame, count: int, rng: np.random.Generator) -> Array:
    """Centres of `count` buildings, spread over the town by farthest-point choice."""
    xy = shapely.get_coordinates(shapely.centroid(buildings["geometry"].to_numpy()))
    chosen = [int(rng.integers(len(xy)))]
    gap = np.linalg.norm(xy - xy[chosen[0]], axis=1)
    while len(chosen) < min(count, len(xy)):
        # some chance, or all would sit on the rim
        chosen.append(int(np.argmax(gap * rng.uniform(0.35, 1.0, len(xy)))))
        gap = np.minimum(gap, np.linalg.norm(xy - xy[chosen[-1]], axis=1))
    return np.asarray(xy[chosen])


def make_places(buildings: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Hospitals, schools, fire and police stations, shelters; degrees of CGCS2000."""
    rng = stream(seed, "places")
    parts = {"old": "老城", "west": "西区", "north": "北区", "east": "东区", "south": "南区",
             "countryside": "柳园口"}  # fmt: skip
    tables = []
    for function, chinese, count, (low, high), unit in _SERVICES:
        of_kind = buildings[buildings["function"] == function]
        pool = of_kind if len(of_kind) >= count else buildings[buildings["kind"] != "village"]
        xy = _spread(pool, count, rng)
        owner = shapely.STRtree(buildings["geometry"].to_numpy()).nearest(shapely.points(xy))
        part = [parts[each] for each in buildings["part"].to_numpy()[owner]]
        degrees = np.round(lonlat(xy), 7)
        capacity = (np.exp(rng.uniform(np.log(low), np.log(high), count))).astype(int)
        tables.append(
            pd.DataFrame(
                {
                    "名称": [f"{part[i]}第{i + 1}{chinese}" for i in range(count)],
                    "类别": chinese, "function": function,
                    "capacity": capacity, "容量说明": [f"{each}{unit}" for each in capacity],
                    "经度": degrees[:, 0], "纬度": degrees[:, 1],
                }
            )
        )  # fmt: skip
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "编号", [f"POI{i:04d}" for i in range(1, len(table) + 1)])
    return table


def make_sensors(streets: Streets, waters: tuple[Area, ...], seed: int) -> pd.DataFrame:
    """Sensors at street corners and by the water; degrees of WGS 84, UTF-8."""
    rng = stream(seed, "sensors")
    shores = [each.geometry.boundary for each in waters if each.function in {"lake", "river"}]
    rows: list[tuple[Any, ...]] = []
    town = streets.xy[streets.xy[:, 1] < 3_856_100]
    for kind, chinese, unit, count in _SENSORS:
        if kind == "water level":
            on = [shores[i % len(shores)].interpolate(rng.random(), normalized=True)
                  for i in range(count)]  # fmt: skip
            xy = shapely.get_coordinates(on)
        else:
            xy = town[rng.choice(len(town), count, replace=False)] + rng.uniform(3, 6, (count, 2))
        days = rng.integers(0, 2500, count)
        for spot, day in zip(lonlat(xy), days, strict=True):
            since = date.fromordinal(date(2018, 1, 1).toordinal() + int(day))
            rows.append((f"S{len(rows) + 1:04d}", f"{chinese}{len(rows) + 1}", kind, unit,
                         round(spot[0], 7), round(spot[1], 7), since.isoformat()))  # fmt: skip
    columns = ["object_id", "name", "function", "unit", "lon", "lat", "valid_from"]
    return pd.DataFrame(rows, columns=columns)
