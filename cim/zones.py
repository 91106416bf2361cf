"""Statistics of a coverage within polygons, read in pieces and weighted by covered area."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from cim import geodesy
from cim.errors import InputError
from cim.model import Coverage

Array = NDArray[np.float64]
Offsets = NDArray[np.int64]

PIECE: Final = 4_000_000
"""Cells read together: 32 MB as numbers."""

TOGETHER: Final = 200_000
"""Polygons measured together at most."""

STATISTICS: Final = ("count", "sum", "mean", "minimum", "maximum", "majority")


@dataclass(frozen=True, slots=True, eq=False)
class _Rings:
    """Polygons as arrays; vertices in cells from the raster's corner, x right and y down."""

    x: Array
    y: Array
    rings: Offsets
    parts: Offsets
    zones: Offsets

    def of(self, chosen: NDArray[np.int64]) -> "_Rings":
        """Only those zones, in that order."""
        zones, parts = _taken(self.zones, chosen)
        part_ends, rings = _taken(self.parts, parts)
        ring_ends, points = _taken(self.rings, rings)
        return _Rings(self.x[points], self.y[points], ring_ends, part_ends, zones)

    def boxes(self) -> NDArray[np.int64]:
        """(zones, 4) left, top, right, bottom in whole cells; of empty zones all 0."""
        starts = self.rings[self.parts[self.zones]]
        boxes = np.zeros((len(starts) - 1, 4), np.int64)
        there = np.flatnonzero(np.diff(starts) > 0)
        if len(there):
            first = starts[there]
            for at, values in ((0, self.x), (1, self.y)):
                far = np.clip(values, -1e9, 1e9)
                boxes[there, at] = np.floor(np.minimum.reduceat(far, first))
                boxes[there, at + 2] = np.ceil(np.maximum.reduceat(far, first))
        return boxes


def _taken(ends: Offsets, chosen: NDArray[np.int64]) -> tuple[Offsets, NDArray[np.int64]]:
    """Bounds of the chosen groups one after the other, and the members that they hold."""
    sizes = np.diff(ends)[chosen]
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = np.arange(bounds[-1]) + np.repeat(ends[chosen] - bounds[:-1], sizes)
    return bounds, members


def zonal_statistics(
    coverage: Coverage,
    crs: str,
    polygons: Sequence[Any] | NDArray[np.object_],
    quantiles: Sequence[float] = (),
    band: int = 1,
) -> pd.DataFrame:
    """Statistics of one band within each polygon in `crs`: a row for each, in their order.

    Every cell counts by the part of it that the polygon covers; a cell without a value does not
    count. Columns: ``count`` (cells, a sum of parts), ``sum``, ``mean``, ``minimum``,
    ``maximum``, and with `quantiles` (0-1) also ``majority`` (of equals the greatest) and
    ``q0.5`` and so on; the same rules as exactextract's. Where no cell is known, ``count`` is 0
    and the rest NaN. Values are in the unit of the band: its scale and offset are applied.

    Raises
    ------
    InputError
        If quantiles are wanted of a polygon that is too large for memory.
    """
    shapes = np.asarray(polygons, object)
    with rasterio.open(coverage.path) as source:
        rings = _rings(shapes, crs, coverage.crs, source.transform)
        boxes = np.clip(
            rings.boxes(), 0, [source.width, source.height, source.width, source.height]
        )
        answer = np.full((len(shapes), len(STATISTICS) + len(quantiles)), np.nan)
        answer[:, 0] = 0.0
        given = np.asarray(quantiles, np.float64)
        for chosen, window in _pieces(boxes):
            if window.width * window.height > PIECE and len(given):
                raise InputError(
                    f"a polygon covers {window.width} by {window.height} cells",
                    where=coverage.name,
                    hint="a coarser raster or smaller polygons for a median",
                )
            answer[chosen] = _measured(source, band, rings.of(chosen), window, given)
    names = [*STATISTICS, *(f"q{each:g}" for each in quantiles)]
    table = pd.DataFrame(answer, columns=names)
    return table if len(quantiles) else table.drop(columns="majority")


def _rings(shapes: NDArray[np.object_], crs: str, target: str, transform: Any) -> _Rings:
    flat = shapes.copy()
    flat[shapely.is_missing(shapes)] = shapely.MultiPolygon()
    single = shapely.get_type_id(flat) == shapely.GeometryType.POLYGON
    if single.any():
        flat[single] = shapely.multipolygons(flat[single], indices=np.arange(single.sum()))
    wrong = shapely.get_type_id(flat) != shapely.GeometryType.MULTIPOLYGON
    flat[wrong] = shapely.MultiPolygon()
    if not len(flat):
        nothing = np.zeros(1, np.int64)
        return _Rings(np.empty(0), np.empty(0), nothing, nothing, nothing)
    _, points, (rings, polygons, zones) = shapely.to_ragged_array(flat, include_z=False)
    x, y = geodesy.transform(crs, target, points[:, 0], points[:, 1])
    inverse = ~transform
    return _Rings(
        inverse.a * x + inverse.b * y + inverse.c,
        inverse.d * x + inverse.e * y + inverse.f,
        rings.astype(np.int64),
        polygons.astype(np.int64),
        zones.astype(np.int64),
    )


def _pieces(boxes: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Window]]:
    """Zones that are measured together, and the cells to be read for them, from the top down."""
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    order = np.flatnonzero((wide > 0) & (high > 0))
    order = order[np.lexsort((boxes[order, 0], boxes[order, 1]))]
    start = 0
    while start < len(order):
        rest = boxes[order[start : start + TOGETHER]]
        left, top = np.minimum.accumulate(rest[:, 0]), rest[0, 1]
        right, bottom = np.maximum.accumulate(rest[:, 2]), np.maximum.accumulate(rest[:, 3])
        fits = (right - left) * (bottom - top) <= PIECE
        count = len(fits) if fits.all() else max(int(np.argmin(fits)), 1)
        last = count - 1
        window = Window(left[last], top, right[last] - left[last], bottom[last] - top)
        yield order[start : start + count], window
        start += count


def _measured(source: Any, band: int, rings: _Rings, window: Window, quantiles: Array) -> Array:
    """Statistics of some zones; a zone larger than memory is met strip by strip."""
    from cim.kernels.zonal import Zones, zonal  # noqa: PLC0415  # brings the compiler along

    rows = max(1, min(window.height, PIECE // window.width))
    strips = []
    for top in range(window.row_off, window.row_off + window.height, rows):
        count = min(rows, window.row_off + window.height - top)
        cells = _cells(source, band, Window(window.col_off, top, window.width, count))
        moved = (rings.x - window.col_off, rings.y - top, rings.rings, rings.parts, rings.zones)
        strips.append(zonal(Zones(*moved), cells, quantiles, len(quantiles) > 0))
    return strips[0] if len(strips) == 1 else _joined(np.stack(strips))


def _joined(strips: NDArray[np.float64]) -> Array:
    """(strips, zones, statistics) as if the strips had been one; quantiles cannot be."""
    joined = np.full(strips.shape[1:], np.nan)
    counts = strips[..., 0]
    joined[:, 0] = counts.sum(axis=0)
    some = joined[:, 0] > 0
    joined[some, 1] = np.nansum(strips[:, some, 1], axis=0)
    joined[some, 2] = joined[some, 1] / joined[some, 0]
    joined[some, 3] = np.nanmin(strips[:, some, 3], axis=0)
    joined[some, 4] = np.nanmax(strips[:, some, 4], axis=0)
    return joined


def _cells(source: Any, band: int, window: Window) -> Array:
    values = source.read(band, window=window, masked=True)
    scale, offset = source.scales[band - 1], source.offsets[band - 1]
    cells: Array = values.astype(np.float64).filled(np.nan)
    if (scale, offset) != (1.0, 0.0):
        cells = cells * scale + offset
    return cells
