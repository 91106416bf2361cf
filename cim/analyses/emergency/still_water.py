"""Depth of still water at buildings: the first, quickest look at a flood."""

from typing import Annotated

import numpy as np
import pandas as pd
import shapely

from cim import geodesy
from cim.analysis import Outcome, analysis
from cim.declare import Param
from cim.errors import InputError
from cim.grid import sampled
from cim.model import CityModel
from cim.schema import Column


@analysis(
    title="Still water",
    title_zh="静水淹没",
    reads=("Building", "BuildingPart"),
    writes=(
        Column("water_depth", "real", "m", "Depth of water above the ground at the building"),
        Column("ground_height", "real", "m", "Ground height that the depth was taken from"),
    ),
    source="Level minus ground (the bathtub method); it ignores how the water gets there.",
)
def still_water(
    city: CityModel,
    water_level: Annotated[
        float, Param("Level of the water above the city's datum", "m", -500, 9000, "水位")
    ],
    freeboard: Annotated[
        float, Param("Height of the doorstep above the ground", "m", 0, 5, "台阶高度")
    ] = 0.0,
) -> Outcome:
    """Depth of still water at every building, ignoring how the water gets there.

    The ground is the building's own ground height, else the terrain under its centre. Where
    neither is known the depth is unknown, never 0: a gap is not dry land.

    Raises
    ------
    InputError
        If no ground height is known at all.
    """
    objects = city.objects
    ground = objects["ground_height"].to_numpy(float).copy()
    gaps = np.isnan(ground)
    terrain = city.coverage("terrain")
    if gaps.any() and terrain is not None:
        centre = shapely.centroid(objects.geometry.to_numpy()[gaps])
        ground[gaps] = sampled(
            terrain, geodesy.authority(city.crs), shapely.get_x(centre), shapely.get_y(centre)
        )
    if len(objects) and np.isnan(ground).all():
        raise InputError(
            "no ground height is known", where="still_water", hint="load a terrain raster"
        )
    depth = np.maximum(water_level - (ground + freeboard), 0.0)  # NaN stays NaN
    table = pd.DataFrame({"water_depth": depth, "ground_height": ground}, index=objects.index)
    facts = {
        "buildings": len(objects),
        "flooded": int((depth > 0).sum()),
        "unknown": int(np.isnan(depth).sum()),
        "deepest_m": float(np.nanmax(depth)) if len(depth) else None,
    }
    return Outcome(table, facts)
