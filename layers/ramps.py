"""Colours of numbers and of codes, with their legends.

The sequences run from light to dark, or through a light middle, so that they can be told apart
in grey and by colour-blind eyes; see Brewer (2003), doi:10.1559/152304003100010929.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from layers.colour import rgba
from layers.layer import LegendEntry

Colours = NDArray[np.uint8]
Values = NDArray[np.float32]


class Scale(Protocol):
    """What gives values their colours."""

    smooth: bool
    """Whether what lies between two values means something."""
    legend: tuple[LegendEntry, ...]

    def colours(self, values: Values) -> Colours:
        """Colours (n, 3) of values (n,)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A value, its colour and, where it has one of its own, its name in both languages."""

    value: float
    color: str
    label: str = ""
    label_zh: str = ""


class Ramp:
    """Colours that run from stop to stop; what lies beyond the ends has their colour."""

    smooth = True

    def __init__(self, stops: Sequence[Stop], unit: str = "") -> None:
        self._values = np.array([each.value for each in stops], np.float64)
        self._colours = np.array([rgba(each.color)[:3] for each in stops], np.float64)
        self.legend = tuple(_entry(each, unit) for each in stops)

    def colours(self, values: Values) -> Colours:
        """Colours (n, 3) of values (n,)."""
        bands = [np.interp(values, self._values, band) for band in self._colours.T]
        colours: Colours = np.rint(np.stack(bands, axis=-1)).astype(np.uint8)
        return colours


def _entry(stop: Stop, unit: str) -> LegendEntry:
    number = f"{_short(stop.value)} {unit}".strip()
    return LegendEntry(stop.color, stop.label or number, stop.label_zh or number)


def _short(value: float) -> str:
    """A number with three digits that count."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Classes:
    """A colour for each code; a code that is not among them is grey."""

    smooth = False
    OTHER = "#9e9e9e"

    def __init__(self, stops: Sequence[Stop]) -> None:
        ordered = sorted(stops, key=lambda each: each.value)
        self._codes = np.array([each.value for each in ordered], np.float64)
        palette = [each.color for each in ordered] + [self.OTHER]
        self._palette = np.array([rgba(each)[:3] for each in palette], np.uint8)
        self.legend = tuple(
            LegendEntry(
                each.color,
                each.label or f"Class {each.value:g}",
                each.label_zh or f"类别 {each.value:g}",
            )
            for each in ordered
        )

    def colours(self, values: Values) -> Colours:
        """Colours (n, 3) of codes (n,)."""
        last = len(self._codes)
        at = np.searchsorted(self._codes, values)
        known = at < last
        known[known] = self._codes[at[known]] == values[known]
        return self._palette[np.where(known, at, last)]


def stretched(
    colors: Sequence[str], limits: tuple[float, float], unit: str = "", power: float = 1.0
) -> Ramp:
    """Colours spread from the first limit to the second; `power` above 1 favours what is low."""
    low, high = limits
    shares = np.linspace(0, 1, len(colors)) ** power
    values = low + (max(high - low, 1e-9)) * shares
    return Ramp([Stop(float(v), c) for v, c in zip(values, colors, strict=True)], unit)


PLANTS = Ramp(
    (
        Stop(-0.3, "#35618f", "Water (below -0.2)", "水体（低于-0.2）"),
        Stop(0.0, "#8c5a33", "Bare or built (0)", "裸地或建筑（0）"),
        Stop(0.2, "#dfc98a", "Sparse (0.2)", "稀疏植被（0.2）"),
        Stop(0.4, "#b5d267", "Grass, crops (0.4)", "草地、作物（0.4）"),
        Stop(0.6, "#4ea33f", "Dense (0.6)", "茂密植被（0.6）"),
        Stop(0.9, "#0b5a24", "Very dense (0.9)", "极茂密植被（0.9）"),
    )
)
"""Of NDVI and its kin."""

WETNESS = Ramp(
    (
        Stop(-0.6, "#7a5230", "Dry, plants (-0.6)", "干燥或植被（-0.6）"),
        Stop(-0.2, "#dbc8a0", "Land (-0.2)", "陆地（-0.2）"),
        Stop(0.0, "#dfe8e4", "Wet (0)", "湿润（0）"),
        Stop(0.2, "#6fb1d8", "Water (0.2)", "水体（0.2）"),
        Stop(0.6, "#0b4a8f", "Open water (0.6)", "开阔水面（0.6）"),
    )
)
"""Of NDWI and MNDWI."""

BUILT = Ramp(
    (
        Stop(-0.5, "#1d7a5f", "Plants, water (-0.5)", "植被或水体（-0.5）"),
        Stop(-0.1, "#c7ddd0", "Mixed (-0.1)", "混合（-0.1）"),
        Stop(0.1, "#f0c9a4", "Built or bare (0.1)", "建筑或裸地（0.1）"),
        Stop(0.4, "#a63603", "Built densely (0.4)", "密集建成区（0.4）"),
    )
)
"""Of NDBI."""

DEPTH = Ramp(
    (
        Stop(0.0, "#e9e6dc", "None (0 m)", "无（0 m）"),
        Stop(0.15, "#c6dbef"),
        Stop(0.5, "#8fc1e3"),
        Stop(1.0, "#4a98c9"),
        Stop(2.0, "#1764ab"),
        Stop(4.0, "#08306b"),
    ),
    "m",
)
"""Of water; half a metre carries cars away."""

DANGER = ("#f3e9c6", "#fed976", "#fd8d3c", "#e31a1c", "#a80026", "#5c0019")
"""From little to much."""

CHANGE = ("#20262e", "#6a4c93", "#e07a3f", "#ffe98a")
LIGHTS = ("#0b0b1f", "#4a2c17", "#b8741a", "#ffd34d", "#fffbe0")
PEOPLE = ("#f7f4f0", "#e3c7d8", "#c183b8", "#86469c", "#42145f")
HEIGHTS = ("#2f6b4f", "#7fa65a", "#d9cf87", "#b98a57", "#8a5a44", "#f3efea")
PLAIN = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")

CODES = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f",
    "#ff9da7", "#86bcb6", "#8cd17d", "#b6992d", "#499894", "#d37295", "#a0cbe8", "#d4a6c8",
)  # fmt: skip
"""Of codes of which nothing is known; they come again after the last."""

WORLDCOVER: Mapping[int, Stop] = MappingProxyType(
    {
        int(each.value): each
        for each in (
            Stop(10, "#006400", "Tree cover", "林地"),
            Stop(20, "#ffbb22", "Shrubland", "灌木"),
            Stop(30, "#ffff4c", "Grassland", "草地"),
            Stop(40, "#f096ff", "Cropland", "耕地"),
            Stop(50, "#fa0000", "Built-up", "建成区"),
            Stop(60, "#b4b4b4", "Bare or sparse plants", "裸地或稀疏植被"),
            Stop(70, "#f0f0f0", "Snow and ice", "冰雪"),
            Stop(80, "#0064c8", "Permanent water", "永久水体"),
            Stop(90, "#0096a0", "Herbaceous wetland", "草本湿地"),
            Stop(95, "#00cf75", "Mangroves", "红树林"),
            Stop(100, "#fae6a0", "Moss and lichen", "苔藓和地衣"),
        )
    }
)
"""Codes of ESA WorldCover, as its product user manual has them."""
