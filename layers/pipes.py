"""Draws utility networks: pipes, cables and ducts as tubes, manholes and valves as shafts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.schema import CLASSES
from layers.colour import darker
from layers.drawn import Drawn, Solids
from layers.extrude import blocks
from layers.glb import Surface
from layers.ground import lowest_z, terrain_at
from layers.layer import TileRequest
from layers.legends import NETWORKS
from layers.polygons import parts_of, rings_of
from layers.tubes import FAR_SIDES, NEAR_SIDES, tubes

if TYPE_CHECKING:
    from cim.store import ObjectRows

DIAMETER = 0.3
"""Metres drawn where the diameter is unknown."""

DEPTH = 1.0
"""Metres below the ground at which a pipe without heights is drawn."""

LARGEST = 10.0
"""A diameter above this is in millimetres: no pipe is 10 m wide, nor one 10 mm."""

DIAMETER_NAMES = (
    "diameter",
    "dn",
    "管径",
    "gj",
    "d",
    "inner_diameter",
    "outer_diameter",
    "width",
    "section_width",
)
DEPTH_NAMES = ("depth", "depth_m", "井深", "埋深", "js", "ms")
NETWORK_NAMES = ("network", "cjj61", "substance", "管线类型", "管类")
FIRST_NUMBER = re.compile(r"\d+(?:\.\d+)?")

SHAFTS: Mapping[int, tuple[float, float]] = {
    CLASSES["Manhole"].code: (0.40, 2.0),
    CLASSES["Valve"].code: (0.20, 0.6),
    CLASSES["UtilityNode"].code: (0.12, 0.4),
}
"""By class: radius and, where unknown, depth of the shaft in metres."""


@dataclass(frozen=True, slots=True, eq=False)
class _Details:
    """What is drawn of each object beyond its row."""

    diameter: NDArray[np.float64]
    depth: NDArray[np.float64]
    colours: NDArray[np.uint8]


@Solids
def draw_pipes(request: TileRequest) -> Drawn | None:
    """The pipes, cables and ducts of one tile."""
    rows = request.owned()
    if rows is None:
        return None
    details = _details(request, rows)
    parts, owner = parts_of(rows.geometry)
    lines = shapely.get_dimensions(parts) == 1
    xyz, line = shapely.get_coordinates(parts[lines], include_z=True, return_index=True)
    if not len(xyz):
        return None
    bare = ~np.isfinite(xyz[:, 2])
    if bare.any():
        xyz[bare, 2] = np.nan_to_num(terrain_at(request, xyz[bare, :2])) - DEPTH
    points = np.column_stack((request.placement.local(xyz[:, :2]), xyz[:, 2]))
    owner = owner[lines]
    sides = NEAR_SIDES if request.address.z >= request.layer.max_zoom else FAR_SIDES
    tube = tubes(points, line, details.diameter[owner] / 2, details.colours[owner], sides)
    return Drawn(tube.of_features(owner), rows)


@Solids
def draw_nodes(request: TileRequest) -> Drawn | None:
    """The manholes, valves and other nodes of one tile, as shafts below the ground."""
    rows = request.owned()
    if rows is None:
        return None
    details = _details(request, rows)
    middles = request.middles(rows)
    shape = np.array([SHAFTS.get(code, (0.2, 0.5)) for code in rows.class_code.tolist()])
    top = np.where(np.isfinite(rows.ground_height), rows.ground_height, lowest_z(rows.geometry))
    bare = ~np.isfinite(top)
    top[bare] = np.nan_to_num(terrain_at(request, middles[bare]))
    depth = np.where(details.depth > 0, details.depth, shape[:, 1])
    lids = shapely.buffer(shapely.points(middles), shape[:, 0], quad_segs=2)
    rings = rings_of(lids)
    rings = rings.moved(request.placement.local(rings.xy))
    shafts = blocks(rings, top - depth, top, darker(details.colours, 0.8), details.colours)
    return Drawn(Surface.joined((shafts,)), rows)


def _details(request: TileRequest, rows: "ObjectRows") -> _Details:
    oids = rows.oid.tolist()
    known = request.store.attributes(oids)
    own = [{key.lower(): each for key, each in known.get(oid, {}).items()} for oid in oids]
    words = [_word(each) or function for each, function in zip(own, rows.function, strict=True)]
    if None in words:
        joined = request.store.networks(oids)
        words = [word or joined.get(oid) for word, oid in zip(words, oids, strict=True)]
    diameter = np.array([diameter_of(each) for each in own])
    return _Details(
        np.where(np.isfinite(diameter), diameter, DIAMETER),
        np.array([_number(each, DEPTH_NAMES) for each in own]),
        NETWORKS.palette[NETWORKS.of(words)],
    )


def _word(attributes: Mapping[str, Any]) -> str | None:
    found = next((attributes[key] for key in NETWORK_NAMES if key in attributes), None)
    return found if isinstance(found, str) else None


def diameter_of(attributes: Mapping[str, Any]) -> float:
    """Diameter in metres of a pipe by its attributes (names in lower case); NaN if unknown.

    Text such as ``DN300`` or ``400×300`` counts by its first number, and more than ten is
    millimetres.
    """
    for suffix, unit in (("_mm", 1e-3), ("_m", 1.0)):
        stated = _number(attributes, tuple(each + suffix for each in DIAMETER_NAMES))
        if stated > 0:
            return stated * unit
    found = _number(attributes, DIAMETER_NAMES)
    if not found > 0:
        return float("nan")
    return found / 1000 if found >= LARGEST else found


def _number(attributes: Mapping[str, Any], names: tuple[str, ...]) -> float:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str) and (match := FIRST_NUMBER.search(value)):
            return float(match.group())
    return float("nan")
