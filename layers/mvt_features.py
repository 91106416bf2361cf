"""The bytes of the features of a vector tile, written value after value by compiled code."""

import numpy as np
from numpy.typing import NDArray

from cim.kernels import compiled
from layers.paths import Paths
from layers.polygons import Numbers

POINT, LINE, POLYGON = 1, 2, 3
CLOSE_PATH = 15
"""With its count, which is always one."""

LONGEST = 10
"""Bytes of a varint of 64 bits."""

Bytes = NDArray[np.uint8]


def features(shape: int, paths: Paths, ids: Numbers, codes: Numbers) -> bytes:
    """The messages of all features of one shape.

    `codes` (n, k) says which value each feature has of each of k properties; −1 is none.
    """
    runs, points = len(paths.size), paths.xy.shape[1]
    drawn = np.empty(LONGEST * (2 * points + 3 * runs), np.uint8)
    sheet = np.empty(len(drawn) + runs * LONGEST * (6 + 2 * codes.shape[1]), np.uint8)
    end = _features((sheet, drawn), shape, (paths.xy, paths.size, paths.feature), ids, codes)
    return sheet[:end].tobytes()


def numbers(values: Numbers) -> bytes:
    """The messages of whole numbers as values."""
    sheet = np.empty((LONGEST + 3) * len(values), np.uint8)
    return sheet[: _numbers(sheet, values)].tobytes()


def varints(values: NDArray[np.uint64]) -> bytes:
    """Values as protobuf varints."""
    sheet = np.empty(LONGEST * len(values), np.uint8)
    return sheet[: _varints(sheet, values)].tobytes()


@compiled
def _varint(sheet: Bytes, at: int, value: np.uint64) -> int:
    while value > np.uint64(127):
        sheet[at] = value & np.uint64(127) | np.uint64(128)
        value >>= np.uint64(7)
        at += 1
    sheet[at] = value
    return at + 1


@compiled
def _width(value: np.uint64) -> int:
    width = 1
    while value > np.uint64(127):
        value >>= np.uint64(7)
        width += 1
    return width


@compiled
def _folded(value: int) -> np.uint64:
    """A whole number with the sign as the last bit."""
    return np.uint64((value << 1) ^ (value >> 63))


@compiled
def _varints(sheet: Bytes, values: NDArray[np.uint64]) -> int:
    at = 0
    for value in values:
        at = _varint(sheet, at, value)
    return at


@compiled
def _numbers(sheet: Bytes, values: Numbers) -> int:
    at = 0
    for value in values:
        folded = _folded(value)
        sheet[at], sheet[at + 1], sheet[at + 2] = 0x22, 1 + _width(folded), 0x30
        at = _varint(sheet, at + 3, folded)
    return at


@compiled
def _draw(
    sheet: Bytes, shape: int, paths: tuple[Numbers, Numbers, Numbers], run: int, start: int
) -> tuple[int, int, int]:
    """Write the commands of the feature whose first run is `run`, with points from `start` on.

    Gives the bytes written, and run and start of the next feature.
    """
    xy, size, feature = paths
    at, x, y = 0, 0, 0
    mine = feature[run]
    while run < len(size) and feature[run] == mine:
        count = size[run]
        at = _varint(sheet, at, np.uint64(1 | (count if shape == POINT else 1) << 3))
        for place in range(count):
            if place == 1 and shape != POINT:
                at = _varint(sheet, at, np.uint64(2 | (count - 1) << 3))
            next_x, next_y = xy[0, start + place], xy[1, start + place]
            at = _varint(sheet, at, _folded(next_x - x))
            at = _varint(sheet, at, _folded(next_y - y))
            x, y = next_x, next_y
        if shape == POLYGON:
            sheet[at] = CLOSE_PATH
            at += 1
        start += count
        run += 1
    return at, run, start


@compiled
def _features(
    sheets: tuple[Bytes, Bytes],
    shape: int,
    paths: tuple[Numbers, Numbers, Numbers],
    ids: Numbers,
    codes: Numbers,
) -> int:
    sheet, drawn = sheets
    at, run, start = 0, 0, 0
    while run < len(paths[1]):
        number = paths[2][run]
        commands, run, start = _draw(drawn, shape, paths, run, start)
        own, tags = np.uint64(ids[number]), 0
        for key in range(codes.shape[1]):
            if codes[number, key] >= 0:
                tags += _width(np.uint64(key)) + _width(np.uint64(codes[number, key]))
        whole = 5 + _width(own) + _width(np.uint64(tags)) + tags
        whole += _width(np.uint64(commands)) + commands
        sheet[at] = 0x12
        at = _varint(sheet, at + 1, np.uint64(whole))
        sheet[at] = 0x08
        at = _varint(sheet, at + 1, own)
        sheet[at] = 0x12
        at = _varint(sheet, at + 1, np.uint64(tags))
        for key in range(codes.shape[1]):
            if codes[number, key] >= 0:
                at = _varint(sheet, at, np.uint64(key))
                at = _varint(sheet, at, np.uint64(codes[number, key]))
        sheet[at], sheet[at + 1], sheet[at + 2] = 0x18, shape, 0x22
        at = _varint(sheet, at + 3, np.uint64(commands))
        sheet[at : at + commands] = drawn[:commands]
        at += commands
    return at
