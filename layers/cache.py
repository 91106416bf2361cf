"""Keeps drawn tiles on disk: by version of the city, bounded in size, never half-written."""

import os
import shutil
import tempfile
import threading
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from layers.mercator import TileAddress

MOST_BYTES = 2 << 30
"""Bytes of tiles kept in a city's folder."""

TRIMMED = 0.75
"""Share of the limit that is left after the oldest tiles made room."""

BROKEN_NAME = ".part"


@dataclass(frozen=True, slots=True)
class TileKey:
    """Everything that a tile's content depends on."""

    city: str
    version: int
    layer: str
    address: TileAddress
    suffix: str
    at: date | None
    clearance: str

    @property
    def path(self) -> Path:
        """Place below the cache's folder."""
        day = self.at.isoformat() if self.at else "now"
        z, x, y = self.address.z, self.address.x, self.address.y
        return Path(
            self.city, str(self.version), self.layer, self.clearance, day,
            f"{z}/{x}/{y}.{self.suffix}",
        )  # fmt: skip


class TileCache:
    """The tiles below one folder. A cache that cannot be written is a slow one, not an error."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._bytes: int | None = None
        self._newest = "", -1
        self._lock = threading.Lock()

    def get(self, key: TileKey) -> bytes | None:
        """The tile kept under `key`, or None."""
        try:
            return (self.folder / key.path).read_bytes()
        except OSError:
            return None

    def put(self, key: TileKey, body: bytes) -> None:
        """Keep a tile; tiles of older versions go, and the oldest ones if there are too many."""
        with self._lock:
            try:
                self._forget_before(key.city, key.version)
                self._write(self.folder / key.path, body)
                self._trim(len(body))
            except OSError:
                return

    def _write(self, path: Path, body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=BROKEN_NAME)
        try:
            with os.fdopen(handle, "wb") as sheet:
                sheet.write(body)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _forget_before(self, city: str, version: int) -> None:
        """Tiles of older versions go, and those of an earlier city at the same place."""
        if self._newest >= (city, version) and self._newest[0] == city:
            return
        self._newest = city, version
        self._bytes = None
        if not self.folder.is_dir():
            return
        for each in self.folder.iterdir():
            if each.name != city:
                shutil.rmtree(each, ignore_errors=True)
        for each in (self.folder / city).glob("*"):
            if each.name.isdecimal() and int(each.name) < version:
                shutil.rmtree(each, ignore_errors=True)

    def _trim(self, added: int) -> None:
        if self._bytes is not None:
            self._bytes += added
            if self._bytes <= self.most_bytes:
                return
        kept = sorted(self._kept())
        self._bytes = sum(size for _, size, _ in kept)
        if self._bytes <= self.most_bytes:
            return
        for _, size, path in kept:
            path.unlink(missing_ok=True)
            self._bytes -= size
            if self._bytes <= TRIMMED * self.most_bytes:
                return

    def _kept(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self.folder.rglob("*.*"):
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            found.append((state.st_mtime, state.st_size, path))
        return found


@lru_cache(maxsize=64)
def cache_in(folder: Path) -> TileCache:
    """The cache that this process has of the city whose files are in `folder`."""
    return TileCache(folder / "cache" / "tiles")
