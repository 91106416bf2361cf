"""Landmarks as closed LoD2 solids with roof, wall and ground surfaces, in CityJSON 2.0."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from shapely import Polygon

from kaifeng.blocks import Site
from kaifeng.frame import ORIGIN, Array, place
from kaifeng.plan import Plan
from kaifeng.streets import Streets
from kaifeng.terrain import ground

PAGODA_HEIGHT: Final = 55.88
LONGTING_HEIGHT: Final = 26.7
LONGTING_PLATFORM: Final = 13.0
"""Metres, as published."""

GATE_STREETS: Final = (
    ("大梁门", "大梁路"), ("宋门", "宋门关大街"), ("曹门", "曹门关大街"), ("大南门", "中山路"),
    ("小南门", "解放路"), ("新门", "迎宾路"), ("北门", "北门大街"),
)  # fmt: skip

_RECTANGLE: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
_ROOF, _WALL, _GROUND, _CEILING = range(4)
_SURFACES: Final = ("RoofSurface", "WallSurface", "GroundSurface", "OuterCeilingSurface")


@dataclass(slots=True, eq=False)
class Solid:
    """A closed surface: faces are lists of vertex numbers, anticlockwise seen from outside."""

    vertices: list[tuple[float, float, float]] = field(default_factory=list)
    faces: list[list[int]] = field(default_factory=list)
    surfaces: list[int] = field(default_factory=list)
    """Per face: index into RoofSurface, WallSurface, GroundSurface, OuterCeilingSurface."""

    def add(self, corners: Array, surface: int | None = None) -> None:
        """A face with corners (k, 3); what it is follows from its slope if not said."""
        ring = [self._vertex(tuple(np.round(each, 3).tolist())) for each in corners]
        ring = [each for i, each in enumerate(ring) if each != ring[i - 1]]
        if len(ring) < 3:
            return
        self.faces.append(ring)
        self.surfaces.append(_by_slope(corners) if surface is None else surface)

    def _vertex(self, point: tuple[float, float, float]) -> int:
        if point not in self.vertices:
            self.vertices.append(point)
        return self.vertices.index(point)

    @property
    def volume(self) -> float:
        """Enclosed volume in m³; positive if the faces look outwards."""
        total = 0.0
        xyz = np.array(self.vertices) - self.vertices[0]
        for face in self.faces:
            first = xyz[face[0]]
            for i, j in pairwise(face[1:]):
                total += float(np.dot(first, np.cross(xyz[i], xyz[j]))) / 6
        return total

    @property
    def closed(self) -> bool:
        """Whether every edge is walked exactly once in each direction."""
        edges = [pair for face in self.faces for pair in pairwise([*face, face[0]])]
        return len(set(edges)) == len(edges) and {(b, a) for a, b in edges} == set(edges)


def _by_slope(corners: Array) -> int:
    # Newell's normal, because corners may coincide
    following = np.roll(corners, -1, axis=0)
    middle = corners.mean(axis=0)
    normal = np.cross(corners - middle, following - middle).sum(axis=0)
    up = normal[2] / np.linalg.norm(normal)
    if up > 0.3:
        return _ROOF
    return _CEILING if up < -0.3 else _WALL


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a landmark stands: its local axes in the city."""

    x: float
    y: float
    z: float
    angle: float = 0.0

    def world(self, local: Array) -> Array:
        """City coordinates (n, 3) of local ones."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        x, y, z = local.T
        return np.column_stack([self.x + x * cos - y * sin, self.y + x * sin + y * cos, self.z + z])


Rings = list[tuple[Array, float]]


def stack(stand: Stand, rings: Rings) -> Solid:
    """A solid of rings (n, 2) at heights, each joined to the next; the last may be a ridge."""
    solid = Solid()
    levels = [stand.world(np.column_stack([ring, np.full(len(ring), z)])) for ring, z in rings]
    solid.add(levels[0][::-1], _GROUND)
    for lower, upper in pairwise(levels):
        for i in range(len(lower)):
            j = (i + 1) % len(lower)
            solid.add(np.array([lower[i], lower[j], upper[j], upper[i]]))
    if len(np.unique(np.round(levels[-1], 3), axis=0)) > 2:
        solid.add(levels[-1], _ROOF)
    return solid


def _rectangle(width: float, depth: float) -> Array:
    return np.asarray(_RECTANGLE * (width, depth))


def _hall(width: float, depth: float, base: float, top: float) -> Rings:
    """A hall with two eaves and a hipped roof between the heights `base` and `top`."""
    ridge = np.array([[-1, 0], [1, 0], [1, 0], [-1, 0]]) * (width - depth) / 2 * 0.9
    rise = top - base
    low, eave, high = base + 0.36 * rise, 0.03 * rise, base + 0.6 * rise
    inner = (width - 3.4, depth - 3.4)
    return [
        (_rectangle(width, depth), base),
        (_rectangle(width, depth), low),
        (_rectangle(width + 3.6, depth + 3.6), low),
        (_rectangle(width + 3.6, depth + 3.6), low + eave),
        (_rectangle(*inner), base + 0.5 * rise),
        (_rectangle(*inner), high),
        (_rectangle(inner[0] + 3.2, inner[1] + 3.2), high),
        (_rectangle(inner[0] + 3.2, inner[1] + 3.2), high + eave),
        (ridge, top),
    ]


def _pagoda() -> Rings:
    angle = np.arange(8) * np.pi / 4 + np.pi / 8
    octagon = np.column_stack([np.cos(angle), np.sin(angle)])
    radius = np.linspace(4.16 / 2 / np.sin(np.pi / 8), 3.1, 14)
    heights = np.concatenate([[0], np.cumsum(np.linspace(4.5, 3.45, 13))])
    heights *= (PAGODA_HEIGHT - 4.2) / heights[-1]
    rings = [(octagon * radius[0], 0.0)]
    for i in range(13):
        eave = heights[i + 1] - 0.8
        rings += [
            (octagon * radius[i], eave),
            (octagon * (radius[i] + 0.75), eave),
            (octagon * (radius[i] + 0.75), eave + 0.2),
            (octagon * radius[i + 1], heights[i + 1]),
        ]
    return [*rings, (octagon * 0.0, PAGODA_HEIGHT)]


def _gate_base(stand: Stand, width: float, depth: float, height: float) -> Solid:
    """A block of wall with an arched passage along the local y axis."""
    arch = [(5.5 * np.cos(a), 4.0 + 3.0 * np.sin(a)) for a in np.linspace(0, np.pi, 9)]
    half = width / 2
    front = [
        (5.5, 0.0),
        *arch,
        (-5.5, 0.0),
        (-half, 0.0),
        (-half, height),
        (half, height),
        (half, 0.0),
    ]
    profile = np.array(front)
    solid = Solid()
    near, far = (
        stand.world(np.column_stack([profile[:, 0], np.full(len(profile), y), profile[:, 1]]))
        for y in (-depth / 2, depth / 2)
    )
    solid.add(near[::-1], _WALL)
    solid.add(far, _WALL)
    for i in range(len(profile)):
        j = (i + 1) % len(profile)
        on_ground = profile[i, 1] == profile[j, 1] == 0
        face = np.array([near[i], near[j], far[j], far[i]])
        solid.add(face, _GROUND if on_ground else None)
    return solid


@dataclass(frozen=True, slots=True, eq=False)
class Landmark:
    """One landmark: its parts are solids that stand on one another."""

    ident: str
    name: str
    kind: str
    function: str
    storeys: int
    year: int
    height: float
    outline: Polygon
    ground_height: float
    parts: tuple[tuple[str, Solid], ...]


def _stand(xy: tuple[float, float], angle: float = 0.0) -> Stand:
    level = float(ground(np.array([xy[0]]), np.array([xy[1]]))[0])
    return Stand(xy[0], xy[1], round(level, 2), angle)


def _outline(stand: Stand, width: float, depth: float) -> Polygon:
    flat = np.column_stack([_rectangle(width, depth), np.zeros(4)])
    return Polygon(np.round(stand.world(flat)[:, :2], 3))


def _gates(plan: Plan, streets: Streets) -> list[Landmark]:
    found = []
    ring = plan.inside.exterior
    for number, (name, street) in enumerate(GATE_STREETS, 1):
        line = shapely.union_all(streets.lines[streets.names == street])
        point = shapely.get_parts(line.intersection(ring))[0]
        along = ring.project(point)
        before, after = ring.interpolate(along - 20), ring.interpolate(along + 20)
        angle = float(np.arctan2(after.y - before.y, after.x - before.x))
        stand = _stand((round(point.x, 2), round(point.y, 2)), angle)
        base = _gate_base(stand, 44, 24, 10)
        tower = stack(stand, _hall(28, 13, 10, 24))
        found.append(
            Landmark(
                f"LM-GATE{number}", name, "Building", "city gate", 2, 1998, 24.0,
                _outline(stand, 44, 24), stand.z, (("城台", base), ("城楼", tower)),
            )
        )  # fmt: skip
    return found


def make_landmarks(plan: Plan, streets: Streets, drum: Site) -> list[Landmark]:
    """Longting hall, the Iron Pagoda, the Drum Tower and the seven gates; EPSG:4547."""
    spots = shapely.get_coordinates([place(shapely.Point(p)) for p in ((1650, 3210), (3010, 3880))])
    hill, pagoda = (_stand((float(x), float(y))) for x, y in spots)
    platform = stack(hill, [(_rectangle(58, 46), 0.0), (_rectangle(52, 40), LONGTING_PLATFORM)])
    hall = stack(hill, _hall(19.1, 11.9, LONGTING_PLATFORM, LONGTING_HEIGHT))
    at = _stand(drum.centre, drum.angle)
    base = stack(at, [(_rectangle(42, 28), 0.0), (_rectangle(40, 26), 9.0)])
    tower = stack(at, _hall(27, 15, 9.0, 25.5))
    tall = stack(pagoda, _pagoda())
    return [
        Landmark("LM-LONGTING", "龙亭大殿", "Building", "palace hall", 2, 1692, LONGTING_HEIGHT,
                 _outline(hill, 58, 46), hill.z, (("高台", platform), ("大殿", hall))),
        Landmark("LM-PAGODA", "铁塔(开宝寺塔)", "Building", "pagoda", 13, 1049, PAGODA_HEIGHT,
                 Polygon(pagoda.world(np.column_stack([_pagoda()[2][0], np.zeros(8)]))[:, :2]),
                 pagoda.z, (("塔身", tall),)),
        Landmark("LM-DRUM", "鼓楼", "Building", "drum tower", 2, 2013, 25.5,
                 _outline(at, 42, 28), at.z, (("台基", base), ("楼阁", tower))),
        *_gates(plan, streets),
    ]  # fmt: skip


def wall_pieces(plan: Plan, gates: list[Polygon]) -> list[Polygon]:
    """The wall between the gates, 14 m thick at its foot."""
    ring = plan.inside.exterior.buffer(7, join_style="mitre")
    pieces = shapely.get_parts(ring.difference(shapely.union_all(gates)))
    return sorted(pieces, key=lambda each: each.bounds)


def city_json(landmarks: list[Landmark]) -> dict[str, Any]:
    """The landmarks as a CityJSON 2.0 document with millimetre vertices."""
    objects: dict[str, Any] = {}
    vertices: list[list[int]] = []
    for mark in landmarks:
        idents = [f"{mark.ident}-{i}" for i in range(1, len(mark.parts) + 1)]
        objects[mark.ident] = {
            "type": mark.kind,
            "attributes": {
                "name": mark.name, "function": mark.function, "measuredHeight": mark.height,
                "storeysAboveGround": mark.storeys, "yearOfConstruction": mark.year,
            },
            "children": idents,
        }  # fmt: skip
        for ident, (name, solid) in zip(idents, mark.parts, strict=True):
            first = len(vertices)
            for point in solid.vertices:
                moved = np.round((np.array(point) - (*ORIGIN, 0)) * 1000).astype(int)
                vertices.append(moved.tolist())
            shell = [[[first + each for each in face]] for face in solid.faces]
            objects[ident] = {
                "type": "BuildingPart",
                "attributes": {"name": f"{mark.name}{name}"},
                "parents": [mark.ident],
                "geometry": [
                    {
                        "type": "Solid",
                        "lod": "2.2",
                        "boundaries": [shell],
                        "semantics": {
                            "surfaces": [{"type": each} for each in _SURFACES],
                            "values": [solid.surfaces],
                        },
                    }
                ],
            }
    return _document(objects, vertices)


def _document(objects: dict[str, Any], vertices: list[list[int]]) -> dict[str, Any]:
    corners = np.array(vertices) / 1000 + (*ORIGIN, 0)
    extent = np.round([*corners.min(axis=0), *corners.max(axis=0)], 3).tolist()
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [*ORIGIN, 0.0]},
        "metadata": {
            "title": "开封示范区地标 Landmarks of the Kaifeng demo district",
            "referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4547",
            "referenceDate": "2025-06-01",
            "geographicalExtent": extent,
        },
        "CityObjects": objects,
        "vertices": vertices,
    }


def write_city_json(landmarks: list[Landmark], path: Path) -> None:
    """Write the landmarks as CityJSON."""
    text = json.dumps(city_json(landmarks), ensure_ascii=False, separators=(",", ":"))
    path.write_text(text, encoding="utf-8")
