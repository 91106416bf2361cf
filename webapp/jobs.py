"""Work on files that nobody vouches for, in a process of its own.

A reader is native code that a hostile file may crash. Then only that process ends; the server
goes on, its memory is not touched, and its threads keep answering meanwhile.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cim.errors import SourceError
from ingest.reader import ReadOptions


def load_apart(
    location: str, files: Sequence[Path], name: str, options: ReadOptions, dry_run: bool
) -> list[dict[str, Any]]:
    """Load `files` into the city at `location` and give the reports, as `ingest.load_files`.

    Raises
    ------
    SourceError
        If the process crashed; the city is then as it was.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_load, location, list(files), name, options, dry_run).result()
        except BrokenProcessPool:
            raise SourceError(
                "the reader crashed on it; nothing was loaded",
                where=", ".join(each.name for each in files[:5]),
                hint="the file is damaged or hostile",
            ) from None


def _load(
    location: str, files: list[Path], name: str, options: ReadOptions, dry_run: bool
) -> list[dict[str, Any]]:
    from cim.store import open_city  # noqa: PLC0415  only in the other process
    from ingest import load_files  # noqa: PLC0415

    with open_city(location) as store:
        reports = load_files(store, files, name=name, options=options, dry_run=dry_run)
        return [each.as_dict() for each in reports]
