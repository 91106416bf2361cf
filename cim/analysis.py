"""What an analysis is: a typed function from a city to a table, a few facts, perhaps rasters.

The decorator describes; `cim.analyses` lists. A result carries a key that is the hash of all
it depends on, so that the same question about the same city is answered from the store.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd

from cim import __version__
from cim.declare import Declared
from cim.errors import BusyError
from cim.model import CityModel, Coverage
from cim.schema import Column
from cim.store import Store
from cim.store.coverages import Shelf

RESULTS: Final = "results"
"""Folder of a city for the rasters that analyses made."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an analysis computes: rows (indexed by oid or by a group's name) and facts."""

    table: pd.DataFrame
    facts: Mapping[str, Any] = field(default_factory=dict)
    coverages: tuple[Coverage, ...] = ()
    """Rasters it made, as COGs below the folder it was given."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """An outcome with everything it came from."""

    key: str
    analysis: str
    title: str
    city: str
    version: int
    params: Mapping[str, Any]
    columns: tuple[Column, ...]
    table: pd.DataFrame
    facts: Mapping[str, Any]
    source: str
    code_version: str
    from_store: bool = False
    coverages: tuple[Coverage, ...] = ()
    """Rasters it made; they lie in the city's folder ``results`` and are no part of the city."""
    reads: tuple[str, ...] = ()
    """City object classes it is about."""
    found: pd.DataFrame | None = None
    """What it found about objects, by oid: columns of `cim.schema`, others are attributes.

    `cim.keeping` makes it part of the city; None if it is no statement about objects.
    """

    def as_dict(self) -> dict[str, Any]:
        """Plain values: rows as records with their index first; unknown is None."""
        table = self.table.reset_index()
        rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
        return {
            "key": self.key,
            "analysis": self.analysis,
            "title": self.title,
            "city": self.city,
            "version": self.version,
            "params": dict(self.params),
            "columns": [
                {"name": each.name, "unit": each.unit, "meaning": each.meaning}
                for each in self.columns
            ],
            "rows": rows,
            "index": self.table.index.name,
            "facts": dict(self.facts),
            "coverages": [_told(each) for each in self.coverages],
            "source": self.source,
            "code_version": self.code_version,
            "from_store": self.from_store,
        }


@dataclass(frozen=True)
class Analysis(Declared):
    """A listed analysis."""

    reads: tuple[str, ...] = ()
    """City object classes it looks at."""
    writes: tuple[Column, ...] = ()
    """Columns of its table."""
    source: str = ""
    """Where the method comes from."""
    makes_coverages: bool = False
    """Whether it makes rasters; then the function takes a folder for them after the city."""
    finds: Callable[[pd.DataFrame, Mapping[str, Any]], pd.DataFrame] | None = None
    """What table and facts say of objects, by oid; see `Result.found`."""

    def run(self, store: Store, raw: Mapping[str, object], *, clearance: str = "secret") -> Result:
        """Answer for a city, from the store if it was asked before.

        Raises
        ------
        ParamError
            If a parameter is unknown, missing or out of range.
        """
        params = self.parse(raw)
        version = store.version()
        asked = [self.name, params, version, clearance, __version__, store.location]
        key = hashlib.sha256(orjson.dumps(asked)).hexdigest()
        asked_for = (key, version, params)
        kept = store.result(key)
        shelf = store.folder / RESULTS
        known = _coverages_of(kept, shelf) if kept is not None else None
        if kept is not None and known is not None:
            table = pd.DataFrame(kept["rows"], columns=[kept["index"], *self.column_names])
            outcome = Outcome(table.set_index(kept["index"]), kept["facts"], known)
            return self._result(store, asked_for, outcome, from_store=True)
        city = store.select(classes=self.reads, clearance=clearance)
        with self._workplace(store) as work:
            outcome = self.outcome(city, params, work)
            shelved = tuple(_shelved(each, shelf) for each in outcome.coverages)
        result = self._result(store, asked_for, replace(outcome, coverages=shelved))
        with contextlib.suppress(BusyError):  # the answer is no worse for not being kept
            store.keep_result(key, self.name, result.as_dict())
        return result

    def _workplace(self, store: Store) -> contextlib.AbstractContextManager[Any]:
        """An empty folder for the rasters, beside those of the city; none if there are none."""
        if not self.makes_coverages:
            return contextlib.nullcontext()
        root = store.folder / "work"
        root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix="result-", dir=root, ignore_cleanup_errors=True)

    def outcome(
        self, city: CityModel, params: Mapping[str, Any], work: str | Path | None = None
    ) -> Outcome:
        """What the function gives for a city in memory and checked parameters.

        Rasters are written into `work`; without it they are lost.
        """
        outcome: Outcome
        if not self.makes_coverages:
            outcome = self.function(city, **params)
        elif work is not None:
            outcome = self.function(city, Path(work), **params)
        else:
            with tempfile.TemporaryDirectory() as passing:
                outcome = self.function(city, Path(passing), **params)
        return replace(
            outcome,
            table=outcome.table[list(self.column_names)],
            facts=_plain(outcome.facts),
        )

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns it writes."""
        return tuple(column.name for column in self.writes)

    def _result(
        self,
        store: Store,
        asked: tuple[str, int, Mapping[str, Any]],
        outcome: Outcome,
        *,
        from_store: bool = False,
    ) -> Result:
        key, version, params = asked
        return Result(
            key=key,
            analysis=self.name,
            title=self.title,
            city=store.name,
            version=version,
            params=params,
            columns=self.writes,
            table=outcome.table,
            facts=outcome.facts,
            source=self.source,
            code_version=__version__,
            from_store=from_store,
            coverages=outcome.coverages,
            reads=self.reads,
            found=self.finds(outcome.table, outcome.facts) if self.finds else None,
        )


def _shelved(coverage: Coverage, folder: Path) -> Coverage:
    """The coverage where results are kept, under the name of its content."""
    return replace(coverage, path=folder / Shelf(folder).keep(coverage))


def _told(coverage: Coverage) -> dict[str, Any]:
    """A coverage as plain values, its file as a name."""
    told = asdict(replace(coverage, bands=()))
    del told["path"]
    day = coverage.valid_from
    return told | {
        "file": coverage.path.name,
        "bounds": list(coverage.bounds),
        "bands": [dict(each) for each in coverage.bands],
        "valid_from": day.isoformat() if day else None,
    }


def _coverages_of(kept: Mapping[str, Any], folder: Path) -> tuple[Coverage, ...] | None:
    """The rasters of a kept result; None if one of them is gone."""
    found = []
    for each in kept.get("coverages", ()):
        told = dict(each)
        path, day = folder / told.pop("file"), told["valid_from"]
        if not path.is_file():
            return None
        told |= {"bounds": tuple(told["bounds"]), "bands": tuple(told["bands"])}
        told["valid_from"] = date.fromisoformat(day) if day else None
        found.append(Coverage(path=path, **told))
    return tuple(found)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: (value.item() if isinstance(value, np.generic) else value)
        for key, value in facts.items()
    }


def analysis(  # noqa: PLR0913  one argument for each thing that is declared
    *,
    title: str,
    title_zh: str,
    reads: tuple[str, ...],
    writes: tuple[Column, ...],
    source: str,
    makes_coverages: bool = False,
    finds: Callable[[pd.DataFrame, Mapping[str, Any]], pd.DataFrame] | None = None,
) -> Callable[[Callable[..., Outcome]], Analysis]:
    """Describe a function as an analysis."""

    def described(function: Callable[..., Outcome]) -> Analysis:
        return Analysis(
            function,
            title,
            title_zh,
            reads=reads,
            writes=writes,
            source=source,
            makes_coverages=makes_coverages,
            finds=finds,
        )

    return described
