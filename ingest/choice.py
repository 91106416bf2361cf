"""Which of the files that came together are to be loaded: not their sidecars, not their notes."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cim.errors import InputError
from ingest.catalogue import READERS

DELIVERY: Final = "delivery.toml"
POINTERS: Final = (".vrt",)
"""Suffixes of files that only point at others."""
NOTES: Final = (".txt", ".xml", ".html")
"""Suffixes of files that come with data; data themselves only if there is nothing else."""
FOLDERS: Final = (".gdb",)
"""Suffixes of folders that are one file to their reader."""


def loadable(files: Sequence[Path]) -> list[Path]:
    """A delivery if there is one, else every file that a reader is for; notes only if alone.

    Raises
    ------
    InputError
        If there is none.
    """
    deliveries = [each for each in files if each.name == DELIVERY]
    if deliveries:
        return deliveries
    found = [each for each in dict.fromkeys(map(_whole, files)) if _is_read(each)]
    data = [each for each in found if each.suffix.lower() not in NOTES]
    if not found:
        endings = sorted({each for reader in READERS.values() for each in reader.suffixes})
        raise InputError(
            "no format that is read",
            where=", ".join(each.name for each in files[:5]),
            hint=" ".join(each for each in endings if each not in POINTERS),
        )
    return data or found


def belonging(path: Path) -> Iterable[Path]:
    """The files that `path` is made of: itself with its sidecars, or all of a folder."""
    if path.is_dir():
        return [each for each in path.rglob("*") if each.is_file()]
    start = f"{path.stem}."
    return [each for each in path.parent.iterdir() if each.name.startswith(start)]


def _whole(path: Path) -> Path:
    """The folder that `path` is a part of, where that is one file to its reader; else `path`."""
    return next((each for each in path.parents if each.suffix.lower() in FOLDERS), path)


def _is_read(path: Path) -> bool:
    if path.suffix.lower() in POINTERS:
        return False
    return any(reader.accepts(path) for reader in READERS.values())
