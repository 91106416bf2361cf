"""What a right loader must find in the delivery, counted from the arrays it was written from."""

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from kaifeng.frame import lonlat

DATES: Final = ("2015-01-01", "2025-06-01", "2030-06-01")
"""Days on which the buildings that stand are counted."""


def bounds(geometries: Any) -> list[float]:
    """West, south, east, north in degrees of the finite geometries."""
    xy = shapely.get_coordinates(geometries)
    degrees = lonlat(xy[np.isfinite(xy).all(axis=1)])
    return [float(each) for each in np.round([*degrees.min(axis=0), *degrees.max(axis=0)], 7)]


def _counted(values: pd.Series) -> dict[str, int]:
    return {str(key): int(number) for key, number in values.value_counts().sort_index().items()}


def of_table(
    table: pd.DataFrame, class_name: str, rejected: int = 0, repaired: int = 0
) -> dict[str, Any]:
    """Objects, classes, area or length, and bounds of one data set."""
    shapes = table["geometry"].to_numpy()
    names = table["class"] if "class" in table else pd.Series([class_name] * len(table))
    kept = len(table) - rejected
    found: dict[str, Any] = {"objects": kept, "rejected": rejected, "repaired": repaired}
    if rejected:
        found["classes"] = {class_name: kept}
    else:
        found["classes"] = _counted(names)
        found["bbox"] = bounds(shapes)
    return found


def valid_on(table: pd.DataFrame, day: date) -> int:
    """How many rows are true on that day; an unknown beginning or end counts as unlimited."""
    begun = [each is None or each <= day for each in table["valid_from"]]
    ends = table["valid_to"] if "valid_to" in table else [None] * len(table)
    gone = [each is not None and each <= day for each in ends]
    return sum(b and not g for b, g in zip(begun, gone, strict=True))


def of_buildings(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Totals over all tables of buildings, planned and demolished ones included."""
    everything = pd.concat(tables.values(), ignore_index=True)
    existing = everything[everything["status"] == "existing"]
    area = shapely.area(existing["geometry"].to_numpy())
    # the shapefile says the use in Chinese, the GeoPackages in English
    given = existing["function"].where(existing["part"] != "old", existing["use"])
    return {
        "count": len(everything),
        "existing": len(existing),
        "footprint_m2": round(float(area.sum()), 1),
        "gross_floor_m2": round(float((area * existing["storeys"].to_numpy()).sum()), 1),
        "volume_m3": round(float((area * existing["height"].to_numpy()).sum()), 1),
        "by_function": _counted(existing["function"]),
        "by_function_as_delivered": _counted(given),
        "by_status": _counted(everything["status"]),
        "valid_on": {day: valid_on(everything, date.fromisoformat(day)) for day in DATES},
    }


def of_networks(tables: list[pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """Edges and their length in metres, measured in the plane, by network."""
    found: dict[str, dict[str, Any]] = {}
    for table in tables:
        lengths = pd.Series(shapely.length(table["geometry"].to_numpy()), index=table.index)
        for network, rows in lengths.groupby(table["network"]):
            length = round(float(rows.sum()), 2)
            found[str(network)] = {"edges": len(rows), "length_m": length}
    return found


def of_grid(grid: Any) -> dict[str, Any]:
    """Size, least, greatest and mean value, and the sum of a raster."""
    values = np.asarray(grid, dtype=float)
    return {
        "shape": list(values.shape),
        "minimum": round(float(values.min()), 3),
        "maximum": round(float(values.max()), 3),
        "mean": round(float(values.mean()), 4),
        "sum": round(float(values.sum()), 1),
    }
