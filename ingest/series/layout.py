"""Which columns of a table are times, stations and results."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cim.errors import SourceError
from ingest import field_names, values
from ingest.attributes import matches
from ingest.coordinates import Place, find_place
from ingest.features import Log
from ingest.planned import unique_names
from ingest.reader import ReadOptions
from ingest.series.times import Clock, clock
from ingest.series.units import name_and_unit
from ingest.table import CsvRows, csv_header, typed

STATIONS: Final = """
    station_id station site_id site_no site_code site sensor_id sensor meter_id meter device_id
    device gauge_id gauge station_code stationid sensorid meterid deviceid thing object_id
    building_id 站点编号 站点编码 站点id 站号 测站编码 测站 站点 监测点编号 监测点位
    监测点 点位 设备编号 设备id 设备 传感器编号 传感器 表号 表计编号 仪表编号 建筑编号 井编号"""
"""Names of columns that say which station a row is of."""
TITLES: Final = "station_name site_name name 站点名称 站名 测站名称 监测点名称 设备名称 名称"
KINDS: Final = """
    observed_property property parameter param variable indicator pollutant quantity metric
    指标 监测指标 监测项目 监测项 参数 参数名称 因子 污染物 物理量"""
"""Names of columns that say which property a row is of."""
RESULTS: Final = "result value val reading measurement 值 数值 监测值 读数 测量值 结果 实测值"
UNITS: Final = "unit units uom 单位 计量单位"

MOST_WORDS: Final = 200
"""Distinct words up to which a column of text is a series of words."""
_WHITE: Final = re.compile(r"\t+|\s{2,}")
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a table of observations are."""

    clock: Clock
    values: tuple[str, ...]
    """Columns of numbers; a single one if `kind` is set."""
    words: tuple[str, ...] = ()
    """Columns of a few words, such as wind directions."""
    station: str = ""
    title: str = ""
    kind: str = ""
    """Column that names the property of each row."""
    unit: str = ""
    place: Place | None = None
    constant: tuple[str, ...] = ()
    """Columns that say the same in every row of a station."""
    left_out: tuple[str, ...] = ()


def open_rows(path: Path, encoding: str, log: Log) -> Iterator[pa.RecordBatch]:
    """The rows of a table, a chunk at a time; columns of numbers are numbers.

    Besides CSV these are columns that stand apart by blanks, and tables with a second line of
    names.

    Raises
    ------
    SourceError
        If it is no table.
    """
    odd = _odd_header(path, encoding)
    if odd is None:
        for batch, _ in CsvRows(path, encoding, csv_header(path, encoding), log):
            yield batch
        return
    names, separator, skipped = odd
    chunks = pd.read_csv(
        path, sep=separator, names=names, skiprows=skipped, dtype=str, encoding=encoding,
        chunksize=_CHUNK, skip_blank_lines=True, engine="c",
    )  # fmt: skip
    with chunks:
        for chunk in chunks:
            texts = [pa.array(chunk[name], pa.string(), from_pandas=True) for name in names]
            yield pa.RecordBatch.from_arrays([typed(each) for each in texts], names)


def _odd_header(path: Path, encoding: str) -> tuple[list[str], str, int] | None:
    """(names, separator, lines to skip) of a table whose header is not one line of CSV."""
    with path.open(encoding=encoding, errors="replace") as file:
        lines = [line.rstrip("\r\n") for line in file.readlines(1 << 14)[:4]]
    if len(lines) < 3:
        return None
    if not any(each in lines[0] for each in ",;|"):
        names = _WHITE.split(lines[0].strip())
        rows = [line.split() for line in lines[1:]]
        apart = "\t" not in lines[0] and len(names) > 1
        if apart and all(len(row) == len(names) and all(map(_is_number, row)) for row in rows):
            return unique_names(names), r"\s+", 1
    separator = max(",;\t", key=lines[0].count)
    above, below, row = (line.split(separator) for line in lines[:3])
    units = [bool(re.search(r"[(\[（].*[)\]）]", each)) for each in below]
    whole = len(above) == len(below) and all(units) and not any(map(_is_number, below))
    if whole and sum(map(_is_number, row)) > 0:
        joined = [f"{a.strip()} {b.strip()}".strip() for a, b in zip(above, below, strict=True)]
        return unique_names(joined), separator, 2
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def find_layout(path: Path, rows: pa.RecordBatch, options: ReadOptions) -> Layout | None:
    """What the columns are, judged by their names and these first rows; None if it is no series."""
    names = list(rows.schema.names)
    parted = [name_and_unit(name) for name in names]
    read = clock(rows, [name.lower() for name, _ in parted], [unit for _, unit in parted])
    if read is None or len(names) < 2:
        return None
    place = _place(path, names, options)
    taken = {*read.columns, *(place.columns if place else ())}
    left = [name for name in names if name not in taken]
    station = options.id_field if options.id_field in left else _named(STATIONS, left)
    left = [name for name in left if name != station]
    title = _named(TITLES, left)
    kind, result = _named(KINDS, left), _named(RESULTS, left)
    unit = _named(UNITS, left) if kind and result else ""
    if kind and result:
        constant = [n for n in left if n not in {kind, result, unit}]
        results, words, rest = [result], list[str](), list[str]()
    else:
        kind = ""
        results, words, constant, rest = _sorted(rows, left, station, title)
    if not results or not _is_in_time(rows, read, station, place):
        return None
    return Layout(
        read, tuple(results), tuple(words), station, title, kind, unit, place,
        tuple(constant), tuple(rest),
    )  # fmt: skip


def _place(path: Path, names: Sequence[str], options: ReadOptions) -> Place | None:
    try:
        found = find_place(path, names, options, Log())
    except SourceError:
        return None
    return found if found.x else None


def _named(known: str, names: Sequence[str]) -> str:
    return next(iter(matches(known, names)), "")


def _sorted(
    rows: pa.RecordBatch, names: Sequence[str], station: str, title: str
) -> tuple[list[str], list[str], list[str], list[str]]:
    """(numbers, words, what each station has once, what is left out) of the columns."""
    results: list[str] = []
    words: list[str] = []
    constant: list[str] = []
    rest: list[str] = []
    for name in names:
        column = rows[name]
        if not values.is_text(column.type):
            (rest if _is_row_number(name, column) else results).append(name)
        elif name == title or (station and _is_constant(rows[station], column)):
            constant.append(name)
        elif _are_numbers(column):
            results.append(name)
        elif pc.count_distinct(column).as_py() <= min(MOST_WORDS, max(len(rows) // 2, 1)):
            words.append(name)
        else:
            rest.append(name)
    return results, words, constant, [name for name in rest if values.is_text(rows[name].type)]


def _is_row_number(name: str, column: pa.Array) -> bool:
    if not matches(field_names.ID_NAMES + " no no. 序号", [name]):
        return False
    numbers = np.asarray(column.to_numpy(zero_copy_only=False), float)
    return bool((np.diff(numbers) > 0).all())


def _is_constant(stations: pa.Array, column: pa.Array) -> bool:
    pairs = pa.table([stations, column], ["s", "c"]).group_by(["s", "c"]).aggregate([])
    return bool(len(pairs) == pc.count_distinct(stations, mode="all").as_py())


def _are_numbers(column: pa.Array) -> bool:
    """Whether most of a column of text are numbers; so is nothing at all."""
    words = [each.strip() for each in column.slice(0, 5000).drop_null().unique().to_pylist()]
    told = [each for each in words if each and each.lower() not in values.BLANKS]
    good = sum(_is_number(each.replace(",", ".")) for each in told)
    return good * 2 >= len(told)


def _is_in_time(rows: pa.RecordBatch, read: Clock, station: str, place: Place | None) -> bool:
    """Whether rows follow one another in time, rather than each being a thing with a date."""
    names = [station] if station else list(place.columns[:2]) if place is not None else []
    if place is not None:
        things = rows.select(names) if names else rows
        distinct = len(pa.Table.from_batches([things]).group_by(names).aggregate([]))
        return distinct < len(rows) and _names_time(read)
    when = read.read(rows)
    if station:
        return len(rows) > pc.count_distinct(rows[station]).as_py() or _names_time(read)
    return len(np.unique(when)) * 2 > len(when)


def _names_time(read: Clock) -> bool:
    return len(read.columns) > 1 or not any(each in read.columns[0].lower() for each in _EVENTS)


_EVENTS: Final = ("install", "built", "安装", "竣工", "建成", "更新", "入库")
"""In names of columns that say when something was made, not when it was observed."""
