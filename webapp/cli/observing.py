"""The command that reads time series."""

from pathlib import Path
from typing import Any

import click
import numpy as np

from cim.series import iso
from cim.store import open_city
from cim.store.series import found
from webapp.cli.location import city_argument
from webapp.cli.output import Command, emit, say, table
from webapp.series import csv_lines, span

_LISTED = ("dataset", "datastream_id", "observed_property", "unit", "object_id", "first", "last",
           "count")  # fmt: skip


@click.command(
    cls=Command,
    examples=(
        "cim series Kaifeng.city",
        "cim series Kaifeng.city --of B-00042",
        "cim series Kaifeng.city meters/M17/power --from 2024-05-01 --to 2024-06-01 -o may.csv",
    ),
)
@city_argument
@click.argument("datastream", required=False, default="", metavar="[DATASTREAM]")
@click.option("--of", default="", metavar="OBJECT_ID", help="Only datastreams of this object.")
@click.option("--from", "start", default="", metavar="TIME", help="First moment (ISO 8601; UTC).")
@click.option("--to", "end", default="", metavar="TIME", help="Moment before which it ends.")
@click.option("--format", "kind", type=click.Choice(["csv", "json"]), default="csv",
              help="Format of observations [default: csv].")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
              help="File to write; else standard output.")  # fmt: skip
def series(city: str, datastream: str, as_json: bool, **asked: Any) -> None:
    """Time series: what there is, and what was observed.

    DATASTREAM is its identifier, DATASET/IDENTIFIER or its number; without it all are listed.
    """
    with open_city(city) as store:
        oid = store.find(asked["of"]) if asked["of"] else None
        listed = store.datastreams(oid=oid)
        if not datastream:
            if as_json:
                emit({"datastreams": listed})
            else:
                say(table(listed, _LISTED))
            return
        known = found(listed, datastream)
        times, results = store.observations(
            known["datastream"], *span(asked["start"], asked["end"])
        )
    if as_json or asked["kind"] == "json":
        plain = [None if np.isnan(each) else each for each in results.tolist()]
        emit({"datastream": known, "times": [iso(each) for each in times], "results": plain})
        return
    text = csv_lines(times, results, known["categories"])
    if asked["output"] is None:
        click.echo(text, nl=False)
        return
    asked["output"].write_text(text, encoding="utf-8")
    click.echo(f"{len(times):,} observations in {asked['output']}", err=True)
