"""Every reader this program has; `reader_for` finds the one for a file."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cim.declare import Catalogue
from cim.errors import SourceError
from ingest.aequilibrae import AEQUILIBRAE
from ingest.bands import BANDS
from ingest.citygml import CITYGML
from ingest.cityjson import CITYJSON, CITYJSONSEQ
from ingest.cjj61 import CJJ61
from ingest.dxf import DXF
from ingest.epanet import EPANET
from ingest.epw import EPW
from ingest.gtfs import GTFS
from ingest.ifc import IFC
from ingest.landxml import LANDXML
from ingest.osm import OSM
from ingest.pointcloud import POINTCLOUD
from ingest.raster import RASTER
from ingest.reader import Reader, refuse
from ingest.sensorthings import SENSORTHINGS
from ingest.series import SERIES
from ingest.sheets import SHEETS
from ingest.swmm import SWMM
from ingest.table import CSV
from ingest.vector import GEOPARQUET, VECTOR
from ingest.waterml import NWIS_SITES, WATERML

READERS: Final[Catalogue[Reader]] = Catalogue(
    "reader",
    (
        IFC,
        CITYJSON,
        CITYJSONSEQ,
        CITYGML,
        LANDXML,
        DXF,
        OSM,
        BANDS,
        RASTER,
        POINTCLOUD,
        GEOPARQUET,
        GTFS,
        AEQUILIBRAE,
        EPANET,
        SWMM,
        CJJ61,
        EPW,
        SENSORTHINGS,
        WATERML,
        NWIS_SITES,
        SERIES,
        CSV,
        SHEETS,
        VECTOR,
    ),
)
"""In the order in which they are asked: the general ones last."""


def reader_for(path: Path) -> Reader:
    """The reader for `path`.

    Raises
    ------
    SourceError
        If there is none; the remedy tells how to get a file that is read.
    """
    if not path.exists():
        raise SourceError("no such file", where=str(path), hint="check the path")
    if path.is_file() and not path.stat().st_size:
        raise refuse(path, "the file is empty: 0 bytes", "copy, download or export it again")
    for reader in READERS.values():
        if reader.accepts(path):
            _refuse_pointer(path)
            return reader
    raise refuse(path, *_foreign(path))


def _foreign(path: Path) -> tuple[str, str]:
    """What is wrong with a file that no reader is for, and what to do."""
    if path.is_dir():
        return "it is a folder", "name the files in it, or a delivery.toml that lists them"
    suffix = path.suffix.lower()
    if suffix in SIDECARS:
        return "it is only a part of a shapefile", f"load {path.stem}.shp, which needs it beside it"
    if suffix in REMEDIES:
        return REMEDIES[suffix]
    known = sorted({each for reader in READERS.values() for each in reader.suffixes})
    if suffix in known:
        return "it does not hold what its name says", "`cim doctor` knows these: " + _titles()
    return f"no reader for {suffix or 'files without a suffix'}", f"read are: {_titles()}"


def _titles() -> str:
    return "; ".join(each.title for each in READERS.values())


SIDECARS: Final = frozenset({".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qpj"})

REMEDIES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        ".json": (
            "it is JSON, but neither CityJSON nor GeoJSON",
            'a CityJSON file begins with {"type": "CityJSON"',
        ),
        ".zip": ("no file of features is in it", "unpack it and load what is in it"),
        ".dwg": ("DWG is not read", "save it as DXF"),
        ".dgn": ("DGN is not read", "save it as DXF"),
        ".rvt": ("Revit's own format is not read", "export the model as IFC"),
        ".skp": ("SketchUp's own format is not read", "export the model as IFC"),
    }
)
"""Suffix → what a file is that often comes and is not read, and what to do with it."""


def _refuse_pointer(path: Path) -> None:
    """GDAL goes by content: a file that only names others would make it read those."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(4096)
    if b"<OGRVRTDataSource" in head:
        raise SourceError(
            "it holds no data but points at other files",
            where=path.name,
            hint="load those files themselves",
        )
