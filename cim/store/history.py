"""Superseded and ended versions: where they go, and how they get there."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cim.store.boxes import boxes_of
from cim.store.dialect import Dialect
from cim.store.tables import OBJECT_FIELDS

_HISTORY = tuple(name for name in OBJECT_FIELDS if name != "oid")


def close(db: Dialect, oids: Sequence[int], load_id: int) -> dict[int, NDArray[np.float64]]:
    """Copy the current versions of these objects to history.

    Their rows, and their boxes in the spatial index, are the caller's to replace or to take
    out; the boxes are given back by oid.
    """
    sql, values = db.among("oid", oids)
    fields = ", ".join(_HISTORY)
    (last,) = db.run("SELECT coalesce(max(hid), 0) FROM city_object_history")[0]
    db.run(
        f"INSERT INTO city_object_history (hid, oid, {fields}, closed_by)"
        f" SELECT CAST(? AS BIGINT) + row_number() OVER (ORDER BY oid), oid, {fields},"
        f" CAST(? AS INTEGER) FROM city_object WHERE {sql}",
        [last, load_id, *values],
    )
    closed = db.run(
        f"SELECT hid, {db.geometry_as_wkb}, class * 8 + rank, oid FROM city_object_history"
        " WHERE hid > ? AND geometry IS NOT NULL",
        [last],
    )
    ids, boxes = boxes_of(closed)
    db.index_boxes("city_object_history", ids, boxes)
    oid_of = {row[0]: row[3] for row in closed}
    return {oid_of[hid]: box for hid, box in zip(ids.tolist(), boxes, strict=True)}
