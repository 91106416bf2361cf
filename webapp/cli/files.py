"""The options that say what a file does not say about itself."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from cim.errors import ParamError
from cim.schema import ACCESS_LEVELS, CLASSES, COVERAGE_KINDS, NETWORKS
from ingest.meanings import FACTORS
from ingest.profile import merged, read_profile
from ingest.reader import ReadOptions
from webapp.arguments import pair

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
        click.option(
            "--height-offset", default=0.0, metavar="METRES", help="Metres to add to heights."
        ),
        click.option(
            "--length-unit", default="", type=click.Choice(["", *FACTORS]), metavar="UNIT",
            help="Unit of heights that the file does not state: ft, mm …",
        ),
        click.option("--swap-axes", is_flag=True, help="The file has north before east."),
        click.option(
            "--anchor", default="", metavar="LON,LAT,HEIGHT,TURN",
            help="Where the origin of a local model stands, and its turn, degrees clockwise.",
        ),
        click.option(
            "--unit", "units", multiple=True, metavar="SRC=UNIT",
            help="Unit of the numbers of a field, such as 高度=mm; may be repeated.",
        ),
        click.option(
            "--value", "values", multiple=True, metavar="COLUMN:CODE=MEANING",
            help="What a code means, such as function:R=residential; may be repeated.",
        ),
        click.option(
            "--text-repair", default="", metavar="READ>TRUE",
            help="Undo a misreading of text that was saved, such as 'latin-1>GB18030'.",
        ),
        click.option(
            "--profile", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
            help="Mapping profile (TOML or YAML); what is said here stands above it.",
        ),
        click.option("--valid-from", default="", metavar="DATE", help="Day it became true."),
        click.option(
            "--object", default="", metavar="ID",
            help="Object that series belong to: ID, DATASET/ID, or DATASET/* by the file's names.",
        ),
        click.option(
            "--time-zone", default="", metavar="ZONE",
            help="Zone of times that state none, such as +08:00 or Asia/Shanghai.",
        ),
        click.option(
            "--start", default="", metavar="TIME", help="Moment from which seconds are counted."
        ),
        click.option(
            "--access", default="", type=click.Choice(["", *ACCESS_LEVELS]), metavar="LEVEL",
            help=f"Who may see what does not say so: {', '.join(ACCESS_LEVELS)}.",
        ),
    )  # fmt: skip
    for each in reversed(options):
        command = each(command)
    return command


def read_options(given: dict[str, Any]) -> ReadOptions:
    """What `reading_options` took, on top of the profile that is named there.

    Raises
    ------
    SourceError
        If the profile cannot be understood.
    ParamError
        If a pair is none.
    """
    profile = given.pop("profile")
    known = read_profile(profile) if profile is not None else ReadOptions()
    return merged(said_options(given), known)


def said_options(given: dict[str, Any]) -> ReadOptions:
    """What `reading_options` took, without any profile.

    Raises
    ------
    ParamError
        If a pair is none.
    """
    fields, units = (_pairs(given.pop(name), option) for name, option in _PAIRS)
    values: dict[str, dict[str, str]] = {}
    for each in given.pop("values"):
        place, meaning = pair(each, "--value")
        column, colon, code = place.partition(":")
        if not colon or not column:
            hint = "such as function:R=residential"
            raise ParamError(f"{each!r} is not COLUMN:CODE=MEANING", where="--value", hint=hint)
        values.setdefault(column, {})[code] = meaning
    return ReadOptions(**given, fields=fields, units=units, values=values)


_PAIRS: Final = (("fields", "--field"), ("units", "--unit"))


def _pairs(listed: Iterable[str], option: str) -> dict[str, str]:
    return dict(pair(each, option) for each in listed)
