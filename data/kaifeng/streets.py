"""The street network: centre lines cut at every crossing, with nodes and edges."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kaifeng.frame import Array
from kaifeng.plan import Street

WIDTHS: Final = MappingProxyType(
    {
        "primary": 36.0,
        "secondary": 26.0,
        "tertiary": 16.0,
        "residential": 12.0,
        "lane": 9.0,
        "rural": 7.0,
    }
)
"""Metres between the building lines' kerbs, by kind of street."""

SPEEDS: Final = MappingProxyType(
    {"primary": 60, "secondary": 50, "tertiary": 40, "residential": 30, "lane": 20, "rural": 40}
)
"""Speed limits in km/h."""

LANES: Final = MappingProxyType(
    {"primary": 6, "secondary": 4, "tertiary": 2, "residential": 2, "lane": 1, "rural": 2}
)

_STUB: Final = 26.0


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """A network of n nodes and m edges in EPSG:4547."""

    xy: Array
    """(n, 2) metres."""
    ends: NDArray[np.int64]
    """(m, 2) node numbers: where each edge starts and ends."""
    lines: NDArray[np.object_]
    """(m,) LineStrings from start to end."""
    names: NDArray[np.object_]
    kinds: NDArray[np.object_]

    @property
    def lengths(self) -> Array:
        """(m,) metres."""
        return np.asarray(shapely.length(self.lines))

    @property
    def widths(self) -> Array:
        """(m,) metres."""
        return np.array([WIDTHS[kind] for kind in self.kinds])

    @property
    def surface(self) -> BaseGeometry:
        """What the streets cover."""
        areas = shapely.buffer(self.lines, self.widths / 2, cap_style="round", quad_segs=2)
        return shapely.union_all(areas)

    def take(self, keep: NDArray[np.bool_]) -> "Streets":
        """The network with only these edges; nodes without an edge go."""
        ends = self.ends[keep]
        used, renumbered = np.unique(ends, return_inverse=True)
        pick = (self.lines[keep], self.names[keep], self.kinds[keep])
        return Streets(self.xy[used], renumbered.reshape(-1, 2), *pick)


def _nodes(lines: NDArray[np.object_]) -> tuple[Array, NDArray[np.int64]]:
    first = shapely.get_coordinates(shapely.get_point(lines, 0))
    last = shapely.get_coordinates(shapely.get_point(lines, -1))
    xy, numbers = np.unique(np.vstack([first, last]), axis=0, return_inverse=True)
    return xy, numbers.reshape(2, -1).T


def _connected(count: int, ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest node number that each node is connected with."""
    group = np.arange(count)
    while True:
        low = np.minimum(group[ends[:, 0]], group[ends[:, 1]])
        before = group.copy()
        np.minimum.at(group, ends[:, 0], low)
        np.minimum.at(group, ends[:, 1], low)
        group = group[group]
        if np.array_equal(group, before):
            return group


def make_streets(drawn: tuple[Street, ...]) -> Streets:
    """The network of the drawn streets: one connected component without short stubs."""
    parts = [(part, s) for s in drawn for part in shapely.get_parts(s.line) if part.length > 1]
    originals = np.array([part for part, _ in parts], dtype=object)
    whole = shapely.union_all(originals, grid_size=0.001)
    pieces = shapely.get_parts(shapely.line_merge(whole))
    pieces = pieces[shapely.length(pieces) > 0.5]
    middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    owner = shapely.STRtree(originals).nearest(middle)
    names = np.array([parts[each][1].name for each in owner], dtype=object)
    kinds = np.array([parts[each][1].kind for each in owner], dtype=object)
    xy, ends = _nodes(pieces)
    network = Streets(xy, ends, pieces, names, kinds)
    for _ in range(4):
        degree = np.bincount(network.ends.ravel(), minlength=len(network.xy))
        stub = (degree[network.ends] == 1).any(axis=1) & (network.lengths < _STUB)
        loop = network.ends[:, 0] == network.ends[:, 1]
        network = network.take(~stub & ~loop)
    group = _connected(len(network.xy), network.ends)
    biggest = np.bincount(group).argmax()
    return network.take(group[network.ends[:, 0]] == biggest)
