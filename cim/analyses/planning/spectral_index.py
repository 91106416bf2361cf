"""Plants, water and built-up ground from the bands of a satellite image."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from cim import geodesy
from cim.analysis import Outcome, analysis
from cim.declare import Param
from cim.images import Made, band_numbers, image_of, made_coverage, strips
from cim.model import CityModel, Coverage
from cim.schema import Column
from cim.zones import zonal_statistics

INDICES: Final[Mapping[str, tuple[str, str]]] = {
    "NDVI": ("nir", "red"),
    "NDWI": ("green", "nir"),
    "NDBI": ("swir1", "nir"),
}
"""Index → the two bands whose normalised difference it is."""


@analysis(
    title="Spectral index",
    title_zh="光谱指数",
    reads=("LandUse", "PlantCover"),
    writes=(
        Column("mean", "real", "1", "Mean of the index over the area"),
        Column("cells", "real", "1", "Cells of the image in it, a sum of parts"),
    ),
    source=(
        "(a - b) / (a + b). NDVI of near infrared and red: Tucker 1979,"
        " doi:10.1016/0034-4257(79)90013-0. NDWI of green and near infrared: McFeeters 1996,"
        " doi:10.1080/01431169608948714. NDBI of short-wave and near infrared: Zha et al. 2003,"
        " doi:10.1080/01431160304987."
    ),
    makes_coverages=True,
)
def spectral_index(
    city: CityModel,
    work: Path,
    index: Annotated[
        Literal["NDVI", "NDWI", "NDBI"],
        Param("Plants (NDVI), open water (NDWI) or built-up ground (NDBI)", help_zh="指数"),
    ] = "NDVI",
    day: Annotated[
        str, Param("Day of the image (ISO 8601); the latest one if empty", help_zh="影像日期")
    ] = "",
) -> Outcome:
    """An index of vegetation, water or built-up ground from one image, and its mean by area.

    Reflectances are taken with the image's own scale and offset. Where nothing is reflected, or
    the image has no value, the index is unknown.

    Raises
    ------
    InputError
        If the city has no image of that day, or the image lacks a band.
    """
    image = image_of(city, day, INDICES[index])
    with rasterio.open(image.path) as source:
        pieces = computed(source, band_numbers(image, INDICES[index]))
        made = Made(f"{index} {image.valid_from or ''}".strip(), "index", index)
        coverage, sums = made_coverage(image, made, pieces, work)
    known = sums["known"]
    facts = {
        "image": image.name,
        "day": image.valid_from.isoformat() if image.valid_from else None,
        "mean": sums["total"] / known if known else None,
        "minimum": sums["minimum"] if known else None,
        "maximum": sums["maximum"] if known else None,
        "unknown_share": 1 - known / sums["cells"],
    }
    return Outcome(_by_area(city, coverage), facts, (coverage,))


def computed(source: Any, bands: tuple[int, ...]) -> Iterator[tuple[Window, NDArray[np.float32]]]:
    """The normalised difference of two bands of an open image, window by window."""
    from cim.kernels.indices import normalised_difference  # noqa: PLC0415  # compiles

    first, second = bands
    factors = (
        float(source.scales[first - 1]), float(source.offsets[first - 1]),
        float(source.scales[second - 1]), float(source.offsets[second - 1]),
    )  # fmt: skip
    nodata = np.nan if source.nodata is None else float(source.nodata)
    masked = MaskFlags.per_dataset in source.mask_flag_enums[first - 1]
    for window in strips(source, 2):
        pair = source.read([first, second], window=window)
        values = normalised_difference(pair[0], pair[1], factors, nodata)
        if masked:
            values[source.dataset_mask(window=window) == 0] = np.nan
        yield window, values


def _by_area(city: CityModel, coverage: Coverage) -> pd.DataFrame:
    """Mean index of every area of the city, indexed by oid."""
    shapes = city.objects.geometry.to_numpy()
    found = zonal_statistics(coverage, geodesy.authority(city.crs), shapes)
    table = found[["mean", "count"]].rename(columns={"count": "cells"})
    return table.set_index(city.objects.index)
