"""The load page as a person uses it: drop files, read, click, load, undo."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser import Pages, screenshot
from playwright.sync_api import Locator, Page
from served import Served
from twin import words

POLL_MS = 100
READY_MS = 120_000


@dataclass(frozen=True, slots=True)
class LoadPage:
    """An opened load page, and the city behind it."""

    page: Page
    served: Served
    language: str

    @classmethod
    def open(cls, pages: Pages, served: Served, language: str = "en") -> "LoadPage":
        """The page, ready for files."""
        page = pages.open(f"{served.url}load?lang={language}", language)
        opened = cls(page, served, language)
        opened.idle()
        return opened

    def say(self, key: str, **values: Any) -> str:
        """The page's own words for `key`."""
        text = words(self.language)[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds."""
        waited = 0
        while not self.page.evaluate(expression):
            assert waited < READY_MS, f"{expression} did not come true; {self.text()}"
            self.page.wait_for_timeout(POLL_MS)
            waited += POLL_MS

    def idle(self) -> None:
        """Wait until nothing is at work."""
        self.until("Boolean(window.cimLoad && window.cimLoad.idle)")

    def text(self) -> str:
        """All that the page says."""
        return self.page.locator("#steps").inner_text()

    def give(self, files: Sequence[Path]) -> None:
        """Choose files, and wait for the doctor."""
        self.page.locator("#load-files").set_input_files([str(each) for each in files])
        self.page.locator("#step-check").wait_for()
        self.idle()

    def card(self, name: str) -> Locator:
        """What is said of one file."""
        return self.page.locator(".file-card").filter(has=self.page.locator("h3", has_text=name))

    def finding(self, name: str, code: str) -> Locator:
        """One of the doctor's findings."""
        return self.card(name).locator(f"li[data-code={code}]").first

    def counts(self) -> dict[str, int]:
        """How many features the map shows of the city, the file as it says, the file as chosen."""
        return dict(self.page.evaluate("window.cimLoad.counts"))

    def press(self, key: str, section: str = "") -> None:
        """Click the button that says `key`, and wait until that is done."""
        where = self.page.locator(section) if section else self.page
        where.get_by_role("button", name=self.say(key), exact=True).click()
        self.page.wait_for_timeout(50)
        self.idle()

    def tiles(self, section: str) -> dict[str, str]:
        """Counts that a report shows, by what they are called."""
        found = {}
        for tile in self.page.locator(f"{section} .tile").all():
            found[tile.locator("span").inner_text()] = tile.locator("strong").inner_text()
        assert found, self.text()
        return found

    def shot(self, name: str) -> Path:
        """A picture of the page for people to look at."""
        return screenshot(self.page, f"load-{name}-{self.language}")
