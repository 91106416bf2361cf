"""The shelf of rasters: content-addressed files beside the database."""

import hashlib
import os
import shutil
from datetime import date
from pathlib import Path

import orjson

from cim.errors import StoreError
from cim.model import Coverage, access_rank
from cim.schema import ACCESS_LEVELS
from cim.store.dialect import Dialect


class Shelf:
    """The ``coverages`` folder of a city.

    A file is named by its checksum and put there whole before the transaction that refers to it
    commits: a crash in between leaves a file too many, never one too few.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._added: list[Path] = []

    def keep(self, coverage: Coverage) -> str:
        """Copy the raster of `coverage` to the shelf; its name there.

        Raises
        ------
        StoreError
            If there is no room for it.

        """
        name = f"{coverage.sha256[:32]}.tif"
        target = self.folder / name
        if target.exists():
            return name
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        try:
            shutil.copyfile(coverage.path, partial)
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(f"cannot keep the raster: {error}", where=str(target)) from error
        self._added.append(target)
        return name

    def discard_added(self) -> None:
        """Take back the files of a load that is rolled back."""
        for path in self._added:
            path.unlink(missing_ok=True)
        self._added.clear()


def sha256_of(path: Path) -> str:
    """Checksum of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rasters_of(db: Dialect, shelf: Path, clearance: str) -> tuple[Coverage, ...]:
    """The rasters of a city whose files lie in `shelf`, for a reader of that clearance."""
    rows = db.run(
        "SELECT name, kind, file, sha256, info, valid_from, access FROM coverage"
        " WHERE closed_by IS NULL AND access <= ? ORDER BY id",
        [access_rank(clearance)],
    )
    found = []
    for name, kind, file, checksum, text, day, access in rows:
        info = orjson.loads(text)
        info["bounds"], info["bands"] = tuple(info["bounds"]), tuple(info["bands"])
        shown = date.fromisoformat(day) if day else None
        found.append(
            Coverage(
                name=name,
                kind=kind,
                path=shelf / file,
                sha256=checksum,
                valid_from=shown,
                access=ACCESS_LEVELS[access],
                **info,
            )
        )
    return tuple(found)
