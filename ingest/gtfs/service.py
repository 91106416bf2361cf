"""How often a GTFS feed serves its stops and routes on weekdays, Saturdays and Sundays."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ingest.features import Log
from ingest.gtfs.feed import Feed

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
KINDS: Final = ("weekday", "saturday", "sunday")
DAY_BEGINS, DAY_ENDS = 7 * 3600, 19 * 3600
"""Seconds after midnight between which headways are told."""

LONGEST: Final = 25 * 366
"""Days of a calendar beyond which it is no timetable but a mistake."""


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """What runs when, on average over the days of the calendar."""

    first: str
    last: str
    """First and last day of the calendar (ISO 8601); empty if it has none."""
    runs: pd.DataFrame
    """One row per trip and start: trip_id, route_id, shape_id, shift (seconds that its times are
    moved), and the share of weekdays, Saturdays and Sundays on which it runs."""
    calls: pd.DataFrame
    """One row per call at a stop: trip_id, stop_id, order, seconds after midnight (NaN unknown)."""


def service_of(feed: Feed, log: Log) -> Service:
    """The service that a feed describes; rows that refer to what is not there are counted."""
    shares, first, last = _shares(feed, log)
    trips = feed.table("trips").drop_duplicates("trip_id")
    trips = _known(trips, "route_id", feed.table("routes")["route_id"], ("trips", "routes"), log)
    calls = feed.table("stop_times")
    calls = _known(calls, "stop_id", feed.table("stops")["stop_id"], ("stop_times", "stops"), log)
    calls = _known(calls, "trip_id", trips["trip_id"], ("stop_times", "trips"), log)
    order = pd.to_numeric(calls["stop_sequence"], errors="coerce")
    calls = pd.DataFrame(
        {
            "trip_id": calls["trip_id"],
            "stop_id": calls["stop_id"],
            "order": order,
            "seconds": seconds(_times(calls)),
        }
    ).sort_values(["trip_id", "order"], ignore_index=True)
    calls["seconds"] = calls.groupby("trip_id")["seconds"].transform(
        lambda each: each.interpolate(limit_area="inside") if each.isna().any() else each
    )
    idle = ~trips["service_id"].isin(shares.index)
    if idle.any() and (feed.has("calendar") or feed.has("calendar_dates")):
        what, hint = "trips whose service is in no calendar", "they count as never running"
        example = str(trips["service_id"][idle].iloc[0])
        log.count("service_unknown", what, hint, int(idle.sum()), example)
    runs = _runs(feed, trips, calls)
    days = shares.reindex(runs["service_id"]).fillna(0.0)
    for kind in KINDS:
        runs[kind] = days[kind].to_numpy()
    return Service(first, last, runs, calls)


def _times(calls: pd.DataFrame) -> "pd.Series[str]":
    blank = pd.Series("", calls.index)
    departure, arrival = (calls.get(f"{each}_time", blank) for each in ("departure", "arrival"))
    return departure.where(departure != "", arrival)


def _known(
    table: pd.DataFrame, key: str, there: "pd.Series[str]", names: tuple[str, str], log: Log
) -> pd.DataFrame:
    """The rows that refer to something that is there."""
    bad = ~table[key].isin(there)
    if bad.any():
        what = f"rows of {names[0]}.txt whose {key} is not in {names[1]}.txt"
        example = str(table[key][bad].iloc[0])
        log.count("reference_broken", what, "they are left out", int(bad.sum()), example)
    return table[~bad]


def seconds(texts: "pd.Series[str]") -> NDArray[np.float64]:
    """(n,) seconds after midnight of times such as ``25:10:00``; NaN where there is none."""
    codes, distinct = pd.factorize(texts.fillna("").str.strip())
    return np.array([_seconds(str(each)) for each in distinct], np.float64)[codes]


def _seconds(text: str) -> float:
    parts = text.split(":")
    if len(parts) != 3 or not all(each.strip().isdigit() for each in parts):
        return float("nan")
    hours, minutes, rest = map(int, parts)
    return hours * 3600.0 + minutes * 60 + rest


def _shares(feed: Feed, log: Log) -> tuple[pd.DataFrame, str, str]:
    """(share of weekdays, Saturdays and Sundays on which each service runs, first, last day)."""
    regular = feed.table("calendar")
    spans = [_days(regular[each]) for each in ("start_date", "end_date")]
    special = feed.table("calendar_dates")
    on = _days(special["date"])
    dated = pd.concat([*spans, on]).dropna()
    empty = pd.DataFrame(0.0, pd.Index([], dtype=object), list(KINDS))
    if dated.empty:
        return empty, "", ""
    first, last = dated.min(), dated.max()
    if (last - first).days > LONGEST:
        what = f"calendar of {(last - first).days} days: its last years are left out"
        log.count("calendar_long", what, "are the dates right?", 1, str(last.date()))
        last = first + pd.Timedelta(days=LONGEST)
    days = pd.date_range(first, last)
    runs: dict[str, NDArray[np.bool_]] = {}
    for row, begin, end in zip(regular.to_dict("records"), *spans, strict=True):
        chosen = np.array([row.get(day, "0") == "1" for day in DAYS])
        inside = np.asarray((days >= begin) & (days <= end), bool)
        before = runs.get(str(row["service_id"]), np.zeros(len(days), bool))
        runs[str(row["service_id"])] = before | (inside & chosen[days.dayofweek])
    for name, day, kind in zip(special["service_id"], on, special["exception_type"], strict=True):
        active = runs.setdefault(str(name), np.zeros(len(days), bool))
        active[days == day] = kind == "1"
    groups = {"weekday": days.dayofweek < 5, "saturday": days.dayofweek == 5}
    groups["sunday"] = days.dayofweek == 6
    shares = {
        name: [float(active[group].mean()) if group.any() else 0.0 for group in groups.values()]
        for name, active in runs.items()
    }
    table = pd.DataFrame.from_dict(shares, orient="index", columns=list(KINDS)) if shares else empty
    return table, first.date().isoformat(), last.date().isoformat()


def _days(texts: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(texts, format="%Y%m%d", errors="coerce")


def _runs(feed: Feed, trips: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """Every trip once, or as often as frequencies.txt has it start."""
    blank = pd.Series("", trips.index)
    runs = pd.DataFrame(
        {
            "trip_id": trips["trip_id"],
            "route_id": trips["route_id"],
            "service_id": trips["service_id"],
            "shape_id": trips.get("shape_id", blank),
            "shift": 0.0,
        }
    )
    often = feed.table("frequencies")
    often = often[often["trip_id"].isin(runs["trip_id"])]
    if not len(often):
        return runs.reset_index(drop=True)
    begins = calls.groupby("trip_id")["seconds"].min()
    starts: list[tuple[str, float]] = []
    spans = (seconds(often["start_time"]), seconds(often["end_time"]))
    gaps = pd.to_numeric(often["headway_secs"], errors="coerce").to_numpy(float)
    for name, begin, end, gap in zip(often["trip_id"], *spans, gaps, strict=True):
        if gap > 0 and end > begin:
            own = float(begins.get(name, begin))
            starts += [(name, start - own) for start in np.arange(begin, end, gap).tolist()]
    repeated = pd.DataFrame(starts, columns=["trip_id", "shift"])
    plain = runs[~runs["trip_id"].isin(repeated["trip_id"])]
    expanded = repeated.merge(runs.drop(columns="shift"), on="trip_id")
    return pd.concat([plain, expanded], ignore_index=True)


def frequencies(service: Service, by: str) -> pd.DataFrame:
    """Mean departures a day, headway by day and span of service, for each ``stop_id`` or route.

    Columns ``departures_weekday`` … (``trips_weekday`` … for a route), ``headway_weekday_min``
    between 7 and 19 o'clock (NaN where fewer than one departs), ``first_departure`` and
    ``last_departure`` in hours after midnight.
    """
    moved = service.runs.drop(columns=["service_id", "shape_id"])
    if by == "route_id":
        calls = service.calls.groupby("trip_id")[["seconds"]].min().reset_index()
    else:
        last = service.calls.groupby("trip_id")["order"].transform("max")
        calls = service.calls[service.calls["order"] < last]
    joined = calls.merge(moved, on="trip_id")
    joined["at"] = joined["seconds"] + joined["shift"]
    grouped = joined.groupby(by)
    what = "trips" if by == "route_id" else "departures"
    sums = pd.DataFrame(grouped[list(KINDS)].sum())
    told = sums.add_prefix(f"{what}_")
    busy = joined[(joined["at"] >= DAY_BEGINS) & (joined["at"] < DAY_ENDS)]
    count = busy.groupby(by)["weekday"].sum().reindex(told.index).fillna(0.0)
    minutes = (DAY_ENDS - DAY_BEGINS) / 60
    told["headway_weekday_min"] = np.where(count >= 1, minutes / count.clip(lower=1), np.nan)
    told["first_departure"] = grouped["at"].min() / 3600
    told["last_departure"] = grouped["at"].max() / 3600
    return pd.DataFrame(told.round(3))
