"""The command that shows the sample city."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import webapp
from cim.errors import NotFoundError
from cim.store import create_city, open_city
from ingest import delivery, load_files
from webapp import MAX_UPLOAD
from webapp.cli.output import Command, Meter, emit, say
from webapp.cli.serving import MEBIBYTE, start

CITY = "kaifeng.city"
FILES = "files"
DELIVERY = "delivery.toml"


@click.command(
    cls=Command, examples=("cim demo", "cim demo --port 0", "cim demo kaifeng --no-serve")
)
@click.argument("folder", default="demo", type=click.Path(path_type=Path, file_okay=False))
@click.option("--serve/--no-serve", default=True, help="Serve it when it is made.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535),
    help="Port; 0 takes a free one.",
)  # fmt: skip
def demo(folder: Path, serve: bool, port: int, as_json: bool) -> None:
    """Make the sample city, load it and serve it.

    A made-up district modelled on Kaifeng: a script of the checkout puts its files into
    FOLDER/files; they are loaded into FOLDER/kaifeng.city. A city that is there already is served
    as it is.
    """
    city = folder / CITY
    made = not city.exists()
    if made:
        _make(folder, city, quiet=as_json)
    with open_city(str(city)) as store:
        about = {"city": str(city), "name": store.name, "version": store.version(), "made": made}
    if serve:
        start(
            str(city), about, as_json, host="127.0.0.1", port=port, clearance="internal",
            threads=8, max_upload=MAX_UPLOAD // MEBIBYTE, allow_host=(), writable=None,
        )  # fmt: skip
    elif as_json:
        emit(about)
    else:
        say([f"{about['name']} is at {city}: cim serve {city}"])


def _make(folder: Path, city: Path, quiet: bool) -> None:
    """The files, then the city: it appears under its name when everything is loaded."""
    files = folder / FILES
    folder.mkdir(parents=True, exist_ok=True)
    if not (files / DELIVERY).exists():
        _tell("making the files of the sample city …", quiet)
        _maker()(files)
    unfinished = folder / f".making-{os.getpid()}.city"
    try:
        plan, _ = delivery(files / DELIVERY)
        with create_city(
            str(unfinished), plan.crs, name=plan.name, height_datum=plan.height_datum
        ) as store:
            _tell("loading them …", quiet)
            with Meter(quiet=quiet) as meter:
                load_files(store, [files / DELIVERY], progress=meter)
        unfinished.rename(city)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _tell(message: str, quiet: bool) -> None:
    if not quiet:
        click.echo(message, err=True)


def _maker() -> Callable[[Path], Any]:
    """The script's function `make`.

    Raises
    ------
    NotFoundError
        If this is no checkout: the script is not part of the installed packages.
    """
    scripts = Path(webapp.__file__).resolve().parents[1] / "data"
    if not (scripts / "make_city.py").is_file():
        raise NotFoundError(
            "the script that makes the sample city is not here",
            where=str(scripts / "make_city.py"),
            hint="run cim demo in a checkout of the repository",
        )
    sys.path.insert(0, str(scripts))
    try:
        make: Callable[[Path], Any] = importlib.import_module("make_city").make
    finally:
        sys.path.remove(str(scripts))
    return make
