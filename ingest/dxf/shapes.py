"""The geometry of a drawing's entities: points, lines and areas in the drawing's units."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import shapely
from ezdxf import path as paths
from ezdxf.render.mesh import MeshBuilder
from numpy.typing import NDArray

Points = NDArray[np.float64]

FINENESS: Final = 1e-5
"""Largest distance of a straight piece from its curve, as a part of the curve's size."""
LEAST: Final = 0.01
"""The same in metres."""


class NoShapeError(Exception):
    """An entity has no usable geometry."""


def shape_of(entity: Any, *, metre: float = 1.0, open_only: bool = False) -> Any:
    """The geometry of `entity`, with Z where a height is given; None for other kinds.

    `metre` is a metre in the drawing's units: curves become straight pieces that are within
    1 cm or a hundred thousandth of their size. With `open_only` closed lines stay lines.

    Raises
    ------
    NoShapeError
        If its coordinates are no numbers or too few.
    """
    kind = entity.dxftype()
    if kind in _SHAPES:
        return _SHAPES[kind](entity)
    if kind in _FILLED:
        return _hatch(entity, metre)
    if kind not in _LINES:
        return None
    points, closed = _points(entity, metre)
    return _line(points, closed=closed, open_only=open_only)


def faces_of(entity: Any) -> list[Points] | None:
    """The (n, 3) rings of the faces of a surface; None if `entity` is none."""
    kind = entity.dxftype()
    if kind == "3DFACE":
        return [_finite(entity.wcs_vertices())]
    if kind == "MESH":
        return _faces(MeshBuilder.from_mesh(entity))
    if kind == "POLYLINE" and (entity.is_poly_face_mesh or entity.is_polygon_mesh):
        return _faces(MeshBuilder.from_polyface(entity))
    return None


def _faces(mesh: Any) -> list[Points]:
    found = [_finite(each) for each in mesh.faces_as_vertices()]
    return [each for each in found if len(each) >= 3]


def _finite(vertices: Iterable[Any]) -> Points:
    return _checked(np.array([(each[0], each[1], each[2]) for each in vertices], np.float64))


def _checked(points: Points) -> Points:
    if not len(points) or not np.isfinite(points).all():
        raise NoShapeError("a coordinate is NaN or infinite" if len(points) else "it has no points")
    return points


def as_area(faces: Sequence[Points]) -> Any:
    """Faces as one MultiPolygon Z; those without three different corners are left out.

    Raises
    ------
    NoShapeError
        If there is none left.
    """
    polygons = [shapely.Polygon(ring) for ring in faces if len(np.unique(ring, axis=0)) >= 3]
    if not polygons:
        raise NoShapeError("its faces have no area")
    return shapely.MultiPolygon(polygons)


def _points(entity: Any, metre: float) -> tuple[Points, bool]:
    """The points along a line or curve, and whether it is closed."""
    if entity.dxftype() == "LWPOLYLINE" and not entity.has_arc and _is_upright(entity):
        points = np.array(entity.lwpoints.values, np.float64).reshape(-1, _PARTS)[:, :3]
        points[:, 2] = float(entity.dxf.elevation)
        return _checked(points), bool(entity.closed)
    if entity.dxftype() == "LINE":
        return _finite([entity.dxf.start, entity.dxf.end]), False
    try:
        path = paths.make_path(entity)
        points = _flat(path, metre)
    except (ValueError, TypeError, ZeroDivisionError, IndexError, RecursionError) as error:
        raise NoShapeError(f"its curve cannot be followed: {error}"[:200]) from error
    return points, bool(path.is_closed or getattr(entity, "is_closed", False))


def _flat(path: Any, metre: float) -> Points:
    control = _finite(path.control_vertices())
    if not path.has_curves:
        return control
    distance = max(LEAST * metre, FINENESS * float(np.ptp(control, axis=0).max()))
    return _finite(path.flattening(distance, segments=4))


_PARTS: Final = 5
"""Numbers of a vertex: x, y, start width, end width, bulge."""


def _is_upright(entity: Any) -> bool:
    return tuple(entity.dxf.extrusion) == (0.0, 0.0, 1.0)


def _line(points: Points, *, closed: bool, open_only: bool = False) -> Any:
    if not points[:, 2].any():  # drawn flat: no height is given
        points = points[:, :2]
    kept = np.r_[True, (np.diff(points, axis=0) != 0).any(axis=1)]
    points = points[kept]
    if len(points) < 2:
        raise NoShapeError("all its points are the same")
    ends = bool((points[0] == points[-1]).all())
    ring = (closed or ends) and len(set(map(tuple, points[:, :2].tolist()))) >= 3
    if ring and not open_only:
        return shapely.Polygon(points)
    return shapely.LineString(np.vstack([points, points[:1]]) if ring and not ends else points)


def _point(entity: Any) -> Any:
    return placed(entity.dxf.location)


def placed(where: Any) -> Any:
    """A point, with Z unless it is 0.

    Raises
    ------
    NoShapeError
        If a coordinate is no number.
    """
    x, y, z = (float(each) for each in where)
    if not all(map(math.isfinite, (x, y, z))):
        raise NoShapeError("a coordinate is NaN or infinite")
    return shapely.Point(x, y, z) if z else shapely.Point(x, y)


def _solid(entity: Any) -> Any:
    return _line(_finite(entity.wcs_vertices()), closed=True)


def _hatch(entity: Any, metre: float) -> Any:
    rings = []
    for path in paths.from_hatch(entity):
        points = _flat(path, metre)[:, :2]
        if len(np.unique(points, axis=0)) >= 3:
            rings.append(shapely.LinearRing(points))
    area = shapely.build_area(shapely.GeometryCollection(rings)) if rings else None
    if area is None or area.is_empty:
        raise NoShapeError("its boundary encloses nothing")
    return area


_LINES: Final = frozenset(
    {"LINE", "LWPOLYLINE", "POLYLINE", "ARC", "CIRCLE", "ELLIPSE", "SPLINE", "HELIX"}
)
_FILLED: Final = frozenset({"HATCH", "MPOLYGON"})
_SHAPES: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {"POINT": _point, "SOLID": _solid, "TRACE": _solid}
)
