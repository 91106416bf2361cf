"""CityGML as a stream of batches: what is read when, and what is said about it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cim.model import Batch, Finding
from cim.schema import OBJECT_COLUMNS
from ingest.citygml import place as citygml_place
from ingest.citygml.appearance import Looks
from ingest.citygml.assembly import Assembly
from ingest.citygml.attributes import Reader
from ingest.citygml.batch import batch_of
from ingest.citygml.codelists import Codelists
from ingest.citygml.dynamizers import dynamizers
from ingest.citygml.faces import FACES, Faces
from ingest.citygml.frame import Frame
from ingest.citygml.geometry import Geometries, local_name
from ingest.citygml.objects import Walker
from ingest.citygml.place import Srs
from ingest.citygml.source import Source, head_of, sources_of
from ingest.cityjson.objects import PROMOTED
from ingest.features import Log
from ingest.reader import Reading, ReadOptions, refuse
from ingest.xml_stream import elements, explained, forget

Floats = NDArray[np.float64]

MEMBERS: Final = ("cityObjectMember", "featureMember", "featureMembers", "member")
BATCH_ROWS: Final = 4096
BATCH_NUMBERS: Final = 400_000
"""Coordinates after which a batch is handed over."""

SAMPLE: Final = 400
"""Polygons looked at to tell where a file is."""

RENAME: Final = dict(PROMOTED) | {
    "validFrom": "valid_from",
    "validTo": "valid_to",
}
"""Attribute → column; an earlier one that says something counts more."""


@dataclass(slots=True)
class _Peek:
    """What the first polygons of a file tell."""

    name: str = ""
    """First srsName."""
    points: list[list[float]] = field(default_factory=list)
    anchors: dict[str, Srs] = field(default_factory=dict)
    """Local systems by the id that a srsName refers to."""


def open_citygml(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a CityGML file, or of all in an archive.

    Raises
    ------
    SourceError
        If it is no CityGML, not well-formed or declares entities.
    """
    sources = sources_of(path)
    if not sources:
        raise refuse(path, "no CityGML is in it", "look into the zip file")
    for source in sources:
        head = head_of(source)
        if head.doctype:
            hint = "remove the line with <!DOCTYPE"
            raise refuse(path, "it declares a document type, which CityGML has no use for", hint)
    peek = _peeked(sources[0], options)
    anchors = {} if options.anchor or options.crs else peek.anchors  # the user knows better
    srs = anchors.get(peek.name.removeprefix("#")) or citygml_place.understood(peek.name)
    points = np.array(peek.points, np.float64).reshape(-1, 3)
    place = citygml_place.placed(peek.name, srs, options, points + srs.shift)
    columns = {column.name for column in OBJECT_COLUMNS} - {"attributes", "geometry", "object_id"}
    rename = RENAME | {name: to for name, to in options.fields.items() if to in columns}
    defaults = {"class": options.class_name} if options.class_name else {}
    frame = Frame(place.srs, peek.name, rename, defaults)
    reading = Reading(
        place.srs.crs,
        place.source,
        encoding=options.encoding or "",
        height_datum=options.height_datum or place.srs.datum,
        rejected=frame.rejected,
        findings=list(place.findings),
    )
    if any(place.srs.shift):
        reading.findings.append(_about_local(peek.name, place.srs))
    said = citygml_place.described(place.srs, options)
    reading.findings += [said] if said else []
    reading.batches = _File(path, sources, options, frame, reading).batches()
    return reading


def _about_local(name: str, srs: Srs) -> Finding:
    at = ", ".join(f"{each:g}" for each in srs.shift)
    message = f"{name} is a local system; the file says where its origin lies, and it was put there"
    return Finding("warning", "local_crs", message, "check it on the map", f"{at} in {srs.crs}")


def _peeked(source: Source, options: ReadOptions) -> _Peek:
    """Look at the beginning of a text for its system and some of its coordinates."""
    found, faces = _Peek(), Faces()
    wanted = (*FACES, "Envelope", "EngineeringCRS", "Point", "LineString")
    with source.opened() as stream, explained(source.path):
        for element in elements(stream, wanted, options.encoding):
            name = local_name(element.tag)
            if name == "EngineeringCRS":
                _anchored(element, found)
                continue
            found.name = found.name or _system(element)
            if name in FACES:
                faces.take(element)
            if len(faces) >= SAMPLE and found.name:
                break
    numbers = faces.numbers[: len(faces.numbers) // 3 * 3]
    found.points = np.array(numbers, np.float64).reshape(-1, 3).tolist()
    return found


def _system(element: Any) -> str:
    """The srsName in effect at an element."""
    while element is not None:
        name = element.get("srsName")
        if name:
            return str(name).strip()
        element = element.getparent()
    return ""


def _anchored(element: Any, found: _Peek) -> None:
    name = next((text for key, text in element.attrib.items() if key.endswith("}id")), "")
    for anchor in element.iter("{*}anchorDefinition"):
        srs = citygml_place.local(anchor.text or "", anchor.get("codeSpace") or "")
        if name and srs.crs:
            found.anchors[name] = srs


@dataclass(slots=True)
class _File:
    """A file on its way into batches."""

    path: Path
    sources: list[Source]
    options: ReadOptions
    frame: Frame
    reading: Reading
    faces: Faces = field(default_factory=Faces)
    found: Counter[str] = field(default_factory=Counter)
    """Elements that a file without objects has."""
    total: int = 0

    def batches(self) -> Iterator[Batch]:
        """All batches; at the end the findings."""
        for source in self.sources:
            yield from self._text(source)
            if head_of(source).dynamic:
                log = Log(findings=self.reading.findings)
                yield from dynamizers(source, MEMBERS, self.options, log)
        if not self.total:
            what = ", ".join(f"{name} {times}" for name, times in self.found.most_common(5))
            problem = f"it has no city objects; its root is {head_of(self.sources[0]).root}"
            raise refuse(self.path, problem, f"found: {what}" if what else "is it complete?")
        self.reading.findings += self.frame.findings()

    def _text(self, source: Source) -> Iterator[Batch]:
        looks = self._looks(source)
        geometries = Geometries(self.faces, looks=looks.targets)
        walker = Walker(geometries, Reader(Codelists(source)), Assembly(geometries, looks))
        waiting: set[int] = set()
        yield from self._pass(source, walker, waiting)
        if waiting:
            missing = self._collected(source, geometries)
            geometries.unresolved.clear()
            yield from self._pass(source, walker, waiting, again=True)
            self.frame.note("missing_reference", len(missing), min(missing, default=""))
        self._tell(walker)

    def _tell(self, walker: Walker) -> None:
        frame = self.frame
        for code, count in walker.counts.items():
            frame.note(code, count, "")
        for unit, count in walker.attributes.units.items():
            frame.note("unknown_unit", count, unit)
        missing = walker.attributes.codelists.missing
        frame.note("codelist_missing", len(missing), ", ".join(sorted(missing)[:5]))

    def _looks(self, source: Source) -> Looks:
        """Appearances of the whole text, which mostly stand at its end."""
        looks = Looks()
        if source.holds(b"appearanceMember"):
            with source.opened() as stream, explained(source.path):
                for element in elements(stream, ("Appearance", *MEMBERS), self.options.encoding):
                    parent = element.getparent()
                    whole = parent is not None and local_name(parent.tag) == "appearanceMember"
                    if whole and local_name(element.tag) == "Appearance":
                        looks.read(element)
                    if whole or local_name(element.tag) in MEMBERS:
                        forget(element)
        return looks

    def _pass(
        self, source: Source, walker: Walker, waiting: set[int], *, again: bool = False
    ) -> Iterator[Batch]:
        """Batches of the members that refer to nothing elsewhere; `again`, of the others."""
        needed = walker.geometries.unresolved
        for number, member in self._members(source, walker.assembly.looks):
            if again and number not in waiting:
                self.faces.next_member()
                continue
            rows, drafts = len(walker.rows), len(walker.rows.drafts)
            walker.geometries.next_member(member)
            self._features(member, walker)
            if not again and walker.geometries.unresolved:
                waiting.add(number)
                walker.rows.cut(rows, drafts)
                needed |= walker.geometries.unresolved
            self.faces.next_member()
            if self._full(walker):
                yield self._batch(walker)
        walker.geometries.unresolved = needed
        if len(walker.rows):
            yield self._batch(walker)

    def _features(self, member: Any, walker: Walker) -> None:
        for element in member:
            if local_name(element.tag):
                walker.top(element)

    def _full(self, walker: Walker) -> bool:
        return len(walker.rows) >= BATCH_ROWS or len(self.faces.numbers) >= BATCH_NUMBERS

    def _batch(self, walker: Walker) -> Batch:
        batch = batch_of(walker.rows, self.faces, self.frame)
        self.total += len(walker.rows)
        self.faces = walker.geometries.faces = Faces()
        walker.next_batch()
        return batch

    def _members(self, source: Source, looks: Looks) -> Iterator[tuple[int, Any]]:
        """The members of a text with their numbers; each is forgotten when the next is asked."""
        number = 0
        with source.opened() as stream, explained(source.path):
            for element in elements(
                stream, (*FACES, *MEMBERS, "Appearance"), self.options.encoding
            ):
                name = local_name(element.tag)
                if name in FACES:
                    self.faces.take(element)
                elif name == "Appearance":
                    parent = element.getparent()
                    if parent is None or local_name(parent.tag) != "appearanceMember":
                        looks.read(element)
                elif name != "member" or _is_top(element):
                    number += 1
                    yield number, element
                    forget(element)

    def _collected(self, source: Source, geometries: Geometries) -> set[str]:
        """Put what members refer to elsewhere into the library; the ids that are nowhere."""
        missing = set(geometries.unresolved) - geometries.library.keys()
        kept = self.faces
        for _, member in self._members(source, Looks()):
            geometries.next_member(member)
            missing -= {name for name in missing if geometries.keep(name)}
            self.faces = geometries.faces = Faces()
            if not missing:
                break
        self.faces = geometries.faces = kept
        geometries.unresolved = set()
        return missing


def _is_top(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and parent.getparent() is None
