"""Public transport timetables (GTFS): stops, stations and routes with how often they are served."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.model import Batch, Finding
from ingest.features import Log
from ingest.gtfs.feed import Feed, is_feed, read_feed
from ingest.gtfs.service import Service, frequencies, service_of
from ingest.inp import is_known
from ingest.reader import Reader, Reading, ReadOptions
from ingest.referencing import locate

STOP_KINDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "": ("CityFurniture", "transit stop"),
        "0": ("CityFurniture", "transit stop"),
        "1": ("GenericLogicalSpace", "transit station"),
        "2": ("CityFurniture", "station entrance"),
        "3": ("GenericLogicalSpace", "station node"),
        "4": ("CityFurniture", "boarding area"),
    }
)
"""``location_type`` → class and function."""

ROUTE_KINDS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "tram",
        1: "metro",
        2: "rail",
        3: "bus",
        4: "ferry",
        5: "cable tram",
        6: "aerial lift",
        7: "funicular",
        11: "trolleybus",
        12: "monorail",
    }
)
_EXTENDED: Final[Mapping[int, str]] = MappingProxyType(
    {1: "rail", 2: "coach", 4: "metro", 7: "bus", 8: "trolleybus", 9: "tram", 10: "ferry"}
    | {11: "air", 13: "aerial lift", 14: "funicular", 15: "taxi"}
)
"""Hundreds of the extended route types."""

_KEPT_WITH_FEED: Final = ("agency", "feed_info", "attributions", "calendar", "calendar_dates")
_KEPT_TOO: Final = ("fare_attributes", "fare_rules", "transfers")
MOST_KEPT: Final = 5_000
"""Rows of a table that are kept with the feed."""


def open_gtfs(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a feed, a zip file or a folder.

    A stop is CityFurniture: it is a thing at the kerb. A route is a GenericLogicalSpace, not a
    Road or Railway: it is a service that runs on them, and would count them twice. Departures
    are means over the days of the calendar. What describes the feed is kept with the object
    ``feed``.

    Raises
    ------
    SourceError
        If it has no stops or a table cannot be read.
    """
    log = Log()
    feed = read_feed(path, options, log)
    stops = feed.table("stops")
    places = _places(stops)
    good = np.isfinite(places).all(axis=1)
    place = locate("EPSG:4326", "format", options.crs, np.hstack([places, places])[good])
    log.findings += place.findings
    service = service_of(feed, log)
    if service.first:
        message = f"its timetable is valid from {service.first} to {service.last}"
        log.note(Finding("info", "service_dates", message))
    told = feed.table("feed_info").get("feed_publisher_name", pd.Series(dtype=str))
    agencies = feed.table("agency").get("agency_name", pd.Series(dtype=str))
    return Reading(
        place.crs,
        place.source,
        _batches(feed, places, service, log),
        encoding=feed.encoding,
        rejected=log.rejected,
        findings=log.findings,
        attribution=", ".join(dict.fromkeys(each for each in [*told, *agencies] if each)),
    )


def _places(stops: pd.DataFrame) -> NDArray[np.float64]:
    """(n, 2) longitude and latitude; NaN where there is none."""
    blank = pd.Series("", stops.index)
    columns = [
        pd.to_numeric(stops.get(name, blank), errors="coerce").to_numpy(float)
        for name in ("stop_lon", "stop_lat")
    ]
    places = np.column_stack(columns)
    places[(places == 0).all(axis=1)] = np.nan  # where nobody filled it in
    return places


def _batches(
    feed: Feed, places: NDArray[np.float64], service: Service, log: Log
) -> Iterator[Batch]:
    try:
        rows = [_feed_row(feed, service, log), *_stop_rows(feed, places, service, log)]
        rows += _route_rows(feed, places, service, log)
        frame = pd.DataFrame(rows)
        for name in ("geometry", "attributes"):
            frame[name] = pd.Series(list(frame[name]), dtype=object)
        yield Batch(frame)
    finally:
        log.close()


def _row(
    object_id: str, kind: tuple[str, str], shape: Any, known: Mapping[str, Any]
) -> dict[str, Any]:
    kept = {key: each for key, each in known.items() if is_known(each)}
    row = {"object_id": object_id, "class": kind[0], "function": kind[1], "geometry": shape}
    return row | {"attributes": kept}


def _feed_row(feed: Feed, service: Service, log: Log) -> dict[str, Any]:
    known: dict[str, Any] = {"service_from": service.first, "service_to": service.last}
    for name in (*_KEPT_WITH_FEED, *_KEPT_TOO):
        table = feed.table(name)
        if len(table) > MOST_KEPT:
            what = f"rows of {name}.txt, which are more than are kept with a city"
            log.count("table_not_kept", what, "keep the file", len(table))
        elif len(table):
            known[name] = [
                {key: each for key, each in row.items() if each} for row in table.to_dict("records")
            ]
    return _row("feed", ("CityObjectGroup", "transit feed"), None, known)


def _stop_rows(
    feed: Feed, places: NDArray[np.float64], service: Service, log: Log
) -> Iterator[dict[str, Any]]:
    stops = feed.table("stops")
    often = frequencies(service, "stop_id").to_dict("index")
    used = service.runs.merge(service.calls[["trip_id", "stop_id"]], on="trip_id")
    routes = used.groupby("stop_id")["route_id"].agg(lambda each: sorted(set(each))).to_dict()
    seen: set[str] = set()
    for row, (x, y) in zip(stops.to_dict("records"), places.tolist(), strict=True):
        name = str(row["stop_id"])
        full = f"stop/{name}"
        raw = ", ".join(f"{key}={each}" for key, each in row.items() if each)
        if name in seen:
            log.reject(full, "duplicate_id", "another stop has the same stop_id", raw)
            continue
        seen.add(name)
        if np.isnan(x):
            log.reject(full, "no_coordinates", "it has no longitude and latitude", raw)
            continue
        known = {str(key): each for key, each in row.items() if str(key) not in _STOP_TOLD}
        known |= {str(key): each for key, each in often.get(name, {}).items()}
        kind = STOP_KINDS.get(str(row.get("location_type", "")), STOP_KINDS[""])
        made = _row(full, kind, shapely.Point(x, y), known | {"routes": routes.get(name, [])})
        if row.get("stop_name"):
            made["name"] = row["stop_name"]
        if row.get("parent_station"):
            made["parent_id"] = f"stop/{row['parent_station']}"
        yield made


_STOP_TOLD: Final = frozenset({"stop_lat", "stop_lon", "stop_name", "parent_station"})


def _route_rows(
    feed: Feed, places: NDArray[np.float64], service: Service, log: Log
) -> Iterator[dict[str, Any]]:
    often = frequencies(service, "route_id").to_dict("index")
    drawn, sequenced = _drawn(feed, service, log), None
    names = feed.table("agency")
    agencies = {str(each.get("agency_id", "")): each for each in names.to_dict("records")}
    only = next(iter(agencies.values())) if len(agencies) == 1 else {}
    for row in feed.table("routes").drop_duplicates("route_id").to_dict("records"):
        name = str(row["route_id"])
        lines, source = drawn.get(name, []), "shapes"
        if not lines:
            if sequenced is None:
                sequenced = _sequenced(feed, places, service)
            lines, source = sequenced.get(name, []), "sequence of stops"
        full = f"route/{name}"
        if not lines:
            raw = ", ".join(f"{key}={each}" for key, each in row.items() if each)
            log.reject(full, "no_geometry", "no trip of it has a shape or two stops", raw)
            continue
        agency = agencies.get(str(row.get("agency_id", "")), only)
        known = {str(key): each for key, each in row.items()}
        known |= {str(key): each for key, each in often.get(name, {}).items()}
        known |= {"agency_name": agency.get("agency_name", ""), "geometry_from": source}
        known |= {"service_from": service.first, "service_to": service.last}
        shape = lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)
        kind = ("GenericLogicalSpace", f"{_route_kind(str(row['route_type']))} route")
        made = _row(full, kind, shape, known)
        titles = [str(row.get(each, "")) for each in ("route_short_name", "route_long_name")]
        if any(titles):
            made["name"] = " ".join(each for each in titles if each)
        yield made


def _route_kind(text: str) -> str:
    number = int(text) if text.strip().isdigit() else -1
    return ROUTE_KINDS.get(number) or _EXTENDED.get(number // 100, "transit")


def _drawn(feed: Feed, service: Service, log: Log) -> dict[str, list[Any]]:
    """Route → its distinct lines, from shapes.txt."""
    points = feed.table("shapes")
    numbers = points.drop(columns="shape_id").apply(pd.to_numeric, errors="coerce")
    points = numbers.assign(shape_id=points["shape_id"])
    points = points.dropna(subset=["shape_pt_lat", "shape_pt_lon"])
    points = points.sort_values(["shape_id", "shape_pt_sequence"])
    points = points[points.groupby("shape_id")["shape_id"].transform("size") > 1]
    shapes: dict[str, Any] = {}
    if len(points):
        codes, names = pd.factorize(points["shape_id"])
        xy = points[["shape_pt_lon", "shape_pt_lat"]].to_numpy(float)
        made = shapely.linestrings(xy, indices=codes)
        shapes = dict(zip(names, np.atleast_1d(made), strict=True))
    used = service.runs[["route_id", "shape_id"]].drop_duplicates()
    absent = used[~used["shape_id"].isin(shapes) & (used["shape_id"] != "")]
    if len(absent):
        what, hint = "shapes that trips name and shapes.txt does not have", "stops are joined"
        log.count("reference_broken", what, hint, len(absent), str(absent["shape_id"].iloc[0]))
    found: dict[str, list[Any]] = {}
    for route, shape in used.itertuples(index=False):
        if shape in shapes:
            found.setdefault(str(route), []).append(shapes[shape])
    return found


def _sequenced(feed: Feed, places: NDArray[np.float64], service: Service) -> dict[str, list[Any]]:
    """Route → lines through the stops of its distinct sequences."""
    stops = feed.table("stops")["stop_id"]
    at = {name: xy for name, xy in zip(stops, places.tolist(), strict=True) if xy[0] == xy[0]}
    routes = service.runs.drop_duplicates("trip_id").set_index("trip_id")["route_id"]
    found: dict[str, list[Any]] = {}
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for trip, calls in service.calls.groupby("trip_id", sort=False)["stop_id"]:
        route, passed = str(routes[trip]), tuple(each for each in calls if each in at)
        if len(set(passed)) > 1 and (route, passed) not in seen:
            seen.add((route, passed))
            found.setdefault(route, []).append(shapely.LineString([at[each] for each in passed]))
    return found


GTFS: Final = Reader(
    "gtfs", "Public transport timetable (GTFS)", (".zip",), open_gtfs, is_feed, folders=True
)
