"""Draws objects flat, as vector tiles: areas, lines and points with their names and colours."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.schema import CLASS_BY_CODE
from layers.colour import Scheme
from layers.layer import TileRequest, chosen
from layers.legends import FURNITURE, GREEN, LAND_USE, PLACES, ROADS, WATER, ZONES
from layers.mercator import EXTENT, tile_units
from layers.mvt import Column, encode
from layers.paths import clipped
from layers.widths import road_widths

if TYPE_CHECKING:
    from cim.store import ObjectRows

MARGIN = 64.0
"""Tile units that shapes go on beyond the tile, so that outlines do not show at its edge."""

SIMPLER, SIMPLER_BELOW = 1.5, 14
"""Tile units by which shapes may be simplified, and the zoom below which they are."""

MAJOR_ONLY_BELOW = 12
"""Below this zoom only major and secondary roads and railways are shown."""

WIDTHS_FROM = 14
"""From this zoom on a road is as wide as its attributes say."""

LINES, AREAS = 1, 2
"""Least dimension of what is shown."""


class _Paint:
    """The colours of a scheme by word, each word looked up once."""

    def __init__(self, scheme: Scheme) -> None:
        self.palette = scheme.palette
        self.number = lru_cache(maxsize=4096)(lambda word: int(scheme.of((word,))[0]))

    def columns(self, words: Column) -> dict[str, Column]:
        """Red, green and blue of each word; the last colour for none."""
        colours = self.palette[[self.number(each) for each in (*words.values, None)]].tolist()
        code = np.where(words.code < 0, len(words.values), words.code)
        return {
            name: Column([colour[place] for colour in colours], code)
            for place, name in enumerate("rgb")
        }


_LAND_USE, _WATER, _GREEN = _Paint(LAND_USE), _Paint(WATER), _Paint(GREEN)
_ZONES, _ROADS, _PLACES = _Paint(ZONES), _Paint(ROADS), _Paint(PLACES)
_FURNITURE = _Paint(FURNITURE)


ONLY_OF_NETWORKS = np.array(["junction"], object)
"""Functions of points that carry a network's topology and are no places anybody looks for."""


def draw_land_use(request: TileRequest) -> bytes:
    """Land use of one tile."""
    return _draw_shapes(request, _LAND_USE, AREAS)


def draw_water(request: TileRequest) -> bytes:
    """Water bodies and waterways of one tile."""
    return _draw_shapes(request, _WATER, LINES)


def draw_green(request: TileRequest) -> bytes:
    """Plant cover of one tile."""
    return _draw_shapes(request, _GREEN, LINES)


def draw_zones(request: TileRequest) -> bytes:
    """Zones and boundaries of one tile."""
    return _draw_shapes(request, _ZONES, LINES)


def draw_roads(request: TileRequest) -> bytes:
    """Roads, railways, paths and squares of one tile."""
    rows = request.rows()
    if rows is None:
        return b""
    rows = _of_dimension(rows, LINES)
    words = _road_words(rows)
    if request.address.z < MAJOR_ONLY_BELOW:
        kept = {ROADS.number(each) for each in ("major", "secondary", "rail")}
        shown = np.array([_ROADS.number(word) in kept for word in words], bool)
        rows, words = chosen(rows, shown), words[shown]
    drawn = _ROADS.columns(Column.of(words))
    drawn["width"] = Column.of(_widths(request, rows, words))
    return _write(request, rows, _shapes(rows, request), Column.of(rows.function), drawn)


def draw_places(request: TileRequest) -> bytes:
    """Places of one tile as points with a name, an area by its middle."""
    return _draw_points(request, _PLACES)


def draw_furniture(request: TileRequest) -> bytes:
    """City furniture of one tile as points."""
    return _draw_points(request, _FURNITURE)


def _widths(
    request: TileRequest, rows: "ObjectRows", words: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Metres; from far away a class's usual width does."""
    oids = rows.oid.tolist()
    known = request.store.attributes(oids) if request.address.z >= WIDTHS_FROM else {}
    categories = [ROADS.categories[_ROADS.number(word)].name for word in words]
    return road_widths([known.get(oid, {}) for oid in oids], categories)


def _road_words(rows: "ObjectRows") -> NDArray[np.object_]:
    own = {"Railway": "rail", "Square": "square", "Track": "track"}
    classes = [CLASS_BY_CODE[code].name for code in rows.class_code.tolist()]
    pairs = zip(classes, rows.function, strict=True)
    words = np.empty(len(rows), object)
    words[:] = [own.get(name) or function or "" for name, function in pairs]
    return words


def _draw_shapes(request: TileRequest, paint: _Paint, dimension: int) -> bytes:
    rows = request.rows()
    if rows is None:
        return b""
    rows = _of_dimension(rows, dimension)
    function = Column.of(rows.function)
    return _write(request, rows, _shapes(rows, request), function, paint.columns(function))


def _draw_points(request: TileRequest, paint: _Paint) -> bytes:
    rows = request.owned()
    if rows is None:
        return b""
    rows = chosen(rows, ~np.isin(rows.function, ONLY_OF_NETWORKS))
    xy = tile_units(request.middles(rows), request.address, request.store.crs)
    points = np.asarray(shapely.points(xy), object)
    function = Column.of(rows.function)
    return _write(request, rows, points, function, paint.columns(function))


def _of_dimension(rows: "ObjectRows", least: int) -> "ObjectRows":
    return chosen(rows, shapely.get_dimensions(rows.geometry) >= least)


def _shapes(rows: "ObjectRows", request: TileRequest) -> NDArray[np.object_]:
    """What can be seen of the geometries, in tile units."""
    shapes = clipped(in_tile(rows.geometry, request), -MARGIN, EXTENT + MARGIN)
    if request.address.z < SIMPLER_BELOW:
        shapes = shapely.simplify(shapes, SIMPLER, preserve_topology=False)
    return shapes


def in_tile(geometries: NDArray[np.object_], request: TileRequest) -> NDArray[np.object_]:
    """Geometries of the city's CRS in tile units, y downwards."""
    xy = shapely.get_coordinates(geometries)
    moved = tile_units(xy, request.address, request.store.crs)
    placed: NDArray[np.object_] = shapely.set_coordinates(geometries.copy(), moved)
    return placed


def _write(
    request: TileRequest,
    rows: "ObjectRows",
    shapes: NDArray[np.object_],
    function: Column,
    drawn: Mapping[str, Column],
) -> bytes:
    classes = Column.of(rows.class_code)
    names = [CLASS_BY_CODE[code].name for code in classes.values]
    properties = {
        "oid": Column(rows.oid, np.arange(len(rows))),
        "class": Column(names, classes.code),
        "name": Column.of(rows.name),
        "function": function,
        **drawn,
    }
    return encode(request.layer.name, shapes, rows.oid, properties)
