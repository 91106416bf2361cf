"""A real browser for the tests: Debian's Chromium, driven by Playwright, cut off from the world.

Every page is watched: a request to a host other than loopback, an error in the console, an
uncaught exception or a violation of the content security policy fails the test.
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SCREENSHOTS = Path(__file__).with_name("screenshots")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
FLAGS = (
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
SIZE = ViewportSize(width=1280, height=800)
HARMLESS = re.compile(
    r"GPU stall due to ReadPixels|GL Driver Message|Automatic fallback to software"
)
"""What a software renderer says about itself."""
REPORT_CSP = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI}`));
"""


@dataclass
class Watch:
    """What went wrong on a page so far."""

    problems: list[str] = field(default_factory=list)
    allowed: list[re.Pattern[str]] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Console messages that match are expected by this test."""
        self.allowed.append(re.compile(pattern))

    def console(self, message: ConsoleMessage) -> None:
        """An error in the console is a problem."""
        if message.type == "error" and not HARMLESS.search(message.text):
            self._add(f"console: {message.text} ({message.location.get('url', '')})")

    def request(self, request: Request) -> None:
        """A request that leaves this machine is a problem."""
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname not in LOOPBACK:
            self.problems.append(f"asked for {request.url}")

    def _add(self, problem: str) -> None:
        if not any(pattern.search(problem) for pattern in self.allowed):
            self.problems.append(problem)

    def follow(self, page: Page) -> Page:
        """`page`, watched from now on."""
        page.on("console", self.console)
        page.on("request", self.request)
        page.on("pageerror", lambda error: self._add(f"exception: {error}"))
        page.add_init_script(REPORT_CSP)
        return page


@dataclass(frozen=True, slots=True)
class Pages:
    """Opens watched pages, each in a new context that shares nothing with the others."""

    browser: Browser
    watch: Watch
    contexts: list[Any] = field(default_factory=list)

    def open(self, url: str = "about:blank", language: str = "en", **options: Any) -> Page:
        """A new page at `url` in that language."""
        locale = {"zh": "zh-CN", "en": "en-GB"}[language]
        context = self.browser.new_context(locale=locale, viewport=SIZE, **options)
        self.contexts.append(context)
        page = self.watch.follow(context.new_page())
        page.set_default_timeout(60_000)
        page.goto(url)
        return page

    def close(self) -> None:
        """Close every page opened here."""
        for context in self.contexts:
            context.close()


def chromium() -> str | None:
    """Path of an installed Chromium; ``CIM_CHROMIUM`` overrules the search."""
    named = os.environ.get("CIM_CHROMIUM")
    return named or next(filter(None, map(shutil.which, PROGRAMS)), None)


def screenshot(page: Page, name: str) -> Path:
    """The page as a picture in tests/screenshots, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium with software WebGL; skips, or fails in CI, if it is not installed."""
    program = chromium()
    if program is None:
        reason = "Chromium is missing: apt-get install chromium, or set CIM_CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=[*FLAGS, *sandbox], headless=True
        )
        yield started
        started.close()


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    """Opens pages; when the test is over, nothing may have gone wrong on any of them."""
    opener = Pages(browser, Watch())
    yield opener
    opener.close()
    assert not opener.watch.problems, "\n".join(opener.watch.problems)
