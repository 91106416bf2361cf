"""One data set into the city, all or nothing: read, normalise, store."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cim.errors import SourceError
from cim.meshes import Meshes
from cim.model import Batch, Coverage, Dataset, Finding, Rejection
from cim.store import Delivery, OpenLoad, Store
from ingest import amend
from ingest.area import refuse_far_away, total_bounds
from ingest.attached import Attachment
from ingest.catalogue import reader_for
from ingest.delivery import Item, dataset_name
from ingest.doctor import examine
from ingest.elevations import Elevations
from ingest.fingerprint import file_digest, fingerprint
from ingest.fit import city_findings
from ingest.guard import ASK_DOCTOR, about, numbers_may_overflow, workplace
from ingest.isolation import FINISHING, deaf
from ingest.normalise import Normaliser
from ingest.parents import Parents
from ingest.profile import mend, resolved
from ingest.reader import Reader, Reading, ReadOptions
from ingest.report import Follow, LoadReport, Progress

NAMED_BY_NUMBER: Final = frozenset({"id_from_number", "id_repeats"})
"""Findings of readers that name objects by their place in the file."""
READ: Final = "read_by_file"
"""Note of a load: per file, objects read, rejected before the store, rejected by the store."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How data sets are loaded."""

    dry_run: bool = False
    keep_absent: bool = False
    follow: Follow = deaf
    fix: bool = False
    """Whether the doctor's unambiguous fixes are applied."""


@dataclass(frozen=True, slots=True)
class Task:
    """A data set on its way into a store."""

    store: Store
    dataset: str
    items: Sequence[Item]
    manner: Manner

    @property
    def several(self) -> bool:
        """Whether more than one file makes the data set, now or with what it holds already."""
        return len(self.items) > 1 or self.manner.keep_absent


@dataclass(frozen=True, slots=True)
class _Source:
    """One file of it."""

    item: Item
    reader: Reader
    digest: str
    prefix: str
    """Tells it from the other files of its data set."""

    @property
    def name(self) -> str:
        """The file, for messages."""
        return self.item.file.name


def load_dataset(task: Task, reports: list[LoadReport]) -> None:
    """Load it, or leave it as it was; `reports` gets one for each file that was begun."""
    store, manner = task.store, task.manner
    sources = [_prepared(each, task) for each in _sources(task)]
    told = [(each.item, each.reader, each.digest) for each in sources]
    mark = fingerprint(told, store.crs_name, manner.keep_absent)
    if store.delivered(task.dataset) == mark:
        reports += _unchanged(task)
        return
    delivery = Delivery(
        dataset=Dataset(task.dataset),
        file=", ".join(each.name for each in sources),
        fingerprint=mark,
        keep_absent=manner.keep_absent,
        dry_run=manner.dry_run,
    )
    parents = Parents(several=task.several)
    with store.load(delivery) as opened, numbers_may_overflow():
        for source in sources:
            reports.append(LoadReport(source.name, task.dataset, source.reader.name))
            with about(source.item.file), workplace(store.folder) as work:
                _load_file(task, opened, source, (work, parents, reports[-1]))
        if not manner.keep_absent:
            reports[-1].findings += parents.findings()
        opened.notes |= _notes(reports)
        manner.follow(Progress(sources[-1].name, FINISHING, 0, None))
    for report in reports:
        report.load, report.dry_run = opened.id, manner.dry_run
    reports[-1].ended = opened.counts.ended
    reports[-1].names |= opened.counts.taken()


def _sources(task: Task) -> Iterator[_Source]:
    stems = [dataset_name(item.file) for item in task.items]
    unique = len(set(stems)) == len(stems)
    for item, stem in zip(task.items, stems, strict=True):
        with about(item.file):
            prefix = stem if unique else f"{item.file.parent.name}/{stem}"
            yield _Source(item, reader_for(item.file), file_digest(item.file), prefix)


def _prepared(source: _Source, task: Task) -> _Source:
    """The same with its mapping profile, and what the doctor can mend without asking."""
    item, store = source.item, task.store
    with about(item.file):
        known = resolved(item.file, item.options, source.reader.name, store, task.dataset)
        options, notes = known.options, known.findings
        if task.manner.fix:
            mended = mend(
                lambda tried: examine(item.file, tried, store=store, dataset=task.dataset), options
            )
            options = mended.options
            notes += tuple(
                Finding("info", "fix_applied", f"{each['title']} ({each['code']})")
                for each in mended.applied
            )
    return replace(source, item=replace(item, options=options, notes=notes))


def _notes(reports: Sequence[LoadReport]) -> dict[str, Any]:
    return {
        "read": sum(report.read for report in reports),
        "datastreams": sum(report.datastreams for report in reports),
        "observations": sum(report.observations for report in reports),
        "warnings": [text for report in reports for text in report.as_dict()["warnings"]],
    }


def _load_file(
    task: Task, opened: OpenLoad, source: _Source, how: tuple[Path, Parents, LoadReport]
) -> None:
    work, parents, report = how
    before = _counts(opened)
    reading = amend.opened(source.reader, source.item.file, source.item.options, work)
    _describe(report, reading)
    normaliser = Normaliser(reading.crs or task.store.crs_name, task.store.crs_name)
    elevations = Elevations(task.store, reading.height_datum)
    attachment = Attachment(task.store, source.item.options.object)
    try:
        _refuse_on_error(reading, source.name)
        read = _put_coverages(task, opened, reading, source)
        for batch in map(attachment.batch, _placed(task, reading, source)):
            read += len(batch)
            kept = _filled(elevations.batch(normaliser.batch(batch)), source.item.options)
            parents.note(kept.objects)
            opened.put(kept)
            task.manner.follow(Progress(source.name, "reading", read, reading.total))
        _refuse_on_error(reading, source.name)
    finally:
        report.rejected = [*reading.rejected, *normaliser.rejected]
        report.findings = [*source.item.notes, *reading.findings, *normaliser.findings()]
    opened.rejected += report.rejected
    report.findings += [*elevations.findings(), *attachment.findings()]
    report.read = read + len(reading.rejected)
    report.datastreams, report.observations = attachment.datastreams, attachment.observations
    _count(report, opened, before)
    _refuse_nothing(report)
    opened.dataset = _dataset(source, reading)


def _count(report: LoadReport, opened: OpenLoad, before: tuple[int, int, int, int, int]) -> None:
    """What the store did with the file, and what it refused."""
    own = len(report.rejected)
    report.rejected += opened.counts.rejected[before[4] :]
    opened.notes.setdefault(READ, []).append((report.read, own, len(report.rejected) - own))
    after = _counts(opened)
    report.new, report.changed, report.same = (
        late - early for early, late in zip(before[:3], after[:3], strict=True)
    )
    report.names = opened.counts.taken()


def _counts(opened: OpenLoad) -> tuple[int, int, int, int, int]:
    counts = opened.counts
    return (counts.new, counts.changed, counts.same, counts.ended, len(counts.rejected))


def _refuse_on_error(reading: Reading, where: str) -> None:
    errors = [each for each in reading.findings if each.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise SourceError(errors[0].message + more, where=where, hint=errors[0].hint)


def _refuse_nothing(report: LoadReport) -> None:
    """No object and no error is an error."""
    if report.new + report.changed + report.same + report.datastreams:
        return
    if not report.rejected:
        raise SourceError("it holds no objects", where=report.file, hint="is it the right file?")
    first = report.rejected[0]
    raise SourceError(
        f"all {len(report.rejected)} objects were rejected; the first, {first.object}:"
        f" {first.reason}",
        where=report.file,
        hint=ASK_DOCTOR,
    )


def _placed(task: Task, reading: Reading, source: _Source) -> Iterator[Batch]:
    """The batches of the file, which is known to lie where the city is."""
    crs, city = reading.crs, task.store.crs_name
    checked = False
    for batch in reading.batches:
        if not crs and ("geometry" in batch.objects or len(batch.meshes)):
            raise SourceError(
                "nobody knows its coordinate system",
                where=source.name,
                hint="say it with --crs EPSG:…",
            )
        bounds = None if checked else total_bounds([batch])
        if bounds is not None:
            refuse_far_away(bounds, crs, city, source.name)
            reading.findings += city_findings(task.store, reading, batch, task.dataset)
            checked = True
        numbered = any(each.code in NAMED_BY_NUMBER for each in reading.findings)
        yield _told_apart(batch, f"{source.prefix}.") if task.several and numbered else batch


def _told_apart(batch: Batch, prefix: str) -> Batch:
    """The same objects under names that no other file of the data set gives."""
    objects = batch.objects.assign(object_id=prefix + batch.objects["object_id"].astype(str))
    meshes = Meshes.of(batch.meshes)
    meshes = meshes.renamed(prefix + each for each in meshes.object_ids)
    nodes, edges = (
        None if table is None else table.assign(object_id=prefix + table["object_id"].astype(str))
        for table in (batch.nodes, batch.edges)
    )
    series = tuple(each.told_apart(prefix) for each in batch.series)
    return replace(batch, objects=objects, meshes=meshes, nodes=nodes, edges=edges, series=series)


def _put_coverages(task: Task, opened: OpenLoad, reading: Reading, source: _Source) -> int:
    for coverage in reading.coverages:
        refuse_far_away(coverage.bounds, "EPSG:4326", task.store.crs_name, source.name)
        level = source.item.options.access or coverage.access
        opened.put_coverage(replace(_named(coverage, task, source), access=level))
    return len(reading.coverages)


def _named(coverage: Coverage, task: Task, source: _Source) -> Coverage:
    """One raster takes the name of its data set; several keep their own behind it."""
    plain = {source.item.file.stem, task.dataset, ""}
    parts = [task.dataset, source.prefix if task.several else ""]
    parts.append("" if coverage.name in plain else coverage.name)
    return replace(coverage, name="/".join(each for each in parts if each))


def _filled(batch: Batch, options: ReadOptions) -> Batch:
    """The user's day of validity and level of access, where the source gives none of its own."""
    told = {name: getattr(options, name) for name in ("valid_from", "access")}
    objects = batch.objects
    for name, value in told.items():
        if value:
            own = objects.get(name, pd.Series(None, objects.index, dtype=object))
            objects = objects.assign(**{name: own.where(own.notna(), value)})
    series = tuple(each.closed(options.access) for each in batch.series)
    return replace(batch, objects=objects, series=series)


def _describe(report: LoadReport, reading: Reading) -> None:
    report.crs, report.crs_source = reading.crs, reading.crs_source
    report.encoding, report.height_datum = reading.encoding, reading.height_datum
    report.length_unit = reading.length_unit


def _dataset(source: _Source, reading: Reading) -> Dataset:
    item = source.item
    given = asdict(item.options)
    return Dataset(
        name=item.dataset,
        uri=item.file.resolve().as_uri(),
        sha256=source.digest,
        reader=source.reader.name,
        licence=item.licence,
        attribution=reading.attribution,
        crs=reading.crs,
        crs_source=reading.crs_source,
        encoding=reading.encoding,
        height_datum=reading.height_datum,
        length_unit=reading.length_unit,
        options={key: value for key, value in given.items() if value},
    )


def _unchanged(task: Task) -> Iterator[LoadReport]:
    """The files are, byte for byte, what the data set was last loaded from."""
    store = task.store
    entry = next(each for each in store.datasets() if each["dataset"] == task.dataset)
    last = next(each for each in store.loads() if each["dataset"] == task.dataset)
    rejected = iter([Rejection(**each) for each in last["rejected"]])
    counts = last[READ]
    own = [list(itertools.islice(rejected, count)) for _, count, _ in counts]
    again = [list(itertools.islice(rejected, count)) for _, _, count in counts]
    for item, (read, *refused), first, then in zip(task.items, counts, own, again, strict=True):
        yield LoadReport(
            file=item.file.name,
            dataset=item.dataset,
            reader=entry["reader"],
            read=read,
            same=read - sum(refused),
            rejected=first + then,
            crs=entry["crs"],
            crs_source=entry["crs_source"],
            encoding=entry["encoding"],
            height_datum=entry["height_datum"],
            length_unit=entry["length_unit"],
            findings=[Finding("info", "identical", "the file is the one loaded last")],
            dry_run=task.manner.dry_run,
        )
