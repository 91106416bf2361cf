"""Work on files that nobody vouches for, in a process of its own.

A reader is native code that a hostile file may crash. Then only that process ends; the server
goes on, its memory is not touched, and its threads keep answering meanwhile.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cim.errors import InputError, SourceError
from cim.store import open_city
from ingest import READERS, load_files
from ingest.reader import ReadOptions
from webapp.confinement import confine

DELIVERY = "delivery.toml"
POINTERS = (".vrt",)
"""Suffixes of files that only point at others."""
NOTES = (".txt", ".xml", ".html")
"""Suffixes of files that come with data; data themselves only if there is nothing else."""
FOLDERS = (".gdb",)
"""Suffixes of folders that are one file to their reader."""


@dataclass(frozen=True, slots=True)
class LoadJob:
    """What is to be loaded, where, and how."""

    location: str
    files: tuple[Path, ...]
    """What came, sidecars included."""
    name: str
    options: ReadOptions
    dry_run: bool


def load_apart(job: LoadJob) -> list[dict[str, Any]]:
    """Do `job` in another process and give the reports, as `ingest.load_files` does.

    Raises
    ------
    InputError
        If no file is in a format that is read, or one cannot be read.
    SourceError
        If the process crashed; the city is then as it was.
    """
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=confine) as pool:
        try:
            return pool.submit(_load, job).result()
        except BrokenProcessPool:
            raise SourceError(
                "the reader crashed on it; nothing was loaded",
                where=", ".join(each.name for each in job.files[:5]),
                hint="the file is damaged or hostile",
            ) from None


def _load(job: LoadJob) -> list[dict[str, Any]]:
    files = loadable(job.files)
    with open_city(job.location) as store:
        reports = load_files(store, files, name=job.name, options=job.options, dry_run=job.dry_run)
        return [each.as_dict() for each in reports]


def loadable(files: Sequence[Path]) -> list[Path]:
    """A delivery if there is one, else every file that a reader is for, notes last.

    Raises
    ------
    InputError
        If there is none.
    """
    deliveries = [each for each in files if each.name == DELIVERY]
    if deliveries:
        return deliveries
    found = list(dict.fromkeys(_whole(each) for each in files if _is_read(_whole(each))))
    data = [each for each in found if each.suffix.lower() not in NOTES]
    if not found:
        endings = sorted({each for reader in READERS.values() for each in reader.suffixes})
        raise InputError(
            "no format that is read",
            where=", ".join(each.name for each in files[:5]),
            hint=" ".join(each for each in endings if each not in POINTERS),
        )
    return data or found


def _whole(path: Path) -> Path:
    """The folder that `path` is a part of, where that is one file to its reader; else `path`."""
    return next((each for each in path.parents if each.suffix.lower() in FOLDERS), path)


def _is_read(path: Path) -> bool:
    if path.suffix.lower() in POINTERS:
        return False
    return any(reader.accepts(path) for reader in READERS.values())
