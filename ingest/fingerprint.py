"""Whether files are, byte for byte, the ones loaded before: checksums, sidecars included."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import orjson

from cim import __version__
from cim.store.coverages import sha256_of
from ingest.cjj61.tables import TEXT_SUFFIXES, partner
from ingest.delivery import Item
from ingest.reader import Reader

SIDECARS: Final = frozenset(
    {".shx", ".dbf", ".prj", ".cpg", ".qpj"}
    | {".mid", ".dat", ".map", ".id"}
    | {".hdr", ".aux.xml", ".rrd", ".ige", ".ovr"}
    | {".wld", ".tfw", ".tifw", ".tiffw", ".jgw", ".j2w", ".jp2w", ".blw", ".asw"}
)
"""What may lie beside a file and say how it is to be read."""


def file_digest(path: Path) -> str:
    """Checksum of a file with its sidecars (.dbf, .prj …), or of all files of a folder."""
    parts = _parts(path)
    if len(parts) == 1:
        return sha256_of(parts[0])
    joined = "\n".join(f"{each.name} {sha256_of(each)}" for each in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()


def _parts(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.is_file())
    beside = [each for each in path.parent.iterdir() if _belongs(each, path) and each.is_file()]
    half = partner(path) if path.suffix.lower() in TEXT_SUFFIXES else None
    return sorted([path, *beside, *([half] if half else [])])


def _belongs(other: Path, path: Path) -> bool:
    """Whether `other` is ``x.prj`` or ``x.shp.xml`` to the ``x.shp`` at `path`."""
    for start in (path.name, path.stem):
        rest = other.name[len(start) :].lower()
        if other.name.startswith(f"{start}.") and rest in SIDECARS:
            return True
    return False


def fingerprint(sources: Sequence[tuple[Item, Reader, str]], *manner: object) -> str:
    """Hash of all that the outcome of a load depends on.

    `sources` are the files with their reader and checksum, `manner` what else matters, such as
    the city's CRS.
    """
    told = [
        [digest, item.file.name, reader.name, asdict(item.options), item.licence]
        for item, reader, digest in sources
    ]
    return hashlib.sha256(orjson.dumps([told, manner, __version__])).hexdigest()
