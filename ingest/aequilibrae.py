"""Traffic models of AequilibraE: links with capacities, nodes and zones, as a road network."""

import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import pyogrio
import shapely

from cim.model import Batch, Finding
from ingest.connections import lengths
from ingest.features import Log
from ingest.gdal_layers import gdal_said
from ingest.guard import UNPACKING
from ingest.inp import is_known
from ingest.osm import tags as osm_tags
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.referencing import locate

DATABASE: Final = "project_database.sqlite"
MATRICES: Final = (".omx", ".aem")
NEEDED: Final = frozenset({"links", "nodes"})
CONNECTOR: Final = "centroid_connector"
"""Type of the links that join a zone to the streets and are no street."""

UNPACKED_LIMIT: Final = 8 << 30
"""Bytes that the database may unpack to."""


def open_aequilibrae(path: Path, options: ReadOptions, work: Path) -> Reading:
    """The reading of a project, zipped or its database alone.

    Links are roads (tracks where their OpenStreetMap type says so) and edges from ``a_node`` to
    ``b_node``; nodes are those of the network, and zones are places. Matrices of trips are not
    read.

    Raises
    ------
    SourceError
        If it cannot be unpacked or opened.
    """
    log = Log()
    database = _unpacked(path, work, log)
    with gdal_said(path, log):
        tables = {name: _table(path, database, name) for name in _layers(database)}
    for name, needed in _NEEDED.items():
        missing = needed - set(tables.get(name, ()))
        if missing:
            problem = f"its table {name} is not there or lacks {', '.join(sorted(missing))}"
            raise refuse(path, problem, "save the project again with AequilibraE")
    links = tables["links"]
    crs = links.crs.to_string() if links.crs is not None else ""
    place = locate(crs, "file" if crs else "", options.crs, shapely.bounds(links.geometry))
    log.findings += place.findings
    return Reading(
        place.crs,
        place.source,
        _batches(tables, place.crs, options.network or "road", log),
        total=len(links) + len(tables.get("zones", ())),
        rejected=log.rejected,
        findings=log.findings,
    )


_NEEDED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "links": frozenset({"link_id", "a_node", "b_node", "link_type"}),
        "nodes": frozenset({"node_id"}),
    }
)
"""Columns without which there is no network."""


def _unpacked(path: Path, work: Path, log: Log) -> Path:
    if not zipfile.is_zipfile(path):
        return path
    try:
        with zipfile.ZipFile(path) as packed:
            names = {PurePosixPath(each).name: each for each in packed.namelist()}
            if packed.getinfo(names[DATABASE]).file_size > UNPACKED_LIMIT:
                raise refuse(path, "its database is too large", "unpack it and load the database")
            with packed.open(names[DATABASE]) as stream, (work / DATABASE).open("wb") as copy:
                while block := stream.read(1 << 20):
                    copy.write(block)
    except UNPACKING as error:
        raise refuse(path, f"it cannot be unpacked: {error}", "get it again") from error
    matrices = sorted(each for each in names if each.lower().endswith(MATRICES))
    if matrices:
        message = f"matrices of trips between zones are not read: {', '.join(matrices)}"
        log.note(Finding("info", "matrices_left_out", message))
    return work / DATABASE


def _layers(database: Path) -> list[str]:
    there = {str(name) for name, _ in pyogrio.list_layers(database)}
    return [name for name in ("links", "nodes", "zones") if name in there]


def _table(path: Path, database: Path, name: str) -> Any:
    """A table with its shapes; values are SQLite's own, which its declared types may belie."""
    shapes = pyogrio.read_dataframe(database, layer=name, columns=[], fid_as_index=True)
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            rows = pd.read_sql_query(f'SELECT rowid AS fid, * FROM "{name}"', opened)
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise refuse(path, f"its database is damaged: {error}", "get it again") from error
    rows = rows.drop(columns=["geometry", "ogc_fid"], errors="ignore").set_index("fid")
    return shapes.join(rows).reset_index(drop=True)


def _batches(tables: dict[str, Any], crs: str, network: str, log: Log) -> Iterator[Batch]:
    try:
        yield _links(tables, crs, network, log)
        if "zones" in tables and len(tables["zones"]):
            yield _zones(tables["zones"])
    finally:
        log.close()


def _links(tables: dict[str, Any], crs: str, network: str, log: Log) -> Batch:
    links, nodes = tables["links"], tables["nodes"]
    known = nodes["node_id"]
    joined = (links["a_node"].isin(known) & links["b_node"].isin(known)).to_numpy(bool)
    for at in np.flatnonzero(~joined):
        row = links.iloc[int(at)]
        reason = f"node {row['a_node']} or {row['b_node']}, which it joins, is not there"
        log.reject(f"link/{row['link_id']}", "missing_node", reason)
    links = links[joined].reset_index(drop=True)
    ids = "link/" + links["link_id"].astype(str)
    types = links["link_type"].fillna("").astype(str)
    shapes = _single(np.asarray(links.geometry.array, dtype=object))
    objects = pd.DataFrame(
        {
            "object_id": ids,
            "class": types.map(_class_of),
            "geometry": pd.Series(shapes, dtype=object),
            "name": links.get("name", pd.Series(None, links.index, dtype=object)),
            "function": types.where(~types.isin(["", "default"]), None),
            "attributes": _attributes(links),
        }
    )
    points = np.asarray(nodes.geometry.array, dtype=object)
    found = pd.DataFrame(
        {
            "network": network,
            "node_id": known.astype(str),
            "x": shapely.get_x(points),
            "y": shapely.get_y(points),
            "z": np.nan,
        }
    )
    edges = pd.DataFrame(
        {
            "network": network,
            "object_id": ids,
            "start_node": links["a_node"].astype(str),
            "end_node": links["b_node"].astype(str),
            "length": lengths(shapes, crs),
        }
    )
    return Batch(objects, nodes=found, edges=edges)


def _single(shapes: Any) -> Any:
    alone = shapely.get_num_geometries(shapes) == 1
    return np.where(alone, shapely.get_geometry(shapes, 0), shapes)


def _class_of(kind: str) -> str:
    if kind == CONNECTOR:
        return "GenericLogicalSpace"
    return osm_tags.line_class({"highway": kind}) or "Road"


def _zones(zones: Any) -> Batch:
    shapes = np.asarray(zones.geometry.array, dtype=object)
    return Batch(
        pd.DataFrame(
            {
                "object_id": "zone/" + zones["zone_id"].astype(str),
                "class": "GenericLogicalSpace",
                "function": "traffic zone",
                "geometry": pd.Series(_single(shapes), dtype=object),
                "attributes": _attributes(zones),
            }
        )
    )


def _attributes(table: Any) -> "pd.Series[Any]":
    rows = table.drop(columns=["geometry", "name"], errors="ignore").to_dict("records")
    kept = [{str(key): each for key, each in row.items() if is_known(each)} for row in rows]
    return pd.Series(kept, dtype=object)


def _recognised(path: Path) -> bool:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                return any(PurePosixPath(each).name == DATABASE for each in packed.namelist())
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {name for (name,) in found}
    except (*UNPACKING, sqlite3.Error):
        return False
    return NEEDED | {"modes", "link_types"} <= tables


AEQUILIBRAE: Final = Reader(
    "aequilibrae",
    "Traffic model (AequilibraE)",
    (".sqlite", ".zip"),
    open_aequilibrae,
    _recognised,
)
