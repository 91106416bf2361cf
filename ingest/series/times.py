"""When observations were made: columns of many spellings as microseconds in UTC.

A moment without a time zone is local time where it was observed, and nobody but the user knows
which: the zone he says counts, else China's (UTC+8) is taken and that is said.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cim.errors import ParamError
from cim.series import SECOND, Times, instant

ASSUMED_ZONE: Final = "+08:00"
"""Local time where nobody says otherwise: one zone holds in all of China."""

_NAMES: Final = """
    time datetime date_time timestamp tstamp date day_time phenomenontime phenomenon_time
    resulttime obstime obs_time observed_at recorded_at utc_time local_time reading_time
    时间 日期 日期时间 时间戳 监测时间 采集时间 观测时间 记录时间 数据时间 抄表时间 测量时间
    采样时间 上报时间 监测日期 观测日期 抄表日期 采样日期"""
NAMES: Final = frozenset(_NAMES.split())
"""Names of columns of moments."""

PARTS: Final = MappingProxyType(
    {
        "year": frozenset({"year", "yr", "yyyy", "年", "年份"}),
        "month": frozenset({"month", "mon", "mm", "mo", "月", "月份"}),
        "day": frozenset({"day", "dd", "dy", "日"}),
        "hour": frozenset({"hour", "hr", "hh", "时", "小时"}),
        "minute": frozenset({"minute", "min", "mi", "分", "分钟"}),
        "second": frozenset({"second", "sec", "ss", "秒"}),
    }
)
"""Names of columns that together are a moment."""

_FORMATS: Final = (
    "ISO8601",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
    "%Y.%m.%d",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y%m%d%H",
    "%Y年%m月%d日 %H时%M分%S秒",
    "%Y年%m月%d日%H时%M分%S秒",
    "%Y年%m月%d日 %H时%M分",
    "%Y年%m月%d日%H时%M分",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日 %H时",
    "%Y年%m月%d日%H时",
    "%Y年%m月%d日",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
)
_TWO_WAYS: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "")
"""Times of day behind a date that may be day or month first."""

_ZONED: Final = r"(?i)(\d\s*Z|\d\s*[+-]\d{2}:?\d{2}|UTC|GMT)$"
_MIDNIGHT: Final = r"[ T]24:00"
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?\s*([+-]?\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)

_MOST: Final = 0.8
"""Part of the texts that a format must read; the others are not understood."""

UNKNOWN: Final = np.iinfo(np.int64).min
"""Stands for a moment that nobody understands."""


def zone(name: str) -> tzinfo:
    """The time zone that is called so: ``UTC``, ``+08:00`` or ``Asia/Shanghai``.

    Raises
    ------
    ParamError
        If there is none.
    """
    found = _OFFSET.fullmatch(name.strip())
    if name.strip().upper() in {"UTC", "Z", "GMT"}:
        return UTC
    try:
        if found:
            hours, minutes = int(found[1]), int(found[2] or 0)
            sign = -1 if found[1].startswith("-") else 1
            return timezone(timedelta(hours=hours, minutes=sign * minutes))
        return ZoneInfo(name.strip())
    except (ValueError, OSError, KeyError):
        hint = "such as +08:00, UTC or Asia/Shanghai"
        raise ParamError(f"no time zone {name!r}", where="time_zone", hint=hint) from None


def in_utc(local: Times, of: tzinfo) -> Times:
    """Microseconds of local time in UTC; `UNKNOWN` stays so."""
    fixed = of.utcoffset(None) if not isinstance(of, ZoneInfo) else None
    if fixed is not None:
        shift = int(fixed / timedelta(microseconds=1))
        return np.where(local == UNKNOWN, UNKNOWN, local - shift)
    stamps = pd.DatetimeIndex(local.view("M8[us]")).tz_localize(
        of, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward"
    )
    return _numbers(stamps)


def _numbers(stamps: pd.DatetimeIndex) -> Times:
    if stamps.tz is not None:
        stamps = stamps.tz_convert("UTC").tz_localize(None)
    return np.asarray(stamps.as_unit("us").asi8, np.int64)


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of a file are read."""

    columns: tuple[str, ...]
    """One of moments, a date and a time of day, or those of `PARTS`."""
    read: Callable[[pa.RecordBatch], Times]
    """(n,) microseconds: local time unless `zoned`; `UNKNOWN` where not understood."""
    zoned: bool = False
    relative: str = ""
    """Unit, such as ``s``, if they count from a moment that the file does not say."""
    two_ways: bool = False
    """Whether day and month could be the other way round."""


def clock(batch: pa.RecordBatch, bare: Sequence[str], units: Sequence[str]) -> Clock | None:
    """How the times of these first rows are read; None if there are none.

    `bare` are the names of the columns without units, in lower case, `units` their units.
    """
    names = batch.schema.names
    by_name = {each: name for name, each in zip(names, bare, strict=True)}
    parts = {part: next((by_name[each] for each in bare if each in known), "")
             for part, known in PARTS.items()}  # fmt: skip
    if parts["year"] and parts["month"] and parts["day"]:
        given = {part: name for part, name in parts.items() if name}
        return Clock(tuple(given.values()), lambda rows: _from_parts(rows, given))
    if "date" in by_name and "time" in by_name and by_name["date"] != by_name["time"]:
        pair = (by_name["date"], by_name["time"])
        joined = _joined(batch, pair)
        found = _reading(joined)
        if found:
            form, two_ways = found
            return Clock(
                pair,
                lambda rows: _parsed(_joined(rows, pair), form),
                _is_zoned(joined),
                two_ways=two_ways,
            )
    candidates = [name for name, each in zip(names, bare, strict=True) if each in NAMES]
    candidates += [name for name, each in zip(names, bare, strict=True) if each in {"t", "时间(s)"}]
    for name in candidates:
        unit = units[names.index(name)]
        made = _single(batch, name, unit)
        if made is not None:
            return made
    for name in names:
        texts = _text(batch[name])
        if batch[name].type in (pa.string(), pa.large_string()) and _has_time_of_day(texts):
            made = _single(batch, name, "")
            if made is not None:
                return made
    return None


def _single(batch: pa.RecordBatch, name: str, unit: str) -> Clock | None:
    column = batch[name]
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return _of_numbers(column, name, unit)
    texts = _text(column)
    found = _reading(texts)
    if not found:
        return None
    form, two_ways = found
    return Clock(
        (name,),
        lambda rows: _parsed(_text(rows[name]), form),
        _is_zoned(texts),
        two_ways=two_ways,
    )


_SECONDS: Final = MappingProxyType(
    {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "秒": 1.0, "min": 60.0, "minute": 60.0,
     "minutes": 60.0, "分": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
     "小时": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0, "天": 86400.0}
)  # fmt: skip
"""Unit of a time that is counted → what it is in seconds."""


def _of_numbers(column: pa.Array, name: str, unit: str) -> Clock | None:
    """Numbers are dates such as 20240501, seconds since 1970, or count from some start."""
    numbers = np.asarray(column.drop_null().to_numpy(zero_copy_only=False), float)
    if not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())
    if not unit and low > 19e6 and high < 21e6:
        return Clock((name,), lambda rows: _parsed(_text(rows[name]), "%Y%m%d"))
    if not unit and low > 19e8 and high < 21e8 and _reading(_text(column)):
        return Clock((name,), lambda rows: _parsed(_text(rows[name]), "%Y%m%d%H"))
    for scale, least in ((1.0, 3e8), (1e-3, 3e11), (1e-6, 3e14)):
        if not unit and least < low and high < 15 * least:
            return Clock((name,), lambda rows: _counted(rows[name], scale), zoned=True)  # noqa: B023
    factor = _SECONDS.get(unit.strip().lower() or "s")
    if factor is None:
        return None
    return Clock(
        (name,), lambda rows: _counted(rows[name], factor), zoned=True, relative=unit or "s"
    )


def from_start(times: Times, start: str, of: tzinfo) -> Times:
    """Times that count from `start`, ISO 8601, as moments; local time unless it has a zone.

    Raises
    ------
    InputError
        If `start` is no moment.
    """
    first = np.array([instant(start, "start")], np.int64)
    if datetime.fromisoformat(start.strip()).tzinfo is None:
        first = in_utc(first, of)
    return np.where(times == UNKNOWN, UNKNOWN, times + first[0])


def _counted(column: pa.Array, seconds: float) -> Times:
    numbers = np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), float)
    known = np.isfinite(numbers)
    times = np.full(len(numbers), UNKNOWN)
    times[known] = np.rint(numbers[known] * seconds * SECOND).astype(np.int64)
    return times


def _from_parts(rows: pa.RecordBatch, given: "dict[str, str]") -> Times:
    def part(name: str, least: int) -> NDArray[np.float64]:
        if name not in given:
            return np.full(len(rows), float(least))
        column = pc.cast(rows[given[name]], pa.float64(), safe=False)
        return np.asarray(column.to_numpy(zero_copy_only=False), float)

    year, month, day = part("year", 1970), part("month", 1), part("day", 1)
    seconds = part("hour", 0) * 3600 + part("minute", 0) * 60 + part("second", 0)
    good = np.isfinite(year + month + day + seconds) & (month >= 1) & (month <= 12)
    good &= (day >= 1) & (day <= 31) & (year >= 1) & (year <= 9999)
    times = np.full(len(rows), UNKNOWN)
    months = (year[good] - 1970).astype(int) * 12 + (month[good] - 1).astype(int)
    days = months.astype("M8[M]").astype("M8[D]").astype(int) + day[good].astype(int) - 1
    times[good] = days * 86400 * SECOND + np.rint(seconds[good] * SECOND).astype(np.int64)
    return times


def _text(column: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(pc.cast(column, pa.string()))


def _joined(rows: pa.RecordBatch, pair: tuple[str, str]) -> pa.Array:
    return pc.binary_join_element_wise(*(_text(rows[name]) for name in pair), " ")


def moments(texts: pa.Array) -> tuple[Times, bool]:
    """(microseconds, whether in UTC) of texts in ISO 8601; local time if they have no zone."""
    return _parsed(_text(texts), "ISO8601"), _is_zoned(texts)


def _some(texts: pa.Array) -> pa.Array:
    return texts.slice(0, 2000).drop_null().unique()


def _is_zoned(texts: pa.Array) -> bool:
    some = _some(texts)
    zoned = pc.match_substring_regex(some, _ZONED)
    return len(some) > 0 and float(np.asarray(zoned).mean()) >= _MOST


def _has_time_of_day(texts: pa.Array) -> bool:
    some = _some(texts)
    return len(some) > 0 and bool(
        pc.all(pc.match_substring_regex(some, r"\d[T 日]?\s*\d{1,2}[:时]")).as_py()
    )


def _reading(texts: pa.Array) -> tuple[str, bool] | None:
    """(format, whether day and month could be exchanged) in which these can be read."""
    some = _some(texts)
    if not len(some) or not pc.any(pc.match_substring_regex(some, r"\d")).as_py():
        return None
    for form in _FORMATS:
        if _share(some, form) >= _MOST:
            return form, False
    for rest in _TWO_WAYS:
        for sign in "/-":
            forms = [
                f"{day} {rest}".strip() for day in (f"%d{sign}%m{sign}%Y", f"%m{sign}%d{sign}%Y")
            ]
            shares = [_share(some, form) for form in forms]
            if max(shares) >= _MOST:
                return forms[int(np.argmax(shares))], shares[0] == shares[1]
    return None


def _share(texts: pa.Array, form: str) -> float:
    """Which part of the texts can be read so."""
    return float((_parsed(texts, form) != UNKNOWN).mean())


def _parsed(texts: pa.Array, form: str) -> Times:
    """Each distinct text is read once; hour 24 is the next day's first."""
    coded = texts.dictionary_encode()
    words = coded.dictionary
    if not len(words):
        return np.full(len(texts), UNKNOWN)
    late = np.zeros(len(words), bool)
    if pc.any(pc.match_substring_regex(words, _MIDNIGHT)).as_py():
        late = np.asarray(pc.match_substring_regex(words, _MIDNIGHT))
        words = pc.replace_substring_regex(words, r"([ T])24:00", r"\1" + "00:00")
    zoned = form == "ISO8601" and _is_zoned(words)
    stamps = pd.to_datetime(
        pd.Series(words.to_numpy(zero_copy_only=False)), format=form, errors="coerce", utc=zoned
    )
    times = _numbers(pd.DatetimeIndex(stamps))
    times[late & (times != UNKNOWN)] += 86400 * SECOND
    indices = coded.indices
    read: Times = times[np.asarray(indices.fill_null(0), np.int64)]
    read[np.asarray(indices.is_null())] = UNKNOWN
    return read
