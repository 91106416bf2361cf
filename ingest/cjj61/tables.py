"""The tables of an underground pipeline survey: which files and sheets have points, which lines."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cim.errors import SourceError
from ingest import values
from ingest.attributes import matches
from ingest.cjj61.words import LINE_FIELDS, POINT_FIELDS, kind_code, network_of
from ingest.encoding import text_encoding
from ingest.features import Log
from ingest.reader import ReadOptions, refuse
from ingest.sheets import SHEET_SUFFIXES, sheets
from ingest.table import LINE, csv_names, csv_table

TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt")
ACCESS_SUFFIXES: Final = (".mdb", ".accdb")

_SURVEYED: Final = ("feature", "appurtenance", "depth", "connected", "well_depth", "level")
_LAID: Final = ("section", "material", "embedding", "start_depth", "end_depth", "start_level")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table of points or lines, its columns under the names of `POINT_FIELDS`, `LINE_FIELDS`."""

    name: str
    rows: pd.DataFrame
    """Text, None where blank; columns that mean nothing here keep their headers."""
    numbers: "pd.Series[int]"
    """Line or row number of each row."""
    own: Sequence[str]
    """Headers of columns that mean nothing here."""
    spelled: Mapping[str, str]
    """Name of a column → its header."""


@dataclass(slots=True)
class Survey:
    """Everything that a delivery holds."""

    points: list[Table] = field(default_factory=list)
    lines: list[Table] = field(default_factory=list)
    encoding: str = ""


def mapped(fields: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Name of a column → header, for the headers among `names` that are understood."""
    headers = list(names)
    found: dict[str, str] = {}
    for name, words in fields.items():
        header = next((each for each in matches(words, headers) if each not in found.values()), "")
        if header:
            found[name] = header
    return found


def is_points(names: Iterable[str]) -> bool:
    """Whether a table with these headers is one of survey points."""
    found = mapped(POINT_FIELDS, names)
    return {"id", "x", "y"} <= found.keys() and any(each in found for each in _SURVEYED)


def is_lines(names: Iterable[str]) -> bool:
    """Whether a table with these headers is one of lines between survey points."""
    found = mapped(LINE_FIELDS, names)
    return {"start", "end"} <= found.keys() and any(each in found for each in _LAID)


def read_survey(path: Path, options: ReadOptions, log: Log) -> Survey:
    """The tables of a delivery: of a workbook, a database, or a file with its partner beside it.

    Raises
    ------
    SourceError
        If a file cannot be read.
    """
    survey = Survey()
    for name, table in _tables(path, options, log):
        _sort_in(survey, name, table)
    if path.suffix.lower() in TEXT_SUFFIXES:
        survey.encoding = text_encoding(path).name
        other = partner(path)
        if other is not None:
            _sort_in(survey, other.stem, csv_table(other, options, log))
    return survey


def _sort_in(survey: Survey, name: str, table: pa.Table) -> None:
    names = [each for each in table.column_names if each != LINE]
    if is_points(names):
        survey.points.append(_named(name, table, {**POINT_FIELDS, **_lines_beside(names)}))
    elif is_lines(names):
        survey.lines.append(_named(name, table, LINE_FIELDS))


def _lines_beside(names: Sequence[str]) -> dict[str, str]:
    """Columns of lines in a table of points that also says what each point is joined to."""
    if "connected" not in mapped(POINT_FIELDS, names):
        return {}
    return {key: each for key, each in LINE_FIELDS.items() if key not in {"start", "end", "kind"}}


def _named(name: str, table: pa.Table, fields: Mapping[str, str]) -> Table:
    headers = [each for each in table.column_names if each != LINE]
    spelled = mapped(fields, headers)
    back = {header: each for each, header in spelled.items()}
    columns = {
        back.get(header, header): _objects(values.texts(table[header].combine_chunks()).values)
        for header in headers
    }
    rows = pd.DataFrame(columns)
    numbers = pd.Series(table[LINE].to_numpy(), dtype=np.int64)
    own = [each for each in headers if each not in back]
    return Table(name, rows, numbers, own, spelled)


def records(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows as dicts of Python values."""
    names, columns = rows.columns.tolist(), [rows[name].tolist() for name in rows]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _objects(texts: Any) -> "pd.Series[Any]":
    """Text as Python's own, which is quicker row by row; None where blank."""
    series = pd.Series(texts)
    return series.astype(object).where(series.notna().to_numpy(), None)


def _tables(path: Path, options: ReadOptions, log: Log) -> Iterator[tuple[str, pa.Table]]:
    suffix = path.suffix.lower()
    if suffix in SHEET_SUFFIXES:
        for sheet in sheets(path, options, log):
            table = pa.Table.from_batches([sheet.table])
            yield sheet.name, table.append_column(LINE, pa.array(sheet.numbers))
    elif suffix in ACCESS_SUFFIXES:
        yield from _of_access(path, options, log)
    else:
        yield path.stem, csv_table(path, options, log)


def headers_of(path: Path) -> list[list[str]]:
    """The headers of every table in a file; nothing if it cannot be read."""
    suffix = path.suffix.lower()
    try:
        if suffix in SHEET_SUFFIXES:
            return [each.table.schema.names for each in sheets(path, ReadOptions(), Log())]
        return [csv_names(path, _likely_encoding(path))]
    except (SourceError, OSError, UnicodeError):
        return []


def _likely_encoding(path: Path) -> str:
    """The encoding of the first line of a text file, without reading the rest."""
    with path.open("rb") as file:
        head = file.readline(1 << 16)
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


_HALVES: Final = (("点", "线"), ("point", "line"), ("Point", "Line"), ("POINT", "LINE"))


def partner(path: Path) -> Path | None:
    """The other half of a delivery in two files, ``JS点.csv`` and ``JS线.csv``; None if alone."""
    for one, other in (*_HALVES, *((b, a) for a, b in _HALVES)):
        at = path.stem.rfind(one)
        if at < 0:
            continue
        stem = path.stem[:at] + other + path.stem[at + len(one) :]
        found = path.with_name(stem + path.suffix)
        if found.is_file() and any(is_points(each) or is_lines(each) for each in headers_of(found)):
            return found
    return None


def _of_access(path: Path, options: ReadOptions, log: Log) -> Iterator[tuple[str, pa.Table]]:
    """The tables of an Access database, each exported as CSV by mdbtools."""
    with TemporaryDirectory(prefix="cim-access-") as folder:
        for name in _run(path, "mdb-tables", "-1", str(path)).decode("utf-8").splitlines():
            exported = _run(path, "mdb-export", str(path), name)
            if not exported.strip():
                continue
            copy = Path(folder) / "table.csv"
            copy.write_bytes(exported)
            names = csv_names(copy, "utf-8")
            if is_points(names) or is_lines(names):
                yield name, csv_table(copy, options, log)


def _run(path: Path, command: str, *arguments: str) -> bytes:
    program = shutil.which(command)
    if program is None:
        problem = "Access databases are read by mdbtools, which is not installed"
        hint = "install mdbtools, or save the tables as Excel or CSV"
        raise refuse(path, problem, hint)
    done = subprocess.run([program, *arguments], capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()[:200]
        hint = "open it in Access and save the tables as Excel"
        raise refuse(path, f"mdbtools cannot read it: {reason}", hint)
    return done.stdout


def networks(table: Table, ids: str, options: ReadOptions) -> "pd.Series[str]":
    """(n,) the network of each row: as the user says, by its kind, by its id, by the table's name.

    Unknown is ``other``.
    """
    if options.network:
        return pd.Series(options.network, table.rows.index)
    by_name = network_of(table.name) or network_of(kind_code(table.name))
    found = pd.Series("", table.rows.index)
    for column, read in (("kind", network_of), (ids, lambda text: network_of(kind_code(text)))):
        if column in table.rows:
            codes, texts = pd.factorize(table.rows[column].fillna(""))
            meant = np.array([read(str(each)) for each in texts], object)[codes]
            found = found.where(found != "", pd.Series(meant, table.rows.index))
    return found.replace("", by_name or "other")
