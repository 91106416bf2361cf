"""Dynamizers of CityGML 3.0: series of values that stand in the file itself."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from cim.model import Batch
from cim.schema import CLASSES
from cim.series import Series
from ingest.citygml.geometry import local_name
from ingest.citygml.source import Source
from ingest.features import Log
from ingest.reader import ReadOptions
from ingest.series.stations import Chronicle, series_batch, stream, zone_unknown
from ingest.series.times import ASSUMED_ZONE, in_utc, moments, zone
from ingest.xml_stream import elements, explained, forget

_RESULTS: Final = ("doubleValue", "intValue", "boolValue")
_TRUTH: Final = {"true": 1.0, "false": 0.0}


def dynamizers(
    source: Source, members: tuple[str, ...], options: ReadOptions, log: Log
) -> Iterator[Batch]:
    """The series of a text, each of the city object around its Dynamizer.

    Those that only name a file, a sensor or other series are counted and left out.
    """
    chronicle = Chronicle(log)
    with source.opened() as opened, explained(source.path):
        for element in elements(opened, ("Dynamizer", *members), options.encoding):
            if local_name(element.tag) in members:
                forget(element)
                continue
            inline = element.iter("{*}GenericTimeseries")
            found = [_series(each, element, options, log) for each in inline]
            told = [
                chronicle.series(each.datastream, each.times, each.results)
                for each in found
                if len(each)
            ]
            what = "dynamizers whose values are not in the file are left out"
            log.count("dynamizer_left_out", what, "load their values as a CSV", int(not told))
            if told:
                yield series_batch((), told)
    chronicle.close()


def _series(series: Any, dynamizer: Any, options: ReadOptions, log: Log) -> Series:
    def text(name: str) -> str:
        return (series.findtext(f"{{*}}{name}") or "").strip()

    times, results = [], []
    for pair in series.iter("{*}TimeValuePair"):
        given = {local_name(each.tag): (each.text or "").strip() for each in pair}
        value = next((given[name] for name in _RESULTS if given.get(name)), "")
        times.append(given.get("timestamp") or None)
        results.append(_number(value))
    moved, zoned = moments(pa.array(times, pa.string()))
    if times and not zoned:
        if not options.time_zone:
            log.note(zone_unknown())
        moved = in_utc(moved, zone(options.time_zone or ASSUMED_ZONE))
    owner, name = _owner(dynamizer), text("observationProperty") or "value"
    key = _id(series) or _id(dynamizer)
    reference = (dynamizer.findtext("{*}attributeRef") or "").strip()
    told = stream(
        owner, name, text("uom"), key=f"{key}/{name}" if key else "",
        attributes={"attributeRef": reference} if reference else {},
    )  # fmt: skip
    return Series(told, moved, np.array(results, np.float64))


def _number(text: str) -> float:
    try:
        return _TRUTH[text.lower()] if text.lower() in _TRUTH else float(text)
    except ValueError:
        return float("nan")


def _owner(element: Any) -> str:
    """Identifier of the city object around an element."""
    while element is not None:
        if local_name(element.tag) in CLASSES and _id(element):
            return _id(element)
        element = element.getparent()
    return ""


def _id(element: Any) -> str:
    return next((text for key, text in element.attrib.items() if key.endswith("}id")), "")
