"""Colours of categories: found by the words of a function or class, safe for colour-blind eyes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layers.layer import LegendEntry


@dataclass(frozen=True, slots=True)
class Category:
    """A colour, its labels and the words of a function or class that stand for it."""

    name: str
    color: str
    label: str
    label_zh: str
    words: tuple[str, ...] = ()

    @property
    def entry(self) -> LegendEntry:
        """As a line of a legend."""
        return LegendEntry(self.color, self.label, self.label_zh)


@dataclass(frozen=True)
class Scheme:
    """Categories in the order of the legend; what none of them matches gets the last one."""

    categories: tuple[Category, ...]

    @property
    def legend(self) -> tuple[LegendEntry, ...]:
        """Every category as a line."""
        return tuple(each.entry for each in self.categories)

    def number(self, name: str) -> int:
        """Which category is called `name`."""
        return next(i for i, each in enumerate(self.categories) if each.name == name)

    def of(self, words: Sequence[object] | NDArray[np.object_]) -> NDArray[np.int64]:
        """The category number of each word; a word also matches by what it begins with."""
        memory: dict[object, int] = {}
        found = np.empty(len(words), np.int64)
        for place, word in enumerate(words):
            if word not in memory:
                memory[word] = self._match(word)
            found[place] = memory[word]
        return found

    def _match(self, word: object) -> int:
        text = str(word).strip().lower() if isinstance(word, str) else ""
        if text:
            for place, each in enumerate(self.categories):
                if any(text == known or text.startswith(known) for known in each.words):
                    return place
        return len(self.categories) - 1

    @property
    def palette(self) -> NDArray[np.uint8]:
        """(k, 4) colours, opaque."""
        return np.array([rgba(each.color) for each in self.categories], np.uint8)


def rgba(color: str, alpha: int = 255) -> tuple[int, int, int, int]:
    """``#rrggbb`` as four bytes."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue, alpha


def darker(colors: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Colours (n, 4) with their light reduced to `share`, as opaque as before."""
    shaded = colors.astype(np.float32)
    shaded[:, :3] *= share
    return np.rint(shaded).astype(np.uint8)
