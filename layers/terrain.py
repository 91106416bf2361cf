"""The terrain as terrain-RGB tiles, and its height at any point."""

import io
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.fill import fillnodata
from rasterio.transform import rowcol
from rasterio.warp import transform as warp_points

from cim.model import Coverage
from layers.layer import TileRequest
from layers.mercator import MERCATOR_HALF, TileAddress
from layers.rasters import WEB_MERCATOR, Warp, covers, finest_zoom, opened, read_overview, read_tile

if TYPE_CHECKING:
    from cim.store import Store

TILE_SIZE = 256
FINEST_ZOOM = 15
"""Of terrain tiles; a page shows finer ones by interpolating between these."""

BASE, STEP = -10000.0, 0.1
"""Height in metres is BASE + STEP · (65536·red + 256·green + blue)."""

LOWEST, HIGHEST = -600.0, 9000.0
"""Heights on Earth's land in metres; what is outside is an undeclared gap in the data."""

GAP_PIXELS = 100
"""Gaps are closed from their edges over this many pixels, beyond that from the overview."""

FAR = 40
"""Pixels of the overview over which the terrain is continued outwards."""


def draw_terrain(request: TileRequest) -> bytes:
    """The tile as terrain-RGB PNG; ``b""`` if the city has no terrain."""
    grid = terrain_grid(_coverages(request), request.address)
    return b"" if grid is None else encoded(grid)


def encoded(grid: NDArray[np.float32]) -> bytes:
    """Heights (rows, columns) in metres as terrain-RGB PNG."""
    steps = np.rint((grid.astype(np.float64) - BASE) / STEP)
    steps = np.clip(steps, 0, 2**24 - 1).astype(np.uint32)
    pixels = np.stack((steps >> 16, steps >> 8, steps), axis=-1) & 255
    sheet = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8), "RGB").save(sheet, "PNG", compress_level=6)
    return sheet.getvalue()


def heights(request: TileRequest, mercator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terrain height (n,) at points in EPSG:3857 in or around a tile; NaN without a terrain.

    Taken from the terrain tile that is drawn there, so that things stand on what is seen.
    """
    coverages, address = _coverages(request), request.address
    grid = None
    if coverages:
        address = address.ancestor(min(FINEST_ZOOM, max(map(finest_zoom, coverages))))
        grid = terrain_grid(coverages, address)
    if grid is None:
        return np.full(len(mercator), np.nan)
    west, _, _, north = address.bounds
    last = TILE_SIZE - 1
    x = np.clip((mercator[:, 0] - west) / address.size * TILE_SIZE - 0.5, 0, last)
    y = np.clip((north - mercator[:, 1]) / address.size * TILE_SIZE - 0.5, 0, last)
    left, top = np.minimum(x.astype(int), last - 1), np.minimum(y.astype(int), last - 1)
    u, v = x - left, y - top
    upper = grid[top, left] * (1 - u) + grid[top, left + 1] * u
    lower = grid[top + 1, left] * (1 - u) + grid[top + 1, left + 1] * u
    found: NDArray[np.float64] = upper * (1 - v) + lower * v
    return found


def _coverages(request: TileRequest) -> tuple[Coverage, ...]:
    return terrain_of(request.store, request.at, request.clearance)


def terrain_of(store: "Store", at: date | None, clearance: str) -> tuple[Coverage, ...]:
    """The city's terrain coverages, the finest and of these the most recent first."""
    rasters = store.coverages(clearance)
    found = [each for each in rasters if each.kind == "terrain" and _stands(each, at)]
    return tuple(sorted(found, key=lambda each: (_cell(each), -_day(each).toordinal())))


def _stands(coverage: Coverage, at: date | None) -> bool:
    return at is None or _day(coverage) <= at


def _day(coverage: Coverage) -> date:
    return coverage.valid_from or date.min


def _cell(coverage: Coverage) -> float:
    return (coverage.bounds[2] - coverage.bounds[0]) / max(coverage.width, 1)


def terrain_grid(
    coverages: tuple[Coverage, ...], address: TileAddress
) -> NDArray[np.float32] | None:
    """Heights (256, 256) in metres at the pixel centres of a tile, without gaps; None if unknown.

    The first coverage counts before the others. Where none reaches, the nearest known height
    goes on, so that the edge of the terrain is level and not a cliff.
    """
    if not coverages:
        return None
    return _grid(tuple(_Source(each) for each in coverages), address)


class _Source:
    """A coverage that can be a key: by its file and its content."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self.key = str(coverage.path), coverage.sha256

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=64)
def _grid(sources: tuple[_Source, ...], address: TileAddress) -> NDArray[np.float32] | None:
    grid = np.full((TILE_SIZE, TILE_SIZE), np.nan, np.float32)
    for source in sources:
        if not np.isnan(grid).any():
            break
        if covers(source.coverage, address.degrees):
            pixels = read_tile(
                source.coverage, address.bounds, TILE_SIZE, (1,), Warp(nodata=_gap_value(source))
            )
            known = pixels.known & _plausible(pixels.values[0])
            grid = np.where(np.isnan(grid) & known, pixels.values[0], grid)
    gaps = np.isnan(grid)
    if not gaps.any():
        return grid
    if not gaps.all():
        fillnodata(grid, mask=(~gaps).astype(np.uint8), max_search_distance=GAP_PIXELS)
        gaps &= ~_plausible(grid)
    if gaps.any():
        level = _beyond(sources[0], address, gaps)
        if level is None:
            return None
        grid[gaps] = level
    return grid


def _plausible(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (values > LOWEST) & (values < HIGHEST)
    return found


def _beyond(
    source: _Source, address: TileAddress, gaps: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """Heights at the gaps of a tile from the nearest part of the coverage's overview."""
    overview = _overview(source)
    if overview is None:
        return None
    west, _, _, north = address.bounds
    row, column = np.nonzero(gaps)
    pixel = address.size / TILE_SIZE
    x = np.clip(west + (column + 0.5) * pixel, -MERCATOR_HALF, MERCATOR_HALF)
    y = np.clip(north - (row + 0.5) * pixel, -MERCATOR_HALF, MERCATOR_HALF)
    file = opened(source.coverage.path)
    own = file.crs or CRS.from_user_input(source.coverage.crs)
    try:
        xs, ys = warp_points(WEB_MERCATOR, own, x, y)
    except CPLE_BaseError:  # so far away that the coverage's own system has no place for it
        return None
    rows, columns = rowcol(file.transform, xs, ys, op=lambda each: each)
    height, width = overview.shape
    rows = _nearest(np.asarray(rows) / file.height * height, height)
    columns = _nearest(np.asarray(columns) / file.width * width, width)
    level: NDArray[np.float32] = overview[rows, columns]
    return level


def _nearest(place: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    return np.clip(np.nan_to_num(place, posinf=0, neginf=0), 0, count - 1).astype(np.int64)


@lru_cache(maxsize=16)
def _overview(source: _Source) -> NDArray[np.float32] | None:
    pixels = read_overview(source.coverage.path, (1,))
    grid: NDArray[np.float32] = pixels.values[0]
    known = pixels.known & _plausible(grid)
    if not known.any():
        return None
    if not known.all():
        grid = np.where(known, grid, np.nan).astype(np.float32)
        fillnodata(grid, mask=known.astype(np.uint8), max_search_distance=FAR)
        grid[~_plausible(grid)] = np.median(grid[known])
    return grid


@lru_cache(maxsize=16)
def _gap_value(source: _Source) -> float | None:
    """The impossible height by which the coverage marks gaps without declaring it, if any.

    It must be known before heights are interpolated, or the edges of gaps become cliffs.
    """
    pixels = read_overview(source.coverage.path, (1,))
    strange = pixels.values[0][pixels.known & ~_plausible(pixels.values[0])]
    if not len(strange):
        return None
    values, counts = np.unique(strange, return_counts=True)
    return float(values[counts.argmax()])
