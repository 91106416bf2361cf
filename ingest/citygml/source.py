"""Where CityGML is: a file, a gzipped file, or the files in a zip archive, and what lies beside.

Nothing is unpacked to disk: an archive's files are read as streams, as often as needed.
"""

import gzip
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from cim.errors import SourceError
from ingest.reader import refuse

SUFFIXES: Final = (
    ".citygml.gz",
    ".gml.gz",
    ".xml.gz",
    ".citygml",
    ".gml",
    ".xml",
    ".zip",
)

HEAD: Final = 1 << 18
"""Bytes of a file in which its root element must begin."""

UNPACKED_LIMIT: Final = 32 << 30
"""Bytes that the files in an archive may unpack to."""

CODELIST_LIMIT: Final = 16 << 20
"""Bytes of a code list that are read."""

UP: Final = 4
"""Folders that a code list may lie above its file, as Project PLATEAU has it."""

BLOCK: Final = 1 << 20

UNPACKING: Final = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError)
"""What happens to those who unpack a damaged file."""

_ROOT: Final = re.compile(r"<(?!!--|\?|!\[CDATA)(?P<doctype>!)?(?:[\w.\-]+:)?(?P<name>[\w.\-]*)")
_COMMENT: Final = re.compile(r"<!--.*?-->|<\?.*?\?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """One CityGML text."""

    path: Path
    """The file it is in, which may be an archive."""
    member: str = ""
    """Its name in the archive."""

    @property
    def name(self) -> str:
        """The text, for messages."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes of the text.

        Raises
        ------
        SourceError
            If they cannot be unpacked.
        """
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    yield cast(BinaryIO, stream)
            elif self.path.suffix.lower() == ".gz":
                with gzip.open(self.path) as stream:
                    yield cast(BinaryIO, stream)
            else:
                with self.path.open("rb") as stream:
                    yield stream
        except UNPACKING as error:
            problem = f"it cannot be unpacked: {error or type(error).__name__}"
            raise refuse(
                self.path, problem, "the file is damaged or cut off; copy it again"
            ) from None

    def holds(self, word: bytes) -> bool:
        """Whether `word` is somewhere in the text."""
        with self.opened() as stream:
            tail = b""
            while block := stream.read(BLOCK):
                if word in tail + block:
                    return True
                tail = block[-len(word) :]
        return False

    def codelist(self, reference: str) -> bytes | None:
        """The code list that a ``codeSpace`` refers to, if it lies in a folder ``codelists``."""
        plain = posixpath.normpath(reference.replace("\\", "/"))
        folder, name = posixpath.split(plain)
        listed = posixpath.basename(folder) == "codelists" and name.lower().endswith(".xml")
        if ":" in plain or plain.startswith("/") or not listed or plain.count("../") > UP:
            return None
        if self.member:
            return self._packed_codelist(plain)
        for found in (self.path.parent / plain, self.path.parent / "codelists" / name):
            if found.is_file():
                with found.open("rb") as stream:
                    return stream.read(CODELIST_LIMIT)
        return None

    def _packed_codelist(self, plain: str) -> bytes | None:
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(self.member), plain))
        with zipfile.ZipFile(self.path) as archive:
            try:
                with archive.open(wanted) as stream:
                    return stream.read(CODELIST_LIMIT)
            except KeyError:
                return None


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the first object of a text."""

    text: str
    root: str
    """Local name of the root element; empty if the text is no XML."""
    doctype: bool
    """Whether it declares a document type, and with it entities."""

    @property
    def is_citygml(self) -> bool:
        """Whether city objects are to be expected."""
        opening = self.text[: self.text.find(">") + 1]
        return self.root == "CityModel" or "citygml" in opening.lower()

    @property
    def dynamic(self) -> bool:
        """Whether it may hold Dynamizers: their namespace is declared at the root."""
        return "/dynamizer/" in self.text[: self.text.find(">") + 1]


def head_of(source: Source) -> Head:
    """The beginning of a text, from its root element on.

    Raises
    ------
    SourceError
        If it cannot be unpacked.
    """
    with source.opened() as stream:
        data = stream.read(HEAD)
    text = _COMMENT.sub("", _decoded(data))
    doctype = False
    for found in _ROOT.finditer(text):
        if found["doctype"]:
            doctype = True
        elif found["name"]:
            return Head(text[found.start() :], found["name"], doctype)
    return Head(text, "", doctype)


def _decoded(data: bytes) -> str:
    """Text whose ASCII part can be trusted, in whatever encoding it is."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in data[:4]:
        wide = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-16-le"
        wide = "utf-16-be" if data[:1] == b"\x00" else wide
        return data[: len(data) // 2 * 2].decode(wide, "replace")
    return data.decode("latin-1")


def sources_of(path: Path) -> list[Source]:
    """The CityGML texts in a file; empty if there are none.

    Raises
    ------
    SourceError
        If an archive unpacks to more than is read, or cannot be unpacked.
    """
    if path.suffix.lower() != ".zip":
        return [Source(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if _is_model(each.filename)]
    except UNPACKING as error:
        raise refuse(path, f"it cannot be unpacked: {error}", "zip it again") from None
    if sum(each.file_size for each in members) > UNPACKED_LIMIT:
        raise refuse(path, "it unpacks to more than 32 GiB", "unpack it, load its parts")
    found = [Source(path, each.filename) for each in members]
    return [each for each in found if head_of(each).is_citygml]


def _is_model(name: str) -> bool:
    """Whether a file in an archive may be a model, neither a code list nor a schema's example."""
    parts = name.lower().split("/")
    apart = {"codelists", "schemas", "metadata", "specification", "__macosx"}
    return parts[-1].endswith((".gml", ".citygml", ".xml")) and not apart & set(parts[:-1])


def is_citygml(path: Path) -> bool:
    """Whether a file holds CityGML, by its root element; what cannot be unpacked does not."""
    try:
        found = sources_of(path)
        return bool(found) and head_of(found[0]).is_citygml
    except (SourceError, OSError):
        return False
