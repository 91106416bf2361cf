"""Writes docs/reference from the code, so that it cannot say anything else.

``python docs/generate.py`` writes the pages; with ``--check`` it writes nothing and ends with 1
if a page on disk is not what the code gives.
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import click
from flask import Flask

from cim.analyses import ANALYSES
from cim.declare import Param
from cim.errors import CimError
from cim.schema import (
    ACCESS_LEVELS,
    CIM_LEVELS,
    CLASS_BY_CODE,
    CLASSES,
    COVERAGE_KINDS,
    LODS,
    NETWORKS,
    STATUSES,
    TABLES,
)
from ingest import READERS, Reader
from layers import LAYERS
from webapp.api import api
from webapp.cli import main
from webapp.errors import STATUS
from webapp.pages import pages
from webapp.tiles import tiles
from webapp.writing import writing

REFERENCE = Path(__file__).with_name("reference")
NOTICE = "<!-- Written by docs/generate.py from the code: do not edit. -->"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([_cell(each) for each in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _code(value: object) -> str:
    return f"`{value}`" if value not in {None, ""} else ""


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def data_dictionary() -> Iterator[str]:
    """Every table, column, class and code."""
    yield "# Data dictionary"
    yield "Units are UCUM codes; text has none. *Required* columns are never unknown."
    for name, columns in TABLES.items():
        yield f"## Table `{name}`"
        yield table(
            ("column", "type", "unit", "required", "meaning"),
            (
                (_code(c.name), c.dtype, c.unit, "yes" if c.required else "", c.meaning)
                for c in columns
            ),
        )
    yield "## Classes"
    yield "CityGML 3.0's names; utilities follow its UtilityNetwork ADE."
    yield table(
        ("code", "class", "theme", "title", "标题"),
        ((c.code, _code(c.name), c.theme, c.title, c.title_zh) for c in CLASSES.values()),
    )
    yield "## CIM levels"
    yield "Computed for each object from what is really there (CJJ/T 315-2022)."
    yield table(("level", "meaning"), ((f"CIM{n}", text) for n, text in CIM_LEVELS.items()))
    yield "## Networks"
    yield table(("code", "meaning"), ((_code(n), text) for n, text in NETWORKS.items()))
    for title, codes in {
        "Lifecycle": STATUSES,
        "Access levels": ACCESS_LEVELS,
        "Levels of detail": LODS,
        "Coverage kinds": COVERAGE_KINDS,
    }.items():
        yield f"## {title}"
        yield ", ".join(_code(each) for each in codes)


def readers() -> Iterator[str]:
    """Every format that can be loaded."""
    yield "# Formats that can be loaded"
    yield "`cim load` picks the first reader that accepts the file's name and its content."
    yield table(
        ("reader", "format", "names end in"),
        (
            (_code(r.name), r.title, ", ".join(_code(suffix) for suffix in r.suffixes))
            for r in READERS.values()
        ),
    )
    for reader in READERS.values():
        yield f"## {reader.title}"
        yield explanation(reader)


def explanation(reader: Reader) -> str:
    """What a reader's function, or else its module, says of itself."""
    return inspect.getdoc(reader.open) or inspect.getdoc(inspect.getmodule(reader.open)) or ""


def layers() -> Iterator[str]:
    """Every layer of the twin."""
    yield "# Layers of the twin"
    for layer in LAYERS.values():
        yield f"## {layer.title} · {layer.title_zh}"
        yield f"`{layer.name}`, {layer.kind} tiles, zoom {layer.min_zoom} to {layer.max_zoom}."
        if layer.codes:
            yield "Classes: " + ", ".join(_code(CLASS_BY_CODE[code].name) for code in layer.codes)
        if layer.legend:
            yield table(
                ("colour", "meaning", "含义"),
                ((_code(e.color), e.label, e.label_zh) for e in layer.legend),
            )


def _limits(param: Param) -> str:
    low = f"≥ {param.ge:g}" if param.ge is not None else ""
    high = f"≤ {param.le:g}" if param.le is not None else ""
    return ", ".join(filter(None, (low, high, " / ".join(param.choices))))


def parameters(params: Iterable[Param]) -> str:
    """The parameters of a declared function as a table."""
    return table(
        ("parameter", "type", "unit", "default", "limits", "meaning"),
        (
            (
                _code(p.name),
                p.kind.__name__,
                p.unit,
                "required" if p.required else _code(p.default),
                _limits(p),
                p.help,
            )
            for p in params
        ),
    )


def analyses() -> Iterator[str]:
    """Every analysis and its parameters."""
    yield "# Analyses"
    yield "Run one with `cim run CITY NAME --param …` or `POST /api/analyses/NAME/execution`."
    for each in ANALYSES.values():
        yield f"## {each.title} · {each.title_zh}"
        yield f"`{each.name}` looks at {', '.join(_code(name) for name in each.reads)}."
        yield each.description
        if each.params:
            yield parameters(each.params)
        yield "It gives:"
        yield table(
            ("column", "type", "unit", "meaning"),
            ((_code(c.name), c.dtype, c.unit, c.meaning) for c in each.writes),
        )
        yield f"Source: {each.source}"


def errors() -> Iterator[str]:
    """The error tree."""
    yield "# Errors"
    yield (
        "Each says what is wrong, where, and what to do. The shell ends with 1, the HTTP API\n"
        "answers with `application/problem+json`."
    )

    def walk(kind: type[CimError], depth: int) -> Iterator[tuple[str, str, str]]:
        status = next(code for each, code in dict(STATUS).items() if issubclass(kind, each))
        yield "&nbsp;" * 4 * depth + f"`{kind.__name__}`", str(status), _first_line(kind)
        for each in kind.__subclasses__():
            if each.__module__ == CimError.__module__:
                yield from walk(each, depth + 1)

    yield table(("error", "HTTP status", "meaning"), walk(CimError, 0))


def commands_of(prefix: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """`command` and everything below it, by full name; groups themselves are left out."""
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from commands_of(f"{prefix} {name}", command.commands[name])
    else:
        yield prefix, command


def commands() -> Iterator[str]:
    """Every command of the shell, as its --help says."""
    yield "# Commands"
    yield (
        "CITY is a folder or a `postgresql://` URL. Every command ends with 0 (done), 1 (refused:\n"
        "one message on stderr) or 2 (wrong usage), and answers in JSON with `--json`."
    )
    for name, command in commands_of("cim", main):
        context = click.Context(command, info_name=name, terminal_width=88, max_content_width=88)
        yield f"## `{name}`"
        yield f"```\n{command.get_help(context).rstrip()}\n```"


def routes() -> Iterator[tuple[str, str, str]]:
    """Method, path and meaning of everything that the app answers, static files aside."""
    app = Flask("webapp")
    for part in (pages, api, writing, tiles):
        app.register_blueprint(part)
    for rule in sorted(app.url_map.iter_rules(), key=lambda each: each.rule):
        if rule.endpoint != "static":
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            meaning = _first_line(inspect.unwrap(app.view_functions[rule.endpoint]))
            yield ", ".join(methods), rule.rule, meaning


def http() -> Iterator[str]:
    """Every route of the HTTP API."""
    yield "# HTTP API"
    yield "Errors are RFC 9457 `application/problem+json`: see [errors](errors.md)."
    yield table(("method", "path", "meaning"), ((m, _code(p), text) for m, p, text in routes()))


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "data-dictionary.md": data_dictionary,
    "readers.md": readers,
    "layers.md": layers,
    "analyses.md": analyses,
    "errors.md": errors,
    "commands.md": commands,
    "http.md": http,
}


def page(make: Callable[[], Iterator[str]]) -> str:
    """One page as text."""
    return "\n\n".join([NOTICE, *make()]) + "\n"


def stale() -> list[str]:
    """Pages that are not what the code gives."""
    return [
        name
        for name, make in PAGES.items()
        if not (REFERENCE / name).exists()
        or (REFERENCE / name).read_text(encoding="utf-8") != page(make)
    ]


def run(arguments: list[str]) -> int:
    """Write the pages, or check them; 0 if all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is stale")
    if parser.parse_args(arguments).check:
        old = stale()
        if old:
            sys.stderr.write(f"stale: {', '.join(old)}: run python docs/generate.py\n")
        return 1 if old else 0
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(page(make), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
