"""Commands of surveyors: local grids from control points."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import tomli_w
from numpy.typing import NDArray

from cim import geodesy
from cim.errors import InputError, ParamError
from cim.geodesy import localgrid as grids
from ingest.encoding import text_encoding
from webapp.cli.output import Command, emit, fields, say, table

Points = NDArray[np.float64]

NAMES: Final = {
    "from_x": "from_x source_x local_x x1 x_from e1 east1 源x 原x 地方x",
    "from_y": "from_y source_y local_y y1 y_from n1 north1 源y 原y 地方y",
    "from_z": "from_z source_z local_z z1 z_from h1 源z 原z 地方z",
    "to_x": "to_x target_x x2 x_to e2 east2 目标x",
    "to_y": "to_y target_y y2 y_to n2 north2 目标y",
    "to_z": "to_z target_z z2 z_to h2 目标z",
    "point": "point name id 点号 点名",
}
"""What is needed of a table of control points → names of its columns."""


EXAMPLES: Final = (
    "cim localgrid fit points.csv --from 'Kaifeng grid' --to EPSG:4547 -o kaifeng-grid.toml",
    "cim localgrid fit points.csv --from EPSG:2435 --to EPSG:4547 --parameters 7 -o bj54.toml",
)


class _Group(click.Group):
    """A group whose help ends with examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show them as they are typed."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            formatter.write("".join(f"  {each}\n" for each in EXAMPLES))


@click.group(cls=_Group)
def localgrid() -> None:
    """Local grids from control points."""


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """Points known in two systems."""

    names: tuple[str, ...]
    source: Points
    """(n, 3) metres; Z 0 where none is given."""
    target: Points


@localgrid.command(
    cls=Command,
    examples=EXAMPLES,
)
@click.argument("points", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--from", "source", required=True, help="Name of the local grid; with 7 parameters its CRS."
)
@click.option("--to", "target", required=True, help="Projected CRS of the other coordinates.")
@click.option(
    "--parameters", type=click.Choice(["4", "7"]), default="4", show_default=True,
    help="4: shift, turn, scale in the plane; 7: Bursa-Wolf between ellipsoids.",
)  # fmt: skip
@click.option("--northing-first", is_flag=True, help="x is north and y is east, as surveyors have.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="Definition to write; use it as --crs FILE.toml.",
)  # fmt: skip
def fit(points: Path, as_json: bool, **asked: Any) -> None:
    """Fit a local grid to control points.

    POINTS is a CSV table with the columns point, from_x, from_y, to_x, to_y (and from_z, to_z for 7
    parameters); x is east. Shows the residual of every point, the RMS, the degrees of freedom,
    and which points the others contradict.
    """
    control = read_control(points, northing_first=asked["northing_first"])
    made = fitted(control, asked["source"], asked["target"], int(asked["parameters"]))
    output: Path = asked["output"]
    output.write_text(tomli_w.dumps(made), encoding="utf-8")
    if as_json:
        emit(made | {"file": str(output)})
        return
    residuals = made["residuals"]
    say(fields({key: value for key, value in made.items() if key not in ("residuals", "wkt")}))
    say(["", "residuals (metres):", *table(residuals, list(residuals[0]))])
    for each in residuals:
        if each["outlier"]:
            say(
                [f"warning: the other points contradict {each['point']}: check it, or leave it out"]
            )
    say([f"written: {output} (use it with --crs {output})"])


def fitted(control: Control, source: str, target: str, parameters: int) -> dict[str, Any]:
    """The definition of the grid `source` in `target` from control points, as plain values.

    Raises
    ------
    InputError
        If there are too few points, or a CRS cannot be used.
    """
    geodesy.check_city_crs(target)
    if parameters == 4:
        found = grids.fit_four(control.source[:, :2], control.target[:, :2])
        wkt = grids.four_crs(source, target, found)
    else:
        geodesy.named_crs(source)
        before = grids.geocentric(source, control.source)
        found = grids.fit_seven(before, grids.geocentric(target, control.target))
        wkt = grids.seven_crs(source, found)
    told = grids.described(control.names, found)
    return {"name": source, "target": target, **told, "wkt": wkt}


def read_control(path: Path, *, northing_first: bool = False) -> Control:
    """The control points of a CSV table.

    Raises
    ------
    InputError
        If columns are missing, or a coordinate is no number.
    """
    try:
        with path.open(encoding=text_encoding(path).name, newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    columns = _columns(rows[0] if rows else {}, path)
    names = [
        row.get(columns.get("point", ""), "") or f"point {at + 1}" for at, row in enumerate(rows)
    ]
    sides = [_side(rows, columns, side, path) for side in ("from", "to")]
    if northing_first:
        sides = [each[:, [1, 0, 2]] for each in sides]
    return Control(tuple(names), *sides)


def _columns(row: Mapping[str, str], path: Path) -> dict[str, str]:
    by_name = {name.strip().lower(): name for name in row}
    found = {}
    for wanted, names in NAMES.items():
        own = next((by_name[each] for each in names.split() if each in by_name), "")
        if own:
            found[wanted] = own
    missing = [each for each in ("from_x", "from_y", "to_x", "to_y") if each not in found]
    if missing:
        hint = "a first line with point, from_x, from_y, to_x, to_y"
        raise InputError(f"no column {', '.join(missing)}", where=path.name, hint=hint)
    return found


def _side(
    rows: Sequence[Mapping[str, str]], columns: Mapping[str, str], side: str, path: Path
) -> Points:
    axes = [columns.get(f"{side}_{axis}", "") for axis in "xyz"]
    points = np.zeros((len(rows), 3))
    for at, row in enumerate(rows):
        for axis, name in enumerate(axes):
            try:
                points[at, axis] = float(row[name]) if name else 0.0
            except (TypeError, ValueError):
                problem = f"line {at + 2}: {row[name]!r} is no number"
                raise ParamError(problem, where=f"{path.name}: {name}") from None
    return points
