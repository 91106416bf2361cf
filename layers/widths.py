"""How wide roads and tracks are drawn: as their attributes say, else by their lanes or class."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LANE: Final = 3.5
"""Metres of a lane: CJJ 37-2012 has 3.25 to 3.75."""

WIDEST: Final = 150.0
"""Metres; a number above it is no width of a carriageway in metres."""

WIDTH_NAMES: Final = (
    "width", "width_m", "road_width", "roadwidth", "carriageway_width", "est_width",
    "宽度", "路宽", "道路宽度", "路面宽度",
)  # fmt: skip
LANE_NAMES: Final = ("lanes", "lane_count", "lanecount", "车道数", "车道")

BY_CATEGORY: Final[Mapping[str, float]] = MappingProxyType(
    {"major": 14.0, "secondary": 10.0, "minor": 6.0, "path": 2.0, "rail": 3.0, "square": 6.0}
)
"""Metres by category of `legends.ROADS` where nothing is said."""

_QUANTITY: Final = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|米|ft|feet|')?\s*$", re.I)
_FEET: Final = frozenset({"ft", "feet", "'"})
FOOT: Final = 0.3048


def road_widths(
    attributes: Sequence[Mapping[str, Any]], categories: Sequence[str]
) -> NDArray[np.float64]:
    """Widths (n,) in metres, to the decimetre."""
    pairs = zip(attributes, categories, strict=True)
    found = [stated_width(each) or BY_CATEGORY[category] for each, category in pairs]
    return np.array([round(each, 1) for each in found], np.float64)


def stated_width(attributes: Mapping[str, Any]) -> float | None:
    """Metres by a stated width, else by the lanes; None if neither is told or can be true."""
    named = {key.lower(): value for key, value in attributes.items()}
    for names, unit in ((WIDTH_NAMES, 1.0), (LANE_NAMES, LANE)):
        for name in names:
            width = unit * _quantity(named.get(name))
            if 0 < width <= WIDEST:
                return width
    return None


def _quantity(value: Any) -> float:
    """A number, or the metres that a text says; NaN if neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    if match is None:
        return float("nan")
    unit = (match[2] or "").lower()
    return float(match[1].replace(",", ".")) * (FOOT if unit in _FEET else 1.0)
