"""Files of features: GeoJSON, GeoPackage, shapefile and what else GDAL opens, and GeoParquet."""

import re
from itertools import chain
from pathlib import Path
from typing import Final

from cim.declare import did_you_mean
from cim.model import Finding
from ingest.addresses import JSON_SUFFIXES, WGS84_SUFFIXES, addresses, holds_features
from ingest.features import Log
from ingest.gdal_layers import Address, Stream
from ingest.geoparquet import open_geoparquet
from ingest.planned import OpenLayer, planned_reading
from ingest.reader import Reader, Reading, ReadOptions, refuse

OTHER_SUFFIXES: Final = (
    ".gdb.zip",
    ".gpkg",
    ".shp",
    ".fgb",
    ".gml",
    ".tab",
    ".mif",
    ".gdb",
    ".topojson",
    ".sqlite",
    ".dgn",
    ".e00",
    ".jml",
    ".gmt",
    ".sxf",
    ".000",
)


def open_vector(path: Path, options: ReadOptions, work: Path) -> Reading:
    """The reading of every layer with a geometry, or of the one the user names.

    Text of shapefiles is decoded after what their bytes say; a zip file is unpacked to `work`.

    Raises
    ------
    SourceError
        If GDAL refuses the file, with its reason, or there is nothing in it.
    ParamError
        If the user names a field that does not exist.

    """
    log = Log()
    layers = addresses(path, options, work, log)
    if options.layer:
        names = [each.name for each in layers]
        if options.layer not in names:
            raise refuse(path, f"no layer {options.layer!r}", did_you_mean(options.layer, names))
        layers = [each for each in layers if each.name == options.layer]
    opened = []
    for layer in layers:
        found = _opened(layer, log, only=len(layers) == 1)
        if found is not None:
            opened.append(found)
        elif len(layers) > 1:
            log.note(Finding("warning", "layer_empty", f"layer {layer.name} is empty"))
    return planned_reading(path, opened, options, log, layers[0].text if layers else "")


def _opened(layer: Address, log: Log, *, only: bool) -> OpenLayer | None:
    """The layer with its first features; None if it has none."""
    stream = Stream(layer, log)
    first = next(stream, None)
    if first is None:
        return None
    if not only:  # many open layers would hold as many files and chunks
        stream.close()
    whole = chain([first], stream)  # lets go of what was taken
    return OpenLayer(
        name=layer.name,
        names=(layer.name, layer.path.stem) if layer.alone else (layer.name,),
        geometry_type=stream.geometry_type,
        crs=stream.crs,
        crs_source=layer.crs_source if stream.crs else "",
        first=first,
        chunks=(lambda: whole) if only else (lambda: Stream(layer, log)),
        total=layer.total,
    )


_GEOJSON_TYPES: Final = re.compile(
    rb'"type"\s*:\s*"(FeatureCollection|Feature|GeometryCollection|(Multi)?(Point|LineString|Polygon))"'
)


def _is_features(path: Path) -> bool:
    """Whether a file whose suffix does not tell holds features."""
    name = path.name.lower()
    if name.endswith(".zip") and not name.endswith(".gdb.zip"):
        return holds_features(path)
    if name.endswith(".json"):
        with path.open("rb") as file:
            head = file.read(1 << 16)
        return b'"CityJSON' not in head and _GEOJSON_TYPES.search(head) is not None
    if name.endswith(".gml"):
        with path.open("rb") as file:
            return b"citygml" not in file.read(1 << 14).lower()
    return True


VECTOR: Final = Reader(
    "vector",
    "Features (GeoJSON, GeoPackage, shapefile, FlatGeobuf, KML …)",
    (*JSON_SUFFIXES, *WGS84_SUFFIXES, ".shp.zip", *OTHER_SUFFIXES, ".zip"),
    open_vector,
    _is_features,
)

GEOPARQUET: Final = Reader("geoparquet", "GeoParquet", (".geoparquet", ".parquet"), open_geoparquet)
