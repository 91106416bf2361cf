"""Weather of a year for building simulation (EnergyPlus Weather, EPW)."""

import csv
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cim.model import Finding
from cim.series import SECOND, Datastream, Times
from ingest.features import Log
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.series.stations import Chronicle, Station, series_batch

_HEADER_LINES: Final = 8

_FIELDS: Final = (
    ("dry bulb temperature", "Cel", 99.9),
    ("dew point temperature", "Cel", 99.9),
    ("relative humidity", "%", 999),
    ("atmospheric station pressure", "Pa", 999999),
    ("extraterrestrial horizontal radiation", "W.h/m2", 9999),
    ("extraterrestrial direct normal radiation", "W.h/m2", 9999),
    ("horizontal infrared radiation intensity", "W.h/m2", 9999),
    ("global horizontal radiation", "W.h/m2", 9999),
    ("direct normal radiation", "W.h/m2", 9999),
    ("diffuse horizontal radiation", "W.h/m2", 9999),
    ("global horizontal illuminance", "lx", 999900),
    ("direct normal illuminance", "lx", 999900),
    ("diffuse horizontal illuminance", "lx", 999900),
    ("zenith luminance", "cd/m2", 9999),
    ("wind direction", "deg", 999),
    ("wind speed", "m/s", 999),
    ("total sky cover", "10*-1", 99),
    ("opaque sky cover", "10*-1", 99),
    ("visibility", "km", 9999),
    ("ceiling height", "m", 99999),
    ("present weather observation", "1", 9),
    ("present weather codes", "1", 999999999),
    ("precipitable water", "mm", 999),
    ("aerosol optical depth", "10*-3", 999),
    ("snow depth", "cm", 999),
    ("days since last snowfall", "d", 99),
    ("albedo", "1", 999),
    ("liquid precipitation depth", "mm", 999),
    ("liquid precipitation quantity", "h", 99),
)
"""What stands behind the time and the flags: name, UCUM unit, from which value on it is missing."""

_TIME: Final = ("year", "month", "day", "hour", "minute", "flags")


def open_epw(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of an EPW file: the weather station, and a series for each quantity.

    A row holds what was observed at the end of its hour, or over the hour that ended then, in
    local standard time. Rows of a typical year come from months of several years; they are set
    into the year of the first.

    Raises
    ------
    SourceError
        If it has no location or no rows of weather.
    """
    log = Log()
    station, offset = _location(path)
    names = [*_TIME, *(name for name, _, _ in _FIELDS)]
    try:
        rows = pd.read_csv(path, skiprows=_HEADER_LINES, header=None, encoding="latin-1")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise refuse(
            path, f"its rows cannot be read: {str(error)[:200]}", "export it again"
        ) from error
    if not len(rows) or rows.shape[1] < len(_TIME) + 1:
        raise refuse(path, "it has no rows of weather", "its ninth line should be the first hour")
    rows.columns = pd.Index([*names, *range(rows.shape[1])][: rows.shape[1]])
    times, years = _times(rows, offset)
    if years > 1:
        message = f"a typical year: its months come from {years} years and are set into one"
        log.note(Finding("info", "typical_year", message))
    chronicle = Chronicle(log)
    series = []
    for name, unit, missing in _FIELDS:
        if name not in rows:
            continue
        results = pd.to_numeric(rows[name], errors="coerce").to_numpy(float, na_value=np.nan)
        results = np.where(results >= missing, np.nan, results)
        told = Datastream(
            f"{station.station_id}/{name}", name, unit, station.station_id,
            attributes={"time_zone": f"UTC{offset:+g}"},
        )  # fmt: skip
        series.append(chronicle.series(told, times, results))
    chronicle.close()
    batch = series_batch([station], series, options.class_name)
    return Reading(
        crs=options.crs or "EPSG:4326",
        crs_source="user" if options.crs else "format",
        batches=[batch],
        total=1,
        encoding="latin-1",
        rejected=log.rejected,
        findings=log.findings,
    )


def _location(path: Path) -> tuple[Station, float]:
    """(the weather station, hours that its standard time is ahead of UTC)."""
    with path.open(encoding="latin-1", newline="") as file:
        told = next(csv.reader(file), [])
    told = [each.strip() for each in told]
    if len(told) < 10 or told[0].upper() != "LOCATION":
        raise refuse(path, "its first line is no LOCATION with ten parts", "export it again")
    city, state, country, source, wmo = told[1:6]
    try:
        latitude, longitude, offset, height = (float(each) for each in told[6:10])
    except ValueError:
        hint = "LOCATION,city,state,country,source,WMO,latitude,longitude,hours,metres"
        raise refuse(path, "its LOCATION has no numbers where coordinates are", hint) from None
    known = {"state": state, "country": country, "source": source, "WMO": wmo, "elevation": height}
    kept = {name: value for name, value in known.items() if value != ""}
    name = wmo or city or path.stem
    station = Station(name, city, longitude, latitude, float("nan"), "weather station", kept)
    return station, offset


def _times(rows: pd.DataFrame, offset: float) -> tuple[Times, int]:
    """(moments of the rows, how many years they come from)."""
    year, month, day, hour, minute = (
        pd.to_numeric(rows[name], errors="coerce").fillna(0).to_numpy(np.int64)
        for name in _TIME[:5]
    )
    months = (year[0] - 1970) * 12 + month - 1
    wraps = np.cumsum(np.append(False, np.diff(month) < 0))  # a season may go on into a new year
    days = (months + 12 * wraps).astype("M8[M]").astype("M8[D]").astype(np.int64) + day - 1
    minutes = np.where((minute > 0) & (minute < 60), (hour - 1) * 60 + minute, hour * 60)
    local = days * 86_400 + minutes * 60
    return (local - round(offset * 3600)) * SECOND, len(np.unique(year))


EPW: Final = Reader("epw", "Weather (EPW)", (".epw",), open_epw)
