"""Satellite scenes that come as one file per band: which files they are, and what they measure."""

import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from ingest.bands.names import OLI, SENTINEL_2, SPECTRAL, TM
from ingest.guard import UNPACKING

MOST_FILES: Final = 20_000
"""Files of a folder or an archive that are looked at."""

_SENTINEL: Final = re.compile(
    r"(?:(?P<scene>.+)_)?B(?P<band>0[1-9]|1[0-2]|8A)(?:_(?P<metres>\d\d)m)?\.(?:jp2|tiff?)",
    re.IGNORECASE,
)
_LANDSAT: Final = re.compile(
    r"(?P<scene>L[COTEM]0?(?P<number>[4-9]).*?)(?:_SR)?_B(?P<band>[1-7])\.tiff?", re.IGNORECASE
)
_MASKS: Final = ("msk_", "qi_data")


@dataclass(frozen=True, slots=True)
class Measured:
    """One band: its file, and reflectance = stored · scale + offset."""

    file: str
    """As GDAL opens it."""
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The bands of one image."""

    name: str
    sensor: str
    """``Sentinel-2``, ``Landsat 4-7`` or ``Landsat 8-9``."""
    bands: Mapping[str, Measured]
    """Name of the band → where it is."""
    day: str = ""
    """ISO 8601; ``""`` if unknown."""
    remarks: tuple[tuple[str, str, str], ...] = ()
    """(severity, code, message)"""
    left_out: tuple[str, ...] = field(default=())
    """Codes of bands that are there and not taken."""

    def remarked(self, severity: str, code: str, message: str) -> "Scene":
        """The same scene with one more thing to say about it."""
        return replace(self, remarks=(*self.remarks, (severity, code, message)))


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder or of an archive, which is not unpacked."""

    root: Path
    names: tuple[str, ...]
    """Relative, with slashes."""

    def gdal_path(self, name: str) -> str:
        """`name` as GDAL opens it."""
        prefix = {".zip": "/vsizip/", ".tar": "/vsitar/"}.get(self._suffix, "")
        return f"{prefix}{self.root.resolve()}/{name}"

    @property
    def _suffix(self) -> str:
        return "" if self.root.is_dir() else self.root.suffix.lower()

    def text(self, name: str, most: int) -> bytes:
        """The first `most` bytes of a file."""
        if self._suffix == ".zip":
            with zipfile.ZipFile(self.root) as archive, archive.open(name) as file:
                return file.read(most)
        if self._suffix == ".tar":
            with tarfile.open(self.root, "r:") as tar:
                member = tar.extractfile(name)
                return member.read(most) if member is not None else b""
        with (self.root / name).open("rb") as plain:
            return plain.read(most)


def listing(path: Path) -> Listing:
    """What is in a folder, a zip or a tar; nothing if it is none or damaged."""
    try:
        return Listing(path, tuple(_names(path)))
    except (*UNPACKING, tarfile.TarError, ValueError):
        return Listing(path, ())


def _names(path: Path) -> Iterator[str]:
    if path.is_dir():
        below = islice(path.rglob("*"), MOST_FILES)
        yield from (each.relative_to(path).as_posix() for each in below if each.is_file())
        return
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:MOST_FILES]
    else:
        with tarfile.open(path, "r:") as tar:
            names = [each.name for each in islice(tar, MOST_FILES) if each.isfile()]
    yield from (each for each in names if _inside(each))


def _inside(name: str) -> bool:
    """Whether the name of a member stays below the archive."""
    return not name.startswith("/") and ".." not in PurePosixPath(name).parts


def scenes(found: Listing) -> list[Scene]:
    """The scenes that the files make, bands from short to long waves; without calibration."""
    sentinel: dict[str, dict[str, list[tuple[int, str]]]] = {}
    landsat: dict[tuple[str, int], dict[str, str]] = {}
    for name in found.names:
        if any(mask in name.lower() for mask in _MASKS):
            continue
        base = name.rpartition("/")[2]
        if match := _LANDSAT.fullmatch(base):
            key = match["scene"], int(match["number"])
            landsat.setdefault(key, {})[f"B{match['band']}"] = name
        elif match := _SENTINEL.fullmatch(base):
            code = "B" + match["band"].lstrip("0").upper()
            entry = int(match["metres"] or 0), name
            sentinel.setdefault(match["scene"] or "", {}).setdefault(code, []).append(entry)
    made = [_sentinel(found, scene, codes) for scene, codes in sorted(sentinel.items())]
    made += [_landsat(found, *key, codes) for key, codes in sorted(landsat.items())]
    return [each for each in made if len(each.bands) >= 2]


def _sentinel(found: Listing, scene: str, codes: Mapping[str, Sequence[tuple[int, str]]]) -> Scene:
    finest = {code: min(files)[1] for code, files in codes.items()}
    known = dict(SENTINEL_2)
    if "B8" not in finest and "B8A" in finest:
        known = {"B8A" if code == "B8" else code: name for code, name in known.items()}
    day = re.search(r"(20\d\d)(\d\d)(\d\d)T\d{6}", scene or found.root.name)
    stated = "-".join(day.groups()) if day else ""
    return _scene(found, (scene or found.root.stem, "Sentinel-2", stated), finest, known)


def _landsat(found: Listing, scene: str, number: int, codes: Mapping[str, str]) -> Scene:
    known, sensor = (OLI, "Landsat 8-9") if number >= 8 else (TM, "Landsat 4-7")
    modern = re.search(r"_(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)_", scene + "_")
    stated = f"{modern['y']}-{modern['m']}-{modern['d']}" if modern else ""
    return _scene(found, (scene, sensor, stated), codes, known)


def _scene(
    found: Listing,
    called: tuple[str, str, str],
    codes: Mapping[str, str],
    known: Mapping[str, str],
) -> Scene:
    bands = {
        known[code]: Measured(found.gdal_path(name))
        for code, name in codes.items()
        if code in known
    }
    ordered: dict[str, Measured] = {name: bands[name] for name in SPECTRAL if name in bands}
    left_out = tuple(sorted(set(codes) - set(known)))
    return Scene(called[0], called[1], ordered, called[2], left_out=left_out)
