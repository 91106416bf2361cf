"""Commands that read objects: query and show."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from cim.exchange import FORMATS, format_of, losses, write
from cim.exchange.offset import FORMATS_IN_DEGREES, displaced, warning
from cim.geodesy import OFFSET_SYSTEMS
from cim.model import CityModel
from cim.schema import CLASSES
from cim.store import open_city
from webapp.arguments import box, moment, names
from webapp.cli.location import city_argument
from webapp.cli.output import Command, emit, fields, say, table

LARGEST_LIMIT = 2**31 - 1
NESTED = ("attributes", "parents", "children", "meshes", "network", "history", "provenance")


def selecting(formats: Sequence[str] = tuple(FORMATS)) -> Callable[[Any], Any]:
    """A command with the options that say which objects are meant, and where they go."""
    options = (
        click.option(
            "--class", "classes", multiple=True, metavar="CLASS",
            help=f"Only this class; may be repeated: {', '.join(CLASSES)}.",
        ),
        click.option("--bbox", metavar="W,S,E,N", help="Only what meets this box (degrees)."),
        click.option("--where", default="", metavar="CQL2", help="Only where this is true."),
        click.option("--at", metavar="DATE", help="As of this day (ISO 8601); else as of now."),
        click.option(
            "--format", "format_name", type=click.Choice(formats),
            help="Format; else as the file is called, or geojson.",
        ),
        click.option(
            "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
            help="File to write; else standard output.",
        ),
        click.option(
            "--crs", "offset", type=click.Choice(sorted(OFFSET_SYSTEMS)),
            help="Offset degrees as Chinese web maps do (GeoJSON and CSV only).",
        ),
        click.option(
            "--limit", type=click.IntRange(1, LARGEST_LIMIT), metavar="N",
            help="At most so many objects.",
        ),
    )  # fmt: skip

    def optioned(command: Any) -> Any:
        for each in reversed(options):
            command = each(command)
        return command

    return optioned


@click.command(
    cls=Command,
    examples=(
        'cim query Kaifeng.city --class Building --where "height > 50"',
        "cim query Kaifeng.city --bbox 114.33,34.78,114.36,34.81 -o centre.gpkg",
        "cim query Kaifeng.city --class Pipe --at 2015-01-01 --format csv -o pipes2015.csv",
    ),
)
@city_argument
@selecting()
def query(city: str, as_json: bool, **asked: Any) -> None:
    """Select objects and write them in a format of your choice.

    Conditions are CQL2 text over the columns of the data dictionary and the attributes.
    """
    select_and_write(city, asked, as_json)


def select_and_write(city: str, asked: dict[str, Any], as_json: bool) -> None:
    """What was asked for to a file, which is then told about, or to standard output."""
    output: Path | None = asked["output"]
    chosen = FORMATS[asked["format_name"] or (format_of(output) if output else "geojson")]
    if output is None:
        if as_json and chosen.name not in {"geojson", "cityjson"}:
            raise click.UsageError(f"--json and --format {chosen.name} need -o FILE.")
        if not chosen.text and sys.stdout.isatty():
            raise click.UsageError(f"{chosen.title} is not for a terminal: give -o FILE.")
    offset: str | None = asked["offset"]
    if offset and chosen.name not in FORMATS_IN_DEGREES:
        raise click.UsageError(f"--crs {offset} is for geojson and csv, not {chosen.name}.")
    model = _selected(city, asked, meshes=chosen.meshes)
    body = write(displaced(model, offset) if offset else model, output, chosen.name)
    lost = [*losses(model, chosen.name), *([warning(offset)] if offset else [])]
    if output is None:
        sys.stdout.buffer.write(body or b"")
        sys.stdout.buffer.flush()
        return
    told = {"file": str(output), "format": chosen.name, "objects": len(model.objects)}
    tell(told | {"version": model.version, "warnings": lost}, as_json)


def tell(told: dict[str, Any], as_json: bool) -> None:
    """What was written, and what the format could not carry."""
    output = Path(told["file"])
    if as_json:
        files = output.rglob("*") if output.is_dir() else (output,)
        emit(told | {"bytes": sum(each.stat().st_size for each in files if each.is_file())})
        return
    for each in told["warnings"]:
        click.echo(f"warning: {each}", err=True)
    click.echo(f"{told['objects']:,} objects in {output}", err=True)


def _selected(city: str, asked: dict[str, Any], *, meshes: bool) -> CityModel:
    with open_city(city) as store:
        return store.select(**conditions(asked), meshes=meshes)


def conditions(asked: dict[str, Any]) -> dict[str, Any]:
    """What `Store.select` is to be told."""
    return {
        "bbox": box(asked["bbox"], "--bbox") if asked["bbox"] else None,
        "classes": names(list(asked["classes"])),
        "where": asked["where"],
        "at": moment(asked["at"], "--at") if asked["at"] else None,
        "limit": asked["limit"],
    }


@click.command(
    cls=Command,
    examples=(
        "cim show Kaifeng.city B-00042",
        'cim show Kaifeng.city "Buildings 2024/B-00042" --json',
    ),
)
@city_argument
@click.argument("object_id", metavar="OBJECT_ID")
def show(city: str, object_id: str, as_json: bool) -> None:
    """Everything about one object.

    Attributes, parents, children, history and provenance. OBJECT_ID is its identifier, or
    DATASET/IDENTIFIER where two data sets use the same one.
    """
    with open_city(city) as store:
        found = store.describe(store.find(object_id))
    if as_json:
        emit(found)
        return
    say(fields({key: value for key, value in found.items() if key not in NESTED}))
    for key in NESTED:
        value = found.get(key)
        if not value:
            continue
        lines = fields(value) if isinstance(value, dict) else table(value, _columns(value))
        say(["", f"{key}:", *(f"  {line}" for line in lines)])


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
