"""Where the ground is under what is drawn: as known, else from the terrain, else at the datum."""

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.layer import TileRequest
from layers.mercator import to_mercator
from layers.terrain import heights

if TYPE_CHECKING:
    from cim.store import ObjectRows

BOX_POINTS = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
"""Where the terrain is asked under an object, as shares of its bounding box."""


def ground_heights(request: TileRequest, rows: "ObjectRows") -> NDArray[np.float64]:
    """Lowest ground (n,) under each object in metres above the datum.

    From `ground_height`, else the lowest Z of the footprint, else the terrain, else 0.
    """
    found = np.array(rows.ground_height, np.float64)
    missing = np.flatnonzero(~np.isfinite(found))
    if len(missing):
        found[missing] = lowest_z(rows.geometry[missing])
        missing = np.flatnonzero(~np.isfinite(found))
    if len(missing):
        found[missing] = _terrain_under(request, rows.geometry[missing])
    return np.nan_to_num(found, nan=0.0)


def lowest_z(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """Lowest Z (n,) of each geometry; NaN if it has none."""
    xyz, owner = shapely.get_coordinates(geometries, include_z=True, return_index=True)
    known = np.isfinite(xyz[:, 2])
    lowest = np.full(len(geometries), np.inf)
    np.minimum.at(lowest, owner[known], xyz[known, 2])
    return np.where(np.isfinite(lowest), lowest, np.nan)


def _terrain_under(request: TileRequest, geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    box = shapely.bounds(geometries)
    low, span = box[:, :2], box[:, 2:] - box[:, :2]
    points = np.stack([low + span * share for share in BOX_POINTS], axis=1)
    sampled = terrain_at(request, points.reshape(-1, 2)).reshape(len(geometries), -1)
    sampled = np.where(np.isfinite(sampled), sampled, np.inf).min(axis=1)
    return np.where(np.isfinite(sampled), sampled, np.nan)


def terrain_at(request: TileRequest, xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terrain height (n,) at points of the city's CRS; NaN without a terrain."""
    known = np.isfinite(xy).all(axis=1)
    found = np.full(len(xy), np.nan)
    if known.any():
        mercator = to_mercator(xy[known], request.store.crs)
        found[known] = heights(request, mercator)
    return found
