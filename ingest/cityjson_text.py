"""The long number arrays of a CityJSON text, read as bytes and not as lists of lists.

Boundaries and vertices are nine tenths of a file. They are cut out of the text before it is
parsed, and their digits and brackets are turned into arrays all at once. What remains is
ordinary JSON in which a number stands for each boundary that was cut.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

OPEN: Final = ord("[")
CLOSE: Final = ord("]")
COMMA: Final = ord(",")


_ARRAY: Final = re.compile(rb"\s*:\s*\[")
_BLANKS: Final = bytes.maketrans(b"[],", b"   ")

TOGETHER: Final = 500_000
"""Bytes of text that are looked at together: their arrays take some twenty times as much."""


class UnevenError(ValueError):
    """The text is not as regular as this module needs; it must be parsed as any JSON."""


@dataclass(slots=True, eq=False)
class Cut:
    """A JSON text without its long arrays."""

    rest: bytes
    """JSON in which a number stands for each array of boundaries and of values."""
    boundaries: list[bytes]
    values: list[bytes]
    """What semantics, materials and textures say about the boundaries."""
    vertices: bytes


def cut(data: bytes) -> Cut:
    """`data` taken apart.

    Raises
    ------
    UnevenError
        If there is not exactly one array of vertices.
    """
    vertices, boundaries, values = (_spans(data, key) for key in _KEYS)
    if len(vertices) != 1:
        raise UnevenError("not one array of vertices")
    numbered = [*enumerate(vertices), *enumerate(boundaries), *enumerate(values)]
    pieces: list[bytes] = []
    done = 0
    for number, (begin, end) in sorted(numbered, key=itemgetter(1)):
        pieces += (data[done:begin], b"%d" % number)
        done = end
    rest = b"".join((*pieces, data[done:]))
    return Cut(
        rest,
        [data[begin:end] for begin, end in boundaries],
        [data[begin:end] for begin, end in values],
        data[slice(*vertices[0])],
    )


_KEYS: Final = (b'"vertices"', b'"boundaries"', b'"values"')


def _spans(data: bytes, key: bytes) -> list[tuple[int, int]]:
    """Where the arrays of numbers under a key begin and end."""
    found: list[tuple[int, int]] = []
    at = data.find(key)
    while at >= 0:
        at += len(key)
        array = _ARRAY.match(data, at)
        if array:
            begin = array.end() - 1
            at = _end(data, begin)
            found.append((begin, at))
        at = data.find(key, at)
    return found


def _end(data: bytes, begin: int) -> int:
    """Where the array of numbers that begins at `begin` ends."""
    quote = data.find(b'"', begin)
    quote = len(data) if quote < 0 else quote
    brace = data.find(b"}", begin, quote)
    limit = quote if brace < 0 else brace
    end = data.rfind(b"]", begin, limit) + 1
    if not end or (end < limit and data[end:limit].strip() not in {b"", b","}):
        raise UnevenError("an array does not end")
    return end


def _numbers(text: bytes, dtype: type[np.int64 | np.float64], sep: str) -> NDArray[Any]:
    """The numbers in a text, as far as it can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's, when it cannot read on
        try:
            return np.fromstring(text, dtype, sep=sep)
        except ValueError:
            return np.empty(0, dtype)


def triples(text: bytes) -> NDArray[np.float64]:
    """(n, 3) numbers from ``[[1,-2,3],…]``.

    Raises
    ------
    UnevenError
        If they are not numbers, or not in threes.
    """
    frame = text.translate(None, b"+-.0123456789eE \t\r\n")
    count = frame.count(b"[") - 1
    if frame != b"[" + b",".join([b"[,,]"] * count) + b"]":
        raise UnevenError("not triples")
    if not count:
        return np.empty((0, 3))
    whole = not any(mark in text for mark in (b".", b"e", b"E"))
    bare = text.translate(None, b"[] \t\r\n")
    found = _numbers(bare, np.int64 if whole else np.float64, ",")
    if len(found) != 3 * count or not np.isfinite(found).all():
        raise UnevenError("not triples of numbers")
    return found.astype(np.float64).reshape(-1, 3)


@dataclass(slots=True, eq=False)
class Tokens:
    """The brackets and numbers of many arrays."""

    values: Ints
    depth: Ints
    """(b,) how deep each opening bracket lies; the outermost is 1."""
    array: Ints
    """(b,) array of each opening bracket."""
    sizes: Ints
    """(b,) numbers directly inside; 0 for brackets that hold brackets."""

    def of(self, numbers: Ints) -> "Tokens":
        """Only these arrays, in this order; they are numbered anew."""
        count = int(self.array[-1]) + 1 if len(self.array) else 0
        if len(numbers) == count and (numbers == np.arange(count)).all():
            return self
        brackets = np.bincount(self.array, minlength=count)
        inside = np.bincount(self.array, self.sizes, count).astype(np.int64)
        at = _ranges(brackets, numbers)
        array = np.repeat(np.arange(len(numbers)), brackets[numbers])
        return Tokens(self.values[_ranges(inside, numbers)], self.depth[at], array, self.sizes[at])


def _ranges(sizes: Ints, numbers: Ints) -> Ints:
    """Positions of the members of some groups, which lie one after another with these sizes."""
    starts = (np.cumsum(sizes) - sizes)[numbers]
    chosen = sizes[numbers]
    shift = np.repeat(starts - (np.cumsum(chosen) - chosen), chosen)
    return shift + np.arange(len(shift))


def tokens(arrays: Sequence[bytes]) -> Tokens:
    """Brackets and numbers of arrays of whole numbers.

    Raises
    ------
    UnevenError
        If anything else is in them, or numbers lie beside brackets.
    """
    groups = [_tokens(group) for group in _groups(arrays)]
    if len(groups) == 1:
        return groups[0]
    found = [Tokens(*(np.empty(0, np.int64),) * 4), *groups]
    before = 0
    for each in groups:
        each.array += before
        before = int(each.array[-1]) + 1
    return Tokens(
        np.concatenate([each.values for each in found]),
        np.concatenate([each.depth for each in found]),
        np.concatenate([each.array for each in found]),
        np.concatenate([each.sizes for each in found]),
    )


def _groups(arrays: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Arrays that together have about `TOGETHER` bytes."""
    first, size = 0, 0
    for number, array in enumerate(arrays):
        size += len(array)
        if size >= TOGETHER:
            yield arrays[first : number + 1]
            first, size = number + 1, 0
    if first < len(arrays):
        yield arrays[first:]


def _tokens(arrays: Sequence[bytes]) -> Tokens:
    text = _dense(b",".join(arrays))
    raw = np.frombuffer(text, np.uint8)
    digit, opening, closing = raw - ord("0") < 10, raw == OPEN, raw == CLOSE
    comma, brackets = raw == COMMA, opening | closing
    misplaced = (
        (digit | closing)[:-1] & opening[1:]
        | closing[:-1] & digit[1:]
        | (comma | opening)[:-1] & comma[1:]
        | comma[:-1] & closing[1:]
    )
    if misplaced.any():
        raise UnevenError("commas are not where they belong")
    starts = np.flatnonzero(digit[1:] & ~digit[:-1]) + 1  # the first one is a bracket
    values = _values(text, len(starts))
    place = np.flatnonzero(brackets)
    opens = opening[place]
    depth = np.cumsum(np.where(opens, 1, -1))
    before = np.searchsorted(starts, place)
    innermost = opens[:-1] & ~opens[1:]
    sizes = np.where(innermost, before[1:] - before[:-1], 0)
    first = depth[opens] == 1
    even = (
        (digit | brackets | comma).all()
        and sizes.sum() == len(values)
        and first.sum() == len(arrays) == np.count_nonzero(depth == 0)
        and depth.min(initial=0) >= 0
    )
    if not even:
        raise UnevenError("brackets and numbers do not fit")
    return Tokens(values, depth[opens], np.cumsum(first) - 1, sizes[opens[:-1]])


def _dense(text: bytes) -> bytes:
    """`text` without blanks, between which there must be no numbers."""
    dense = text.translate(None, b" \t\r\n")
    if len(dense) != len(text) and _runs(dense) != _runs(text):
        raise UnevenError("numbers without a comma")
    return dense


def _runs(text: bytes) -> int:
    """How many runs of digits there are."""
    digit = np.frombuffer(text, np.uint8) - ord("0") < 10
    return int(np.count_nonzero(digit[1:] > digit[:-1]))


def _values(text: bytes, count: int) -> Ints:
    """The `count` numbers between the brackets and commas of a text."""
    if not count:
        return np.empty(0, np.int64)
    if b"[]" in text:
        found = _numbers(text.translate(_BLANKS), np.int64, " ")
    else:
        found = _numbers(text.translate(None, b"[]"), np.int64, ",")
    if len(found) != count:
        raise UnevenError("not whole numbers")
    return found
