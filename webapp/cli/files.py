"""Commands about files: load, doctor."""

from pathlib import Path
from typing import Any

import click

from cim.schema import CLASSES, COVERAGE_KINDS, NETWORKS
from cim.store import open_city
from ingest import PartlyLoadedError, load_files
from ingest.doctor import examine
from ingest.reader import ReadOptions
from webapp.arguments import pair
from webapp.cli.location import city_argument
from webapp.cli.output import Command, Meter, Refusal, described, emit, fields, say, table

files_argument = click.argument(
    "files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
COUNTS = ("read", "new", "changed", "same", "ended")
STEERING = ("name", "dry_run", "keep_absent", "rejects")
REJECTIONS_SHOWN = 10


def _reading_options(command: Any) -> Any:
    """`command` with the options that say what a file does not say about itself."""
    options = (
        click.option("--crs", default="", help="Coordinate system: EPSG:4549, GCJ-02, WKT …"),
        click.option("--encoding", default="", help="Encoding of text, such as GBK."),
        click.option(
            "--class", "class_name", default="", metavar="CLASS",
            help=f"Class of every object: {', '.join(CLASSES)}.",
        ),
        click.option("--id-field", default="", help="Field that names each object."),
        click.option("--layer", default="", help="Layer of a file that has several."),
        click.option(
            "--field", "fields", multiple=True, metavar="SRC=COLUMN",
            help="Field of the file for a column of the dictionary; may be repeated.",
        ),
        click.option(
            "--kind", default="", type=click.Choice(["", *COVERAGE_KINDS]), metavar="KIND",
            help=f"Kind of a raster: {', '.join(COVERAGE_KINDS)}.",
        ),
        click.option(
            "--network", default="", type=click.Choice(["", *NETWORKS]), metavar="NETWORK",
            help=f"Network of lines and nodes: {', '.join(NETWORKS)}.",
        ),
        click.option("--height-datum", default="", help="What the file's heights refer to."),
        click.option("--valid-from", default="", metavar="DATE", help="Day it became true."),
    )  # fmt: skip
    for each in reversed(options):
        command = each(command)
    return command


def _read_options(given: dict[str, Any]) -> ReadOptions:
    pairs = dict(pair(each, "--field") for each in given.pop("fields"))
    return ReadOptions(**given, fields=pairs)


@click.command(
    cls=Command,
    examples=(
        "cim load Kaifeng.city buildings.geojson",
        "cim load Kaifeng.city 管线.shp --encoding GBK --class Pipe --network water",
        'cim load Kaifeng.city shops.csv --crs GCJ-02 --name "Shops 2024" --dry-run',
        "cim load Kaifeng.city dem.tif --kind terrain --height-datum EPSG:5737",
    ),
)
@city_argument
@files_argument
@click.option("--name", default="", help="Name of the data set; else the file's.")
@_reading_options
@click.option("--keep-absent", is_flag=True, help="Keep objects that the file no longer has.")
@click.option("--dry-run", is_flag=True, help="Read and compare, but change nothing.")
@click.option(
    "--rejects", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the objects that were rejected here, as CSV.",
)  # fmt: skip
def load(city: str, files: tuple[Path, ...], as_json: bool, **asked: Any) -> None:
    """Load files into a city.

    Each data set is loaded whole or not at all; one that cannot be read leaves the others their
    chance. Loading the same again changes nothing; objects that changed get a new version; those
    that are gone from the file end (unless --keep-absent). A delivery.toml stands for the data
    sets that it lists.
    """
    steering = {key: asked.pop(key) for key in STEERING}
    options = _read_options(asked)
    refused: PartlyLoadedError | None = None
    with open_city(city) as store, Meter(quiet=as_json) as meter:
        try:
            reports = load_files(store, files, options=options, progress=meter, **steering)
        except PartlyLoadedError as error:
            reports, refused = list(error.reports), error
    found: dict[str, Any] = {
        "loads": [each.as_dict() for each in reports],
        **({"dry_run": True} if steering["dry_run"] else {}),
    }
    if not as_json:
        for each in found["loads"]:
            say(_told(each))
    if refused is not None:
        failed = [{"dataset": name, **described(why)} for name, why in refused.failures.items()]
        raise Refusal(refused, as_json, {**found, "failed": failed})
    if as_json:
        emit(found)


def _told(report: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{report[key]:,} {key}" for key in COUNTS)
    lines = [f"{report['dataset']}: {counts}"]
    lines += [f"  {key}: {report[key]}" for key in ("crs", "encoding") if report.get(key)]
    lines += [f"  warning: {each}" for each in report["warnings"]]
    rejected = report["rejected"]
    if rejected:
        lines.append(f"  {len(rejected):,} rejected")
        shown = rejected[:REJECTIONS_SHOWN]
        lines += [f"    {each['object']}: {each['reason']} ({each['code']})" for each in shown]
    if len(rejected) > REJECTIONS_SHOWN:
        lines.append("    … (--rejects FILE writes them all)")
    return lines


@click.command(cls=Command, examples=("cim doctor buildings.shp", "cim doctor *.ifc --json"))
@files_argument
@_reading_options
def doctor(files: tuple[Path, ...], as_json: bool, **reading: Any) -> None:
    """Examine files before loading them.

    What each is, its coordinate system, encoding, units and height datum as understood, what it
    holds, and what is wrong with it. Changes nothing. Ends with 1 if a file cannot be read.
    """
    options = _read_options(reading)
    found = [examine(path, options) for path in files]
    if as_json:
        emit({"files": found})
    else:
        for each in found:
            say([*_diagnosis(each), ""])
    refused = [_refused(each) for each in found if not each["loadable"]]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise Refusal(refused[0] + more)


def _refused(report: dict[str, Any]) -> str:
    """Why a file cannot be loaded, in one sentence."""
    first = next((each for each in report["findings"] if each["severity"] == "error"), None)
    if first is None:
        return f"{report['file']}: cannot be loaded"
    hint = f" ({first['hint']})" if first["hint"] else ""
    return f"{report['file']}: {first['message']}{hint}"


def _diagnosis(report: dict[str, Any]) -> list[str]:
    """Plain facts first, then each list of things as a table of its own."""
    lines = fields({key: value for key, value in report.items() if not _rows(value)})
    for key, value in report.items():
        if _rows(value):
            columns = list(dict.fromkeys(name for row in value for name in row))
            lines += ["", f"{key}:", *(f"  {line}" for line in table(value, columns))]
    return lines


def _rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)
