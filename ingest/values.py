"""What a source's values mean: numbers, dates and words of many spellings, a column at a time.

Columns are Arrow arrays. Text is converted once per distinct value, so a million rows with
forty spellings cost forty conversions. What cannot be understood becomes unknown and is counted.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

T = TypeVar("T")


class NotUnderstoodError(ValueError):
    """A value that means nothing in its column."""


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A column as the data dictionary wants it."""

    values: pd.Series | NDArray[Any]
    changed: NDArray[np.bool_] | None = None
    """(n,) where the source said it otherwise, so that its own words are worth keeping."""
    junk: int = 0
    """Values that were not understood and are unknown now."""
    example: str = ""


NO_DATA: Final = (-9999.0, -99999.0, -999.0, -9998.0, -32768.0)
"""Numbers that mean "unknown" in GIS tables."""

BLANKS: Final = frozenset(
    {"nan", "null", "none", "n/a", "na", "-", "--", "?", "unknown", "无", "未知", "不详", "空"}
)
"""Words that stand for "unknown"."""

_NUMBER: Final = re.compile(
    r"(?P<number>[+-]?(?:\d(?:[\d.,' \u00a0\u202f]*\d)?[.,]?|[.,]\d+)(?:[eE][+-]?\d+)?)"
    r"\s*(?P<unit>[^\d]*)"
)

_UNITS: Final = MappingProxyType(
    dict.fromkeys(("", "m", "m.", "meter", "meters", "metre", "metres", "mtr", "米", "公尺"), 1.0)
    | dict.fromkeys(("ft", "feet", "foot", "'", "英尺"), 0.3048)
    | dict.fromkeys(("cm", "厘米"), 0.01)
    | dict.fromkeys(("mm", "毫米"), 0.001)
)

_COUNTED: Final = frozenset(
    {"", "f", "fl", "层", "層", "楼", "storeys", "storey", "floors", "levels"}
)

_PLAIN: Final = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"


def number(text: str) -> float:
    """Metres from text such as ``12``, ``12 m``, ``12,5``, ``1.234,5`` or ``40 ft``.

    Raises
    ------
    NotUnderstoodError
        If it is no number, has a foreign unit, or could be read in two ways (``1,234``).
    """
    found = _NUMBER.fullmatch(text.strip())
    factor = _UNITS.get(found["unit"].strip().lower()) if found else None
    if found is None or factor is None:
        raise NotUnderstoodError(text)
    return _decimal(found["number"], text) * factor


def coordinate(text: str) -> float:
    """A coordinate from text such as ``116.39``, ``116,39`` or ``116°23'30"E``.

    Raises
    ------
    NotUnderstoodError
        If it is none.

    """
    found = _ANGLE.fullmatch(text.strip())
    if found is None:
        return _decimal(text.strip(), text)
    degrees, minutes, seconds = (float(each or 0) for each in found.groups()[:3])
    if minutes >= 60 or seconds >= 60:
        raise NotUnderstoodError(text)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if (found[4] or "").upper() in {"S", "W"} else value


_ANGLE: Final = re.compile(
    r"""(\d{1,3}(?:\.\d+)?)\s*[°度]\s*(?:(\d{1,2}(?:\.\d+)?)\s*['′分]\s*)?"""
    r"""(?:(\d{1,2}(?:\.\d+)?)\s*(?:["″秒]|'')\s*)?([NSEWnsew])?"""
)


def count(text: str) -> float:
    """A whole number from text such as ``6``, ``6F`` or ``地上6层``.

    Raises
    ------
    NotUnderstoodError
        If it is not a whole number.
    """
    bare = text.strip().removeprefix("地上").removeprefix("地下").removeprefix("共")
    found = _NUMBER.fullmatch(bare)
    if found is None or found["unit"].strip().lower() not in _COUNTED:
        raise NotUnderstoodError(text)
    value = _decimal(found["number"], text)
    if value != int(value):
        raise NotUnderstoodError(text)
    return value


def _decimal(digits: str, text: str) -> float:
    bare = re.sub(r"[ '\u00a0\u202f]", "", digits)
    if "," in bare and "." in bare:
        thousands = "," if bare.rindex(",") < bare.rindex(".") else "."
        bare = bare.replace(thousands, "")
    elif re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{3})+", bare):
        raise NotUnderstoodError(text)
    try:
        value = float(bare.replace(",", "."))
    except ValueError:
        raise NotUnderstoodError(text) from None
    if not np.isfinite(value):
        raise NotUnderstoodError(text)
    return value


_DATE: Final = re.compile(
    r"(\d{4})(?:\.0+)?(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?)?月?)?年?(?:[T ].*)?"
)
_COMPACT_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?")


def day(text: str) -> str:
    """An ISO 8601 day from text such as ``2008``, ``2008-05``, ``20080512`` or ``2008年5月``.

    A year or month becomes its first day.

    Raises
    ------
    NotUnderstoodError
        If it is no day between the years 1000 and 2999.
    """
    found = _COMPACT_DATE.fullmatch(text.strip()) or _DATE.fullmatch(text.strip())
    if found is None or not "1000" <= found[1] <= "2999":
        raise NotUnderstoodError(text)
    try:
        return date(int(found[1]), int(found[2] or 1), int(found[3] or 1)).isoformat()
    except ValueError:
        raise NotUnderstoodError(text) from None


def _vocabulary(meanings: dict[str, str]) -> MappingProxyType[str, str]:
    return MappingProxyType(
        {word: meaning for meaning, text in meanings.items() for word in text.split("|")}
    )


STATUS_WORDS: Final = _vocabulary(
    {
        "planned": "planned|proposed|projected|规划|拟建|计划|规划中|planning",
        "approved": "approved|permitted|consented|已批|批准|已批准|报建|已审批|planning granted",
        "under construction": "under construction|construction|在建|施工|施工中|建设中",
        "existing": "existing|built|completed|complete|in use|active|operational|functional|"
        "open|pand in gebruik|现状|已建|建成|已建成|使用中|既有|在用",
        "demolished": "demolished|removed|razed|destroyed|拆除|已拆除|已拆|废弃拆除|pand gesloopt",
    }
)
"""Word in a source → one of `schema.STATUSES`."""

ACCESS_WORDS: Final = _vocabulary(
    {
        "public": "public|open|公开|unclassified|非密",
        "internal": "internal|restricted|official|内部|内部公开",
        "sensitive": "sensitive|confidential|敏感",
        "secret": "secret|top secret|秘密|机密|绝密",
    }
)
"""Word in a source → one of `schema.ACCESS_LEVELS`."""

FUNCTION_WORDS: Final = _vocabulary(
    {
        "residential": "住宅|居住|居住用地|民居|居民|居住建筑|住宅用地|住房",
        "commercial": "商业|商业用地|商业服务业|商业建筑|商服用地",
        "office": "办公|办公楼|写字楼|商务|办公建筑",
        "industrial": "工业|工业用地|厂房|工矿用地|工业建筑",
        "warehouse": "仓储|仓库|物流仓储用地",
        "school": "学校|教育|中小学|教学楼|教育用地",
        "hospital": "医院|医疗|医疗卫生|卫生院",
        "public": "公共建筑|公共管理与公共服务用地|公共服务",
        "mixed": "混合|商住|商住混合|综合",
        "transportation": "交通|交通运输用地|道路用地",
        "green": "绿地|公园绿地|绿地与广场用地",
        "agricultural": "农业|耕地|农用地",
    }
)
"""Chinese word → the English word for the same function."""


def status(text: str) -> str:
    """One of `schema.STATUSES` from a word in English or Chinese."""
    return _word(STATUS_WORDS, text)


def access(text: str) -> str:
    """One of `schema.ACCESS_LEVELS` from a word in English or Chinese."""
    return _word(ACCESS_WORDS, text)


def _word(vocabulary: MappingProxyType[str, str], text: str) -> str:
    try:
        return vocabulary[text.strip().lower().replace("_", " ")]
    except KeyError:
        raise NotUnderstoodError(text) from None


def function(text: str) -> str | None:
    """A function as a lower-case English word or code; None for ``yes``, which says nothing."""
    bare = text.strip().lower()
    return None if bare in {"yes", "true", "1", "是"} else FUNCTION_WORDS.get(bare, bare)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is an integer, a float or a decimal."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def is_plain(kind: pa.DataType) -> bool:
    """Whether a column of this Arrow type holds one value a row, not lists or records."""
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind))


def text_column(column: pa.Array) -> pa.Array:
    """`column` as text; whole numbers without a decimal point, days in ISO 8601."""
    kind = column.type
    if is_text(kind):
        return column
    if pa.types.is_dictionary(kind):
        return text_column(column.dictionary_decode())
    if pa.types.is_floating(kind):
        whole = pc.equal(pc.trunc(column), column)
        if pc.all(whole, min_count=0).as_py() and not _too_large(column):
            return pc.cast(pc.cast(column, pa.int64()), pa.string())
    return pc.cast(column, pa.string())


def _too_large(column: pa.Array) -> bool:
    greatest = pc.max(pc.abs(column)).as_py()
    return greatest is not None and greatest > 2**53


def numbers(column: pa.Array, convert: Callable[[str], float] = number) -> Converted:
    """`column` as float64 with NaN for unknown; `convert` reads what is not plain digits."""
    if is_text(column.type) and convert is number and _all_plain(column):
        return numbers(pc.cast(column, pa.float64()))
    if not is_number(column.type):
        return _numbers_from_text(column, convert)
    values = np.array(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    unknown = np.isin(values, NO_DATA) | np.isinf(values)
    junk = np.zeros(len(values), bool)
    if convert is count:
        junk = np.isfinite(values) & (values != np.trunc(values))
    if not (unknown.any() or junk.any()):
        return Converted(values)
    example = str(values[junk][0]) if junk.any() else ""
    values[unknown | junk] = np.nan
    return Converted(values, junk, int(junk.sum()), example)


def _all_plain(column: pa.Array) -> bool:
    return bool(pc.all(pc.match_substring_regex(column, _PLAIN), min_count=0).as_py())


def _numbers_from_text(column: pa.Array, convert: Callable[[str], float]) -> Converted:
    coded = _coded(column, convert)
    values = np.array([np.nan if each is None else each for each in coded.meanings], np.float64)
    values[np.isin(values, NO_DATA)] = np.nan
    plain = [re.fullmatch(_PLAIN, each) is not None for each in coded.sources]
    changed = coded.changed & ~(np.array([*plain, True]) & ~np.isnan(values))
    return Converted(values[coded.index], changed[coded.index], *coded.junk)


def days(column: pa.Array) -> Converted:
    """`column` as ISO 8601 days, text; a year becomes its first day."""
    if pa.types.is_date(column.type):
        return Converted(_text_series(pc.strftime(column, format="%Y-%m-%d")))
    if pa.types.is_timestamp(column.type):
        shown = pc.strftime(column, format="%Y-%m-%d")
        midnight = pc.equal(pc.floor_temporal(column, unit="day"), column).fill_null(True)
        changed = ~np.asarray(midnight.to_numpy(zero_copy_only=False), bool)
        return Converted(_text_series(shown), changed)
    return words(column, day)


def words(column: pa.Array, convert: Callable[[str], str | None]) -> Converted:
    """`column` as text, each distinct value read by `convert`; blank is unknown."""
    coded = _coded(column, convert)
    meanings = pa.array(coded.meanings, pa.string())
    text = pa.DictionaryArray.from_arrays(pa.array(coded.index), meanings).dictionary_decode()
    return Converted(_text_series(text), coded.changed[coded.index], *coded.junk)


def texts(column: pa.Array) -> Converted:
    """`column` as text, as it is; blank is unknown."""
    text = text_column(column)
    blank = pc.equal(pc.utf8_length(text), 0)
    if pc.any(blank).as_py():
        text = pc.if_else(blank, pa.scalar(None, text.type), text)
    return Converted(_text_series(text))


def _text_series(column: pa.Array) -> pd.Series:
    return pd.Series(column.to_pandas(), dtype="str")


@dataclass(frozen=True, slots=True, eq=False)
class _Coded(Generic[T]):
    """A column as its distinct values and what they mean; the last one stands for null."""

    index: NDArray[np.int64]
    """(n,) number of each row's value."""
    sources: list[str]
    meanings: list[T | None]
    changed: NDArray[np.bool_]
    junk: tuple[int, str]
    """How many rows were not understood, and an example."""


def _coded(column: pa.Array, convert: Callable[[str], T | None]) -> _Coded[T]:
    coded = column.dictionary_encode()
    texts = text_column(coded.dictionary).to_pylist()
    sources = ["" if each is None else each.strip() for each in texts]
    meanings: list[T | None] = [None] * (len(sources) + 1)
    changed, junk = np.zeros(len(meanings), bool), np.zeros(len(meanings), bool)
    for at, source in enumerate(sources):
        if not source or source.lower() in BLANKS:
            continue
        try:
            meanings[at] = convert(source)
        except NotUnderstoodError:
            junk[at] = True
        changed[at] = meanings[at] != source
    index = coded.indices.fill_null(len(sources)).to_numpy(zero_copy_only=False)
    counted = int(junk[index].sum()) if junk.any() else 0
    example = sources[int(np.flatnonzero(junk)[0])][:40] if counted else ""
    return _Coded(index, sources, meanings, changed, (counted, example))
