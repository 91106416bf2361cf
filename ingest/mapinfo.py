"""MapInfo tables and exchange files, whose statement of a charset is often none or a false one."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cim.model import Finding
from ingest.encoding import Encoding, canonical, dbf_encoding, detect, text_encoding
from ingest.features import Log
from ingest.reader import ReadOptions, refuse

CHARSETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "gb18030": "WindowsSimpChinese",
        "big5": "WindowsTradChinese",
        "shift_jis": "WindowsJapanese",
        "cp932": "WindowsJapanese",
        "cp949": "WindowsKorean",
        "utf-8": "UTF-8",
        "ascii": "UTF-8",
        "iso8859-1": "ISO8859-1",
        "cp1252": "WindowsLatin1",
    }
)
"""Encoding → what MapInfo calls it."""

_STATED: Final = re.compile(rb'^\s*!?charset\s+"?([\w-]+)"?', re.IGNORECASE | re.MULTILINE)
_HEAD: Final = 1 << 14
_PARTS: Final = (".dat", ".map", ".id", ".ind")


def legible(path: Path, options: ReadOptions, work: Path, log: Log) -> tuple[Path, str]:
    """(the file whose charset is what its bytes are, its encoding): `path`, or a copy in `work`.

    Raises
    ------
    SourceError
        If the encoding has no name in MapInfo.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found = _STATED.search(head)
    stated = found[1].decode("ascii") if found else ""
    encoding = Encoding(canonical(options.encoding), "certain", "user")
    if not options.encoding:
        encoding = _of_bytes(path, head)
    charset = CHARSETS.get(encoding.name.lower())
    if charset is None:
        raise refuse(path, f"MapInfo knows no encoding {encoding.name}", "save it as GeoPackage")
    if found is None or charset.lower() == stated.lower():
        return path, encoding.name
    if not options.encoding and encoding.source != "ascii":
        message = f"the file says its text is {stated}, but its bytes are {encoding.name}"
        log.note(Finding("warning", "encoding_contradicted", message, "look at the names"))
    return _with_charset(path, found.span(1), charset, work), encoding.name


def _of_bytes(path: Path, head: bytes) -> Encoding:
    """The encoding of names and values, which are in the header and in the file of data."""
    table = _beside(path, ".mid" if path.suffix.lower() == ".mif" else ".dat")
    if table is not None:
        found = dbf_encoding(table) if table.suffix.lower() == ".dat" else text_encoding(table)
        if found.name.lower() not in {"utf-8", "ascii"} or head.isascii():
            return found
    return detect([line for line in head.splitlines() if not line.isascii()], [], cut=True)


def _beside(path: Path, suffix: str) -> Path | None:
    names = (path.with_suffix(suffix), path.with_suffix(suffix.upper()))
    return next((each for each in names if each.is_file()), None)


def _with_charset(path: Path, where: tuple[int, int], charset: str, work: Path) -> Path:
    copy = work / path.name
    with path.open("rb") as source, copy.open("wb") as out:
        out.write(source.read(where[0]) + charset.encode())
        source.seek(where[1])
        shutil.copyfileobj(source, out)
    for suffix in (*_PARTS, ".mid"):
        part = _beside(path, suffix)
        if part is not None:
            (work / part.name).symlink_to(part.resolve())
    return copy
