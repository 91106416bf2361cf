"""The tables of a GTFS feed, from a zip file or a folder, and what is wrong with them."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from cim.model import Finding
from ingest.encoding import canonical, detect
from ingest.features import Log
from ingest.guard import UNPACKING
from ingest.reader import ReadOptions, refuse

TABLES: Final = frozenset(
    {"agency", "stops", "routes", "trips", "stop_times", "calendar", "calendar_dates", "shapes"}
    | {"frequencies", "feed_info", "attributions", "fare_attributes", "fare_rules", "transfers"}
)
"""Tables that are read; there are others."""

TELLING: Final = frozenset({"stops", "routes", "trips", "stop_times"})
"""Tables of which a feed has most, and hardly anything else two."""

UNPACKED_LIMIT: Final = 8 << 30
"""Bytes that a feed may unpack to."""

KEYS: Final = {
    "stops": ("stop_id",),
    "routes": ("route_id", "route_type"),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id", "stop_sequence"),
    "calendar": ("service_id", "start_date", "end_date"),
    "calendar_dates": ("service_id", "date", "exception_type"),
    "shapes": ("shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"),
    "frequencies": ("trip_id", "start_time", "end_time", "headway_secs"),
}
"""Columns without which a table says nothing."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Tables by name; all columns are text, empty where nothing is said."""

    tables: dict[str, pd.DataFrame]
    encoding: str

    def table(self, name: str) -> pd.DataFrame:
        """The table, empty but with its columns if the feed has none."""
        found = self.tables.get(name)
        return pd.DataFrame(columns=list(KEYS.get(name, ())), dtype=str) if found is None else found

    def has(self, name: str) -> bool:
        """Whether there is such a table with rows."""
        return name in self.tables and len(self.tables[name]) > 0


def members(path: Path) -> dict[str, str]:
    """Name of a table → its file in the zip file or folder; nothing if it cannot be opened."""
    try:
        if path.is_dir():
            names = [each.name for each in path.iterdir() if each.is_file()]
        else:
            with zipfile.ZipFile(path) as packed:
                names = packed.namelist()
    except UNPACKING:
        return {}
    texts = (each for each in names if each.lower().endswith(".txt") and "__MACOSX" not in each)
    return {PurePosixPath(each).stem.lower(): each for each in texts}


def is_feed(path: Path) -> bool:
    """Whether a zip file or folder holds two or more of the tables of a feed."""
    return len(TELLING & members(path).keys()) >= 2


def read_feed(path: Path, options: ReadOptions, log: Log) -> Feed:
    """The tables of a feed.

    Raises
    ------
    SourceError
        If there are no stops, a table misses a column it must have, or it cannot be unpacked.
    """
    found = members(path)
    encoding = ""
    tables = {}
    for name, raw in _opened(path, {key: found[key] for key in sorted(TABLES & found.keys())}):
        table, encoding = _table(path, name, raw, options, encoding)
        tables[name] = table
    if "stops" not in tables or not len(tables["stops"]):
        what = "is missing" if "stops" not in tables else "has no rows"
        hint = "get the whole feed again: without stops nothing has a place"
        raise refuse(path, f"stops.txt {what}", hint)
    for name in ("routes", "trips", "stop_times"):
        if name not in tables:
            message = f"{name}.txt is missing: stops are read, but not how often they are served"
            log.note(Finding("warning", "table_missing", message, "get the whole feed again"))
    if encoding not in {"", "utf-8-sig"}:
        message = f"the text is not UTF-8, as GTFS has it; its bytes look like {encoding}"
        log.note(Finding("warning", "encoding_detected", message, "set the encoding if not"))
    return Feed(tables, encoding or "UTF-8")


def _opened(path: Path, names: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for name, file in names.items():
            yield name, (path / file).read_bytes()
        return
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(packed.getinfo(file).file_size for file in names.values())
            if size > UNPACKED_LIMIT:
                raise refuse(path, f"it unpacks to {size >> 30} GiB", "unpack and divide it")
            for name, file in names.items():
                yield name, packed.read(file)
    except UNPACKING as error:
        raise refuse(path, f"it cannot be unpacked: {error}", "download it again") from error


def _table(
    path: Path, name: str, raw: bytes, options: ReadOptions, before: str
) -> tuple[pd.DataFrame, str]:
    """(the table, its encoding); `before` is the encoding of the tables that came before."""
    encoding = _encoding(path, raw, options) or before
    try:
        table = pd.read_csv(
            io.BytesIO(raw),
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            encoding=encoding or "utf-8-sig",
            encoding_errors="replace",
            on_bad_lines="warn" if name not in KEYS else "error",
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=list(KEYS.get(name, ())), dtype=str), encoding
    except (pd.errors.ParserError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise refuse(path, f"{name}.txt cannot be read: {reason}", "mend that line") from error
    table.columns = table.columns.str.strip().str.lower()
    missing = [each for each in KEYS.get(name, ()) if each not in table]
    if missing:
        problem = f"{name}.txt has no column {', '.join(missing)}"
        raise refuse(path, problem, f"it has {', '.join(map(str, table.columns[:12]))}")
    return table, encoding


def _encoding(path: Path, raw: bytes, options: ReadOptions) -> str:
    """The encoding of a table; empty if plain ASCII does not tell."""
    if options.encoding:
        name = canonical(options.encoding)
        if not name:
            raise refuse(path, f"no encoding {options.encoding!r}", "such as UTF-8 or GB18030")
        return name
    if raw.isascii():
        return ""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        lines = [line for line in raw.splitlines() if not line.isascii()]
        return detect(lines[:500], [], cut=False).name
    return "utf-8-sig"
