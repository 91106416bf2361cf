"""The points of an underground survey: where they are, how deep, and what stands there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from cim.model import Batch, Finding
from ingest import values
from ingest.cjj61.tables import Survey, Table, networks, records
from ingest.cjj61.words import GRAVITY, device, kind_code
from ingest.features import Log
from ingest.inp import is_known
from ingest.reader import ReadOptions

NORTHINGS: Final = (1.8e6, 6.2e6)
"""Gauss-Krüger northings of China, metres."""

EASTINGS: Final = (5e4, 9.5e5)
"""Eastings within a zone, metres; a zone's number may stand before them."""

SAME_PLACE: Final = 0.05
"""Metres within which a point that is listed again is the same."""

AGREE: Final = 0.05
"""Metres by which ground less depth may differ from the height of the pipe."""

TENTHS: Final = 4
"""Decimals of computed heights: tenths of a millimetre."""

_TOLD: Final = frozenset(
    {"id", "x", "y", "kind", "feature", "appurtenance", "ground", "level", "depth"}
    | {"crown", "invert", "well_depth"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Survey points, one row each, indexed by their number.

    Columns: x east, y north, ground, depth and level in metres (NaN unknown), reference (crown or
    invert: of what the level is), network, table (its number) and row.
    """

    table: pd.DataFrame
    swapped: bool
    """Whether the source has north before east."""


def decimals(table: Table, name: str, log: Log) -> NDArray[np.float64]:
    """(n,) a column as metres, NaN where blank; what is no number is counted."""
    if name not in table.rows:
        return np.full(len(table.rows), np.nan)
    read = values.numbers(pa.array(table.rows[name], pa.string()))
    what = f"values of {table.spelled.get(name, name)!r} that are no numbers"
    log.count("values_not_understood", what, "they are unknown now", read.junk, read.example)
    return np.asarray(read.values, np.float64)


def points_of(survey: Survey, options: ReadOptions, log: Log) -> Points:
    """All points of a survey; rows that say the same point again are one.

    A point without coordinates, or with the number of another one, is rejected.
    """
    frames = [_frame(at, table, options, log) for at, table in enumerate(survey.points)]
    joined = pd.concat(frames, ignore_index=True)
    swapped = _north_first(joined, survey.points, options, log)
    if swapped:
        joined = joined.rename(columns={"x": "y", "y": "x"})
    placed = np.isfinite(joined["x"]) & np.isfinite(joined["y"])
    _reject(survey, joined[~placed], ("no_coordinates", "it has no coordinates"), log)
    joined = joined[placed]
    first = joined.groupby("id", sort=False)[["x", "y"]].transform("first")
    apart = np.hypot(joined["x"] - first["x"], joined["y"] - first["y"]) > SAME_PLACE
    reason = "another point has the same number and lies elsewhere"
    _reject(survey, joined[apart], ("duplicate_id", reason), log)
    joined = joined[~apart]
    again = joined.duplicated(["id"])
    connected = any("connected" in each.rows for each in survey.points)
    if again.any() and not connected:
        what, hint = "points that are listed more than once", "the first one counts"
        example = str(joined["id"][again].iloc[0])
        log.count("point_repeats", what, hint, int(again.sum()), example)
    return Points(joined[~again].set_index("id"), swapped)


def _frame(at: int, table: Table, options: ReadOptions, log: Log) -> pd.DataFrame:
    network = networks(table, "id", options)
    gravity = network.isin(GRAVITY).to_numpy()
    ground, depth = decimals(table, "ground", log), decimals(table, "depth", log)
    level, reference = _level(table, gravity, log)
    agree = np.abs(ground - depth - level) <= AGREE
    known = np.isfinite(ground - depth - level)
    off = int((known & ~agree).sum())
    example = str(table.rows["id"][known & ~agree].iloc[0]) if off else ""
    what = f"points whose ground less depth is more than {AGREE} m off the height of the pipe"
    log.count("levels_disagree", what, "the stated height of the pipe counts", off, example)
    return pd.DataFrame(
        {
            "id": table.rows["id"].fillna(""),
            "x": decimals(table, "x", log),
            "y": decimals(table, "y", log),
            "ground": ground,
            "depth": np.where(np.isnan(depth), np.round(ground - level, TENTHS), depth),
            "level": np.where(np.isnan(level), np.round(ground - depth, TENTHS), level),
            "reference": reference,
            "network": network,
            "table": at,
            "row": np.arange(len(table.rows)),
        }
    )


def _level(
    table: Table, gravity: NDArray[np.bool_], log: Log
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """(heights of the pipe, what of it they are): a header says, otherwise the standard's rule."""
    rule = np.where(gravity, "invert", "crown").astype(object)
    level = decimals(table, "level", log)
    for name in ("crown", "invert"):
        stated = decimals(table, name, log)
        better = np.isfinite(stated) & (np.isnan(level) | (rule == name))
        level = np.where(better, stated, level)
        rule = np.where(better, name, rule)
    return level, rule


def _reject(survey: Survey, rows: pd.DataFrame, why: tuple[str, str], log: Log) -> None:
    for name, at, row in zip(rows["id"], rows["table"], rows["row"], strict=True):
        source = survey.points[at]
        told = {key: text for key, text in source.rows.iloc[row].items() if text}
        raw = ", ".join(f"{source.spelled.get(str(key), key)}={each}" for key, each in told.items())
        line = source.numbers.iloc[row]
        log.reject(str(name) or f"{source.name} row {line}", *why, f"row {line}: {raw}")


def _north_first(
    points: pd.DataFrame, tables: Sequence[Table], options: ReadOptions, log: Log
) -> bool:
    """Whether the column X is north, as surveyors have it: by its header, by size, by custom."""
    header = tables[0].spelled["x"]
    x, y = (float(points[each].median()) for each in ("x", "y"))
    evidence = f"{header} is about {x:.0f}, {tables[0].spelled['y']} about {y:.0f}"
    if any(word in header for word in "北纵东横"):
        swapped, why = any(word in header for word in "北纵"), "its header says so"
    elif _is_northing(x) and _is_easting(y):
        swapped, why = True, "by its size"
    elif _is_northing(y) and _is_easting(x):
        swapped, why = False, "by its size"
    elif abs(x) <= 180 and abs(y) <= 90:
        swapped, why = abs(x) <= 90 and abs(y) > abs(x) and abs(y) > 90, "they are degrees"
    else:
        swapped, why = True, "as surveyors have it; its size does not tell"
    if options.swap_axes:
        swapped, why = not swapped, "as the user said"
    direction = "north" if swapped else "east"
    severity: Any = "warning" if "does not tell" in why else "info"
    message = f"{header} is taken as {direction}: {why}"
    fix = {"swap_axes": True} if severity == "warning" else {}
    log.note(Finding(severity, "axis_order", message, "exchange the axes if not", evidence, fix))
    return swapped


def _is_northing(value: float) -> bool:
    return NORTHINGS[0] <= value <= NORTHINGS[1]


def _is_easting(value: float) -> bool:
    zone, rest = divmod(value, 1e6)
    return EASTINGS[0] <= rest <= EASTINGS[1] and (zone == 0 or 13 <= zone <= 45)


BATCH_ROWS: Final = 20_000
"""Rows of a batch: with their attributes some twenty megabytes."""


def point_batches(points: Points, survey: Survey) -> Iterator[Batch]:
    """The points as city objects and as nodes; Z is the crown or invert that was surveyed."""
    for begin in range(0, len(points.table), BATCH_ROWS):
        yield _batch(points.table.iloc[begin : begin + BATCH_ROWS], survey)


def _batch(table: pd.DataFrame, survey: Survey) -> Batch:
    kept = [_described(each) for each in _sources(table, survey)]
    level = table["level"].to_numpy(float)
    xy = table[["x", "y"]].to_numpy(float)
    deep = np.isfinite(level)
    shapes = np.asarray(shapely.points(xy), object)
    shapes[deep] = shapely.points(np.column_stack([xy, level])[deep])
    ids = table.index.astype(str)
    objects = pd.DataFrame(
        {
            "object_id": ids,
            "class": [each[0] for each in kept],
            "geometry": pd.Series(shapes, dtype=object),
            "function": [each[1] or None for each in kept],
            "ground_height": table["ground"].to_numpy(),
        }
    )
    columns = zip(
        kept,
        ids,
        table["network"],
        table["reference"],
        level.tolist(),
        table["depth"].tolist(),
        strict=True,
    )
    objects["attributes"] = pd.Series(
        [
            _attributes(described[2], (name, network, str(reference)), (height, depth))
            for described, name, network, reference, height, depth in columns
        ],
        dtype=object,
    )
    nodes = pd.DataFrame(
        {
            "network": table["network"].to_numpy(),
            "node_id": ids,
            "x": table["x"].to_numpy(),
            "y": table["y"].to_numpy(),
            "z": level,
            "object_id": ids,
        }
    )
    return Batch(objects, nodes=nodes)


def _sources(table: pd.DataFrame, survey: Survey) -> list[dict[Any, Any]]:
    """The rows of the source that some points come from."""
    found: list[dict[Any, Any]] = [{}] * len(table)
    for number, source in enumerate(survey.points):
        places = np.flatnonzero(table["table"] == number)
        rows = records(source.rows.iloc[table["row"].to_numpy()[places]])
        for at, row in zip(places.tolist(), rows, strict=True):
            found[at] = row
    return found


def _described(row: Mapping[Any, Any]) -> tuple[str, str, dict[str, Any]]:
    """(class, function, what the source says beyond numbers) of a point."""
    appurtenance, feature = (str(row.get(each) or "") for each in ("appurtenance", "feature"))
    kept = {str(key): text for key, text in row.items() if text and key not in _TOLD}
    kept |= {"appurtenance": appurtenance, "feature": feature}
    kept["cjj61"] = kind_code(str(row.get("kind") or "")) or kind_code(str(row["id"]))
    deepest = row.get("well_depth")
    if deepest:
        kept["well_depth"] = deepest
    return *device(appurtenance, feature), kept


def _attributes(
    kept: dict[str, Any], names: tuple[str, str, str], heights: tuple[float, float]
) -> dict[str, Any]:
    name, network, reference = names
    level, depth = heights
    known: dict[str, Any] = {"source_id": name, "network": network, **kept}
    try:
        bottom = float(known.pop("well_depth", "nan"))
    except ValueError:
        bottom = float("nan")
    known["depth_m"] = depth if np.isnan(bottom) else bottom
    known |= {f"{reference}_m": level, "z_reference": "" if np.isnan(level) else reference}
    return {key: each for key, each in known.items() if is_known(each)}
