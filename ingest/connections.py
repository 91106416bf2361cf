"""Nodes and edges of a network from features that say which nodes they join."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from cim.geodesy import horizontal, named_crs
from ingest import values
from ingest.attributes import network_named
from ingest.classes import shapes
from ingest.plan import Chunk, Plan

Count = Callable[[str, str, str, int], None]


def connections(
    plan: Plan, chunk: Chunk, objects: pd.DataFrame, count: Count
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """(nodes, edges) of `objects`, with `schema.NODE_COLUMNS` and `EDGE_COLUMNS`; None if none.

    Points are nodes, lines are edges; z is NaN where there is none.
    """
    if not (plan.network or plan.network_fields):
        return None, None
    networks = _networks(plan, chunk)
    kinds = shapes(chunk.geometry)
    nodes = _nodes(plan, chunk, objects, networks, kinds == 0)
    return nodes, _edges(plan, chunk, objects, networks, kinds == 1, count)


def _networks(plan: Plan, chunk: Chunk) -> "pd.Series[Any]":
    field = plan.network_fields.get("network")
    if plan.network or not field:
        return pd.Series([plan.network] * len(chunk), dtype="str")
    return pd.Series(values.words(chunk.table[field], network_named).values)


def _named(plan: Plan, chunk: Chunk, column: str) -> "pd.Series[Any] | None":
    field = plan.network_fields.get(column)
    return pd.Series(values.texts(chunk.table[field]).values) if field else None


def _nodes(
    plan: Plan,
    chunk: Chunk,
    objects: pd.DataFrame,
    networks: "pd.Series[Any]",
    points: NDArray[np.bool_],
) -> pd.DataFrame | None:
    names = _named(plan, chunk, "node_id")
    if names is None and plan.id_field:
        names = objects["object_id"]
    if names is None:
        return None
    chosen = points & (networks.notna() & names.notna()).to_numpy()
    if not chosen.any():
        return None
    places = shapely.get_geometry(chunk.geometry[chosen], 0)  # the first of a MultiPoint
    return pd.DataFrame(
        {
            "network": networks[chosen],
            "node_id": names[chosen],
            "x": shapely.get_x(places),
            "y": shapely.get_y(places),
            "z": shapely.get_z(places),
            "object_id": objects["object_id"][chosen],
        }
    ).reset_index(drop=True)


def _edges(
    plan: Plan,
    chunk: Chunk,
    objects: pd.DataFrame,
    networks: "pd.Series[Any]",
    lines: NDArray[np.bool_],
    count: Count,
) -> pd.DataFrame | None:
    starts, ends = _named(plan, chunk, "start_node"), _named(plan, chunk, "end_node")
    if starts is None or ends is None:
        return None
    joined = (networks.notna() & starts.notna() & ends.notna()).to_numpy()
    loose = int((lines & ~joined).sum())
    count("edge_not_joined", "lines without network, start or end node", "no edge is made", loose)
    chosen = lines & joined
    if not chosen.any():
        return None
    return pd.DataFrame(
        {
            "network": networks[chosen],
            "object_id": objects["object_id"][chosen],
            "start_node": starts[chosen],
            "end_node": ends[chosen],
            "length": lengths(chunk.geometry[chosen], plan.crs),
        }
    ).reset_index(drop=True)


def lengths(lines: NDArray[np.object_], crs: str) -> NDArray[np.float64]:
    """(n,) lengths in metres of lines in `crs`, along the slope where they have Z.

    Longitude and latitude are measured on the ellipsoid; an unknown CRS counts as metres.
    """
    coordinates, owner = shapely.get_coordinates(lines, include_z=True, return_index=True)
    part = _part_numbers(lines)
    together = part[1:] == part[:-1]
    step = np.diff(coordinates, axis=0)
    system = horizontal(named_crs(crs)) if crs else None
    if system is not None and system.is_geographic:
        geod = system.get_geod() or Geod(ellps="WGS84")
        lon, lat = coordinates[:, 0], coordinates[:, 1]
        flat = np.zeros(len(step))
        _, _, flat[together] = geod.inv(
            lon[:-1][together], lat[:-1][together], lon[1:][together], lat[1:][together]
        )
    else:
        factor = system.axis_info[0].unit_conversion_factor if system is not None else 1.0
        flat = np.hypot(step[:, 0], step[:, 1]) * factor
    sloped = np.hypot(flat, np.nan_to_num(step[:, 2]))
    total = np.bincount(owner[1:][together], sloped[together], minlength=len(lines))
    return total.astype(np.float64)


def _part_numbers(lines: NDArray[np.object_]) -> NDArray[np.int64]:
    """(k,) which single line each coordinate belongs to."""
    parts = shapely.get_parts(lines)
    return np.repeat(np.arange(len(parts)), shapely.get_num_coordinates(parts))
