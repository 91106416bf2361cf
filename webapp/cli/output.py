"""What a command says: JSON or text on stdout, refusals and progress on stderr."""

import errno
import json
import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Protocol

import click

from cim.errors import CimError
from webapp.redaction import redact, redacted

REFUSED = 1
INTERRUPTED = 130
BAR_CELLS = 24


class Refusal(click.ClickException):
    """A refusal as one line on stderr; with ``--json`` as a document on stdout too.

    `besides` is what the document says of the part that was not refused.
    """

    exit_code = REFUSED

    def __init__(
        self,
        error: CimError | str,
        as_json: bool = False,
        besides: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__(redact(str(error)))
        self.error, self.as_json, self.besides = error, as_json, besides

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        if self.as_json:
            emit({**self.besides, "error": described(self.error)})
        one_line = " ".join(self.message.split())
        click.echo(f"error: {one_line}", file=file or sys.stderr)


def described(error: CimError | str) -> dict[str, str]:
    """An error as plain values: kind, problem, where, hint."""
    if isinstance(error, CimError):
        told = {key: getattr(error, key) for key in ("problem", "where", "hint")}
        return {"kind": type(error).__name__, **told}
    return {"kind": "OSError", "problem": redact(error), "where": "", "hint": ""}


class Command(click.Command):
    """A command that can answer in JSON and that refuses in one line, never with a traceback."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.examples = examples
        self.params.append(
            click.Option(
                ["--json", "as_json"], is_flag=True, help="Answer with one JSON document on stdout."
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the examples as they are typed, not wrapped."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {each}\n" for each in self.examples))

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        as_json = bool(ctx.params.get("as_json"))
        try:
            return super().invoke(ctx)
        except CimError as error:
            raise Refusal(error, as_json) from error
        except BrokenPipeError:
            # whoever read our output has seen enough, as in "cim query … | head"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(REFUSED)
        except OSError as error:
            raise Refusal(_operating_system(error), as_json) from error
        except KeyboardInterrupt:
            click.echo("interrupted; nothing half-done was kept", file=sys.stderr)
            ctx.exit(INTERRUPTED)


def _operating_system(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"{place}the disk is full (make room and try again; nothing was half-loaded)"
    return f"{place}{error.strerror or error}"


def emit(value: Any) -> None:
    """`value` as one JSON document on stdout."""
    click.echo(json.dumps(redacted(value), ensure_ascii=False, indent=2, default=_jsonable))


def _jsonable(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    return redact(str(value))


def say(lines: Iterable[str]) -> None:
    """Lines of text on stdout."""
    for line in lines:
        click.echo(redact(line))


def fields(found: Mapping[str, Any]) -> list[str]:
    """``name  value`` lines; what is unknown or empty is left out."""
    shown = {key: value for key, value in found.items() if value not in (None, "", [], {})}
    wide = max((_width(key) for key in shown), default=0)
    return [f"{key}{' ' * (wide - _width(key))}  {text(value)}" for key, value in shown.items()]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Rows under headings, aligned even where letters are two cells wide."""
    cells = [list(columns), *([text(row.get(name)) for name in columns] for row in rows)]
    wide = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell + " " * (room - _width(cell)) for cell, room in zip(line, wide, strict=True)
        ).rstrip()
        for line in cells
    ]


def text(value: Any) -> str:
    """`value` for people, on one line."""
    match value:
        case None:
            shown = ""
        case bool():
            shown = "yes" if value else "no"
        case float():
            shown = f"{value:.10g}"
        case Mapping():
            shown = ", ".join(f"{key} {text(each)}" for key, each in value.items())
        case list() | tuple():
            shown = ", ".join(map(text, value))
        case _:
            shown = str(value)
    return " ".join(shown.split())


def _width(shown: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in shown)


class Step(Protocol):
    """How far some work has come, as `ingest` reports it."""

    @property
    def file(self) -> str | Path:
        """File at work."""

    @property
    def stage(self) -> str:
        """What is being done with it."""

    @property
    def done(self) -> int:
        """How much of it is done."""

    @property
    def total(self) -> int | None:
        """How much there is; None if unknown."""


class Meter:
    """A line on stderr that shows progress, if stderr is a terminal."""

    def __init__(self, quiet: bool = False) -> None:
        self._shown = sys.stderr.isatty() and not quiet
        self._last, self._drawn = 0.0, False

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, step: Step) -> None:
        """Show `step`, at most ten times a second."""
        now = time.monotonic()
        if not self._shown or now - self._last < 0.1:
            return
        self._last, self._drawn = now, True
        name = Path(step.file).name
        sys.stderr.write(f"\r\x1b[K{name[:40]}  {step.stage}  {_bar(step.done, step.total)}")
        sys.stderr.flush()


def _bar(done: int, total: int | None) -> str:
    if not total:
        return f"{done:,}"
    filled = min(BAR_CELLS, BAR_CELLS * done // total)
    return f"[{'#' * filled}{'.' * (BAR_CELLS - filled)}] {done:,} of {total:,}"
