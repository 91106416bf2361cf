"""How deep pipes lie: the ground above a line less the line's own height."""

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
    title="Cover depth",
    title_zh="覆土深度",
    reads=("Pipe", "Cable", "Canal"),
    writes=(
        Column("cover_min", "real", "m", "Least cover along the line"),
        Column("cover_max", "real", "m", "Greatest cover along the line"),
        Column("points", "int", "1", "Points along the line where the cover is known"),
    ),
    source="Terrain less the line's Z at points along it; Z is taken as the source gives it.",
)
def cover_depth(
    city: CityModel,
    spacing: Annotated[
        float, Param("Distance between the points looked at", "m", 0.5, 1000, "取样间距")
    ] = 10.0,
) -> Outcome:
    """Least and greatest cover of every underground line.

    A line without Z, or without terrain above it, has an unknown cover.

    Raises
    ------
    InputError
        If the city has no terrain.
    """
    terrain = city.coverage("terrain")
    if terrain is None:
        raise InputError(
            "the city has no terrain", where="cover_depth", hint="load a terrain raster"
        )
    shapes = city.objects.geometry.to_numpy()
    usable = shapely.has_z(shapes)
    lines = shapely.segmentize(np.where(usable, shapes, None), spacing)
    points, owner = shapely.get_coordinates(lines, include_z=True, return_index=True)
    ground = sampled(terrain, geodesy.authority(city.crs), points[:, 0], points[:, 1])
    cover = pd.Series(ground - points[:, 2]).dropna()
    grouped = cover.groupby(owner[cover.index.to_numpy()])
    table = pd.DataFrame(
        {"cover_min": grouped.min(), "cover_max": grouped.max(), "points": grouped.size()}
    ).reindex(range(len(shapes)))
    table["points"] = table["points"].fillna(0).astype(np.int64)
    table.index = city.objects.index
    facts = {
        "lines": len(shapes),
        "unknown": int(table["cover_min"].isna().sum()),
        "above_ground": int((table["cover_min"] < 0).sum()),
        "cover_min_m": float(cover.min()) if len(cover) else None,
    }
    return Outcome(table, facts)
