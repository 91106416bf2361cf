"""What a reader is: a function that opens a file and hands over batches of city objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cim.errors import SourceError
from cim.model import Batch, Coverage, Finding, Rejection

BATCH_SIZE = 65_536
"""Objects in a batch: large enough to be fast, small enough to bound memory."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about a file; everything left empty is found out by the reader."""

    crs: str = ""
    """Overrides what the file says: ``EPSG:4549``, ``GCJ-02``, ``BD-09``, a PROJ string or WKT."""
    encoding: str = ""
    text_repair: str = ""
    """Undoes a wrong reading that was saved: ``latin-1>GB18030`` was read as the first."""
    class_name: str = ""
    """Class of every object, such as ``Building``."""
    id_field: str = ""
    layer: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Source field → column of `schema.OBJECT_COLUMNS`."""
    height_datum: str = ""
    kind: str = ""
    """Kind of a coverage, one of `schema.COVERAGE_KINDS`."""
    network: str = ""
    """Network of lines and nodes, one of `schema.NETWORKS`."""
    valid_from: str = ""
    """Day from which everything in the file is true (ISO 8601)."""
    access: str = ""
    """Level of access of everything in the file that states none of its own."""
    swap_axes: bool = False
    """Whether the file has its coordinates the other way round: north before east."""
    length_unit: str = ""
    """Unit of lengths and heights the file does not state or states wrongly: ``ft``, ``mm`` …"""
    height_offset: float = 0.0
    """Metres to add to every height above the datum."""
    anchor: str = ""
    """Where the local origin of a model lies: ``lon,lat,height,clockwise degrees`` (WGS 84)."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Source field → unit of its numbers, such as ``mm``, ``ft`` or ``year``."""
    object: str = ""
    """City object that time series belong to: ``ID``, ``DATASET/ID``, or ``DATASET/*`` where the
    source names each by that data set's identifiers."""
    time_zone: str = ""
    """Zone of times that state none: ``+08:00``, ``UTC``, ``Asia/Shanghai`` …"""
    start: str = ""
    """Moment (ISO 8601) from which times count that are seconds, minutes or hours."""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column of the dictionary → what the source writes → what it means."""


@dataclass(slots=True)
class Reading:
    """An opened source: what was understood, and its objects batch by batch.

    `batches` is lazy; `rejected` and `findings` grow while it is consumed. Coordinates are in
    `crs`, x before y; the load brings them into the city's CRS.
    """

    crs: str
    """As understood: an authority code, ``GCJ-02``, ``BD-09`` or WKT; ``""`` if nobody knows."""
    crs_source: str
    """``file``, ``sidecar``, ``user``, ``format`` (its standard says so) or ``""``."""
    batches: Iterable[Batch] = ()
    total: int | None = None
    """Objects to expect, for progress; None if unknown."""
    encoding: str = ""
    height_datum: str = ""
    length_unit: str = "m"
    coverages: list[Coverage] = field(default_factory=list)
    """Rasters, already written as COGs into `work`."""
    rejected: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    attribution: str = ""

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


@dataclass(frozen=True)
class Reader:
    """A format: how it is recognised and how it is opened."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    """Lower case, longest first, such as ``.city.json``."""
    open: Callable[[Path, ReadOptions, Path], Reading]
    """(file, options, work): `work` is an empty folder for what must be written on the way."""
    recognise: Callable[[Path], bool] = lambda path: True  # noqa: ARG005
    """Looks into the file when the suffix alone does not tell."""
    folders: bool = False
    """Whether folders of any name are looked into."""

    def accepts(self, path: Path) -> bool:
        """Whether this reader is for that file."""
        named = path.name.lower().endswith(self.suffixes) or (self.folders and path.is_dir())
        return named and self.recognise(path)


def refuse(path: Path, problem: str, hint: str = "") -> SourceError:
    """The error that says why `path` cannot be read."""
    return SourceError(problem, where=path.name, hint=hint)
