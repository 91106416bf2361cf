"""Around the reading of one file: a folder to work in, and one clear error if it goes wrong."""

import errno
import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from cim.errors import CimError, InputError, SourceError, StoreError

UNPACKING: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, UnicodeDecodeError, OverflowError),
)
"""What `zipfile` raises on damaged files, on some only while a file in them is read."""

_UTF8_NAME: Final = 0x800
"""Flag of a member of a zip file whose name is UTF-8."""


def member_name(member: zipfile.ZipInfo) -> str:
    """The name of a file in a zip file; Chinese Windows writes it in GBK and does not say so."""
    if member.flag_bits & _UTF8_NAME or member.filename.isascii():
        return member.filename
    raw = member.filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


ASK_DOCTOR: Final = "`cim doctor` tells more"


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """An empty folder below `folder` for a reader; what killed loads left there is removed.

    Only the load that holds the city's lock may come here.
    """
    root = folder / "work"
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob("load-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="load-", dir=root, ignore_cleanup_errors=True) as work:
        yield Path(work)


def numbers_may_overflow() -> np.errstate:
    """What absurd coordinates become is seen to by the normaliser, not warned about."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Whatever goes wrong is one `CimError` that names `file` and says what to do.

    Raises
    ------
    InputError
        If the file cannot be used.
    StoreError
        If the store fails, or the disk is full.
    """
    try:
        yield
    except InputError as error:
        if file.name not in str(error):
            error.where = ": ".join(each for each in (file.name, error.where) if each)
        error.hint = error.hint or ASK_DOCTOR
        raise
    except CimError:
        raise
    except OSError as error:
        raise _system_error(error, file.name) from error
    except MemoryError as error:
        problem = "it needs more memory than there is"
        raise SourceError(problem, where=file.name, hint="load it in parts") from error
    except Exception as error:
        # drivers fail in ways of their own; the cause stays attached for those who mend them
        problem = f"it cannot be loaded: {type(error).__name__}: {str(error)[:300]}"
        raise SourceError(problem, where=file.name, hint="please report this file") from error


@contextmanager
def laid_out(file: Path, kind: str) -> Iterator[None]:
    """What is missing in nested data, or of another kind than expected, refuses the `file`.

    Raises
    ------
    SourceError
        That says that it is no sound file of that `kind`.
    """
    try:
        yield
    except CimError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        problem = f"it is not laid out as {kind} is: {type(error).__name__}: {str(error)[:200]}"
        raise SourceError(problem, where=file.name, hint="get or export it again") from error


def _system_error(error: OSError, name: str) -> CimError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreError("the disk is full", where=name, hint="make room and load it again")
    reason = error.strerror or str(error)
    return SourceError(f"it cannot be read: {reason}", where=name, hint=ASK_DOCTOR)
