"""Observations as bytes: blocks of one datastream, each a stretch of time that no other covers.

A block is ``b"S"`` and its layout version, then compressed: for even steps the first time and the
step, else the first time and the differences; then the results as little-endian float64.
"""

import struct
import zlib
from typing import Final

import numpy as np

from cim.series import Results, Times

BLOCK: Final = 65_536
"""Observations in a block: a week is found quickly, ten years of hours are two blocks."""

_EVEN, _UNEVEN = b"S1e", b"S1u"
_HEAD: Final = struct.Struct("<qqq")


def packed(times: Times, results: Results) -> bytes:
    """Observations in order of time, at least one, as the body of a block."""
    steps = np.diff(times)
    step = int(steps[0]) if len(steps) else 0
    even = not len(steps) or bool((steps == step).all())
    head = _HEAD.pack(len(times), int(times[0]), step)
    told = head if even else head + steps.astype("<i8").tobytes()
    body = told + np.asarray(results, "<f8").tobytes()
    return (_EVEN if even else _UNEVEN) + zlib.compress(body, 1)


def unpacked(body: bytes) -> tuple[Times, Results]:
    """What `packed` was given.

    Raises
    ------
    ValueError
        If the block is damaged.
    """
    try:
        content = zlib.decompress(body[3:])
        count, first, step = _HEAD.unpack_from(content)
    except (zlib.error, struct.error) as error:
        raise ValueError(f"damaged: {error}") from error
    at = _HEAD.size
    if body[:3] == _EVEN:
        times = first + step * np.arange(count, dtype=np.int64)
    elif body[:3] == _UNEVEN:
        steps = np.frombuffer(content, "<i8", count - 1, at)
        times = np.concatenate([[first], first + np.cumsum(steps)]).astype(np.int64)
        at += steps.nbytes
    else:
        raise ValueError("damaged: of no known layout")
    return times, np.frombuffer(content, "<f8", count, at).astype(np.float64)


def digest(times: Times, results: Results) -> int:
    """A number that tells observations apart, however they are divided into blocks.

    The sum over blocks, modulo 2⁶⁴, is that of the whole; signed, as databases have it.
    """
    bits = np.where(np.isnan(results), np.nan, results + 0.0).view(np.uint64)
    mixed = _mixed(times.view(np.uint64)) ^ (bits * np.uint64(0x9E3779B97F4A7C15))
    total = np.add.reduce(_mixed(mixed), dtype=np.uint64)
    return int(np.uint64(total).view(np.int64))


def summed(digests: list[int]) -> int:
    """The digest of blocks together."""
    return (sum(digests) + 2**63) % 2**64 - 2**63


def _mixed(
    values: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Every bit of a number into every other (the finaliser of SplitMix64)."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
