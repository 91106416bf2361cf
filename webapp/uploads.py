"""Files that come over HTTP: kept in a folder of their own, loaded, removed."""

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from werkzeug.datastructures import FileStorage

from cim.errors import ParamError, StoreError
from webapp.archives import check_packed, clean_name, unpack

PREFIX = "upload-"
MOST_FILES = 100
FORGOTTEN_SECONDS = 24 * 3600.0


@contextmanager
def received(files: Sequence[FileStorage], folder: Path) -> Iterator[tuple[Path, ...]]:
    """What came, in a folder of its own below `folder` that is removed afterwards.

    Sidecars such as ``.dbf`` lie beside their file; zip archives are unpacked.

    Raises
    ------
    ParamError
        If nothing came, too much, or two files of one name.
    SourceError
        If an archive is refused.
    StoreError
        If the disk is full.
    """
    if not files:
        raise ParamError("no file came", where="file", hint="multipart/form-data, field file")
    if len(files) > MOST_FILES:
        raise ParamError(f"more than {MOST_FILES} files", where="file", hint="pack them as a zip")
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix=PREFIX, dir=work))
    try:
        yield _stored(files, own)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreError("the disk is full", hint="make room and send it again") from error
        raise
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _stored(files: Sequence[FileStorage], own: Path) -> tuple[Path, ...]:
    stored: list[Path] = []
    for number, each in enumerate(files):
        target = own / clean_name(each.filename or "")
        if target.exists():
            raise ParamError(f"two files are called {target.name!r}", where="file")
        each.save(target)
        if target.suffix.lower() == ".zip":
            stored += unpack(target, own / f"archive-{number}")
            target.unlink()
        else:
            stored.append(target)
    for path in stored:
        check_packed(path)
    return tuple(stored)


def sweep(folder: Path) -> None:
    """Remove what uploads left behind when the server was killed a day or more ago."""
    for each in (folder / "work").glob(f"{PREFIX}*"):
        if time.time() - each.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
