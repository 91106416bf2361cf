"""Writes Mapbox Vector Tiles (version 2.1), any number of features at once.

Specification: https://github.com/mapbox/vector-tile-spec/tree/master/2.1
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.mercator import EXTENT
from layers.mvt_features import LINE, POINT, POLYGON, features, numbers
from layers.paths import Objects, Paths, dots, lines, rings
from layers.polygons import Numbers, parts_of

SHAPES = np.array((POINT, LINE, LINE, POLYGON))
"""By shapely's number of a geometry type."""

TRACED: Mapping[int, Callable[[Objects, Numbers], Paths]] = MappingProxyType(
    {POINT: dots, LINE: lines, POLYGON: rings}
)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One property: values, and which of them each feature has (−1: none)."""

    values: Sequence[Any] | NDArray[np.int64]
    """An array if all are whole numbers."""
    code: Numbers

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """With each distinct value once; None and NaN are no values."""
        listed = values.tolist()
        found = [each for each in dict.fromkeys(listed) if each is not None and each == each]  # noqa: PLR0124
        number = {each: place for place, each in enumerate(found)}
        code = np.array([number.get(each, -1) for each in listed], np.int64)
        return cls(np.array(found, np.int64) if values.dtype.kind in "iu" else found, code)


def encode(
    name: str,
    geometries: Objects,
    ids: NDArray[np.int64],
    properties: Mapping[str, NDArray[Any] | Column],
) -> bytes:
    """A tile with one layer of the geometries, in units of 1/4096 tile, y downwards.

    Features too small to have a shape at that grid are left out, as are properties that are
    None or NaN. Features are grouped by shape: points, lines, polygons.
    """
    columns = [
        each if isinstance(each, Column) else Column.of(each) for each in properties.values()
    ]
    codes = _codes(len(ids), columns)
    drawn = [
        features(shape, paths, ids, codes)
        for shape, paths in _traced(geometries)
        if len(paths.feature)
    ]
    if not drawn:
        return b""
    layer = [_message(1, name.encode()), *drawn]
    layer += (_message(3, key.encode()) for key in properties)
    for each in sorted(columns, key=_is_array):
        if isinstance(each.values, np.ndarray):
            layer.append(numbers(each.values))
        else:
            layer += map(_value, each.values)
    layer += [b"\x28", _varint(EXTENT), b"\x78\x02"]
    return _message(3, b"".join(layer))


def _traced(geometries: Objects) -> list[tuple[int, Paths]]:
    parts, owner = parts_of(geometries)
    if not len(parts):
        return []
    shapes = SHAPES[shapely.get_type_id(parts)]
    found = []
    for shape, trace in TRACED.items():
        these = shapes == shape
        many = np.count_nonzero(these)
        if many == len(parts):
            return [(shape, trace(parts, owner))]
        if many:
            found.append((shape, trace(parts[these], owner[these])))
    return found


def _codes(count: int, columns: Sequence[Column]) -> Numbers:
    """Which value each of `count` features has of each column, as (count, k); −1 is none.

    Values are numbered as they are written: those of arrays follow all the others.
    """
    codes = np.empty((count, len(columns)), np.int64)
    first = 0
    for place in sorted(range(len(columns)), key=lambda each: _is_array(columns[each])):
        codes[:, place] = columns[place].code
        if first:
            codes[codes[:, place] >= 0, place] += first
        first += len(columns[place].values)
    return codes


def _is_array(column: Column) -> bool:
    return isinstance(column.values, np.ndarray)


SMALL_VARINTS = tuple(bytes((value,)) for value in range(128))


def _varint(value: int) -> bytes:
    if value < 128:
        return SMALL_VARINTS[value]
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _message(number: int, body: bytes) -> bytes:
    return SMALL_VARINTS[number << 3 | 2] + _varint(len(body)) + body


@lru_cache(maxsize=4096, typed=True)
def _value(value: object) -> bytes:
    if isinstance(value, bool):
        body = b"\x38" + bytes((value,))
    elif isinstance(value, int):
        body = b"\x30" + _varint((value << 1) ^ (value >> 63))
    elif isinstance(value, float):
        body = b"\x19" + struct.pack("<d", value)
    else:
        body = _message(1, str(value).encode())
    return _message(4, body)
