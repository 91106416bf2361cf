"""CSV time series: a table with a time in each row and no place, or with places that repeat."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cim.errors import CimError
from cim.model import Batch, Finding
from cim.series import Results, Series, Times
from ingest import values
from ingest.features import Log
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.series.layout import Layout, find_layout, open_rows
from ingest.series.stations import Chronicle, Station, by_code, series_batch, stream, zone_unknown
from ingest.series.times import ASSUMED_ZONE, from_start, in_utc, zone
from ingest.series.units import name_and_unit
from ingest.table import open_csv, stated_encoding


def open_series(path: Path, options: ReadOptions, work: Path) -> Reading:
    """The reading of a CSV time series; each column of numbers is a datastream of each station.

    A time is one column in any usual spelling, a date and a time, or year, month, day, hour …;
    stations are told apart by a column that names them or by their coordinates; a column of
    properties beside one of values makes a datastream for each property. Where nothing names a
    station the file is one.

    Raises
    ------
    SourceError
        If it is no table, or its times count from a moment that nobody says.
    """
    log = Log()
    encoding = stated_encoding(path, options, log)
    batches = open_rows(path, encoding, log)
    first = next(batches, None)
    layout = None if first is None else find_layout(path, first, options)
    if first is None or layout is None:
        return open_csv(path, options, work)
    if layout.clock.relative and not options.start:
        counted = f"its times are numbers of {layout.clock.relative} from a start it does not say"
        raise refuse(path, counted, "say the start, such as --start 2024-05-01T08:00+08:00")
    if layout.clock.two_ways:
        message = "its dates can be read with the day or the month first; the day is taken first"
        hint = "write them as 2024-05-31"
        log.note(Finding("warning", "date_order_unknown", message, hint))
    if not layout.clock.zoned and not options.time_zone:
        log.note(zone_unknown())
    table = _Table(path, layout, options, log)
    crs = options.crs or (layout.place.crs if layout.place else "")
    return Reading(
        crs=crs,
        crs_source="user" if options.crs else "format" if crs else "",
        batches=table.batches(first, batches),
        encoding=encoding,
        rejected=log.rejected,
        findings=log.findings,
    )


class _Table:
    """The rows of a file on their way to series."""

    def __init__(self, path: Path, layout: Layout, options: ReadOptions, log: Log) -> None:
        self._path, self._layout, self._options, self._log = path, layout, options, log
        self._chronicle = Chronicle(log)
        self._zone = zone(options.time_zone or ASSUMED_ZONE)
        self._known: dict[str, tuple[float, float]] = {}
        self._words: dict[str, dict[str, int]] = {name: {} for name in layout.words}
        self._moving: set[str] = set()

    def batches(self, first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[Batch]:
        """Stations as they are met, and the observations of each chunk."""
        yield self._batch(first)
        for rows in rest:
            yield self._batch(rows)
        for name in self._layout.left_out:
            message = f"column {name} is neither numbers nor a few words; it is left out"
            self._log.note(Finding("warning", "column_left_out", message))
        if self._moving:
            message = f"{len(self._moving)} stations move; they lie where they were first"
            hint = "their coordinates are series too"
            self._log.note(Finding("info", "station_moves", message, hint))
        self._chronicle.close()

    def _batch(self, rows: pa.RecordBatch) -> Batch:
        times = self._times(rows)
        names, codes = self._stations(rows)
        columns = {name: self._results(rows, name) for name in self._layout.values}
        columns |= {name: self._coded(rows, name) for name in self._layout.words}
        x, y = self._coordinates(rows)
        fresh: list[Station] = []
        series: list[Series] = []
        for code, where in by_code(codes):
            station = names[code]
            if station not in self._known:
                fresh.append(self._station(rows, station, int(where[0]), (x, y)))
                self._known[station] = (float(x[where[0]]), float(y[where[0]]))
            given = dict(columns)
            if self._moves(station, x[where], y[where]):
                given |= {"longitude [deg]": x, "latitude [deg]": y}
            series += self._series(rows, station, (times, where), given)
        return series_batch(fresh, series, self._options.class_name)

    def _series(
        self,
        rows: pa.RecordBatch,
        station: str,
        when: tuple[Times, NDArray[np.int64]],
        columns: dict[str, Results],
    ) -> Iterator[Series]:
        times, where = when
        layout = self._layout
        if layout.kind:
            yield from self._of_each_kind(rows, station, when, columns[layout.values[0]])
            return
        for column, results in columns.items():
            name, unit = name_and_unit(column)
            told = stream(station, name, unit)
            if column in self._words:
                told = replace(told, categories=tuple(self._words[column]))
            yield self._chronicle.series(told, times[where], results[where])

    def _of_each_kind(
        self,
        rows: pa.RecordBatch,
        station: str,
        when: tuple[Times, NDArray[np.int64]],
        results: Results,
    ) -> Iterator[Series]:
        """Observations of several properties in one column, another names the property."""
        times, where = when
        layout = self._layout
        kinds = _coded(rows[layout.kind].take(pa.array(where)))
        units = rows[layout.unit] if layout.unit else None
        for code, at in by_code(kinds[1]):
            chosen = where[at]
            unit = units[int(chosen[0])].as_py() if units is not None else ""
            name, own = name_and_unit(kinds[0][code])
            told = stream(station, name, str(unit or own))
            yield self._chronicle.series(told, times[chosen], results[chosen])

    def _times(self, rows: pa.RecordBatch) -> Times:
        clock = self._layout.clock
        times = clock.read(rows)
        if clock.relative:
            return from_start(times, self._options.start, self._zone)
        return times if clock.zoned else in_utc(times, self._zone)

    def _stations(self, rows: pa.RecordBatch) -> tuple[list[str], NDArray[np.int64]]:
        """(names, the number of each row's name)."""
        layout = self._layout
        if layout.station:
            return _coded(rows[layout.station])
        if layout.place is not None:
            x, y = self._coordinates(rows)
            pairs = [f"{a:.6f},{b:.6f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
            return _coded(pa.array(pairs))
        return [self._path.stem], np.zeros(len(rows), np.int64)

    def _coordinates(self, rows: pa.RecordBatch) -> tuple[Results, Results]:
        place = self._layout.place
        if place is None or not place.x:
            return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        x, y = (
            np.asarray(values.numbers(rows[name], values.coordinate).values, np.float64)
            for name in (place.x, place.y)
        )
        return x, y

    def _moves(self, station: str, x: Results, y: Results) -> bool:
        """Whether a station that a column names is met at more than one place."""
        layout = self._layout
        if layout.place is None or not layout.station:
            return False
        if station not in self._moving:
            first = self._known[station]
            if np.nanmax(np.abs([x - first[0], y - first[1]]), initial=0) > 1e-4:
                self._moving.add(station)
        return station in self._moving

    def _station(
        self, rows: pa.RecordBatch, name: str, at: int, places: tuple[Results, Results]
    ) -> Station:
        layout = self._layout
        told = {
            each: rows[each][at].as_py() for each in layout.constant if each in rows.schema.names
        }
        title = str(told.pop(layout.title, "") or "") if layout.title else ""
        z = float("nan")
        if layout.place is not None and layout.place.z:
            z = float(values.numbers(rows[layout.place.z].slice(at, 1)).values[0])
        return Station(
            name, title, float(places[0][at]), float(places[1][at]), z, "station",
            {key: each for key, each in told.items() if each is not None},
        )  # fmt: skip

    def _results(self, rows: pa.RecordBatch, name: str) -> Results:
        column = rows[name]
        if values.is_text(column.type):
            found, strange, example = numbers_of(column)
            what = "values that are no numbers; they are unknown"
            self._log.count("result_not_understood", what, "", strange, example)
        else:
            cast = pc.cast(column, pa.float64())
            found = np.array(cast.to_numpy(zero_copy_only=False), np.float64)
        marked = np.isin(found, values.NO_DATA)
        if marked.any():
            what = "results such as -9999 that stand for none"
            self._log.count("no_data_marks", what, "they are unknown", int(marked.sum()))
            found[marked] = np.nan
        return found

    def _coded(self, rows: pa.RecordBatch, name: str) -> Results:
        """Words as numbers, in the order in which they were met."""
        known = self._words[name]
        words, codes = _coded(rows[name])
        numbers = np.array([known.setdefault(each, len(known)) for each in words], float)
        found: Results = numbers[codes]
        found[np.asarray(rows[name].is_null())] = np.nan
        return found


def _coded(column: pa.Array) -> tuple[list[str], NDArray[np.int64]]:
    """(distinct texts, the number of each row's)."""
    coded = pc.utf8_trim_whitespace(pc.cast(column, pa.string()).fill_null("?"))
    coded = coded.dictionary_encode()
    return coded.dictionary.to_pylist(), np.asarray(coded.indices, np.int64)


def numbers_of(column: pa.Array) -> tuple[Results, int, str]:
    """(numbers in a column of text, how many are none, one of those); blanks are NaN.

    A comma is a decimal one.
    """
    coded = column.dictionary_encode()
    found, strange = [], []
    for word in coded.dictionary.to_pylist():
        text = word.strip()
        try:
            found.append(float(text.replace(",", ".")) if text else np.nan)
            strange.append(False)
        except ValueError:
            found.append(np.nan)
            strange.append(text.lower() not in values.BLANKS)
    numbers, odd = np.array([*found, np.nan]), np.array([*strange, False])
    places = np.asarray(coded.indices.fill_null(len(found)), np.int64)
    which = odd[places]
    example = str(column[int(np.flatnonzero(which)[0])].as_py()) if which.any() else ""
    return numbers[places], int(which.sum()), example


def _is_series(path: Path) -> bool:
    """Whether a table says when rather than where."""
    if not path.is_file():
        return False
    log = Log()
    try:
        encoding = stated_encoding(path, ReadOptions(), log)
        batches = open_rows(path, encoding, log)
        first = next(batches, None)
        return first is not None and find_layout(path, first, ReadOptions()) is not None
    except (CimError, pa.ArrowException, OSError, ValueError):
        return False


SERIES: Final = Reader(
    "series", "Time series (CSV)", (".csv", ".tsv", ".txt"), open_series, recognise=_is_series
)
