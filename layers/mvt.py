"""Writes Mapbox Vector Tiles (version 2.1) with numpy, any number of features at once.

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
from layers.paths import Objects, Paths, dots, lines, rings
from layers.polygons import Numbers, parts_of

POINT, LINE, POLYGON = 1, 2, 3
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 15
"""The third one with its count, which is always one."""

SHAPES = np.array((POINT, LINE, LINE, POLYGON))
"""By shapely's number of a geometry type."""

TRACED: Mapping[int, Callable[[Objects, Numbers], Paths]] = MappingProxyType(
    {POINT: dots, LINE: lines, POLYGON: rings}
)

OPEN = 0
"""In the place of a length that is not known yet."""

ONE_MORE = np.array([[0], [1]])

Integers = NDArray[np.uint64]


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


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """Integers, and how many bytes each of them takes as a varint."""

    value: Integers
    width: Numbers


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
    heads = _heads(ids, columns)
    streams = [
        _features(shape, paths, heads) for shape, paths in _traced(geometries) if len(paths.feature)
    ]
    if not streams:
        return b""
    layer = [_message(1, name.encode()), *(_message(3, key.encode()) for key in properties)]
    for each in columns:
        if isinstance(each.values, np.ndarray):
            streams.append(_numbers(each.values))
        else:
            layer += map(_value, each.values)
    layer += [_written(streams), b"\x28", _varint(EXTENT), b"\x78\x02"]
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


def _heads(ids: Numbers, columns: Sequence[Column]) -> Numbers:
    """What comes before the commands of each feature; −1 is left out.

    Values are numbered as they are written: those of arrays follow all the others.
    """
    heads = np.empty((len(ids), 10 + 2 * len(columns)), np.int64)
    heads[:, :6] = 0x12, OPEN, 0x08, 0, 0x12, OPEN
    heads[:, -4:] = 0x18, 0, 0x22, OPEN
    heads[:, 3] = ids
    if columns:
        lengths = [len(each.values) for each in columns]
        order = sorted(range(len(columns)), key=lambda place: _is_array(columns[place]))
        first = np.empty(len(columns), np.int64)
        first[order] = np.cumsum([0, *(lengths[place] for place in order[:-1])])
        code = np.array([each.code for each in columns])
        heads[:, 6:-4:2] = np.arange(len(columns))
        heads[:, 7:-4:2] = (code + first[:, None]).T
        key, place = (code < 0).nonzero()
        heads[place, 2 * key + 6] = heads[place, 2 * key + 7] = -1
    return heads


def _is_array(column: Column) -> bool:
    return isinstance(column.values, np.ndarray)


def _features(shape: int, paths: Paths, heads: Numbers) -> _Stream:
    """The messages of all features.

    Every key, length and number in them is a varint, so they are laid out as integers with the
    lengths left open, measured, and then the lengths are filled in.
    """
    length = 2 * paths.size + (1 + int(shape != POINT) + int(shape == POLYGON))
    first = np.ones(len(length), bool)
    np.not_equal(paths.feature[1:], paths.feature[:-1], out=first[1:])
    (fresh,) = first.nonzero()
    head = heads[paths.feature[fresh]]
    head[:, -3] = shape
    present = head >= 0
    many = present.sum(axis=1)
    commands = length if len(fresh) == len(length) else np.add.reduceat(length, fresh)
    end = (many + commands).cumsum()
    drawn = end - commands
    begin = drawn - many
    stream = np.empty(int(end[-1]), np.uint64)
    at = (begin - many.cumsum() + many).repeat(many)
    at += np.arange(len(at))
    stream[at] = head[present]
    places = drawn
    if len(fresh) < len(length):
        offset = length.cumsum() - length
        places = offset + (drawn - offset[fresh]).repeat(np.diff(fresh, append=len(length)))
    _draw(stream, shape, paths, places, fresh)
    return _measured(stream, begin, drawn, end)


def _draw(stream: Integers, shape: int, paths: Paths, begin: Numbers, fresh: Numbers) -> None:
    """Write the commands of each path from its place on; features begin at the fresh ones."""
    size = paths.size
    start = size.cumsum() - size
    line = int(shape != POINT)
    place = (begin + (1 + line) - 2 * start).repeat(size)
    place += np.arange(0, 2 * len(place), 2)
    place[start] -= line
    first = start[fresh]
    delta = paths.xy.copy()
    delta[:, 1:] -= paths.xy[:, :-1]
    delta[:, first] = paths.xy[:, first]
    stream[place + ONE_MORE] = _folded(delta)
    if not line:
        stream[begin] = MOVE_TO | size << 3
        return
    stream[begin] = MOVE_TO | 1 << 3
    stream[begin + 3] = LINE_TO | (size - 1) << 3
    if shape == POLYGON:
        stream[begin + 2 * size + 2] = CLOSE_PATH


def _measured(stream: Integers, begin: Numbers, drawn: Numbers, end: Numbers) -> _Stream:
    """The features with the lengths of their tags, commands and of themselves."""
    width = _widths(stream)
    place = width.cumsum()
    inner = np.concatenate((place[drawn - 5] - place[begin + 5], place[end - 1] - place[drawn - 1]))
    own = _widths(inner)
    at = np.concatenate((begin + 5, drawn - 1))
    stream[at], width[at] = inner, own
    total = place[end - 1] - place[begin + 1] + own[: len(end)] + own[len(end) :] - 2
    stream[begin + 1], width[begin + 1] = total, _widths(total)
    return _Stream(stream, width)


def _numbers(values: Numbers) -> _Stream:
    """The messages of whole numbers as values."""
    stream = np.empty((len(values), 4), np.uint64)
    width = np.ones((len(values), 4), np.int64)
    stream[:, 3] = _folded(values)
    width[:, 3] = _widths(stream[:, 3])
    stream[:, 0], stream[:, 1], stream[:, 2] = 0x22, width[:, 3] + 1, 0x30
    return _Stream(stream.ravel(), width.ravel())


def _folded(values: Numbers) -> Numbers:
    """Whole numbers with the sign as the last bit."""
    found: Numbers = (values << 1) ^ (values >> 63)
    return found


def _widths(values: NDArray[Any]) -> Numbers:
    """Bytes that each value takes as a varint."""
    width = np.ones(len(values), np.int64)
    top, limit = int(values[values.argmax()]) if len(values) else 0, 128
    while top >= limit:
        width += values >= limit
        limit <<= 7
    return width


def varints(values: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """Values as protobuf varints."""
    return _written([_Stream(values.astype(np.uint64), _widths(values))])


def _written(streams: Sequence[_Stream]) -> bytes:
    rest = np.concatenate([each.value for each in streams])
    width = np.concatenate([each.width for each in streams])
    at = width.cumsum()
    sheet = np.empty(int(at[-1]) if len(at) else 0, np.uint8)
    at -= width
    while len(rest):
        byte = rest.astype(np.uint8)
        more = (rest > 127).nonzero()[0]
        byte[more] |= 128
        sheet[at] = byte
        at, rest = at[more] + 1, rest[more] >> 7
    return sheet.tobytes()


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
