"""Building models in IFC: elements with property sets, hierarchy, place and triangles."""

from pathlib import Path

from ingest.reader import Reader, Reading, ReadOptions


def open_ifc(path: Path, options: ReadOptions, work: Path) -> Reading:
    """The objects of an IFC building or infrastructure model; see `ingest.ifc.reading`."""
    from ingest.ifc.reading import read  # noqa: PLC0415 - the kernels are large

    return read(path, options, work)


IFC = Reader(
    name="ifc",
    title="IFC building model",
    suffixes=(".ifczip", ".ifcxml", ".ifc"),
    open=open_ifc,
)
