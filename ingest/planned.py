"""Reading a source whose layers are planned before they are read: what files of features share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from cim.declare import did_you_mean
from cim.errors import ParamError
from cim.model import Batch, Finding
from ingest.attributes import check_given
from ingest.features import Log, shape
from ingest.geojson_faults import REMEDY, fault
from ingest.mojibake import Repair, repair
from ingest.plan import Chunk, LayerFacts, Plan, make_plan
from ingest.reader import Reading, ReadOptions, refuse
from ingest.referencing import Location, exchanged, locate, reprojected
from ingest.surfaces import as_multipolygon


@dataclass(frozen=True, slots=True, eq=False)
class OpenLayer:
    """A layer of a source, opened and looked into."""

    name: str
    names: tuple[str, ...]
    """Names that may tell what it holds, the best first."""
    geometry_type: str
    """As declared; ``Unknown`` if features may differ."""
    crs: str
    """As the source states it; ``""`` if it does not."""
    crs_source: str
    first: Chunk
    chunks: Callable[[], Iterator[Chunk]]
    """All its features, the first ones included."""
    total: int | None = None
    places: tuple[str, ...] = ()
    """Fields that became the geometry."""


@dataclass(frozen=True, slots=True)
class PlannedLayer:
    """A layer and what becomes of it."""

    plan: Plan
    geometry_type: str
    crs: str
    """Its own CRS as understood; the reading's CRS may be another."""
    total: int | None
    fields: tuple[tuple[str, str], ...]
    """(name, type) of every field."""
    rows: pa.RecordBatch | None = None
    """Some of its first rows, for those who want to look at values."""


@dataclass(slots=True)
class PlannedReading(Reading):
    """A reading that can say what will become of each layer."""

    layers: list[PlannedLayer] = field(default_factory=list)


def planned_reading(
    path: Path, layers: Sequence[OpenLayer], options: ReadOptions, log: Log, encoding: str = ""
) -> PlannedReading:
    """The reading of a source with these layers, all brought into the CRS of the first.

    Raises
    ------
    SourceError
        If there is no layer, or the user's CRS is unknown.
    ParamError
        If the user names a field or a class that does not exist.

    """
    if not layers:
        raise refuse(path, *_no_features(path))
    if options.text_repair:
        layers = [_repaired(layer, repair(options.text_repair)) for layer in layers]
    _check_fields(layers, options)
    places = [_located(layer, options, log, alone=len(layers) == 1) for layer in layers]
    crs = next((place.crs for place in places if place.crs), "")
    planned, steps = [], []
    for layer, place in zip(layers, places, strict=True):
        facts = LayerFacts(layer.name, layer.names, layer.geometry_type, len(layers) == 1, crs)
        plan, findings = make_plan(facts, options, layer.first)
        log.findings += findings
        if place.crs and place.crs != crs:
            log.findings.append(_mixed(layer.name, place.crs, crs))
        fields = [(each.name, str(each.type)) for each in layer.first.table.schema]
        planned.append(
            PlannedLayer(
                plan,
                layer.geometry_type,
                place.crs,
                layer.total,
                tuple(fields),
                _some(layer.first.table),
            )
        )
        steps.append((layer.chunks, plan, place))
    totals = [layer.total for layer in layers]
    return PlannedReading(
        crs=crs,
        crs_source=next((place.source for place in places if place.crs), ""),
        batches=_batches(path, steps, crs, log),
        total=None if None in totals else sum(each for each in totals if each is not None),
        encoding=encoding,
        height_datum=options.height_datum,
        rejected=log.rejected,
        findings=log.findings,
        layers=planned,
    )


def _repaired(layer: OpenLayer, undo: Repair) -> OpenLayer:
    """The same layer with its names and texts as they were before they were misread."""

    def chunks() -> Iterator[Chunk]:
        for chunk in layer.chunks():
            yield replace(chunk, table=undo.table(chunk.table))

    first = replace(layer.first, table=undo.table(layer.first.table))
    return replace(layer, first=first, chunks=chunks)


def _check_fields(layers: Sequence[OpenLayer], options: ReadOptions) -> None:
    names = [name for layer in layers for name in layer.first.table.schema.names]
    check_given(options.fields, [*names, *(name for layer in layers for name in layer.places)])
    if options.id_field and options.id_field not in names:
        raise ParamError(
            f"the file has no field {options.id_field!r}",
            where="id_field",
            hint=did_you_mean(options.id_field, names),
        )


def _located(layer: OpenLayer, options: ReadOptions, log: Log, *, alone: bool) -> Location:
    boxes = shapely.bounds(layer.first.geometry)
    place = locate(layer.crs, layer.crs_source, options.crs, boxes, swap=options.swap_axes)
    for each in place.findings:
        known = {(found.code, found.message) for found in log.findings}
        message = each.message if alone else f"layer {layer.name}: {each.message}"
        if (each.code, message) not in known:
            log.findings.append(replace(each, message=message))
    return place


def _some(table: pa.RecordBatch) -> pa.RecordBatch:
    """A copy of the first rows, which does not keep the others in memory."""
    return table.take(pa.array(range(min(len(table), ROWS)))) if table.num_columns else table


ROWS: Final = 2_000


def _mixed(layer: str, own: str, crs: str) -> Finding:
    return Finding(
        "warning",
        "mixed_crs",
        f"layer {layer} is in {own[:60]}; it is brought into {crs[:60]} like the first layer",
        "load the layers one by one to keep them apart",
    )


def _batches(
    path: Path,
    steps: Sequence[tuple[Callable[[], Iterator[Chunk]], Plan, Location]],
    crs: str,
    log: Log,
) -> Iterator[Batch]:
    try:
        for chunks, plan, place in steps:
            # by map, which unlike a loop does not keep a chunk while the next one is read
            yield from filter(len, map(partial(_shaped, plan, place, crs, log), chunks()))
        if not log.kept:
            raise refuse(path, *_nothing(path, log))
    finally:
        log.close()


def _shaped(plan: Plan, place: Location, crs: str, log: Log, chunk: Chunk) -> Batch:
    return shape(plan, _placed(chunk, place, crs), log)


def _nothing(path: Path, log: Log) -> tuple[str, str]:
    if not log.rejected:
        return _no_features(path)
    first, count = log.rejected[0], len(log.rejected)
    what = "its only feature cannot be used"
    if count > 1:
        what = f"none of its {count} features can be used"
    start = f"; it begins with {first.raw}" if first.raw else ""
    reason = fault(path) or f"{first.object}: {first.reason}{start}"
    return f"{what}; {reason}", REMEDY


def _no_features(path: Path) -> tuple[str, str]:
    seen = fault(path)
    return (f"there are no features in it; {seen}", REMEDY) if seen else (NO_FEATURES, RIGHT_FILE)


NO_FEATURES: Final = "there are no features in it"
RIGHT_FILE: Final = "is it the right file, and the right layer?"


def _placed(chunk: Chunk, place: Location, crs: str) -> Chunk:
    geometry = chunk.geometry
    if place.swapped:
        geometry = exchanged(geometry)
    if place.crs and place.crs != crs:
        geometry = reprojected(geometry, place.crs, crs)
    return replace(chunk, geometry=geometry) if geometry is not chunk.geometry else chunk


def unique_names(names: Sequence[str]) -> list[str]:
    """`names` with a number behind those that came before, and ``field`` for empty ones."""
    taken: set[str] = set()
    result = []
    for at, name in enumerate(names):
        bare = name.strip() or f"field_{at + 1}"
        unique, count = bare, 1
        while unique in taken:
            count += 1
            unique = f"{bare}_{count}"
        taken.add(unique)
        result.append(unique)
    return result


def read_shapes(column: pa.Array) -> tuple[NDArray[np.object_], dict[int, str]]:
    """(geometries, row → why it has none though something is there) of a column of WKB.

    Raises
    ------
    NotImplementedError
        If there are curves.

    """
    given = column.to_numpy(zero_copy_only=False)
    geometry: NDArray[np.object_] = shapely.from_wkb(given, on_invalid="ignore")
    missing = shapely.is_missing(geometry)
    if not missing.any():
        return geometry, {}
    why = {}
    for at in np.flatnonzero(missing & np.asarray(column.is_valid())).tolist():
        surface = as_multipolygon(given[at])
        geometry[at] = None if surface is None else shapely.from_wkb(surface, on_invalid="ignore")
        if geometry[at] is None:
            why[at] = _why_broken(given[at])
    return geometry, why


def _why_broken(shape: bytes) -> str:
    try:
        shapely.from_wkb(shape)
    except shapely.errors.ShapelyError as error:
        reason = str(error).split(": ", 1)[-1].strip()
        return f"its geometry is broken: {reason[:1].lower()}{reason[1:]}"
    return "its geometry is broken"
