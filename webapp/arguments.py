"""What people write in URLs and on command lines, as values."""

import math
from datetime import date, datetime

from cim.errors import ParamError

LARGEST = 2**63 - 1
Box = tuple[float, float, float, float]


def whole_number(text: str, name: str, least: int = 0, most: int = LARGEST) -> int:
    """`text` as a whole number.

    Raises
    ------
    ParamError
        If it is none, or out of range.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise ParamError(f"{text[:40]!r} is not a whole number", where=name)
    number = int(text)
    if not least <= number <= most:
        raise ParamError(f"{number} is not from {least} to {most}", where=name)
    return number


def box(text: str, name: str = "bbox") -> Box:
    """``W,S,E,N`` in degrees.

    Raises
    ------
    ParamError
        If there are not four such numbers.
    """
    hint = "west,south,east,north in degrees, such as 114.30,34.76,114.36,34.82"
    try:
        west, south, east, north = (float(each) for each in text.split(","))
    except ValueError:
        raise ParamError(f"{text[:80]!r} is not a box", where=name, hint=hint) from None
    if not all(math.isfinite(each) for each in (west, south, east, north)):
        raise ParamError("a box needs finite numbers", where=name, hint=hint)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ParamError(f"{text[:80]!r} is no box on the Earth", where=name, hint=hint)
    return west, south, east, north


def moment(text: str, name: str = "at") -> date | datetime:
    """A day or a moment (ISO 8601).

    Raises
    ------
    ParamError
        If it is neither.
    """
    try:
        if len(text) <= 10:
            return date.fromisoformat(text)
        return datetime.fromisoformat(text)
    except ValueError:
        raise ParamError(
            f"{text[:40]!r} is not a day", where=name, hint="ISO 8601, such as 2015-01-31"
        ) from None


def names(texts: list[str]) -> tuple[str, ...]:
    """Names given one by one or with commas between them."""
    return tuple(each for text in texts for each in text.split(",") if each)


def pair(text: str, name: str) -> tuple[str, str]:
    """``KEY=VALUE`` as a pair.

    Raises
    ------
    ParamError
        If there is no equals sign, or nothing before it.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ParamError(f"{text!r} is not NAME=VALUE", where=name)
    return key, value
