"""Boxes of geometries, as the spatial index takes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.store.dialect import Row


def boxed(bounds: NDArray[np.float64], types: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 6) boxes: minx, maxx, miny, maxy, mint, maxt; NaN where there is no geometry."""
    return np.column_stack([bounds[:, 0], bounds[:, 2], bounds[:, 1], bounds[:, 3], types, types])


def boxes_of(rows: Sequence[Row]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ids and (n, 6) boxes of rows (id, WKB, type …), without those that have no extent."""
    shapes = shapely.from_wkb([bytes(row[1]) for row in rows], on_invalid="ignore")
    boxes = boxed(shapely.bounds(shapes).reshape(-1, 4), np.array([row[2] for row in rows], float))
    there = ~np.isnan(boxes[:, 0])
    return np.array([row[0] for row in rows], np.int64)[there], boxes[there]
