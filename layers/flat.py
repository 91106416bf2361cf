"""Draws objects flat, as vector tiles: areas, lines and points with their names and colours."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.schema import CLASS_BY_CODE
from layers.colour import Scheme
from layers.layer import TileRequest, chosen
from layers.legends import FURNITURE, GREEN, LAND_USE, PLACES, ROADS, WATER, ZONES
from layers.mercator import TileAddress, to_mercator
from layers.mvt import EXTENT, clipped, encode

if TYPE_CHECKING:
    from cim.store import ObjectRows

MARGIN = 64.0
"""Tile units that shapes go on beyond the tile, so that outlines do not show at its edge."""

SIMPLER, SIMPLER_BELOW = 1.5, 14
"""Tile units by which shapes may be simplified, and the zoom below which they are."""

MAJOR_ONLY_BELOW = 12
"""Below this zoom only major and secondary roads and railways are shown."""

DOTS, LINES, AREAS = 0, 1, 2


def draw_land_use(request: TileRequest) -> bytes:
    """Land use of one tile."""
    return _draw_shapes(request, LAND_USE, (AREAS,))


def draw_water(request: TileRequest) -> bytes:
    """Water bodies and waterways of one tile."""
    return _draw_shapes(request, WATER, (LINES, AREAS))


def draw_green(request: TileRequest) -> bytes:
    """Plant cover of one tile."""
    return _draw_shapes(request, GREEN, (LINES, AREAS))


def draw_zones(request: TileRequest) -> bytes:
    """Zones and boundaries of one tile."""
    return _draw_shapes(request, ZONES, (LINES, AREAS))


def draw_roads(request: TileRequest) -> bytes:
    """Roads, railways, paths and squares of one tile."""
    rows = request.rows()
    if rows is None:
        return b""
    number = ROADS.of(_road_words(rows))
    if request.address.z < MAJOR_ONLY_BELOW:
        kept = ("major", "secondary", "rail")
        shown = np.isin(number, [ROADS.number(each) for each in kept])
        rows, number = chosen(rows, shown), number[shown]
    return _encoded(request, rows, ROADS.palette[number], (LINES, AREAS))


def draw_places(request: TileRequest) -> bytes:
    """Places of one tile as points with a name, an area by its middle."""
    return _draw_points(request, PLACES)


def draw_furniture(request: TileRequest) -> bytes:
    """City furniture of one tile as points."""
    return _draw_points(request, FURNITURE)


def _road_words(rows: "ObjectRows") -> list[str]:
    own = {"Railway": "rail", "Square": "square", "Track": "track"}
    classes = [CLASS_BY_CODE[code].name for code in rows.class_code.tolist()]
    pairs = zip(classes, rows.function, strict=True)
    return [own.get(name) or function or "" for name, function in pairs]


def _draw_shapes(request: TileRequest, scheme: Scheme, dimensions: tuple[int, ...]) -> bytes:
    rows = request.rows()
    if rows is None:
        return b""
    return _encoded(request, rows, scheme.palette[scheme.of(rows.function)], dimensions)


def _draw_points(request: TileRequest, scheme: Scheme) -> bytes:
    rows = request.owned()
    if rows is None:
        return b""
    points = np.asarray(shapely.points(request.middles(rows)), object)
    colours = scheme.palette[scheme.of(rows.function)]
    return _write(request, rows, in_tile(points, request), colours)


def _encoded(
    request: TileRequest,
    rows: "ObjectRows",
    colours: NDArray[np.uint8],
    dimensions: tuple[int, ...],
) -> bytes:
    shown = np.isin(shapely.get_dimensions(rows.geometry), dimensions)
    rows, colours = chosen(rows, shown), colours[shown]
    shapes = clipped(in_tile(rows.geometry, request), MARGIN)
    if request.address.z < SIMPLER_BELOW:
        shapes = shapely.simplify(shapes, SIMPLER, preserve_topology=False)
    return _write(request, rows, shapes, colours)


def in_tile(geometries: NDArray[np.object_], request: TileRequest) -> NDArray[np.object_]:
    """Geometries of the city's CRS in tile units, y downwards."""

    def placed(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return tile_units(to_mercator(xy, request.store.crs), request.address)

    moved: NDArray[np.object_] = shapely.transform(geometries, placed)
    return moved


def tile_units(mercator: NDArray[np.float64], address: TileAddress) -> NDArray[np.float64]:
    """Points (n, 2) of EPSG:3857 in units of 1/4096 tile from its north-west corner."""
    west, _, _, north = address.bounds
    scale = EXTENT / address.size
    return np.column_stack(((mercator[:, 0] - west) * scale, (north - mercator[:, 1]) * scale))


def _write(
    request: TileRequest,
    rows: "ObjectRows",
    shapes: NDArray[np.object_],
    colours: NDArray[np.uint8],
) -> bytes:
    return encode(request.layer.name, shapes, rows.oid, _properties(rows, colours))


def _properties(rows: "ObjectRows", colours: NDArray[np.uint8]) -> Mapping[str, NDArray[Any]]:
    classes = [CLASS_BY_CODE[code].name for code in rows.class_code.tolist()]
    return {
        "oid": rows.oid,
        "class": np.array(classes, object),
        "name": rows.name,
        "function": rows.function,
        "r": colours[:, 0],
        "g": colours[:, 1],
        "b": colours[:, 2],
    }
