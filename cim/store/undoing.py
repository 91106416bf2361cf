"""Undoing a load: the city is again what it was before, and the load stays on record."""

from typing import Any

from cim.errors import ConflictError, NotFoundError
from cim.store.boxes import boxes_of
from cim.store.dialect import Dialect
from cim.store.tables import OBJECT_FIELDS


def undo(db: Dialect, load_id: int) -> dict[str, Any]:
    """Take back what a load did; runs inside the caller's transaction.

    Raises
    ------
    NotFoundError
        If there is no such load.
    ConflictError
        If it was undone before, or a later load stands on it.

    """
    rows = db.run("SELECT status, dataset_id, file FROM load WHERE id = ?", [load_id])
    if not rows:
        raise NotFoundError(f"no load {load_id}", hint="`cim loads` lists them")
    status, dataset_id, file = rows[0]
    if status != "done":
        raise ConflictError(f"load {load_id} is {status} already")
    _refuse_if_built_upon(db, load_id)
    made = [oid for (oid,) in db.run("SELECT oid FROM city_object WHERE load_id = ?", [load_id])]
    _remove(db, load_id, made)
    reopened = _reopen(db, load_id)
    db.run("DELETE FROM network_node WHERE load_id = ?", [load_id])
    db.run("UPDATE network_node SET closed_by = NULL WHERE closed_by = ?", [load_id])
    for table in ("coverage", "datastream", "observation"):
        db.run(f"DELETE FROM {table} WHERE load_id = ?", [load_id])
        db.run(f"UPDATE {table} SET closed_by = NULL WHERE closed_by = ?", [load_id])
    recount(db, dataset_id)
    db.run("UPDATE load SET status = 'undone' WHERE id = ?", [load_id])
    return {"load": load_id, "file": file, "removed": len(made), "restored": reopened}


def _refuse_if_built_upon(db: Dialect, load_id: int) -> None:
    """A later load that changed or ended what this one made, or made again what it ended."""
    questions = (
        "SELECT closed_by FROM city_object_history WHERE load_id = ?",
        "SELECT o.load_id FROM city_object AS o JOIN city_object_history AS h ON h.oid = o.oid"
        " WHERE h.closed_by = ? AND o.load_id > h.closed_by",
        "SELECT closed_by FROM coverage WHERE load_id = ? AND closed_by IS NOT NULL",
        "SELECT closed_by FROM network_node WHERE load_id = ? AND closed_by IS NOT NULL",
        "SELECT closed_by FROM datastream WHERE load_id = ? AND closed_by IS NOT NULL",
        "SELECT closed_by FROM observation WHERE load_id = ? AND closed_by IS NOT NULL",
        "SELECT o.load_id FROM datastream AS s JOIN observation AS o ON o.number = s.number"
        " WHERE s.load_id = ? AND o.load_id > s.load_id",
    )
    for question in questions:
        later = db.run(f"{question} LIMIT 1", [load_id])
        if later:
            raise ConflictError(
                f"load {later[0][0]} stands on load {load_id}", hint=f"undo {later[0][0]} first"
            )


def _remove(db: Dialect, load_id: int, oids: list[int]) -> None:
    for table in ("mesh", "network_edge"):
        db.run(
            f"DELETE FROM {table} WHERE EXISTS (SELECT 1 FROM city_object AS o"
            f" WHERE o.oid = {table}.oid AND o.version = {table}.version AND o.load_id = ?)",
            [load_id],
        )
    db.unindex_boxes("city_object", oids)
    db.run("DELETE FROM city_object WHERE load_id = ?", [load_id])


def _reopen(db: Dialect, load_id: int) -> int:
    fields = ", ".join(OBJECT_FIELDS)
    db.run(
        f"INSERT INTO city_object ({fields}) SELECT {fields} FROM city_object_history"
        " WHERE closed_by = ?",
        [load_id],
    )
    closed = db.run(
        f"SELECT oid, {db.geometry_as_wkb}, class * 8 + rank, hid, geometry IS NULL"
        " FROM city_object_history WHERE closed_by = ?",
        [load_id],
    )
    db.index_boxes("city_object", *boxes_of([row[:3] for row in closed if not row[4]]))
    db.unindex_boxes("city_object_history", [row[3] for row in closed])
    db.run("DELETE FROM city_object_history WHERE closed_by = ?", [load_id])
    return len(closed)


def recount(db: Dialect, dataset_id: int) -> None:
    """Count a data set's objects anew."""
    db.run("DELETE FROM class_count WHERE dataset_id = ?", [dataset_id])
    db.run(
        "INSERT INTO class_count SELECT dataset_id, class, access, count(*) FROM city_object"
        " WHERE dataset_id = ? GROUP BY dataset_id, class, access",
        [dataset_id],
    )
