"""What is wrong with geometries: counted by kind, with where the first ones are."""

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]
Flags = NDArray[np.bool_]

PLACES: Final = 20
"""Places that are shown of each kind."""

_POLYGON, _MULTIPOLYGON = 3, 6
_THIN: Final = 0.01
"""4πA/P² below which a polygon is a sliver: one 200 times as long as wide."""
_SPIKE: Final = np.cos(np.radians(1.0))
"""Cosine of the angle below which a corner is a spike."""
_COVERED: Final = 0.1
"""Share of the smaller of two polygons that the other covers before they overlap."""
_COMPARED: Final = 20_000
"""Polygons that are compared with one another."""

MESSAGES: Final = MappingProxyType(
    {
        "self_crossing": "outlines cross or touch themselves; loading repairs them",
        "hole_outside": "holes lie outside their outline or in one another; loading repairs them",
        "invalid_geometry": "geometries are invalid; loading mends them",
        "duplicate_nodes": "geometries have the same point twice in a row",
        "sliver": "areas are slivers, over 200 times as long as wide",
        "spike": "outlines have a spike, a corner of less than 1°",
        "duplicate_geometry": "geometries are the same as one before",
        "overlap": "areas overlap another one by more than a tenth",
        "winding": "outlines run clockwise, against RFC 7946; it does no harm here",
    }
)

_REASONS: Final = (
    (r"^(Ring )?Self-intersection", "self_crossing"),
    (r"^(Hole lies|Holes are|Nested|Interior)", "hole_outside"),
)
_AT: Final = re.compile(r"\[(-?[\d.eE+]+) (-?[\d.eE+]+)\]")


@dataclass(slots=True)
class Faults:
    """What was found so far; places are in the source's CRS."""

    counts: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[tuple[str, float, float]]] = field(default_factory=dict)
    compared: int = 0

    def look(self, shapes: Shapes, ids: "pd.Series[str]", *, ringed: bool, solid: bool) -> None:
        """Looks at finite, present geometries.

        `ringed` says whether the format prescribes the winding, `solid` whether areas may not
        overlap, as buildings.
        """
        self._invalid(shapes, ids)
        self._note("duplicate_nodes", _repeats_points(shapes), shapes, ids)
        areal = np.isin(shapely.get_type_id(shapes), (_POLYGON, _MULTIPOLYGON))
        if not areal.any():
            return
        areas, names = shapes[areal], ids[areal].reset_index(drop=True)
        self._note("sliver", _thin(areas), areas, names)
        self._spikes(areas, names)
        if ringed:
            outer = shapely.get_exterior_ring(shapely.get_geometry(areas, 0))
            self._note("winding", ~shapely.is_ccw(outer), areas, names)
        room = max(0, _COMPARED - self.compared)
        self.compared += len(areas)
        self._compare(areas[:room], names[:room], solid=solid)

    def _note(self, code: str, bad: Flags, shapes: Shapes, ids: "pd.Series[str]") -> None:
        at = np.flatnonzero(bad)
        if not len(at):
            return
        self.counts[code] = self.counts.get(code, 0) + len(at)
        listed = self.places.setdefault(code, [])
        for each in at[: PLACES - len(listed)].tolist():
            point = shapely.point_on_surface(shapely.envelope(shapes[each]))
            listed.append((str(ids.iloc[each]), float(point.x), float(point.y)))

    def _invalid(self, shapes: Shapes, ids: "pd.Series[str]") -> None:
        for each in np.flatnonzero(~shapely.is_valid(shapes)).tolist():
            reason = str(shapely.is_valid_reason(shapes[each]))
            code = next((code for words, code in _REASONS if re.match(words, reason)), "")
            code = code or "invalid_geometry"
            self.counts[code] = self.counts.get(code, 0) + 1
            listed = self.places.setdefault(code, [])
            place = _AT.search(reason)
            if len(listed) < PLACES and place:
                listed.append((str(ids.iloc[each]), float(place[1]), float(place[2])))

    def _spikes(self, areas: Shapes, ids: "pd.Series[str]") -> None:
        parts, whole = shapely.get_parts(areas, return_index=True)
        rings, owner = shapely.get_rings(parts, return_index=True)
        owner = whole[owner]
        points, ring = shapely.get_coordinates(rings, return_index=True)
        where = np.flatnonzero(_spiked(points, ring))
        if not len(where):
            return
        owners, first = np.unique(owner[ring[where]], return_index=True)
        self.counts["spike"] = self.counts.get("spike", 0) + len(owners)
        listed = self.places.setdefault("spike", [])
        for each, at in list(zip(owners, first, strict=True))[: PLACES - len(listed)]:
            x, y = points[where[at]].tolist()
            listed.append((str(ids.iloc[int(each)]), x, y))

    def _compare(self, areas: Shapes, ids: "pd.Series[str]", *, solid: bool) -> None:
        if not len(areas):
            return
        _, first, number = np.unique(
            shapely.to_wkb(shapely.normalize(areas)), return_index=True, return_inverse=True
        )
        again = first[number] != np.arange(len(areas))
        self._note("duplicate_geometry", again, areas, ids)
        if solid:
            self._note("overlap", _overlapping(areas, again), areas, ids)

    def told(self) -> list[tuple[str, str]]:
        """(code, sentence) of every kind."""
        return [
            (code, f"{count:,} {MESSAGES[code]}{self._example(code)}")
            for code, count in self.counts.items()
        ]

    def _example(self, code: str) -> str:
        listed = self.places.get(code, [])
        return f", such as {listed[0][0]}" if listed else ""

    def rows(self, in_degrees: Any) -> list[dict[str, Any]]:
        """Plain values; `in_degrees` takes x, y and gives longitude, latitude or None."""
        return [
            {
                "code": code,
                "message": MESSAGES[code],
                "count": count,
                "places": [
                    {"object": name} | _placed(in_degrees(x, y))
                    for name, x, y in self.places.get(code, [])
                ],
            }
            for code, count in self.counts.items()
        ]


def _placed(place: tuple[float, float] | None) -> dict[str, float | None]:
    lon, lat = place if place is not None else (None, None)
    return {"lon": lon, "lat": lat}


def _repeats_points(shapes: Shapes) -> Flags:
    """Which shapes have the same point twice in a row."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    repeated = np.zeros(len(shapes), bool)
    if len(points) > 1:
        same = (points[1:] == points[:-1]).all(axis=1) & (owner[1:] == owner[:-1])
        suspects = np.unique(owner[1:][same])
        # the pieces of a multi-geometry may touch where one ends and the next begins
        fewer = shapely.get_num_coordinates(shapely.remove_repeated_points(shapes[suspects], 0.0))
        repeated[suspects] = fewer < shapely.get_num_coordinates(shapes[suspects])
    return repeated


def _thin(areas: Shapes) -> Flags:
    around = shapely.length(areas)
    with np.errstate(divide="ignore", invalid="ignore"):
        roundness = 4 * np.pi * shapely.area(areas) / around**2
    thin: Flags = np.nan_to_num(roundness, nan=0.0) < _THIN
    return thin


def _spiked(points: NDArray[np.float64], ring: NDArray[np.int64]) -> Flags:
    """Which points are the tip of a spike; the first and last of a ring are left out."""
    spiked = np.zeros(len(points), bool)
    if len(points) < 3:
        return spiked
    before, after = points[:-2] - points[1:-1], points[2:] - points[1:-1]
    lengths = np.hypot(*before.T) * np.hypot(*after.T)
    along = (before * after).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sharp = (along / lengths > _SPIKE) & (lengths > 0)
    spiked[1:-1] = sharp & (ring[:-2] == ring[1:-1]) & (ring[1:-1] == ring[2:])
    return spiked


def _overlapping(areas: Shapes, again: Flags) -> Flags:
    """Which areas lie over another one, duplicates aside."""
    usable = np.flatnonzero(~again & shapely.is_valid(areas))
    chosen = areas[usable]
    overlapping = np.zeros(len(areas), bool)
    left, right = shapely.STRtree(chosen).query(chosen, predicate="intersects")
    apart = left < right
    left, right = left[apart], right[apart]
    common = shapely.area(shapely.intersection(chosen[left], chosen[right]))
    smaller = np.minimum(shapely.area(chosen[left]), shapely.area(chosen[right]))
    overlapping[usable[right[common > _COVERED * smaller]]] = True
    return overlapping
