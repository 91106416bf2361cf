"""Bodies in files of features: multipatches, polyhedral surfaces, TINs, upright MultiPolygons.

OGC 06-103r4 gives a polyhedral surface, a TIN and a MultiPolygon the same layout in WKB; only
their numbers differ, and GEOS knows those of polygons alone.
"""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.model import Mesh
from ingest.footprints import Rings, outlines

Shapes = NDArray[np.object_]

_POLYGON, _MULTIPOLYGON, _COLLECTION = 3, 6, 7
_SURFACES: Final = frozenset({15, 16})
"""PolyhedralSurface and TIN."""
_TRIANGLE: Final = 17
_GATHERED: Final = frozenset({_MULTIPOLYGON, _COLLECTION, *_SURFACES})
_EWKB_Z, _EWKB_FLAGS = 0x80000000, 0xE0000000
_DEEPEST: Final = 8


def as_multipolygon(wkb: bytes) -> bytes | None:
    """The polygons of a surface of any kind as the WKB of a MultiPolygon; None if it is no surface.

    Little-endian ISO WKB as GDAL writes it, with or without Z.
    """
    try:
        polygons = list(_polygons(wkb))
    except (struct.error, IndexError, ValueError):
        return None
    if not polygons:
        return None
    code = _MULTIPOLYGON + (1000 if polygons[0][1] else 0)
    return struct.pack("<BII", 1, code, len(polygons)) + b"".join(each for each, _ in polygons)


def _polygons(wkb: bytes) -> Iterator[tuple[bytes, bool]]:
    """(WKB, whether it has Z) of every polygon in `wkb`."""
    stack, at = [1], 0
    while stack:
        if not stack[-1]:
            stack.pop()
            continue
        stack[-1] -= 1
        order, code, count = struct.unpack_from("<BII", wkb, at)
        kind, with_z = (code & ~_EWKB_FLAGS) % 1000, bool(code & _EWKB_Z) or 1000 <= code < 2000
        if order != 1 or len(stack) > _DEEPEST:
            raise ValueError(kind)
        if kind in _GATHERED:
            stack.append(count)
            at += 9
        elif kind in {_POLYGON, _TRIANGLE}:
            end = _end_of_rings(wkb, at + 9, count, 24 if with_z else 16)
            header = struct.pack("<BI", 1, _POLYGON + (1000 if with_z else 0))
            yield header + wkb[at + 5 : end], with_z
            at = end
        else:
            raise ValueError(kind)


def _end_of_rings(wkb: bytes, at: int, rings: int, size: int) -> int:
    for _ in range(rings):
        (points,) = struct.unpack_from("<I", wkb, at)
        at += 4 + points * size
    if at > len(wkb):
        raise ValueError(at)
    return at


def upright(geometry: Shapes) -> NDArray[np.bool_]:
    """(n,) which MultiPolygons Z stand in space: their polygons overlap in plan or are walls."""
    found: NDArray[np.bool_] = np.asarray(shapely.get_type_id(geometry) == _MULTIPOLYGON)
    if not found.any():
        return found
    found &= shapely.has_z(geometry)
    found &= shapely.get_num_geometries(geometry) > 1
    found[found] = ~np.asarray(shapely.is_valid(geometry[found]))
    for at in np.flatnonzero(found).tolist():
        z = shapely.get_coordinates(geometry[at], include_z=True)[:, 2]
        found[at] = np.isfinite(z).all() and float(np.ptp(z)) > 0
    return found


def bodies(geometry: Shapes, ids: "pd.Series[str]") -> tuple[Shapes, list[Mesh]]:
    """(n,) what MultiPolygons Z cover in plan, and their surfaces at LoD 2.

    What covers nothing, such as a single wall, stays as it is.
    """
    faces, owner = shapely.get_parts(geometry, return_index=True)
    rings, face_of = shapely.get_rings(faces, return_index=True)
    points, ring_of = shapely.get_coordinates(rings, include_z=True, return_index=True)
    last = np.r_[ring_of[1:] != ring_of[:-1], True]
    points, ring_of = points[~last], ring_of[~last]  # a ring's first point again
    sizes = np.bincount(ring_of, minlength=len(rings))
    in_plan = Rings(points[:, :2], np.arange(len(points)), sizes, face_of, owner[face_of])
    covered = outlines(in_plan, len(geometry))
    plans = np.where(shapely.is_missing(covered), geometry, covered)
    return plans, list(_meshes(points, sizes, face_of, owner, ids))


def _meshes(
    points: NDArray[np.float64],
    sizes: NDArray[np.int64],
    face_of: NDArray[np.int64],
    owner: NDArray[np.int64],
    ids: "pd.Series[str]",
) -> Iterator[Mesh]:
    per_face = np.bincount(face_of, minlength=len(owner))
    ring_owner = owner[face_of]
    point_owner = np.repeat(ring_owner, sizes)
    for at, name in enumerate(ids.tolist()):
        own = points[point_owner == at]
        vertices, indices = np.unique(own, axis=0, return_inverse=True)
        yield Mesh(
            object_id=str(name),
            lod="2",
            kind="MultiSurface",
            vertices=vertices,
            indices=indices.ravel().astype(np.uint32),
            ring_sizes=sizes[ring_owner == at].astype(np.uint32),
            face_rings=per_face[owner == at].astype(np.uint32),
        )
