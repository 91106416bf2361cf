"""The lines of an underground survey: which points they join, how wide and how deep they are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.model import Batch
from ingest import values
from ingest.cjj61.points import AGREE, BATCH_ROWS, TENTHS, Points, decimals
from ingest.cjj61.tables import Survey, Table, networks, records
from ingest.cjj61.words import (
    GRAVITY,
    SERVICES,
    is_trench,
    kind_code,
    section,
)
from ingest.codes import code_list
from ingest.features import Log
from ingest.inp import is_known
from ingest.reader import ReadOptions

LONGEST: Final = 75.0
SHORTEST: Final = 0.05
"""Metres between neighbouring points beyond which a survey is to be checked."""

_TEXTS: Final = {
    "owner": "owner",
    "pressure": "pressure",
    "voltage": "voltage",
    "direction": "flow_direction",
    "section": "section_source",
}
_COUNTS: Final = ("holes", "holes_used", "cables")


def line_batches(survey: Survey, points: Points, options: ReadOptions, log: Log) -> Iterator[Batch]:
    """The lines as pipes, cables and ducts with their edges, one batch for each table."""
    seen: set[tuple[str, str, str]] = set()
    named: set[str] = set()
    used: set[str] = set()
    for table in survey.lines or _connections(survey):
        frame = _sound(_frame(table, points, options, log), table, points, seen, log)
        used.update(frame["start"], frame["end"])
        frame["name"] = _ids(frame, table, named)
        for begin in range(0, len(frame), BATCH_ROWS):
            part = frame.iloc[begin : begin + BATCH_ROWS].reset_index(drop=True)
            yield _batch(part, replace(table, rows=table.rows.iloc[part["row"]]), points, log)
    idle = [each for each in points.table.index if each not in used]
    if idle:
        what, hint = "points that no line joins", "are lines missing?"
        log.count("point_not_joined", what, hint, len(idle), str(idle[0]))


def _connections(survey: Survey) -> list[Table]:
    """Tables of points that say what each is joined to, as tables of lines."""
    found = []
    for table in survey.points:
        if "connected" not in table.rows:
            continue
        names = {each: f"start_{each}" for each in _HEIGHTS}
        rows = table.rows.rename(columns={"id": "start", "connected": "end", **names})
        rows = rows[rows["end"].notna() & rows["start"].notna()]
        rows = rows.assign(end=rows["end"].str.split(_SEPARATORS)).explode("end")
        numbers = table.numbers.loc[rows.index].reset_index(drop=True)
        rows = _with_other_side(rows.reset_index(drop=True))
        found.append(Table(table.name, rows, numbers, table.own, table.spelled))
    return found


_HEIGHTS: Final = ("depth", "level", "crown", "invert")
_SEPARATORS: Final = r"[,，;；、]\s*"


def _with_other_side(rows: pd.DataFrame) -> pd.DataFrame:
    """The same with the heights that the other point gives for the connection back."""
    kept = [f"start_{each}" for each in _HEIGHTS if f"start_{each}" in rows]
    there = rows.drop_duplicates(["start", "end"]).set_index(["start", "end"])[kept]
    back = there.reindex(pd.MultiIndex.from_arrays([rows["end"], rows["start"]]))
    ends = {name.replace("start", "end"): back[name].to_numpy(object) for name in kept}
    other = pd.DataFrame(ends, rows.index)
    return pd.concat([rows, other.where(other.notna(), None)], axis=1)


def _frame(table: Table, points: Points, options: ReadOptions, log: Log) -> pd.DataFrame:
    network = networks(table, "start", options)
    at = points.table["network"].reindex(table.rows["start"])
    known = pd.Series(at.to_numpy(), network.index)
    network = network.where((network != "other") | known.isna(), known)
    frame = pd.DataFrame(
        {
            "start": table.rows["start"].fillna(""),
            "end": table.rows["end"].fillna(""),
            "network": network,
            "row": np.arange(len(table.rows)),
        }
    )
    trench = _by_text(table, "embedding", is_trench, len(frame), default=False)
    low = network.isin(GRAVITY).to_numpy() | trench.astype(bool)
    frame["trench"] = trench.astype(bool)
    frame["reference"] = np.where(low, "invert", "crown")
    for end in ("start", "end"):
        ends = points.table.reindex(frame[end])
        _add_levels(frame, (table, end), ends, log)
    return frame


def _by_text(table: Table, name: str, read: Any, count: int, default: Any) -> NDArray[Any]:
    """(n,) what each text of a column means, read once for each different text."""
    if name not in table.rows:
        return np.full(count, default, dtype=object)
    codes, texts = pd.factorize(table.rows[name].fillna(""))
    meanings = np.empty(len(texts), dtype=object)
    meanings[:] = [read(str(each)) if each else default for each in texts]
    return meanings[codes]


def _add_levels(
    frame: pd.DataFrame, where: tuple[Table, str], ends: pd.DataFrame, log: Log
) -> None:
    """Height, depth and what of the pipe they are, at one end: of the line, else of its point."""
    table, end = where
    ground = ends["ground"].to_numpy(float)
    depth = decimals(table, f"{end}_depth", log)
    level = decimals(table, f"{end}_level", log)
    reference = frame["reference"].to_numpy(object)
    for name in ("crown", "invert"):
        stated = decimals(table, f"{end}_{name}", log)
        better = np.isfinite(stated) & (np.isnan(level) | (reference == name))
        level, reference = np.where(better, stated, level), np.where(better, name, reference)
    off = np.abs(ground - depth - level) > AGREE
    what = f"lines whose ground less depth is more than {AGREE} m off their height"
    example = str(frame["start"][off].iloc[0]) if off.any() else ""
    log.count("levels_disagree", what, "the stated height counts", int(off.sum()), example)
    level = np.where(np.isnan(level), np.round(ground - depth, TENTHS), level)
    of_point = np.isnan(level)
    level = np.where(of_point, ends["level"].to_numpy(float), level)
    said = of_point & ends["reference"].notna().to_numpy()
    frame[f"{end}_reference"] = np.where(said, ends["reference"].to_numpy(object), reference)
    frame[f"{end}_level"] = level
    frame[f"{end}_depth"] = np.where(np.isnan(depth), np.round(ground - level, TENTHS), depth)


def _sound(
    frame: pd.DataFrame, table: Table, points: Points, seen: set[tuple[str, str, str]], log: Log
) -> pd.DataFrame:
    """The lines between two known points, each once whichever way it is listed."""
    loops = (frame["start"] == frame["end"]).to_numpy()
    absent = {end: ~frame[end].isin(points.table.index).to_numpy() for end in ("start", "end")}
    for at in np.flatnonzero(loops):
        _reject(frame, table, int(at), ("self_loop", "it starts and ends at the same point"), log)
    for end, missing in absent.items():
        bad = missing & ~loops & ~(absent["start"] & (end == "end"))
        for at in np.flatnonzero(bad):
            name = frame[end].iloc[at] or "(blank)"
            why = ("missing_node", f"the point {name} where it {end}s is not in the survey")
            _reject(frame, table, int(at), why, log)
    frame = frame[~(loops | absent["start"] | absent["end"])]
    keys = [
        (network, *sorted(ends))
        for network, *ends in zip(frame["network"], frame["start"], frame["end"], strict=True)
    ]
    fresh = []
    repeated = 0
    for key in keys:
        fresh.append(key not in seen)
        repeated += key in seen
        seen.add(key)
    if "connected" not in table.spelled:
        what, hint = "lines that are listed more than once, or both ways", "the first one counts"
        log.count("line_repeats", what, hint, repeated)
    elif len(keys) > 2 * repeated:
        what = "connections that only one of the two points tells"
        log.count("one_sided", what, "they are taken as lines", len(keys) - 2 * repeated)
    return frame[np.array(fresh, bool)].reset_index(drop=True)


def _reject(frame: pd.DataFrame, table: Table, at: int, why: tuple[str, str], log: Log) -> None:
    start, end, row = frame["start"].iloc[at], frame["end"].iloc[at], int(frame["row"].iloc[at])
    told = {key: text for key, text in table.rows.iloc[row].items() if text}
    raw = ", ".join(f"{table.spelled.get(str(key), key)}={text}" for key, text in told.items())
    log.reject(f"{start}-{end}", *why, f"row {table.numbers.iloc[row]}: {raw}")


def _batch(frame: pd.DataFrame, table: Table, points: Points, log: Log) -> Batch:
    """The lines of `frame`, of which the rows of `table` are the source."""
    sizes = _by_text(table, "section", section, len(frame), {})
    _count_sizes(table, sizes, log)
    high = np.array(
        [each.get("diameter_m", each.get("section_height_m", np.nan)) for each in sizes], float
    )
    shapes, axes, reference = _shapes(frame, points, high)
    lengths = np.asarray(shapely.length(shapes), np.float64)
    odd = (lengths > LONGEST) | (lengths < SHORTEST)
    what = f"lines longer than {LONGEST:g} m or shorter than {SHORTEST:g} m between two points"
    log.count("line_length", what, "are points missing, or coordinates wrong?", int(odd.sum()))
    ids = frame["name"]
    cable = frame["network"].isin({"power", "telecom"}).to_numpy()
    classes = np.where(frame["trench"], "Canal", np.where(cable, "Cable", "Pipe"))
    objects = pd.DataFrame(
        {"object_id": ids, "class": classes, "geometry": pd.Series(shapes, dtype=object)}
    )
    rows = records(table.rows)
    told = zip(rows, sizes, records(frame), axes, reference, strict=True)
    objects["attributes"] = pd.Series(
        [_attributes(row, table, size | _levels(ends, axis, what)) | {"network": ends["network"]}
         for row, size, ends, axis, what in told],
        dtype=object,
    )  # fmt: skip
    objects["valid_from"] = _days(table)
    edges = pd.DataFrame(
        {
            "network": frame["network"],
            "object_id": ids,
            "start_node": frame["start"],
            "end_node": frame["end"],
            "length": lengths,
        }
    )
    return Batch(objects, edges=edges)


def _count_sizes(table: Table, sizes: NDArray[Any], log: Log) -> None:
    if "section" not in table.rows:
        return
    texts = table.rows["section"]
    odd = np.array([not each for each in sizes], bool) & texts.notna().to_numpy()
    odd &= (texts.fillna("0").str.strip("0. ") != "").to_numpy()
    example = str(texts[odd].iloc[0]) if odd.any() else ""
    what = f"sizes in {table.spelled['section']!r} that are not understood"
    log.count("section_not_understood", what, "such as DN300 or 1000×800", int(odd.sum()), example)


def _ids(frame: pd.DataFrame, table: Table, named: set[str]) -> list[str]:
    """The line's own number where that is unique, else its points'."""
    plain = (frame["start"] + "-" + frame["end"]).tolist()
    if "line_id" in table.rows:
        own = table.rows["line_id"].iloc[frame["row"]]
        if own.notna().all() and own.is_unique and not named & set(own):
            plain = own.tolist()
    ids = []
    for each in plain:
        name, count = each, 1
        while name in named:
            count += 1
            name = f"{each}#{count}"
        named.add(name)
        ids.append(name)
    return ids


def _shapes(
    frame: pd.DataFrame, points: Points, high: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[Any]]:
    """(lines, (n, 2) heights of the axis, what Z is): Z is the axis if the size is known."""
    places = [points.table[["x", "y"]].loc[frame[end]].to_numpy(float) for end in ("start", "end")]
    level = frame[["start_level", "end_level"]].to_numpy(float)
    below = (frame[["start_reference", "end_reference"]] == "crown").to_numpy(bool)
    axes = level + np.where(below, -1.0, 1.0) * (high / 2)[:, np.newaxis]
    axes = np.round(axes, TENTHS)
    alike = below[:, 0] == below[:, 1]
    known = np.logical_and.reduce(np.isfinite(axes), axis=1)
    z = np.where(known[:, np.newaxis], axes, level)
    deep = known | (np.logical_and.reduce(np.isfinite(level), axis=1) & alike)
    reference = np.where(known, "axis", np.where(deep, frame["start_reference"], ""))
    flat = np.stack(places, axis=1)
    shapes = np.asarray(shapely.linestrings(flat), object)
    shapes[deep] = shapely.linestrings(np.dstack([flat, z])[deep])
    return shapes, axes, reference


def _levels(ends: dict[Any, Any], axes: NDArray[np.float64], reference: str) -> dict[str, Any]:
    known: dict[str, Any] = {"z_reference": reference}
    for end, axis in zip(("start", "end"), axes.tolist(), strict=True):
        known[f"{ends[f'{end}_reference']}_{end}_m"] = ends[f"{end}_level"]
        known[f"axis_{end}_m"] = axis
        known[f"depth_{end}_m"] = ends[f"{end}_depth"]
    return {key: each for key, each in known.items() if is_known(each)}


def _attributes(row: dict[Any, Any], table: Table, known: dict[str, Any]) -> dict[str, Any]:
    kept = {key: row[key] for key in table.own if row.get(key)}
    kept |= {target: row[key] for key, target in _TEXTS.items() if row.get(key)}
    for key in _COUNTS:
        if row.get(key):
            kept[key] = int(row[key]) if str(row[key]).isdigit() else row[key]
    for key, words, target in (
        ("material", code_list("cjj61_material").meanings, "material"),
        ("embedding", code_list("cjj61_embedding").meanings, "embedding"),
        ("service", SERVICES, "service_status"),
    ):
        if row.get(key):
            kept[target] = words.get(str(row[key]).strip().upper(), row[key])
    both = str(row.get("pressure_or_voltage") or "")
    if both:
        kept["voltage" if "V" in both.upper() or "伏" in both else "pressure"] = both
    if str(row.get("year") or "")[:4].isdigit():
        kept["year_built"] = int(str(row["year"])[:4])
    kept["cjj61"] = kind_code(str(row.get("kind") or "")) or kind_code(str(row["start"]))
    return {key: each for key, each in (known | kept).items() if each != ""}


def _days(table: Table) -> "pd.Series[Any]":
    """The day a line was laid, ISO 8601; unknown where the source gives none."""

    def day(text: str) -> str | None:
        try:
            return values.day(text)
        except values.NotUnderstoodError:
            return None

    return pd.Series(_by_text(table, "year", day, len(table.rows), None), dtype="str")
