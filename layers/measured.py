"""Rasters of measured values and of codes as WebP tiles: each kind in the colours it is read in."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from cim.errors import StoreError
from layers import ramps
from layers.imagery import TILE_SIZE, webp
from layers.layer import LegendEntry, TileRequest
from layers.pictures import INDICES, Picture, band_name, pictures
from layers.ramps import Classes, Ramp, Scale, Stop, stretched
from layers.rasters import Warp, covers, opened, read_overview, read_tile

MOST_CLASSES: Final = 32
"""Different whole numbers above which a raster is a measurement and no classification."""

MOST_DANGERS: Final = 10

CODED: Final = frozenset({"land_cover", "hazard", "other"})
"""Kinds that may be codes."""

FROM_NOTHING: Final = MappingProxyType({"night_lights": 99.8, "population": 98.0})
"""Kinds of which there is nothing at 0, and the percentile that is much; towns are small dots."""

SPREAD_OVER: Final[Mapping[str, tuple[Sequence[str], float]]] = MappingProxyType(
    {
        "hazard": (ramps.DANGER, 1.0),
        "night_lights": (ramps.LIGHTS, 3.0),
        "population": (ramps.PEOPLE, 2.0),
        "surface": (ramps.HEIGHTS, 1.0),
    }
)
"""Colours that are spread from low to high, and the power by which they favour what is low."""

DEPTHS: Final = re.compile(r"depth|flood|inundation|surge|tsunami")
"""Words of a hazard that is metres of water."""

SPREAD: Final = (2.0, 98.0)
"""Percentiles between which colours are spread."""


def draw_values(request: TileRequest) -> bytes:
    """The rasters of one picture as WebP, transparent where unknown; ``b""`` if nowhere."""
    canvas = np.zeros((TILE_SIZE, TILE_SIZE, 4), np.uint8)
    picture = pictures(request.store, request.layer, request.clearance).get(request.variant)
    near = [
        each
        for each in (picture.coverages if picture else ())
        if covers(each, request.address.degrees)
    ]
    if picture is None or not near:
        return b""
    scale = scale_of(picture)
    for coverage in near:
        pixels = read_tile(
            coverage, request.address.bounds, TILE_SIZE, (1,), Warp(smooth=scale.smooth)
        )
        free = pixels.known & (canvas[..., 3] == 0)
        canvas[free, :3] = scale.colours(_real(coverage.path, pixels.values[0][free]))
        canvas[free, 3] = 255
    return webp(canvas, exact=not scale.smooth)


def legend_of(picture: Picture) -> tuple[LegendEntry, ...]:
    """What its colours mean; nothing if a file cannot be read, which its tiles tell."""
    try:
        return scale_of(picture).legend
    except StoreError:
        return ()


def scale_of(picture: Picture) -> Scale:
    """The colours of a picture, the same in all its rasters.

    Raises
    ------
    StoreError
        If a file is missing or damaged.
    """
    first = picture.coverages[0]
    band = first.bands[0] if first.bands else {}
    values: set[int] = set()
    for each in picture.coverages:
        values.update(each.bands[0].get("values", ()) if each.bands else ())
    about = _About(
        first.kind,
        f"{band_name(first)} {first.name}".lower(),
        str(band.get("unit") or ""),
        tuple(sorted(values)),
        tuple((each.path, each.sha256) for each in picture.coverages),
    )
    return _scale(about)


@dataclass(frozen=True, slots=True)
class _About:
    """All that the colours depend on."""

    kind: str
    words: str
    unit: str
    values: tuple[int, ...]
    """Codes that are known to occur."""
    files: tuple[tuple[Path, str], ...]
    """Path and checksum."""


@lru_cache(maxsize=64)
def _scale(about: _About) -> Scale:
    paths = [path for path, _ in about.files]
    seen = np.concatenate([_seen(path) for path in paths])
    if about.kind in CODED and opened(paths[0]).dtypes[0].startswith(("int", "uint")):
        codes = about.values or tuple(np.unique(seen).astype(int).tolist())
        most = MOST_DANGERS if about.kind == "hazard" else MOST_CLASSES
        palette = _palette(paths[0])
        if codes and (palette or (len(codes) <= most and about.kind != "other")):
            return _classes(about, codes, palette)
    return _quantity(about, _limits(seen, about.kind))


def _quantity(about: _About, limits: tuple[float, float]) -> Ramp:
    if about.kind == "index":
        return _index(about, limits)
    if about.kind == "hazard" and (about.unit == "m" or DEPTHS.search(about.words)):
        return ramps.DEPTH
    colors, power = SPREAD_OVER.get(about.kind, (ramps.PLAIN, 1.0))
    unit = about.unit or ("m" if about.kind == "surface" else "")
    return stretched(colors, limits, unit, power)


def _classes(about: _About, codes: Sequence[int], palette: dict[int, str]) -> Classes:
    if about.kind == "hazard" and not palette:
        last = max(len(codes) - 1, 1)
        steps = [round(at / last * (len(ramps.DANGER) - 1)) for at in range(len(codes))]
        return Classes(
            [Stop(code, ramps.DANGER[at]) for code, at in zip(codes, steps, strict=True)]
        )
    named = ramps.WORLDCOVER if "worldcover" in about.words else {}
    stops = []
    for at, code in enumerate(codes):
        told = named.get(code) or Stop(code, ramps.CODES[at % len(ramps.CODES)])
        stops.append(Stop(code, palette.get(code, told.color), told.label, told.label_zh))
    return Classes(stops)


def _index(about: _About, limits: tuple[float, float]) -> Ramp:
    """A normalised difference in the colours of what it shows; others from low to high."""
    named = INDICES.search(about.words)
    name = named[0].lower() if named else ""
    if name == "change":
        return stretched(ramps.CHANGE, (0, limits[1]))
    known = {"ndwi": ramps.WETNESS, "mndwi": ramps.WETNESS, "ndbi": ramps.BUILT}
    if name and max(map(abs, limits)) <= 1.5:
        return known.get(name, ramps.PLANTS)
    return stretched(ramps.PLAIN, limits, about.unit)


def _seen(path: Path) -> NDArray[np.float32]:
    """Known values of a raster in at most 512 × 512 places."""
    pixels = read_overview(path, (1,), 512)
    return _real(path, pixels.values[0][pixels.known])


def _real(path: Path, stored: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stored numbers stand for, by the file's scale and offset."""
    file = opened(path)
    scale, offset = file.scales[0], file.offsets[0]
    if (scale, offset) == (1.0, 0.0):
        return stored
    real: NDArray[np.float32] = (stored * scale + offset).astype(np.float32)
    return real


def _palette(path: Path) -> dict[int, str]:
    """Colours by code, if the file brings them."""
    file = opened(path)
    if file.colorinterp[0] != ColorInterp.palette:
        return {}
    return {code: _hex(colour[:3]) for code, colour in file.colormap(1).items()}


def _hex(colour: Iterable[int]) -> str:
    return "#" + bytes(colour).hex()


def _limits(seen: NDArray[np.float32], kind: str) -> tuple[float, float]:
    if kind in FROM_NOTHING:
        seen = seen[seen > 0]
    if not len(seen):
        return (0.0, 1.0)
    low, high = np.percentile(seen, (SPREAD[0], FROM_NOTHING.get(kind, SPREAD[1])))
    return (0.0 if kind in FROM_NOTHING else float(low), float(high))
