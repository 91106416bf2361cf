"""Gauges of rivers as the USGS gives them: WaterML as JSON, and lists of sites (RDB)."""

import html
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from cim.model import Batch, Finding
from cim.series import Series
from ingest.features import Log
from ingest.guard import laid_out
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.series.stations import (
    Chronicle,
    Station,
    series_batch,
    station_objects,
    stream,
    zone_unknown,
)
from ingest.series.times import ASSUMED_ZONE, in_utc, moments, zone

_MARK: Final = b"timeSeriesResponseType"
_SITES: Final = (b"agency_cd\t", b"\tsite_no")
_HEAD: Final = 1 << 14


def open_waterml(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a WaterML answer as JSON: its sites, and a series for each that they give.

    Raises
    ------
    SourceError
        If it is none, or no site is in it.
    """
    log = Log()
    with laid_out(path, "WaterML"):
        listed = orjson.loads(path.read_bytes())["value"]["timeSeries"]
        crs = str(listed[0]["sourceInfo"]["geoLocation"]["geogLocation"].get("srs", "EPSG:4326"))
    return Reading(
        crs=options.crs or crs,
        crs_source="user" if options.crs else "file",
        batches=_batches(path, _Answer(listed, options, log)),
        encoding="utf-8",
        rejected=log.rejected,
        findings=log.findings,
        attribution="U.S. Geological Survey",
    )


def _batches(path: Path, answer: "_Answer") -> Iterator[Batch]:
    with laid_out(path, "WaterML"):
        yield from answer.batches()


class _Answer:
    """Series of a WaterML answer on their way to the city."""

    def __init__(self, listed: Iterable[Mapping[str, Any]], options: ReadOptions, log: Log) -> None:
        self._listed, self._options, self._log = listed, options, log
        self._chronicle = Chronicle(log)
        self._known: set[str] = set()

    def batches(self) -> Iterator[Batch]:
        """A batch for each series, with its site when it is met first."""
        empty = []
        for told in self._listed:
            site = self._site(told["sourceInfo"])
            fresh = [] if site.station_id in self._known else [site]
            self._known.add(site.station_id)
            series = list(self._series(told, site.station_id))
            empty += [each.datastream.title for each in series if not len(each)]
            yield series_batch(fresh, series, self._options.class_name)
        if empty:
            message = f"{len(empty)} of the series have no observations, such as {empty[0]}"
            self._log.note(Finding("info", "series_empty", message))
        self._chronicle.close()

    def _site(self, told: Mapping[str, Any]) -> Station:
        place = told["geoLocation"]["geogLocation"]
        properties = {each["name"]: each["value"] for each in told.get("siteProperty", [])}
        code = told["siteCode"][0]
        return Station(
            str(code["value"]),
            html.unescape(told.get("siteName", "")),
            float(place["longitude"]),
            float(place["latitude"]),
            function="stream gauge",
            attributes={**properties, "agency": code.get("agencyCode", "")},
        )

    def _series(self, told: Mapping[str, Any], site: str) -> Iterator[Series]:
        variable = told["variable"]
        written = html.unescape(variable["variableName"])
        name = written.rpartition(",")[0] if written.count(",") else written
        missing = float(variable.get("noDataValue", np.nan))
        several = len(told["values"]) > 1
        for given in told["values"]:
            method = given.get("method", [{}])[0]
            rows = given["value"]
            results = np.array([float(each["value"]) for each in rows], float)
            results[results == missing] = np.nan
            known = {
                "parameter": variable["variableCode"][0]["value"],
                "statistic": [each.get("optionCode") for each in variable["options"]["option"]],
                "qualifiers": sorted({flag for each in rows for flag in each["qualifiers"]}),
                "method": method.get("methodDescription", ""),
            }
            kept = {key: value for key, value in known.items() if value}
            key = ":".join(
                [told.get("name", name), *([str(method.get("methodID"))] if several else [])]
            )
            unit = variable["unit"]["unitCode"]
            datastream = stream(site, name, unit, title=written, attributes=kept, key=key)
            times = self._times([each["dateTime"] for each in rows], told["sourceInfo"])
            yield self._chronicle.series(datastream, times, results)

    def _times(self, texts: list[str], source: Mapping[str, Any]) -> Any:
        if not texts:
            return np.empty(0, np.int64)
        times, zoned = moments(pa.array(texts))
        if zoned:
            return times
        own = source.get("timeZoneInfo", {}).get("defaultTimeZone", {}).get("zoneOffset", "")
        if not own and not self._options.time_zone:
            self._log.note(zone_unknown())
        return in_utc(times, zone(self._options.time_zone or own or ASSUMED_ZONE))


def open_sites(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a list of sites in RDB, the tab-separated tables of the USGS.

    Raises
    ------
    SourceError
        If no column says where the sites are.
    """
    with laid_out(path, "RDB"):
        table = pd.read_csv(path, sep="\t", comment="#", dtype=str, encoding="utf-8-sig")
    table = table.iloc[1:].reset_index(drop=True)  # the line below the names says how wide they are
    wanted = ("site_no", "dec_lat_va", "dec_long_va")
    if not set(wanted) <= set(table.columns):
        hint = "ask for sites with decimal coordinates, or for series as JSON"
        raise refuse(path, "its table does not say where the sites are", hint)
    log = Log()
    x, y = (pd.to_numeric(table[name], errors="coerce") for name in ("dec_long_va", "dec_lat_va"))
    stations = []
    for at, row in enumerate(table.to_dict("records")):
        told = {str(key): value.strip() for key, value in row.items() if isinstance(value, str)}
        if "site_no" not in told:
            log.reject(f"row {at + 1}", "no_number", "the site has no number", str(told))
            continue
        stations.append(
            Station(
                told["site_no"], told.get("station_nm", ""), float(x[at]), float(y[at]),
                function="stream gauge",
                attributes={key: each for key, each in told.items() if each and key not in wanted},
            )
        )  # fmt: skip
    datums = set(table.get("dec_coord_datum_cd", pd.Series(dtype=object)).dropna())
    crs = options.crs or ("EPSG:4326" if datums == {"WGS84"} else "EPSG:4269")
    log.kept = len(stations)
    return Reading(
        crs=crs,
        crs_source="user" if options.crs else "file",
        batches=[Batch(station_objects(stations, options.class_name))],
        total=len(stations),
        encoding="utf-8",
        rejected=log.rejected,
        findings=log.findings,
        attribution="U.S. Geological Survey",
    )


def _begins(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD)


WATERML: Final = Reader(
    "waterml", "WaterML", (".json", ".txt"), open_waterml,
    recognise=lambda path: _MARK in _begins(path),
)  # fmt: skip
NWIS_SITES: Final = Reader(
    "nwis_sites", "USGS sites", (".rdb", ".txt"), open_sites,
    recognise=lambda path: all(each in _begins(path) for each in _SITES),
)  # fmt: skip
