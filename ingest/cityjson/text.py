"""The long number arrays of a CityJSON text, read as bytes and not as lists of lists.

Boundaries and vertices are nine tenths of a file. They are cut out of the text before it is
parsed, and their digits and brackets are turned into arrays all at once. What remains is
ordinary JSON in which a number stands for each boundary that was cut.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

OPEN: Final = ord("[")
CLOSE: Final = ord("]")
COMMA: Final = ord(",")
COLON: Final = ord(":")
QUOTE: Final = ord('"')
BRACE: Final = ord("}")
EMPTY: Final = ord("(")
_DIGITS: Final = b"0123456789"
_IS_BLANK: Final = np.isin(np.arange(256), list(b" \t\r\n"))

AT_ONCE: Final = 1_000_000
"""Bytes searched in one step, so that what is found stays in the processor's cache."""

LONGEST: Final = 18
"""Digits of a number that certainly fits in 64 bits."""

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
    raw = np.frombuffer(data, np.uint8)
    marks = _marks(raw)
    vertices, boundaries, values = (_spans(raw, marks, key) for key in _KEYS)
    if len(vertices) != 1:
        raise UnevenError("not one array of vertices")
    spans = np.concatenate([vertices, boundaries, values])
    order = np.argsort(spans[:, 0])
    begins, ends = spans[order].T.tolist()
    numbers = np.concatenate([np.arange(len(each)) for each in (vertices, boundaries, values)])
    pieces = [b""] * (2 * len(begins) + 1)
    pieces[::2] = [data[end:begin] for end, begin in zip([0, *ends], [*begins, None], strict=True)]
    pieces[1::2] = orjson.dumps(numbers[order].tolist())[1:-1].split(b",")
    rest = b"".join(pieces)
    return Cut(
        rest,
        [data[begin:end] for begin, end in boundaries.tolist()],
        [data[begin:end] for begin, end in values.tolist()],
        data[slice(*vertices[0].tolist())],
    )


_KEYS: Final = (b"vertices", b"boundaries", b"values")


def _marks(raw: Bytes) -> Ints:
    """Where the quotes and the closing braces are."""
    found = [np.empty(0, np.int64)]
    for start in range(0, len(raw), AT_ONCE):
        part = raw[start : start + AT_ONCE]
        found.append(np.flatnonzero((part == QUOTE) | (part == BRACE)) + start)
    return np.concatenate(found)


def _spans(raw: Bytes, marks: Ints, key: bytes) -> Ints:
    """(n, 2) where the arrays of numbers under a key begin and end."""
    number = np.flatnonzero(np.diff(marks) == len(key) + 1)
    first = marks[number] + 1
    same = np.ones(len(number), bool)
    for place, letter in enumerate(key):
        same &= raw[first + place] == letter
    number, after = number[same], (first + len(key) + 1)[same]
    colon = _not_blank(raw, after, 1)
    begin = _not_blank(raw, colon + 1, 1)
    arrays = (raw[colon] == COLON) & (raw[begin] == OPEN)
    begin, following = begin[arrays], number[arrays] + 2
    limit = np.append(marks, len(raw))[following]
    last = _not_blank(raw, limit - 1, -1)
    last = np.where(raw[last] == COMMA, _not_blank(raw, last - 1, -1), last)
    if (raw[last] != CLOSE).any():
        raise UnevenError("an array does not end")
    return np.column_stack([begin, last + 1])


def _not_blank(raw: Bytes, at: Ints, step: int) -> Ints:
    """The nearest place, at `at` or a number of steps beyond, with something else than a blank."""
    at = np.clip(at, 0, len(raw) - 1)
    while (blank := _IS_BLANK[raw[at]]).any():
        beyond = at + step * blank
        at = np.clip(beyond, 0, len(raw) - 1)
        if not (at == beyond).all():
            raise UnevenError("an array does not begin or end")
    return at


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
    _check_order(np.frombuffer(text, np.uint8))
    skeleton = text.translate(None, _DIGITS)
    if b"[]" in text:  # without digits it cannot be told from an array of one number
        skeleton = text.replace(b"[]", b"()").translate(None, _DIGITS)
    marks = np.frombuffer(skeleton, np.uint8)
    place = np.flatnonzero(marks != COMMA)
    kind = marks[place]
    empty = kind == EMPTY
    opens = (kind == OPEN) | empty
    depth = np.cumsum(np.where(opens, 1, -1).astype(np.int8), dtype=np.int64)
    innermost = opens[:-1] & ~opens[1:]
    sizes = np.where(innermost & ~empty[:-1], np.diff(place), 0)  # n numbers have n - 1 commas
    opened = np.flatnonzero(opens)
    depth_of = depth[opened]
    first = depth_of == 1
    even = first.sum() == len(arrays) == np.count_nonzero(depth == 0) and depth.min(initial=0) >= 0
    if not even:
        raise UnevenError("brackets do not fit")
    values = _values(text, int(sizes.sum()))
    return Tokens(values, depth_of, np.cumsum(first) - 1, sizes[opened])


def _check_order(raw: Bytes) -> None:
    """Whether digits, brackets and commas follow one another as they may."""
    digit, opening, closing, comma = raw - ord("0") < 10, raw == OPEN, raw == CLOSE, raw == COMMA
    misplaced = (
        (digit | closing)[:-1] & opening[1:]
        | closing[:-1] & digit[1:]
        | (comma | opening)[:-1] & comma[1:]
        | comma[:-1] & closing[1:]
    )
    if misplaced.any() or not (digit | opening | closing | comma).all():
        raise UnevenError("brackets, commas and digits are not where they belong")


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
    """The `count` numbers between the brackets and commas of a text, which has nothing else.

    They are summed up digit by digit, the last one first, all numbers at a time.
    """
    margin = b" " * LONGEST  # so that what lies before the first number exists
    raw = np.frombuffer(margin + text.translate(None, b"[]") + b",", np.uint8)
    ends = np.flatnonzero(raw == COMMA)
    lengths = np.diff(ends, prepend=LONGEST - 1) - 1
    if not lengths.all():  # brackets with nothing in them
        ends, lengths = ends[lengths > 0], lengths[lengths > 0]
    longest = int(lengths.max(initial=0))
    if len(ends) != count or longest > LONGEST:
        raise UnevenError("not whole numbers")
    values = np.zeros(count, np.int64)
    digits, at, power = raw - ord("0"), ends, 1
    for place in range(longest):
        at = at - 1
        values += np.where(lengths > place, digits[at], 0) * np.int64(power)
        power *= 10
    return values
