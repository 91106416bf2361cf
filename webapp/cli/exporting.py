"""The command that writes a city for other programs, as data or as solids: export."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from cim.errors import InputError
from cim.exchange import FORMATS, format_of
from cim.store import Store, open_city
from layers.export_request import Part
from layers.exporting import EXPORTS
from layers.exporting import export as write_solids
from webapp.cli.location import city_argument
from webapp.cli.output import Command
from webapp.cli.reading import conditions, select_and_write, selecting, tell


@click.command(
    cls=Command,
    examples=(
        "cim export Kaifeng.city -o kaifeng.gpkg",
        "cim export Kaifeng.city --class Building -o buildings.city.json",
        "cim export Kaifeng.city -o kaifeng.3dtiles",
        "cim export Kaifeng.city --bbox 114.33,34.78,114.36,34.81 -o centre.glb",
    ),
)
@city_argument
@selecting((*FORMATS, *EXPORTS))
def export(city: str, as_json: bool, **asked: Any) -> None:
    """Write a city, or a part of it, to a file.

    The format follows from the name of the file: .geojson, .parquet, .city.json, .gpkg, .csv,
    .glb, or .3dtiles for a folder. What the format cannot carry is told.
    """
    output: Path | None = asked["output"]
    name = asked["format_name"] or (_format_of(output) if output else "")
    if not name:
        raise click.UsageError("Missing option '-o' (or '--format' for standard output).")
    if name not in EXPORTS:
        select_and_write(city, asked, as_json)
        return
    if asked["offset"]:
        raise click.UsageError(f"--crs {asked['offset']} is for geojson and csv, not {name}.")
    if output is None:
        raise click.UsageError(f"--format {name} needs -o FILE.")
    with open_city(city) as store:
        part = _part(store, asked)
        told = {
            "file": str(output),
            "format": name,
            "objects": write_solids(part, output, name),
            "version": store.version(),
            "warnings": list(EXPORTS[name].losses),
        }
    tell(told, as_json)


def _format_of(output: Path) -> str:
    for each in EXPORTS.values():
        if output.name.lower().endswith(each.suffixes):
            return each.name
    try:
        return format_of(output)
    except InputError as error:
        endings = [ending for each in EXPORTS.values() for ending in each.suffixes]
        error.hint = f"{error.hint}, {', '.join(endings)}"
        raise


def _part(store: Store, asked: dict[str, Any]) -> Part:
    wanted = conditions(asked)
    if not any(wanted.values()):
        return Part(store, clearance="secret")
    found = store.select(**wanted).objects
    west, south, east, north = found.total_bounds.tolist()
    return Part(
        store,
        only=found.index.to_numpy(np.int64),
        at=wanted["at"],
        clearance="secret",
        within=(west, south, east, north) if np.isfinite(west) else None,
    )
