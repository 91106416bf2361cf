"""Reads tiles of rasters in web mercator; every thread has its own open files."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, log2, radians
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT

from cim.errors import StoreError
from cim.model import Coverage
from layers.mercator import MERCATOR_HALF, Bounds

OPEN_FILES = 16
"""Rasters that a thread keeps open."""

WEB_MERCATOR = CRS.from_epsg(3857)

_own = threading.local()


def opened(path: Path) -> DatasetReader:
    """The raster at `path`, opened by this thread and kept open while it is among the last used.

    A rasterio handle that two threads share crashes the process.

    Raises
    ------
    StoreError
        If it cannot be opened.
    """
    files: OrderedDict[Path, DatasetReader] | None = getattr(_own, "files", None)
    if files is None:
        files = _own.files = OrderedDict()
    if path in files:
        files.move_to_end(path)
        return files[path]
    try:
        files[path] = rasterio.open(path)
    except RasterioError as error:
        raise StoreError(f"the coverage cannot be read: {error}", where=path.name) from error
    while len(files) > OPEN_FILES:
        files.popitem(last=False)[1].close()
    return files[path]


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Pixels of some bands, and where they are known."""

    values: NDArray[np.float32]
    """(bands, rows, columns)"""
    known: NDArray[np.bool_]
    """(rows, columns)"""


def covers(coverage: Coverage, degrees: Bounds) -> bool:
    """Whether the coverage and a tile's bounds in degrees have a point in common."""
    west, south, east, north = coverage.bounds
    return west <= degrees[2] and east >= degrees[0] and south <= degrees[3] and north >= degrees[1]


def read_tile(
    coverage: Coverage, bounds: Bounds, size: int, bands: Sequence[int], options: "Warp"
) -> Pixels:
    """`size` × `size` pixels of the coverage within bounds in EPSG:3857.

    Raises
    ------
    StoreError
        If the file is missing or damaged.
    """
    source = opened(coverage.path)
    nodata = options.nodata if source.nodata is None else source.nodata
    with WarpedVRT(
        source,
        src_crs=source.crs or CRS.from_user_input(coverage.crs),
        src_nodata=nodata,
        crs=WEB_MERCATOR,
        transform=from_bounds(*bounds, size, size),
        width=size,
        height=size,
        resampling=Resampling.bilinear if options.smooth else Resampling.nearest,
        nodata=nodata,
        add_alpha=nodata is None and ColorInterp.alpha not in source.colorinterp,
    ) as warped:
        try:
            values = warped.read(list(bands), out_dtype="float32")
            if ColorInterp.alpha in warped.colorinterp:
                known = warped.read(warped.colorinterp.index(ColorInterp.alpha) + 1) > 0
            else:
                known = warped.dataset_mask() > 0
        except RasterioError as error:
            raise StoreError(
                f"the coverage cannot be read: {error}", where=coverage.path.name
            ) from error
    return Pixels(values, known & np.isfinite(values).all(axis=0))


@dataclass(frozen=True, slots=True)
class Warp:
    """How pixels are brought into web mercator."""

    smooth: bool = True
    """Between cells; codes of a colour table must not be."""
    nodata: float | None = None
    """The value of a gap in a file that does not declare one."""


def read_overview(path: Path, bands: Sequence[int], longest: int = 256) -> Pixels:
    """The whole raster in its own grid, reduced to `longest` pixels at most."""
    source = opened(path)
    scale = max(source.width, source.height) / longest
    shape = (max(int(source.height / scale), 1), max(int(source.width / scale), 1))
    if scale < 1:
        shape = (source.height, source.width)
    values = source.read(list(bands), out_shape=(len(bands), *shape), out_dtype="float32")
    known = source.dataset_mask(out_shape=shape) > 0
    return Pixels(values, known & np.isfinite(values).all(axis=0))


def finest_zoom(coverage: Coverage) -> int:
    """The first zoom whose 256-pixel tiles are at least as fine as the coverage's cells."""
    west, south, east, north = coverage.bounds
    across = (east - west) / 360 * 2 * MERCATOR_HALF / max(coverage.width, 1)
    up = (north - south) / 360 * 2 * MERCATOR_HALF / max(coverage.height, 1)
    cell = min(across, up / cos(radians((south + north) / 2))) or 1.0
    zoom = log2(2 * MERCATOR_HALF / 256 / cell)
    return min(max(int(zoom - 1e-9) + 1, 0), 22)
