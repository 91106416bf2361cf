"""Commands about a city as a whole: init, info, datasets, loads, undo, check."""

from pathlib import Path
from typing import Any

import click

from cim.geodesy.heights import check_grid, keep_grid
from cim.model import Coverage
from cim.store import create_city, open_city
from webapp.cli.location import city_argument
from webapp.cli.output import Command, Refusal, emit, fields, say, table


@click.command(
    cls=Command,
    examples=(
        "cim init Kaifeng.city --crs EPSG:4547 --height-datum EPSG:5737",
        "cim init postgresql://planner@db.example.org/kaifeng --crs EPSG:4547",
    ),
)
@city_argument
@click.option("--crs", required=True, help="Projected system in metres, such as EPSG:4547.")
@click.option("--name", default="", help="Name of the city; else the folder's.")
@click.option("--height-datum", default="", help="What heights refer to, such as EPSG:5737.")
@click.option(
    "--geoid", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE",
    help="Grid of the quasi-geoid there (GTX, GeoTIFF): joins ellipsoidal heights and the datum.",
)  # fmt: skip
def init(city: str, as_json: bool, geoid: Path | None, **about: str) -> None:
    """Make a new, empty city.

    CITY is a folder, or the postgresql:// URL of a database with PostGIS.
    """
    crs = about.pop("crs")
    if geoid is not None:
        check_grid(geoid)
    with create_city(city, crs, **about) as store:
        found = store.info()
        if geoid is not None:
            keep_grid(geoid, store.folder)
    if as_json:
        emit(
            {
                "city": city,
                "name": found.name,
                "crs": found.crs,
                "height_datum": found.height_datum,
                "version": found.version,
            }
        )
    else:
        say([f"made {found.name} at {city} in {found.crs}"])


@click.command(cls=Command, examples=("cim info Kaifeng.city", "cim info Kaifeng.city --json"))
@city_argument
def info(city: str, as_json: bool) -> None:
    """What a city holds.

    Objects per class, extent in WGS 84, data sets, coverages and version.
    """
    with open_city(city) as store:
        found, datasets, coverages = store.info(), store.datasets(), store.coverages()
    head = {
        "name": found.name,
        "version": found.version,
        "crs": found.crs,
        "height_datum": found.height_datum,
        "bbox": found.bbox,
        "objects": sum(found.classes.values()),
    }
    rasters = [_raster(each) for each in coverages]
    if as_json:
        more = {"classes": dict(found.classes), "datasets": datasets, "coverages": rasters}
        emit({"city": city} | head | more)
        return
    say(fields(head | {"data sets": len(datasets)}))
    rows = [{"class": name, "objects": count} for name, count in found.classes.items()]
    say(["", *table(rows, ("class", "objects"))] if rows else [])
    say(["", *table(rasters, ("name", "kind", "crs", "width", "height"))] if rasters else [])


def _raster(coverage: Coverage) -> dict[str, Any]:
    return {
        "name": coverage.name,
        "kind": coverage.kind,
        "crs": coverage.crs,
        "bbox": coverage.bounds,
        "width": coverage.width,
        "height": coverage.height,
        "bands": coverage.bands,
        "valid_from": coverage.valid_from,
        "sha256": coverage.sha256,
        "access": coverage.access,
    }


@click.command(cls=Command, examples=("cim datasets Kaifeng.city",))
@city_argument
def datasets(city: str, as_json: bool) -> None:
    """The data sets of a city.

    Where each came from, its licence, and its coordinate system as understood.
    """
    with open_city(city) as store:
        found = store.datasets()
    if as_json:
        emit({"datasets": found})
    else:
        say(table(found, ("dataset", "objects", "coverages", "reader", "crs", "licence")))


@click.command(cls=Command, examples=("cim loads Kaifeng.city",))
@city_argument
def loads(city: str, as_json: bool) -> None:
    """What was loaded into a city, when and by whom.

    The number of a load is what cim undo wants.
    """
    with open_city(city) as store:
        found = store.loads()
    if as_json:
        emit({"loads": found})
        return
    counts = ("new", "changed", "same", "ended", "rejected_count")
    say(table(found, ("load", "dataset", "file", "recorded", "by", "status", *counts)))


@click.command(cls=Command, examples=("cim undo Kaifeng.city 3",))
@city_argument
@click.argument("load", type=click.IntRange(0, 2**31 - 1))
def undo(city: str, load: int, as_json: bool) -> None:
    """Undo a load.

    The city is again as it was before; the load stays on record as undone. It can be undone as
    long as no later load stands on it.
    """
    with open_city(city) as store:
        done = store.undo(load)
    if as_json:
        emit(done)
    else:
        say([f"load {load} is undone", *fields(done)])


@click.command(cls=Command, examples=("cim check Kaifeng.city", "cim check Kaifeng.city --repair"))
@city_argument
@click.option("--repair", is_flag=True, help="Mend what can be mended without losing anything.")
def check(city: str, repair: bool, as_json: bool) -> None:
    """Verify that a city's store is whole.

    Orphans, the spatial index against the table, geometries, checksums of coverages. Ends with 1
    if a problem is left; each says how it is repaired.
    """
    with open_city(city) as store:
        done = store.repair() if repair and store.check() else []
        problems = store.check()
    names = ("what", "where", "remedy", "repairable")
    rows = [{name: getattr(each, name) for name in names} for each in problems]
    if as_json:
        emit({"city": city, "ok": not rows, "problems": rows, "repaired": done})
    else:
        say([f"repaired: {each}" for each in done])
        say(table(rows, names[:3]) if rows else ["everything is in order"])
    if rows:
        mendable = not repair and any(each.repairable for each in problems)
        advice = f"try cim check {city} --repair" if mendable else "see the remedies"
        raise Refusal(f"{city}: problems found: {len(rows)} ({advice})")
