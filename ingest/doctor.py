"""The file doctor: what a file is, what would become of it, and what is wrong with it.

The report of `examine` is plain values (JSON as it is). Its keys:

``file``, ``bytes``, ``reader``, ``title``
    The file's name and size, the reader's name and what people call the format.
``loadable``
    Whether nothing stands against a load: no finding is an error.
``features``, ``looked_at``, ``complete``
    How many objects there are (None if unknown), how many were seen, whether those are all.
``crs``, ``crs_source``, ``encoding``, ``encoding_confidence``, ``height_datum``, ``length_unit``
    As understood.
``bbox``, ``bbox_wgs84``
    West, south, east, north in the file's CRS and in degrees; None if nobody knows.
``classes``, ``geometry_types``
    Name → how many of those looked at.
``layers``
    ``name``, ``features``, ``geometry_type``, ``crs``, ``class``, ``class_reason``, ``id_field``.
``fields``
    ``layer``, ``name``, ``type``, ``samples`` (up to 5 texts), ``column`` of the dictionary that
    is proposed (``""``: kept as an attribute), ``confidence`` 0 to 1, ``unit``, and ``codes``: up
    to 50 of ``value``, ``count``, ``meaning`` (``""`` if not known), ``list`` (the code list).
``coverages``
    ``name``, ``kind``, ``crs``, ``bounds`` of each raster.
``rejected``, ``rejections``
    How many objects cannot be loaded, and the first of them: ``object``, ``code``, ``reason``,
    ``raw``.
``sample``
    The first rows.
``findings``
    ``severity`` (error, warning, info; in that order), ``code``, ``message``, ``hint``,
    ``evidence`` (what was measured) and ``fix`` (fields of `ReadOptions` that would mend it).
``faults``
    Of geometries: ``code``, ``message``, ``count`` and ``places``, up to 20 of ``object``,
    ``lon``, ``lat`` (degrees; None where the CRS is unknown).
``preview``
    GeoJSON FeatureCollection of up to 500 objects, simplified, WGS 84; ``properties`` have
    ``object_id`` and ``class``. None where the CRS is unknown.
``fixes``
    Every fix that a finding proposes, for buttons: ``code`` of the finding, ``title`` (what to do,
    a few words), ``fix`` (fields of `ReadOptions`), ``sure`` (whether it may be applied unasked),
    ``before`` and ``after`` (bbox_wgs84 without and with it, None if unknown; the same where the
    fix moves nothing) and ``preview`` (like the report's, with the fix applied; None if it moves
    nothing).
``profile``, ``options``
    The mapping profile in use (its file's name, the data set's, or ``""``), and the fields of
    `ReadOptions` that the file was examined with, the user's and the profile's.
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cim.errors import CimError
from cim.geodesy import bounds_between
from cim.model import Finding
from cim.store import Store
from ingest import candidates, mojibake, schema_match
from ingest.amend import opened
from ingest.catalogue import READERS, reader_for
from ingest.delivery import check_options
from ingest.encoding import Encoding, dbf_encoding, text_encoding
from ingest.fit import city_findings
from ingest.guard import numbers_may_overflow
from ingest.planned import PlannedLayer, PlannedReading
from ingest.previews import Preview
from ingest.profile import resolved
from ingest.reader import Reader, Reading, ReadOptions
from ingest.remedies import fixes, said
from ingest.visit import SAMPLE, Visit

SEVERITIES: Final = ("error", "warning", "info")

_RINGED: Final = (".geojson", ".json", ".geojson.gz", ".geojsonl", ".geojsons")
"""Suffixes of formats that prescribe in which sense outlines run."""


def examine(
    path: Path,
    options: ReadOptions | None = None,
    readers: Iterable[Reader] | None = None,
    *,
    store: Store | None = None,
    dataset: str = "",
) -> dict[str, Any]:
    """Everything there is to know about a file before it is loaded, as plain values.

    With `store` the file is held against what that city has already, where it would become the
    data set `dataset`. The report's keys are told above.

    A file that cannot be read is no error here: the reason is a finding. Without any of `readers`
    the file is not opened at all.
    """
    path, options = Path(path), options or ReadOptions()
    asked = list(READERS.values() if readers is None else readers)
    report: dict[str, Any] = {"file": path.name, "bytes": _size(path), "reader": "", "title": ""}
    report |= {"loadable": False} | _seen(Visit())
    findings: list[Finding] = []
    city = _City(store, dataset)
    try:
        options = check_options(options)
        if asked:
            reader = next((each for each in asked if _accepts(each, path)), None)
            reader = reader or reader_for(path)
            report |= {"reader": reader.name, "title": reader.title}
            known = resolved(path, options, reader.name, store, dataset)
            options = known.options
            findings += known.findings
            told = {"profile": known.source, "options": said(options)}
            report |= told
            with TemporaryDirectory(prefix="cim-doctor-") as work, numbers_may_overflow():
                report |= city.examined(path, reader, (options, Path(work)), findings) | told
    except CimError as error:
        findings.append(Finding("error", _code(error), error.problem, error.hint))
    except Exception as error:  # noqa: BLE001  whatever a broken file does to a driver is its illness
        message = f"the reader broke down: {type(error).__name__}: {error}"
        findings.append(Finding("error", "reader_failed", message[:400], "please report this file"))
    findings.sort(key=lambda each: SEVERITIES.index(each.severity))
    report["findings"] = [asdict(each) for each in findings]
    report["fixes"] = fixes(findings, city.preview, report["crs"])
    report["loadable"] = not any(each.severity == "error" for each in findings)
    return report


def _accepts(reader: Reader, path: Path) -> bool:
    return path.exists() and _size(path) != 0 and reader.accepts(path)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _code(error: CimError) -> str:
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_") + "_error"


class _City:
    """The city that a file is held against, if there is one."""

    def __init__(self, store: Store | None, dataset: str) -> None:
        self.store, self.dataset = store, dataset
        self.preview = Preview()

    def examined(
        self,
        path: Path,
        reader: Reader,
        how: tuple[ReadOptions, Path],
        findings: list[Finding],
    ) -> dict[str, Any]:
        """The report of what a reader gives; `how` are the options and a folder to work in."""
        options, work = how
        reading = opened(reader, path, options, work)
        visit = Visit(ringed=path.name.lower().endswith(_RINGED))
        self.preview = visit.preview
        try:
            visit.look(reading)
        finally:
            findings += reading.findings
            findings += visit.findings()
            findings += _of_texts(visit, options)
        findings += _in_china(reading, visit)
        if self.store is not None and visit.first is not None:
            findings += city_findings(self.store, reading, visit.first, self.dataset)
        found = _seen(visit) | _understood(path, reading, visit, options)
        if isinstance(reading, PlannedReading):
            findings += [each for layer in reading.layers for each in schema_match.findings(layer)]
            found["layers"] = [_layer(each) for each in reading.layers]
            found["fields"] = [row for each in reading.layers for row in schema_match.fields(each)]
        return found


def _of_texts(visit: Visit, options: ReadOptions) -> list[Finding]:
    return [] if options.text_repair else mojibake.diagnosis(visit.texts)


def _in_china(reading: Reading, visit: Visit) -> list[Finding]:
    """That degrees in China without a word on their datum may be anything."""
    degrees = _in_degrees(visit.bbox, reading.crs)
    if degrees is None or reading.crs != "EPSG:4326" or reading.crs_source == "user":
        return []
    west, south, east, north = candidates.CHINA
    if not (west <= degrees[0] and degrees[2] <= east and south <= degrees[1] <= north):
        return []
    message = "WGS 84 in China: CGCS2000 differs by less than a metre, GCJ-02 by some hundreds"
    hint = "a city that holds something there tells which it is (--city)"
    return [Finding("info", "datum_in_china", message, hint)]


def _understood(path: Path, reading: Reading, visit: Visit, options: ReadOptions) -> dict[str, Any]:
    def place(x: float, y: float) -> tuple[float, float] | None:
        found = _in_degrees((x, y, x, y), reading.crs)
        return (found[0], found[1]) if found is not None else None

    return {
        "features": reading.total if reading.total is not None else visit.total,
        "crs": reading.crs,
        "crs_source": reading.crs_source,
        "encoding": reading.encoding,
        "encoding_confidence": _confidence(path, reading, options),
        "height_datum": reading.height_datum,
        "length_unit": reading.length_unit,
        "bbox_wgs84": _in_degrees(visit.bbox, reading.crs),
        "faults": visit.faults.rows(place),
        "preview": visit.preview.geojson(visit.preview.placed(reading.crs)),
        "rejected": len(reading.rejected),
        "rejections": [asdict(each) for each in reading.rejected[:SAMPLE]],
        "coverages": [
            {"name": each.name, "kind": each.kind, "crs": each.crs, "bounds": list(each.bounds)}
            for each in reading.coverages
        ],
    }


def _seen(visit: Visit) -> dict[str, Any]:
    return {
        "features": visit.total,
        "looked_at": visit.seen,
        "complete": visit.complete,
        "crs": "",
        "crs_source": "",
        "encoding": "",
        "encoding_confidence": "",
        "height_datum": "",
        "length_unit": "",
        "bbox": list(visit.bbox) if visit.bbox else None,
        "bbox_wgs84": None,
        "classes": dict(visit.classes),
        "geometry_types": dict(visit.shapes),
        "layers": [],
        "fields": [],
        "coverages": [],
        "rejected": 0,
        "rejections": [],
        "sample": visit.sample,
        "faults": [],
        "preview": None,
        "fixes": [],
        "profile": "",
        "options": {},
    }


def _confidence(path: Path, reading: Reading, options: ReadOptions) -> str:
    """How sure the encoding is: ``user``, ``certain``, ``likely`` or ``guess``."""
    if not reading.encoding or options.encoding:
        return "user" if reading.encoding else ""
    suffix = path.suffix.lower()
    found: Encoding | None = None
    if suffix == ".shp":
        found = dbf_encoding(path.with_suffix(".dbf"))
    elif suffix in {".csv", ".tsv", ".txt"}:
        found = text_encoding(path)
    return found.confidence if found is not None else "certain"


def _in_degrees(bbox: tuple[float, float, float, float] | None, crs: str) -> list[float] | None:
    if bbox is None or not crs:
        return None
    try:
        return [round(each, 7) for each in bounds_between(crs, "EPSG:4326", bbox)]
    except CimError:
        return None


def _layer(layer: PlannedLayer) -> dict[str, Any]:
    return {
        "name": layer.plan.layer,
        "features": layer.total,
        "geometry_type": layer.geometry_type,
        "crs": layer.crs,
        "class": layer.plan.class_name,
        "class_reason": layer.plan.class_reason,
        "id_field": layer.plan.id_field,
    }
