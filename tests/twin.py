"""The page of a served city as a person uses it: look, fly, click, search, share."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from browser import Pages, screenshot
from PIL import Image
from playwright.sync_api import Locator, Page
from served import Served

ROOT = Path(__file__).resolve().parents[1]
POLL_MS = 100
READY_MS = 150_000
"""A software renderer on a busy machine is slow; a person's graphics card is not."""


@cache
def words(language: str) -> dict[str, str]:
    """What the page says in that language."""
    text = ROOT / "webapp" / "frontend" / "src" / "messages" / f"{language}.json"
    return dict(json.loads(text.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Twin:
    """An opened page, and the city behind it."""

    page: Page
    served: Served
    language: str

    @classmethod
    def open(cls, pages: Pages, served: Served, language: str = "en", fragment: str = "") -> "Twin":
        """The page, drawn completely."""
        page = pages.open(served.url + fragment, language)
        twin = cls(page, served, language)
        twin.settle()
        return twin

    def close(self) -> None:
        """Close the page, before its server goes."""
        self.page.close()

    def say(self, key: str) -> str:
        """The page's own words for `key`."""
        return words(self.language)[key]

    def until(self, expression: str, timeout_ms: float = READY_MS) -> None:
        """Wait until a JavaScript expression holds.

        Playwright's own waiting evaluates text inside the page, which its security policy forbids.
        """
        waited = 0
        while not self.page.evaluate(expression):
            assert waited < timeout_ms, f"{expression} did not come true in {timeout_ms / 1000} s"
            self.page.wait_for_timeout(POLL_MS)
            waited += POLL_MS

    def settle(self) -> None:
        """Wait until every visible tile is drawn and stays so."""
        for _ in range(3):
            self.until("Boolean(window.cim && window.cim.ready)")
            self.page.wait_for_timeout(300)
        self.until("window.cim.ready")

    def camera(self) -> list[float]:
        """Longitude, latitude, zoom, pitch, bearing as the page's address has them."""
        self.page.wait_for_timeout(500)
        self.until("location.hash.includes('c=')")
        fields = dict(
            part.split("=", 1) for part in self.page.evaluate("location.hash.slice(1)").split("&")
        )
        return [float(each) for each in fields["c"].split(",")]

    def fly(self, position: list[float], zoom: float = 19, pitch: float = 0) -> None:
        """Look at `position` from `zoom`, and wait until it is drawn."""
        self.page.evaluate(
            "([longitude, latitude, zoom, pitch]) =>"
            " window.cim.flyTo({longitude, latitude, zoom, pitch, bearing: 0})",
            [position[0], position[1], zoom, pitch],
        )
        self.page.wait_for_timeout(300)
        self.settle()

    def size(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the map in pixels of the page."""
        box = self.page.locator("#map").bounding_box()
        assert box
        return box["x"], box["y"], box["width"], box["height"]

    def pick(self, x: float, y: float) -> dict[str, Any] | None:
        """What the map says is under a pixel of the map."""
        found = self.page.evaluate("([x, y]) => window.cim.pick(x, y)", [x, y])
        return dict(found) if found else None

    def find(self, layers: set[str] | None = None) -> tuple[float, float, dict[str, Any]]:
        """The pixel nearest to the middle of the map with an object of one of `layers`."""
        _, _, width, height = self.size()
        for x, y in _rings(width / 2, height / 2):
            found = self.pick(x, y)
            if found and (layers is None or found["layer"] in layers):
                return x, y, found
        raise AssertionError(f"nothing to pick of {layers} near the middle of the map")

    def click(self, x: float, y: float) -> Locator:
        """Click the map as a person does, again if nothing happens; the object's panel, filled."""
        left, top, _, _ = self.size()
        facts = self.page.locator("#object dl.facts")
        for _ in range(5):
            self.page.mouse.click(left + x, top + y)
            for _ in range(30):
                if facts.count():
                    return self.page.locator("#object")
                self.page.wait_for_timeout(POLL_MS)
        raise AssertionError(f"a click at {x}, {y} showed nothing")

    def panel_object(self, oid: int) -> dict[str, Any]:
        """What the API says about the object."""
        return dict(self.served.get(f"api/objects/{oid}"))

    def shot(self, name: str) -> Path:
        """A picture of the page for people to look at."""
        return screenshot(self.page, f"{name}-{self.language}")


def _rings(x: float, y: float, step: float = 12, rings: int = 12) -> Iterator[tuple[float, float]]:
    yield x, y
    for ring in range(1, rings):
        for part in range(8):
            angle = math.pi * part / 4
            yield x + ring * step * math.cos(angle), y + ring * step * math.sin(angle)


def colours(picture: Path, margin: float = 0.3) -> int:
    """How many colours the middle of a picture has: a map that drew nothing has a handful."""
    with Image.open(picture) as image:
        width, height = image.size
        box = (width * margin, height * margin, width * (1 - margin), height * (1 - margin))
        found = image.convert("RGB").crop([int(each) for each in box]).getcolors(1 << 24)
    return len(found or ())


def difference(one: Path, other: Path) -> float:
    """Share of the pixels, 0 to 1, that differ visibly between two pictures of the same size."""
    with Image.open(one) as a, Image.open(other) as b:
        pairs = zip(a.convert("L").tobytes(), b.convert("L").tobytes(), strict=True)
        return sum(abs(p - q) > 12 for p, q in pairs) / (a.width * a.height)
