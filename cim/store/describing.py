"""Everything about one object: attributes, family, history, provenance."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
import shapely

from cim import geodesy
from cim.errors import ConflictError, NotFoundError
from cim.model import access_rank
from cim.schema import ACCESS_LEVELS, CLASS_BY_CODE, STATUSES
from cim.store.dialect import Dialect
from cim.store.reading import position_of

SHOWN_CHILDREN: Final = 200

_FIELDS: Final = (
    "oid, dataset_id, object_id, class, name, parent_id, status, function, height, ground_height,"
    " storeys_above_ground, storeys_below_ground, lod, valid_from, valid_to, access, cim_level,"
    " version, load_id, {geometry}, CAST(attributes AS TEXT)"
)
_NAMES: Final = (
    *(each.strip() for each in _FIELDS.split(",")[:-2]),
    "geometry",
    "attributes",
)


def find(db: Dialect, object_id: str, clearance: str) -> int:
    """The oid of ``ID`` or ``DATASET/ID``.

    Raises
    ------
    NotFoundError
        If there is no such object, or it is above the reader's clearance.
    ConflictError
        If several data sets have one of that name.

    """
    rows = db.run(
        "SELECT o.oid, d.name FROM city_object AS o JOIN dataset AS d ON d.id = o.dataset_id"
        " WHERE o.dataset_id IN (SELECT id FROM dataset) AND o.object_id = ? AND o.access <= ?",
        [object_id, access_rank(clearance)],
    )
    dataset, slash, rest = object_id.partition("/")
    if slash:
        rows += db.run(
            "SELECT o.oid, d.name FROM city_object AS o JOIN dataset AS d ON d.id = o.dataset_id"
            " WHERE d.name = ? AND o.object_id = ? AND o.access <= ?",
            [dataset, rest, access_rank(clearance)],
        )
    if not rows:
        raise NotFoundError(f"no object {object_id!r}", hint="`cim query` lists objects")
    if len({oid for oid, _ in rows}) > 1:
        names = ", ".join(sorted(f"{name}/{object_id}" for _, name in rows))
        raise ConflictError(f"several objects are called {object_id!r}", hint=f"say {names}")
    return int(rows[0][0])


def stored(db: Dialect, oid: int, clearance: str) -> dict[str, Any]:
    """The row of one current object as the store holds it: codes, WKB, attributes as JSON text.

    Raises
    ------
    NotFoundError
        If there is none, or it is above the reader's clearance.
    """
    rows = db.run(
        f"SELECT {_FIELDS.format(geometry=db.geometry_as_wkb)} FROM city_object"
        " WHERE oid = ? AND access <= ?",
        [oid, access_rank(clearance)],
    )
    if not rows:
        raise NotFoundError(f"no object number {oid}", hint="it may have been ended or undone")
    return dict(zip(_NAMES, rows[0], strict=True))


def describe(db: Dialect, oid: int, clearance: str, city_crs: str) -> dict[str, Any]:
    """The object with that number, as plain values.

    Raises
    ------
    NotFoundError
        If there is none, or it is above the reader's clearance.

    """
    row = stored(db, oid, clearance)
    of_class = CLASS_BY_CODE[row["class"]]
    kept = ("object_id", "name", "parent_id", "function", "height", "ground_height",
            "storeys_above_ground", "storeys_below_ground", "lod", "valid_from", "valid_to",
            "cim_level", "version")  # fmt: skip
    return {
        "oid": row["oid"],
        **{name: row[name] for name in kept},
        "dataset": db.run("SELECT name FROM dataset WHERE id = ?", [row["dataset_id"]])[0][0],
        "class": of_class.name,
        "class_title": of_class.title,
        "class_title_zh": of_class.title_zh,
        "status": None if row["status"] is None else STATUSES[row["status"]],
        "access": ACCESS_LEVELS[row["access"]],
        "attributes": orjson.loads(row["attributes"]) if row["attributes"] else {},
        "meshes": _meshes(db, oid, row["version"]),
        "network": _edges(db, oid, row["version"]),
        "parents": _parents(db, row, clearance),
        **_children(db, row, clearance),
        "history": _history(db, row),
        "provenance": _provenance(db, row["load_id"]),
        **_place(row, city_crs),
    }


def _place(row: Mapping[str, Any], city_crs: str) -> dict[str, Any]:
    shape = row["geometry"] and shapely.from_wkb(bytes(row["geometry"]))
    position = position_of(shape, city_crs)
    if position is None:
        return {"position": None, "bbox": None}
    bbox = geodesy.bounds_between(city_crs, geodesy.WGS84, shape.bounds)
    return {"position": [*position, row["ground_height"]], "bbox": list(bbox)}


def _meshes(db: Dialect, oid: int, version: int) -> list[dict[str, Any]]:
    rows = db.run(
        "SELECT lod, kind, closed, volume FROM mesh WHERE oid = ? AND version = ? ORDER BY lod",
        [oid, version],
    )
    return [
        {
            "lod": lod,
            "kind": kind,
            "closed": None if closed is None else bool(closed),
            "volume": volume,
        }
        for lod, kind, closed, volume in rows
    ]


def _edges(db: Dialect, oid: int, version: int) -> list[dict[str, Any]]:
    names = ("network", "start_node", "end_node", "length")
    rows = db.run(
        f"SELECT {', '.join(names)} FROM network_edge WHERE oid = ? AND version = ?",
        [oid, version],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _brief(row: tuple[Any, ...]) -> dict[str, Any]:
    oid, object_id, code, name = row[:4]
    return {"oid": oid, "object_id": object_id, "class": CLASS_BY_CODE[code].name, "name": name}


def _parents(db: Dialect, row: Mapping[str, Any], clearance: str) -> list[dict[str, Any]]:
    """From the nearest to the root; a loop in the source's hierarchy ends it."""
    found: list[dict[str, Any]] = []
    wanted, met = row["parent_id"], {row["object_id"]}
    while wanted is not None and wanted not in met:
        met.add(wanted)
        rows = db.run(
            "SELECT oid, object_id, class, name, parent_id FROM city_object"
            " WHERE dataset_id = ? AND object_id = ? AND access <= ?",
            [row["dataset_id"], wanted, access_rank(clearance)],
        )
        if not rows:
            break
        found.append(_brief(rows[0]))
        wanted = rows[0][4]
    return found


def _children(db: Dialect, row: Mapping[str, Any], clearance: str) -> dict[str, Any]:
    where = "WHERE dataset_id = ? AND parent_id = ? AND access <= ?"
    values = [row["dataset_id"], row["object_id"], access_rank(clearance)]
    (count,) = db.run(f"SELECT count(*) FROM city_object {where}", values)[0]
    rows = db.run(
        f"SELECT oid, object_id, class, name FROM city_object {where}"
        " ORDER BY class, object_id LIMIT ?",
        [*values, SHOWN_CHILDREN],
    )
    return {"children": [_brief(each) for each in rows], "children_count": count}


def _history(db: Dialect, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = db.run(
        "SELECT h.version, made.recorded, ended.recorded, h.load_id, h.closed_by"
        " FROM city_object_history AS h JOIN load AS made ON made.id = h.load_id"
        " JOIN load AS ended ON ended.id = h.closed_by"
        " WHERE h.dataset_id = ? AND h.object_id = ? AND h.oid = ? ORDER BY h.version",
        [row["dataset_id"], row["object_id"], row["oid"]],
    )
    names = ("version", "recorded_from", "recorded_to", "load", "closed_by")
    (made,) = db.run("SELECT recorded FROM load WHERE id = ?", [row["load_id"]])[0]
    current = (row["version"], made, None, row["load_id"], None)
    return [dict(zip(names, each, strict=True)) for each in (*rows, current)]


def _provenance(db: Dialect, load_id: int) -> dict[str, Any]:
    rows = db.run(
        "SELECT d.name, l.id, l.file, l.recorded, l.actor, l.info FROM load AS l"
        " JOIN dataset AS d ON d.id = l.dataset_id WHERE l.id = ?",
        [load_id],
    )
    name, load, file, recorded, actor, info = rows[0]
    known = orjson.loads(info)
    return {
        "dataset": name,
        "load": load,
        "file": file,
        "loaded_at": recorded,
        "by": actor,
        **{key: known.get(key) for key in
           ("uri", "sha256", "reader", "licence", "attribution", "crs", "crs_source", "encoding",
            "height_datum", "length_unit", "options")},
    }  # fmt: skip
