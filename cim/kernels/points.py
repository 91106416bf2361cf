"""Points sorted into cells: the highest, the lowest and the mean ground of each."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cim.kernels import compiled

GROUND: Final = 2
LOW_NOISE: Final = 7
HIGH_NOISE: Final = 18
"""Classes of the ASPRS LAS specification."""


class Cells(NamedTuple):
    """What is known of every cell (rows, columns); NaN where no point fell."""

    top: NDArray[np.float32]
    """Highest point."""
    low: NDArray[np.float32]
    """Lowest point that is the last of its pulse."""
    ground: NDArray[np.float32]
    """Mean of the points classified as ground."""
    grounds: NDArray[np.uint16]
    """How many those are; no more are counted than fit."""


class Points(NamedTuple):
    """Points as a LAS file holds them."""

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    z: NDArray[np.int32]
    classes: NDArray[np.uint8]
    """ASPRS class; in formats below 6 with the flags in its upper bits."""
    returns: NDArray[np.uint8]
    """The byte with return number and number of returns."""
    flags: NDArray[np.uint8]
    """The byte with the flags of formats from 6 on."""


class Frame(NamedTuple):
    """From stored numbers to cells: cell = stored · `scale` + `shift`, for column and row."""

    column_scale: float
    column_shift: float
    row_scale: float
    row_shift: float
    z_scale: float
    z_shift: float


class Tally(NamedTuple):
    """Counts that grow while points are sorted in."""

    classes: NDArray[np.int64]
    """(256,) points of each class."""
    withheld: NDArray[np.int64]
    """(1,)"""
    outside: NDArray[np.int64]
    """(1,) points beyond the cells."""


@compiled
def _last_and_class(points: Points, i: int, legacy: bool) -> tuple[bool, int]:
    """Whether a point is the last of its pulse, and its class; -1 if it is withheld."""
    code = int(points.classes[i])
    if legacy:
        last = (points.returns[i] & 7) >= ((points.returns[i] >> 3) & 7)
        return last, -1 if code & 128 else code & 31
    last = (points.returns[i] & 15) >= (points.returns[i] >> 4)
    return last, -1 if points.flags[i] & 4 else code


@compiled
def _put(cells: Cells, r: int, c: int, z: float, last: bool, ground: bool) -> None:
    """Let one cell know of one point."""
    if not cells.top[r, c] >= z:
        cells.top[r, c] = z
    if last and not cells.low[r, c] <= z:
        cells.low[r, c] = z
    if ground and cells.grounds[r, c] < 65535:
        count = cells.grounds[r, c] + 1
        cells.grounds[r, c] = count
        before = cells.ground[r, c] if count > 1 else z
        cells.ground[r, c] = before + (z - before) / count


@compiled
def sort_in(cells: Cells, points: Points, frame: Frame, legacy: bool, tally: Tally) -> None:
    """Add points to cells; noise and withheld points count, but show nowhere.

    `legacy` tells the bits of formats 0 to 5 from those of 6 to 10.
    """
    rows, columns = cells.top.shape
    for i in range(len(points.x)):
        last, code = _last_and_class(points, i, legacy)
        if code < 0:
            tally.withheld[0] += 1
            continue
        tally.classes[code] += 1
        if code == LOW_NOISE or (code == HIGH_NOISE and not legacy):
            continue
        column = points.x[i] * frame.column_scale + frame.column_shift
        row = points.y[i] * frame.row_scale + frame.row_shift
        if not (0 <= column <= columns and 0 <= row <= rows):
            tally.outside[0] += 1
            continue
        r, c = min(int(row), rows - 1), min(int(column), columns - 1)
        z = points.z[i] * frame.z_scale + frame.z_shift
        _put(cells, r, c, z, last, code == GROUND)


@compiled
def _slid(line: NDArray[np.float32], radius: int, sign: float, kept: NDArray[np.float32]) -> None:
    """The greatest of `sign` · value within `radius` of each place, NaN passed over."""
    n = len(line)
    queue = np.empty(n, np.int64)
    head, tail, fed = 0, 0, 0
    for at in range(n):
        while fed < n and fed <= at + radius:
            value = sign * line[fed]
            if not np.isnan(value):
                while tail > head and sign * line[queue[tail - 1]] <= value:
                    tail -= 1
                queue[tail] = fed
                tail += 1
            fed += 1
        while tail > head and queue[head] < at - radius:
            head += 1
        kept[at] = line[queue[head]] if tail > head else np.nan


@compiled
def extreme(grid: NDArray[np.float32], radius: int, sign: float) -> NDArray[np.float32]:
    """The greatest (`sign` 1) or least (-1) value in the square of `radius` cells around each."""
    across = np.empty_like(grid)
    for row in range(grid.shape[0]):
        _slid(grid[row], radius, sign, across[row])
    answer = np.empty_like(grid)
    column, kept = np.empty(grid.shape[0], grid.dtype), np.empty(grid.shape[0], grid.dtype)
    for at in range(grid.shape[1]):
        column[:] = across[:, at]
        _slid(column, radius, sign, kept)
        answer[:, at] = kept
    return answer


def opened(grid: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Morphological opening: what is narrower than twice `radius` and rises is taken off."""
    least: NDArray[np.float32] = extreme(grid, radius, -1.0)
    answer: NDArray[np.float32] = extreme(least, radius, 1.0)
    return answer


def closed(grid: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Morphological closing: what is narrower than twice `radius` and sinks is filled."""
    most: NDArray[np.float32] = extreme(grid, radius, 1.0)
    answer: NDArray[np.float32] = extreme(most, radius, -1.0)
    return answer
