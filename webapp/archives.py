"""Unpacking an archive that nobody vouches for.

Names inside it never become paths as they are: each part is cleaned, and one that climbs out is
refused. What the archive says about sizes is checked before, and held to while unpacking.
"""

import bz2
import gzip
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from cim.errors import SourceError
from ingest.guard import member_name

LONGEST_NAME: Final = 120
CHUNK: Final = 1 << 20
WORTH_CHECKING: Final = 1 << 20
"""Bytes from which the compression ratio of a member matters."""
STREAMS: Final[Mapping[str, Callable[[Path], Any]]] = {".gz": gzip.open, ".bz2": bz2.open}
ENCRYPTED: Final = 0x1


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How much an archive may hold."""

    members: int = 10_000
    total: int = 4 << 30
    """Bytes after unpacking."""
    ratio: int = 200
    """Unpacked to packed size; satellite scenes reach 100 where they are empty, bombs 1000."""
    depth: int = 8
    """Folders within folders."""


def clean_name(name: str) -> str:
    """`name` as a harmless file name that people still recognise: no path, no control characters.

    Letters of every script stay, since names of files are part of how data sets are told apart.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(
        "_" if each in '<>:"|?*' or unicodedata.category(each)[0] == "C" else each for each in last
    )
    kept = kept.strip().lstrip(".-~").strip()
    if len(kept) > LONGEST_NAME:
        stem, dot, suffix = kept.rpartition(".")
        room = LONGEST_NAME - len(suffix) - 1
        kept = f"{stem[:room]}{dot}{suffix}" if dot and room > 20 else kept[:LONGEST_NAME]
    return kept or "upload"


def unpack(path: Path, folder: Path, limits: ArchiveLimits | None = None) -> list[Path]:
    """Every file of the zip archive at `path`, written below `folder`.

    Raises
    ------
    SourceError
        If it is damaged, encrypted, too large, or holds links or names that climb out; then
        `folder` may hold some files, which the caller removes with the folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            _check(path.name, members, limits or ArchiveLimits())
            targets = {_target(path.name, each, folder, limits): each for each in members}
            if len({str(each).casefold() for each in targets}) < len(members):
                raise SourceError("two members have the same name", where=path.name)
            for target, member in targets.items():
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, target.open("xb") as written:
                    _copy(packed, written, member.file_size, path.name)
            return list(targets)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise SourceError(f"damaged archive: {error}", where=path.name) from error


def check_packed(path: Path, limits: ArchiveLimits | None = None) -> None:
    """Look into a file that its reader unpacks by itself; nothing if it is no such file.

    Raises
    ------
    SourceError
        If it is damaged, explodes, or is an archive within an archive.
    """
    limits, suffix = limits or ArchiveLimits(), path.suffix.lower()
    try:
        if suffix in {".kmz", ".ifczip"}:
            with zipfile.ZipFile(path) as archive:
                _check(path.name, archive.infolist(), limits)
        elif suffix in {".zip", ".tar", ".tgz", ".7z", ".rar"}:
            raise SourceError(
                "an archive of that kind is not unpacked here",
                where=path.name,
                hint="send a zip of the files themselves",
            )
        elif suffix in STREAMS:
            with STREAMS[suffix](path) as stream:
                _check_stream(path, stream, limits)
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        raise SourceError(f"damaged archive: {error}", where=path.name) from error


def _check_stream(path: Path, stream: IO[bytes], limits: ArchiveLimits) -> None:
    most = min(limits.total, max(WORTH_CHECKING, limits.ratio * path.stat().st_size))
    found = 0
    while chunk := stream.read(CHUNK):
        found += len(chunk)
        if found > most:
            raise SourceError(
                f"it unpacks to more than {most:,} bytes",
                where=path.name,
                hint="unpack it and load the file",
            )


def _check(name: str, members: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    def refuse(problem: str, hint: str = "unpack it and load the files") -> SourceError:
        return SourceError(problem, where=name, hint=hint)

    if len(members) > limits.members:
        raise refuse(f"{len(members):,} members, {limits.members:,} are allowed")
    total = sum(each.file_size for each in members)
    if total > limits.total:
        raise refuse(f"{total:,} bytes unpacked, {limits.total:,} are allowed")
    for each in members:
        if each.flag_bits & ENCRYPTED:
            raise refuse("encrypted", "pack it without a password")
        kind = stat.S_IFMT(each.external_attr >> 16)
        if kind not in {0, stat.S_IFREG}:
            raise refuse(f"{each.filename[:80]!r} is a link or a device", "pack plain files")
        if each.file_size > WORTH_CHECKING and each.file_size > limits.ratio * each.compress_size:
            raise refuse(
                f"{each.filename[:80]!r} unpacks to more than {limits.ratio} times its size"
            )


def _target(name: str, member: zipfile.ZipInfo, folder: Path, limits: ArchiveLimits | None) -> Path:
    inner = member_name(member)
    parts = PurePosixPath(inner).parts
    outside = inner.startswith("/") or "\\" in inner or re.match(r"[A-Za-z]:", inner)
    if outside or ".." in parts or not parts:
        raise SourceError(f"{inner[:80]!r} leaves the archive's folder", where=name)
    if len(parts) > (limits or ArchiveLimits()).depth:
        raise SourceError(f"{inner[:80]!r} lies too deep", where=name)
    return folder.joinpath(*(clean_name(each) for each in parts))


def _copy(packed: IO[bytes], written: IO[bytes], size: int, name: str) -> None:
    left = size
    while chunk := packed.read(CHUNK):
        left -= len(chunk)
        if left < 0:
            raise SourceError("a member is larger than the archive says", where=name)
        written.write(chunk)
