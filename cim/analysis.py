"""What an analysis is: a typed function from a city to a table and a few facts.

The decorator describes; `cim.analyses` lists. A result carries a key that is the hash of all
it depends on, so that the same question about the same city is answered from the store.
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pandas as pd

from cim import __version__
from cim.declare import Declared
from cim.errors import BusyError
from cim.model import CityModel
from cim.schema import Column
from cim.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an analysis computes: rows (indexed by oid or by a group's name) and facts."""

    table: pd.DataFrame
    facts: Mapping[str, Any] = field(default_factory=dict)


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
        kept = store.result(key)
        if kept is not None:
            table = pd.DataFrame(kept["rows"], columns=[kept["index"], *self.column_names])
            return self._result(
                store,
                (key, version, params),
                Outcome(table.set_index(kept["index"]), kept["facts"]),
                from_store=True,
            )
        city = store.select(classes=self.reads, clearance=clearance)
        result = self._result(store, (key, version, params), self.outcome(city, params))
        with contextlib.suppress(BusyError):  # the answer is no worse for not being kept
            store.keep_result(key, self.name, result.as_dict())
        return result

    def outcome(self, city: CityModel, params: Mapping[str, Any]) -> Outcome:
        """What the function gives for a city in memory and checked parameters."""
        outcome = self.function(city, **params)
        return Outcome(outcome.table[list(self.column_names)], _plain(outcome.facts))

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
        )


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: (value.item() if isinstance(value, np.generic) else value)
        for key, value in facts.items()
    }


def analysis(
    *,
    title: str,
    title_zh: str,
    reads: tuple[str, ...],
    writes: tuple[Column, ...],
    source: str,
) -> Callable[[Callable[..., Outcome]], Analysis]:
    """Describe a function as an analysis."""

    def described(function: Callable[..., Outcome]) -> Analysis:
        return Analysis(function, title, title_zh, reads=reads, writes=writes, source=source)

    return described
