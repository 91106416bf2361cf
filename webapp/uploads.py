"""Files that come over HTTP, piece by piece: every upload has a folder of its own."""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from werkzeug.exceptions import RequestEntityTooLarge

from cim.errors import ConflictError, NotFoundError, ParamError, StoreError
from webapp.archives import ArchiveLimits, check_packed, clean_name, unpack

PREFIX: Final = "upload-"
MOST_FILES: Final = 1000
CHUNK: Final = 1 << 20
FORGOTTEN_SECONDS: Final = 24 * 3600.0
UNPACKED: Final = ".unpacked"
"""Behind the name of an archive: the folder of what was in it."""


class Uploads:
    """The uploads of one city."""

    def __init__(self, folder: Path, most: int) -> None:
        self._root, self._most = folder / "work", most

    def begin(self) -> str:
        """A new, empty upload; its name."""
        sweep(self._root.parent)
        name = secrets.token_hex(8)
        with _room():
            (self._root / (PREFIX + name)).mkdir(parents=True)
        return name

    def folder(self, upload: str) -> Path:
        """Where the files of an upload are.

        Raises
        ------
        NotFoundError
            If there is no such upload.
        """
        found = self._root / (PREFIX + upload)
        if not re.fullmatch("[0-9a-f]{16}", upload) or not found.is_dir():
            hint = "uploads are kept for a day; send the files again"
            raise NotFoundError("no such upload", where=upload[:40], hint=hint)
        return found

    def append(self, upload: str, name: str, offset: int, stream: IO[bytes]) -> int:
        """Add what `stream` gives to a file, which has `offset` bytes already; its new size.

        Raises
        ------
        ConflictError
            If it has more or fewer bytes; what it has can be asked for, to go on from there.
        ParamError
            If there are too many files.
        RequestEntityTooLarge
            If it becomes too much.
        """
        folder = self.folder(upload)
        target = folder / _inner(name)
        has = target.stat().st_size if target.is_file() else 0
        if offset not in {0, has} or target.is_dir():
            problem = f"{target.name} has {has:,} bytes, not {offset:,}"
            raise ConflictError(problem, where=name[:80], hint="go on from there")
        others = [each for each in _files(folder) if each != target]
        if len(others) >= MOST_FILES:
            raise ParamError(f"more than {MOST_FILES} files", where="file", hint="pack them as zip")
        room = self._most - offset - sum(each.stat().st_size for each in others)
        with _room():
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("ab" if offset else "wb") as written:
                _pour(stream, written, room)
            os.utime(folder)
        return target.stat().st_size

    def described(self, upload: str) -> dict[str, Any]:
        """An upload as plain values: every file with its size."""
        folder = self.folder(upload)
        files = [
            {"name": str(each.relative_to(folder)), "bytes": each.stat().st_size}
            for each in _files(folder)
        ]
        return {"upload": upload, "files": files, "most": self._most}

    def contents(self, upload: str) -> tuple[Path, ...]:
        """Every file, archives unpacked.

        Raises
        ------
        ParamError
            If nothing came.
        SourceError
            If an archive is refused.
        """
        folder = self.folder(upload)
        os.utime(folder)
        for each in _files(folder):
            if each.suffix.lower() == ".zip" and UNPACKED not in str(each.relative_to(folder)):
                _unpack(each)
        found = tuple(_files(folder))
        if not found:
            raise ParamError("no file came", where="file", hint="send one first")
        for each in found:
            check_packed(each)
        return found

    def forget(self, upload: str) -> None:
        """Remove an upload."""
        shutil.rmtree(self.folder(upload), ignore_errors=True)


def _unpack(archive: Path) -> None:
    """Put what is in an archive into its place; nothing of it if it is refused."""
    folder = archive.with_name(archive.name + UNPACKED)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with _room():
            unpack(archive, folder, ArchiveLimits())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    archive.unlink()


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def _inner(name: str) -> Path:
    """`name` as a harmless path below a folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    kept = [clean_name(each) for each in parts if each not in {"/", ".", ".."}]
    if not kept or len(kept) > ArchiveLimits().depth:
        raise ParamError("that is no name of a file", where=name[:80], hint="such as roads.shp")
    return Path(*kept)


def _pour(stream: IO[bytes], written: IO[bytes], room: int) -> None:
    while chunk := stream.read(CHUNK):
        room -= len(chunk)
        if room < 0:
            raise RequestEntityTooLarge
        written.write(chunk)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreError("the disk is full", hint="make room and send it again") from error
        raise


def sweep(folder: Path) -> None:
    """Remove uploads that nobody touched for a day."""
    for each in (folder / "work").glob(f"{PREFIX}*"):
        if time.time() - each.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
