"""A bounded memory of encoded answers, shared by the threads of a server."""

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

LEVEL = 6
"""gzip's: a tile is packed once and sent many times."""
WORTH_PACKING = 512
"""Bytes below which packing costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The body of an answer, packed if that made it smaller."""

    body: bytes
    media_type: str
    packed: bool
    etag: str
    version: int
    """Of the city, as long as which it is true."""

    @classmethod
    def of(cls, body: bytes, media_type: str, version: int, *, pack: bool = True) -> "Encoded":
        """`body`, packed with gzip where it may be and is worth it."""
        etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        if pack and len(body) >= WORTH_PACKING:
            small = gzip.compress(body, LEVEL, mtime=0)
            if len(small) < 0.95 * len(body):
                return cls(small, media_type, True, etag, version)
        return cls(body, media_type, False, etag, version)

    @property
    def plain(self) -> bytes:
        """The body, not packed."""
        return gzip.decompress(self.body) if self.packed else self.body


class ByteCache:
    """The answers used last, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self.bytes = most_bytes, 0
        self._entries: OrderedDict[Hashable, Encoded] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Encoded | None:
        """The answer kept under `key`."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: Encoded) -> None:
        """Keep `answer`; the ones unused for longest make room."""
        with self._lock:
            old = self._entries.pop(key, None)
            self.bytes += len(answer.body) - (len(old.body) if old else 0)
            self._entries[key] = answer
            while self.bytes > self.most_bytes:
                _, dropped = self._entries.popitem(last=False)
                self.bytes -= len(dropped.body)
