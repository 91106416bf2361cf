"""What a raster shows: statistics of its bands, its kind and its day."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from cim.errors import ParamError
from cim.model import Finding
from cim.schema import COVERAGE_KINDS
from ingest import values
from ingest.values import NotUnderstoodError

WINDOW_BYTES: Final = 4_000_000
"""Bytes of a band looked at together."""

FEW_CLASSES: Final = 64
"""Distinct values of a palette image above which it is a picture and not a classification."""

LAND: Final = (-500.0, 9000.0)
"""Heights on land, metres."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """The values of one band that are not nodata."""

    minimum: float | None
    maximum: float | None
    values: tuple[int, ...] | None
    """The different values of an 8-bit band; None of others."""


def statistics(dataset: Any) -> list[Statistics]:
    """Exact statistics of every band, a few megabytes at a time.

    Raises
    ------
    RasterioIOError
        If a block cannot be read.
    """
    seen = [_Seen(bytewise=dtype == "uint8") for dtype in dataset.dtypes]
    for window in _strips(dataset):
        for band, each in enumerate(seen, 1):  # bands of one block lie together
            each.look(_valid(dataset, band, window))
    return [each.told() for each in seen]


@dataclass(slots=True)
class _Seen:
    """What was seen of a band so far."""

    bytewise: bool
    low: float = np.inf
    high: float = -np.inf
    present: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(256, bool))

    def look(self, values: NDArray[Any]) -> None:
        """Take in more values."""
        if self.bytewise:
            self.present |= np.bincount(values, minlength=256) > 0
        if len(values):
            self.low = min(self.low, float(values.min()))
            self.high = max(self.high, float(values.max()))

    def told(self) -> Statistics:
        """Everything that was seen."""
        if self.low > self.high:
            return Statistics(None, None, None)
        present = tuple(np.flatnonzero(self.present).tolist()) if self.bytewise else None
        return Statistics(self.low, self.high, present)


def _valid(dataset: Any, band: int, window: Window) -> NDArray[Any]:
    """The values of a window that are neither nodata nor masked; of equal ones only one."""
    if MaskFlags.per_dataset in dataset.mask_flag_enums[band - 1]:
        values = dataset.read(band, window=window, masked=True).compressed()
    else:
        values = dataset.read(band, window=window).ravel()
        if values.min() == values.max():  # most of a large file is often empty
            values = values[:1]
        nodata = dataset.nodatavals[band - 1]
        if nodata is not None:
            values = values[values != nodata]
    kept: NDArray[Any] = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return kept


def _strips(dataset: Any) -> Iterator[Window]:
    """Windows as wide as the raster, of whole blocks, whose bands fit in `WINDOW_BYTES`."""
    block = dataset.block_shapes[0][0]
    row = dataset.width * max(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    rows = max(block, WINDOW_BYTES // row // block * block)
    for top in range(0, dataset.height, rows):
        yield Window(0, top, dataset.width, min(rows, dataset.height - top))


def bands_of(
    dataset: Any, found: list[Statistics], names: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    """What the store keeps of each band; of classes and palettes also the values that occur."""
    bands = []
    for number, each in enumerate(found):
        nodata = dataset.nodatavals[number]
        band = {
            "name": names[number],
            "dtype": dataset.dtypes[number],
            "nodata": None if nodata is None else "nan" if np.isnan(nodata) else nodata,
            "minimum": each.minimum,
            "maximum": each.maximum,
        }
        if dataset.units[number]:
            band["unit"] = dataset.units[number]
        scale, offset = dataset.scales[number], dataset.offsets[number]
        if (scale, offset) != (1.0, 0.0):
            band |= {"scale": scale, "offset": offset}
        if dataset.count == 1 and each.values is not None and len(each.values) <= FEW_CLASSES:
            band["values"] = list(each.values)
        bands.append(band)
    return tuple(bands)


_WORDS: Final = (
    ("other", r"gamma0|sigma0|slope|aspect|hillshade"),
    ("night_lights", r"ntl|night_?(?:time_?)?lights?|night|viirs|dmsp|dnb"),
    ("index", r"ndvi|m?ndwi|ndbi|evi|savi|nbr"),
    ("hazard", r"hazard|(?:storm_?)?surge|flood(?:ing|ed)?|inundation|tsunami|water_?depth|depth"),
    ("population", r"pop|ppp|population|worldpop|ghs_?pop"),
    ("land_cover", r"land_?cover|land_?use|lulc|worldcover|corine|clc|nlcd|globeland30?"),
    ("surface", r"dsm|surface_?model|ndsm|chm"),
    ("terrain", r"dem|dtm|dgm|dhm|srtm\w*|aster|terrain|elev|elevation|relief|bathy\w*|mnt"),
    ("imagery", r"rgb|tci|ortho\w*|dop|naip|image(ry)?"),
)
"""Kinds and the words in a file's name or bands that give them away, the surest first."""


def kind_of(
    path: Path, dataset: Any, found: list[Statistics], given: str
) -> tuple[str, tuple[Finding, ...]]:
    """One of `schema.COVERAGE_KINDS`, and what it was told by where nobody says it.

    Raises
    ------
    ParamError
        If the kind given by the user does not exist.
    """
    if given:
        if given not in COVERAGE_KINDS:
            raise ParamError(f"no kind {given!r}", where="kind", hint=", ".join(COVERAGE_KINDS))
        return given, ()
    if dataset.driver == "SRTMHGT":
        return "terrain", ()
    told = " ".join([path.stem, *(text or "" for text in dataset.descriptions)]).lower()
    for kind, words in _WORDS:
        word = re.search(rf"(?<![a-z])(?:{words})(?![a-z])", told)
        if word and _fits(kind, dataset):
            return kind, ()
    kind = _kind_by_values(dataset, found)
    message = f"taken as {kind} because of its bands and values"
    low = min(each.minimum for each in found if each.minimum is not None)
    high = max(each.maximum for each in found if each.maximum is not None)
    evidence = f"{dataset.count} x {dataset.dtypes[0]}, {low:g} to {high:g}"
    hint = "say it with the option kind"
    return kind, (Finding("info", "kind_guessed", message, hint, evidence, {"kind": kind}),)


def _fits(kind: str, dataset: Any) -> bool:
    return dataset.count == 1 or kind in {"imagery", "other"}


def _kind_by_values(dataset: Any, found: list[Statistics]) -> str:
    first, dtype = found[0], dataset.dtypes[0]
    if dataset.count >= 3:
        return "imagery" if dtype in {"uint8", "uint16"} else "other"
    if dataset.count == 1 and dataset.colorinterp[0] == ColorInterp.palette:
        return "land_cover" if len(first.values or range(256)) <= FEW_CLASSES else "imagery"
    if dataset.count == 1 and dtype in {"int16", "int32", "float32", "float64"}:
        low, high = first.minimum or 0.0, first.maximum or 0.0
        metres = (dataset.units[0] or "").lower() in {"m", "metre", "meter", "metres", "meters"}
        if LAND[0] <= low and high <= LAND[1] and (metres or high - low >= 2):
            return "terrain"
    return "other"


_DATE_TAGS: Final = (
    "time_start", "DATE", "ACQUISITION_DATE", "DATE_ACQUIRED", "PRODUCT_START_TIME",
    "SENSING_TIME", "TIFFTAG_DATETIME",
)  # fmt: skip
_NAME_DAYS: Final = (
    r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<sep>[-_.]?)(?P<m>0[1-9]|1[0-2])(?P=sep)(?P<d>[0-2]\d|3[01])(?!\d)",
    r"(?<!\d)(?P<y>(?:19|20)\d\d)[-_.]?(?P<m>0[1-9]|1[0-2])(?!\d)",
    r"(?<![\d.])(?P<y>(?:19|20)\d\d)(?![\d.])",
)


def day_of(path: Path, dataset: Any, given: str) -> date | None:
    """The day that the raster shows: the user's, in its name, or in its tags; None if unknown.

    Raises
    ------
    ParamError
        If the user's is no day.
    """
    if given:
        found = _day(given)
        if found is None:
            raise ParamError(f"{given!r} is no day", where="valid_from", hint="such as 2021-05-30")
        return found
    whole, *rough = [_named_day(pattern, path.stem) for pattern in _NAME_DAYS]
    tags = dataset.tags()
    tagged = [tags[tag].replace(":", "-", 2) for tag in _DATE_TAGS if tag in tags]
    days = (_day(text) for text in [whole, *tagged, *rough])
    return next((day for day in days if day is not None), None)


def _named_day(pattern: str, name: str) -> str:
    found = re.search(pattern, name)
    parts = found.groupdict() if found else {}
    return "-".join(parts[key] for key in "ymd" if key in parts)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(values.day(text))
    except NotUnderstoodError:
        return None
