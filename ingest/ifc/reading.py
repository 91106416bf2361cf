"""Opening an IFC file: its text is read here, its shapes are made where crashes do no harm."""

from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError

from ingest.cityjson.document import uncollected
from ingest.ifc.extract import Extraction
from ingest.ifc.kernels import shapes_of
from ingest.ifc.limits import Limits
from ingest.ifc.source import load
from ingest.reader import Reading, ReadOptions, refuse


def default_limits(path: Path) -> Limits:
    """Time and memory that a sound file of that size needs several times over."""
    size = path.stat().st_size * (12 if path.suffix.lower() == ".ifczip" else 1)
    return Limits(seconds=120 + size / 100_000, memory=3 * 2**30 + 60 * size)


def read(path: Path, options: ReadOptions, work: Path, limits: Limits | None = None) -> Reading:
    """The elements of an IFC file, with properties, hierarchy and triangles.

    The whole file is read at once. Geometry kernels work in a child process with `limits`.

    Raises
    ------
    SourceError
        If the file cannot be read, or says nothing of a city.
    """
    _need_projected(path, options.crs)
    with uncollected():
        model = load(path)
        extraction = Extraction(path, model, options)
    limits = limits or default_limits(path)
    return extraction.reading(shapes_of(path, model, extraction.wanted(), work, limits))


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
