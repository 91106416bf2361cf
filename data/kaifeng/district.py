"""Puts the district together: from the plan to every table, all in memory."""

from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import shapely

from kaifeng import bim
from kaifeng.blocks import Block, Site, carve, find_site, make_blocks
from kaifeng.buildings import PATTERNS, Pattern, make_buildings
from kaifeng.frame import stream
from kaifeng.landmarks import Landmark, make_landmarks, wall_pieces
from kaifeng.plan import Plan, make_plan
from kaifeng.scenes import Scenery
from kaifeng.streets import LANES, SPEEDS, Streets, make_streets
from kaifeng.surroundings import make_trees, make_wall
from kaifeng.terrain import ground

_BEFORE: Final = MappingProxyType(
    {"redevelopment": replace(PATTERNS["village"], years=(1952, 1994), pitch=(30.0, 28.0))}
)
_AFTER: Final = MappingProxyType(
    {
        "redevelopment": Pattern(
            (48, 56), (0.5, 0.72), 0.9, ("cross", "step", "rect"), (12, 32), (2028, 2032), 3.2,
            (("residential", "住宅", 0.6), ("office", "办公", 0.25), ("commercial", "商业", 0.15)),
            "flat",
        )
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class District:
    """The whole district; tables in EPSG:4547."""

    plan: Plan
    streets: Streets
    blocks: list[Block]
    landmarks: list[Landmark]
    office: Site
    school: Site
    old: pd.DataFrame
    """Buildings inside the wall."""
    new: pd.DataFrame
    """Buildings outside it."""
    planned: pd.DataFrame
    demolished: pd.DataFrame
    trees: pd.DataFrame
    wall: pd.DataFrame

    @property
    def buildings(self) -> pd.DataFrame:
        """Every building that stands."""
        return pd.concat([self.old, self.new], ignore_index=True)


def _known(table: pd.DataFrame, prefix: str, streets: Streets, status: str) -> pd.DataFrame:
    """The buildings with identifiers, names and addresses."""
    centres = shapely.centroid(table["geometry"].to_numpy())
    nearest = shapely.STRtree(streets.lines).nearest(centres)
    along = shapely.line_locate_point(streets.lines[nearest], centres)
    numbers = (along // 6 * 2 + 1).astype(int)
    streets_by = streets.names[nearest]
    table = table.copy()
    table["address"] = [f"{s}{n}号" for s, n in zip(streets_by, numbers, strict=True)]
    names = []
    for place, use, address, kind in zip(
        table["place"], table["use"], table["address"], table["kind"], strict=True
    ):
        plain = kind in {"courtyards", "village", "slabs", "towers"} and not place
        names.append(None if plain else f"{place or address}{use}")
    table["name"] = names
    table["object_id"] = [f"{prefix}{i:06d}" for i in range(1, len(table) + 1)]
    table["status"] = status
    table["valid_to"] = pd.Series([None] * len(table), dtype=object)
    return table


def _renewal(blocks: list[Block], streets: Streets, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What stood in the renewal areas, and what is planned there."""
    before = make_buildings(blocks, seed, "demolished", _BEFORE)
    gone = _known(before, "DM", streets, "demolished")
    rng = stream(seed, "demolition")
    days = rng.integers(date(2017, 1, 1).toordinal(), date(2023, 12, 31).toordinal(), len(gone))
    gone["valid_to"] = [date.fromordinal(int(each)) for each in days]
    after = make_buildings(blocks, seed, "planned", _AFTER)
    return _known(after, "PL", streets, "planned"), gone


def make_district(seed: int) -> District:
    """The district for a seed."""
    plan = make_plan(seed)
    streets = make_streets(plan.streets)
    blocks = make_blocks(plan, streets, seed)
    drum = find_site(blocks, "鼓楼", (1720, 1640), (54, 40))
    office = find_site(blocks, bim.OFFICE.name, (-1900, 2350), (70, 40))
    school = find_site(blocks, bim.SCHOOL.name, (500, 2500), (62, 32))
    landmarks = make_landmarks(plan, streets, drum)
    sites = [each.outline.buffer(4) for each in (drum, office, school)]
    sites += [each.outline.buffer(10) for each in landmarks]
    free = carve(blocks, sites)
    made = make_buildings(free, seed)
    planned, demolished = _renewal(free, streets, seed)
    inside = (made["part"] == "old").to_numpy()
    old = _known(made[inside].reset_index(drop=True), "KFA", streets, "existing")
    new = _known(made[~inside].reset_index(drop=True), "KFB", streets, "existing")
    gates = [each.outline for each in landmarks if each.function == "city gate"]
    waters = [each.geometry for each in plan.waters]
    taken = [*waters, *sites, *shapely.buffer(made["geometry"].to_numpy(), 1.5)]
    kerbs = shapely.buffer(streets.lines, streets.widths / 2 - 0.5, cap_style="flat")
    taken += list(kerbs)
    trees = make_trees(plan, streets, taken, seed)
    wall = make_wall(wall_pieces(plan, gates))
    return District(plan, streets, free, landmarks, office, school, old, new, planned, demolished,
                    trees, wall)  # fmt: skip


def roads_of(streets: Streets) -> pd.DataFrame:
    """Street centre lines with their topology, as a table."""
    count = len(streets.lines)
    return pd.DataFrame(
        {
            "object_id": [f"RD{i:05d}" for i in range(1, count + 1)],
            "class": "Road",
            "name": streets.names,
            "function": streets.kinds,
            "network": "road",
            "start_node": [f"N{each:05d}" for each in streets.ends[:, 0]],
            "end_node": [f"N{each:05d}" for each in streets.ends[:, 1]],
            "width_m": streets.widths,
            "lanes": [LANES[each] for each in streets.kinds],
            "speed_kph": [SPEEDS[each] for each in streets.kinds],
            "geometry": streets.lines,
        }
    )


def junctions_of(streets: Streets) -> pd.DataFrame:
    """The nodes of the street network, as a table of points."""
    names = [f"N{each:05d}" for each in range(len(streets.xy))]
    return pd.DataFrame(
        {
            "object_id": names,
            "class": "GenericLogicalSpace",
            "node_id": names,
            "function": "junction",
            "network": "road",
            "geometry": shapely.points(streets.xy),
        }
    )


def scenery_of(district: District) -> Scenery:
    """What the satellite sees; the blocks are new ground where their first building is young."""
    plan, streets = district.plan, district.streets
    seen = pd.concat([district.buildings, district.demolished, _modelled(district)])
    seen = seen.reset_index(drop=True)
    first = seen[seen["status"] == "existing"].groupby("block")["year"].quantile(0.1)
    green = [each.geometry for each in plan.parks]
    green += [each.geometry for each in district.blocks if each.kind == "green"]
    blocks = [
        (each.geometry, int(first.get(each.number, 1990)))
        for each in district.blocks
        if each.kind != "green"
    ]
    river = next(each.geometry for each in plan.waters if each.name == "黄河")
    lakes = tuple(each.geometry for each in plan.waters if each.name != "黄河")
    areas = shapely.buffer(streets.lines, streets.widths / 2, quad_segs=2)
    wall = tuple(district.wall["geometry"])
    trees = shapely.get_coordinates(district.trees["geometry"].to_numpy())
    return Scenery(seen, areas, lakes, river, plan.sandbanks, tuple(green), trees, plan.city,
                   tuple(blocks), wall)  # fmt: skip


def _modelled(district: District) -> pd.DataFrame:
    """Landmarks and the two models as the other buildings are described."""
    rows = [(each.outline, each.height, each.year) for each in district.landmarks]
    for design, site in ((bim.OFFICE, district.office), (bim.SCHOOL, district.school)):
        height = design.storeys * design.storey_height
        rows.append((bim.footprint(site, design), height, design.year))
    table = pd.DataFrame(rows, columns=["geometry", "height", "year"])
    since = [date(each, 1, 1) for each in table["year"]]
    return table.assign(kind="civic", status="existing", block=-1, valid_from=since,
                        valid_to=pd.Series([None] * len(table), dtype=object))  # fmt: skip


def level_of(site: Site) -> float:
    """Height of a site's ground floor: 0.3 m above the ground at its centre."""
    x, y = site.centre
    return round(float(ground(np.array([x]), np.array([y]))[0]) + 0.3, 2)
