"""How much is built, by what it is for or what state it is in."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd

from cim.analysis import Outcome, analysis
from cim.declare import Param
from cim.model import CityModel
from cim.schema import Column

UNKNOWN = "unknown"


@analysis(
    title="Building stock",
    title_zh="建筑存量",
    reads=("Building",),
    writes=(
        Column("buildings", "int", "1", "Buildings in the group"),
        Column("footprint_area", "real", "m2", "Sum of their footprints"),
        Column("volume", "real", "m3", "Sum of footprint × height where the height is known"),
        Column("floor_area", "real", "m2", "Sum of footprint × storeys where these are known"),
        Column("height_unknown", "int", "1", "Buildings whose height is unknown"),
        Column("storeys_unknown", "int", "1", "Buildings whose storeys are unknown"),
    ),
    source="Sums over footprints in the city's projected CRS; nothing is assumed for unknowns.",
)
def building_stock(
    city: CityModel,
    by: Annotated[
        Literal["function", "status", "dataset", "cim_level"],
        Param("What to group by", help_zh="分组依据"),
    ] = "function",
) -> Outcome:
    """Count buildings and sum footprint, volume and floor area by group.

    Buildings of unknown height or storeys add nothing to volume or floor area; how many there
    are stands beside, so that a sum is never taken for complete when it is not.
    """
    objects = city.objects
    area = objects.geometry.area.where(objects.geometry.geom_type.str.endswith("Polygon"))
    figures = pd.DataFrame(
        {
            "group": objects[by].astype(object).where(objects[by].notna(), UNKNOWN).astype(str),
            "buildings": 1,
            "footprint_area": area,
            "volume": area * objects["height"],
            "floor_area": area * objects["storeys_above_ground"],
            "height_unknown": objects["height"].isna().astype(np.int64),
            "storeys_unknown": objects["storeys_above_ground"].isna().astype(np.int64),
        }
    )
    grouped = figures.groupby("group")
    table = grouped.sum(min_count=1).sort_values("buildings", ascending=False)
    facts = {
        "buildings": len(objects),
        "footprint_area_m2": float(area.sum()),
        "height_unknown": int(objects["height"].isna().sum()),
    }
    return Outcome(table, facts)
