"""From the features of a file to batches of city objects."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from cim.model import Batch, Finding, Mesh, Rejection
from cim.schema import LODS, OBJECT_COLUMNS
from ingest import values
from ingest.attributes import class_named
from ingest.classes import SHAPES, shapes
from ingest.connections import connections
from ingest.meanings import factor, meant, scaled, with_source
from ingest.own_exports import REST, own_names
from ingest.plan import Chunk, Plan
from ingest.surfaces import bodies, upright
from ingest.values import Converted

_RESERVED: Final = frozenset(column.name for column in OBJECT_COLUMNS)


@dataclass(slots=True)
class Log:
    """What happens to the features of a source while they are read."""

    rejected: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    kept: int = 0
    """Objects handed over so far."""
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _examples: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def reject(self, name: str, code: str, reason: str, raw: str = "") -> None:
        """Notes that an object was not loaded."""
        self.rejected.append(Rejection(name, code, reason, raw[:200]))

    def note(self, finding: Finding) -> None:
        """Notes a finding, unless it is known."""
        if finding not in self.findings:
            self.findings.append(finding)

    def count(self, code: str, what: str, hint: str, number: int, example: str = "") -> None:
        """Notes that something happened `number` times; it is told once, at the end."""
        if number:
            self._counts[code, what, hint] += number
            self._examples.setdefault((code, what, hint), example)

    def close(self) -> None:
        """Turns the counts into findings."""
        for (code, what, hint), number in self._counts.items():
            example = self._examples[code, what, hint]
            shown = f", such as {example!r}" if example else ""
            self.findings.append(Finding("warning", code, f"{what}: {number}{shown}", hint))
        self._counts.clear()


def shape(plan: Plan, chunk: Chunk, log: Log) -> Batch:
    """The objects of `chunk`; features without a usable geometry are rejected."""
    chunk = _with_geometry(plan, chunk, log)
    geometry = _without_measures(chunk.geometry, log) if plan.measures else chunk.geometry
    ids = _object_ids(plan, chunk, log)
    columns: dict[str, Any] = {"object_id": _series(ids), "class": _classes(plan, chunk, log)}
    geometry, meshes = _bodies(plan, geometry, columns["object_id"])
    columns["geometry"] = pd.Series(geometry, dtype=object)
    for name, target in plan.fields.items():
        source = chunk.table[name]
        converted = _understood(name, source, target, plan)
        if target == "access":
            converted = _closed(converted)
        columns[target] = converted.values
        _note_junk(plan, name, target, converted, log)
        _keep_source(columns, name, source, converted)
    own = own_names(chunk.table.schema.names)
    for name in chunk.table.schema.names:
        if name not in plan.fields and name != plan.class_field and name not in own:
            _keep_attribute(columns, name, chunk.table[name], log)
    if REST in own:
        columns[REST] = _series(values.text_column(chunk.table[REST])).astype(object)
    log.kept += len(chunk)
    objects = _with_extent(pd.DataFrame(columns, copy=False), meshes)
    nodes, edges = connections(plan, chunk, objects, log.count)
    return Batch(objects, meshes, nodes, edges)


def _with_geometry(plan: Plan, chunk: Chunk, log: Log) -> Chunk:
    unusable = shapely.get_num_coordinates(chunk.geometry) == 0  # also where there is none
    if own_names(chunk.table.schema.names):
        unusable &= ~shapely.is_missing(chunk.geometry)  # a storey need not have a place
    if not unusable.any():
        return chunk
    for at in np.flatnonzero(unusable).tolist():
        name = f"{plan.prefix}{chunk.numbers[at]}"
        raw = _excerpt(chunk.table, at)
        if at in chunk.unreadable:
            log.reject(name, "invalid_geometry", chunk.unreadable[at], raw)
        else:
            log.reject(name, "no_geometry", "it has no geometry, or none that can be read", raw)
    usable = ~unusable
    table = chunk.table.filter(pa.array(usable)) if chunk.table.num_columns else chunk.table
    return Chunk(table, chunk.geometry[usable], chunk.numbers[usable])


def _excerpt(table: pa.RecordBatch, at: int) -> str:
    row = {name: table[name][at].as_py() for name in table.schema.names[:8]}
    return ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)


def _without_measures(geometry: NDArray[np.object_], log: Log) -> NDArray[np.object_]:
    measured = shapely.has_m(geometry)
    if not measured.any():
        return geometry
    log.count(
        "measures_dropped", "features with M values", "M is not kept, Z is", int(measured.sum())
    )
    has_z = shapely.has_z(geometry)
    kept = geometry.copy()
    for chosen, size in ((measured & has_z, _XYZ), (measured & ~has_z, _XY)):
        kept[chosen] = shapely.from_wkb(
            shapely.to_wkb(geometry[chosen], output_dimension=size)  # type: ignore[call-overload]
        )
    return kept


_XY: Final = 2
_XYZ: Final = 3


def _bodies(
    plan: Plan, geometry: NDArray[np.object_], ids: "pd.Series[str]"
) -> tuple[NDArray[np.object_], list[Mesh]]:
    """What stands in space lies flat, with its surfaces beside it."""
    if plan.shape not in {None, "area"}:
        return geometry, []
    standing = upright(geometry)
    if not standing.any():
        return geometry, []
    flat = geometry.copy()
    flat[standing], meshes = bodies(geometry[standing], ids[standing])
    return flat, meshes


def _with_extent(objects: pd.DataFrame, meshes: list[Mesh]) -> pd.DataFrame:
    """Heights and levels of detail that the surfaces show, where the source says none."""
    if not meshes:
        return objects
    names = [each.object_id for each in meshes]
    low, high = (np.array([f(each.vertices[:, 2]) for each in meshes]) for f in (np.min, np.max))
    shown = {"ground_height": low, "height": high - low, "lod": [each.lod for each in meshes]}
    for column, found in shown.items():
        own = objects["object_id"].map(pd.Series(found, names).groupby(level=0).first())
        objects[column] = objects[column].fillna(own) if column in objects else own
    return objects


def _series(column: pa.Array) -> "pd.Series[Any]":
    return pd.Series(column.to_pandas(), dtype="str")


def _constant(text: str, length: int) -> "pd.Series[Any]":
    return _series(pa.repeat(pa.scalar(text, pa.large_string()), length))


def _object_ids(plan: Plan, chunk: Chunk, log: Log) -> pa.Array:
    numbers = pc.cast(pa.array(chunk.numbers), pa.string())
    if not plan.id_field:
        return _prefixed(plan.prefix, numbers)
    column = chunk.table[plan.id_field]
    text = pc.cast(values.text_column(column), pa.string())
    if values.is_number(column.type):
        text = _prefixed(plan.prefix, text)
    blank = pc.fill_null(pc.equal(pc.utf8_length(text), 0), True)
    missing = pc.sum(blank).as_py()
    if not missing:
        return text
    what = f"features without a value in the id field {plan.id_field!r}"
    log.count("id_missing", what, "they are named by their number", missing)
    return pc.if_else(blank, _prefixed(plan.prefix or "number ", numbers), text)


def _prefixed(prefix: str, text: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(prefix, text, "") if prefix else text


def _classes(plan: Plan, chunk: Chunk, log: Log) -> "pd.Series[Any]":
    if plan.given_class:
        return _constant(plan.given_class, len(chunk))
    usual = _usual_classes(plan, chunk)
    if not plan.class_field:
        return usual
    field = meant(chunk.table[plan.class_field], plan.values.get("class", {}))
    named = values.words(field, class_named)
    what = f"values of {plan.class_field!r} that name no class"
    log.count("class_unknown", what, "the layer's class was taken", named.junk, named.example)
    classes: pd.Series[Any] = pd.Series(named.values).fillna(usual)
    return classes


def _usual_classes(plan: Plan, chunk: Chunk) -> "pd.Series[Any]":
    if plan.shape:
        return _constant(plan.class_of(plan.shape), len(chunk))
    names = pa.array([plan.class_of(each) for each in SHAPES], pa.string())
    kinds = pa.array(shapes(chunk.geometry).astype(np.int8))
    return _series(pa.DictionaryArray.from_arrays(kinds, names).dictionary_decode())


def _understood(name: str, column: pa.Array, target: str, plan: Plan) -> Converted:
    """The column as the dictionary wants it, heeding what the user says of codes and units."""
    meanings, unit = plan.values.get(target), plan.units.get(name)
    if meanings:
        said = meant(column, meanings)
        found = with_source(_converted(said, target, plan), column, said)
    else:
        found = _converted(column, target, plan)
    measured = target in {"height", "ground_height"}
    return scaled(found, factor(unit)) if unit and measured else found


def _converted(column: pa.Array, target: str, plan: Plan) -> Converted:
    if target in _READERS:
        return _READERS[target](column)
    if pa.types.is_struct(column.type):
        return values.texts(pc.struct_field(column, "primary"))
    if target == "parent_id" and values.is_number(column.type):
        return Converted(_series(_prefixed(plan.prefix, values.text_column(column))))
    return values.texts(column)


def _lod(text: str) -> str:
    bare = text.lower().removeprefix("lod").strip()
    if bare not in LODS:
        raise values.NotUnderstoodError(text)
    return bare


_READERS: Final[Mapping[str, Callable[[pa.Array], Converted]]] = MappingProxyType(
    {
        "height": values.numbers,
        "ground_height": values.numbers,
        "storeys_above_ground": partial(values.numbers, convert=values.count),
        "storeys_below_ground": partial(values.numbers, convert=values.count),
        "valid_from": values.days,
        "valid_to": values.days,
        "status": partial(values.words, convert=values.status),
        "access": partial(values.words, convert=values.access),
        "function": partial(values.words, convert=values.function),
        "lod": partial(values.words, convert=_lod),
    }
)
"""How the columns of the data dictionary read what a source says; others take it as text."""


def _closed(access: Converted) -> Converted:
    """The same with what was not understood as ``secret``: a doubt must not open anything."""
    if access.changed is None or not access.junk:
        return access
    words = pd.Series(access.values)
    words[access.changed & words.isna()] = "secret"
    return Converted(words, access.changed, access.junk, access.example)


def _note_junk(plan: Plan, name: str, target: str, found: Converted, log: Log) -> None:
    layer = f"layer {plan.layer}: " if plan.prefix else ""
    taken = "they are secret until mended" if target == "access" else "they are unknown now"
    what = f"{layer}values of {name!r} that are no {target.replace('_', ' ')}"
    log.count("values_not_understood", what, taken, found.junk, found.example)


def _keep_source(
    columns: dict[str, Any], name: str, source: pa.Array, converted: Converted
) -> None:
    """Keeps what the source said where that is more than what was understood."""
    if pa.types.is_struct(source.type):
        columns[_free_name(name)] = _listed(source)
    elif converted.changed is not None and converted.changed.any():
        kept = source
        if not converted.changed.all():
            kept = pc.if_else(pa.array(converted.changed), source, pa.scalar(None, source.type))
        columns[_free_name(name)] = _plain(kept)


def _free_name(name: str) -> str:
    """`name`, or another one if the data dictionary needs it for a column."""
    return f"{name}_source" if name in _RESERVED else name


def _keep_attribute(columns: dict[str, Any], name: str, column: pa.Array, log: Log) -> None:
    if column.null_count == len(column):
        return
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        log.count("field_dropped", f"values of the binary field {name!r}", "not kept", len(column))
    elif pa.types.is_nested(column.type):
        columns[_free_name(name)] = _listed(column)
    else:
        columns[_free_name(name)] = _plain(column)


def _listed(column: pa.Array) -> "pd.Series[Any]":
    held = np.empty(len(column), dtype=object)
    held[:] = column.to_pylist()
    return pd.Series(held, dtype=object)


_NULLABLE: Final = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}


def _plain(column: pa.Array) -> "pd.Series[Any]":
    """`column` for a data frame; whole numbers stay whole where some are unknown."""
    if column.null_count and pa.types.is_integer(column.type):
        series: pd.Series[Any] = column.to_pandas(types_mapper=_NULLABLE.get)
        return series
    plain: pd.Series[Any] = column.to_pandas()
    return plain
