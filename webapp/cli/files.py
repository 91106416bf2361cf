"""The command that examines files, and the options that say what a file does not."""

from pathlib import Path
from typing import Any

import click

from cim.schema import CLASSES, COVERAGE_KINDS, NETWORKS
from ingest.examination import ExamineWork, examine_apart
from ingest.reader import ReadOptions
from webapp.arguments import pair
from webapp.cli.output import Command, Refusal, emit, fields, say, table

files_argument = click.argument(
    "files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path)
)


def reading_options(command: Any) -> Any:
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


def read_options(given: dict[str, Any]) -> ReadOptions:
    """What `reading_options` took."""
    pairs = dict(pair(each, "--field") for each in given.pop("fields"))
    return ReadOptions(**given, fields=pairs)


@click.command(cls=Command, examples=("cim doctor buildings.shp", "cim doctor *.ifc --json"))
@files_argument
@reading_options
def doctor(files: tuple[Path, ...], as_json: bool, **reading: Any) -> None:
    """Examine files before loading them.

    What each is, its coordinate system, encoding, units and height datum as understood, what it
    holds, and what is wrong with it. Changes nothing. Ends with 1 if a file cannot be read.
    """
    options = read_options(reading)
    found = [examine_apart(ExamineWork(path, options)) for path in files]
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
