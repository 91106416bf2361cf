"""Opening an IFC file: reads it in a child process and hands over what that left."""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError

from cim.model import Batch
from ingest.ifc.extract import ReadJob, Summary
from ingest.ifc.limits import ChildError, Limits, run_limited
from ingest.ifc.shapes import FAST, THOROUGH
from ingest.reader import Reading, ReadOptions, refuse


def default_limits(path: Path) -> Limits:
    """Time and memory that a sound file of that size needs several times over."""
    size = path.stat().st_size * (12 if path.suffix.lower() == ".ifczip" else 1)
    return Limits(seconds=120 + size / 100_000, memory=3 * 2**30 + 60 * size)


def read(path: Path, options: ReadOptions, work: Path, limits: Limits | None = None) -> Reading:
    """The elements of an IFC or ifczip file, with properties, hierarchy and triangles.

    The whole file is read at once, in a child process with limits: a kernel that crashes or
    hangs is left out at the second try, and what it alone could mesh stays without shape.

    Raises
    ------
    SourceError
        If the file cannot be read, or says nothing of a city.
    """
    _need_projected(path, options.crs)
    job = ReadJob(path, work / "objects.pickle", options.crs, options.encoding)
    limits = limits or default_limits(path)
    for _ in (FAST, THOROUGH, ""):
        try:
            run_limited(job, limits, work / "kernel.log")
            break
        except ChildError as error:
            if error.stage not in {FAST, THOROUGH} - job.skip:
                raise _failed(path, error) from error
            job = replace(job, skip=job.skip | {error.stage})
            last = error
    else:
        raise _failed(path, last)
    return _reading(job.result, options)


def _failed(path: Path, error: ChildError) -> Exception:
    stage = f" while {error.stage}" if error.stage else ""
    return refuse(path, f"reading it {error.problem}{stage}", "repair or split the model")


def _need_projected(path: Path, crs: str) -> None:
    if not crs:
        return
    try:
        projected = CRS.from_user_input(crs).is_projected
    except CRSError:
        projected = False
    if not projected:
        problem = f"a building model cannot be placed in {crs}"
        raise refuse(path, problem, "give a projected CRS, such as EPSG:4549")


def _reading(result: Path, options: ReadOptions) -> Reading:
    with result.open("rb") as stream:
        summary: Summary = pickle.load(stream)  # noqa: S301 - written by our own child
        start = stream.tell()
    return Reading(
        crs=summary.crs,
        crs_source=summary.crs_source,
        batches=_batches(result, start),
        total=summary.total,
        encoding=summary.encoding,
        height_datum=options.height_datum or summary.height_datum,
        length_unit=summary.length_unit,
        rejected=list(summary.rejected),
        findings=list(summary.findings),
    )


def _batches(result: Path, start: int) -> Iterator[Batch]:
    size = result.stat().st_size
    with result.open("rb") as stream:
        stream.seek(start)
        while stream.tell() < size:
            yield pickle.load(stream)  # noqa: S301 - written by our own child
