"""Arithmetic on the bands of images, cell by cell."""

import numpy as np
from numpy.typing import NDArray

from cim.kernels import compiled

Pixels = NDArray[np.generic]
Grid = NDArray[np.float32]


@compiled
def normalised_difference(
    first: Pixels, second: Pixels, factors: tuple[float, float, float, float], nodata: float
) -> Grid:
    """(a - b) / (a + b) of two bands (rows, columns); NaN where unknown or nothing is reflected.

    `factors` are scale and offset of the first and of the second band. A reflectance below 0,
    which haze correction leaves over dark water, gives a value beyond ±1, which is cut off.
    """
    answer = np.empty(first.shape, np.float32)
    scale_a, offset_a, scale_b, offset_b = factors
    for row in range(first.shape[0]):
        for column in range(first.shape[1]):
            x, y = first[row, column], second[row, column]
            a, b = x * scale_a + offset_a, y * scale_b + offset_b
            total = a + b
            lost = x == nodata
            known = not lost and y != nodata and total > 0
            answer[row, column] = min(max((a - b) / total, -1.0), 1.0) if known else np.nan
    return answer


@compiled
def change_magnitude(before: Grid, after: Grid) -> Grid:
    """Root mean square over bands of (after - before) / (after + before); (rows, columns).

    `before` and `after` are reflectances (bands, rows, columns), NaN where unknown. 0 is no
    change, 1 the greatest; twice as bright or half as bright is 1/3.
    """
    bands, rows, columns = before.shape
    answer = np.empty((rows, columns), np.float32)
    for row in range(rows):
        for column in range(columns):
            squares = 0.0
            for band in range(bands):
                a, b = before[band, row, column], after[band, row, column]
                total = max(a, 0.0) + max(b, 0.0)
                if np.isnan(a) or np.isnan(b):
                    squares = np.nan
                elif total > 0:
                    part = (max(b, 0.0) - max(a, 0.0)) / total
                    squares += part * part
            answer[row, column] = np.sqrt(squares / bands)
    return answer
