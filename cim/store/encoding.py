"""A batch as the columns of ``city_object``: checked, ranked, digested, vectorised.

This is the hot path of loading: nothing here walks over objects in Python but what has to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from pandas.util import hash_array

from cim.errors import SchemaError
from cim.model import Batch, cim_levels
from cim.schema import ACCESS_LEVELS, LODS, OBJECT_COLUMNS, STATUSES, city_class
from cim.store.dialect import Same
from cim.store.parts import Parts, edge_parts, mesh_parts
from cim.store.tables import RANK_METRES

Objects = NDArray[np.object_]

PROMOTED: Final = frozenset(column.name for column in OBJECT_COLUMNS)
_TEXT: Final = ("name", "parent_id", "function", "lod", "valid_from", "valid_to")
_NUMBER: Final = ("height", "ground_height", "storeys_above_ground", "storeys_below_ground")
_STRING: Final = pa.large_string()
_NOTHING, _COMMA, _QUOTE = (pa.scalar(each, _STRING) for each in ("", ",", '"'))
_NONE: Any = None  # numpy's stubs know no comparison with it
_JSON_SPECIAL: Final = '["\\\\\\x00-\\x1f]'


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """n objects, column by column, ready to be compared and written."""

    object_ids: Objects
    columns: Mapping[str, NDArray[Any] | Same]
    """By name of ``city_object``, without oid, version, load and dataset."""
    digest: NDArray[np.int64]
    bounds: NDArray[np.float64]
    """(n, 4) minx, miny, maxx, maxy; NaN where there is no geometry."""
    types: NDArray[np.int64]
    """Class and rank as one number, for the spatial index."""
    meshes: Parts
    edges: Parts

    def __len__(self) -> int:
        return len(self.digest)


def encoded(batch: Batch) -> Encoded:
    """The columns of `batch`, whose geometry is already in the city's CRS.

    Raises
    ------
    SchemaError
        If a required column is missing or holds what the data dictionary does not know.

    """
    objects = batch.objects
    for required in ("object_id", "class"):
        if required not in objects:
            raise SchemaError(f"no column {required!r}", where="batch")
    object_ids = _texts(objects, "object_id")
    codes, themes = _classes(objects["class"])
    geometry = _geometry(objects)
    bounds = shapely.bounds(geometry) if len(geometry) else np.empty((0, 4))
    numbers = {name: _numbers(objects, name) for name in _NUMBER}
    texts = {name: _texts(objects, name) for name in _TEXT}
    attributes = attributes_json(objects)
    columns: dict[str, Any] = {"object_id": object_ids, "class": codes}
    columns |= texts
    columns["status"] = _codes(objects, "status", STATUSES, unknown=None)
    columns["access"] = _codes(objects, "access", ACCESS_LEVELS, unknown=0)
    columns |= {name: _nullable(values, name) for name, values in numbers.items()}
    columns["attributes"] = attributes
    columns["geometry"] = shapely.to_wkb(geometry)
    columns["cim_level"] = cim_levels(themes, texts["lod"], numbers["height"], attributes)
    _check_lods(texts["lod"])
    size = np.fmax(np.hypot(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]), 0.0)
    size = np.fmax(size, numbers["height"])
    columns["rank"] = ranks = _ranks(size)
    positions = _positions(object_ids) if len(batch.meshes) or batch.edges is not None else {}
    meshes = mesh_parts(batch.meshes, positions)
    edges = edge_parts(batch.edges, positions)
    digest = _digest(columns, numbers)
    meshes.mix_into(digest)
    edges.mix_into(digest)
    return Encoded(
        object_ids=object_ids,
        columns={name: _compact(values) for name, values in columns.items()},
        digest=digest.view(np.int64),
        bounds=bounds,
        types=codes * 8 + ranks,
        meshes=meshes,
        edges=edges,
    )


def _positions(object_ids: Objects) -> dict[str, int]:
    """Where each object is; the first one where two have the same identifier."""
    last = len(object_ids) - 1
    return {each: last - at for at, each in enumerate(object_ids[::-1].tolist())}


def _compact(values: Any) -> NDArray[Any] | Same:
    """An array, or one value if all are None or the same number."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        uniform = len(values) > 0 and values.min() == values.max()
        return Same(values[0].item()) if uniform else values
    array = values if isinstance(values, np.ndarray) else _objects(values)
    return Same(None) if len(array) and _all_unknown(array) else array


def _objects(values: Sequence[Any]) -> Objects:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _all_unknown(array: Objects) -> bool:
    return array[0] is None and bool(np.equal(array, _NONE).all())


def _geometry(objects: pd.DataFrame) -> Objects:
    if "geometry" not in objects:
        return np.full(len(objects), None, object)
    return np.asarray(objects["geometry"], object)


def _classes(column: "pd.Series[Any]") -> tuple[NDArray[np.int64], Objects]:
    names, where = np.unique(np.asarray(column, object).astype(str), return_inverse=True)
    classes = [city_class(str(name)) for name in names]
    codes = np.array([each.code for each in classes], np.int64)
    themes = np.array([each.theme for each in classes], object)
    return codes[where], themes[where]


def _texts(objects: pd.DataFrame, name: str) -> Objects:
    if name not in objects:
        return np.full(len(objects), None, object)
    values = objects[name]
    array = np.asarray(values, object)
    unknown = np.asarray(values.isna())
    if unknown.any():
        if name == "object_id":
            raise SchemaError("an object without object_id", where="batch")
        array = array.copy()
        array[unknown] = None
    if set(map(type, array)) - {str, type(None)}:
        array = _objects([None if each is None else str(each) for each in array])
    return array


def _numbers(objects: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in objects:
        return np.full(len(objects), np.nan)
    try:
        values = pd.to_numeric(objects[name]).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"not a number: {error}", where=name) from error
    return np.where(np.isfinite(values), values, np.nan)


def _nullable(values: NDArray[np.float64], name: str) -> Objects:
    unknown = np.isnan(values)
    whole = name.startswith("storeys")
    rounded = np.round(np.where(unknown, 0, values)).astype(np.int64) if whole else values
    listed: Objects = rounded.astype(object)
    listed[unknown] = None
    return listed


def _codes(objects: pd.DataFrame, name: str, known: Sequence[str], unknown: int | None) -> Objects:
    if name not in objects:
        return np.full(len(objects), unknown, object)
    words, where = np.unique(_texts(objects, name).astype(str), return_inverse=True)
    codes = np.empty(len(words), object)
    for at, word in enumerate(words):
        if word not in {*known, "None"}:
            raise SchemaError(f"{word!r} is none of {', '.join(known)}", where=name)
        codes[at] = unknown if word == "None" else known.index(word)
    return codes[where]


def _check_lods(lods: Objects) -> None:
    for lod in set(lods.tolist()) - {None}:
        if lod not in LODS:
            raise SchemaError(f"no level of detail {lod!r}", where="lod", hint=", ".join(LODS))


def _ranks(size: NDArray[np.float64]) -> NDArray[np.int64]:
    ranks: NDArray[np.int64] = np.sum(size[:, None] < np.array(RANK_METRES), axis=1)
    return ranks


def attributes_json(objects: pd.DataFrame) -> list[str | None]:
    """All that is not in the data dictionary as one JSON object a row, without unknowns."""
    extra = [name for name in objects.columns if name not in PROMOTED]
    fragments = [_fragment(str(name), objects[name]) for name in extra]
    fragments = [each for each in fragments if each is not None]
    given = objects.get("attributes")
    if given is None and not fragments:
        return [None] * len(objects)
    rows: list[str | None] = [""] * len(objects)
    if fragments:
        # the empty text in front: Arrow drops a row in which there is nothing to join at all
        start = pa.array([""] * len(objects), _STRING)
        joined = pc.binary_join_element_wise(start, *fragments, _COMMA, null_handling="skip")
        rows = [row[1:] for row in joined.to_pylist()]
    if given is None:
        return ["{" + row + "}" if row else None for row in rows]
    return [_merged(row or "", more) for row, more in zip(rows, given, strict=True)]


def _merged(row: str, more: Any) -> str | None:
    if isinstance(more, str):
        inner = more.strip()[1:-1]
    elif isinstance(more, Mapping) and more:
        known = {str(key): value for key, value in more.items() if value is not None}
        if not row:
            return _dumped(known) if known else None
        inner = _dumped(known)[1:-1]
    else:
        inner = ""
    both = ",".join(part for part in (row, inner) if part)
    return "{" + both + "}" if both else None


def _dumped(value: Any) -> str:
    return orjson.dumps(
        value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    ).decode()


def _fragment(name: str, column: "pd.Series[Any]") -> pa.Array | None:
    """``"name":value`` a row, null where unknown; None if nothing is known at all."""
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # mixed types in one column
        array = None
    if array is not None and isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    values = _json_values(array) if array is not None else None
    if values is None:
        dumped = [None if _is_unknown(each) else _dumped(each) for each in column]
        values = pa.array(dumped, _STRING)
    if values.null_count == len(values):
        return None
    return pc.binary_join_element_wise(pa.scalar(_dumped(name) + ":", _STRING), values, _NOTHING)


def _is_unknown(value: Any) -> bool:
    return (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (isinstance(value, float) and not np.isfinite(value))
    )


def _json_values(array: pa.Array) -> pa.Array | None:
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_null(kind):
        return pa.nulls(len(array), _STRING)
    if pa.types.is_floating(kind):
        finite = pc.is_finite(array)
        return pc.cast(pc.if_else(finite, array, pa.scalar(None, kind)), _STRING)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pc.cast(array, _STRING)
    if pa.types.is_temporal(kind):
        array = pc.cast(array, _STRING)
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    array = pc.cast(array, _STRING)
    if pc.any(pc.match_substring_regex(array, _JSON_SPECIAL)).as_py():
        return None
    return pc.binary_join_element_wise(_QUOTE, array, _QUOTE, _NOTHING)


def _digest(
    columns: Mapping[str, Any], numbers: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.uint64]:
    """64 bits that change when anything about an object does; columns are mixed in order."""
    total = np.zeros(len(columns["object_id"]), np.uint64)
    for name in ("class", "status", "access", *_TEXT, *_NUMBER, "attributes", "geometry"):
        values = numbers[name] if name in numbers else columns[name]
        whole = isinstance(values, np.ndarray) and values.dtype != object
        total *= np.uint64(0x9E3779B97F4A7C15)
        total += hash_array(values) if whole else _hashed_objects(values)
    return total


def _hashed_objects(values: Any) -> NDArray[np.uint64]:
    array = values if isinstance(values, np.ndarray) else _objects(values)
    hashed = np.zeros(len(array), np.uint64)
    known = ~np.equal(array, _NONE).astype(bool)
    if known.all():
        return hash_array(array, categorize=False)
    if known.any():
        hashed[known] = hash_array(array[known], categorize=False)
    return hashed
