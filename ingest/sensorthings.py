"""OGC SensorThings: answers of a service as JSON, and batches that were to be posted to one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import shapely
from shapely.geometry import shape

from cim.model import Batch, Finding
from cim.series import Results, Series
from ingest.features import Log
from ingest.guard import laid_out
from ingest.reader import Reader, Reading, ReadOptions, refuse
from ingest.series.stations import Chronicle, Station, series_batch, stream, zone_unknown
from ingest.series.times import ASSUMED_ZONE, in_utc, moments, zone

Entity = Mapping[str, Any]

_HEAD: Final = 1 << 16
_ID: Final = "@iot.id"
_SIGNS: Final = re.compile(rb'"@iot\.|"unitOfMeasurement"|"phenomenonTime"')
_UCUM: Final = re.compile(r"(?i)^ucum:|.*[#/=]ucum[:/]")


def open_sensorthings(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of SensorThings entities: each Thing an object, each Datastream a series.

    Read are pages of Things, Datastreams or Observations with what was expanded in them, single
    entities, data arrays, and the requests of a batch. The file is held in memory.

    Raises
    ------
    SourceError
        If it is no JSON, or no Datastream, Thing or Observation is in it.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise refuse(path, f"it is no whole JSON: {error}", "ask for it again") from error
    log = Log()
    found = _Found(path.stem, log)
    with laid_out(path, "SensorThings"):
        if isinstance(content, dict) and isinstance(content.get("requests"), list):
            found.take_batch(content["requests"])
        else:
            found.take_page(content)
    if not found.things and not found.streams:
        hint = "ask for Things with $expand=Locations,Datastreams($expand=Observations)"
        raise refuse(path, "no Thing, Datastream or Observation is in it", hint)
    return Reading(
        crs=options.crs or "EPSG:4326",
        crs_source="user" if options.crs else "format",
        batches=_checked(path, _batches(found, options, log)),
        total=len(found.things),
        encoding="utf-8",
        rejected=log.rejected,
        findings=log.findings,
    )


def _checked(path: Path, batches: Iterator[Batch]) -> Iterator[Batch]:
    with laid_out(path, "SensorThings"):
        yield from batches


@dataclass(slots=True)
class _Found:
    """The entities of a file, each by its identifier."""

    stem: str
    log: Log
    things: dict[str, Entity] = field(default_factory=dict)
    streams: dict[str, tuple[Entity, str]] = field(default_factory=dict)
    """Datastream → what is said of it, and its Thing."""
    observations: dict[str, list[Entity]] = field(default_factory=dict)

    def take_page(self, content: Any) -> None:
        """A page of entities, or one."""
        if isinstance(content, dict) and content.get("@iot.nextLink"):
            message = "the service has more than this page: it says where the next one is"
            hint = "ask for all pages and load each"
            self.log.note(Finding("warning", "page_of_several", message, hint))
        listed = content.get("value", [content]) if isinstance(content, dict) else content
        for each in listed if isinstance(listed, list) else []:
            if isinstance(each, dict):
                self._take(each)

    def _take(self, entity: Entity) -> None:
        if "dataArray" in entity:
            self._take_array(entity)
        elif "result" in entity:
            owner = self._take_stream(entity.get("Datastream") or {}, "")
            self.observations.setdefault(owner, []).append(entity)
        elif "unitOfMeasurement" in entity or "observationType" in entity:
            self._take_stream(entity, "")
        elif "Datastreams" in entity or "Locations" in entity or "name" in entity:
            self._take_thing(entity)

    def _take_thing(self, entity: Entity) -> str:
        name = _name(entity, "")
        if not name:
            return ""
        if name not in self.things or len(entity) > len(self.things[name]):
            self.things[name] = entity
        for each in entity.get("Datastreams", []):
            self._take_stream(each, name)
        return name

    def _take_stream(self, entity: Entity, thing: str) -> str:
        name = _name(entity, self.stem)
        thing = thing or self._take_thing(entity.get("Thing") or {})
        known = self.streams.get(name)
        if known is None or len(entity) > len(known[0]):
            self.streams[name] = (entity, thing or (known[1] if known else ""))
        self.observations.setdefault(name, []).extend(entity.get("Observations", []))
        return name

    def _take_array(self, entity: Entity) -> None:
        owner = self._take_stream(entity.get("Datastream") or {}, "")
        names = entity.get("components", [])
        rows = [dict(zip(names, row, strict=False)) for row in entity["dataArray"]]
        self.observations.setdefault(owner, []).extend(rows)

    def take_batch(self, requests: Sequence[Entity]) -> None:
        """What was to be posted; ``$name`` stands for what the request of that name makes."""
        made: dict[str, Entity] = {}
        left: dict[str, int] = {}
        for request in requests:
            body, kind = request.get("body"), str(request.get("url", "")).partition("(")[0]
            if not isinstance(body, dict):
                continue
            key = f"${request.get('id', len(made))}"
            made[key] = {_ID: key[1:], **_resolved(body, made)}
            if kind in {"Things", "Datastreams", "Observations"}:
                self._take(made[key])
            elif kind not in {"Locations", "Sensors", "ObservedProperties", "FeaturesOfInterest"}:
                left[kind] = left.get(kind, 0) + 1
        if left:
            message = ", ".join(f"{count} {kind}" for kind, count in left.items())
            hint = "only the city's things and what they observe are kept"
            self.log.note(Finding("info", "requests_left_out", f"left out: {message}", hint))


def _name(entity: Entity, otherwise: str) -> str:
    return str(entity.get(_ID, entity.get("name", otherwise)))


def _resolved(value: Any, made: Mapping[str, Entity]) -> Any:
    if isinstance(value, dict):
        if str(value.get(_ID, "")) in made:
            return made[str(value[_ID])]
        return {key: _resolved(each, made) for key, each in value.items()}
    return [_resolved(each, made) for each in value] if isinstance(value, list) else value


def _batches(found: _Found, options: ReadOptions, log: Log) -> Iterator[Batch]:
    chronicle = Chronicle(log)
    stations = [_station(name, each) for name, each in found.things.items()]
    orphans = {thing for _, thing in found.streams.values()} - found.things.keys()
    stations += [Station(found.stem, function="station") for each in orphans if not each]
    yield series_batch(stations, (), options.class_name)
    for name, (entity, thing) in found.streams.items():
        series = _series(
            entity, (name, thing or found.stem), found.observations[name], (options, log)
        )
        yield series_batch((), [chronicle.series(series.datastream, series.times, series.results)])
    chronicle.close()


def _station(name: str, entity: Entity) -> Station:
    told = {"description": entity.get("description"), **(entity.get("properties") or {})}
    x = y = z = float("nan")
    for location in entity.get("Locations", [])[:1]:
        point = _point(location.get("location"))
        if point is not None:
            x, y, z = point.x, point.y, point.z if point.has_z else z
        told["location"] = location.get("name")
    kept = {key: value for key, value in told.items() if value not in (None, "")}
    return Station(name, str(entity.get("name", "")), x, y, z, "station", kept)


def _point(location: Any) -> shapely.Point | None:
    """The place of a GeoJSON geometry or feature."""
    try:
        geometry = shape(location.get("geometry", location))
    except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError):
        return None
    return geometry if isinstance(geometry, shapely.Point) else geometry.centroid


def _series(
    entity: Entity,
    names: tuple[str, str],
    observations: Sequence[Entity],
    how: tuple[ReadOptions, Log],
) -> Series:
    options, log = how
    observed = entity.get("ObservedProperty") or {}
    unit = entity.get("unitOfMeasurement") or {}
    written = str(unit.get("symbol") or unit.get("name") or "")
    definition = str(unit.get("definition") or "")
    code = _UCUM.sub("", definition) if not written and _UCUM.match(definition) else written
    told = {
        "description": entity.get("description"),
        "sensor": (entity.get("Sensor") or {}).get("name"),
        "definition": observed.get("definition"),
        **(entity.get("properties") or {}),
    }
    texts = [_when(each) for each in observations]
    times, zoned = moments(pa.array(texts, pa.string()))
    if len(times) and not zoned:
        if not options.time_zone:
            log.note(zone_unknown())
        times = in_utc(times, zone(options.time_zone or ASSUMED_ZONE))
    results, categories = _results([each.get("result") for each in observations], log)
    property_name = str(observed.get("name") or entity.get("name") or names[0])
    datastream = stream(
        names[1], property_name, code, title=str(entity.get("name", "")), key=names[0],
        attributes={key: value for key, value in told.items() if value not in (None, "")},
    )  # fmt: skip
    return Series(replace(datastream, categories=categories), times, results)


def _when(observation: Entity) -> str | None:
    """When it was; of a period its start."""
    text = observation.get("phenomenonTime") or observation.get("resultTime")
    return str(text).partition("/")[0] if text else None


def _results(given: Sequence[Any], log: Log) -> tuple[Results, tuple[str, ...]]:
    """(numbers, words that they stand for)."""
    words: dict[str, int] = {}
    results = np.full(len(given), np.nan)
    plain = [each for each in given if each is not None]
    in_words = any(isinstance(each, str) and not _is_number(each) for each in plain)
    strange = 0
    for at, each in enumerate(given):
        if isinstance(each, dict | list):
            strange += 1
        elif each is not None:
            results[at] = words.setdefault(str(each), len(words)) if in_words else float(each)
    what = "results that are neither numbers nor words; they are unknown"
    log.count("result_not_understood", what, "", strange)
    return results, tuple(words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_sensorthings(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return bool(_SIGNS.search(head)) and b'"FeatureCollection"' not in head


SENSORTHINGS: Final = Reader(
    "sensorthings",
    "SensorThings",
    (".json",),
    open_sensorthings,
    recognise=_is_sensorthings,
)
