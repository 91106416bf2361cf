"""Height datums: what joins two of them, and how well that is known.

PROJ passes heights through unchanged where it has no grid, without a word. Here a shift is known
or it is not: 1956 and 1985 are joined by a constant (0.029 m), ellipsoid and sea level by a grid of
the quasi-geoid that the user gives (GTX or GeoTIFF, in degrees of WGS 84 / CGCS2000), and for all
else there is an uncertainty in metres.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import ProjError

from cim.errors import SourceError
from cim.geodesy.offsets import Array

YELLOW_SEA_1985: Final = "EPSG:5737"
YELLOW_SEA_1956: Final = "EPSG:5736"
ELLIPSOID: Final = "ellipsoid"

_NAMES: Final = {
    ELLIPSOID: "ellipsoid|ellipsoidal|epsg:4979|epsg:4480|wgs84 ellipsoid|大地高|椭球高",
    YELLOW_SEA_1985: "epsg:5737|1985国家高程基准|85高程|1985 yellow sea|yellow sea 1985",
    YELLOW_SEA_1956: "epsg:5736|1956年黄海高程系|1956黄海高程|56高程|yellow sea 1956",
}
_BY_NAME: Final = {name: datum for datum, text in _NAMES.items() for name in text.split("|")}

_FROM_1956_TO_1985: Final = -0.029
SUFFIXES: Final = (".gtx", ".tif", ".tiff")
"""Endings of grids of a quasi-geoid."""


@dataclass(frozen=True, slots=True)
class HeightShift:
    """What must be added to heights, or how far off they may be if nobody knows."""

    constant: float = 0.0
    """Metres."""
    grid: Path | None = None
    sign: float = 1.0
    """-1 where the quasi-geoid's height is taken off, as from the ellipsoid to sea level."""
    uncertainty: float = 0.0
    """Metres: how far off heights may still be."""
    known: bool = True

    def at(self, lon: Array, lat: Array) -> Array:
        """(n,) metres to add at places in degrees; NaN outside the grid."""
        if self.grid is None:
            return np.full(len(lon), self.constant)
        return self.constant + self.sign * undulation(self.grid, lon, lat)


def datum_named(text: str) -> str:
    """A height datum by a usual name; other names as they are."""
    return _BY_NAME.get(text.strip().lower(), text.strip())


def height_shift(source: str, target: str, grid: Path | None = None) -> HeightShift | None:
    """What joins heights above `source` with those above `target`; None if they are the same.

    `grid` is the quasi-geoid above the ellipsoid for the sea-level datum of the two.
    """
    one, other = datum_named(source), datum_named(target)
    if not one or not other or one == other:
        return None
    if {one, other} == {YELLOW_SEA_1956, YELLOW_SEA_1985}:
        step = _FROM_1956_TO_1985 if one == YELLOW_SEA_1956 else -_FROM_1956_TO_1985
        return HeightShift(constant=step, uncertainty=0.02)
    if ELLIPSOID in (one, other):
        if grid is None:
            return HeightShift(uncertainty=70.0, known=False)
        return HeightShift(grid=grid, sign=-1.0 if one == ELLIPSOID else 1.0, uncertainty=0.1)
    return HeightShift(uncertainty=2.0, known=False)


def undulation(grid: Path, lon: Array, lat: Array) -> Array:
    """(n,) metres of the quasi-geoid above the ellipsoid; NaN outside the grid.

    Raises
    ------
    SourceError
        If the file is no grid that PROJ reads.
    """
    height = _shifter(str(grid)).transform(lon, lat, np.zeros(len(lon)))[2]
    found = np.asarray(height, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


@lru_cache(maxsize=8)
def _shifter(grid: str) -> Transformer:
    steps = (
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad"
        f' +step +proj=vgridshift +grids="{grid}" +multiplier=1'
        " +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    try:
        return Transformer.from_pipeline(steps)
    except ProjError as error:
        hint = "a GTX or GeoTIFF grid in degrees, as the surveying office gives it"
        raise SourceError(
            "not a grid of a quasi-geoid", where=Path(grid).name, hint=hint
        ) from error


def geoid_in(folder: Path) -> Path | None:
    """The grid that a city keeps in its folder ``geoid``, or None."""
    found: Sequence[Path] = sorted((folder / "geoid").glob("*"))
    return next((each for each in found if each.suffix.lower() in SUFFIXES), None)


def check_grid(path: Path) -> None:
    """Accepts a file that is a grid of a quasi-geoid.

    Raises
    ------
    SourceError
        If it is none, or is not named like one.
    """
    if path.suffix.lower() not in SUFFIXES:
        hint = f"its name must end with {', '.join(SUFFIXES)}"
        raise SourceError("not a grid of a quasi-geoid", where=path.name, hint=hint)
    _shifter(str(path))


def keep_grid(path: Path, folder: Path) -> None:
    """Copy a grid into the folder of a city, where `geoid_in` finds it."""
    (folder / "geoid").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / "geoid" / path.name)
