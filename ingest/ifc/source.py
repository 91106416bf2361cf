"""From a file to the bytes of one IFC model: plain or zipped, whole, and really IFC."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cim.errors import SourceError
from ingest.ifc.ifcxml import as_step, looks_like_xml
from ingest.ifc.schema import nearest_schema
from ingest.reader import refuse

LARGEST = 4 * 2**30
"""Bytes of an unzipped model beyond which it is not read."""
_BOMB_RATIO = 200  # text of real models packs 5 to 25 times
_SCHEMA = re.compile(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", re.IGNORECASE)
_MAY_BE_XML = frozenset({".ifcxml", ".ifczip"})
_START = b"ISO-10303-21"
_SIGNATURES = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the model", "fetch it: git lfs pull"),
    (b"PK\x03\x04", "is a zip archive", "rename it to .ifczip"),
    (b"\x1f\x8b", "is compressed with gzip", "unpack it first"),
    (b"\xff\xfe", "is UTF-16 text", "save it as UTF-8 or export it again"),
    (b"\xfe\xff", "is UTF-16 text", "save it as UTF-8 or export it again"),
    (b"<", "is XML", "if it is ifcXML rename it to .ifcxml, else export the model as .ifc"),
    (b"{", "is JSON", "ifcJSON and IFC 5 are not read: export the model as IFC 4 .ifc"),
)


@dataclass(frozen=True, slots=True)
class Model:
    """A whole IFC file in memory."""

    data: bytes
    schema: str
    """As the file names it, in capitals."""
    readable_as: str
    """The schema that ifcopenshell reads it with."""


def load(path: Path) -> Model:
    """The model in an ``.ifc``, ``.ifcxml`` or ``.ifczip`` file.

    Raises
    ------
    SourceError
        If it is something else, cut off, damaged, too large, or of a schema nobody knows.
    """
    data = _unzip(path) if path.suffix.lower() == ".ifczip" else _read(path)
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if path.suffix.lower() in _MAY_BE_XML and looks_like_xml(text):
        data = text = as_step(path, text)
    if not text.startswith(_START):
        raise _not_ifc(path, text)
    if b"\0" in data:
        raise refuse(path, "contains zero bytes: it is damaged", "copy or export it again")
    if b"END-ISO-10303-21" not in data[-65536:]:
        raise refuse(
            path,
            "is cut off: its last line, END-ISO-10303-21;, is missing",
            "copy or export it again",
        )
    header = _SCHEMA.search(data, 0, 1_000_000)
    if header is None:
        raise refuse(path, "has no FILE_SCHEMA in its header", "export it again")
    schema = header[1].decode("latin-1").strip().upper()
    readable_as = nearest_schema(schema)
    if not readable_as:
        raise refuse(path, f"has the schema {schema}", "IFC 2x3, 4 and 4.3 are read")
    return Model(text, schema, readable_as)


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise refuse(path, f"is larger than {LARGEST >> 30} GiB", "split the model")
    return path.read_bytes()


def _not_ifc(path: Path, text: bytes) -> SourceError:
    if not text:
        return refuse(path, "is empty", "copy or export it again")
    for start, problem, hint in _SIGNATURES:
        if text.startswith(start):
            return refuse(path, problem, hint)
    return refuse(path, "is no IFC file: it does not begin with ISO-10303-21;", "export it as .ifc")


def _unzip(path: Path) -> bytes:
    """The one model of an ``.ifczip``, read into memory and never written under its own name."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if _is_model(each.filename)]
            if len(members) != 1:
                found = f"holds {len(members)} .ifc files" if members else "holds no .ifc file"
                raise refuse(path, found, "one model per .ifczip")
            return _member(path, archive, members[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise refuse(path, f"is no readable zip archive: {error}", "pack it again") from error


def _is_model(name: str) -> bool:
    inside = PurePosixPath(name.replace("\\", "/"))
    return inside.suffix.lower() in {".ifc", ".ifcxml"} and "__MACOSX" not in inside.parts


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    limit = min(LARGEST, max(member.compress_size * _BOMB_RATIO, 2**20))
    with archive.open(member) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise refuse(path, "unpacks to far more than a model would", "unpack it yourself and check")
    return data
