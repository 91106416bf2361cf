"""CityJSON 1.0 to 2.0 and CityJSONSeq: city objects, their surfaces and their footprints.

A CityJSON document is parsed whole and handed over family by family; a CityJSONSeq is read
line by line, so that its size does not matter.
"""

import gc
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from cim.errors import SourceError
from cim.model import Batch, Finding, Rejection
from ingest.cityjson.boundaries import split
from ingest.cityjson.document import (
    Floats,
    Frame,
    check_version,
    doubled_ids,
    extent,
    frame_of,
    json_object,
    opened,
    parsed,
    section,
    uncollected,
)
from ingest.cityjson.geometry import bodies
from ingest.cityjson.objects import (
    MALFORMED,
    CityObject,
    Objects,
    Shared,
    families,
    rejected,
    table,
)
from ingest.reader import BATCH_SIZE, Reader, Reading, ReadOptions, refuse

HEAD: Final = 65_536
"""Bytes looked at to recognise a file."""

DOCUMENT_ROWS: Final = 8192
"""Objects of a CityJSON document that make a batch at most."""

DOCUMENT_BYTES: Final = 2_000_000
"""Bytes of boundaries that make a batch, on average: its arrays are several times as large, and
faster to work on while they fit into the processor's cache."""

SEQUENCE_BYTES: Final = 8_000_000
"""Bytes of a CityJSONSeq that make a batch."""

_TYPE: Final = re.compile(rb'"type"\s*:\s*"(CityJSON|Feature|FeatureCollection|Topology)"')


def _recognised(path: Path) -> bool:
    """Whether a ``.json`` file is CityJSON, wherever in it that is said."""
    if path.name.lower().endswith((".city.json", ".cityjson")):
        return True
    with path.open("rb") as file:
        head = file.read(HEAD)
        found = _TYPE.search(head)
        if found and (b'"CityObjects"' not in head[: found.start()] or found[1] == b"CityJSON"):
            return found[1] == b"CityJSON"
        if len(head) < HEAD:
            return b'"CityObjects"' in head
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return whole.find(b'"CityObjects"') >= 0 and whole.find(b'"CityJSON"') >= 0


def _recognised_sequence(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"CityJSON' in file.read(HEAD)


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    source = parsed(path)
    document = source.document
    objects = document.pop("CityObjects", None)
    if not isinstance(objects, dict):
        raise refuse(path, "CityObjects is missing or no JSON object", "export the file again")
    frame = frame_of(path, document, options)
    if source.vertices is None:
        vertices = frame.vertices(document.pop("vertices", ()))
    else:
        vertices = frame.placed(source.vertices)
    reading = opened(document, options, frame, extent(vertices))
    doubled = doubled_ids(source.text, objects)
    for name, times in doubled.items():
        reading.rejected.append(
            Rejection(name, "duplicate_id", f"{times} objects have this id; the last is loaded")
        )
    reading.total = len(objects)
    reading.batches = _document_batches(frame, objects, vertices, source.size)
    return reading


def _document_batches(
    frame: Frame, objects: dict[str, CityObject], vertices: Floats, size: int
) -> Iterator[Batch]:
    """`size` are the bytes of all boundaries; 0 if they are lists."""
    usable = _sound(frame, objects)
    pool = np.concatenate([vertices, frame.template_vertices])
    templates = (len(vertices), len(frame.template_vertices))
    shared = Shared(frame.materials, frame.templates, templates)
    try:
        for template in frame.templates:
            shared.mend(template)
    except MALFORMED:
        hint = "export the file again"
        raise refuse(frame.path, "its geometry templates are no geometries", hint) from None
    try:
        rows_at_once = max(1, min(DOCUMENT_ROWS, len(usable) * DOCUMENT_BYTES // max(size, 1)))
        for names in _packed(families(usable), rows_at_once):
            with uncollected():
                rows = Objects(list(names), [usable[name] for name in names])
                for row in range(len(rows.ids)):
                    rows.collect(row, vertices, (0, len(vertices)), shared)
                batch = _batch(frame, rows, pool)
            yield batch
    finally:
        usable.clear()
        objects.clear()
        gc.unfreeze()
        _report(frame)


def _packed(groups: Iterator[list[str]], rows: int) -> Iterator[list[str]]:
    """Families put together to batches of about so many objects."""
    batch: list[str] = []
    for family in groups:
        if batch and len(batch) + len(family) > rows:
            yield batch
            batch = []
        batch.extend(family)
    if batch:
        yield batch


def _sound(frame: Frame, objects: Mapping[str, Any]) -> dict[str, CityObject]:
    """The objects that are objects and whose parents exist; the others are rejected."""
    found = {}
    for name, each in objects.items():
        problem = None
        if not isinstance(each, dict) or not isinstance(each.get("type"), str):
            problem = Rejection(name, "bad_object", "no object with a type", repr(each)[:200])
        elif (parents := each.get("parents")) and parents[0] not in objects:
            reason = f"its parent {parents[0]!r} is not in the file"
            problem = Rejection(name, "missing_parent", reason, repr(each)[:200])
        if problem:
            frame.rejected.append(problem)
        else:
            found[name] = each
    return found


def _batch(frame: Frame, rows: Objects, pool: Floats) -> Batch:
    """Rows, meshes and footprints; what cannot be used is rejected by name."""
    try:
        found = bodies(rows.shapes, pool, rows.ids)
    except (TypeError, ValueError, OverflowError, IndexError):
        rows.shapes, bad = split(rows.shapes)
        rows.broken |= bad
        found = bodies(rows.shapes, pool, rows.ids)
    frame.rejected.extend(rejected(rows, "bad_geometry", rows.broken))
    frame.counts.update(hulls=found.hulls, degenerate=found.degenerate, unmatched=found.unmatched)
    objects = table(rows, found, frame.rename, frame.defaults)
    if rows.broken:
        lost = {rows.ids[row] for row in rows.broken}
        objects = objects[~objects["object_id"].isin(lost)].reset_index(drop=True)
        objects.loc[objects["parent_id"].isin(lost), "parent_id"] = None
        found.meshes = found.meshes.only(~np.isin(found.meshes.object_ids, list(lost)))
    return Batch(objects, found.meshes, valid=not rows.plain)


def _report(frame: Frame) -> None:
    texts = {
        "hulls": "footprints are convex hulls, as the surfaces enclose no area in plan",
        "degenerate": "rings with fewer than three corners were left out",
        "unmatched": "geometries have semantics or materials that do not match their faces",
    }
    for code, text in texts.items():
        if frame.counts[code]:
            message = f"{frame.counts[code]} {text}"
            frame.findings.append(Finding("warning", code, message))


def _open_sequence(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    with path.open("rb") as file:
        header = json_object(path, file.readline(), 1)
    check_version(path, header)
    frame = frame_of(path, header, options)
    stated = section(header, "metadata").get("geographicalExtent")
    corners = np.array(stated, np.float64) if isinstance(stated, list) else np.empty(0)
    box = corners[[0, 1, 3, 4]] if corners.shape == (6,) else np.empty(0)
    reading = opened(header, options, frame, box)
    reading.batches = _sequence_batches(frame)
    return reading


def _sequence_batches(frame: Frame) -> Iterator[Batch]:
    seen: set[str] = set()
    with frame.path.open("rb") as file:
        numbered = enumerate(file, 1)
        while lines := list(_some_lines(numbered)):
            with uncollected():
                batch = _sequence_batch(frame, lines, seen)
            gc.unfreeze()
            if len(batch):
                yield batch
    _report(frame)


def _some_lines(numbered: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    size = 0
    for number, line in islice(numbered, BATCH_SIZE):
        if line.strip():
            yield number, line
        size += len(line)
        if size >= SEQUENCE_BYTES:
            return


def _sequence_batch(frame: Frame, lines: Sequence[tuple[int, bytes]], seen: set[str]) -> Batch:
    rows = Objects([], [])
    parts: list[Floats] = [frame.template_vertices]
    size = len(frame.template_vertices)
    shared = Shared(frame.materials, frame.templates, (0, size))
    ranges = []
    for number, line in lines:
        try:
            feature = json_object(frame.path, line, number)
            own = frame.vertices(feature.get("vertices", ()))
        except SourceError as error:
            frame.rejected.append(
                Rejection(
                    f"line {number}", "bad_line", str(error), line[:200].decode("utf-8", "replace")
                )
            )
            continue
        found = feature.get("CityObjects")
        for name, each in _sound(frame, found if isinstance(found, dict) else {}).items():
            if name in seen:
                reason = f"line {number} has an id that an earlier line has"
                frame.rejected.append(Rejection(name, "duplicate_id", reason))
                continue
            seen.add(name)
            rows.ids.append(name)
            rows.objects.append(each)
            ranges.append((size, len(own)))
        parts.append(own)
        size += len(own)
    pool = np.concatenate(parts)
    for row, own_range in enumerate(ranges):
        rows.collect(row, pool, own_range, shared)
    return _batch(frame, rows, pool)


CITYJSON: Final = Reader(
    "cityjson", "CityJSON", (".city.json", ".cityjson", ".json"), _open, _recognised
)
CITYJSONSEQ: Final = Reader(
    "cityjsonseq",
    "CityJSON text sequence",
    (".city.jsonl", ".cityjsonl", ".jsonl"),
    _open_sequence,
    _recognised_sequence,
)
