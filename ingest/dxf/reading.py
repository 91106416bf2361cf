"""A DXF drawing as layers of features: what `ingest.planned` then makes into city objects."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from cim.declare import did_you_mean
from cim.geodesy import horizontal, named_crs
from cim.model import Finding
from ingest.candidates import candidates
from ingest.dxf.cass import AIDS
from ingest.dxf.entities import Drawn, Walk
from ingest.dxf.labels import as_places, is_number, spread
from ingest.dxf.shapes import NoShapeError, as_area
from ingest.dxf.source import Drawing, drawing, unseen
from ingest.features import Log
from ingest.meanings import factor
from ingest.plan import Chunk
from ingest.planned import OpenLayer, planned_reading
from ingest.reader import BATCH_SIZE, Reading, ReadOptions, refuse
from ingest.referencing import locate, named

TEXTS: Final = "labels"
"""Layer that the texts make which stand in no outline."""

_FEET: Final = 1e-5
"""Two units that differ by less are the foot and the US survey foot: not converted."""


def open_dxf(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of what a drawing shows in model space, each of its layers by itself.

    Raises
    ------
    SourceError
        If it is no drawing, is too damaged, or shows nothing that has a place in a city.
    ParamError
        If the user's unit, field or layer is not known.
    """
    log = Log()
    source = drawing(path, options, log)
    unit = options.length_unit or source.unit or "m"
    shown = frozenset({options.layer.lower()} if options.layer else ())
    walk = Walk(source, log, 1.0 / factor(unit, "length_unit"), shown)
    things = list(walk)
    texts = [each for each in things if each.text]
    solid = [each for each in things if each.kind not in {"TEXT", "MTEXT"}]
    solid = _joined(_without_fills(_without_aids(solid, options, log), log), log)
    if not solid and not texts:
        raise refuse(path, "nothing is drawn in it that can be read", _said_of(walk))
    unit = _unit(solid or texts, source, options, log)
    free = spread(texts, solid)
    layers = _layers(path, solid, _places(free, options, log), options)
    scale = _scale(unit, options)
    opened = [_opened(name, own, scale) for name, own in layers.items()]
    unseen(source, log)
    _tell(walk)
    reading = planned_reading(path, opened, options, log, source.encoding)
    reading.length_unit = unit
    reading.findings[:] = list(_once(reading.findings))
    return reading


def _once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Findings on the whole drawing once, not layer by layer."""
    told: set[tuple[str, str]] = set()
    for each in findings:
        about = (each.code, str(each.fix))
        if each.code not in _OF_ALL or about not in told:
            told.add(about)
            of_all = each.code in _OF_ALL
            yield replace(each, message=_LAYER.sub("", each.message)) if of_all else each


_LAYER: Final = re.compile(r"^layer .*?: ")
_OF_ALL: Final = frozenset(
    {"crs_missing", "crs_candidate", "crs_contradicted", "axis_order", "datum_accuracy", "id_field"}
)


def _said_of(walk: Walk) -> str:
    left = {**walk.unread, **{f"on hidden layer {name}": n for name, n in walk.hidden.items()}}
    told = ", ".join(f"{name} {count}" for name, count in list(left.items())[:8])
    return f"left out: {told}" if told else "is it the right file?"


def _without_aids(things: Sequence[Drawn], options: ReadOptions, log: Log) -> list[Drawn]:
    aids = {each.layer for each in things if AIDS.search(each.layer)} - {options.layer}
    if not aids or aids == {each.layer for each in things}:
        return list(things)
    kept = [each for each in things if each.layer not in aids]
    message = f"{len(things) - len(kept)} entities of drawing aids are left out"
    log.note(Finding("info", "drawing_aids", message, "name the layer to load it", _some(aids)))
    return kept


def _some(names: Any) -> str:
    return ", ".join(sorted(names)[:12])


def _without_fills(things: Sequence[Drawn], log: Log) -> list[Drawn]:
    """The same without hatches that only fill an outline that is drawn, too."""

    def place(each: Drawn) -> tuple[Any, ...]:
        return (each.layer, *np.round(shapely.bounds(each.shape), 3), round(each.shape.area, 2))

    areas = [each for each in things if isinstance(each.shape, shapely.Polygon)]
    drawn = {place(each) for each in areas if each.kind not in _FILLS}
    kept = [each for each in things if each.kind not in _FILLS or place(each) not in drawn]
    if len(kept) < len(things):
        message = f"{len(things) - len(kept)} hatches only fill an outline and are left out"
        log.note(Finding("info", "fill_of_outline", message))
    return kept


_FILLS: Final = frozenset({"HATCH", "MPOLYGON", "SOLID"})


def _joined(things: Sequence[Drawn], log: Log) -> list[Drawn]:
    """Faces that share corners as one body, layer by layer."""
    kept = [each for each in things if not each.faces]
    single: dict[str, list[Drawn]] = {}
    for each in things:
        if each.kind == "3DFACE":
            single.setdefault(each.layer, []).append(each)
    groups = [group for faces in single.values() for group in _connected(faces)]
    groups += [[each] for each in things if each.faces and each.kind != "3DFACE"]
    for group in groups:
        first = group[0]
        try:
            shape = as_area([ring for each in group for ring in each.faces])
        except NoShapeError as error:
            log.reject(first.handle, "bad_geometry", str(error), f"{first.kind} on {first.layer}")
            continue
        kept.append(replace(first, shape=shape, faces=[], said={**first.said, "faces": len(group)}))
    return kept


def _connected(faces: Sequence[Drawn]) -> list[list[Drawn]]:
    """Faces in groups that share corners."""
    root = list(range(len(faces)))

    def top(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    first_at: dict[tuple[float, ...], int] = {}
    for at, each in enumerate(faces):
        for corner in map(tuple, np.round(each.faces[0], 6).tolist()):
            root[top(at)] = top(first_at.setdefault(corner, at))
    groups: dict[int, list[Drawn]] = {}
    for at, each in enumerate(faces):
        groups.setdefault(top(at), []).append(each)
    return list(groups.values())


def _places(texts: Sequence[Drawn], options: ReadOptions, log: Log) -> list[Drawn]:
    """The free texts that are places; labels of heights are not."""
    words = [] if options.class_name else [each for each in texts if not is_number(each.text)]
    left = len(texts) - len(words)
    log.count("labels_left_out", "texts that stand in no outline", "they name nothing", left)
    return as_places(words)


def _unit(things: Sequence[Drawn], source: Drawing, options: ReadOptions, log: Log) -> str:
    """The unit of the coordinates: as the user or the header says, unless it cannot be.

    Templates for machine parts say millimetres in drawings whose surveyors mean metres.
    """
    if options.length_unit:
        return options.length_unit
    stated = source.unit or "m"
    boxes = shapely.bounds([each.shape for each in things])
    if _fits(boxes * factor(stated), options):
        return stated
    other = next((each for each in ("m", "mm") if _fits(boxes * factor(each), options)), "")
    if not other or other == stated:
        return stated
    said = f"its header says {source.unit}" if source.unit else "its header says no unit"
    message = f"coordinates are taken in {other}: {said}, which would put them nowhere"
    middle = np.nanmedian(boxes, axis=0)
    evidence = f"the middle is x {middle[0]:.10g}, y {middle[1]:.10g}"
    fix = {"length_unit": other}
    hint = "set the unit of lengths if that is wrong"
    log.note(Finding("warning", "length_unit", message, hint, evidence, fix))
    return other


def _fits(boxes: NDArray[np.float64], options: ReadOptions) -> bool:
    """Whether coordinates in metres are somewhere that makes sense."""
    sound = boxes[np.isfinite(boxes).all(axis=1)]
    if options.crs:
        found = locate("", "", options.crs, sound, swap=options.swap_axes).findings
        return not {"crs_contradicted", "axis_order"} & {each.code for each in found}
    return bool(len(sound)) and any("EPSG" in str(each.fix["crs"]) for each in _grids(sound))


def _grids(boxes: NDArray[np.float64]) -> list[Any]:
    small = np.abs(np.nanmedian(boxes, axis=0)).max() <= 180
    return [] if small else candidates(boxes)


def _scale(unit: str, options: ReadOptions) -> float:
    """What the drawing's coordinates are multiplied by to be in units of the CRS."""
    scale = factor(unit, "length_unit")
    system = horizontal(named_crs(named(options.crs))) if options.crs else None
    if system is not None and system.is_geographic:
        return 1.0
    if system is not None and system.axis_info:
        scale /= system.axis_info[0].unit_conversion_factor
    return 1.0 if abs(scale - 1.0) < _FEET else scale


def _layers(
    path: Path, things: Sequence[Drawn], places: Sequence[Drawn], options: ReadOptions
) -> dict[str, list[Drawn]]:
    layers: dict[str, list[Drawn]] = {}
    for each in things:
        layers.setdefault(each.layer, []).append(each)
    if places:
        layers.setdefault(TEXTS, []).extend(places)
    if options.layer:
        if options.layer not in layers:
            hint = did_you_mean(options.layer, list(layers))
            raise refuse(path, f"no layer {options.layer!r}", hint)
        layers = {options.layer: layers[options.layer]}
    return layers


def _opened(name: str, things: Sequence[Drawn], scale: float) -> OpenLayer:
    geometry = np.array([each.shape for each in things], object)
    if scale != 1.0:
        geometry = shapely.transform(  # with Z where there is one, which stubs do not know
            geometry,
            lambda points: points * scale,
            include_z=None,  # type: ignore[call-overload]
        )
    chunk = Chunk(_table(things, scale), geometry, np.arange(len(things), dtype=np.int64))
    chunks = partial(_cut, chunk)
    return OpenLayer(name, (name,), "Unknown", "", "", next(chunks()), chunks, len(things))


def _cut(whole: Chunk) -> Iterator[Chunk]:
    for start in range(0, len(whole), BATCH_SIZE):
        part = slice(start, start + BATCH_SIZE)
        table = whole.table.slice(start, BATCH_SIZE)
        yield Chunk(table, whole.geometry[part], whole.numbers[part])


def _table(things: Sequence[Drawn], scale: float) -> pa.RecordBatch:
    rows = [
        {"handle": each.handle, "layer": each.layer, "entity": each.kind, **each.said}
        for each in things
    ]
    names = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
    columns = []
    for name in names:
        column = [row.get(name) for row in rows]
        if name == "ground_height":
            column = [each * scale if isinstance(each, float) else each for each in column]
        columns.append(_column(column))
    return pa.RecordBatch.from_arrays(columns, list(names))


def _column(values: list[Any]) -> pa.Array:
    known = [each for each in values if each is not None]
    if all(isinstance(each, int) for each in known):
        return pa.array(values, pa.int64())
    if all(isinstance(each, (int, float)) for each in known):
        return pa.array(values, pa.float64())
    return pa.array([None if each is None else str(each) for each in values], pa.string())


def _tell(walk: Walk) -> None:
    log = walk.log
    if walk.hidden:
        message = f"{sum(walk.hidden.values())} entities are hidden or on frozen layers, left out"
        hint = "name the layer to load it, or thaw it"
        log.note(Finding("warning", "layers_hidden", message, hint, _counted(walk.hidden)))
    if walk.unread:
        message = f"{sum(walk.unread.values())} entities of other kinds are left out"
        hint = "explode bodies and dimensions in a CAD program to have them"
        log.note(Finding("warning", "left_out", message, hint, _counted(walk.unread)))
    if walk.undecoded:
        message = f"{walk.undecoded} texts hold bytes that are no text; they are marked with \ufffd"
        log.note(Finding("warning", "text_not_decoded", message, "set the encoding"))


def _counted(counts: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(12))
