"""Heights of buildings from a surface model and the terrain below it."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim import geodesy
from cim.analysis import Outcome, analysis
from cim.declare import Param
from cim.errors import InputError
from cim.model import CityModel, Coverage
from cim.schema import Column
from cim.zones import zonal_statistics


def measured(table: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Heights and ground heights by oid, and where they come from; nothing that is not above 0."""
    heights = table[["height", "ground_height"]].astype(float)
    source = f"building_heights: {facts['surface']}, {facts['terrain']}"
    return heights[heights["height"] > 0].assign(height_source=source)


@analysis(
    title="Building heights",
    title_zh="建筑高度提取",
    reads=("Building",),
    writes=(
        Column("height", "real", "m", "Roof height less ground height"),
        Column("ground_height", "real", "m", "Low percentile of the terrain in and around it"),
        Column("roof_height", "real", "m", "High percentile of the surface model within it"),
        Column("cells", "real", "1", "Cells of the surface model within it, a sum of parts"),
        Column("difference", "real", "m", "This height less the one that the city has"),
    ),
    source=(
        "Weighted percentiles of surface model and terrain, every cell by the part of it that is"
        " covered; the footprint is drawn in for the roof, since cells at its edge mix roof and"
        " ground."
    ),
    finds=measured,
)
def building_heights(
    city: CityModel,
    roof: Annotated[
        float,
        Param("Percentile of the surface within that is the roof", "%", 50, 100, "屋顶百分位"),
    ] = 95.0,
    ground: Annotated[
        float, Param("Percentile of the terrain that is the ground", "%", 0, 50, "地面百分位")
    ] = 5.0,
    ring: Annotated[
        float, Param("How far around a building its ground reaches", "m", 0, 50, "地面环宽")
    ] = 2.0,
    inset: Annotated[
        float | None,
        Param(
            "How far the roof keeps from the outline; half a cell if not given", "m", 0, 20, "内缩"
        ),
    ] = None,
    least_cells: Annotated[
        float, Param("Cells that must be known of a roof", "1", 0, 1000, "最少像元")
    ] = 3.0,
) -> Outcome:
    """Height and ground height of every building, measured in rasters.

    A building with too few known cells, or without terrain around it, has an unknown height. What
    the city says of a building's height is not changed; the difference stands beside. Kept in the
    data set of the buildings, heights become new versions of those that have none.

    Raises
    ------
    InputError
        If the city has no surface model or no terrain.
    """
    surface, terrain = _rasters(city)
    crs = geodesy.authority(city.crs)
    shapes = city.objects.geometry.to_numpy()
    kept = _cell(surface, crs) / 2 if inset is None else inset
    inner = shapely.buffer(shapes, -kept, join_style="mitre")
    inner = np.where(shapely.is_empty(inner), shapes, inner)
    on_roof = zonal_statistics(surface, crs, inner, quantiles=(roof / 100,))
    around = zonal_statistics(terrain, crs, _around(shapes, ring), quantiles=(ground / 100,))
    seen = on_roof["count"].to_numpy()
    top = on_roof[f"q{roof / 100:g}"].where(seen >= least_cells).to_numpy()
    low = around[f"q{ground / 100:g}"].to_numpy()
    known = city.objects["height"].astype(float).to_numpy()
    table = pd.DataFrame(
        {
            "height": top - low,
            "ground_height": low,
            "roof_height": top,
            "cells": seen,
            "difference": top - low - known,
        },
        index=city.objects.index,
    )
    facts = {
        "buildings": len(table),
        "unknown": int(table["height"].isna().sum()),
        "surface": surface.name,
        "terrain": terrain.name,
        "surface_day": surface.valid_from.isoformat() if surface.valid_from else None,
        "terrain_day": terrain.valid_from.isoformat() if terrain.valid_from else None,
        "median_difference_m": _median(table["difference"]),
        "inset_m": kept,
    }
    return Outcome(table, facts)


def _rasters(city: CityModel) -> tuple[Coverage, Coverage]:
    surface, terrain = city.coverage("surface"), city.coverage("terrain")
    if surface is None or terrain is None:
        missing = "surface model" if surface is None else "terrain"
        hint = "load a point cloud (LAS, LAZ), or a raster of that kind"
        raise InputError(f"the city has no {missing}", where="building_heights", hint=hint)
    return surface, terrain


def _around(shapes: NDArray[np.object_], ring: float) -> NDArray[np.object_]:
    """The shapes with their surroundings."""
    widened: NDArray[np.object_] = shapely.buffer(shapes, ring) if ring else shapes
    return widened


def _cell(coverage: Coverage, crs: str) -> float:
    """Side of a cell in metres, near the middle of the raster."""
    bounds = geodesy.bounds_between(geodesy.WGS84, crs, coverage.bounds)
    wide, high = bounds[2] - bounds[0], bounds[3] - bounds[1]
    return float(np.sqrt(wide / max(coverage.width, 1) * high / max(coverage.height, 1)))


def _median(values: "pd.Series[float]") -> float | None:
    middle = values.median()
    return None if pd.isna(middle) else float(middle)
