"""Spreadsheets (Excel, OpenDocument) whose rows have coordinates: each sheet is a layer."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from cim.declare import did_you_mean
from cim.errors import ParamError, SourceError
from cim.model import Finding
from ingest.coordinates import find_place
from ingest.features import Log
from ingest.guard import UNPACKING
from ingest.planned import OpenLayer, planned_reading, unique_names
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.table import typed

SHEET_SUFFIXES: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
UNPACKED_LIMIT: Final = 4 << 30
"""Bytes that a workbook may unpack to."""

HEAD: Final = 15
"""Rows among which the names of the columns are looked for."""

_UNIT_WORDS: Final = """
    m mm cm km ft in m2 m3 ㎡ m² m³ 米 毫米 厘米 公里 千米 平方米 ° 度 degree degrees deg 年 a
    个 条 根 孔 层 栋 kv kv v mpa pa 单位 unit units text 文本 - / —"""
UNIT_WORDS: Final = frozenset(_UNIT_WORDS.split())
"""What the cells of a row of units say."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A sheet as a table."""

    name: str
    table: pa.RecordBatch
    numbers: NDArray[np.int64]
    """(n,) row numbers as a spreadsheet shows them."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Column → unit, where a row below the names tells."""


def open_sheets(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a workbook; every visible sheet that says where its rows are is a layer.

    A cell with a formula has the value that was last computed.

    Raises
    ------
    SourceError
        If it cannot be opened, or no sheet says where its rows are.
    ParamError
        If the user names a sheet or a field that does not exist.
    """
    log = Log()
    layers = []
    refusals = []
    for sheet in sheets(path, options, log):
        try:
            layers.append(_layer(path, sheet, options, log))
        except SourceError as error:
            refusals.append(error)
            message = f"sheet {sheet.name} is left out: {error.problem}"
            log.note(Finding("warning", "sheet_left_out", message, error.hint))
    if refusals and not layers:
        raise refusals[0]
    return planned_reading(path, layers, options, log)


def _layer(path: Path, sheet: Sheet, options: ReadOptions, log: Log) -> OpenLayer:
    place = find_place(path, sheet.table.schema.names, options, log)
    chunk = place.chunk(sheet.table, sheet.numbers)
    layer = place.layer(path, chunk, lambda: iter([chunk]), len(chunk))
    foreign = {name: unit for name, unit in sheet.units.items() if unit in {"mm", "cm", "ft"}}
    if foreign:
        told = ", ".join(f"{name} in {unit}" for name, unit in foreign.items())
        message = f"sheet {sheet.name}: a row below the names gives units: {told}"
        hint = "say the units, so that numbers become metres"
        log.note(Finding("warning", "units_row", message, hint, fix={"units": foreign}))
    return replace(layer, name=sheet.name, names=(sheet.name, path.stem))


def sheets(path: Path, options: ReadOptions, log: Log) -> list[Sheet]:
    """The visible sheets of a workbook that have rows.

    Raises
    ------
    SourceError
        If it cannot be opened or has none.
    ParamError
        If the user names a sheet that does not exist.
    """
    found = []
    for name, rows, merged in _grids(path, options, log):
        sheet = _table(name, rows, merged)
        if sheet is not None:
            found.append(sheet)
    if not found:
        raise refuse(
            path, "no sheet has a row of names with rows below it", "do its columns have names?"
        )
    return found


Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]


def _grids(
    path: Path, options: ReadOptions, log: Log
) -> Iterator[tuple[str, list[list[Any]], Merged]]:
    """(name, rows of cells, merged ranges) of every sheet that is read."""
    try:
        _refuse_bomb(path)
        with CalamineWorkbook.from_path(path) as book:
            for name in _chosen(path, book, options, log):
                sheet = book.get_sheet_by_name(name)
                rows = sheet.to_python(skip_empty_area=False)
                yield name, rows, list(sheet.merged_cell_ranges or ())
    except PasswordError as error:
        hint = "save it without a password"
        raise refuse(path, "the workbook is protected by a password", hint) from error
    except (CalamineError, *UNPACKING) as error:
        reason = " ".join(str(error).split())[:200]
        hint = "open it in a spreadsheet program and save it again as .xlsx"
        raise refuse(path, f"it cannot be read as a workbook: {reason}", hint) from error


def _chosen(path: Path, book: CalamineWorkbook, options: ReadOptions, log: Log) -> list[str]:
    """The sheet that the user names, or all that are visible."""
    states = {each.name: each.visible for each in book.sheets_metadata}
    if options.layer:
        if options.layer not in states:
            hint = did_you_mean(options.layer, list(states))
            raise ParamError(f"no sheet {options.layer!r} in {path.name}", where="layer", hint=hint)
        return [options.layer]
    hidden = [name for name, state in states.items() if state != SheetVisibleEnum.Visible]
    if hidden:
        message = f"hidden sheets are left out: {', '.join(hidden)}"
        hint, fix = "name the sheet to read it", {"layer": hidden[0]}
        log.note(Finding("info", "sheet_hidden", message, hint, fix=fix))
    return [name for name in states if name not in hidden]


def _refuse_bomb(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        size = sum(each.file_size for each in packed.infolist())
    if size > UNPACKED_LIMIT:
        raise refuse(path, f"it unpacks to {size >> 30} GiB", "split it into several workbooks")


def _table(name: str, rows: list[list[Any]], merged: Merged) -> Sheet | None:
    """The sheet as a table; None if there is no row of names with rows below it."""
    for (top, left), (bottom, right) in merged:
        if top < HEAD:
            _fill(rows, (top, left, min(bottom, HEAD), right))
    head = next((at for at in range(min(HEAD, len(rows))) if _is_head(rows, at)), None)
    if head is None:
        return None
    names, begin = _names(rows, head, merged)
    units, begin = _units(rows, begin, names)
    kept = [at for at in range(begin, len(rows)) if any(cell != "" for cell in rows[at])]
    if not kept:
        return None
    columns = list(zip(*(rows[at] for at in kept), strict=True))
    used = [at for at, each in enumerate(names) if each or any(cell != "" for cell in columns[at])]
    unique = unique_names([names[at] for at in used])
    table = pa.RecordBatch.from_arrays([_column(columns[at]) for at in used], unique)
    told = {label: units[at] for label, at in zip(unique, used, strict=True) if units.get(at)}
    return Sheet(name, table, np.array(kept, np.int64) + 1, told)


def _fill(rows: list[list[Any]], area: tuple[int, int, int, int]) -> None:
    """Gives all cells of a merged range the text that its first cell has."""
    top, left, bottom, right = area
    for row in rows[top : bottom + 1]:
        for at in range(left, min(right + 1, len(row))):
            row[at] = rows[top][left]


def _is_head(rows: list[list[Any]], at: int) -> bool:
    """Whether a row names columns: different texts in most of the cells that are used below."""
    filled = [cell for cell in rows[at] if cell != ""]
    texts = {cell for cell in filled if isinstance(cell, str) and not _is_number(cell)}
    below = [sum(cell != "" for cell in row) for row in rows[at + 1 : at + 1 + HEAD]]
    usual = int(np.median([each for each in below if each] or [0]))
    return len(texts) >= 2 and 2 * len(texts) >= max(len(filled), usual)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _names(rows: list[list[Any]], head: int, merged: Merged) -> tuple[list[str], int]:
    """(names of the columns, first row below them); names in two rows become one.

    Under a name over several columns a name of its own is enough, where no other column has it.
    """
    upper = [str(cell).strip() for cell in rows[head]]
    wide = any(top <= head <= bottom and right > left for (top, left), (bottom, right) in merged)
    if not wide or head + 1 >= len(rows):
        return [_one_line(each) for each in upper], head + 1
    lower = [str(cell).strip() for cell in rows[head + 1]]
    alone = {each for each in lower if lower.count(each) == 1}
    names = [
        low if low in alone or not up or low == up else (f"{up}{low}" if low else up)
        for up, low in zip(upper, lower, strict=True)
    ]
    return [_one_line(each) for each in names], head + 2


def _one_line(text: str) -> str:
    return "".join(text.split("\n")) if not text.isascii() else " ".join(text.split())


def _units(rows: list[list[Any]], at: int, names: Sequence[str]) -> tuple[dict[int, str], int]:
    """(column number → unit, first row of data): a row of nothing but units is none of data."""
    if at >= len(rows):
        return {}, at
    cells = [str(cell).strip().strip("()（）[]").casefold() for cell in rows[at]]
    filled = [each for each in cells if each]
    if not filled or 2 * len(filled) < sum(map(bool, names)) or not set(filled) <= UNIT_WORDS:
        return {}, at
    return {column: each for column, each in enumerate(cells) if each}, at + 1


def _column(cells: Sequence[Any]) -> pa.Array:
    """Cells as an Arrow column: numbers if all are, else text with days in ISO 8601."""
    kinds = {type(cell) for cell in cells if cell != ""}
    if kinds and kinds <= {float, int}:
        numbers = pa.array([None if cell == "" else float(cell) for cell in cells], pa.float64())
        present = [cell for cell in cells if cell != ""]
        if all(float(cell).is_integer() and abs(cell) < 2**53 for cell in present):
            return numbers.cast(pa.int64())
        return numbers
    return typed(pa.array([_text(cell) for cell in cells], pa.string()))


def _text(cell: Any) -> str | None:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == time() else cell).isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell).strip() or None


SHEETS: Final = Reader("sheets", "Spreadsheet with places (Excel)", SHEET_SUFFIXES, open_sheets)
