"""Reading a city: selections, tile rows, search, counts. All take the reader's clearance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import chain
from typing import Any, Final

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim import geodesy
from cim.errors import InputError
from cim.model import Mesh, access_rank
from cim.schema import ACCESS_LEVELS, CLASS_BY_CODE, CLASSES, STATUSES
from cim.store import filters
from cim.store.dialect import Bounds, Dialect, Row
from cim.store.meshes import unpacked
from cim.store.tables import RANKS, type_code

Moment = date | datetime | str | None


@dataclass(frozen=True, slots=True, eq=False)
class ObjectRows:
    """n objects with what a tile needs, each an array of length n."""

    oid: NDArray[np.int64]
    class_code: NDArray[np.int32]
    geometry: NDArray[np.object_]
    """Shapely geometries in the city's CRS, or None."""
    height: NDArray[np.float64]
    ground_height: NDArray[np.float64]
    storeys: NDArray[np.float64]
    name: NDArray[np.object_]
    function: NDArray[np.object_]
    status: NDArray[np.object_]
    lod: NDArray[np.object_]
    object_id: NDArray[np.object_]
    version: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.oid)


@dataclass(frozen=True, slots=True)
class Question:
    """Which objects, when, and for whom."""

    clearance: str = "secret"
    classes: tuple[str, ...] = ()
    bounds: Bounds | None = None
    """In the city's CRS."""
    max_rank: int = RANKS - 1
    at: Moment = None
    recorded: Moment = None
    where: str = ""
    limit: int | None = None


_TILE_FIELDS: Final = (
    "oid, class, {geometry}, height, ground_height, storeys_above_ground,"
    " name, function, status, lod, object_id, version"
)
_STATUS_WORDS: Final[dict[int | None, str | None]] = {None: None} | dict(enumerate(STATUSES))
_MODEL_FIELDS: Final = (
    "oid, object_id, dataset_id, class, {geometry}, name, parent_id, status, function, height,"
    " ground_height, storeys_above_ground, storeys_below_ground, lod, valid_from, valid_to,"
    " access, cim_level, version, load_id, CAST(attributes AS TEXT)"
)


def moment(given: Moment) -> datetime | None:
    """`given` as a moment in UTC; a bare day means its last microsecond.

    Raises
    ------
    InputError
        If text is no ISO 8601 date.

    """
    if given is None:
        return None
    if isinstance(given, str):
        try:
            given = date.fromisoformat(given) if len(given) == 10 else datetime.fromisoformat(given)
        except ValueError:
            raise InputError(f"{given!r} is not a date", where="at", hint="2015-06-30") from None
    if not isinstance(given, datetime):
        return datetime.combine(given, time.max, UTC)
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def stamped(when: datetime) -> str:
    """A moment as the store writes it: sorts as text."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def asked(db: Dialect, question: Question, fields: str, city_crs: str) -> tuple[str, list[Any]]:
    """The SQL of `question`, current objects and, for an earlier moment, history."""
    fields = fields.format(geometry=db.geometry_as_wkb)
    sql, values = _conditions(db, question, "city_object", city_crs)
    query = f"SELECT {fields} FROM city_object WHERE {sql}"
    if question.at is not None or question.recorded is not None:
        old, old_values = _conditions(db, question, "city_object_history", city_crs)
        query += f" UNION ALL SELECT {fields} FROM city_object_history WHERE {old}"
        values = values + old_values
    if question.limit is not None:
        query += " LIMIT ?"
        values.append(question.limit)
    return query, values


def _conditions(
    db: Dialect, question: Question, table: str, city_crs: str
) -> tuple[str, list[Any]]:
    terms, values = ["access <= ?"], [access_rank(question.clearance)]
    codes = sorted(CLASSES[name].code for name in question.classes)
    if question.bounds is not None:
        sql, more = db.in_box(table, question.bounds, type_ranges(codes, question.max_rank))
        terms.append(sql)
        values += more
    elif codes:
        sql, more = db.among("class", codes)
        terms.append(sql)
        values += more
    for sql, more in _times(question, table):
        terms.append(sql)
        values += more
    if question.where:
        sql, more = filters.compiled(question.where, db, city_crs)
        terms.append(sql.replace("city_object", table))
        values += more
    return " AND ".join(terms), values


def type_ranges(codes: Sequence[int], max_rank: int) -> list[tuple[int, int]]:
    """Ranges of the spatial index's third axis; neighbours are joined where all ranks count."""
    ranges: list[tuple[int, int]] = []
    for code in codes:
        low, high = type_code(code, 0), type_code(code, max_rank)
        if ranges and ranges[-1][1] + 1 == low:
            ranges[-1] = (ranges[-1][0], high)
        else:
            ranges.append((low, high))
    return ranges


def _times(question: Question, table: str) -> list[tuple[str, list[Any]]]:
    """Which version was known, and whether the object stood in the city.

    The first version reaches back before its recording: what was loaded today also tells what
    stood there in 2015, if its valid time says so.
    """
    at, recorded = moment(question.at), moment(question.recorded)
    terms: list[tuple[str, list[Any]]] = []
    if at is not None:
        day = at.date().isoformat()
        terms.append(("(valid_from IS NULL OR valid_from <= ?)", [day]))
        terms.append(("(valid_to IS NULL OR valid_to > ?)", [day]))
    known = recorded or at
    if known is not None:
        last = "(SELECT coalesce(max(id), 0) FROM load WHERE recorded <= ?)"
        start = f"load_id <= {last}" if recorded else f"(version = 1 OR load_id <= {last})"
        terms.append((start, [stamped(known)]))
        if table == "city_object_history":
            terms.append((f"closed_by > {last}", [stamped(known)]))
    return terms


def tile_rows(db: Dialect, question: Question, city_crs: str) -> ObjectRows:
    """The hot path of tiles: no attributes are parsed."""
    rows = db.run(*asked(db, question, _TILE_FIELDS, city_crs))
    cells = np.fromiter(chain.from_iterable(rows), object, 12 * len(rows))
    columns = cells.reshape(-1, 12).T
    return ObjectRows(
        oid=columns[0].astype(np.int64),
        class_code=columns[1].astype(np.int32),
        geometry=shapely.from_wkb(columns[2]),
        height=columns[3].astype(np.float64),
        ground_height=columns[4].astype(np.float64),
        storeys=columns[5].astype(np.float64),
        name=columns[6],
        function=columns[7],
        status=_objects([_STATUS_WORDS[code] for code in columns[8].tolist()]),
        lod=columns[9],
        object_id=columns[10],
        version=columns[11].astype(np.int64),
    )


def _objects(values: Any) -> NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def model_table(
    db: Dialect, question: Question, crs: Any, datasets: Mapping[int, str]
) -> gpd.GeoDataFrame:
    """Objects with every column, indexed by oid."""
    rows = db.run(*asked(db, question, _MODEL_FIELDS, geodesy.authority(crs)))
    names = [
        "oid", "object_id", "dataset", "class", "geometry", "name", "parent_id", "status",
        "function", "height", "ground_height", "storeys_above_ground", "storeys_below_ground",
        "lod", "valid_from", "valid_to", "access", "cim_level", "version", "load",
        "attributes",
    ]  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    table = pd.DataFrame(  # as objects: pandas would make NaN of unknown texts
        {
            name: pd.Series(_objects(each), dtype=object)
            for name, each in zip(names, columns, strict=True)
        }
    )
    table["geometry"] = shapely.from_wkb(_objects(table["geometry"].tolist()))
    table["dataset"] = [datasets.get(each, "") for each in table["dataset"]]
    table["class"] = [CLASS_BY_CODE[code].name for code in table["class"]]
    table["status"] = [None if code is None else STATUSES[code] for code in table["status"]]
    table["access"] = [ACCESS_LEVELS[code] for code in table["access"]]
    table["attributes"] = [orjson.loads(text) if text else {} for text in table["attributes"]]
    recorded: dict[int, str] = dict(db.run("SELECT id, recorded FROM load"))
    table["recorded_from"] = [recorded.get(each) for each in table["load"]]
    for name in ("height", "ground_height", "storeys_above_ground", "storeys_below_ground"):
        table[name] = table[name].astype("float64")
    for name in ("cim_level", "version", "load"):
        table[name] = table[name].astype("int64")
    frame = gpd.GeoDataFrame(table.set_index("oid"), geometry="geometry", crs=crs)
    needed = filters.exact(question.where, geodesy.authority(crs)) if question.where else None
    if needed is not None:
        frame = frame[shapely.intersects(frame.geometry.to_numpy(), needed)]
    return frame


def meshes_of(
    db: Dialect, oids: Sequence[int], versions: Mapping[int, int] | None = None
) -> dict[int, tuple[Mesh, ...]]:
    """Meshes by oid, the best level of detail last; of the current version unless told."""
    sql, values = db.among("m.oid", oids)
    rows = db.run(
        "SELECT m.oid, m.version, o.object_id, o.version, m.lod, m.kind, m.closed, m.volume,"
        " m.parts, m.body FROM mesh AS m LEFT JOIN city_object AS o ON o.oid = m.oid"
        f" WHERE {sql} ORDER BY m.oid, m.lod",
        values,
    )
    found: dict[int, list[Mesh]] = {}
    for oid, version, object_id, current, *mesh in rows:
        if version == (versions or {}).get(oid, current):
            found.setdefault(oid, []).append(unpacked(object_id or str(oid), tuple(mesh)))
    return {oid: tuple(each) for oid, each in found.items()}


def networks_of(db: Dialect, oids: Sequence[int]) -> dict[int, str]:
    """Network by oid, of edges and of nodes."""
    sql, values = db.among("o.oid", oids)
    edges = db.run(
        "SELECT o.oid, e.network FROM city_object AS o JOIN network_edge AS e"
        f" ON e.oid = o.oid AND e.version = o.version WHERE {sql}",
        values,
    )
    nodes = db.run(
        "SELECT o.oid, n.network FROM city_object AS o JOIN network_node AS n"
        " ON n.dataset_id = o.dataset_id AND n.object_id = o.object_id"
        f" WHERE n.closed_by IS NULL AND {sql}",
        values,
    )
    return dict([*nodes, *edges])


def search(db: Dialect, text: str, limit: int, clearance: str) -> list[Row]:
    """Rows (oid, object_id, dataset_id, class, name, WKB) that match best first.

    An identifier counts before a name; a name that starts with the text before one that holds it.
    """
    rank = access_rank(clearance)
    fields = f"oid, object_id, dataset_id, class, name, {db.geometry_as_wkb}"
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found: dict[int, Row] = {}
    questions: tuple[tuple[str, list[Any]], ...] = (
        (
            "object_id = ? AND dataset_id IN (SELECT id FROM dataset)",
            [text],
        ),
        ("name = ?", [text]),
        ("lower(name) LIKE ? ESCAPE '\\'", [f"{escaped}%"]),
        ("lower(name) LIKE ? ESCAPE '\\'", [f"%{escaped}%"]),
    )
    for condition, values in questions:
        if len(found) >= limit:
            break
        for row in db.run(
            f"SELECT {fields} FROM city_object WHERE {condition} AND access <= ? LIMIT ?",
            [*values, rank, limit],
        ):
            found.setdefault(row[0], row)
    return list(found.values())[:limit]


def hits(db: Dialect, asked_for: tuple[str, int, str], city_crs: str) -> list[dict[str, Any]]:
    """What `search` finds for (text, limit, clearance), as plain values with a position."""
    if not asked_for[0]:
        return []
    names: dict[int, str] = dict(db.run("SELECT id, name FROM dataset"))
    return [
        {
            "oid": oid,
            "object_id": object_id,
            "dataset": names[dataset],
            "class": CLASS_BY_CODE[code].name,
            "name": name,
            "position": position_of(wkb and shapely.from_wkb(bytes(wkb)), city_crs),
        }
        for oid, object_id, dataset, code, name, wkb in search(db, *asked_for)
    ]


def position_of(shape: Any | None, city_crs: str) -> list[float] | None:
    """Longitude and latitude of a point inside a shapely geometry; None if there is none."""
    if shape is None or shape.is_empty:
        return None
    inside = shape.representative_point()
    lon, lat = geodesy.transform(
        city_crs, geodesy.WGS84, np.array([inside.x]), np.array([inside.y])
    )
    return [float(lon[0]), float(lat[0])]
