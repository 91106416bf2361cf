"""LandXML 1.0 to 2.0 and Inframodel: terrain surfaces, and pipe networks as nodes and edges.

LandXML has north before east everywhere.
"""

from pathlib import Path
from typing import Final

from cim.errors import SourceError
from ingest.citygml.source import Source, head_of
from ingest.reader import Reader, Reading, ReadOptions


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    from ingest.landxml.reading import open_landxml  # noqa: PLC0415  # lxml, when it is needed

    return open_landxml(path, options, work)


def _recognised(path: Path) -> bool:
    try:
        return head_of(Source(path)).root == "LandXML"
    except (SourceError, OSError):
        return False


LANDXML: Final = Reader(
    "landxml", "LandXML and Inframodel", (".landxml", ".xml.gz", ".xml"), _open, _recognised
)
