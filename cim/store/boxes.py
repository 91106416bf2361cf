"""Boxes of geometries, as the spatial index takes them."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.store.dialect import Row


def boxes_of(rows: Sequence[Row]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ids and (n, 6) boxes of rows (id, WKB, type)."""
    bounds = shapely.bounds(
        shapely.from_wkb([bytes(row[1]) for row in rows], on_invalid="ignore")
    ).reshape(-1, 4)
    types = np.array([row[2] for row in rows], float)
    there = ~np.isnan(bounds[:, 0])
    boxes = np.column_stack([bounds[:, 0], bounds[:, 2], bounds[:, 1], bounds[:, 3], types, types])
    return np.array([row[0] for row in rows], np.int64)[there], boxes[there]
