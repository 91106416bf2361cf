"""A city model as one flat table: a column for each property that any object has."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
CONNECTIONS: Final = ("network", "start_node", "end_node", "node_id")
RESERVED: Final = (
    {each.name for each in COLUMNS}
    | {"geometry", "attributes", "fid", "geom", "oid", "id", "bbox", "ogc_fid"}
    | set(CONNECTIONS)
)
PLAIN: Final = ({bool}, {int}, {float}, {int, float}, {str})
"""Types of values that a column of a table can hold together."""
LON_LAT_DECIMALS: Final = 9
HEIGHT_DECIMALS: Final = 3


def in_wgs84(geometries: Iterable[Any], crs: CRS) -> NDArray[np.object_]:
    """Geometries in longitude and latitude, rounded to a tenth of a millimetre.

    Heights stay as they are, in millimetres.

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


def records(model: CityModel, shown: Collection[str] | None = None) -> Iterator[dict[str, Any]]:
    """What is known of each object, in order; what is unknown is left out.

    Attributes stand beside the columns of the data dictionary. One that has the name of such a
    column, or is not among those `shown` if they are told, is in ``attributes``.
    """
    columns = _columns(model)
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True) if columns else ()
    for row, extra in zip(rows, attributes(model), strict=True):
        record = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        rest: dict[str, Any] = {}
        for key, value in extra.items():
            beside = key not in RESERVED if shown is None else key in shown
            (record if beside else rest)[key] = value
        if rest:
            record["attributes"] = rest
        yield record


def _columns(model: CityModel) -> dict[str, list[Any]]:
    """The dictionary's columns, and how the objects are joined where there is a network."""
    objects = model.objects
    columns = {
        each.name: [_plain(value, each.dtype) for value in objects[each.name]]
        for each in COLUMNS
        if each.name in objects
    }
    joined = connected(model)
    for name in CONNECTIONS if joined else ():
        columns[name] = [joined.get(int(oid), {}).get(name) for oid in objects.index]
    return columns


def connected(model: CityModel) -> dict[int, dict[str, str]]:
    """By oid: the network, and the nodes at the ends of an edge or the node that an object is."""
    found: dict[int, dict[str, str]] = {}
    if len(model.nodes):
        own = model.nodes["object_id"].notna()
        places = zip(model.objects["dataset"], model.objects["object_id"], strict=True)
        numbers = dict(zip(places, model.objects.index.tolist(), strict=True))
        nodes = model.nodes[own]
        pairs = zip(nodes["dataset"], nodes["object_id"], strict=True)
        joins = zip(nodes["network"], nodes["node_id"], strict=True)
        for pair, (network, node) in zip(pairs, joins, strict=True):
            if pair in numbers:
                found[numbers[pair]] = {"network": network, "node_id": node}
    for oid, row in zip(model.edges.index.tolist(), model.edges.to_dict("records"), strict=True):
        found[int(oid)] = {name: row[name] for name in ("network", "start_node", "end_node")}
    return found


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

    An attribute has a column if its values are of one plain type; at most `MOST_ATTRIBUTES`
    have, the most frequent ones. No two names differ only in case, since a GeoPackage could not
    keep them apart. All others stay together as JSON in ``attributes``. A column that is empty
    is left out.
    """
    table = {name: _typed(values) for name, values in _columns(model).items()}
    rows = attributes(model)
    shown = frequent(rows)
    for key in shown:
        table[key] = _typed([row.get(key) for row in rows])
    rest = [{key: row[key] for key in row if key not in shown and row[key] is not None}
            for row in rows]  # fmt: skip
    if any(rest):
        table["attributes"] = _typed([each or None for each in rest])
    frame = pd.DataFrame(table)
    if len(frame):
        frame = frame.dropna(axis="columns", how="all")
    geometry = gpd.GeoSeries(model.objects.geometry.to_numpy(), crs=model.crs)
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=model.crs)


def frequent(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The attributes that can be columns."""
    counts: dict[str, int] = {}
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for key, value in row.items():
            if value is not None:
                counts[key] = counts.get(key, 0) + 1
                kinds.setdefault(key, set()).add(type(value))
    taken = {name.casefold() for name in RESERVED}
    found: list[str] = []
    for key in counts:
        folded = key.strip().casefold()
        if folded and folded == key.casefold() and folded not in taken and kinds[key] in PLAIN:
            taken.add(folded)
            found.append(key)
    return set(sorted(found, key=lambda key: -counts[key])[:MOST_ATTRIBUTES])


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
