"""Whether a store is sound, and how to mend it: ``cim check``."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from cim.store.boxes import boxes_of
from cim.store.coverages import sha256_of
from cim.store.dialect import Dialect
from cim.store.meshes import is_sound
from cim.store.observations import digest, unpacked
from cim.store.undoing import recount

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    what: str
    where: str
    remedy: str
    repairable: bool = False
    """Whether ``cim check --repair`` mends it without losing anything."""


def problems(db: Dialect, folder: Path) -> Iterator[Problem]:
    """Everything that is wrong with a city, most basic first."""
    for text in db.problems():
        yield Problem(
            text, "database", "restore a backup; `cim check --repair` rebuilds indexes", True
        )
    for check in (_orphans, _spatial_index, _geometries, _meshes, _observations, _counts):
        yield from check(db)
    yield from _coverages(db, folder)


def _listed(rows: Sequence[tuple[Any, ...]], total: int) -> str:
    shown = ", ".join(str(row[0]) for row in rows[:SHOWN])
    return shown + (f" and {total - SHOWN} more" if total > SHOWN else "")


def _orphans(db: Dialect) -> Iterator[Problem]:
    questions = (
        (
            "objects whose parent is not there",
            "SELECT o.object_id FROM city_object AS o WHERE o.parent_id IS NOT NULL AND NOT EXISTS"
            " (SELECT 1 FROM city_object AS p WHERE p.dataset_id = o.dataset_id"
            " AND p.object_id = o.parent_id)",
            "load the file that holds the parents, or undo the load",
        ),
        (
            "meshes without an object",
            "SELECT CAST(m.oid AS TEXT) FROM mesh AS m WHERE NOT EXISTS"
            " (SELECT 1 FROM city_object AS o WHERE o.oid = m.oid AND o.version = m.version)"
            " AND NOT EXISTS (SELECT 1 FROM"
            " city_object_history AS h WHERE h.oid = m.oid AND h.version = m.version)",
            "undo the load that brought them",
        ),
        (
            "network edges without an object",
            "SELECT CAST(e.oid AS TEXT) FROM network_edge AS e WHERE NOT EXISTS (SELECT 1 FROM"
            " city_object AS o WHERE o.oid = e.oid AND o.version = e.version) AND NOT EXISTS"
            " (SELECT 1 FROM city_object_history AS h WHERE h.oid = e.oid"
            " AND h.version = e.version)",
            "undo the load that brought them",
        ),
        (
            "network edges whose end is not a node",
            "SELECT o.object_id FROM network_edge AS e JOIN city_object AS o ON o.oid = e.oid"
            " AND o.version = e.version WHERE EXISTS (SELECT 1 FROM network_node AS any_node WHERE"
            " any_node.dataset_id = o.dataset_id) AND (SELECT count(*) FROM network_node AS n WHERE"
            " n.dataset_id = o.dataset_id AND n.network = e.network AND n.closed_by IS NULL"
            " AND n.node_id IN (e.start_node, e.end_node)) <"
            " CASE WHEN e.start_node = e.end_node THEN 1 ELSE 2 END",
            "load the nodes of that network",
        ),
        (
            "datastreams whose object is not there",
            "SELECT s.datastream_id FROM datastream AS s LEFT JOIN dataset AS d ON d.name ="
            " s.object_dataset WHERE s.closed_by IS NULL AND s.object_id <> '' AND NOT EXISTS"
            " (SELECT 1 FROM city_object AS o WHERE o.object_id = s.object_id"
            " AND o.dataset_id = coalesce(d.id, s.dataset_id))",
            "load the file that holds the objects, or undo the load",
        ),
        (
            "observations without a datastream",
            "SELECT DISTINCT CAST(number AS TEXT) FROM observation WHERE NOT EXISTS"
            " (SELECT 1 FROM datastream AS s WHERE s.number = observation.number)",
            "undo the load that brought them",
        ),
        (
            "objects of a load that is not on record",
            "SELECT object_id FROM city_object WHERE NOT EXISTS (SELECT 1 FROM load WHERE"
            " load.id = city_object.load_id AND load.status = 'done')",
            "restore a backup",
        ),
    )
    for what, question, remedy in questions:
        rows = db.run(question)
        if rows:
            yield Problem(f"{len(rows)} {what}", _listed(rows, len(rows)), remedy)


def _spatial_index(db: Dialect) -> Iterator[Problem]:
    """Every object's box must be found by searching for it; SQLite only has an index to lose."""
    if not hasattr(db, "indexed_boxes"):
        return
    for table in ("city_object", "city_object_history"):
        indexed = db.indexed_boxes(table)
        wrong, present = [], 0
        key = "oid" if table == "city_object" else "hid"
        for chunk in db.stream(
            f"SELECT {key}, geometry, class * 8 + rank FROM {table} WHERE geometry IS NOT NULL"
        ):
            ids, boxes = boxes_of(chunk)
            present += len(ids)
            for oid, box in zip(ids.tolist(), boxes, strict=True):
                held = indexed.get(oid)
                if held is None or not (
                    (held[0::2] <= box[0::2]).all() and (held[1::2] >= box[1::2]).all()
                ):
                    wrong.append((str(oid),))
        surplus = len(indexed) - present
        if wrong or surplus > 0:
            yield Problem(
                f"the spatial index of {table} misses {len(wrong)} objects"
                f" and holds {max(surplus, 0)} that are gone",
                _listed(wrong, len(wrong)),
                "`cim check --repair` rebuilds it",
                repairable=True,
            )


def _geometries(db: Dialect) -> Iterator[Problem]:
    invalid, broken = [], []
    for chunk in db.stream(
        f"SELECT object_id, {db.geometry_as_wkb} FROM city_object WHERE geometry IS NOT NULL"
    ):
        shapes = shapely.from_wkb([bytes(row[1]) for row in chunk], on_invalid="ignore")
        bounds = shapely.bounds(shapes)
        bad = shapely.is_missing(shapes) | ~np.isfinite(bounds).all(axis=1)
        broken += [(chunk[at][0],) for at in np.flatnonzero(bad)]
        invalid += [(chunk[at][0],) for at in np.flatnonzero(~bad & ~shapely.is_valid(shapes))]
    if broken:
        yield Problem(
            f"{len(broken)} geometries cannot be read",
            _listed(broken, len(broken)),
            "undo the load that brought them and load its file again",
        )
    if invalid:
        yield Problem(
            f"{len(invalid)} geometries are invalid",
            _listed(invalid, len(invalid)),
            "load their file again: loading repairs polygons that cross themselves",
        )


def _meshes(db: Dialect) -> Iterator[Problem]:
    bad = [
        (str(oid),)
        for chunk in db.stream("SELECT oid, body FROM mesh")
        for oid, body in chunk
        if not is_sound(bytes(body))
    ]
    if bad:
        yield Problem(
            f"{len(bad)} meshes are damaged",
            _listed(bad, len(bad)),
            "undo the load that brought them and load its file again",
        )


def _observations(db: Dialect) -> Iterator[Problem]:
    damaged: dict[int, None] = {}
    for chunk in db.stream("SELECT number, first, last, count, digest, body FROM observation"):
        for number, *told, body in chunk:
            try:
                times, results = unpacked(bytes(body))
                found = [int(times[0]), int(times[-1]), len(times), digest(times, results)]
            except (ValueError, IndexError):
                found = []
            if found != told:
                damaged[number] = None
    if damaged:
        sql, values = db.among("number", list(damaged))
        rows = db.run(f"SELECT DISTINCT datastream_id FROM datastream WHERE {sql}", values)
        yield Problem(
            f"observations of {len(damaged)} datastreams are damaged",
            _listed(rows, len(rows)),
            "undo the load that brought them and load its file again",
        )


def _counts(db: Dialect) -> Iterator[Problem]:
    true = set(
        db.run(
            "SELECT dataset_id, class, access, count(*) FROM city_object"
            " GROUP BY dataset_id, class, access"
        )
    )
    kept = set(db.run("SELECT dataset_id, class, access, count FROM class_count WHERE count <> 0"))
    if true != kept:
        yield Problem(
            "the counts per class are wrong",
            "class_count",
            "`cim check --repair` counts anew",
            repairable=True,
        )


def _coverages(db: Dialect, folder: Path) -> Iterator[Problem]:
    known = set()
    for name, file, checksum in db.run("SELECT name, file, sha256 FROM coverage"):
        known.add(file)
        path = folder / file
        if not path.exists():
            yield Problem(f"the raster of {name} is missing", str(path), "load its file again")
        elif sha256_of(path) != checksum:
            yield Problem(
                f"the raster of {name} is not what was loaded",
                str(path),
                "delete it and load its file again",
            )
    surplus = (
        [path for path in folder.glob("*") if path.name not in known and path.is_file()]
        if folder.exists()
        else []
    )
    if surplus:
        yield Problem(
            f"{len(surplus)} raster files belong to no load (a load was cut off)",
            ", ".join(path.name for path in surplus[:SHOWN]),
            "`cim check --repair` removes them",
            repairable=True,
        )


def repair(db: Dialect, folder: Path) -> list[str]:
    """Mend what can be mended without losing anything; says what was done."""
    done = []
    rebuild: Callable[[], None] | None = getattr(db, "rebuild_spatial_index", None)
    if rebuild is not None:
        rebuild()
        done.append("spatial index rebuilt")
    for (dataset_id,) in db.run("SELECT id FROM dataset"):
        recount(db, dataset_id)
    done.append("counts made anew")
    known = {file for (file,) in db.run("SELECT file FROM coverage")}
    if folder.exists():
        for path in folder.glob("*"):
            if path.is_file() and path.name not in known:
                path.unlink()
                done.append(f"removed {path.name}")
    return done
