"""The command that runs analyses."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cim.analyses import ANALYSES
from cim.declare import Param
from cim.errors import ParamError
from cim.keeping import Kept, keep
from cim.store import open_city
from webapp.arguments import pair
from webapp.cli.location import city_argument
from webapp.cli.output import Command, emit, fields, say, table
from webapp.describing import described

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 20


@click.command(
    cls=Command,
    examples=(
        "cim run Kaifeng.city --list",
        "cim run Kaifeng.city ANALYSIS --param name=value",
        "cim run Kaifeng.city spectral_index --keep greenness",
    ),
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@city_argument
@click.argument("analysis", metavar="ANALYSIS", required=False)
@click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated."
)
@click.option("--list", "listed", is_flag=True, help="Show the analyses and their parameters.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the whole table here as CSV.",
)  # fmt: skip
@click.option(
    "--keep",
    "dataset",
    metavar="DATASET",
    help="Make the result part of the city: its rasters as this data set, or the values found"
    " for the objects of this data set that have none.",
)
@click.option("--overwrite", is_flag=True, help="With --keep: also values that are known.")
@click.pass_context
def run(ctx: click.Context, /, city: str, analysis: str | None, **asked: Any) -> None:
    """Run an analysis.

    A parameter may also be given as an option of its own: --water-level 72.5.
    """
    as_json, output = asked["as_json"], asked["output"]
    if asked["listed"]:
        _list(as_json)
        return
    if analysis is None:
        raise click.UsageError("Missing argument 'ANALYSIS' (--list shows them).")
    chosen = ANALYSES[analysis]
    inputs: dict[str, object] = dict(pair(each, "--param") for each in asked["params"])
    inputs |= _own_options(ctx.args)
    kept = None
    with open_city(city) as store:
        result = chosen.run(store, inputs, clearance="secret")
        if asked["dataset"] is not None:
            kept = keep(store, result, asked["dataset"], overwrite=asked["overwrite"])
    if output is not None:
        result.table.to_csv(output, encoding="utf-8")
    if as_json:
        emit(result.as_dict() | ({} if kept is None else {"kept": asdict(kept)}))
        return
    say([chosen.title, "", *fields(result.facts)])
    if output is None:
        _show(result.table)
    if kept is not None:
        say(["", _told(kept)])


def _show(rows: "pd.DataFrame") -> None:
    if len(rows):
        say(["", rows.head(ROWS_SHOWN).to_string()])
    if len(rows) > ROWS_SHOWN:
        say([f"… {len(rows):,} rows (-o FILE writes them all)"])


def _told(kept: Kept) -> str:
    if kept.load is None:
        return f"nothing in {kept.dataset} had to change"
    return f"load {kept.load}: {kept.dataset}, {kept.new:,} new, {kept.changed:,} changed"


def _own_options(given: list[str]) -> dict[str, object]:
    """``--water-level 3`` and ``--water-level=3`` as parameters."""
    found: dict[str, object] = {}
    rest = iter(given)
    for each in rest:
        if not each.startswith("--"):
            raise ParamError(f"{each!r} is unexpected", where="run", hint="--param NAME=VALUE")
        name, equals, value = each[2:].partition("=")
        found[name.replace("-", "_")] = value if equals else next(rest, "")
    return found


def _list(as_json: bool) -> None:
    if as_json:
        emit({"analyses": [described(each) for each in ANALYSES.values()]})
        return
    if not ANALYSES:
        say(["there are no analyses yet"])
    for each in ANALYSES.values():
        rows = [_row(param) for param in each.params]
        lines = table(rows, ("parameter", "unit", "default", "meaning")) if rows else []
        say([f"{each.name}: {each.title}", f"  {each.summary}"])
        say([*(f"  {line}" for line in lines), ""])


def _row(param: Param) -> dict[str, Any]:
    default = "required" if param.required else param.default
    return {
        "parameter": param.name,
        "unit": param.unit,
        "default": default,
        "meaning": param.help,
    }
