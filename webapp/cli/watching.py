"""A folder into which deliveries come: what is new there, and what became of it."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from cim.errors import InputError
from cim.store.locations import folder_of
from ingest.choice import DELIVERY, belonging, loadable

EVERY: Final = 2.0
"""Seconds between two looks; a file is there completely when it is the same at two of them."""

Mark = list[list[Any]]
"""Name, size and time of every file that makes a thing."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something to be loaded, as it was when it was seen."""

    path: Path
    mark: Mark


class Folder:
    """A watched folder, with a note of all that was dealt with beside the city it is for."""

    def __init__(self, folder: Path, city: str) -> None:
        self.folder = folder.resolve()
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        self._file = folder_of(city) / "runs" / f"watch-{name}.json"
        known = orjson.loads(self._file.read_bytes()) if self._file.exists() else {}
        self.known: dict[str, dict[str, Any]] = known
        """Path below the folder → its mark, ``loaded`` or ``failed``, why, and when."""
        self._seen: dict[Path, Mark] = {}

    def arrivals(self) -> list[Arrival]:
        """What is new or has changed, and was the same at the last look."""
        now = {each: _mark(each) for each in self._things()}
        before, self._seen = self._seen, now
        return [
            Arrival(path, mark)
            for path, mark in now.items()
            if mark and before.get(path) == mark and self._known_mark(path) != mark
        ]

    def pending(self) -> bool:
        """Whether something was seen that is not dealt with yet."""
        return any(self._known_mark(path) != mark for path, mark in self._seen.items())

    def _known_mark(self, path: Path) -> Mark | None:
        return self.known.get(self.name_of(path), {}).get("mark")

    def _things(self) -> Iterator[Path]:
        """What could be loaded; a folder with a delivery.toml is that one delivery."""
        folders = [self.folder, *sorted(each for each in self.folder.rglob("*") if each.is_dir())]
        taken: list[Path] = []
        for folder in folders:
            if any(folder.is_relative_to(each) for each in taken):
                continue
            files = [each for each in sorted(folder.iterdir()) if not each.name.startswith(".")]
            try:
                found = loadable(files)
            except InputError:
                continue
            taken += [each.parent if each.name == DELIVERY else each for each in found]
            yield from found

    def name_of(self, path: Path) -> str:
        """The path below the folder."""
        return str(path.relative_to(self.folder))

    def note(self, arrival: Arrival, error: str) -> None:
        """Remember what became of it, so that a restart does not load it again."""
        self.known[self.name_of(arrival.path)] = {
            "mark": arrival.mark,
            "state": "failed" if error else "loaded",
            "error": error,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        written = self._file.with_suffix(".new")
        written.write_bytes(orjson.dumps(self.known, option=orjson.OPT_INDENT_2))
        written.replace(self._file)

    def wait(self) -> None:
        """Let some time pass."""
        time.sleep(EVERY)


def _mark(path: Path) -> Mark:
    """Empty if it went away meanwhile."""
    delivered = path.parent.rglob("*") if path.name == DELIVERY else belonging(path)
    try:
        states = sorted((str(each), each.stat()) for each in delivered if each.is_file())
    except OSError:
        return []
    return [[name, state.st_size, state.st_mtime_ns] for name, state in states]
