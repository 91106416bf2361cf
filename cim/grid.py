"""Values of a coverage at points: the bridge from rasters to tables."""

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from cim import geodesy
from cim.model import Coverage

Array = NDArray[np.float64]


def sampled(coverage: Coverage, crs: str, x: Array, y: Array, band: int = 1) -> Array:
    """Bilinear values of one band at points in `crs`; NaN outside and where a cell is unknown.

    Only the window around the points is read.
    """
    gx, gy = geodesy.transform(crs, coverage.crs, np.asarray(x, float), np.asarray(y, float))
    with rasterio.open(coverage.path) as source:
        inverse = ~source.transform
        column = inverse.a * gx + inverse.b * gy + inverse.c - 0.5
        row = inverse.d * gx + inverse.e * gy + inverse.f - 0.5
        inside = (column > -1) & (row > -1) & (column < source.width) & (row < source.height)
        values = np.full(len(gx), np.nan)
        if not inside.any():
            return values
        left = max(0, int(np.floor(column[inside].min())))
        top = max(0, int(np.floor(row[inside].min())))
        right = min(source.width, int(np.ceil(column[inside].max())) + 2)
        bottom = min(source.height, int(np.ceil(row[inside].max())) + 2)
        window = Window(left, top, right - left, bottom - top)
        cells = source.read(band, window=window, masked=True).astype(np.float64).filled(np.nan)
    values[inside] = _bilinear(cells, column[inside] - left, row[inside] - top)
    return values


def _bilinear(cells: Array, column: Array, row: Array) -> Array:
    """Half a cell beyond the edge takes the edge's value."""
    height, width = cells.shape
    column = np.clip(column, 0, width - 1)
    row = np.clip(row, 0, height - 1)
    c0 = np.minimum(column.astype(np.int64), max(width - 2, 0))
    r0 = np.minimum(row.astype(np.int64), max(height - 2, 0))
    c1, r1 = np.minimum(c0 + 1, width - 1), np.minimum(r0 + 1, height - 1)
    fc, fr = column - c0, row - r0
    upper = cells[r0, c0] * (1 - fc) + cells[r0, c1] * fc
    lower = cells[r1, c0] * (1 - fc) + cells[r1, c1] * fc
    mixed: Array = upper * (1 - fr) + lower * fr
    return mixed
