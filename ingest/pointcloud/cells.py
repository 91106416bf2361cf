"""Points of a LAS file in the cells of a grid, chunk by chunk; ground and gaps of that grid."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.fill import fillnodata

from cim.errors import CimError
from cim.kernels.points import Cells, Frame, Points, Tally, closed, opened, sort_in
from ingest.pointcloud.header import AGAIN, LasHeader
from ingest.reader import refuse

Grid = NDArray[np.float32]
Bounds = tuple[float, float, float, float]

CHUNK: Final = 1_000_000
"""Points read together."""

MOST_CELLS: Final = 30_000_000
"""Cells of a grid; 14 bytes each while points are sorted in."""

POINTS_IN_A_CELL: Final = 2.0
"""Pulses that should fall into a cell on average, from which its size follows."""

SIZES: Final = (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Sides of a cell that are chosen from, metres."""

SLOPE: Final = 0.15
"""Rise over run above which something is no ground (SMRF's default)."""

WIDEST: Final = 60.0
"""Metres across of the largest building that is taken off."""

SUNK: Final = 3.0
"""Metres below all around that only a stray echo lies."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The grid: its corner, its cells."""

    west: float
    north: float
    cell: tuple[float, float]
    """Width and height of a cell in the units of the CRS."""
    shape: tuple[int, int]
    """Rows and columns."""

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north in the CRS."""
        east = self.west + self.cell[0] * self.shape[1]
        return self.west, self.north - self.cell[1] * self.shape[0], east, self.north


def layout(box: Bounds, points: int, metres: tuple[float, float]) -> tuple[Layout, float, bool]:
    """A grid for points in `box`, its cells in metres, and whether they had to be made larger.

    `metres` is what a unit of x and of y is.
    """
    west, south, east, north = box
    wide, high = max((east - west) * metres[0], 0.01), max((north - south) * metres[1], 0.01)
    wanted = np.sqrt(wide * high / max(points, 1) * POINTS_IN_A_CELL)
    fitting = [each for each in SIZES if each >= wanted] or [float(wanted)]
    side, coarser = fitting[0], False
    for each in fitting[1:]:
        if (wide / side + 1) * (high / side + 1) <= MOST_CELLS:
            break
        side, coarser = each, True
    while (wide / side + 1) * (high / side + 1) > MOST_CELLS:
        side, coarser = side * 2, True
    cell = side / metres[0], side / metres[1]
    left, top = np.floor(west / cell[0]) * cell[0], np.ceil(north / cell[1]) * cell[1]
    rows = int((top - south) // cell[1]) + 1
    columns = int((east - left) // cell[0]) + 1
    return Layout(float(left), float(top), cell, (rows, columns)), side, coarser


@contextlib.contextmanager
def opened_las(path: Path) -> Iterator[Any]:
    """The reader that laspy has for `path`; what goes wrong in it is one error with its name."""
    import laspy  # noqa: PLC0415  # only point clouds need it

    wanted = laspy.DecompressionSelection.base()
    for part in (
        laspy.DecompressionSelection.Z,
        laspy.DecompressionSelection.CLASSIFICATION,
        laspy.DecompressionSelection.FLAGS,
        laspy.DecompressionSelection.GPS_TIME,
    ):
        wanted |= part
    backends = (laspy.LazBackend.Lazrs,)
    try:
        with laspy.open(path, laz_backend=backends, decompression_selection=wanted) as las:
            yield las
    except (CimError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the decompressor is no Exception
        problem = f"it cannot be read: {str(error)[:200]}"
        raise refuse(path, problem, AGAIN) from error


def chunks(las: Any, path: Path, header: LasHeader) -> Iterator[Any]:
    """The points as laspy gives them, a bounded number at a time.

    Raises
    ------
    SourceError
        If there are fewer than announced.
    """
    count = 0
    for chunk in las.chunk_iterator(CHUNK):
        count += len(chunk)
        if not len(chunk):
            break
        yield chunk
    if count != header.points:
        raise refuse(path, f"{header.points} points are announced, {count} are there", AGAIN)


def empty_cells(shape: tuple[int, int]) -> Cells:
    """Cells that no point fell into."""
    unknown = (np.full(shape, np.nan, np.float32) for _ in range(3))
    top, low, ground = unknown
    return Cells(top, low, ground, np.zeros(shape, np.uint16))


def frame_of(header: LasHeader, grid: Layout, scale: float, z_metres: float) -> Frame:
    """How stored numbers become columns, rows and metres."""
    (sx, sy, sz), (ox, oy, oz) = header.scales, header.offsets
    return Frame(
        column_scale=sx * scale / grid.cell[0],
        column_shift=(ox * scale - grid.west) / grid.cell[0],
        row_scale=-sy * scale / grid.cell[1],
        row_shift=(grid.north - oy * scale) / grid.cell[1],
        z_scale=sz * z_metres,
        z_shift=oz * z_metres,
    )


def sort_chunk(cells: Cells, chunk: Any, how: tuple[Frame, bool], tally: Tally) -> None:
    """Add the points of a chunk; `how` is the frame and whether the format is below 6."""
    frame, legacy = how
    record = chunk.array
    names = ("raw_classification", "bit_fields") if legacy else ("classification", "bit_fields")
    classes, returns = (record[name] for name in names)
    flags = classes if legacy else record["classification_flags"]
    points = Points(record["X"], record["Y"], record["Z"], classes, returns, flags)
    sort_in(cells, points, frame, legacy, tally)


def tallied() -> Tally:
    """Counts of nothing yet."""
    return Tally(np.zeros(256, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))


def ground_of(low: Grid, side: float) -> Grid:
    """The cells of the lowest points that are ground; the others are unknown.

    Openings with ever wider windows take off what rises above them by more than a slope
    (progressive morphological filtering as in SMRF, doi:10.1016/j.isprsjprs.2012.12.002); cells
    that lie far below all around are stray echoes. `side` is a cell's in metres.
    """
    sunk = closed(low, 2) - low > SUNK
    kept = np.where(sunk, np.float32(np.nan), low)
    surface = _spread(kept)
    radius, widest = 1, max(1, int(np.ceil(WIDEST / 2 / side)))
    before = surface
    ground = ~np.isnan(kept)
    while radius <= widest:
        after = opened(before, radius)
        ground &= ~(before - after > SLOPE * radius * side)
        before = after
        radius = radius + 1 if radius < 4 else int(radius * 1.5)
    return np.where(ground, kept, np.float32(np.nan)).astype(np.float32)


def _spread(grid: Grid) -> Grid:
    """`grid` with every gap filled from its surroundings, so that windows have no holes."""
    full = grid
    reach = 8
    while np.isnan(full).any() and reach <= 2 * max(grid.shape):
        full = _filled(full, np.isnan(full), reach)
        reach *= 4
    return full


def without_gaps(grid: Grid, reach: int) -> tuple[Grid, float]:
    """`grid` with the gaps narrower than twice `reach` cells interpolated, and their share.

    What lies beyond the outermost known cells stays unknown.
    """
    known = ~np.isnan(grid)
    flags = np.where(known, np.float32(1), np.float32(0))
    padded = np.pad(flags, reach)
    inside = closed(padded, reach)[reach:-reach, reach:-reach] > 0
    wanted = inside & ~known
    if not wanted.any():
        return grid, 0.0
    return _filled(grid, wanted, reach * 2), float(wanted.mean())


def _filled(grid: Grid, wanted: NDArray[np.bool_], reach: int) -> Grid:
    """`grid` with the wanted cells interpolated from known ones within `reach` cells."""
    known = ~np.isnan(grid)
    image = np.where(known, grid, np.float32(0))
    filled = fillnodata(image.copy(), mask=known.astype(np.uint8), max_search_distance=reach)
    reached = fillnodata(
        known.astype(np.float32), mask=known.astype(np.uint8), max_search_distance=reach
    )
    taken = wanted & (reached > 0.5)
    answer: Grid = np.where(taken, filled, grid).astype(np.float32)
    return answer
