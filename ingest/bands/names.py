"""What the bands of an image show, by their names or by the sensor that took it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from rasterio.enums import ColorInterp

from cim.errors import ParamError
from cim.model import Finding

SENTINEL_2: Final[Mapping[str, str]] = MappingProxyType(
    {"B2": "blue", "B3": "green", "B4": "red", "B8": "nir", "B11": "swir1", "B12": "swir2"}
)
OLI: Final[Mapping[str, str]] = MappingProxyType(
    {"B2": "blue", "B3": "green", "B4": "red", "B5": "nir", "B6": "swir1", "B7": "swir2"}
)
"""Landsat 8 and 9."""
TM: Final[Mapping[str, str]] = MappingProxyType(
    {"B1": "blue", "B2": "green", "B3": "red", "B4": "nir", "B5": "swir1", "B7": "swir2"}
)
"""Landsat 4 to 7."""

SPECTRAL: Final = ("blue", "green", "red", "nir", "swir1", "swir2")
"""Names of bands in the order of their wavelengths."""

_CODE: Final = re.compile(r"(?:^|[_\s])B0?(1[0-2]|[1-9])(A?)(?:$|[_\s])", re.IGNORECASE)

_STACKS: Final = (
    (r"(?<![a-z])(?:l7|le0?7|lt0?[45]|etm|tm)", 6, SPECTRAL),
    (r"(?<![a-z])(?:l8|l9|lc0?[89]|oli)", 7, ("coastal", *SPECTRAL)),
    (r"(?<![a-z])(?:l8|l9|lc0?[89]|oli)", 6, SPECTRAL),
    (r"(?<![a-z])(?:s2|sentinel.?2|msi)", 6, SPECTRAL),
    (r"(?<![a-z])(?:s2|sentinel.?2|msi)", 4, SPECTRAL[:4]),
    (r"(?<![a-z])(?:gf[1267]|gaofen|zy.?3|zy.?1|sv.?1|jl1|planet|psscene)", 4, SPECTRAL[:4]),
    (r"(?<![a-z])naip", 4, ("red", "green", "blue", "nir")),
)
"""Sensor in a file's name, number of bands, and what they are in their usual order."""


def band_names(
    path: Path, dataset: Any, given: Mapping[str, str]
) -> tuple[list[str], Iterable[Finding]]:
    """A name for each band, and what to say where it is only the usual order of a sensor.

    `given` are the user's: number or name of the band → ``blue``, ``green``, ``red``, ``nir`` …

    Raises
    ------
    ParamError
        If the user names a band that is not there.
    """
    stated = [
        dataset.descriptions[at] or _colour_name(dataset.colorinterp[at], at)
        for at in range(dataset.count)
    ]
    if given:
        return _renamed(stated, given), ()
    if any(dataset.descriptions):
        return _spoken(stated, path.stem), ()
    for words, count, names in _STACKS:
        if dataset.count == count and re.search(words, path.stem.lower()):
            fix = {"fields": {str(at): name for at, name in enumerate(names, 1)}}
            message = f"its bands were taken as {', '.join(names)}"
            evidence = f"{count} bands without names, in a file called {path.stem}"
            hint = "say what each band is if the order is another"
            return list(names), (Finding("info", "bands_named", message, hint, evidence, fix),)
    return stated, _unnamed(dataset)


def _unnamed(dataset: Any) -> Iterable[Finding]:
    coloured = ColorInterp.red in dataset.colorinterp
    if dataset.count < 4 or (coloured and dataset.count == 4):
        return
    message = f"nobody says what its {dataset.count} bands show: it gives no vegetation index"
    yield Finding("info", "bands_unnamed", message, "name the bands: 1 = blue, 2 = green …")


def _colour_name(colour: ColorInterp, number: int) -> str:
    named = colour in {ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha}
    return colour.name if named else f"band {number + 1}"


def _renamed(stated: Sequence[str], given: Mapping[str, str]) -> list[str]:
    names = list(stated)
    for band, name in given.items():
        if band in stated:
            names[stated.index(band)] = name
        elif band.isdigit() and 1 <= int(band) <= len(names):
            names[int(band) - 1] = name
        else:
            hint = f"there are {', '.join(stated)}, or their numbers"
            raise ParamError(f"no band {band!r}", where="fields", hint=hint)
    return names


def _spoken(stated: Sequence[str], stem: str) -> list[str]:
    """Codes such as ``B04`` or ``SR_B4`` as words, where the sensor is plain."""
    codes = [_CODE.search(each) for each in stated]
    short = [f"B{code[1]}{code[2].upper()}" if code else "" for code in codes]
    known = _sensor(short, stem.lower())
    return [
        known.get(code, name) if code else name for code, name in zip(short, stated, strict=True)
    ]


def _sensor(codes: Sequence[str], stem: str) -> Mapping[str, str]:
    if re.search(r"(?<![a-z])(?:l8|l9|lc0?[89])", stem):
        return OLI
    if re.search(r"(?<![a-z])(?:l7|le0?7|lt0?[45])", stem):
        return TM
    sentinel = {"B8A", "B12"} & set(codes) or re.search(r"(?<![a-z])(?:s2|t\d\d[a-z]{3}_)", stem)
    return SENTINEL_2 if sentinel else {}
