"""A city model as one flat table: a column for each property that any object has."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from math import isnan
from typing import Any, Final

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from cim.geodesy import WGS84, horizontal
from cim.model import CityModel
from cim.schema import KEPT_COLUMNS, OBJECT_COLUMNS

COLUMNS: Final = tuple(
    each for each in OBJECT_COLUMNS + KEPT_COLUMNS if each.name not in {"geometry", "attributes"}
)
MOST_ATTRIBUTES: Final = 200
"""Attributes that become columns; OpenStreetMap has thousands of keys, tables cannot."""
RESERVED: Final = {each.name for each in COLUMNS} | {"geometry", "attributes", "fid", "geom", "oid"}
LON_LAT_DECIMALS: Final = 7
HEIGHT_DECIMALS: Final = 3


def in_wgs84(geometries: Iterable[Any], crs: CRS) -> NDArray[np.object_]:
    """Geometries in longitude and latitude, rounded to a centimetre; heights stay as they are.

    Polygons turn as RFC 7946 wants them: outer rings counter-clockwise.
    """
    transformer = Transformer.from_crs(horizontal(crs), WGS84, always_xy=True)

    def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = transformer.transform(points[:, 0], points[:, 1])
        lon_lat = np.round(np.column_stack([lon, lat]), LON_LAT_DECIMALS)
        return np.column_stack([lon_lat, np.round(points[:, 2:], HEIGHT_DECIMALS)])

    column = np.asarray(list(geometries), dtype=object)
    column[pd.isna(column)] = None
    upright = shapely.has_z(column)
    for flag in (False, True):
        column[upright == flag] = shapely.transform(column[upright == flag], moved, include_z=flag)
    return np.asarray(shapely.orient_polygons(column), dtype=object)


def records(model: CityModel) -> Iterator[dict[str, Any]]:
    """What is known of each object, in order; what is unknown is left out.

    Attributes stand beside the columns of the data dictionary; one that has the name of such a
    column becomes ``attributes.<name>``.
    """
    objects = model.objects
    columns = {
        each.name: [_plain(value, each.dtype) for value in objects[each.name]]
        for each in COLUMNS
        if each.name in objects
    }
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True) if columns else ()
    for row, extra in zip(rows, attributes(model), strict=True):
        record = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for key, value in extra.items():
            record[f"attributes.{key}" if key in RESERVED else key] = value
        yield record


def attributes(model: CityModel) -> list[Mapping[str, Any]]:
    """The attributes of each object as a mapping; empty where there are none."""
    if "attributes" not in model.objects:
        return [{}] * len(model.objects)
    return [_mapping(each) for each in model.objects["attributes"]]


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str | bytes):
        value = orjson.loads(value) if value else {}
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any, dtype: str) -> Any:
    if (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (isinstance(value, float) and isnan(value))
    ):
        return None
    if dtype == "int":
        return int(value)
    if dtype == "real":
        return float(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def flat(model: CityModel) -> gpd.GeoDataFrame:
    """One table: the dictionary's columns, then the attributes, in the city's CRS.

    At most `MOST_ATTRIBUTES` attributes, the most frequent ones, become columns; the others stay
    together as JSON in ``attributes``. No two names differ only in case, since a GeoPackage
    could not keep them apart. A column that is empty is left out.
    """
    table: dict[str, pd.Series[Any]] = {}
    for each in COLUMNS:
        if each.name in model.objects:
            values = [_plain(value, each.dtype) for value in model.objects[each.name]]
            table[each.name] = _typed(values)
    rows = attributes(model)
    shown = _frequent(rows)
    taken = {name.casefold() for name in RESERVED}
    for key in shown:
        name = _free(key, taken)
        table[name] = _typed([row.get(key) for row in rows])
    rest = [{key: value for key, value in row.items() if key not in shown} for row in rows]
    if any(rest):
        table["attributes"] = _typed([each or None for each in rest])
    frame = pd.DataFrame(table)
    if len(frame):
        frame = frame.dropna(axis="columns", how="all")
    geometry = gpd.GeoSeries(model.objects.geometry.to_numpy(), crs=model.crs)
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=model.crs)


def _frequent(rows: list[Mapping[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        for key, value in row.items():
            if value is not None:
                counts[key] = counts.get(key, 0) + 1
    if len(counts) <= MOST_ATTRIBUTES:
        return counts
    kept = sorted(counts, key=lambda key: -counts[key])[:MOST_ATTRIBUTES]
    return {key: counts[key] for key in counts if key in set(kept)}


def _free(key: str, taken: set[str]) -> str:
    name, number = key or "unnamed", 1
    while name.casefold() in taken:
        number += 1
        name = f"{key}_{number}"
    taken.add(name.casefold())
    return name


def _typed(values: list[Any]) -> "pd.Series[Any]":
    """A column of one type: truth, whole numbers, numbers or else text (JSON where nested)."""
    known = [each for each in values if each is not None]
    if known and all(isinstance(each, bool) for each in known):
        return pd.Series(values, dtype="boolean")
    if known and all(type(each) is int and abs(each) < 2**63 for each in known):
        return pd.Series(values, dtype="Int64")
    if known and all(type(each) in {int, float} for each in known):
        return pd.Series(values, dtype="float64")
    texts = [_text(each) for each in values]
    return pd.Series(texts, dtype=object)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
