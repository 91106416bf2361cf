"""A city, and the web app that serves it, as its user starts them: through ``cim``."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from postgis import free_port

START_SECONDS = 90


def cim(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``cim`` in another process, as a user would; raises with its message if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "webapp", *map(str, arguments)],
        capture_output=True, text=True, timeout=280, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if check and done.returncode:
        raise AssertionError(f"cim {' '.join(map(str, arguments))}: {done.stderr}")
    return done


def cim_json(*arguments: str | Path) -> Any:
    """What ``cim … --json`` answers."""
    return json.loads(cim(*arguments, "--json").stdout)


@dataclass(frozen=True, slots=True)
class Served:
    """A city behind a running web app."""

    city: str
    url: str
    """Address of the page, with its final slash."""

    def get(self, path: str) -> Any:
        """JSON that the app answers at `path`."""
        with urlopen(self.url + path.lstrip("/"), timeout=60) as answer:
            return json.load(answer)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(url + "api/city", timeout=30).close()
        except (URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"cim serve did not answer at {url}: {log.read_text()}")


@contextmanager
def serving(city: str | Path, log: Path, *options: str) -> Iterator[Served]:
    """The web app on a free loopback port, stopped on leaving; its output goes to `log`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "webapp", "serve", str(city), "--port", str(port), *options]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL,
            start_new_session=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        _wait(url, process, log)
        yield Served(str(city), url)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def sample_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample city, made and loaded once for all tests: read it, do not write to it.

    ``CIM_SAMPLE_CITY`` names one that stands already, to save the time of making it.
    """
    if os.environ.get("CIM_SAMPLE_CITY"):
        return Path(os.environ["CIM_SAMPLE_CITY"])
    folder = tmp_path_factory.mktemp("sample")
    cim("demo", folder / "demo", "--no-serve")
    return folder / "demo" / "kaifeng.city"


@pytest.fixture(scope="session")
def sample_app(sample_city: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The web app on the sample city."""
    with serving(sample_city, tmp_path_factory.mktemp("serve") / "log") as served:
        yield served
