"""Every reader this program has; `reader_for` finds the one for a file."""

from pathlib import Path
from typing import Final

from cim.declare import Catalogue
from cim.errors import SourceError
from ingest.cityjson import CITYJSON, CITYJSONSEQ
from ingest.ifc import IFC
from ingest.osm import OSM
from ingest.raster import RASTER
from ingest.reader import Reader
from ingest.table import CSV
from ingest.vector import GEOPARQUET, VECTOR

READERS: Final[Catalogue[Reader]] = Catalogue(
    "reader", (IFC, CITYJSON, CITYJSONSEQ, OSM, RASTER, GEOPARQUET, CSV, VECTOR)
)
"""In the order in which they are asked: the general ones last."""


def reader_for(path: Path) -> Reader:
    """The reader for `path`.

    Raises
    ------
    SourceError
        If there is none.
    """
    if not path.exists():
        raise SourceError("no such file", where=str(path), hint="check the path")
    for reader in READERS.values():
        if reader.accepts(path):
            return reader
    raise SourceError(
        "no reader for this kind of file",
        where=path.name,
        hint="; ".join(f"{each.title}: {' '.join(each.suffixes)}" for each in READERS.values()),
    )
