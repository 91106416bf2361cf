"""CSV tables whose rows have coordinates or shapes: any delimiter, encoding and language."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as pa_csv

from cim.model import Finding
from ingest.coordinates import find_place
from ingest.encoding import canonical, text_encoding
from ingest.features import Log
from ingest.planned import planned_reading, unique_names
from ingest.reader import Reader, Reading, ReadOptions, refuse

DELIMITERS: Final = ",;\t|"
_BLOCK: Final = 4 << 20


def open_csv(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a CSV table; each row becomes an object, where its columns say.

    Raises
    ------
    SourceError
        If it is no table, or no column says where its rows are.
    ParamError
        If the user names a field that does not exist.

    """
    log = Log()
    encoding = stated_encoding(path, options, log)
    names, delimiter = csv_header(path, encoding)
    place = find_place(path, names, options, log)
    rows = CsvRows(path, encoding, (names, delimiter), log)
    stream = (place.chunk(batch, numbers) for batch, numbers in rows)
    first = next(stream, None)
    layers = []
    if first is not None:
        rest = chain([first], stream)
        layers.append(place.layer(path, first, lambda: rest, None))
    elif log.rejected:
        raise refuse(
            path,
            f"no row fits its header; {log.rejected[0].object}: {log.rejected[0].reason}",
            "save it as CSV again, with one name for each column in its first line",
        )
    return planned_reading(path, layers, options, log, encoding)


def csv_names(path: Path, encoding: str) -> list[str]:
    """The names of the columns of a CSV table.

    Raises
    ------
    SourceError
        If it is no text, or its first line has no names.
    """
    return csv_header(path, encoding)[0]


def csv_table(path: Path, options: ReadOptions, log: Log) -> pa.Table:
    """All rows of a CSV table, whose line numbers are its last column, `LINE`.

    Raises
    ------
    SourceError
        If it is no table.
    """
    encoding = stated_encoding(path, options, log)
    names, delimiter = csv_header(path, encoding)
    rows = CsvRows(path, encoding, (names, delimiter), log)
    tables = [
        pa.Table.from_batches([batch]).append_column(LINE, pa.array(numbers))
        for batch, numbers in rows
    ]
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})


LINE: Final = "\0line"
"""Column of line or row numbers beside those of the source."""


def stated_encoding(path: Path, options: ReadOptions, log: Log) -> str:
    """The encoding of a text file, as the user says or by its bytes; a guess is noted.

    Raises
    ------
    SourceError
        If the user names one that does not exist.
    """
    if options.encoding:
        name = canonical(options.encoding)
        if not name:
            raise refuse(path, f"no encoding {options.encoding!r}", "such as UTF-8 or GB18030")
        return name
    found = text_encoding(path)
    if found.confidence != "certain":
        message = f"nobody says how the text is encoded; its bytes look like {found.name}"
        severity: Any = "warning" if found.confidence == "guess" else "info"
        log.note(Finding(severity, "encoding_detected", message, "set the encoding if not"))
    return found.name


def csv_header(path: Path, encoding: str) -> tuple[list[str], str]:
    """(unique names of the columns, delimiter) of a CSV file.

    Raises
    ------
    SourceError
        If it is no text, or its first line has no names.
    """
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(1 << 16)
    if not sample.strip() or "\x00" in sample:
        problem = "it is empty" if not sample.strip() else "it is not a text file"
        raise refuse(path, problem, "save the table as CSV again")
    line = sample.splitlines()[0]
    delimiter = max(DELIMITERS, key=lambda each: _fields(line, each))
    names = next(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), [])
    if all(_is_numeric(name) for name in names):
        raise refuse(
            path, "its first line has no column names", "add a line with names, such as id,lon,lat"
        )
    return unique_names(names), delimiter


def _fields(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line], delimiter=delimiter), []))


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text.strip()
    return True


class _Utf8(io.RawIOBase):
    """A file of another encoding as UTF-8; what is no text there becomes U+FFFD, counted."""

    def __init__(self, file: IO[bytes], encoding: str, log: Log) -> None:
        self._file, self._log = file, log
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills `buffer`; 0 at the end."""
        while not self._ready:
            block = self._file.read(1 << 20)
            text = self._decoder.decode(block, final=not block)
            what, hint = "characters that are not in the encoding", "set the encoding"
            self._log.count("undecodable", what, hint, text.count("\ufffd"))
            self._ready = text.encode("utf-8", "replace")
            if not block:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


class CsvRows(Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]):
    """The rows of a CSV file with their line numbers; rows of the wrong length are rejected."""

    def __init__(self, path: Path, encoding: str, shape: tuple[list[str], str], log: Log) -> None:
        self._path, self._log = path, log
        self._names, self._delimiter = shape
        self._bad: list[int] = []
        self._line = 1
        self._numeric: list[str] | None = None
        self._batches = self._read(encoding)

    def __next__(self) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
        for batch in self._batches:
            if batch.num_rows:
                return self._typed(batch), self._numbers(batch.num_rows)
        raise StopIteration

    def _read(self, encoding: str) -> Iterator[pa.RecordBatch]:
        with self._path.open("rb") as raw:
            source: Any = raw
            if encoding not in {"utf-8", "utf-8-sig", "ascii"}:
                source = io.BufferedReader(_Utf8(raw, encoding, self._log))
            try:
                with pa_csv.open_csv(source, *self._manner()) as reader:
                    yield from reader
            except (pa.ArrowException, OSError, ValueError) as error:
                reason = " ".join(str(error).split())[:300]
                hint = "open it in a spreadsheet and save it as CSV again"
                raise refuse(self._path, f"it cannot be read: {reason}", hint) from error

    def _manner(self) -> tuple[Any, Any, Any]:
        names = self._names
        text = dict.fromkeys(names, pa.string())
        return (
            pa_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK, column_names=names, skip_rows_after_names=1
            ),
            pa_csv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=True,
                invalid_row_handler=self._rejected,
            ),
            pa_csv.ConvertOptions(
                column_types=text, strings_can_be_null=True, null_values=[""], check_utf8=True
            ),
        )

    def _rejected(self, row: Any) -> str:
        self._bad.append(row.number)
        reason = f"it has {row.actual_columns} values, the header {row.expected_columns} names"
        self._log.reject(f"line {row.number}", "wrong_length", reason, row.text)
        return "skip"

    def _numbers(self, count: int) -> NDArray[np.int64]:
        """Line numbers of the next `count` good rows."""
        ahead = self._line + 1 + np.arange(count + len(self._bad), dtype=np.int64)
        numbers = ahead[~np.isin(ahead, self._bad)][:count]
        self._line = int(numbers[-1])
        self._bad = [each for each in self._bad if each > self._line]
        return numbers

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Numbers where the first chunk has nothing but numbers; text stays where that fails."""
        if self._numeric is None:
            self._numeric = [name for name in batch.schema.names if _holds_numbers(batch[name])]
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name in self._numeric:
            columns[name] = _as_numbers(columns[name])
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


_WHOLE: Final = r"^-?(0|[1-9]\d{0,17})$"
_REAL: Final = r"^[+-]?(0|[1-9]\d*)?(\.\d+)?([eE][+-]?\d+)?$"


def typed(column: pa.Array) -> pa.Array:
    """A column of text as numbers, if it has nothing but numbers."""
    return _as_numbers(column) if _holds_numbers(column) else column


def _holds_numbers(column: pa.Array) -> bool:
    present = column.drop_null()
    return len(present) > 0 and pc.all(pc.match_substring_regex(present, _REAL)).as_py() is True


def _as_numbers(column: pa.Array) -> pa.Array:
    whole = pc.all(pc.match_substring_regex(column, _WHOLE), min_count=0).as_py()
    try:
        return pc.cast(column, pa.int64() if whole else pa.float64())
    except pa.ArrowInvalid:
        return column


CSV: Final = Reader("csv", "Table with coordinates (CSV)", (".csv", ".tsv", ".txt"), open_csv)
