"""How the fields of a source become columns of the data dictionary, and what its objects are.

Well-known field names in English and Chinese are recognised; the user's own mapping comes
first. A proposal can be shown before anything is read.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from cim.declare import did_you_mean
from cim.errors import ParamError
from cim.schema import CLASSES, NETWORKS, OBJECT_COLUMNS
from ingest import values
from ingest.field_names import ALIASES, ID_NAMES, NETWORK_NAMES

NETWORK_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        word: network
        for network, text in {
            "water": "js|给水|供水|上水|water supply",
            "storm": "ys|雨水|stormwater|drainage",
            "sewer": "ws|污水|hs|合流|雨污合流|wastewater",
            "gas": "rq|tr|mq|燃气|天然气|煤气",
            "heat": "rl|rs|zq|热力|供热|热水|蒸汽",
            "power": "dl|ld|gd|xh|电力|供电|路灯|electricity",
            "telecom": "dx|tx|yd|lt|电信|通信|通讯|广播电视|telecommunication",
            "other": "其他|综合管沟|gy|工业",
        }.items()
        for word in text.split("|")
    }
)
"""CJJ 61 codes and usual words → one of `schema.NETWORKS`."""

_PROMOTED: Final = frozenset(column.name for column in OBJECT_COLUMNS) - {
    "object_id",
    "class",
    "geometry",
    "attributes",
}

OWN_TARGETS: Final = (
    _PROMOTED | {"object_id", "class", "geometry"} | frozenset(NETWORK_NAMES) | {"x", "y", "z"}
)
"""What the user may map a field to."""


def plain_name(name: str) -> str:
    """A field name without case, width, spaces, underscores and a unit in brackets."""
    folded = unicodedata.normalize("NFKC", name).strip().casefold()
    bare = re.sub(r"[(\[][^)\]]*[)\]]$", "", folded)
    return re.sub(r"[\s_\-.]+", "", bare) or folded


def matches(names: str, fields: Iterable[str]) -> list[str]:
    """The fields that one of `names` (separated by blanks) stands for, the best name first.

    A field of exactly ten characters also matches the beginning of a longer name, because
    dBASE tables cut names there.
    """
    by_name: dict[str, str] = {}
    for each in fields:
        by_name.setdefault(plain_name(each), each)
        if len(each) == 10:
            by_name.setdefault(f"{each.casefold()}…", each)
    found = []
    for name in names.split():
        cut = f"{name[:10]}…" if len(name) > 10 else ""
        field = by_name.get(plain_name(name)) or by_name.get(cut)
        if field is not None and field not in found:
            found.append(field)
    return found


def propose(table: pa.RecordBatch, given: Mapping[str, str]) -> dict[str, str]:
    """Source field → column, for the fields of `table` that have a place in the dictionary.

    The user's `given` mapping comes first; after it, the best known name of each column whose
    values make sense there.
    """
    names = table.schema.names
    mapping = {
        field: column for field, column in given.items() if field in names and column in _PROMOTED
    }
    for column, aliases in ALIASES.items():
        if column in given.values():
            continue
        for field in matches(aliases, names):
            if field not in given and field not in mapping and suits(table[field], column):
                mapping[field] = column
                break
    if "function" not in mapping.values() and "class" not in given and _is_function(table):
        mapping["class"] = "function"
    return mapping


def _is_function(table: pa.RecordBatch) -> bool:
    """Whether a field ``class`` says what things are for, as in Overture, not their class."""
    if "class" not in table.schema.names or not values.is_text(table["class"].type):
        return False
    return class_share(table["class"]) < 0.5


def check_given(given: Mapping[str, str], fields: Iterable[str]) -> None:
    """Accepts the user's mapping of a source that has `fields`.

    Raises
    ------
    ParamError
        If it names a field that is not there or a column that does not exist.
    """
    known = list(fields)
    for field, column in given.items():
        if field not in known:
            hint = did_you_mean(field, known)
            raise ParamError(f"the file has no field {field!r}", where="fields", hint=hint)
        if column not in OWN_TARGETS:
            hint = did_you_mean(column, sorted(OWN_TARGETS))
            raise ParamError(f"no column {column!r}", where="fields", hint=hint)


def suits(column: pa.Array, target: str) -> bool:
    """Whether the values of a field with a promising name make sense in that column."""
    kind = column.type
    if target == "name" and pa.types.is_struct(kind):
        return any(kind.field(at).name == "primary" for at in range(kind.num_fields))
    if not values.is_plain(kind) or pa.types.is_boolean(kind):
        return False
    words = {"status": values.STATUS_WORDS, "access": values.ACCESS_WORDS}.get(target)
    if words is not None:
        return values.is_text(kind) and known_share(column, words) >= 0.5
    if target in {"height", "ground_height", "storeys_above_ground", "storeys_below_ground"}:
        convert = values.count if target.startswith("storeys") else values.number
        return _share_of_numbers(column, convert) >= 0.5
    return True


def _share_of_numbers(column: pa.Array, convert: Callable[[str], float]) -> float:
    if pa.types.is_temporal(column.type):
        return 0.0
    present = len(column) - column.null_count
    return 1.0 - values.numbers(column, convert).junk / present if present else 1.0


def known_share(column: pa.Array, words: Mapping[str, str]) -> float:
    """Share of the present values of a text column that `words` knows; 0 if none is present."""
    counts = pc.value_counts(pc.utf8_trim_whitespace(column.drop_null())).to_pylist()
    total = sum(each["counts"] for each in counts if each["values"])
    known = sum(
        each["counts"] for each in counts if each["values"].lower().replace("_", " ") in words
    )
    return known / total if total else 0.0


CLASS_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        word.lower(): each.name
        for each in CLASSES.values()
        for word in (each.title_zh, each.title, each.name)
    }
)
"""Name or title of a class, in lower case → its name."""


def class_share(column: pa.Array) -> float:
    """Share of the values of a text column that name a class of the data dictionary."""
    return known_share(column, CLASS_WORDS)


def class_named(text: str) -> str:
    """The class that `text` names, by its name or title.

    Raises
    ------
    NotUnderstoodError
        If there is none.
    """
    try:
        return CLASS_WORDS[text.strip().lower()]
    except KeyError:
        raise values.NotUnderstoodError(text) from None


def network_named(text: str) -> str:
    """The network that `text` names: its name, its CJJ 61 code or a usual word.

    Raises
    ------
    NotUnderstoodError
        If there is none.
    """
    bare = text.strip().lower()
    if bare in NETWORKS:
        return bare
    for word in (bare, bare.removesuffix("管线"), bare.removesuffix("管道")):
        if word in NETWORK_WORDS:
            return NETWORK_WORDS[word]
    raise values.NotUnderstoodError(text)


def network_share(column: pa.Array) -> float:
    """Share of the values of a text column that name a network."""
    found = values.words(column, network_named)
    present = len(column) - column.null_count
    return 1.0 - found.junk / present if present else 0.0


def id_field(table: pa.RecordBatch, taken: Iterable[str]) -> tuple[str, str]:
    """(field that names each object, field that looked so but repeats); ``""`` if none."""
    repeats = ""
    for field in matches(ID_NAMES, table.schema.names):
        column = table[field]
        if field in set(taken) or not _may_name(column):
            continue
        if column.null_count == 0 and pc.count_distinct(column).as_py() == len(column):
            return field, ""
        repeats = repeats or field
    return "", repeats


def _may_name(column: pa.Array) -> bool:
    kind = column.type
    if pa.types.is_floating(kind):
        return bool(pc.all(pc.equal(pc.trunc(column), column), min_count=0).as_py())
    return values.is_text(kind) or pa.types.is_integer(kind)
