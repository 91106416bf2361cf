"""The command that loads files."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from cim.errors import BusyError, CimError, StoreError
from ingest import LoadReport, PartlyLoadedError, load_apart
from ingest.delivery import items
from ingest.isolation import Limits
from ingest.one_dataset import Manner
from ingest.reader import ReadOptions
from webapp.cli.files import read_options, reading_options
from webapp.cli.location import city_argument
from webapp.cli.output import Command, Meter, Refusal, described, emit, say
from webapp.cli.watching import Arrival, Folder
from webapp.redaction import redact

COUNTS = ("read", "new", "changed", "same", "ended")
REJECTIONS_SHOWN = 10
TOLD = frozenset({"profile_used", "profile_reused", "fix_applied", "series_read"})
"""Codes of findings that are told though nothing is wrong."""
MEBIBYTE = 1 << 20


@click.command(
    cls=Command,
    examples=(
        "cim load Kaifeng.city buildings.geojson",
        "cim load Kaifeng.city 管线.shp --encoding GBK --class Pipe --network water",
        'cim load Kaifeng.city shops.csv --crs GCJ-02 --name "Shops 2024" --dry-run',
        "cim load Kaifeng.city dem.tif --kind terrain --height-datum EPSG:5737",
        "cim load Kaifeng.city 房屋.shp --profile 房屋.toml --fix",
        "cim load Kaifeng.city --watch /srv/deliveries",
    ),
)
@city_argument
@click.argument("files", metavar="[FILE]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the data set; else the file's.")
@reading_options
@click.option("--keep-absent", is_flag=True, help="Keep objects that the file no longer has.")
@click.option("--fix", is_flag=True, help="Apply what the doctor can mend without asking.")
@click.option("--dry-run", is_flag=True, help="Read and compare, but change nothing.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the objects that were rejected here, as CSV.",
)
@click.option(
    "--watch",
    metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False, readable=True),
    help="Load what comes into this folder, as soon as it is there completely, until Ctrl-C.",
)
@click.option(
    "--once",
    is_flag=True,
    help="With --watch: load what is there now, then end.",
)
@click.option(
    "--reader-memory",
    type=click.IntRange(64),
    metavar="MB",
    help="Memory a reader may take [default: three quarters of this machine's].",
)
@click.option(
    "--reader-patience", type=click.FloatRange(1), metavar="SECONDS",
    help="Time a reader may take without any progress [default: 600].",
)  # fmt: skip
def load(city: str, files: tuple[Path, ...], as_json: bool, **asked: Any) -> None:
    """Load files into a city.

    Each data set is loaded whole or not at all; one that cannot be read leaves the others their
    chance. Loading the same again changes nothing; objects that changed get a new version; those
    that are gone from the file end (unless --keep-absent). A delivery.toml stands for the data
    sets that it lists. Readers work in a process of their own: whatever a file does to one, the
    city is as before.
    """
    watched, once = asked.pop("watch"), asked.pop("once")
    if bool(files) == bool(watched) or (once and not watched):
        raise click.UsageError("FILE… or --watch FOLDER is needed, not both.")
    order = _Order(city, asked)
    if watched:
        _watch(Folder(watched, city), order, once=once, as_json=as_json)
        return
    with Meter(quiet=as_json) as meter:
        outcome = order.load(files, meter)
    found = outcome | ({"dry_run": True} if order.manner["dry_run"] else {})
    error = found.pop("error")
    if not as_json:
        for each in found["loads"]:
            say(told(each))
    if isinstance(error, CimError):
        raise Refusal(error, as_json, found)
    if as_json:
        emit(found)


def _watch(folder: Folder, order: "_Order", *, once: bool, as_json: bool) -> None:
    """Load what comes; what cannot be loaded is listed, and tried again when it changes."""
    if not as_json:
        say([f"watching {folder.folder}; Ctrl-C ends it"])
    outcomes: list[dict[str, Any]] = []

    def load_one(path: Path) -> dict[str, Any]:
        with Meter(quiet=as_json) as meter:
            return order.load((path,), meter)

    with contextlib.suppress(KeyboardInterrupt), _terminable():
        while True:
            for arrival in folder.arrivals():
                _take(folder, arrival, outcomes, load_one)
            if once and not folder.pending():
                break
            folder.wait()
    failed = [each for each in outcomes if each["error"]]
    if as_json:
        emit({"files": outcomes})
    else:
        say([f"loaded: {len(outcomes) - len(failed)}, failed: {len(failed)}"])
    if failed:
        names = ", ".join(each["file"] for each in failed)
        raise Refusal(f"not loaded: {names} (mend them; a changed file is tried again)")


def _take(
    folder: Folder,
    arrival: Arrival,
    outcomes: list[dict[str, Any]],
    load_one: Callable[[Path], dict[str, Any]],
) -> None:
    """Load what arrived, note it and say what became of it."""
    try:
        outcome = load_one(arrival.path)
    except BusyError:
        return  # the city is being written to; the next round comes
    except StoreError:
        raise
    except CimError as error:
        outcome = {"loads": [], "error": error}
    problem = str(outcome["error"] or "")
    folder.note(arrival, problem)
    outcomes.append(outcome | {"file": folder.name_of(arrival.path), "error": problem})
    click.echo("".join(f"{line}\n" for line in _lines(outcomes[-1])), nl=False, err=True)


def _lines(outcome: dict[str, Any]) -> list[str]:
    lines = [f"{outcome['file']}: {'not loaded' if outcome['error'] else 'loaded'}"]
    lines += [f"  {line}" for report in outcome["loads"] for line in told(report)]
    return [*lines, *([f"  error: {redact(outcome['error'])}"] if outcome["error"] else [])]


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """A polite request to end is like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Order:
    """What was asked for, whatever the files."""

    def __init__(self, city: str, asked: dict[str, Any]) -> None:
        self.city = city
        self.name, self.rejects = asked.pop("name"), asked.pop("rejects")
        self.manner = {key: asked.pop(key) for key in ("dry_run", "keep_absent", "fix")}
        self.limits = _limits(asked.pop("reader_memory"), asked.pop("reader_patience"))
        self.options: ReadOptions = read_options(asked)

    def load(self, files: tuple[Path, ...], follow: Callable[[Any], None]) -> dict[str, Any]:
        """Load files; ``loads``, ``failed`` if some data sets were, and ``error`` or None."""
        try:
            reports = load_apart(
                self.city,
                items(files, self.name, self.options),
                manner=Manner(**self.manner, follow=follow),
                rejects=self.rejects,
                limits=self.limits,
            )
        except PartlyLoadedError as error:
            failed = [{"dataset": name, **described(why)} for name, why in error.failures.items()]
            return {"loads": _plain(error.reports), "failed": failed, "error": error}
        return {"loads": _plain(reports), "error": None}


def _plain(reports: Sequence[LoadReport]) -> list[dict[str, Any]]:
    return [each.as_dict() for each in reports]


def _limits(memory: int | None, patience: float | None) -> Limits:
    usual = Limits()
    return Limits(
        memory * MEBIBYTE if memory else usual.memory, patience if patience else usual.silence
    )


def told(report: dict[str, Any]) -> list[str]:
    """What became of a file, line by line."""
    counts = ", ".join(f"{report[key]:,} {key}" for key in COUNTS)
    lines = [f"{report['dataset']}: {counts}"]
    lines += [f"  {key}: {report[key]}" for key in ("crs", "encoding") if report.get(key)]
    notes = [each for each in report["findings"] if each["code"] in TOLD]
    lines += [f"  {each['message']}" for each in notes]
    lines += [f"  warning: {each}" for each in report["warnings"]]
    if report["dry_run"]:
        lines += [_first(what, ids, report[what]) for what, ids in report["names"].items() if ids]
    rejected = report["rejected"]
    if rejected:
        lines.append(f"  {len(rejected):,} rejected")
        shown = rejected[:REJECTIONS_SHOWN]
        lines += [f"    {each['object']}: {each['reason']} ({each['code']})" for each in shown]
    if len(rejected) > REJECTIONS_SHOWN:
        lines.append("    … (--rejects FILE writes them all)")
    return lines


def _first(what: str, ids: Sequence[str], count: int) -> str:
    """The first identifiers of what a load would do."""
    shown = ", ".join(ids[:REJECTIONS_SHOWN])
    return f"  {what}: {shown}{' …' if count > REJECTIONS_SHOWN else ''}"
