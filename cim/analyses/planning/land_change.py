"""What changed between two images of a city, and whether its buildings explain it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes as polygons_of
from rasterio.features import sieve
from rasterio.windows import Window

from cim import geodesy
from cim.analysis import Outcome, analysis
from cim.declare import Param
from cim.errors import InputError
from cim.images import (
    Made,
    band_numbers,
    image_of,
    made_coverage,
    reflectances,
    side_by_side,
    strips,
)
from cim.model import CityModel, Coverage
from cim.schema import Column
from cim.zones import zonal_statistics

NORMAL: Final = 1.4826
"""Standard deviation of a normal distribution for each unit of median absolute deviation."""

CELLS: Final = 400_000_000
"""Cells above which an image is too large to be compared at once."""

TOUCHED: Final = 0.3
"""Part of a footprint, or of a changed area, above which the two belong together."""

BARE: Final = 0.2
"""NDVI below which ground has next to no plants: roofs, pavement, earth."""

KINDS: Final = ("built", "removed", "new_candidate", "removed_candidate", "other")


@analysis(
    title="Change between two images",
    title_zh="两期影像变化",
    reads=("Building",),
    writes=(
        Column("kind", "text", "", "What the city's buildings say of it: " + ", ".join(KINDS)),
        Column("area", "real", "m2", "Changed area"),
        Column("magnitude", "real", "1", "Mean change of reflectance over its cells"),
        Column("green", "real", "1", "NDVI of its mean in the second image; unknown without NIR"),
        Column("greener", "real", "1", "That less the NDVI in the first image"),
        Column("buildings", "text", "", "Identifiers of the buildings in it"),
        Column("x", "real", "m", "Easting of a point in it, in the city's CRS"),
        Column("y", "real", "m", "Northing of that point"),
        Column("outline", "text", "", "Its outline as WKT in the city's CRS"),
    ),
    source=(
        "Root mean square over bands of (after - before) / (after + before); changed is what lies"
        " above median + k x 1.4826 x median absolute deviation (Leys et al. 2013,"
        " doi:10.1016/j.jesp.2013.03.013), or above a threshold that is given."
    ),
    makes_coverages=True,
)
def land_change(  # noqa: PLR0913, PLR0917  one argument for each parameter
    city: CityModel,
    work: Path,
    before: Annotated[
        str,
        Param("Day of the first image (ISO 8601); the earliest one if empty", help_zh="前期日期"),
    ] = "",
    after: Annotated[
        str, Param("Day of the second image; the latest one if empty", help_zh="后期日期")
    ] = "",
    threshold: Annotated[
        float | None,
        Param(
            "Change that counts, 0 to 1; found from the images if not given", "1", 0, 1, "变化阈值"
        ),
    ] = None,
    deviations: Annotated[
        float,
        Param("Robust standard deviations above which it counts", "1", 1, 50, "稳健标准差倍数"),
    ] = 6.0,
    min_area: Annotated[
        float, Param("Smallest changed area that is told", "m2", 0, 1e9, "最小面积")
    ] = 100.0,
) -> Outcome:
    """Areas that look different in two images, each with what the city's buildings say of it.

    ``built``: a building of the city began between the days; ``removed``: one ended.
    ``new_candidate``: not green afterwards, and the city has no building there.
    ``removed_candidate``: it takes in most of a building that the city has on both days.
    ``other``: the rest, such as fields and shadows. A building of unknown dates counts as
    standing on both days. Candidates are for someone to look at: crops and shadows change too.

    Raises
    ------
    InputError
        If there are not two images, or they share no bands.
    """
    pair = _pair(city, before, after)
    names = _shared(pair)
    with side_by_side(*pair) as files:
        bands = band_numbers(pair[0], names), band_numbers(pair[1], names)
        limit = threshold if threshold is not None else _limit(files, bands, deviations)
        changed = _Changed(np.zeros(files[0].shape, np.uint8), limit)
        days = [each.valid_from.isoformat() if each.valid_from else "?" for each in pair]
        made = Made(f"change {days[0]} {days[1]}", "index", "change", beside=pair[1:])
        coverage, _ = made_coverage(pair[0], made, _measured(files, bands, changed), work)
        shapes = changed.areas(files[0], geodesy.authority(city.crs), pair[0].crs, min_area)
    table = _table(shapes, coverage, pair, geodesy.authority(city.crs))
    table = table.assign(**_explained(city, shapes, table["green"].to_numpy(), pair))
    facts = {
        "before": days[0],
        "after": days[1],
        "threshold": limit,
        "areas": len(table),
        "changed_m2": float(table["area"].sum()),
        "changed_share": float(changed.mask.mean()),
    } | {f"{kind}_areas": int((table["kind"] == kind).sum()) for kind in KINDS}
    return Outcome(table, facts, (coverage,))


def _pair(city: CityModel, before: str, after: str) -> tuple[Coverage, Coverage]:
    dated = sorted(
        (each for each in city.coverages if each.kind == "imagery" and each.valid_from),
        key=lambda each: each.valid_from or date.min,
    )
    first = image_of(city, before) if before or not dated else dated[0]
    last = image_of(city, after) if after or not dated else dated[-1]
    if first.path == last.path:
        hint = "load a second image; its day is in its name or given with valid_from"
        raise InputError("two images of different days are needed", where="after", hint=hint)
    return first, last


def _shared(pair: tuple[Coverage, Coverage]) -> list[str]:
    """Names of the bands that both images have, those of the surface only."""
    known = [[str(band.get("name", "")).lower() for band in each.bands] for each in pair]
    shared = [name for name in known[0] if name in known[1] and name != "alpha"]
    if not shared:
        told = " and ".join(", ".join(names) for names in known)
        hint = "load them anew and say which band is which"
        raise InputError(f"they share no band: {told}", where=pair[1].name, hint=hint)
    return shared


Files = tuple[Any, Any]
Bands = tuple[Sequence[int], Sequence[int]]


def _limit(files: Files, bands: Bands, deviations: float) -> float:
    """The magnitude above which few cells lie that did not change."""
    from cim.kernels.indices import change_magnitude  # noqa: PLC0415  # compiles

    one, other = (
        reflectances(file, chosen, None) for file, chosen in zip(files, bands, strict=True)
    )
    found = change_magnitude(one, other).ravel()
    found = found[~np.isnan(found)]
    if not len(found):
        raise InputError("the images have no ground in common", where="after", hint="other days")
    middle = float(np.median(found))
    return middle + deviations * NORMAL * float(np.median(np.abs(found - middle)))


def _measured(
    files: Files, bands: Bands, changed: "_Changed"
) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """Magnitudes window by window, noted in `changed` on the way."""
    from cim.kernels.indices import change_magnitude  # noqa: PLC0415  # compiles

    for window in strips(files[0], 2 * len(bands[0])):
        one, other = (
            reflectances(file, chosen, window) for file, chosen in zip(files, bands, strict=True)
        )
        values = change_magnitude(one, other)
        changed.note(window, values)
        yield window, values


@dataclass(frozen=True, slots=True, eq=False)
class _Changed:
    """Cells that changed."""

    mask: NDArray[np.uint8]
    limit: float

    def __post_init__(self) -> None:
        if self.mask.size > CELLS:
            size = f"{self.mask.shape[1]} by {self.mask.shape[0]} cells"
            raise InputError(f"{size} are too many", where="before", hint="load a part of them")

    def note(self, window: Window, values: NDArray[np.float32]) -> None:
        """Remember which cells of a window lie above the limit."""
        rows = slice(window.row_off, window.row_off + window.height)
        self.mask[rows] = values > self.limit

    def areas(
        self, file: Any, city_crs: str, image_crs: str, min_area: float
    ) -> NDArray[np.object_]:
        """Connected areas that are large enough, in the city's CRS."""
        mask = self.mask
        smallest = int(min_area / max(abs(file.transform.a * file.transform.e), 1e-9))
        if file.crs.is_projected and smallest > 1:
            mask = sieve(mask, smallest)
        found = [
            shapely.geometry.shape(outline)
            for outline, value in polygons_of(mask, mask=mask > 0)
            if value
        ]
        cells = np.array(found, dtype=object)
        ground = shapely.transform(cells, lambda xy: np.column_stack(file.transform @ xy.T))
        moved = shapely.transform(
            ground,
            lambda xy: np.column_stack(geodesy.transform(image_crs, city_crs, xy[:, 0], xy[:, 1])),
        )
        large: NDArray[np.object_] = moved[shapely.area(moved) >= min_area]
        return large


def _table(
    shapes: NDArray[np.object_], change: Coverage, pair: tuple[Coverage, Coverage], crs: str
) -> pd.DataFrame:
    """Area, mean change and greenness of each area, numbered from 1."""
    before, after = (_greenness(each, crs, shapes) for each in pair)
    points = shapely.point_on_surface(shapes)
    return pd.DataFrame(
        {
            "area": shapely.area(shapes),
            "magnitude": zonal_statistics(change, crs, shapes)["mean"].to_numpy(),
            "green": after,
            "greener": after - before,
            "x": shapely.get_x(points),
            "y": shapely.get_y(points),
            "outline": shapely.to_wkt(shapes, rounding_precision=2),
        },
        index=pd.RangeIndex(1, len(shapes) + 1, name="number"),
    )


def _greenness(image: Coverage, crs: str, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """NDVI of the mean reflectances of areas; unknown if the image has no such bands."""
    if not {"nir", "red"} <= {str(band.get("name", "")).lower() for band in image.bands}:
        return np.full(len(shapes), np.nan)
    nir, red = (
        zonal_statistics(image, crs, shapes, band=band)["mean"].to_numpy()
        for band in band_numbers(image, ("nir", "red"))
    )
    total = nir + red
    index: NDArray[np.float64] = np.where(total > 0, (nir - red) / total, np.nan)
    return index


def _explained(
    city: CityModel,
    shapes: NDArray[np.object_],
    green: NDArray[np.float64],
    pair: tuple[Coverage, Coverage],
) -> dict[str, NDArray[np.object_]]:
    """Kind and buildings of each area."""
    footprints = city.objects.geometry.to_numpy()
    began, ended, stood = _lives(city.objects, pair)
    near = np.empty((2, 0), np.int64)
    if len(footprints) and len(shapes):
        near = shapely.STRtree(footprints).query(shapes, predicate="intersects")
    area, building = near
    shared = shapely.area(shapely.intersection(shapes[area], footprints[building]))
    of_building = shared / np.maximum(shapely.area(footprints[building]), 1e-9)
    taken = of_building >= TOUCHED
    covered = np.bincount(area[stood[building]], shared[stood[building]], minlength=len(shapes))
    free = covered < TOUCHED * shapely.area(shapes)
    kinds = np.full(len(shapes), "other", dtype=object)
    kinds[free & ~(green >= BARE)] = "new_candidate"
    for kind, which in (("removed_candidate", stood), ("removed", ended), ("built", began)):
        kinds[area[taken & which[building]]] = kind
    ids = city.objects["object_id"].astype(str).to_numpy()
    named: list[list[str]] = [[] for _ in shapes]
    concerned = taken & (began | ended | stood)[building]
    for at, number in zip(area[concerned].tolist(), building[concerned].tolist(), strict=True):
        named[at].append(ids[number])
    lists = np.array([", ".join(each) for each in named], dtype=object)
    return {"kind": kinds, "buildings": lists}


Flags = NDArray[np.bool_]


def _lives(objects: pd.DataFrame, pair: tuple[Coverage, Coverage]) -> tuple[Flags, Flags, Flags]:
    """Which buildings began between the images, which ended, and which stood on both days."""
    first, last = (np.datetime64(each.valid_from or date.min) for each in pair)
    begin = pd.to_datetime(objects["valid_from"], errors="coerce").to_numpy()
    end = pd.to_datetime(objects["valid_to"], errors="coerce").to_numpy()
    began = (begin > first) & (begin <= last)
    ended = (end > first) & (end <= last)
    stood = ~(begin > first) & ~(end <= last)
    return began, ended, stood
