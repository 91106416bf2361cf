"""The shell: ``cim``. Commands are imported when they are used, so that ``cim --help`` is quick."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import click

from cim import __version__

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "init": ("cities", "Make a new, empty city."),
        "load": ("loading", "Load files into a city."),
        "info": ("cities", "What a city holds."),
        "datasets": ("cities", "The data sets of a city."),
        "loads": ("cities", "What was loaded into a city, when and by whom."),
        "undo": ("cities", "Undo a load."),
        "query": ("reading", "Select objects and write them in a format of your choice."),
        "series": ("observing", "Time series: what there is, and what was observed."),
        "show": ("reading", "Everything about one object."),
        "run": ("running", "Run an analysis."),
        "doctor": ("examining", "Examine files before loading them."),
        "profile": ("examining", "What a data set was loaded with, as a mapping profile."),
        "localgrid": ("surveying", "Local grids from control points."),
        "check": ("cities", "Verify that a city's store is whole."),
        "export": ("exporting", "Write a city, or a part of it, to a file."),
        "serve": ("serving", "Serve a city to web browsers."),
        "demo": ("demonstration", "Make the sample city, load it and serve it."),
    }
)
"""Command → its module here, and the first line of its help."""

FIRST_STEPS: Final = (
    "cim demo",
    "cim init Kaifeng.city --crs EPSG:4547",
    "cim load Kaifeng.city buildings.shp pipes.gpkg terrain.tif",
    "cim serve Kaifeng.city",
)


class _Commands(dict[str, click.Command]):
    """The commands by name, each imported when it is asked for."""

    def __missing__(self, name: str) -> click.Command:
        module = importlib.import_module(f"webapp.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        self[name] = command
        return command


class _Shell(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return self.commands[cmd_name] if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from cim.declare import did_you_mean  # noqa: PLC0415  only for a mistake

            ctx.fail(f"No command {args[0]!r} ({did_you_mean(args[0], COMMANDS)}).")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])
        with formatter.section("First steps"):
            formatter.write("".join(f"  {each}\n" for each in FIRST_STEPS))


@click.group(
    cls=_Shell,
    commands=_Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="cim", help="Show the version and exit.")
def main(**_: Any) -> None:
    """City information model: files in, one city, seen in 3D.

    CITY is a folder or a postgresql:// URL. Every command answers in JSON with --json and ends
    with 0 (done), 1 (refused, with the reason on stderr) or 2 (wrong usage).
    """
