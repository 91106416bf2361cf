"""Opening a DXF drawing: its text, its unit, and what of it is not to be seen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import ezdxf
from ezdxf import recover
from ezdxf.lldxf.const import DXFError
from ezdxf.tools.codepage import toencoding

from cim.model import Finding
from ingest.encoding import canonical, detect
from ingest.features import Log
from ingest.reader import ReadOptions, refuse

DAMAGED: Final = "open it in a CAD program and save it again as DXF (R2010 or later)"

UNIT_NAMES: Final = MappingProxyType(
    {1: "in", 2: "ft", 4: "mm", 5: "cm", 6: "m", 7: "km", 10: "yd", 14: "dm", 21: "us-ft"}
)
"""``$INSUNITS`` → unit of `ingest.meanings.FACTORS`."""

_BINARY: Final = b"AutoCAD Binary DXF"
_UTF8_SINCE: Final = "AC1021"
_SAMPLE: Final = 4_000
_HEAD: Final = 1 << 20
_BROKEN: Final = (
    *(DXFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError),
    *(RuntimeError, StopIteration, AssertionError),
)
"""What ezdxf raises on damaged drawings; besides its own errors those of plain Python."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """An open drawing."""

    path: Path
    document: Any
    encoding: str
    unit: str
    """As its header states it; empty if it does not."""

    @property
    def hidden(self) -> frozenset[str]:
        """Layers that are frozen or switched off, in lower case."""
        layers = self.document.layers
        return frozenset(
            each.dxf.name.lower() for each in layers if each.is_off() or each.is_frozen()
        )


def drawing(path: Path, options: ReadOptions, log: Log) -> Drawing:
    """The drawing in `path`; one that is damaged is mended as far as that can be done.

    Raises
    ------
    SourceError
        If it is no drawing, or too much of it is damaged.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    binary = head.startswith(_BINARY)
    encoding = "" if binary else _encoding(path, head, options, log)
    document = _document(path, encoding, log)
    unit = UNIT_NAMES.get(int(document.header.get("$INSUNITS", 0) or 0), "")
    return Drawing(path, document, encoding or canonical(document.encoding), unit)


def _document(path: Path, encoding: str, log: Log) -> Any:
    try:
        return ezdxf.readfile(path, encoding=encoding or None)  # type: ignore[attr-defined]
    except _BROKEN as error:
        problem = _reason(error)
    try:
        document, auditor = recover.readfile(path)
    except _BROKEN as error:
        raise refuse(path, f"it cannot be read as a drawing: {_reason(error)}", DAMAGED) from error
    lost = len(auditor.errors)
    if not len(document.modelspace()):
        raise refuse(path, f"it is damaged, and nothing could be saved: {problem}", DAMAGED)
    message = (
        f"the drawing is damaged ({problem}); {len(document.modelspace())} entities were saved"
    )
    told = f"{len(auditor.fixes)} faults mended, {lost} not"
    log.note(Finding("warning", "drawing_damaged", message, DAMAGED, told))
    return document


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _encoding(path: Path, head: bytes, options: ReadOptions, log: Log) -> str:
    """The encoding of a drawing in text: UTF-8 since R2007, before that a code page."""
    if options.encoding:
        found = canonical(options.encoding)
        if not found:
            raise refuse(path, f"no encoding {options.encoding!r}", "such as UTF-8 or GB18030")
        return found
    version, page = _variable(head, b"$ACADVER"), _variable(head, b"$DWGCODEPAGE")
    stated = "utf-8" if version >= _UTF8_SINCE else canonical(toencoding(page) if page else "")
    texts = list(islice(_foreign_lines(path), _SAMPLE))
    if not texts:
        return stated or "utf-8"
    found_out = detect(texts, [("header", stated)] if stated else [])
    name = found_out.name or stated or "cp1252"
    if stated and name != stated:
        message = f"the drawing says its text is {page or stated}, but its bytes are {name}"
        evidence = f"such as {texts[0].decode(name, 'replace')!r}"
        fix = {"encoding": name}
        log.note(
            Finding("warning", "encoding_contradicted", message, "look at the names", evidence, fix)
        )
    return name


def _variable(head: bytes, name: bytes) -> str:
    """The text of a header variable; empty if it is not there."""
    found = re.search(re.escape(name) + rb"\s*\r?\n\s*\d+\s*\r?\n\s*([^\r\n]*)", head)
    return found[1].decode("ascii", "replace").strip() if found else ""


def _foreign_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                yield line.strip()


def unseen(source: Drawing, log: Log) -> None:
    """Findings on what is not in model space."""
    document = source.document
    sheets = {
        name: len(document.layout(name))
        for name in document.layout_names()
        if name != "Model" and len(document.layout(name)) > 1  # its own viewport
    }
    if sheets:
        told = ", ".join(f"{name} {count}" for name, count in list(sheets.items())[:8])
        message = f"{sum(sheets.values())} entities on sheets (paper space) are left out: {told}"
        log.note(Finding("info", "paper_space", message))
    outside = [each.dxf.name for each in document.blocks if each.block.is_xref]
    if outside:
        message = f"it refers to other drawings, which are not read: {', '.join(outside[:8])}"
        log.note(
            Finding("warning", "xref", message, "load those drawings themselves, or bind them")
        )
