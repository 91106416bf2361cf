"""The header of a LAS file, checked against the file before any reader trusts it."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.reader import refuse

AGAIN: Final = "the file is damaged or cut off; copy or download it again"

RECORD_SIZES: Final = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)
"""Bytes of a point of each format, without extra bytes (LAS 1.4 R15)."""

_FRONT: Final = struct.Struct("<4sHH16sBB32s32sHHHIIBHI")
_ROOM: Final = struct.Struct("<12d")
_MODERN: Final = struct.Struct("<QQIQ")

MOST_POINTS: Final = 20_000_000_000
"""More than in any delivery seen; at a million points a second, six hours."""

SMALLEST_CHUNK: Final = 20
"""Bytes: its first point is written in full."""

VLR, EVLR = 54, 60
"""Bytes of the head of a variable length record and of an extended one."""


@dataclass(frozen=True, slots=True)
class LasHeader:
    """What the header states, as far as it was found possible."""

    version: str
    format: int
    """Point data record format, 0 to 10."""
    compressed: bool
    points: int
    wkt: bool
    """Whether the CRS is to be looked for in WKT."""
    standard_time: bool
    """Whether times are adjusted standard GPS time, from which the day follows."""
    minimum: tuple[float, float, float]
    maximum: tuple[float, float, float]
    scales: tuple[float, float, float]
    offsets: tuple[float, float, float]


def checked_header(path: Path) -> LasHeader:
    """The header of `path`.

    Raises
    ------
    SourceError
        If it is no LAS file, or states what cannot be in a file of that size.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(375)
    if head[:4] != b"LASF":
        raise refuse(path, "it is no LAS file: it does not begin with LASF", AGAIN)
    if len(head) < 227:
        raise refuse(path, f"its header is cut off after {len(head)} bytes", AGAIN)
    front = _FRONT.unpack_from(head)
    encoding, major, minor = front[2], front[4], front[5]
    header_size, start, records, form, length, points = front[10:16]
    room = _ROOM.unpack_from(head, 131)
    if (major, minor) > (1, 4) or major != 1:
        raise refuse(path, f"LAS {major}.{minor} is not known", "save it as LAS 1.4")
    evlrs = (0, 0)
    if minor >= 4:
        if len(head) < 375:
            raise refuse(path, "its header is cut off", AGAIN)
        _, first, count, long_points = _MODERN.unpack_from(head, 227)
        evlrs, points = (first, count), long_points or points
    compressed, form = bool(form & 0xC0), form & 0x3F
    _check_layout(path, size, (header_size, start, records), evlrs)
    _check_points(path, size - start, (form, length, points), compressed=compressed)
    if compressed:
        _check_chunks(path, start, size)
    scales, offsets = room[0:3], room[3:6]
    if not all(0 < abs(each) < 1e6 for each in scales):
        raise refuse(path, f"its coordinates are scaled by {scales}, which cannot be", AGAIN)
    if not all(abs(each) < 1e12 for each in offsets):
        raise refuse(path, f"its coordinates are shifted by {offsets}, off the Earth", AGAIN)
    return LasHeader(
        version=f"{major}.{minor}",
        format=form,
        compressed=compressed,
        points=points,
        wkt=bool(encoding & 16),
        standard_time=bool(encoding & 1),
        minimum=(room[7], room[9], room[11]),
        maximum=(room[6], room[8], room[10]),
        scales=(scales[0], scales[1], scales[2]),
        offsets=(offsets[0], offsets[1], offsets[2]),
    )


def _check_layout(
    path: Path, size: int, parts: tuple[int, int, int], evlrs: tuple[int, int]
) -> None:
    """Refuse counts and places of records that the file has no room for."""
    header_size, start, records = parts
    if not 227 <= header_size <= start <= size:
        problem = f"its points begin at byte {start} of {size}, its header has {header_size} bytes"
        raise refuse(path, problem, AGAIN)
    if records * VLR > start - header_size:
        problem = f"{records} records are said to be in {start - header_size} bytes"
        raise refuse(path, problem, AGAIN)
    first, count = evlrs
    if count and not (start <= first and first + count * EVLR <= size):
        problem = f"{count} records are said to begin at byte {first} of {size}"
        raise refuse(path, problem, AGAIN)


def _check_points(path: Path, room: int, points: tuple[int, int, int], *, compressed: bool) -> None:
    form, length, count = points
    if form >= len(RECORD_SIZES):
        raise refuse(path, f"point format {form} is not known", "save it as LAS 1.4")
    if length < RECORD_SIZES[form]:
        problem = f"a point of format {form} has {RECORD_SIZES[form]} bytes, not {length}"
        raise refuse(path, problem, AGAIN)
    if not count:
        raise refuse(path, "it holds no points", "is it the right file?")
    if not compressed and count * length > room:
        problem = f"{count} points of {length} bytes are announced, {room} bytes are there"
        raise refuse(path, problem, AGAIN)
    if count > MOST_POINTS or (compressed and count > room * 1000):
        problem = f"{count} points are announced in {room} bytes"
        raise refuse(path, problem, AGAIN)


def _check_chunks(path: Path, start: int, size: int) -> None:
    """Refuse a table of chunks that is elsewhere or larger than the file; a reader allots it."""
    with path.open("rb") as file:
        file.seek(start)
        place = int.from_bytes(file.read(8), "little", signed=True)
        if place == -1:  # written in one go, the place comes last
            file.seek(size - 8)
            place = int.from_bytes(file.read(8), "little", signed=True)
        if not start + 8 <= place <= size - 8:
            raise refuse(path, f"its table of chunks would be at byte {place} of {size}", AGAIN)
        file.seek(place + 4)
        chunks = int.from_bytes(file.read(4), "little")
    if chunks * SMALLEST_CHUNK > size:
        raise refuse(path, f"{chunks} chunks are announced in {size} bytes", AGAIN)
