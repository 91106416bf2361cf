"""Whether a city is, to the last row and file, what it was: for loads that must leave no trace."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from cim.errors import CimError
from cim.store import Store
from ingest import LoadReport


@dataclass(frozen=True, slots=True)
class Trace:
    """All that a city in a folder consists of."""

    rows: tuple[str, ...]
    files: tuple[str, ...]
    version: int
    info: object


def trace(store: Store) -> Trace:
    """What `store` consists of now."""
    with sqlite3.connect(f"file:{store.folder / 'city.sqlite'}?mode=ro", uri=True) as db:
        # the pages of an R-tree are blobs that its own rows tell better
        rows = tuple(line for line in db.iterdump() if "_rtree_" not in line)
    db.close()
    return Trace(rows, kept_files(store), store.version(), store.info())


def kept_files(store: Store) -> tuple[str, ...]:
    """Files below the city's folder but its database's own."""
    return tuple(
        sorted(
            str(each.relative_to(store.folder))
            for each in store.folder.rglob("*")
            if each.is_file() and not each.name.startswith("city.sqlite")
        )
    )


def check_leaves_nothing(store: Store) -> None:
    """Fails if a load left files that no row refers to."""
    known = {f"coverages/{each.path.name}" for each in store.coverages()}
    assert set(kept_files(store)) <= known
    assert not list((store.folder / "work").glob("*"))


def check_refusal(error: CimError, file: Path) -> None:
    """Fails unless the error is one sentence that names file, reason and remedy, and no folder."""
    text = str(error)
    assert file.name in text
    assert len(error.problem) > 10
    assert error.hint
    assert "\n" not in text
    assert len(text) < 700
    assert str(file.parent) not in text


def check_ledger(report: LoadReport) -> None:
    """Fails unless every object that was read is accounted for."""
    written = report.new + report.changed + report.same
    assert report.read == written + len(report.rejected)
    assert written > 0


def check_sound(store: Store, reports: list[LoadReport]) -> None:
    """Fails unless every load is accounted for and the city is as its records say."""
    for report in reports:
        check_ledger(report)
    assert store.check() == []
    check_leaves_nothing(store)
