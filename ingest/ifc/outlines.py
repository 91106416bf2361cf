"""What IFC shapes cover on the ground, and how high they reach."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest.ifc.meshes import Shape

Geometries = NDArray[np.object_]
_GRID = 1e-3  # metres; triangles of neighbours meet on it
_GAP = 0.05  # metres; joints narrower than this are closed in a footprint
_SLIVER = 1e-6  # m² of a triangle seen from above


def hulls(shapes: Sequence[Shape]) -> Geometries:
    """Convex hull of each shape in the plane; a line or point where it has no area."""
    sizes = np.array([len(each.vertices) for each in shapes])
    points = np.concatenate([each.vertices[:, :2] for each in shapes])
    owner = np.repeat(np.arange(len(shapes)), sizes)
    clouds: Any = shapely.multipoints(np.asarray(shapely.points(points)), indices=owner)
    return np.asarray(shapely.convex_hull(clouds))


def height_ranges(shapes: Sequence[Shape]) -> NDArray[np.float64]:
    """Lowest and highest z of each shape, (n, 2)."""
    sizes = np.array([len(each.vertices) for each in shapes])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    z = np.concatenate([each.vertices[:, 2] for each in shapes])
    return np.column_stack([np.minimum.reduceat(z, starts), np.maximum.reduceat(z, starts)])


def footprint(shapes: Sequence[Shape], around: Geometries) -> shapely.Geometry | None:
    """What shapes cover together, seen from above; None if that has no area.

    `around` are their convex hulls. A hull whose area its triangles fill stands for them.
    """
    pieces: list[Geometries] = []
    for shape, hull in zip(shapes, around, strict=True):
        triangles = _upward(shape)
        if hull.area <= _SLIVER:
            continue
        covered = _areas(triangles).sum()
        full = abs(covered - hull.area) < 1e-3 * hull.area
        pieces.append(np.array([hull]) if full else np.asarray(shapely.polygons(triangles)))
    if not pieces:
        return None
    united = shapely.union_all(np.concatenate(pieces), grid_size=_GRID)
    closed = united.buffer(_GAP, join_style="mitre").buffer(-_GAP, join_style="mitre")
    simple: Any = shapely.simplify(closed, _GRID * 5)
    parts = [each for each in shapely.get_parts(simple) if each.area > _GAP]
    if not parts:
        return None
    found: shapely.Geometry = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return found


def _upward(shape: Shape) -> NDArray[np.float64]:
    """(n, 3, 2) triangles that face up in the plane; all of them if more face down."""
    triangles = shape.vertices[:, :2][shape.faces]
    signed = _signed(triangles)
    chosen = signed if signed.clip(min=0).sum() >= (-signed).clip(min=0).sum() else -signed
    found: NDArray[np.float64] = triangles[chosen > _SLIVER]
    return found


def _signed(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    (ax, ay), (bx, by) = (
        (triangles[:, 1] - triangles[:, 0]).T,
        (triangles[:, 2] - triangles[:, 0]).T,
    )
    area: NDArray[np.float64] = (ax * by - ay * bx) / 2
    return area


def _areas(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(_signed(triangles))
