"""Damaged files of every kind: each is read soundly, or refused with one clear error.

Few by default; ``CIM_MUTATIONS`` says how many of each kind, such as 500.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import realdata
import shapely
from mutations import damage
from samples import SAMPLES

from cim.errors import CimError, SourceError
from ingest import amend
from ingest.catalogue import READERS, reader_for
from ingest.guard import about, numbers_may_overflow
from ingest.isolation import Limits, run_apart
from ingest.normalise import Normaliser
from ingest.reader import ReadOptions
from ingest.report import Follow, Progress

EACH: Final = int(os.environ.get("CIM_MUTATIONS", "8"))
SLOW: Final = 4
"""How many times fewer of IFC, whose kernels need processes of their own."""
SECONDS: Final = 30.0
"""That one file may take, on a machine that does other things too."""
MEMORY: Final = 2 * 2**30
CITY: Final = "EPSG:4547"
UNSAMPLED: Final = frozenset({"cityjsonseq"})
"""Readers that share all their code with one that has a sample."""


@dataclass(frozen=True)
class Damaged:
    """Reads damaged copies of the file `name` in `folder`, one for each seed from `first` on."""

    folder: Path
    name: str
    title: str
    first: int
    count: int
    where: str = field(default="a damaged file")

    def __call__(self, follow: Follow) -> list[str]:
        outcomes = []
        warnings.simplefilter("ignore")  # they are no errors where people load files
        for seed in range(self.first, self.count):
            follow(Progress(self.name, "reading", seed, None))
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "in"
                shutil.copytree(self.folder, copy)
                damage(copy, f"{self.title}/{seed}")
                work = Path(folder) / "work"
                work.mkdir()
                outcomes.append(outcome(copy / self.name, work))
        return outcomes


def outcome(path: Path, work: Path) -> str:
    """What became of a load: ``sound``, ``refused: …``, or ``bad: …``."""
    try:
        with about(path), numbers_may_overflow():
            return _read(path, work)
    except CimError as error:
        told = f"{error.problem} ({error.hint})"
        well = error.hint and "please report" not in error.hint and len(error.problem) > 8
        return f"refused: {told}" if well else f"bad: {told}; {error.__cause__!r}"


def _read(path: Path, work: Path) -> str:
    reading = amend.opened(reader_for(path), path, ReadOptions(), work)
    normaliser = Normaliser(reading.crs or CITY, CITY)
    found = len(reading.coverages)
    for batch in reading:
        kept = normaliser.batch(batch)
        if "geometry" in kept.objects:
            _check(np.asarray(kept.objects["geometry"], object))
        found += len(kept) + len(kept.series)
    rejected = len(reading.rejected) + len(normaliser.rejected)
    if not found and not rejected:
        raise SourceError("it holds no objects", hint="is it the right file?")
    return "sound"


def _check(shapes: Any) -> None:
    present = shapes[~shapely.is_missing(shapes)]
    assert np.isfinite(shapely.get_coordinates(present)).all(), "coordinates are not finite"
    assert shapely.is_valid(present).all(), "geometries are not valid"


def outcomes(folder: Path, name: str, title: str) -> Iterator[str]:
    """What became of each; a crash ends one child, and the next goes on behind it."""
    first, count = 0, max(1, EACH // (SLOW if "ifc" in title.lower() else 1))
    while first < count:
        heard = [first]

        def follow(progress: Progress, heard: list[int] = heard) -> None:
            heard.append(progress.done)

        limits = Limits(memory=MEMORY, silence=SECONDS)
        work = Damaged(folder, name, title, first, count)
        try:
            yield from run_apart(work, limits=limits, follow=follow)
        except SourceError as error:
            slow = "no progress" in error.problem
            yield f"{'bad' if slow else 'refused'}: seed {heard[-1]}: {error}"
            first = heard[-1] + 1
        else:
            return


def check(folder: Path, name: str, title: str) -> None:
    bad = [
        f"{title}/{at}: {each}"
        for at, each in enumerate(outcomes(folder, name, title))
        if each.startswith("bad")
    ]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("title", SAMPLES)
def test_damaged_files_are_sound_or_refused(title: str, tmp_path: Path) -> None:
    reader, make = SAMPLES[title]
    path = make(tmp_path)
    assert reader_for(path).name == reader
    work = tmp_path.parent / f"{tmp_path.name}-work"
    work.mkdir()
    assert outcome(path, work) == "sound"
    check(path.parent, path.name, title)


def test_every_reader_has_a_sample() -> None:
    sampled = {reader for reader, _ in SAMPLES.values()}
    assert set(READERS) - sampled == UNSAMPLED


LARGEST: Final = 300_000


def smallest() -> list[str]:
    """The smallest real file of each suffix that a reader is for."""
    best: dict[str, tuple[int, str]] = {}
    for name in realdata.manifest():
        path = realdata.FOLDER / name
        if not path.is_file() or path.name.lower() in {"license", "readme.md"}:
            continue
        suffixes = [s for r in READERS.values() for s in r.suffixes if name.lower().endswith(s)]
        size = path.stat().st_size
        if suffixes and 0 < size < LARGEST and not name.startswith("hostile"):
            key = max(suffixes, key=len)
            best[key] = min(best.get(key, (size, name)), (size, name))
    return [name for _, name in sorted(best.values())]


@realdata.real
@pytest.mark.parametrize("name", smallest())
def test_damaged_real_files_are_sound_or_refused(name: str, tmp_path: Path) -> None:
    path = realdata.path(name)
    for each in path.parent.glob(f"{path.stem}.*"):
        if each.is_file() and each.stat().st_size < LARGEST:
            shutil.copy(each, tmp_path / each.name)
    check(tmp_path, path.name, name)
