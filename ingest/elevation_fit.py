"""Whether heights of a source fit the city's terrain, or are above another datum."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.model import Batch, Coverage, Finding
from cim.schema import CLASSES
from cim.store import Store
from ingest.reader import Reading

_SAMPLE: Final = 400
_LEAST: Final = 10
_NOTICEABLE: Final = 3.0
"""Metres of difference from the terrain below which nothing is said."""
_SPREAD: Final = 0.25
"""Median absolute deviation, as a share of the difference, up to which it is an offset."""
_TIGHT: Final = 1.0
_ON_GROUND: Final = frozenset(
    {"building", "transportation", "land_use", "vegetation", "furniture", "relief"}
)
"""Themes whose objects stand on the ground; pipes and bridges do not."""
_UNDULATION: Final = (-70.0, 12.0)
"""Metres of the quasi-geoid above the ellipsoid in China, least and most."""


def height_findings(store: Store, reading: Reading, batch: Batch) -> Iterator[Finding]:
    """What to say of heights that differ from the city's terrain by much the same everywhere."""
    terrain = [each for each in store.coverages() if each.kind == "terrain"]
    if not terrain or not reading.crs:
        return
    x, y, z = _heights(batch)
    if len(z) < _LEAST:
        return
    differences = z - _ground(terrain, reading.crs, x, y)
    known = differences[np.isfinite(differences)]
    if len(known) < _LEAST:
        return
    offset = float(np.median(known))
    spread = float(np.median(np.abs(known - offset)))
    if abs(offset) < _NOTICEABLE or spread > max(_TIGHT, _SPREAD * abs(offset)):
        return
    sure = spread <= _TIGHT
    fix = {"height_offset": round(-offset, 2)}
    yield Finding(
        "warning",
        "height_offset" if sure else "height_datum_guessed",
        f"heights are {abs(offset):.1f} m {'above' if offset > 0 else 'below'} the city's terrain"
        " throughout: another height datum?",
        f"add {-offset:+.2f} m if they are to lie on the ground",
        f"median of {len(known)} objects {offset:+.2f} m, median deviation {spread:.2f} m"
        + _datum(offset),
        fix,
    )


def _datum(offset: float) -> str:
    """What datum would explain an offset."""
    low, high = _UNDULATION
    if low <= offset <= high:
        return (
            "; heights above the ellipsoid differ so where the quasi-geoid is"
            f" {offset:.0f} m from it"
        )
    return ""


def _heights(
    batch: Batch,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(x, y, z) of some objects that stand on the ground, in the source's CRS."""
    objects = batch.objects
    standing = objects["class"].map(_stands).to_numpy(bool)
    chosen = np.flatnonzero(standing)[:: max(1, int(standing.sum()) // _SAMPLE)]
    rows = objects.iloc[chosen]
    shapes = np.asarray(rows["geometry"], object)
    there = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)
    rows, shapes = rows[there], shapes[there]
    if "ground_height" in rows:
        z = pd.to_numeric(rows["ground_height"], errors="coerce").to_numpy(float)
    else:
        z = _lowest(shapes)
    known = np.isfinite(z)
    points = shapely.point_on_surface(shapely.force_2d(shapes[known]))
    return shapely.get_x(points), shapely.get_y(points), z[known]


def _stands(name: str) -> bool:
    return CLASSES[name].theme in _ON_GROUND if name in CLASSES else False


def _lowest(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """The lowest Z of each shape; NaN where there is none."""
    points, owner = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    lowest = np.full(len(shapes), np.inf)
    np.fmin.at(lowest, owner, points[:, 2])
    lowest[~np.isfinite(lowest)] = np.nan
    return lowest


def _ground(
    terrain: list[Coverage], crs: str, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Heights of the terrain at points in `crs`, from the first raster that knows them."""
    from cim.grid import sampled  # noqa: PLC0415  rasterio takes long to import

    ground = np.full(len(x), np.nan)
    for coverage in terrain:
        unknown = np.isnan(ground)
        if unknown.any():
            ground[unknown] = sampled(coverage, crs, x[unknown], y[unknown])
    return ground
