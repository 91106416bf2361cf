"""Draws objects as solids: from their own meshes where there are any, else as raised footprints."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.model import Mesh
from cim.schema import CLASS_BY_CODE
from layers.colour import Scheme, darker
from layers.drawn import Drawn, Solids
from layers.extrude import block_heights, blocks
from layers.glb import Surface
from layers.ground import ground_heights
from layers.layer import TileRequest, chosen
from layers.legends import CONSTRUCTIONS, ELEMENTS, RELIEF
from layers.polygons import rings_of
from layers.solids import mesh_surface

if TYPE_CHECKING:
    from cim.store import ObjectRows

WALL_SHADE = 0.88
"""Light of a wall relative to the roof it carries."""

LINE_WIDTH = 3.0
"""Metres that a construction given as a line is drawn wide."""

MESH_ZOOM = 15
"""From this zoom on roofs and façades are drawn, below it only blocks."""


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """Objects and the colour of each, (n, 4)."""

    rows: "ObjectRows"
    colours: NDArray[np.uint8]


@Solids
def draw_constructions(request: TileRequest) -> Drawn | None:
    """Bridges, tunnels and other constructions of one tile."""
    return _draw_classes(request, CONSTRUCTIONS)


@Solids
def draw_elements(request: TileRequest) -> Drawn | None:
    """Building elements, doors, windows, installations and furniture of one tile, as meshes."""
    return _draw_classes(request, ELEMENTS, meshes_only=True)


@Solids
def draw_relief(request: TileRequest) -> Drawn | None:
    """Terrain surfaces of one tile, as meshes."""
    return _draw_classes(request, RELIEF, meshes_only=True)


def _draw_classes(
    request: TileRequest, scheme: Scheme, *, meshes_only: bool = False
) -> Drawn | None:
    rows = request.owned()
    if rows is None:
        return None
    names = [CLASS_BY_CODE[code].name.lower() for code in rows.class_code.tolist()]
    colours = scheme.palette[scheme.of(names)]
    return solids_of(request, Painted(rows, colours), meshes_only=meshes_only)


def solids_of(request: TileRequest, painted: Painted, *, meshes_only: bool = False) -> Drawn:
    """The solids of painted objects; one that cannot be drawn has none."""
    rows = painted.rows
    meshes = _best_meshes(request, rows, everything=meshes_only)
    drawn = np.zeros(len(rows.oid), bool)
    surfaces = []
    if meshes:
        solid = mesh_surface(meshes, request.placement.local, painted.colours)
        drawn[solid.features] = True
        surfaces.append(solid)
    rest = np.flatnonzero(~drawn)
    if len(rest) and not meshes_only:
        raised = _raised(request, chosen(rows, rest), painted.colours[rest])
        surfaces.append(raised.of_features(rest))
    return Drawn(Surface.joined(surfaces), rows)


def _best_meshes(
    request: TileRequest, rows: "ObjectRows", *, everything: bool
) -> list[tuple[int, Mesh]]:
    detailed = np.array([lod is not None and lod >= "2" for lod in rows.lod], bool)
    if request.address.z < MESH_ZOOM:
        detailed[:] = False
    pointlike = shapely.get_dimensions(rows.geometry) < 1
    wanted = np.flatnonzero(detailed | pointlike | everything)
    if not len(wanted):
        return []
    found = request.store.meshes(rows.oid[wanted].tolist(), rows.version[wanted].tolist())
    pairs = zip(wanted.tolist(), rows.oid[wanted].tolist(), strict=True)
    return [(number, found[oid][-1]) for number, oid in pairs if found.get(oid)]


def _raised(request: TileRequest, rows: "ObjectRows", colours: NDArray[np.uint8]) -> Surface:
    footprints = rows.geometry
    lines = shapely.get_dimensions(footprints) == 1
    if lines.any():
        footprints = footprints.copy()
        footprints[lines] = shapely.buffer(footprints[lines], LINE_WIDTH / 2, cap_style="flat")
    rings = rings_of(footprints)
    rings = rings.moved(request.placement.local(rings.xy))
    height, _ = block_heights(rows.height, rows.storeys)
    base = ground_heights(request, rows)
    return blocks(rings, base, base + height, colours, darker(colours, WALL_SHADE))
