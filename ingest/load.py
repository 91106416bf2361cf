"""From files to city: find the reader, read, normalise, store — all or nothing per data set."""

import csv
import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from cim import __version__
from cim.errors import SourceError
from cim.model import Batch, Coverage, Dataset, Finding, Rejection
from cim.store import Delivery, OpenLoad, Store
from cim.store.coverages import sha256_of
from ingest.catalogue import reader_for
from ingest.delivery import Item, check_options, items
from ingest.normalise import Normaliser, refuse_far_away, total_bounds
from ingest.reader import Reader, Reading, ReadOptions


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is."""

    file: str
    stage: str
    """``reading`` or ``finishing``."""
    done: int
    total: int | None


@dataclass(slots=True)
class LoadReport:
    """What became of one file."""

    file: str
    dataset: str
    reader: str = ""
    load: int | None = None
    """None if nothing had to be changed, or it was a dry run."""
    read: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    ended: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    crs: str = ""
    crs_source: str = ""
    encoding: str = ""
    height_datum: str = ""
    length_unit: str = "m"
    findings: list[Finding] = field(default_factory=list)
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values; ``warnings`` are the findings as sentences."""
        plain = asdict(self)
        plain["warnings"] = [str(each) for each in self.findings if each.severity != "info"]
        return plain


Follow = Callable[[Progress], None]


def load_files(  # noqa: PLR0913  the options of a load
    store: Store,
    files: Sequence[Path],
    *,
    name: str = "",
    options: ReadOptions | None = None,
    dry_run: bool = False,
    keep_absent: bool = False,
    progress: Follow | None = None,
    rejects: Path | None = None,
) -> list[LoadReport]:
    """Load files into a city, each data set in one transaction.

    Files that go into the same data set are one delivery of it: together they say what is
    there. `rejects` is a CSV file for what was rejected.

    Raises
    ------
    SourceError
        If a file cannot be read; its data set is as it was before.
    StoreError
        If the store cannot be written.
    """
    options = options or ReadOptions()
    check_options(options)
    reports: list[LoadReport] = []
    for dataset, group in itertools.groupby(
        items(files, name, options), key=lambda item: item.dataset
    ):
        reports += _load_dataset(
            store, dataset, list(group), _Manner(dry_run, keep_absent, progress or _ignore)
        )
    if rejects is not None:
        write_rejects(reports, rejects)
    return reports


@dataclass(frozen=True, slots=True)
class _Manner:
    dry_run: bool
    keep_absent: bool
    follow: Follow


def _ignore(progress: Progress) -> None:  # noqa: ARG001
    return None


def _load_dataset(
    store: Store, name: str, group: Sequence[Item], manner: _Manner
) -> list[LoadReport]:
    readers = [reader_for(item.file) for item in group]
    fingerprint = _fingerprint(store, group, readers)
    if store.delivered(name) == fingerprint:
        return [_unchanged(store, item) for item in group]
    delivery = Delivery(
        dataset=Dataset(name),
        file=", ".join(item.file.name for item in group),
        fingerprint=fingerprint,
        keep_absent=manner.keep_absent,
        dry_run=manner.dry_run,
    )
    reports = []
    work_root = store.folder / "work"
    work_root.mkdir(parents=True, exist_ok=True)
    with store.load(delivery) as opened:
        for item, reader in zip(group, readers, strict=True):
            with tempfile.TemporaryDirectory(dir=work_root) as work:
                reports.append(_load_file(store, opened, item, (reader, Path(work), manner)))
        opened.notes |= _notes(reports)
        opened.rejected += [each for report in reports for each in report.rejected]
        manner.follow(Progress(group[-1].file.name, "finishing", 0, None))
        before = sum(report.ended for report in reports)
    for report in reports:
        report.load, report.dry_run = opened.id, manner.dry_run
    reports[-1].ended = opened.counts.ended - before
    return reports


def _notes(reports: Sequence[LoadReport]) -> dict[str, Any]:
    return {
        "read": sum(report.read for report in reports),
        "warnings": [text for report in reports for text in report.as_dict()["warnings"]],
    }


def _load_file(
    store: Store, opened: OpenLoad, item: Item, how: tuple[Reader, Path, _Manner]
) -> LoadReport:
    reader, work, manner = how
    where = item.file.name
    reading = reader.open(item.file, item.options, work)
    _refuse_on_error(reading, where)
    report = LoadReport(file=where, dataset=item.dataset, reader=reader.name)
    before = _counts(opened)
    read = 0
    if reading.coverages:
        read += _put_coverages(store, opened, reading, item)
    batches = iter(reading.batches)
    first = next(batches, None)
    if first is not None:
        normaliser = _normaliser(store, reading, first, where)
        for batch in itertools.chain([first], batches):
            read += len(batch)
            opened.put(_dated(normaliser.batch(batch), item.options))
            manner.follow(Progress(where, "reading", read, reading.total))
        report.rejected += normaliser.rejected
        report.findings += normaliser.findings()
    _refuse_on_error(reading, where)
    report.rejected = [*reading.rejected, *report.rejected]
    report.findings = [*reading.findings, *report.findings, *_datum_finding(store, reading)]
    report.read = read + len(reading.rejected)
    _refuse_nothing(report, opened, before)
    _describe(report, reading)
    after = _counts(opened)
    report.new, report.changed, report.same, report.ended = (
        late - early for early, late in zip(before[:4], after[:4], strict=True)
    )
    report.rejected += opened.counts.rejected[before[4] :]
    opened.dataset = _dataset(item, reader, reading)
    return report


def _counts(opened: OpenLoad) -> tuple[int, int, int, int, int]:
    counts = opened.counts
    return (counts.new, counts.changed, counts.same, counts.ended, len(counts.rejected))


def _refuse_on_error(reading: Reading, where: str) -> None:
    errors = [each for each in reading.findings if each.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise SourceError(errors[0].message + more, where=where, hint=errors[0].hint)


def _refuse_nothing(
    report: LoadReport, opened: OpenLoad, before: tuple[int, int, int, int, int]
) -> None:
    """No object and no error is an error."""
    counts = _counts(opened)
    if sum(counts[:4]) > sum(before[:4]):
        return
    refused = [*report.rejected, *opened.counts.rejected[before[4] :]]
    if refused:
        raise SourceError(
            f"all {len(refused)} objects were rejected; the first, {refused[0].object}:"
            f" {refused[0].reason}",
            where=report.file,
            hint="`cim doctor` tells more",
        )
    raise SourceError("it holds no objects", where=report.file, hint="`cim doctor` tells more")


def _put_coverages(store: Store, opened: OpenLoad, reading: Reading, item: Item) -> int:
    for coverage in reading.coverages:
        refuse_far_away(coverage.bounds, "EPSG:4326", store.crs_name, item.file.name)
        opened.put_coverage(_named(coverage, item))
    return len(reading.coverages)


def _named(coverage: Coverage, item: Item) -> Coverage:
    """One raster takes the name of its data set; several keep their own behind it."""
    stem = item.file.stem
    own = coverage.name if coverage.name not in {stem, item.dataset, ""} else ""
    name = f"{item.dataset}/{own}" if own else item.dataset
    return Coverage(
        name=name,
        kind=coverage.kind,
        path=coverage.path,
        crs=coverage.crs,
        bounds=coverage.bounds,
        width=coverage.width,
        height=coverage.height,
        bands=coverage.bands,
        valid_from=coverage.valid_from,
        sha256=coverage.sha256,
    )


def _normaliser(store: Store, reading: Reading, first: Batch, where: str) -> Normaliser:
    has_places = "geometry" in first.objects or len(first.meshes) > 0
    if has_places and not reading.crs:
        raise SourceError(
            "nobody knows its coordinate system", where=where, hint="say it with --crs EPSG:…"
        )
    source = reading.crs or store.crs_name
    bounds = total_bounds([first])
    if bounds is not None:
        refuse_far_away(bounds, source, store.crs_name, where)
    return Normaliser(source, store.crs_name)


def _dated(batch: Batch, options: ReadOptions) -> Batch:
    """The user's day of validity, where the source gives none of its own."""
    if not options.valid_from:
        return batch
    objects = batch.objects
    own = objects.get("valid_from", pd.Series(None, objects.index, dtype=object))
    objects = objects.assign(valid_from=own.where(own.notna(), options.valid_from))
    return Batch(objects, batch.meshes, batch.nodes, batch.edges)


def _datum_finding(store: Store, reading: Reading) -> Iterator[Finding]:
    if reading.height_datum and store.height_datum and reading.height_datum != store.height_datum:
        yield Finding(
            "warning",
            "height_datum",
            f"its heights are above {reading.height_datum}, the city's above {store.height_datum}:"
            " they were kept as they are",
        )


def _describe(report: LoadReport, reading: Reading) -> None:
    report.crs, report.crs_source = reading.crs, reading.crs_source
    report.encoding, report.height_datum = reading.encoding, reading.height_datum
    report.length_unit = reading.length_unit


def _dataset(item: Item, reader: Reader, reading: Reading) -> Dataset:
    given = asdict(item.options)
    return Dataset(
        name=item.dataset,
        uri=item.file.resolve().as_uri(),
        sha256=_file_digest(item.file),
        reader=reader.name,
        licence=item.licence,
        attribution=reading.attribution,
        crs=reading.crs,
        crs_source=reading.crs_source,
        encoding=reading.encoding,
        height_datum=reading.height_datum,
        length_unit=reading.length_unit,
        options={key: value for key, value in given.items() if value},
    )


def _file_digest(path: Path) -> str:
    """Checksum of a file with its sidecars (.dbf, .prj …), or of all files of a folder."""
    parts = _parts(path)
    if len(parts) == 1:
        return sha256_of(parts[0])
    joined = "\n".join(f"{each.name} {sha256_of(each)}" for each in parts)
    return hashlib.sha256(joined.encode()).hexdigest()


def _parts(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    if path.suffix.lower() == ".shp":
        return sorted(each for each in path.parent.glob(f"{path.stem}.*") if each.is_file())
    return [path]


def _fingerprint(store: Store, group: Sequence[Item], readers: Iterable[Reader]) -> str:
    told = [
        [_file_digest(item.file), item.file.name, reader.name, asdict(item.options), item.licence]
        for item, reader in zip(group, readers, strict=True)
    ]
    return hashlib.sha256(orjson.dumps([told, store.crs_name, __version__])).hexdigest()


def _unchanged(store: Store, item: Item) -> LoadReport:
    """The file is, byte for byte, what the data set was last loaded from."""
    entry = next(each for each in store.datasets() if each["dataset"] == item.dataset)
    last = next(each for each in store.loads() if each["dataset"] == item.dataset)
    return LoadReport(
        file=item.file.name,
        dataset=item.dataset,
        reader=entry["reader"],
        read=int(last.get("read", 0)),
        same=entry["objects"] + entry["coverages"],
        rejected=[Rejection(**each) for each in last["rejected"]],
        crs=entry["crs"],
        crs_source=entry["crs_source"],
        encoding=entry["encoding"],
        height_datum=entry["height_datum"],
        length_unit=entry["length_unit"],
        findings=[Finding("info", "identical", "the file is the one loaded last")],
    )


def write_rejects(reports: Iterable[LoadReport], path: Path) -> None:
    """All that was rejected as CSV: file, object, code, reason, and how it began."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "object", "code", "reason", "raw"])
        for report in reports:
            for each in report.rejected:
                writer.writerow([report.file, each.object, each.code, each.reason, each.raw])
