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
``profile``
    The mapping profile in use: its file's name, the data set's, or ``""``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.errors import CimError
from cim.geodesy import bounds_between
from cim.model import Batch, Finding
from ingest.amend import opened
from ingest.catalogue import READERS, reader_for
from ingest.delivery import check_options
from ingest.encoding import Encoding, dbf_encoding, text_encoding
from ingest.guard import numbers_may_overflow
from ingest.planned import PlannedLayer, PlannedReading
from ingest.reader import Reader, Reading, ReadOptions

LOOKED_AT: Final = 200_000
"""Objects after which the doctor has seen enough."""

SAMPLE: Final = 5
"""Rows that are shown."""

TALLEST: Final = 1_000.0
"""Metres above which a building's height is not believed."""

SEVERITIES: Final = ("error", "warning", "info")


def examine(
    path: Path, options: ReadOptions | None = None, readers: Iterable[Reader] = READERS.values()
) -> dict[str, Any]:
    """Everything there is to know about a file before it is loaded, as plain values.

    ``file``, ``bytes``, ``reader``, ``title``; ``features`` (None if unknown), ``looked_at``,
    ``complete``; ``loadable``; ``crs``, ``crs_source``, ``encoding`` and how sure it is;
    ``bbox`` in its own CRS and ``bbox_wgs84``; ``classes``, ``geometry_types``; ``layers`` with
    the proposed class and id field, ``fields`` with the proposed column; ``coverages``;
    ``rejected`` and the first ``rejections``; ``sample`` rows; ``findings`` with severity,
    code, message and hint, errors first.

    A file that cannot be read is no error here: the reason is a finding.
    """
    path, options = Path(path), options or ReadOptions()
    report: dict[str, Any] = {"file": path.name, "bytes": _size(path), "reader": "", "title": ""}
    report |= {"loadable": False} | _seen(_Visit())
    findings: list[Finding] = []
    try:
        options = check_options(options)
        reader = next((each for each in readers if _accepts(each, path)), None)
        reader = reader or reader_for(path)
        report |= {"reader": reader.name, "title": reader.title}
        with TemporaryDirectory(prefix="cim-doctor-") as work, numbers_may_overflow():
            report |= _examined(path, reader, options, Path(work), findings)
    except CimError as error:
        findings.append(Finding("error", _code(error), error.problem, error.hint))
    except Exception as error:  # noqa: BLE001  whatever a broken file does to a driver is its illness
        message = f"the reader broke down: {type(error).__name__}: {error}"
        findings.append(Finding("error", "reader_failed", message[:400], "please report this file"))
    findings.sort(key=lambda each: SEVERITIES.index(each.severity))
    report["findings"] = [asdict(each) for each in findings]
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


def _examined(
    path: Path, reader: Reader, options: ReadOptions, work: Path, findings: list[Finding]
) -> dict[str, Any]:
    reading = opened(reader, path, options, work)
    visit = _Visit()
    try:
        visit.look(reading)
    finally:
        findings += reading.findings
        findings += visit.findings()
    found = _seen(visit) | {
        "features": reading.total if reading.total is not None else visit.total,
        "crs": reading.crs,
        "crs_source": reading.crs_source,
        "encoding": reading.encoding,
        "encoding_confidence": _confidence(path, reading, options),
        "height_datum": reading.height_datum,
        "length_unit": reading.length_unit,
        "bbox_wgs84": _in_degrees(visit.bbox, reading.crs),
        "rejected": len(reading.rejected),
        "rejections": [asdict(each) for each in reading.rejected[:SAMPLE]],
        "coverages": [
            {"name": each.name, "kind": each.kind, "crs": each.crs, "bounds": list(each.bounds)}
            for each in reading.coverages
        ],
    }
    if isinstance(reading, PlannedReading):
        found["layers"] = [_layer(each) for each in reading.layers]
        found["fields"] = [field for each in reading.layers for field in _fields(each)]
    return found


@dataclass(slots=True)
class _Visit:
    """What was seen while looking at objects."""

    seen: int = 0
    complete: bool = False
    classes: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    troubles: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def total(self) -> int | None:
        """How many objects there are, if all were seen."""
        return self.seen if self.complete else None

    @property
    def bbox(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of what was seen, in its CRS."""
        finite = [box for box in self.boxes if np.isfinite(box).all()]
        if not finite:
            return None
        boxes = np.array(finite)
        west, south = boxes[:, :2].min(axis=0).tolist()
        east, north = boxes[:, 2:].max(axis=0).tolist()
        return west, south, east, north

    def look(self, reading: Reading) -> None:
        """Looks at objects until enough were seen."""
        batches = iter(reading)
        for batch in batches:
            self._look_at(batch)
            if self.seen >= LOOKED_AT:
                break
        else:
            self.complete = True
        close = getattr(batches, "close", None)
        if close is not None:
            close()

    def _look_at(self, batch: Batch) -> None:
        objects = batch.objects
        self.seen += len(objects)
        self.classes.update(objects["class"].astype(str).tolist())
        if len(self.sample) < SAMPLE:
            rows = objects.head(SAMPLE - len(self.sample))
            self.sample += [_shown(row) for row in rows.to_dict("records")]
        ids = objects["object_id"].astype(str)
        again = ids.duplicated() | ids.isin(self.ids)
        self._trouble("duplicate_id", "objects have an id that came before", again, ids)
        self.ids.update(ids)
        if "geometry" in objects:
            self._look_at_shapes(np.asarray(objects["geometry"], object), ids)
        if "height" in objects:
            heights = pd.to_numeric(objects["height"], errors="coerce").astype(float)
            self._trouble("implausible_height", "heights are below 0 m", heights < 0, ids)
            high = heights > TALLEST
            self._trouble("implausible_height", f"heights are above {TALLEST:.0f} m", high, ids)

    def _look_at_shapes(self, shapes: NDArray[np.object_], ids: "pd.Series[str]") -> None:
        present = ~shapely.is_missing(shapes)
        kinds, counts = np.unique(shapely.get_type_id(shapes[present]), return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self.shapes[shapely.GeometryType(kind).name.lower()] += count
        bounds = shapely.bounds(shapes[present])
        unending = np.zeros(len(shapes), bool)
        unending[present] = ~np.isfinite(bounds).all(axis=1)
        text = "geometries have coordinates that are no numbers"
        self._trouble("coordinates_not_finite", text, unending, ids)
        sound = bounds[np.isfinite(bounds).all(axis=1)]
        if len(sound):
            self.boxes.append(np.concatenate([sound[:, :2].min(axis=0), sound[:, 2:].max(axis=0)]))
        broken = np.zeros(len(shapes), bool)
        usable = present & ~unending
        broken[usable] = ~shapely.is_valid(shapes[usable])
        self._trouble("invalid_geometry", "geometries are invalid; loading mends them", broken, ids)

    def _trouble(self, code: str, text: str, where: Any, ids: "pd.Series[str]") -> None:
        bad = np.asarray(where, bool)
        if bad.any():
            self.troubles[code, text] += int(bad.sum())
            self.examples.setdefault((code, text), str(ids.iloc[int(np.flatnonzero(bad)[0])]))

    def findings(self) -> Iterator[Finding]:
        """What was wrong with the objects."""
        for (code, text), count in self.troubles.items():
            example = self.examples[code, text]
            yield Finding("warning", code, f"{count} {text}, such as {example}")


def _seen(visit: _Visit) -> dict[str, Any]:
    return {
        "features": visit.total,
        "looked_at": visit.seen,
        "complete": visit.complete,
        "crs": "",
        "crs_source": "",
        "encoding": "",
        "encoding_confidence": "",
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
    }


def _shown(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as plain values, without what is unknown."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, shapely.Geometry):
            text = shapely.to_wkt(value, rounding_precision=7)
            shown[str(name)] = text if len(text) <= 100 else f"{text[:99]}…"
        elif isinstance(value, (dict, list)):
            shown[str(name)] = value
        elif not pd.isna(value):
            plain = value.item() if isinstance(value, np.generic) else value
            shown[str(name)] = plain if isinstance(plain, (str, int, float, bool)) else str(plain)
    return shown


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


def _fields(layer: PlannedLayer) -> list[dict[str, str]]:
    """Every field of a layer and the column it becomes; ``""`` for an attribute."""
    plan = layer.plan
    columns = {source: column for column, source in plan.network_fields.items()}
    columns |= {plan.class_field: "class", plan.id_field: "object_id", **plan.fields}
    return [
        {"layer": plan.layer, "name": name, "type": kind, "column": columns.get(name, "")}
        for name, kind in layer.fields
    ]
