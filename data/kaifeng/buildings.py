"""Footprints and what is known of each building, block by block."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from kaifeng.blocks import Block, orientation
from kaifeng.frame import Array, stream
from kaifeng.terrain import ground

_SHAPES: Final = MappingProxyType(
    {
        "rect": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "ell": ((-1, -1), (1, -1), (1, -0.2), (-0.2, -0.2), (-0.2, 1), (-1, 1)),
        "yoke": ((-1, -1), (1, -1), (1, 1), (0.35, 1), (0.35, -0.25), (-0.35, -0.25), (-0.35, 1),
                 (-1, 1)),
        "tee": ((-1, -1), (1, -1), (1, 0.1), (0.4, 0.1), (0.4, 1), (-0.4, 1), (-0.4, 0.1),
                (-1, 0.1)),
        "cross": ((-0.45, -1), (0.45, -1), (0.45, -0.5), (1, -0.5), (1, 0.5), (0.45, 0.5),
                  (0.45, 1), (-0.45, 1), (-0.45, 0.5), (-1, 0.5), (-1, -0.5), (-0.45, -0.5)),
        "step": ((-1, -1), (0.3, -1), (0.3, -0.6), (1, -0.6), (1, 1), (-0.4, 1), (-0.4, 0.7),
                 (-1, 0.7)),
    }
)  # fmt: skip
"""Outlines in the square from -1 to 1, anticlockwise; "court" has a hole and is made apart."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a kind of block is built up; lengths in metres."""

    pitch: tuple[float, float]
    """Spacing of the buildings along and across the block."""
    fill: tuple[float, float]
    """Least and greatest share of the spacing that a footprint takes."""
    keep: float
    """Share of the plots that are built on."""
    shapes: tuple[str, ...]
    storeys: tuple[int, int]
    years: tuple[int, int]
    storey_height: float
    uses: tuple[tuple[str, str, float], ...]
    """(English word, Chinese word, share)."""
    roof: str


_HOME = ("residential", "住宅", 0.86)
_SHOP = ("commercial", "商业", 0.14)

PATTERNS: Final = MappingProxyType(
    {
        "courtyards": Pattern((27, 25), (0.62, 0.9), 0.9, ("rect", "ell", "yoke", "court", "rect"),
                              (1, 3), (1870, 1985), 3.3, (_HOME, _SHOP), "gable"),
        "slabs": Pattern((72, 36), (0.40, 0.86), 0.93, ("rect", "rect", "step"), (4, 7),
                         (1980, 2008), 2.9, (_HOME, _SHOP), "flat"),
        "towers": Pattern((52, 64), (0.48, 0.66), 0.88, ("cross", "tee", "step"), (11, 33),
                          (2004, 2024), 2.95, (_HOME, ("residential", "公寓", 0.14)), "flat"),
        "village": Pattern((26, 31), (0.6, 0.86), 0.85, ("rect", "ell", "court"), (1, 3),
                           (1978, 2016), 3.2, (_HOME, ("agricultural", "农业", 0.14)), "gable"),
        "commercial": Pattern((74, 62), (0.6, 0.86), 0.8, ("rect", "ell", "step"), (2, 6),
                              (1988, 2022), 4.5, (("commercial", "商业", 0.8),
                                                  ("hotel", "酒店", 0.2)), "flat"),
        "office": Pattern((82, 74), (0.45, 0.72), 0.8, ("rect", "step", "tee"), (6, 26),
                          (2005, 2024), 3.9, (("office", "办公", 1.0),), "flat"),
        "civic": Pattern((72, 52), (0.5, 0.8), 0.75, ("rect", "yoke", "step"), (3, 8),
                         (1975, 2018), 3.6, (("public", "行政办公", 0.7),
                                             ("culture", "文化设施", 0.3)), "flat"),
        "school": Pattern((70, 46), (0.45, 0.8), 0.62, ("rect", "yoke", "ell"), (3, 6),
                          (1960, 2016), 3.7, (("school", "教学楼", 1.0),), "flat"),
        "hospital": Pattern((70, 52), (0.5, 0.8), 0.7, ("tee", "yoke", "rect"), (5, 16),
                            (1985, 2020), 3.9, (("hospital", "医院", 1.0),), "flat"),
        "industrial": Pattern((92, 58), (0.6, 0.9), 0.75, ("rect", "rect", "step"), (1, 2),
                              (1958, 2015), 7.5, (("industrial", "厂房", 0.8),
                                                  ("warehouse", "仓库", 0.2)), "flat"),
    }
)  # fmt: skip


def _plots(polygon: Polygon, pattern: Pattern, rng: np.random.Generator) -> tuple[Array, Array]:
    """Centres (n, 2) and half sizes (n, 2) of plots in the polygon's own frame."""
    low, high = np.array(polygon.bounds).reshape(2, 2)
    count = np.maximum(((high - low - 4) // pattern.pitch).astype(int), 1)
    spare = (high - low - count * pattern.pitch) / 2
    steps = [low[i] + spare[i] + (np.arange(count[i]) + 0.5) * pattern.pitch[i] for i in (0, 1)]
    centres = np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2)
    centres = centres[rng.random(len(centres)) < pattern.keep]
    share = rng.uniform(*pattern.fill, (len(centres), 2))
    half = share * np.array(pattern.pitch) / 2
    room = np.array(pattern.pitch) / 2 - half - 0.6
    return centres + rng.uniform(-0.8, 0.8, centres.shape) * np.maximum(room, 0), half


def _outlines(shape: str, centres: Array, half: Array) -> NDArray[np.object_]:
    unit = np.array(_SHAPES["rect" if shape == "court" else shape], dtype=float)
    rings = unit[None] * half[:, None] + centres[:, None]
    if shape != "court":
        return np.asarray(shapely.polygons(rings))
    holes = unit[None, ::-1] * (half * 0.4)[:, None] + centres[:, None]
    rings_and_holes = zip(rings, holes, strict=True)
    return np.array([Polygon(ring, [hole]) for ring, hole in rings_and_holes], dtype=object)


def _turned(geometries: Any, angle: float, pivot: Array) -> Any:
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, sin], [-sin, cos]])
    return shapely.transform(geometries, lambda xy: np.round((xy - pivot) @ matrix + pivot, 3))


def _footprints(block: Block, pattern: Pattern, rng: np.random.Generator) -> NDArray[np.object_]:
    """Footprints inside the block that keep their distance from one another."""
    angle = orientation(block.geometry)
    pivot = np.array(block.geometry.centroid.coords[0])
    straight = _turned(block.geometry, -angle, pivot)
    centres, half = _plots(straight, pattern, rng)
    drawn = rng.integers(0, len(pattern.shapes), len(centres))
    made = []
    for number, shape in enumerate(pattern.shapes):
        chosen = drawn == number
        if chosen.any():
            made.append(_outlines(shape, centres[chosen], half[chosen]))
    outlines = np.concatenate(made) if made else np.empty(0, dtype=object)
    shapely.prepare(straight)
    inside = outlines[shapely.contains_properly(straight, outlines)]
    return np.asarray(_turned(inside, angle, pivot))


def lowest_ground(footprints: NDArray[np.object_]) -> Array:
    """The lowest ground under the corners of each footprint, metres above the datum."""
    xy, owner = shapely.get_coordinates(footprints, return_index=True)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    return np.asarray(np.round(np.minimum.reduceat(ground(xy[:, 0], xy[:, 1]), first), 2))


def _described(block: Block, pattern: Pattern, count: int,
               rng: np.random.Generator) -> dict[str, Array | NDArray[np.object_]]:  # fmt: skip
    english, chinese, shares = zip(*pattern.uses, strict=True)
    use = rng.choice(len(shares), count, p=np.array(shares) / sum(shares))
    span = pattern.years[1] - pattern.years[0]
    middle = pattern.years[0] + rng.uniform(0.12, 0.88) * span
    year = np.clip(rng.normal(middle, span / 9, count), *pattern.years).astype(int)
    typical = rng.integers(pattern.storeys[0], pattern.storeys[1] + 1)
    storeys = np.clip(typical + rng.integers(-2, 3, count), *pattern.storeys)
    top = rng.uniform(1.2, 2.2, count) if pattern.roof == "gable" else np.full(count, 0.9)
    same = {"roof": pattern.roof, "block": block.number, "kind": block.kind, "part": block.part,
            "place": block.name}  # fmt: skip
    return {
        "function": np.array(english, dtype=object)[use],
        "use": np.array(chinese, dtype=object)[use],
        "storeys": storeys,
        "basements": np.where(storeys > 9, 2, 0),
        "height": np.round(storeys * pattern.storey_height + top, 1),
        "year": year,
        "day": rng.integers(0, 365, count),
        **{key: np.full(count, value, object) for key, value in same.items()},
    }


def _structure(table: pd.DataFrame) -> NDArray[np.object_]:
    tall, shed = table["storeys"] > 7, table["function"].isin(["industrial", "warehouse"])
    choices = [shed & (table["year"] > 1995), tall | (table["year"] > 2012), table["year"] < 1975]
    names = ["钢结构", "钢筋混凝土", "砖木"]
    return np.select([each.to_numpy() for each in choices], names, default="砖混").astype(object)


def make_buildings(
    blocks: list[Block],
    seed: int,
    name: str = "buildings",
    patterns: MappingProxyType[str, Pattern] = PATTERNS,
) -> pd.DataFrame:
    """A row per building with its footprint in ``geometry`` (EPSG:4547), without identifiers.

    ``valid_from`` is a date or None where nobody knows; ``ground_height`` and ``height`` are
    metres. A block whose kind has no pattern stays empty.
    """
    rng = stream(seed, name)
    tables = []
    for block in blocks:
        pattern = patterns.get(block.kind)
        if pattern is None:
            continue
        footprints = _footprints(block, pattern, rng)
        described = _described(block, pattern, len(footprints), rng)
        tables.append({**described, "geometry": footprints})
    columns = {key: np.concatenate([each[key] for each in tables]) for key in tables[0]}
    table = pd.DataFrame(columns).astype({"block": int})
    table["structure"] = _structure(table)
    table["ground_height"] = lowest_ground(table["geometry"].to_numpy())
    start = table["year"].to_numpy().astype(str).astype("datetime64[Y]").astype("datetime64[D]")
    dates = (start + table["day"].to_numpy()).astype(object)
    unknown = (table["year"] < 1949).to_numpy() & (table["day"] % 3 > 0).to_numpy()
    table["valid_from"] = pd.Series(np.where(unknown, None, dates), dtype=object)
    return table
