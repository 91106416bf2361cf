"""From files to city: every data set by itself, all or nothing of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cim.errors import CimError, InputError, StoreError
from cim.store import Store, open_city
from ingest.delivery import Item, items
from ingest.isolation import Limits, deaf, described, never, rebuilt, run_apart
from ingest.one_dataset import Manner, Task, load_dataset
from ingest.reader import ReadOptions
from ingest.report import Follow, LoadReport, partly, write_rejects

Loader = Callable[[str, Sequence[Item], list[LoadReport]], None]
"""Loads a data set from files; adds a report for each that was begun, also when it raises."""


def load_files(  # noqa: PLR0913  the options of a load
    store: Store,
    files: Sequence[Path],
    *,
    name: str = "",
    options: ReadOptions | None = None,
    dry_run: bool = False,
    keep_absent: bool = False,
    progress: Follow = deaf,
    rejects: Path | None = None,
) -> list[LoadReport]:
    """Load files into a city, each data set in one transaction, in this very process.

    Files that go into the same data set are one delivery of it: together they say what is
    there. A data set that cannot be loaded leaves the others their chance. `rejects` is a CSV
    file for what was rejected, also from data sets that were refused therefore. Readers run
    native code: for files that nobody vouches for there is `load_apart`.

    Raises
    ------
    SourceError
        If a file is not there; then nothing is loaded. If the only data set cannot be read; it
        is as it was before.
    PartlyLoadedError
        If some of several data sets cannot be read; the others are loaded.
    StoreError
        If the store cannot be written.
    """
    manner = Manner(dry_run, keep_absent, progress)

    def one(dataset: str, group: Sequence[Item], reports: list[LoadReport]) -> None:
        load_dataset(Task(store, dataset, group, manner), reports)

    return _all(items(files, name, options or ReadOptions()), one, rejects)


def load_apart(
    location: str,
    listed: Sequence[Item],
    *,
    manner: Manner | None = None,
    rejects: Path | None = None,
    limits: Limits | None = None,
    cancelled: Callable[[], bool] = never,
) -> list[LoadReport]:
    """Load what is listed into the city at `location`, each data set in a process of its own.

    A reader that crashes, hangs or takes too much memory ends only that process: its data set
    is as it was, the error says why, and the others are loaded. Otherwise as `load_files`.

    Raises
    ------
    CancelledError
        If `cancelled` says so; data sets that were loaded before stay.
    """
    manner = manner or Manner()
    limits = limits or Limits()
    open_city(location).close()  # a city that is not there is said once

    def one(dataset: str, group: Sequence[Item], reports: list[LoadReport]) -> None:
        work = LoadWork(location, dataset, tuple(group), replace(manner, follow=deaf))
        told = run_apart(work, limits=limits, follow=manner.follow, cancelled=cancelled)
        reports += map(LoadReport.from_dict, told["reports"])
        if told["error"]:
            raise rebuilt(told["error"])

    return _all(listed, one, rejects)


@dataclass(frozen=True, slots=True)
class LoadWork:
    """A data set to be loaded in a process of its own."""

    location: str
    dataset: str
    items: tuple[Item, ...]
    manner: Manner

    @property
    def where(self) -> str:
        """The files."""
        return ", ".join(each.file.name for each in self.items[:5])

    def __call__(self, follow: Follow) -> dict[str, Any]:
        """Load it; reports, and the error if there was one."""
        reports: list[LoadReport] = []
        error = None
        try:
            with open_city(self.location) as store:
                manner = replace(self.manner, follow=follow)
                load_dataset(Task(store, self.dataset, self.items, manner), reports)
        except (InputError, StoreError) as raised:
            error = described(raised)
        return {"reports": [each.as_dict() for each in reports], "error": error}


def _all(listed: Sequence[Item], one: Loader, rejects: Path | None) -> list[LoadReport]:
    """Load each data set by `one`."""
    if rejects is not None:
        _write(rejects, [])  # a file that cannot be written is refused before anything is loaded
    loaded: list[LoadReport] = []
    refused: list[LoadReport] = []
    failures: dict[str, CimError] = {}
    try:
        for dataset, group in _grouped(listed):
            reports: list[LoadReport] = []
            try:
                one(dataset, group, reports)
                loaded += reports
            except InputError as error:
                failures[dataset] = error
                refused += reports
    except StoreError as error:
        _tell_what_came_before(error, loaded, failures)
        raise
    finally:
        if rejects is not None:
            _write(rejects, [*loaded, *refused])
    _refuse(failures, loaded)
    return loaded


def _grouped(listed: Sequence[Item]) -> Iterator[tuple[str, list[Item]]]:
    groups: dict[str, list[Item]] = {}
    for item in listed:
        groups.setdefault(item.dataset, []).append(item)
    yield from groups.items()


def _refuse(failures: Mapping[str, CimError], loaded: Sequence[LoadReport]) -> None:
    if len(failures) == 1 and not loaded:
        raise next(iter(failures.values()))
    if failures:
        raise partly(loaded, failures)


def _tell_what_came_before(
    error: StoreError, loaded: Sequence[LoadReport], failures: Mapping[str, CimError]
) -> None:
    names = ", ".join(dict.fromkeys(each.dataset for each in loaded))
    told = [error.hint, f"loaded before it: {names}" if names else "", *map(str, failures.values())]
    error.hint = "; ".join(each for each in told if each)


def _write(path: Path, reports: Sequence[LoadReport]) -> None:
    try:
        write_rejects(reports, path)
    except OSError as error:
        raise InputError(
            f"cannot write what is rejected: {error.strerror}", where=str(path), hint="another file"
        ) from error
