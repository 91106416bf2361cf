"""Ground outlines of many surfaces at once, by cancelling the edges that two faces share.

A face turned upwards runs along a shared edge one way and its neighbour the other way, so only
the outline is left; sorting does this for all objects of a file together. Where faces overlap,
touch in single points or do not share their vertices, GEOS unites them one object at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Geometries = NDArray[np.object_]

AREA_TOLERANCE = 1e-9
"""Share of an outline's area below which a difference is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """Rings of faces in plan, ring after ring, the outer ring of a face before its holes."""

    xy: Floats
    """(n, 2) points that the rings refer to."""
    corners: Ints
    """(k,) point of every corner; no ring repeats its first."""
    sizes: Ints
    """(r,) corners of each ring."""
    faces: Ints
    """(r,) face of each ring, ascending."""
    owners: Ints
    """(r,) object of each ring, 0 … count-1, ascending; objects do not share points."""

    def starts(self) -> Ints:
        """(r,) where each ring begins in `corners`."""
        return np.cumsum(self.sizes) - self.sizes

    def following(self, values: NDArray[Any]) -> NDArray[Any]:
        """(k,) of values for each corner, that of the corner that comes next in the same ring."""
        following = np.empty_like(values)
        following[:-1] = values[1:]
        starts = self.starts()
        following[starts + self.sizes - 1] = values[starts]
        return following


def signed_areas(rings: Rings, least: float = 0.0) -> Floats:
    """(r,) area of each ring, positive where it runs counter-clockwise.

    An area below `least` times the sum of the squared distances from the first corner is 0.
    """
    if not len(rings.sizes):
        return np.empty(0)
    starts = rings.starts()
    x, y = rings.xy[:, 0][rings.corners], rings.xy[:, 1][rings.corners]
    x -= np.repeat(x[starts], rings.sizes)  # small numbers keep their digits
    y -= np.repeat(y[starts], rings.sizes)
    areas = np.add.reduceat(x * rings.following(y) - rings.following(x) * y, starts) / 2
    if least:
        x *= x
        y *= y
        x += y
        areas[np.abs(areas) <= least * np.add.reduceat(x, starts)] = 0.0
    return np.asarray(areas)


def outlines(rings: Rings, count: int) -> Geometries:
    """(count,) what the faces of each object cover in plan: Polygon, MultiPolygon or None."""
    found: Geometries = np.full(count, None, dtype=object)
    if not len(rings.sizes):
        return found
    areas = signed_areas(rings)
    first = np.flatnonzero(np.r_[True, rings.faces[1:] != rings.faces[:-1]])
    per_face = np.diff(np.r_[first, len(rings.faces)])
    upside_down = np.repeat(areas[first] < 0, per_face)
    covered = np.where(upside_down, -areas, areas)
    total = np.bincount(rings.owners, covered, count)
    border = _Border.of(rings, upside_down, count)
    pinched = border.pinched()
    if len(pinched):
        _assemble(found, rings.xy, border.of_owners(pinched))
        border = border.of_owners(pinched, others=True)
    if len(border.start):
        _fill(found, rings.xy, border)
    present = np.bincount(rings.owners, minlength=count) > 0
    known = found != None  # noqa: E711  # elementwise
    sound = known & shapely.is_valid(found)
    sound &= np.abs(shapely.area(found) - total) <= np.abs(total) * AREA_TOLERANCE + 1e-12
    starts = rings.starts()
    for each in np.flatnonzero(present & ~sound):
        found[each] = _united(rings, starts, int(each))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Border:
    """Directed edges, in no order, that no other face of the same object undoes."""

    start: Ints
    """(e,) place where each edge starts: places are points, merged where they coincide."""
    end: Ints
    owners: Ints
    places: Ints
    """(p,) a point for every place."""

    @classmethod
    def of(cls, rings: Rings, upside_down: Bools, count: int) -> "_Border":
        """The border of each object; objects with faces over one another are left out."""
        owners = np.repeat(rings.owners, rings.sizes)
        point_owner = np.full(len(rings.xy), -1)
        point_owner[rings.corners] = owners
        place_of, places = _places(rings.xy, point_owner)
        a = place_of[rings.corners]
        b = rings.following(a)
        backwards = np.repeat(upside_down, rings.sizes)
        a, b = np.where(backwards, b, a), np.where(backwards, a, b)
        low, high, net = _uncancelled(a, b, len(places))
        owner = point_owner[places[low]]
        plain = np.ones(count, bool)
        plain[owner[np.abs(net) > 1]] = False
        start, end = np.where(net > 0, low, high), np.where(net > 0, high, low)
        kept = plain[owner]
        return cls(start[kept], end[kept], owner[kept], places)

    def pinched(self) -> Ints:
        """Owners whose border meets itself in a place, so that it can be followed in two ways."""
        leaving = np.bincount(self.start, minlength=len(self.places))
        arriving = np.bincount(self.end, minlength=len(self.places))
        odd = (leaving[self.start] != 1) | (arriving[self.start] != 1) | (leaving[self.end] != 1)
        return np.unique(self.owners[odd])

    def of_owners(self, owners: Ints, *, others: bool = False) -> "_Border":
        """The edges of these owners, or of all others."""
        mine = np.isin(self.owners, owners, invert=others)
        return _Border(self.start[mine], self.end[mine], self.owners[mine], self.places)

    def following(self) -> Ints:
        """(e,) the edge that starts where each one ends."""
        leaves = np.zeros(len(self.places), np.int64)
        leaves[self.start] = np.arange(len(self.start))
        return leaves[self.end]


def _places(xy: Floats, owner: Ints) -> tuple[Ints, Ints]:
    """(n,) number of the place of each point that has an owner, and (p,) a point of each place.

    Points of one owner with the same x and y are one place. A 64-bit hash stands for the three
    numbers: among a million places two clash once in 30 million files, and then the outline
    fails the check of its area and GEOS makes it.
    """
    used = np.flatnonzero(owner >= 0)
    bits = (xy[used] + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
    mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29)) ^ bits[:, 1]) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    mixed += owner[used].astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    order = np.argsort(mixed)
    ordered = mixed[order]
    new = np.ones(len(order), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    place_of = np.zeros(len(xy), np.int64)
    place_of[used[order]] = np.cumsum(new) - 1
    return place_of, used[order[new]]


def _uncancelled(a: Ints, b: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """Edges between places below `size` that run more often one way: low end, high end, surplus."""
    real = a != b
    if not real.all():
        a, b = a[real], b[real]
    keys = np.sort((np.minimum(a, b) * size + np.maximum(a, b)) * 2 + (a < b))
    edge = keys >> 1
    begin = np.flatnonzero(np.r_[len(edge) > 0, edge[1:] != edge[:-1]][: len(edge)])
    if not len(begin):
        return edge, edge, edge
    surplus = np.add.reduceat((keys & 1) * 2 - 1, begin)
    left = surplus != 0
    edge = edge[begin[left]]
    return edge // size, edge % size, surplus[left]


def _cycles(following: Ints) -> tuple[Ints, Ints]:
    """Edges in the order of their cycles, and the edges in each cycle.

    Pointer doubling: after n rounds every edge knows the smallest number among the next 2**n
    edges, hence its cycle, and how many steps remain until that one.
    """
    cycle = np.arange(len(following))
    jump = following
    while True:
        smaller = np.minimum(cycle, cycle[jump])
        if np.array_equal(smaller, cycle):
            break
        cycle, jump = smaller, jump[jump]
    last = following == cycle
    steps = np.where(last, 0, 1)
    jump = np.where(last, np.arange(len(following)), following)
    while not last[jump].all():
        steps, jump = steps + steps[jump], jump[jump]
    order = np.argsort(cycle * len(following) + (len(following) - 1 - steps))
    sizes = np.bincount(cycle, minlength=len(following))
    return order, sizes[sizes > 0]


def _fill(found: Geometries, xy: Floats, border: _Border) -> None:
    """Put into `found` what the border's cycles enclose, where holes have only one place to go."""
    order, sizes = _cycles(border.following())
    numbers = np.arange(len(sizes))
    cycles = Rings(
        xy,
        border.places[border.start[order]],
        sizes,
        numbers,
        border.owners[order[np.cumsum(sizes) - sizes]],
    )
    hole = signed_areas(cycles) < 0
    solids = np.bincount(cycles.owners[~hole], minlength=len(found))
    holes = np.bincount(cycles.owners[hole], minlength=len(found))
    corner_ring = np.repeat(numbers, sizes)
    shapes = np.asarray(shapely.linearrings(xy[cycles.corners], indices=corner_ring))
    one, many = solids == 1, (solids > 1) & (holes == 0)
    ranked = np.argsort(cycles.owners * 2 + hole, kind="stable")
    chosen = ranked[one[cycles.owners[ranked]]]
    _grouped(found, shapely.polygons, shapes[chosen], cycles.owners[chosen])
    chosen = ranked[many[cycles.owners[ranked]]]
    parts = np.asarray(shapely.polygons(shapes[chosen]))
    _grouped(found, shapely.multipolygons, parts, cycles.owners[chosen])


def _assemble(found: Geometries, xy: Floats, border: _Border) -> None:
    """Put into `found` what the border's edges enclose, whichever way they are followed."""
    ends = xy[np.stack([border.places[border.start], border.places[border.end]], axis=1)]
    lines = np.asarray(shapely.linestrings(ends))
    for owner in np.unique(border.owners).tolist():
        mine = shapely.multilinestrings(lines[border.owners == owner])
        found[owner] = only_areas(shapely.build_area(mine))


def _grouped(
    found: Geometries, build: Callable[..., Geometries], parts: Geometries, owners: Ints
) -> None:
    if len(parts):
        new = np.ones(len(owners), bool)
        new[1:] = owners[1:] != owners[:-1]
        found[owners[new]] = build(parts, indices=np.cumsum(new) - 1)


def _united(rings: Rings, starts: Ints, owner: int) -> shapely.Geometry | None:
    """The union of one object's faces, whatever their state; None if they cover nothing."""
    polygons: list[shapely.Geometry] = []
    holes: list[Floats] = []
    outer: Floats | None = None
    first, last = np.searchsorted(rings.owners, [owner, owner + 1])
    for ring in range(last - 1, first - 1, -1):
        corners = rings.corners[starts[ring] : starts[ring] + rings.sizes[ring]]
        outer = rings.xy[corners]
        if ring and rings.faces[ring - 1] == rings.faces[ring]:
            holes.append(outer)
        elif len(outer) >= 3:
            polygons.append(shapely.Polygon(outer, [hole for hole in holes if len(hole) >= 3]))
            holes = []
    sound = shapely.make_valid(polygons, method="structure", keep_collapsed=False)
    whole = shapely.union_all(sound)
    return only_areas(whole)


def only_areas(geometry: shapely.Geometry) -> shapely.Geometry | None:
    """The polygons in `geometry`, as Polygon or MultiPolygon; None if there are none."""
    parts = [
        each
        for each in shapely.get_parts(shapely.get_parts(geometry))
        if each.geom_type == "Polygon"
    ]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
