"""Writes Mapbox Vector Tiles (version 2.1) with numpy, any number of features at once.

Specification: https://github.com/mapbox/vector-tile-spec/tree/master/2.1
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.polygons import Numbers, parts_of, rings_of

EXTENT = 4096
POINT, LINE, POLYGON = 1, 2, 3
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 15
"""The third one with its count, which is always one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """Runs of points, each drawn by one MoveTo and, unless a point, one LineTo."""

    xy: Numbers
    """(n, 2) in tile units, y downwards"""
    start: Numbers
    """(p + 1,)"""
    feature: Numbers
    """(p,) ascending"""
    shape: int


def encode(
    name: str,
    geometries: NDArray[np.object_],
    ids: NDArray[np.int64],
    properties: Mapping[str, NDArray[Any]],
) -> bytes:
    """A tile with one layer of the geometries, in units of 1/4096 tile, y downwards.

    Features too small to have a shape at that grid are left out, as are properties that are
    None or NaN. Features are grouped by shape: points, lines, polygons.
    """
    columns = {key: _Column(values) for key, values in properties.items()}
    bodies = []
    for paths in (_points(geometries), _lines(geometries), _polygons(geometries)):
        if len(paths.feature):
            bodies += _features(paths, ids, list(columns.values()))
    if not bodies:
        return b""
    layer = [_message(1, name.encode())]
    layer += [_message(2, each) for each in bodies]
    layer += [_message(3, key.encode()) for key in columns]
    for column in columns.values():
        layer += [_message(4, _value(each)) for each in column.values]
    layer += [b"\x28", _varint(EXTENT), b"\x78\x02"]
    return _message(3, b"".join(layer))


class _Column:
    """One property: its distinct values, and which of them each feature has (−1: none)."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values: tuple[object, ...]
        if values.dtype.kind in "iu":
            distinct, self.code = np.unique(values, return_inverse=True)
            self.values = tuple(distinct.tolist())
            return
        numbers: dict[object, int] = {}
        self.code = np.full(len(values), -1)
        for place, value in enumerate(values.tolist()):
            if value is not None and not (isinstance(value, float) and isnan(value)):
                self.code[place] = numbers.setdefault(value, len(numbers))
        self.values = tuple(numbers)


def _points(geometries: NDArray[np.object_]) -> _Paths:
    parts, owner = parts_of(geometries)
    dots = shapely.get_type_id(parts) == 0
    xy = np.rint(shapely.get_coordinates(parts[dots]))
    owner = owner[dots]
    finite = np.isfinite(xy).all(axis=1)
    xy, owner = xy[finite], owner[finite]
    feature, size = np.unique(owner, return_counts=True)
    return _Paths(xy.astype(np.int64), _starts(size), feature, POINT)


def _lines(geometries: NDArray[np.object_]) -> _Paths:
    parts, owner = parts_of(geometries)
    lines = np.isin(shapely.get_type_id(parts), (1, 2))
    xy, line = shapely.get_coordinates(parts[lines], return_index=True)
    owner = owner[lines]
    finite = np.isfinite(xy).all(axis=1)
    xy, line = np.rint(xy[finite]), line[finite]
    if len(xy):
        moved = (line[1:] != line[:-1]) | (xy[1:] != xy[:-1]).any(axis=1)
        kept = np.concatenate(([True], moved))
        xy, line = xy[kept], line[kept]
        long = np.bincount(line, minlength=len(owner))[line] > 1
        xy, line = xy[long], line[long]
    numbers, size = np.unique(line, return_counts=True)
    return _Paths(xy.astype(np.int64), _starts(size), owner[numbers], LINE)


def _polygons(geometries: NDArray[np.object_]) -> _Paths:
    rings = rings_of(geometries, np.rint, tolerance=0.5, smallest=0.5)
    feature = rings.owner[rings.polygon]
    return _Paths(rings.xy.astype(np.int64), rings.start, feature, POLYGON)


def _starts(sizes: Numbers) -> Numbers:
    return np.concatenate(([0], np.cumsum(sizes)))


def _features(paths: _Paths, ids: Numbers, columns: list[_Column]) -> list[bytes]:
    stream, path_ends = _commands(paths)
    last = np.append(paths.feature[1:] != paths.feature[:-1], True)
    numbers = paths.feature[last]
    drawn = _sliced(stream, path_ends[last])
    tags = _tags(numbers, columns)
    shape = bytes((0x18, paths.shape))
    return [
        b"".join((b"\x08", _varint(oid), _message(2, tag), shape, _message(4, body)))
        for oid, tag, body in zip(ids[numbers].tolist(), tags, drawn, strict=True)
    ]


def _commands(paths: _Paths) -> tuple[NDArray[np.uint32], Numbers]:
    """The command integers of all paths, and where each path ends."""
    size = np.diff(paths.start)
    line = paths.shape != POINT
    closing = int(paths.shape == POLYGON)
    ends = np.cumsum(1 + 2 * size + int(line) + closing)
    begins = ends - (1 + 2 * size + int(line) + closing)
    stream = np.zeros(int(ends[-1]), np.uint32)
    stream[begins] = MOVE_TO | (1 if line else size) << 3
    path = np.repeat(np.arange(len(size)), size)
    place = np.arange(len(path)) - paths.start[:-1][path]
    at = begins[path] + 1 + 2 * place + (place > 0) * int(line)
    delta = np.diff(paths.xy, axis=0, prepend=np.zeros((1, 2), np.int64))
    fresh = np.append(True, paths.feature[1:] != paths.feature[:-1])
    first = paths.start[:-1][fresh]
    delta[first] = paths.xy[first]
    folded = (delta << 1) ^ (delta >> 63)
    stream[at], stream[at + 1] = folded[:, 0], folded[:, 1]
    if line:
        stream[begins + 3] = LINE_TO | (size - 1) << 3
    if closing:
        stream[ends - 1] = CLOSE_PATH
    return stream, ends


def _tags(numbers: Numbers, columns: list[_Column]) -> list[bytes]:
    """The packed (key, value) numbers of each feature in `numbers`."""
    if not columns:
        return [b""] * len(numbers)
    offsets = _starts(np.array([len(each.values) for each in columns]))[:-1]
    code = np.stack([each.code[numbers] for each in columns], axis=1)
    pairs = np.stack(
        (np.broadcast_to(np.arange(len(columns)), code.shape), code + offsets), axis=-1
    )
    present = code >= 0
    ends = np.cumsum(2 * present.sum(axis=1))
    return _sliced(pairs[present].ravel().astype(np.uint32), ends)


def _sliced(values: NDArray[np.uint32], ends: Numbers) -> list[bytes]:
    """The values as varints, cut after each of the places in `ends`."""
    body, places = varints(values)
    cuts = np.append(0, places)[ends].tolist()
    return [body[a:b] for a, b in zip([0, *cuts[:-1]], cuts, strict=True)]


def varints(values: NDArray[np.uint32]) -> tuple[bytes, Numbers]:
    """Values as protobuf varints, and the byte after each of them."""
    width = np.ones(len(values), np.int64)
    for bits in (7, 14, 21, 28):
        width += values >= (1 << bits)
    ends = np.cumsum(width)
    begins = ends - width
    sheet = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8)
    for byte in range(5):
        here = width > byte
        more = (width[here] > byte + 1).astype(np.uint32) << 7
        sheet[begins[here] + byte] = (values[here] >> (7 * byte)) & 127 | more
    return sheet.tobytes(), ends


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


def _value(value: object) -> bytes:
    if isinstance(value, bool):
        return b"\x38" + bytes((value,))
    if isinstance(value, int):
        return b"\x30" + _varint((value << 1) ^ (value >> 63))
    if isinstance(value, float):
        return b"\x19" + struct.pack("<d", value)
    return _message(1, str(value).encode())


def clipped(geometries: NDArray[np.object_], margin: float) -> NDArray[np.object_]:
    """Geometries in tile units cut to the tile and a margin; None if too broken to be cut."""
    box = shapely.bounds(geometries)
    low, high = -margin, EXTENT + margin
    found = geometries.copy()
    crossing = (box[:, :2] < low).any(axis=1) | (box[:, 2:] > high).any(axis=1)
    for place in np.flatnonzero(crossing).tolist():
        try:
            found[place] = shapely.clip_by_rect(geometries[place], low, low, high, high)
        except shapely.errors.GEOSException:
            found[place] = None
    return found
