"""Text of EPANET and SWMM models (``.inp``): sections of rows, with the line each came from."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from cim.model import Batch
from ingest.features import Log
from ingest.reader import ReadOptions, refuse
from ingest.table import stated_encoding

FOOT: Final = 0.3048
"""Metres in an international foot."""

SHOWN: Final = 20
"""Faults that are told at once."""

_TOKEN: Final = re.compile(r'"([^"]*)"(?=[\s;]|$)|([^\s;]+)|;.*')
_HEADING: Final = re.compile(r"\s*\[\s*([^\]\s]+)\s*\]?")

EPANET_ONLY: Final = frozenset({"PIPES", "RESERVOIRS", "TANKS", "EMITTERS", "VALVES", "DEMANDS"})
SWMM_ONLY: Final = frozenset(
    {"CONDUITS", "SUBCATCHMENTS", "XSECTIONS", "OUTFALLS", "RAINGAGES", "SUBAREAS", "INFILTRATION"}
)
"""Sections that only one of the two programs has."""


LOOKED_AT: Final = 1 << 20
"""Bytes of a file without such a section after which it is neither program's."""


def program(path: Path) -> str:
    """``EPANET``, ``SWMM``, or ``""`` if the sections of a text file are those of neither."""
    found = {"EPANET": 0, "SWMM": 0}
    with path.open("rb") as file:
        for line in iter(file.readline, b""):
            if file.tell() > LOOKED_AT and not any(found.values()):
                break
            if not line.lstrip(b" \t\xef\xbb\xbf").startswith(b"["):
                continue
            heading = _HEADING.match(line.decode("latin-1").lstrip("ï»¿"))
            name = heading[1].upper() if heading else ""
            found["EPANET"] += name in EPANET_ONLY
            found["SWMM"] += name in SWMM_ONLY
    best = max(found, key=lambda each: found[each])
    return best if found[best] else ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section."""

    section: str
    line: int
    fields: tuple[str, ...]
    """Words without the comment; quotes around them are taken off."""
    text: str

    def get(self, at: int, otherwise: str = "") -> str:
        """Word number `at`, or `otherwise` where the row is shorter."""
        return self.fields[at] if at < len(self.fields) else otherwise

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"line {self.line} [{self.section}]"


@dataclass(slots=True)
class Document:
    """A model file, taken apart; `faults` grows while it is understood."""

    path: Path
    encoding: str
    sections: dict[str, list[Row]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def rows(self, *names: str) -> list[Row]:
        """Rows of these sections."""
        return [row for name in names for row in self.sections.get(name, ())]

    def fault(self, row: Row, what: str) -> None:
        """Notes that a row says something impossible."""
        self.faults.append(f"{row.where}: {what}")

    def number(self, row: Row, at: int, what: str, otherwise: float | None = None) -> float:
        """Word `at` of a row as a number; `otherwise` where absent, which is a fault if None."""
        word = row.get(at)
        if not word or word == "*":
            if otherwise is None:
                self.fault(row, f"{row.get(0)} has no {what}")
                return float("nan")
            return otherwise
        try:
            value = float(word)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            self.fault(row, f"the {what} of {row.get(0)} is {word[:40]!r}, which is no number")
        return value

    def options(self) -> dict[str, str]:
        """What the section OPTIONS says, by upper-case name."""
        return {
            " ".join(row.fields[:-1]).upper(): row.fields[-1]
            for row in self.rows("OPTIONS")
            if len(row.fields) > 1
        }

    def title(self) -> str:
        """The first line of the title; empty if there is none."""
        return next((row.text.strip() for row in self.rows("TITLE") if row.text.strip()), "")

    def refuse_faults(self, program: str) -> None:
        """Refuses the file if anything was noted.

        Raises
        ------
        SourceError
            That tells the first faults, each with its line and section.
        """
        if not self.faults:
            return
        told = "; ".join(self.faults[:SHOWN])
        more = len(self.faults) - SHOWN
        rest = f" (and {more} more)" if more > 0 else ""
        hint = f"mend these lines in a text editor or in {program}, which refuses the file too"
        raise refuse(self.path, f"{told}{rest}", hint)


def parse(path: Path, options: ReadOptions, known: frozenset[str], log: Log) -> Document:
    """The model at `path`, of which `known` are all sections there can be.

    A section that does not exist is a fault, as it is to both programs.

    Raises
    ------
    SourceError
        If the encoding the user gives is unknown.
    """
    document = Document(path, stated_encoding(path, options, log))
    section = ""
    with path.open(encoding=document.encoding, errors="replace", newline=None) as file:
        for number, line in enumerate(file, 1):
            text = line.rstrip("\n").lstrip("\ufeff")
            heading = _HEADING.match(text)
            if heading:
                section = _section(heading[1].upper(), known)
                if not section:
                    what = f"there is no section [{heading[1][:40]}] in such a file"
                    document.faults.append(f"line {number}: {what}")
                document.sections.setdefault(section, [])
            elif section == "TITLE" or (text.strip() and not text.lstrip().startswith(";")):
                document.sections.setdefault(section, []).append(
                    Row(section, number, _words(text), text)
                )
    return document


def _section(name: str, known: frozenset[str]) -> str:
    """The section called `name`, which both programs let people shorten to four letters."""
    if name in known or len(name) < 4:
        return name if name in known else ""
    return next((each for each in sorted(known) if each.startswith(name)), "")


def _words(text: str) -> tuple[str, ...]:
    found = (match for match in _TOKEN.finditer(text) if not match[0].startswith(";"))
    return tuple(match[1] if match[1] is not None else match[2] for match in found)


KEPT_ROWS: Final = 5_000
"""Rows of a section, such as a time series, that are kept with the model."""


def untold(document: Document, told: frozenset[str], log: Log) -> dict[str, Any]:
    """Sections beyond `told`, as their lines: patterns, curves, controls … are kept as they are."""
    kept: dict[str, Any] = {}
    for name, rows in document.sections.items():
        if name and name not in told and rows:
            if len(rows) > KEPT_ROWS:
                what = f"rows of [{name}], which are more than are kept with a city"
                log.count("section_not_kept", what, "keep the file", len(rows))
            else:
                kept[name] = [row.text.strip() for row in rows]
    return kept


@dataclass(slots=True)
class NetworkRows:
    """City objects, nodes and edges of one network on their way into a batch."""

    network: str
    objects: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[tuple[str, str, float, float, float, str]] = field(default_factory=list)
    edges: list[tuple[str, str, str, str, float]] = field(default_factory=list)

    def add(
        self,
        object_id: str,
        class_name: str,
        geometry: Any,
        attributes: Mapping[str, Any],
        **columns: Any,
    ) -> None:
        """A new object; what is unknown (None, NaN or an empty text) is left out."""
        self.objects.append(
            {"object_id": object_id, "class": class_name, "geometry": geometry}
            | {key: value for key, value in columns.items() if is_known(value)}
            | {"attributes": {key: each for key, each in attributes.items() if is_known(each)}}
        )

    def node(self, name: str, place: Sequence[float], z: float, object_id: str) -> None:
        """A node at a place (x, y), at the height `z`, NaN if unknown."""
        self.nodes.append((self.network, name, place[0], place[1], z, object_id))

    def edge(self, object_id: str, start: str, end: str, line: Any) -> None:
        """An edge along a line; a device has no length."""
        self.edges.append((self.network, object_id, start, end, float(shapely.length(line))))

    def batches(self) -> Iterator[Batch]:
        """Everything, in one batch."""
        frame = pd.DataFrame(self.objects)
        for name in ("geometry", "attributes"):
            frame[name] = pd.Series(list(frame[name]), dtype=object)
        nodes = pd.DataFrame(self.nodes, columns=["network", "node_id", "x", "y", "z", "object_id"])
        edges = pd.DataFrame(
            self.edges, columns=["network", "object_id", "start_node", "end_node", "length"]
        )
        yield Batch(frame, nodes=nodes, edges=edges)


def is_known(value: Any) -> bool:
    """Whether a value says something: not None, NaN or an empty text."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is not None and (isinstance(value, bool) or value == 0 or bool(value))
