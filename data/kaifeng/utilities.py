"""Seven kinds of pipes and cables under the streets, and a metro line below them.

Each network keeps its own distance from the street's axis: every point is moved by one vector, so
that lines beside all streets still meet in one node at a crossing. Sewers and drains are trees
that fall towards an outfall with at least a minimum cover; the others follow the ground.
"""

import heapq
import itertools
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kaifeng.frame import ORIGIN, Array, stream
from kaifeng.streets import Streets
from kaifeng.terrain import ground

_SPACING: Final = 180.0
"""Greatest distance between two nodes of a network in metres."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a network is laid; lengths in metres, diameters in millimetres."""

    code: str
    """CJJ 61-2017."""
    title: str
    offset: tuple[float, float]
    cover: float
    diameters: MappingProxyType[str, int]
    """By kind of street."""
    materials: tuple[str, ...]
    node_classes: tuple[str, ...]
    """Taken in turn by the nodes."""
    slope: float = 0.0
    """Fall per metre of a gravity network; 0 if it works under pressure or is a cable."""
    outfalls: tuple[tuple[float, float], ...] = ()
    """Where a tree ends or begins, local metres; none if the network may have loops."""

    @property
    def is_cable(self) -> bool:
        """Whether its lines are cables rather than pipes."""
        return self.code in {"DL", "DX"}


def _sizes(*values: int) -> MappingProxyType[str, int]:
    kinds = ("primary", "secondary", "tertiary", "residential", "lane")
    return MappingProxyType(dict(zip(kinds, values, strict=False)))


KINDS: Final = MappingProxyType(
    {
        "water": Kind("JS", "给水", (1.9, -1.9), 1.2, _sizes(800, 500, 300, 200, 150),
                      ("球墨铸铁", "球墨铸铁", "PE"), ("UtilityNode", "Valve", "UtilityNode")),
        "storm": Kind("YS", "雨水", (0.9, -0.9), 1.3, _sizes(600, 500, 400, 400, 300),
                      ("钢筋混凝土", "HDPE"), ("Manhole",), 0.0007,
                      ((-470, 2000), (-480, 3800), (-420, -600), (3720, 180), (4300, -380),
                       (3400, 2600), (1650, 330), (2350, 4230), (-60, 2900), (3400, 3900))),
        "sewer": Kind("WS", "污水", (-0.9, 0.9), 1.8, _sizes(500, 400, 400, 300, 300),
                      ("HDPE", "钢筋混凝土", "陶土"), ("Manhole",), 0.0006,
                      ((5690, -2200), (-1500, -2200), (2350, -2200))),
        "gas": Kind("RQ", "燃气", (-1.9, 1.9), 0.9, _sizes(400, 300, 200, 160),
                    ("钢", "PE", "PE"), ("UtilityNode", "Valve")),
        "heat": Kind("RL", "热力", (4.0, -4.0), 1.1, _sizes(800, 500, 300),
                     ("钢",), ("Manhole", "Valve"), 0.0, ((-2900, -600),)),
        "power": Kind("DL", "电力", (2.9, -2.9), 0.7, _sizes(200, 175, 150, 150, 110),
                      ("铜", "铝"), ("Manhole", "UtilityNode")),
        "telecom": Kind("DX", "电信", (-2.9, 2.9), 0.8, _sizes(110, 110, 110, 110, 110),
                        ("光纤", "光纤", "铜"), ("Manhole", "UtilityNode")),
    }
)  # fmt: skip
"""The seven networks by the name that the data dictionary gives them."""

_STATIONS: Final = (
    ("西湖站", -3350), ("市民中心站", -2250), ("金明大道站", -1500), ("大梁门站", -330),
    ("包公祠站", 700), ("鼓楼站", 1650), ("顺河站", 2900), ("汴京公园站", 3950), ("东环路站", 5300),
)  # fmt: skip


@dataclass(slots=True, eq=False)
class _Run:
    """The edges of one network before they are cut: from node to node of the streets."""

    ends: NDArray[np.int64]
    lines: NDArray[np.object_]
    level: Array
    """(n,) height of the pipe's invert or axis at each street node; NaN where there is none."""
    diameters: Array


def _tree(streets: Streets, edges: NDArray[np.int64], roots: list[int]) -> tuple[Array, Array]:
    """Distance to the nearest root and the edge that leads there, per street node; -1 at roots."""
    reach: dict[int, list[tuple[int, int]]] = {}
    for edge in edges.tolist():
        first, last = streets.ends[edge].tolist()
        reach.setdefault(first, []).append((last, edge))
        reach.setdefault(last, []).append((first, edge))
    lengths = streets.lengths
    distance = np.full(len(streets.xy), np.inf)
    way = np.full(len(streets.xy), -1)
    queue = [(0.0, root) for root in roots]
    distance[roots] = 0
    while queue:
        here, node = heapq.heappop(queue)
        if here > distance[node]:
            continue
        for other, edge in reach.get(node, ()):
            there = here + lengths[edge]
            if there < distance[other]:
                distance[other], way[other] = there, edge
                heapq.heappush(queue, (there, other))
    return distance, way


def _roots(streets: Streets, edges: NDArray[np.int64], kind: Kind) -> list[int]:
    used = np.unique(streets.ends[edges])
    spots = np.array(kind.outfalls, dtype=float) + ORIGIN
    gap = np.linalg.norm(streets.xy[used][None] - spots[:, None], axis=2)
    return sorted(set(used[gap.argmin(axis=1)].tolist()))


def _gravity(streets: Streets, edges: NDArray[np.int64], kind: Kind) -> _Run:
    distance, way = _tree(streets, edges, _roots(streets, edges, kind))
    nodes = np.flatnonzero(way >= 0)
    nodes = nodes[np.argsort(-distance[nodes])]
    level = ground(streets.xy[:, 0], streets.xy[:, 1]) - kind.cover - 0.4
    upstream = np.zeros(len(streets.xy))
    lengths, diameters = streets.lengths, np.zeros(len(nodes))
    parent = streets.ends[way[nodes]].sum(axis=1) - nodes
    for i, (node, below) in enumerate(zip(nodes.tolist(), parent.tolist(), strict=True)):
        fall = lengths[way[node]]
        level[below] = min(level[below], level[node] - kind.slope * fall)
        upstream[below] += upstream[node] + fall
        least = kind.diameters[streets.kinds[way[node]]]
        grown = 100 * round((300 + 13 * (upstream[node] + fall) ** 0.5) / 100)
        diameters[i] = min(max(least, grown), 2000)
    lines = streets.lines[way[nodes]]
    turned = streets.ends[way[nodes], 0] != nodes
    lines = np.where(turned, shapely.reverse(lines), lines)
    ends = np.column_stack([nodes, parent])
    return _Run(ends, lines, np.round(level, 3), _never_smaller(ends, diameters))


def _never_smaller(ends: NDArray[np.int64], diameters: Array) -> Array:
    """Diameters that do not shrink downstream; rows come from the far end to the outfall."""
    widest: dict[int, float] = {}
    grown = diameters.copy()
    for i, (node, below) in enumerate(ends.tolist()):
        grown[i] = max(grown[i], widest.get(node, 0))
        widest[below] = max(widest.get(below, 0), grown[i])
    return grown


def _pressure(streets: Streets, edges: NDArray[np.int64], kind: Kind) -> _Run:
    if kind.outfalls:
        _, way = _tree(streets, edges, _roots(streets, edges, kind))
        edges = np.unique(way[way >= 0])
    level = np.full(len(streets.xy), np.nan)
    diameters = np.array([kind.diameters[each] for each in streets.kinds[edges]], dtype=float)
    return _Run(streets.ends[edges], streets.lines[edges], level, diameters)


def _cut(line: Array) -> list[Array]:
    """Pieces of at most about `_SPACING` metres of a line (n, 2)."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = max(1, int(np.ceil(along[-1] / _SPACING)))
    stops = np.linspace(0, along[-1], count + 1)[1:-1]
    stops = stops[np.abs(stops[:, None] - along[None]).min(axis=1) > 0.5] if len(stops) else stops
    where = np.sort(np.concatenate([along, stops]))
    points = np.column_stack([np.interp(where, along, line[:, i]) for i in (0, 1)])
    at = [0, *np.searchsorted(where, stops).tolist(), len(where) - 1]
    return [points[first : last + 1] for first, last in itertools.pairwise(at)]


def _with_heights(piece: Array, first: float, last: float) -> Array:
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(piece, axis=0).T))])
    z = first + (last - first) * along / along[-1]
    return np.round(np.column_stack([piece, z]), 3)


@dataclass(slots=True, eq=False)
class _Laying:
    """The nodes and pipes of one network while its edges are cut."""

    network: str
    kind: Kind
    level: Array
    """Height of the invert at each street node; NaN if the network follows the ground."""
    numbers: dict[int, int] = field(default_factory=dict)
    points: list[tuple[float, float, float]] = field(default_factory=list)
    rows: list[tuple[int, int, Array, float]] = field(default_factory=list)

    def _node(self, street_node: int, spot: Array, z: float) -> int:
        if street_node not in self.numbers:
            self.points.append((float(spot[0]), float(spot[1]), z))
            self.numbers[street_node] = len(self.points) - 1
        return self.numbers[street_node]

    def lay(self, ends: list[int], line: Array, diameter: float) -> None:
        """Cut one edge of the streets into pipes with a node at every cut."""
        pieces = _cut(line)
        first, last = self.level[ends].tolist()
        z = np.linspace(first, last, len(pieces) + 1).tolist()
        number = self._node(ends[0], pieces[0][0], z[0])
        for piece, height in zip(pieces[:-1], z[1:-1], strict=True):
            self.points.append((float(piece[-1][0]), float(piece[-1][1]), height))
            self.rows.append((number, len(self.points) - 1, piece, diameter))
            number = len(self.points) - 1
        end = self._node(ends[1], pieces[-1][-1], z[-1])
        self.rows.append((number, end, pieces[-1], diameter))

    def finish(self) -> tuple[Array, list[Array]]:
        """Nodes (n, 3), and the axis of each pipe (k, 3), metres."""
        xyz = np.array(self.points)
        follows = np.isnan(xyz[:, 2])
        top = ground(xyz[follows, 0], xyz[follows, 1])
        xyz[follows, 2] = top - self.kind.cover - 0.1
        xyz = np.round(xyz, 3)
        axes = []
        for first, last, piece, diameter in self.rows:
            rise = diameter / 2000 if self.kind.slope else 0.0
            axes.append(_with_heights(piece, xyz[first, 2] + rise, xyz[last, 2] + rise))
        return xyz, axes


def _lay(network: str, streets: Streets) -> _Laying:
    kind = KINDS[network]
    edges = np.flatnonzero([each in kind.diameters for each in streets.kinds])
    run = _gravity(streets, edges, kind) if kind.slope else _pressure(streets, edges, kind)
    laying = _Laying(network, kind, run.level)
    for ends, line, diameter in zip(run.ends.tolist(), run.lines, run.diameters, strict=True):
        laying.lay(ends, shapely.get_coordinates(line) + kind.offset, float(diameter))
    return laying


def _pipe_table(laying: _Laying, axes: list[Array], rng: np.random.Generator) -> pd.DataFrame:
    kind, count = laying.kind, len(laying.rows)
    first, last, _, diameters = zip(*laying.rows, strict=True)
    year = rng.integers(1978, 2024, count)
    ends = [np.array([axis[i] for axis in axes]) for i in (0, -1)]
    half = np.array(diameters) / 2000
    # CJJ 61: to the invert of a gravity line, to the top of all others
    reference = -half if kind.slope else half
    depths = [np.round(ground(e[:, 0], e[:, 1]) - e[:, 2] - reference, 2) for e in ends]
    return pd.DataFrame(
        {
            "object_id": [f"{kind.code}-L{i:05d}" for i in range(1, count + 1)],
            "class": "Cable" if kind.is_cable else "Pipe",
            "network": laying.network,
            "cjj61": kind.code,
            "name": kind.title + ("电缆" if kind.is_cable else "管道"),
            "status": "existing",
            "start_node": [f"{kind.code}{i + 1:05d}" for i in first],
            "end_node": [f"{kind.code}{i + 1:05d}" for i in last],
            "diameter_mm": np.array(diameters).astype(int),
            "material": np.array(kind.materials, dtype=object)[year % len(kind.materials)],
            "depth_start": depths[0],
            "depth_end": depths[1],
            "embedding": "排管" if kind.is_cable else "直埋",
            "year": year,
            "valid_from": [date(int(each), 6, 30) for each in year],
            "access": "internal" if laying.network in {"gas", "power"} else "public",
            "geometry": [shapely.LineString(axis) for axis in axes],
        }
    )


def _node_table(laying: _Laying, xyz: Array) -> pd.DataFrame:
    kind = laying.kind
    top = np.round(ground(xyz[:, 0], xyz[:, 1]), 2)
    names = [f"{kind.code}{i:05d}" for i in range(1, len(xyz) + 1)]
    classes = np.array(kind.node_classes, dtype=object)[
        np.arange(len(xyz)) % len(kind.node_classes)
    ]
    titles = {"Manhole": "检查井", "Valve": "阀门", "UtilityNode": "管点"}
    return pd.DataFrame(
        {
            "object_id": names,
            "class": classes,
            "network": laying.network,
            "node_id": names,
            "name": [kind.title + titles[each] for each in classes],
            "cjj61": kind.code,
            "ground_height": top,
            "depth": np.round(top - xyz[:, 2], 2),
            "access": "internal" if laying.network in {"gas", "power"} else "public",
            "geometry": shapely.points(xyz),
        }
    )


def make_utilities(streets: Streets, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pipes and cables (LineString Z along their axes), and nodes (Point Z), EPSG:4547.

    A node's Z is the invert of a gravity network and the axis of the others; depths are metres
    below ground as CJJ 61-2017 measures them.
    """
    pipes, nodes = [], []
    for network in KINDS:
        laying = _lay(network, streets)
        xyz, axes = laying.finish()
        pipes.append(_pipe_table(laying, axes, stream(seed, network)))
        nodes.append(_node_table(laying, xyz))
    return pd.concat(pipes, ignore_index=True), pd.concat(nodes, ignore_index=True)


def make_metro(streets: Streets) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """An invented metro line below the main east-west street: tunnels, stations, nodes.

    Tunnels are axes (LineString Z) between neighbouring stations, 16 m below ground at the
    platforms and 21 m between them; stations are floor outlines (Polygon Z) with their height.
    """
    names = ("大梁路", "西大街", "东大街", "宋门关大街")
    street = shapely.union_all(streets.lines[np.isin(streets.names, names)])
    x = np.array([each for _, each in _STATIONS], dtype=float) + ORIGIN[0]
    span = [shapely.LineString([(each, 3_851_000), (each, 3_853_000)]) for each in x]
    cross = [shapely.get_coordinates(street.intersection(each))[0] for each in span]
    spots = np.array(cross)
    top = ground(spots[:, 0], spots[:, 1])
    floor = np.round(top - 17.5, 2)
    titles = [name for name, _ in _STATIONS]
    opened = date(2024, 12, 28)
    codes = [f"M1S{i:02d}" for i in range(1, len(spots) + 1)]
    outlines = [shapely.box(px - 75, py - 10, px + 75, py + 10) for px, py in spots]
    stations = pd.DataFrame(
        {"object_id": codes, "class": "OtherConstruction", "name": titles, "status": "existing",
         "function": "metro station", "height": 13.5, "ground_height": floor,
         "storeys_above_ground": 0, "storeys_below_ground": 2, "valid_from": opened,
         "geometry": shapely.force_3d(outlines, floor)}
    )  # fmt: skip
    points = shapely.points(np.column_stack([spots, floor + 1.5]))
    nodes = pd.DataFrame({"object_id": [f"{each}N" for each in codes], "node_id": codes,
                          "class": "UtilityNode", "network": "rail", "name": titles,
                          "geometry": points})  # fmt: skip
    return _tunnels(street, spots, stations), stations, nodes


def _tunnels(street: shapely.Geometry, spots: Array, stations: pd.DataFrame) -> pd.DataFrame:
    rows = []
    codes, titles = stations["object_id"].tolist(), stations["name"].tolist()
    for i in range(len(spots) - 1):
        east = np.linspace(spots[i, 0], spots[i + 1, 0], 13)
        north = _follow(street, east)
        z = ground(east, north) - 21.0 + 5.0 * np.abs(np.linspace(-1, 1, 13)) ** 3
        for track, shift, way in (("A", 7.0, 1), ("B", -7.0, -1)):
            axis = np.round(np.column_stack([east, north + shift, z]), 3)[::way]
            first, last = (i, i + 1)[::way]
            name = f"1号线 {titles[first]}—{titles[last]}"
            line = shapely.LineString(axis)
            rows.append((f"M1T{i + 1:02d}{track}", name, codes[first], codes[last], line))
    columns = ["object_id", "name", "start_node", "end_node", "geometry"]
    same = {"class": "Tunnel", "function": "metro", "network": "rail", "status": "existing",
            "diameter_mm": 6200, "valid_from": stations["valid_from"].iloc[0]}  # fmt: skip
    return pd.DataFrame(rows, columns=columns).assign(**same)


def _follow(street: shapely.Geometry, east: Array) -> Array:
    """The street's northing at each easting; between gaps, straight on."""
    xy = shapely.get_coordinates(street)
    order = np.argsort(xy[:, 0])
    return np.asarray(np.interp(east, xy[order, 0], xy[order, 1]))
