"""What each field of a source may be in the data dictionary, with how sure that is."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from cim.model import Finding
from ingest import values
from ingest.attributes import known_share, plain_name
from ingest.codes import CodeList, list_for, plain_code
from ingest.field_names import ALIASES
from ingest.plan import Plan
from ingest.planned import PlannedLayer

SAMPLES: Final = 5
CODES: Final = 50
"""Different values up to which a field counts as coded."""
_NEARLY: Final = 0.8
_CODED_COLUMNS: Final = frozenset({"function", "class", "status", "network", "access"})
_NUMERIC: Final = frozenset(
    {"height", "ground_height", "storeys_above_ground", "storeys_below_ground"}
)


def fields(layer: PlannedLayer) -> list[dict[str, Any]]:
    """Every field of a layer with the column it becomes; ``""`` for an attribute."""
    return [_field(layer, name, kind) for name, kind in layer.fields]


def _columns(plan: Plan) -> dict[str, str]:
    columns = {source: column for column, source in plan.network_fields.items()}
    return columns | {plan.class_field: "class", plan.id_field: "object_id", **plan.fields}


def _field(layer: PlannedLayer, name: str, kind: str) -> dict[str, Any]:
    plan = layer.plan
    column = _columns(plan).get(name, "")
    cells = layer.rows[name] if layer.rows is not None and name in layer.rows.schema.names else None
    counts = _counts(cells)
    found = _list(plan, name, counts, column)
    return {
        "layer": plan.layer,
        "name": name,
        "type": kind,
        "samples": [text[:60] for text in list(counts)[:SAMPLES]],
        "column": column,
        "confidence": _confidence(name, cells, column),
        "unit": plan.units.get(name, ""),
        "codes": _codes(plan, counts, column, found),
    }


def _counts(cells: pa.Array | None) -> dict[str, int]:
    """Value as text → how often; only of fields that hold one value a row."""
    if cells is None or not values.is_plain(cells.type):
        return {}
    text = pc.cast(values.text_column(cells), pa.string()).drop_null()
    listed = pc.value_counts(text).to_pylist()
    listed.sort(key=lambda each: -each["counts"])
    return {each["values"]: each["counts"] for each in listed if each["values"].strip()}


def _list(plan: Plan, name: str, counts: Mapping[str, int], column: str) -> CodeList | None:
    return list_for(name, counts, column, (plan.class_name,)) if len(counts) <= 400 else None


def _codes(
    plan: Plan, counts: Mapping[str, int], column: str, found: CodeList | None
) -> list[dict[str, Any]]:
    if found is None and (column not in _CODED_COLUMNS or len(counts) > CODES):
        return []
    said = plan.values.get(column, {})
    listed = list(counts.items())[:CODES]
    return [
        {
            "value": value,
            "count": count,
            "meaning": said.get(value) or (found.meaning(value) if found else ""),
            "list": found.name if found else "",
        }
        for value, count in listed
    ]


def _confidence(name: str, cells: pa.Array | None, column: str) -> float:
    """How sure the column is: the name is known, and the values make sense there."""
    if not column:
        return 0.0
    best = plain_name(next(iter(ALIASES.get(column, "").split()), ""))
    by_name = 1.0 if plain_name(name) == best else 0.9
    if cells is None or not len(cells):
        return round(by_name * 0.8, 2)
    return round(by_name * _sense(cells, column), 2)


def _sense(cells: pa.Array, column: str) -> float:
    words = {"status": values.STATUS_WORDS, "access": values.ACCESS_WORDS}.get(column)
    if words is not None and values.is_text(cells.type):
        return known_share(cells, words)
    if column in _NUMERIC and values.is_plain(cells.type):
        convert = values.count if column.startswith("storeys") else values.number
        present = len(cells) - cells.null_count
        return 1.0 - values.numbers(cells, convert).junk / present if present else 0.5
    return 1.0


def findings(layer: PlannedLayer) -> Iterator[Finding]:
    """What to say of codes that a list knows, and of fields that look like a column."""
    taken = set(_columns(layer.plan).values())
    for name, _ in layer.fields:
        if layer.rows is None or name not in layer.rows.schema.names:
            continue
        cells, column = layer.rows[name], _columns(layer.plan).get(name, "")
        counts = _counts(cells)
        found = _list(layer.plan, name, counts, column)
        if found is not None:
            yield from _of_list(layer.plan, name, counts, (column, found))
        elif not column:
            yield from _look_alike(name, cells, taken)


def _of_list(
    plan: Plan, name: str, counts: Mapping[str, int], where: tuple[str, CodeList]
) -> Iterator[Finding]:
    column, found = where
    known = {value: found.meaning(value) for value in counts if found.meaning(value)}
    unknown = [value for value in counts if value not in known]
    target = column or found.column
    usual = all(plain_code(value) == plain_code(known[value]) for value in known)
    if target in _CODED_COLUMNS and plan.values.get(target) != known and not usual:
        shown = ", ".join(f"{value} {known[value]}" for value in list(known)[:3])
        fix: dict[str, Any] = {"values": {target: known}}
        if not column:
            fix["fields"] = {name: target}
        yield Finding(
            "info",
            "codes_recognised",
            f"the field {name!r} has codes of {found.title}",
            "have them taken as what they mean; the codes stay as an attribute",
            f"{len(known)} of {len(counts)} values are in the list: {shown} …",
            fix,
        )
    if unknown:
        told = ", ".join(f"{value[:20]} ({counts[value]})" for value in unknown[:5])
        message = f"{len(unknown)} values of {name!r} are not in {found.title}; they are kept"
        yield Finding("warning", "codes_unknown", message, "say what they mean: --value", told)


def _look_alike(name: str, cells: pa.Array, taken: set[str]) -> Iterator[Finding]:
    """A field whose name is nearly one that is known, or whose values are."""
    own, best, near = plain_name(name), 0.0, ""
    for column, aliases in ALIASES.items():
        if column in taken or column == "access":
            continue
        for alias in aliases.split():
            ratio = SequenceMatcher(None, own, plain_name(alias)).ratio()
            if len(own) > 3 and ratio > best:
                best, near = ratio, column
    if best < _NEARLY and "function" not in taken and values.is_text(cells.type):
        share = known_share(cells, values.FUNCTION_WORDS)
        best, near = (share, "function") if share >= _NEARLY else (0.0, "")
    if best >= _NEARLY and _sense(cells, near) >= 0.5:
        yield Finding(
            "info",
            "schema_proposal",
            f"the field {name!r} may be the column {near}",
            "map it if it is",
            f"confidence {best * 0.5:.2f}",
            {"fields": {name: near}},
        )
