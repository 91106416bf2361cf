"""Files that come over HTTP: kept in a folder of their own, loaded, removed."""

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from werkzeug.datastructures import FileStorage

from cim.errors import InputError, ParamError, StoreError
from ingest import READERS
from webapp.archives import clean_name, unpack

DELIVERY = "delivery.toml"
PREFIX = "upload-"
MOST_FILES = 100
FORGOTTEN_SECONDS = 24 * 3600.0


@contextmanager
def received(files: Sequence[FileStorage], folder: Path) -> Iterator[list[Path]]:
    """The files to load out of what came, in a folder below `folder` that is removed afterwards.

    Sidecars such as ``.dbf`` lie beside their file; archives are unpacked.

    Raises
    ------
    ParamError
        If nothing came, too much, or two files of one name.
    SourceError
        If an archive is refused.
    InputError
        If no file is in a format that is read.
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
        yield _loadable(_stored(files, own))
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StoreError("the disk is full", hint="make room and send it again") from error
        raise
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _stored(files: Sequence[FileStorage], own: Path) -> list[Path]:
    stored: list[Path] = []
    for number, each in enumerate(files):
        target = own / clean_name(each.filename or "")
        if target.exists():
            raise ParamError(f"two files are called {target.name!r}", where="file")
        each.save(target)
        if target.suffix.lower() == ".zip":
            inside = own / f"archive-{number}"
            stored += unpack(target, inside)
            target.unlink()
        else:
            stored.append(target)
    return stored


def _loadable(stored: Sequence[Path]) -> list[Path]:
    """A delivery if there is one, else every file that a reader is for."""
    deliveries = [each for each in stored if each.name == DELIVERY]
    found = deliveries or [
        each for each in stored if any(reader.accepts(each) for reader in READERS.values())
    ]
    if not found:
        names = ", ".join(each.name for each in stored[:5])
        endings = sorted({each for reader in READERS.values() for each in reader.suffixes})
        raise InputError("no format that is read", where=names, hint=" ".join(endings))
    return found


def sweep(folder: Path) -> None:
    """Remove what uploads left behind when the server was killed a day or more ago."""
    for each in (folder / "work").glob(f"{PREFIX}*"):
        if time.time() - each.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
