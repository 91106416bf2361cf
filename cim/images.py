"""Bands of images by their names, read as reflectances piece by piece; grids written as COGs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from cim.cog import BLOCK, write_cog
from cim.errors import InputError
from cim.model import CityModel, Coverage, access_rank
from cim.store.coverages import sha256_of

PIECE: Final = 16_000_000
"""Cells of all bands read together."""


def band_numbers(coverage: Coverage, names: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the bands called so, from 1.

    Raises
    ------
    InputError
        If the image has no such band.
    """
    known = [str(each.get("name", "")).lower() for each in coverage.bands]
    for name in names:
        if name not in known:
            raise InputError(
                f"the image has no band {name!r} but {', '.join(known)}",
                where=coverage.name,
                hint="load it anew and say which band is which (fields: 4 = nir)",
            )
    return tuple(known.index(name) + 1 for name in names)


def image_of(city: CityModel, day: str, bands: Sequence[str] = ()) -> Coverage:
    """The image of that day (ISO 8601), or the latest one that has the bands.

    Raises
    ------
    InputError
        If there is none.
    """
    images = [each for each in city.coverages if each.kind == "imagery"]
    if not images:
        raise InputError("the city has no imagery", where="day", hint="load a satellite scene")
    fitting = [each for each in images if not day or _day(each) == day]
    if not fitting:
        days = ", ".join(sorted({_day(each) or "unknown" for each in images}))
        raise InputError(f"no imagery of {day!r}", where="day", hint=f"there is imagery of {days}")
    able = [each for each in fitting if set(bands) <= set(_names(each))]
    return max(able or fitting, key=lambda each: each.valid_from or date.min)


def _day(coverage: Coverage) -> str:
    return coverage.valid_from.isoformat() if coverage.valid_from else ""


def _names(coverage: Coverage) -> list[str]:
    return [str(each.get("name", "")).lower() for each in coverage.bands]


def strips(source: Any, bands: int) -> Iterator[Window]:
    """Windows as wide as the raster, of whole blocks, that hold `PIECE` cells of some bands."""
    block = source.block_shapes[0][0]
    rows = max(block, PIECE // (source.width * bands) // block * block)
    for top in range(0, source.height, rows):
        yield Window(0, top, source.width, min(rows, source.height - top))


def reflectances(source: Any, bands: Sequence[int], window: Window | None) -> NDArray[np.float32]:
    """Bands of a window, scaled, (bands, rows, columns); NaN where unknown.

    `window` None is the whole raster in at most a million cells.
    """
    if window is None:
        shrink = max(1.0, float(np.sqrt(source.width * source.height / 1_000_000)))
        shape = (len(bands), int(source.height / shrink) or 1, int(source.width / shrink) or 1)
        stored = source.read(list(bands), out_shape=shape, masked=True)
    else:
        stored = source.read(list(bands), window=window, masked=True)
    values: NDArray[np.float32] = stored.astype(np.float32).filled(np.nan)
    for at, band in enumerate(bands):
        scale, offset = source.scales[band - 1], source.offsets[band - 1]
        if (scale, offset) != (1.0, 0.0):
            values[at] = values[at] * np.float32(scale) + np.float32(offset)
    return values


@contextmanager
def side_by_side(before: Coverage, after: Coverage) -> Iterator[tuple[Any, Any]]:
    """Two images open on the grid of the first."""
    with rasterio.open(before.path) as one, rasterio.open(after.path) as plain:
        same = one.transform.almost_equals(plain.transform) and one.shape == plain.shape
        if same and one.crs == plain.crs:
            yield one, plain
            return
        grid = {"crs": one.crs, "transform": one.transform}
        grid |= {"width": one.width, "height": one.height}
        grid |= {"dtype": "float32", "nodata": np.nan}
        with WarpedVRT(plain, resampling=Resampling.bilinear, **grid) as warped:
            yield one, warped


@dataclass(frozen=True, slots=True)
class Made:
    """What a raster that an analysis makes is called."""

    name: str
    kind: str
    band: str
    unit: str = ""
    beside: tuple[Coverage, ...] = ()
    """Rasters it was made of, beside the one on whose grid it is."""


def made_coverage(
    like: Coverage, made: Made, pieces: Iterable[tuple[Window, NDArray[np.float32]]], work: Path
) -> tuple[Coverage, Mapping[str, float]]:
    """A coverage on the grid of another from windows of numbers, and the sums over it.

    `pieces` may be lazy; NaN is unknown. The sums: cells, known, total, minimum, maximum. It is
    as secret as what it was made of, whose names its band keeps.
    """
    sources = (like, *made.beside)
    plain, target = work / f"{made.band}.plain.tif", work / f"{made.band}.tif"
    known, total, low, high = 0, 0.0, np.inf, -np.inf
    with rasterio.open(like.path) as source:
        profile = {
            "driver": "GTiff", "width": source.width, "height": source.height, "count": 1,
            "dtype": "float32", "crs": source.crs, "transform": source.transform,
            "nodata": np.nan, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
            "bigtiff": "if_safer",
        }  # fmt: skip
        with rasterio.open(plain, "w", **profile) as file:
            file.set_band_description(1, made.band)
            for window, values in pieces:
                file.write(values, 1, window=window)
                there = values[~np.isnan(values)]
                if len(there):
                    known, total = known + len(there), total + float(there.sum(dtype=np.float64))
                    low, high = min(low, float(there.min())), max(high, float(there.max()))
    write_cog(plain, target, exact=False)
    plain.unlink()
    band: dict[str, Any] = {"name": made.band, "dtype": "float32", "nodata": "nan"}
    band["sources"] = [each.name for each in sources]
    band |= {"unit": made.unit} if made.unit else {}
    limits = {"minimum": low if known else None, "maximum": high if known else None}
    coverage = replace(
        like, name=made.name, kind=made.kind, path=target, bands=({**band, **limits},),
        sha256=sha256_of(target),
        access=max((each.access for each in sources), key=access_rank),
    )  # fmt: skip
    sums = {"known": known, "total": total, "minimum": low, "maximum": high}
    return coverage, sums | {"cells": like.width * like.height}
