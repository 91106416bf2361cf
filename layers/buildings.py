"""Draws buildings: each once, be it given as a whole or in parts."""

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.schema import CLASSES
from layers.bodies import Painted, solids_of
from layers.drawn import Drawn, Solids
from layers.extrude import block_heights
from layers.layer import TileRequest, chosen
from layers.legends import BUILDINGS
from layers.mercator import city_bounds

if TYPE_CHECKING:
    from cim.store import ObjectRows

WHOLE, PART = CLASSES["Building"].code, CLASSES["BuildingPart"].code

COVERED = 0.5
"""Share of a building's footprint that its parts must cover to stand for it."""

ELEMENT_ZOOM = 16
"""From this zoom on the elements of building models are drawn."""

MODELLED = 10
"""Elements inside a footprint that stand for the building."""

FUTURE = frozenset({"planned", "approved", "under construction"})


@Solids
def draw_buildings(request: TileRequest) -> Drawn | None:
    """The buildings of one tile as solids."""
    rows = request.owned()
    if rows is None:
        return None
    rows = _without_modelled(request, _each_once(request, rows))
    if not len(rows.oid):
        return None
    return solids_of(request, Painted(rows, building_colours(rows)))


def building_colours(rows: "ObjectRows") -> NDArray[np.uint8]:
    """Colours (n, 4) by function; what is planned or of unknown height has its own."""
    number = BUILDINGS.of(rows.function)
    _, unknown = block_heights(rows.height, rows.storeys)
    detailed = np.array([lod is not None and lod >= "2" for lod in rows.lod], bool)
    number[unknown & ~detailed] = BUILDINGS.number("height unknown")
    future = np.array([status in FUTURE for status in rows.status], bool)
    number[future] = BUILDINGS.number("planned")
    return BUILDINGS.palette[number]


def _without_modelled(request: TileRequest, rows: "ObjectRows") -> "ObjectRows":
    """`rows` without the blocks whose walls and slabs are drawn one by one at this zoom."""
    bounds = city_bounds(request.address, request.store.crs)
    if request.address.z < ELEMENT_ZOOM or bounds is None or not len(rows):
        return rows
    elements = request.store.rows(
        bounds, ("element",), at=request.at, clearance=request.clearance
    ).geometry
    elements = elements[~shapely.is_missing(elements)]
    if not len(elements):
        return rows
    tree = shapely.STRtree(shapely.centroid(elements))
    inside = tree.query(rows.geometry, predicate="contains")[0]
    count = np.bincount(inside, minlength=len(rows))
    return chosen(rows, (count < MODELLED) | (_detail(rows) > 0))


def _each_once(request: TileRequest, owned: "ObjectRows") -> "ObjectRows":
    """`owned` without the buildings whose parts are drawn, and without coarser parts.

    A part belongs to a building by its place, so that data without a word on parents, such
    as OpenStreetMap's, is drawn right as well. Parts beyond the tile are not known, hence
    only what is within its bounds is compared.
    """
    everything = request.rows()
    bounds = city_bounds(request.address, request.store.crs)
    if everything is None or bounds is None or not (everything.class_code == PART).any():
        return owned
    shown = ~shapely.is_missing(everything.geometry) & ~shapely.is_empty(everything.geometry)
    parts = chosen(everything, shown & (everything.class_code == PART))
    wholes = chosen(everything, shown & (everything.class_code == WHOLE))
    inside = _hosts(wholes, parts)
    area = shapely.area(_cut(wholes.geometry, bounds))
    covered = np.bincount(
        inside[inside >= 0],
        weights=shapely.area(_cut(parts.geometry, bounds))[inside >= 0],
        minlength=len(wholes.oid),
    )
    split = covered > COVERED * np.maximum(area, 1e-6)
    best_part = np.zeros(len(wholes.oid))
    np.maximum.at(best_part, inside[inside >= 0], _detail(parts)[inside >= 0])
    coarser = split & (_detail(wholes) > best_part)
    hidden = set(wholes.oid[split & ~coarser].tolist())
    hosted = inside >= 0
    dropped = hosted & coarser[np.maximum(inside, 0)] if len(coarser) else hosted & False
    hidden |= set(parts.oid[dropped].tolist())
    return chosen(owned, np.array([oid not in hidden for oid in owned.oid.tolist()], bool))


def _detail(rows: "ObjectRows") -> NDArray[np.float64]:
    """1 for objects that have surfaces of their own, else 0."""
    return np.array([float(lod is not None and lod >= "2") for lod in rows.lod])


def _hosts(wholes: "ObjectRows", parts: "ObjectRows") -> NDArray[np.int64]:
    """The building (number in `wholes`) around each part's inner point, or −1."""
    found = np.full(len(parts.oid), -1)
    if len(wholes.oid):
        tree = shapely.STRtree(wholes.geometry)
        points = shapely.point_on_surface(parts.geometry)
        part, whole = tree.query(points, predicate="intersects")
        found[part] = whole
    return found


def _cut(
    geometries: NDArray[np.object_], bounds: tuple[float, float, float, float]
) -> NDArray[np.object_]:
    box = shapely.bounds(geometries)
    crossing = (box[:, :2] < bounds[:2]).any(axis=1) | (box[:, 2:] > bounds[2:]).any(axis=1)
    found = geometries.copy()
    for place in np.flatnonzero(crossing).tolist():
        found[place] = shapely.clip_by_rect(shapely.make_valid(geometries[place]), *bounds)
    return found
