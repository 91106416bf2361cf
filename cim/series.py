"""Time series of a city in the words of OGC SensorThings: datastreams and their observations.

A datastream is what one sensor or meter says of one observed property at one object. Its
observations are two columns: when (`times`, microseconds since 1970 in UTC) and what (`results`,
NaN where there is no result).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cim.errors import ParamError

Times = NDArray[np.int64]
Results = NDArray[np.float64]

SECOND: Final = 1_000_000
"""Microseconds in a second."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = -62_135_596_800 * SECOND
LATEST: Final = 253_402_300_799 * SECOND
"""The years 1 and 9999: what is outside is no moment that a date can name."""


@dataclass(frozen=True, slots=True)
class Datastream:
    """What is observed where, and in which unit."""

    datastream_id: str
    """Identifier in its data set."""
    observed_property: str
    unit: str = ""
    """UCUM code of the results, ``"1"`` for pure numbers, ``""`` if nobody knows."""
    object_id: str = ""
    """The city object it belongs to; ``""`` if it belongs to none."""
    object_dataset: str = ""
    """Data set of that object; ``""`` for the datastream's own."""
    title: str = ""
    categories: tuple[str, ...] = ()
    """If results are words: each result is the number of one of these, from 0."""
    access: str = "public"
    """One of `schema.ACCESS_LEVELS`."""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Some observations of one datastream, in any order of time; the last of a moment counts."""

    datastream: Datastream
    times: Times
    """(n,) phenomenon times: microseconds since 1970-01-01T00:00Z."""
    results: Results
    """(n,) in the datastream's unit; NaN where there is none."""

    def __len__(self) -> int:
        return len(self.times)

    def of(self, object_id: str, dataset: str = "") -> "Series":
        """The same at an object, which may be of another data set."""
        told = replace(self.datastream, object_id=object_id, object_dataset=dataset)
        return replace(self, datastream=told)

    def told_apart(self, prefix: str) -> "Series":
        """The same under names that begin with `prefix`."""
        told = self.datastream
        name, owner = prefix + told.datastream_id, told.object_id and prefix + told.object_id
        return replace(self, datastream=replace(told, datastream_id=name, object_id=owner))

    def closed(self, access: str) -> "Series":
        """The same at a level of access, if one is given."""
        return replace(self, datastream=replace(self.datastream, access=access)) if access else self


def microseconds(moment: datetime) -> int:
    """A moment as observations have it; without a time zone it is in UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def instant(text: str, where: str = "time") -> int:
    """An ISO 8601 date or date and time as microseconds; UTC unless it says otherwise.

    Raises
    ------
    ParamError
        If it is none.
    """
    try:
        return microseconds(datetime.fromisoformat(text.strip()))
    except ValueError:
        hint = "such as 2024-05-01 or 2024-05-01T08:00+08:00"
        raise ParamError(f"{text[:40]!r} is no moment", where=where, hint=hint) from None


def iso(time: int) -> str:
    """Microseconds as ISO 8601 in UTC, as short as can be."""
    moment = _EPOCH + timedelta(microseconds=int(time))
    return moment.replace(tzinfo=None).isoformat() + "Z"


def in_order(times: Times, results: Results) -> tuple[Times, Results]:
    """The observations by time, one for each moment: of several the one that came last."""
    if len(times) > 1 and not (np.diff(times) > 0).all():
        order = np.argsort(times, kind="stable")
        times, results = times[order], results[order]
        last = np.append(np.diff(times) > 0, True)
        times, results = times[last], results[last]
    return times, results


def decimated(times: Times, results: Results, most: int) -> tuple[Times, Results]:
    """At most `most` of the observations that look the same when drawn.

    Of each of equal stretches of time the least and the greatest result stay, and one without a
    result where there was one: no peak and no gap is lost.
    """
    if len(times) <= most:
        return times, results
    count = max(most // 3, 1)
    span = int(times[-1] - times[0]) + 1
    bucket = ((times - times[0]) // -(-span // count)).astype(np.int64)
    starts = np.flatnonzero(np.append(True, np.diff(bucket) > 0))
    order = np.lexsort((results, bucket))  # NaN comes last
    unknown = np.isnan(results)
    known = np.add.reduceat(~unknown, starts)
    ends = np.append(starts[1:], len(times)) - 1
    kept = np.zeros(len(times), bool)
    some = known > 0
    kept[order[starts[some]]] = True
    kept[order[(starts + known - 1)[some]]] = True
    kept[order[ends[unknown[order[ends]]]]] = True
    return times[kept], results[kept]
