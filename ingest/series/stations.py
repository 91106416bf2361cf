"""Where time series come from: stations as city objects, and what is noticed about the series."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.model import Batch, Finding
from cim.series import EARLIEST, LATEST, SECOND, Datastream, Results, Series, Times, iso
from ingest.features import Log
from ingest.series.times import ASSUMED_ZONE, UNKNOWN
from ingest.series.units import ucum

SERIES_READ: Final = "series_read"
"""Finding: how many datastreams and observations, and of which time."""


@dataclass(frozen=True, slots=True)
class Station:
    """What observes: a place with instruments, a meter, a gauge."""

    station_id: str
    name: str = ""
    x: float = np.nan
    """In the reading's CRS."""
    y: float = np.nan
    z: float = np.nan
    function: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def station_objects(stations: Iterable[Station], class_name: str = "") -> pd.DataFrame:
    """Stations as rows of city objects: city furniture, or a logical space if it has no place."""
    listed = list(stations)
    placed = [np.isfinite(each.x) and np.isfinite(each.y) for each in listed]
    classes = [
        class_name or ("CityFurniture" if known else "GenericLogicalSpace") for known in placed
    ]
    table = pd.DataFrame(
        {
            "object_id": pd.Series([each.station_id for each in listed], dtype=object),
            "class": pd.Series(classes, dtype=object),
            "name": pd.Series([each.name or None for each in listed], dtype=object),
            "function": pd.Series([each.function or None for each in listed], dtype=object),
            "attributes": pd.Series([dict(each.attributes) for each in listed], dtype=object),
        }
    )
    if any(placed):
        shapes = [
            _point(each) if known else None for each, known in zip(listed, placed, strict=True)
        ]
        table["geometry"] = pd.Series(shapes, dtype=object)
    return table


def _point(station: Station) -> shapely.Point:
    if np.isfinite(station.z):
        return shapely.Point(station.x, station.y, station.z)
    return shapely.Point(station.x, station.y)


@dataclass(slots=True)
class _Seen:
    """What one datastream has brought so far."""

    count: int = 0
    last: int | None = None
    step: int = 0
    """What usually lies between two observations."""
    repeats: int = 0
    gaps: int = 0
    longest: int = 0


class Chronicle:
    """Takes down series on their way to the city, and tells at the end what is odd about them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._seen: dict[str, _Seen] = {}
        self._first, self._last = LATEST, EARLIEST
        self._empty = 0
        self._without_unit: dict[str, str] = {}

    def series(self, datastream: Datastream, times: Times, results: Results) -> Series:
        """A piece of a series, without what has no time."""
        known = times != UNKNOWN
        if not known.all():
            self._log.count(
                "time_not_understood",
                "observations whose time is missing or cannot be read are left out",
                "mend the times",
                int((~known).sum()),
            )
            times, results = times[known], results[known]
        seen = self._seen.get(datastream.datastream_id)
        if seen is None:
            seen = self._seen[datastream.datastream_id] = _Seen()
            if not datastream.unit and not datastream.categories:
                written = str(datastream.attributes.get("unit_in_source", ""))
                self._without_unit[datastream.observed_property] = written
        if len(times):
            self._look(seen, times, results)
        return Series(datastream, times, results)

    def _look(self, seen: _Seen, times: Times, results: Results) -> None:
        self._empty += int(np.isnan(results).sum())
        seen.count += len(times)
        joined = times if seen.last is None else np.concatenate([[seen.last], times])
        seen.last = int(joined[-1])
        steps = joined[1:] - joined[:-1]
        least, most = (int(steps.min()), int(steps.max())) if len(steps) else (1, 0)
        in_order = least > 0
        low, high = (times[0], times[-1]) if in_order else (times.min(), times.max())
        self._first, self._last = min(self._first, int(low)), max(self._last, int(high))
        if not seen.step and most > 0:
            seen.step = int(np.median(steps[steps > 0]))
        if not in_order:
            seen.repeats += int((steps == 0).sum())
        if most > 1.5 * seen.step:
            seen.gaps += int((steps > 1.5 * seen.step).sum())
            seen.longest = max(seen.longest, most)

    def close(self) -> None:
        """Turns what was noticed into findings."""
        log, every = self._log, list(self._seen.values())
        total = sum(each.count for each in every)
        if total:
            span = f"{iso(self._first)} to {iso(self._last)}"
            message = f"{_counted(len(every), 'datastream')}, {_counted(total, 'observation')}"
            log.note(Finding("info", SERIES_READ, f"{message}, {span} (UTC)"))
        repeats, gaps = sum(each.repeats for each in every), sum(each.gaps for each in every)
        if repeats:
            message = f"{_counted(repeats, 'observation')} of a moment that came before"
            log.note(Finding("warning", "time_repeats", message, "the last of a moment counts"))
        if gaps:
            longest = max(each.longest for each in every) / SECOND / 3600
            message = f"{_counted(gaps, 'gap')} in time; the longest is {longest:g} h"
            log.note(Finding("info", "time_gaps", message, "nothing is filled in"))
        if self._empty:
            message = f"{_counted(self._empty, 'observation')} without a result"
            log.note(Finding("info", "results_missing", message, "they stay unknown"))
        if self._without_unit:
            names = ", ".join(
                name + (f" ({unit})" if unit else "")
                for name, unit in list(self._without_unit.items())[:8]
            )
            hint = "write it into the column's name, such as power [kW]"
            log.note(Finding("warning", "unit_unknown", f"nobody knows the unit of {names}", hint))
        log.kept += len(every)
        log.close()


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def zone_unknown() -> Finding:
    """That local times are taken as China's."""
    return Finding(
        "warning",
        "time_zone_unknown",
        f"the times state no time zone; they are taken as China's (UTC{ASSUMED_ZONE})",
        "say the zone if it is another",
        fix={"time_zone": ASSUMED_ZONE},
    )


def stream(
    station: str,
    name: str,
    unit: str,
    *,
    title: str = "",
    key: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> Datastream:
    """The datastream of a property at a station; `unit` is as the source writes it.

    It is called `key`, or after station and property.
    """
    code, told = ucum(unit), dict(attributes or {})
    if unit and code != unit:
        told["unit_in_source"] = unit
    return Datastream(
        datastream_id=key or (f"{station}/{name}" if station else name),
        observed_property=name,
        unit=code,
        object_id=station,
        title=title,
        attributes=told,
    )


def series_batch(
    stations: Iterable[Station], series: Iterable[Series], class_name: str = ""
) -> Batch:
    """Stations with their series."""
    return Batch(station_objects(stations, class_name), series=tuple(series))


def by_code(codes: NDArray[np.int64]) -> Iterable[tuple[int, NDArray[np.int64]]]:
    """(code, the rows that have it, in order) for each code that is there."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    if not len(codes):
        return
    starts = np.flatnonzero(np.append(True, np.diff(ordered) > 0)).tolist()
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        yield int(ordered[start]), order[start:end]
