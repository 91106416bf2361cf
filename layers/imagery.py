"""Satellite and aerial imagery as WebP tiles, one layer for each day it shows."""

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import ColorInterp

from cim.model import Coverage
from layers.layer import TileRequest
from layers.rasters import Pixels, Warp, covers, opened, read_overview, read_tile

if TYPE_CHECKING:
    from cim.store import Store

TILE_SIZE = 256
QUALITY = 82

STRETCH = (2.0, 98.0)
"""Percentiles of a band's values that become black and white."""

GAMMA = 0.65
"""Below 1: reflectances are mostly dark, and fields would come out black."""

BAND_WORDS: Mapping[str, tuple[str, ...]] = {
    "red": ("red", "r", "b04", "b4", "band4", "红"),
    "green": ("green", "g", "b03", "b3", "band3", "绿"),
    "blue": ("blue", "b", "b02", "b2", "band2", "蓝"),
}
"""Names of the visible bands; the numbers are Sentinel-2's, Landsat 8's and Gaofen's order."""


def imagery_by_day(store: "Store", clearance: str) -> dict[str, list[Coverage]]:
    """The imagery by the day it shows (ISO 8601), the last first; ``""`` is without a day."""
    found: dict[str, list[Coverage]] = {}
    for each in store.coverages(clearance):
        if each.kind == "imagery":
            found.setdefault(_day(each), []).append(each)
    return dict(sorted(found.items(), reverse=True))


def _day(coverage: Coverage) -> str:
    return coverage.valid_from.isoformat() if coverage.valid_from else ""


def draw_imagery(request: TileRequest) -> bytes:
    """The imagery of one day as WebP, transparent where there is none; ``b""`` if nowhere."""
    canvas = np.zeros((TILE_SIZE, TILE_SIZE, 4), np.uint8)
    days = imagery_by_day(request.store, request.clearance)
    for coverage in days.get(request.variant, ()):
        if canvas[..., 3].all():
            break
        if covers(coverage, request.address.degrees):
            _paint(canvas, coverage, request)
    return webp(canvas)


def webp(canvas: NDArray[np.uint8], *, exact: bool = False) -> bytes:
    """Pixels (rows, columns, 4) as WebP, to the bit if `exact`; ``b""`` if there is nothing."""
    if not canvas[..., 3].any():
        return b""
    solid = bool(canvas[..., 3].all())
    picture = Image.fromarray(canvas[..., :3] if solid else canvas)
    sheet = io.BytesIO()
    picture.save(sheet, "WEBP", quality=QUALITY, method=2, lossless=exact)
    return sheet.getvalue()


def _paint(canvas: NDArray[np.uint8], coverage: Coverage, request: TileRequest) -> None:
    key = coverage.path, coverage.sha256
    table = _colour_table(key)
    bands = (1,) if table is not None else visible_bands(coverage)
    pixels = read_tile(
        coverage, request.address.bounds, TILE_SIZE, bands, Warp(smooth=table is None)
    )
    if table is not None:
        entry = np.clip(pixels.values[0], 0, len(table) - 1).astype(np.int64)
        colours = table[entry]
    else:
        colours = _stretched(pixels, _limits(key, tuple(bands)))
    free = pixels.known & (canvas[..., 3] == 0)
    canvas[free, :3] = colours[free]
    canvas[free, 3] = 255


def visible_bands(coverage: Coverage) -> tuple[int, ...]:
    """Numbers of the bands shown as red, green and blue; a single one is shown in grey.

    Told by the bands' names, else by the file's colour interpretation, else by number: the
    first three of three, and of more the usual order blue, green, red, near infrared.
    """
    names = [str(each.get("name") or "").strip().lower() for each in coverage.bands]
    named = [_named(names, words) for words in BAND_WORDS.values()]
    if all(named):
        return tuple(named)
    roles = opened(coverage.path).colorinterp
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(each in roles for each in colours):
        return tuple(roles.index(each) + 1 for each in colours)
    count = len([each for each in roles if each != ColorInterp.alpha])
    if count < 3:
        return (1, 1, 1)
    return (1, 2, 3) if count == 3 else (3, 2, 1)


def _named(names: Sequence[str], words: Sequence[str]) -> int:
    return next((i for i, name in enumerate(names, 1) if name in words), 0)


@lru_cache(maxsize=64)
def _colour_table(file_key: tuple[Path, str]) -> NDArray[np.uint8] | None:
    file = opened(file_key[0])
    if file.colorinterp[0] != ColorInterp.palette:
        return None
    entries = file.colormap(1)
    table = np.zeros((max(entries) + 1, 3), np.uint8)
    for value, colour in entries.items():
        table[value] = colour[:3]
    return table


@lru_cache(maxsize=64)
def _limits(file_key: tuple[Path, str], bands: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Darkest and brightest value shown (bands, 2); None where bytes are shown as they are."""
    file = opened(file_key[0])
    if file.dtypes[0] == "uint8":
        return None
    pixels = read_overview(file_key[0], bands, 512)
    known = pixels.known & (pixels.values != 0).any(axis=0)
    if not known.any():
        return np.tile(np.array([0, 1], np.float32), (len(bands), 1))
    return np.stack([np.percentile(band[known], STRETCH) for band in pixels.values]).astype(
        np.float32
    )


def _stretched(pixels: Pixels, limits: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    values = np.moveaxis(pixels.values, 0, -1)
    if limits is not None:
        span = np.maximum(limits[:, 1] - limits[:, 0], 1e-6)
        share = np.clip((values - limits[:, 0]) / span, 0, 1)
        values = share**GAMMA * 255
    safe = np.nan_to_num(np.clip(values, 0, 255))
    return np.rint(safe).astype(np.uint8)
