"""GeoParquet 1.0 and 1.1, and Parquet tables with coordinates: streamed by row groups."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from ingest.coordinates import find_place
from ingest.features import Log
from ingest.legible import without_nul
from ingest.plan import Chunk
from ingest.planned import OpenLayer, planned_reading, read_shapes, unique_names
from ingest.reader import BATCH_SIZE, Reading, ReadOptions, refuse

DEFAULT_CRS: Final = "OGC:CRS84"
"""What a GeoParquet column without a CRS is in."""


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Which column holds the geometry, and how."""

    column: str
    encoding: str
    crs: str
    crs_source: str
    types: tuple[str, ...]
    derived: frozenset[str]
    """Columns that repeat the geometry, such as its bounds."""


def open_geoparquet(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a GeoParquet file, or of a Parquet table with coordinate columns.

    Raises
    ------
    SourceError
        If it is no Parquet file, or nothing in it says where its rows are.
    ParamError
        If the user names a field that does not exist.

    """
    log = Log()
    with _parquet_said(path):
        file = pq.ParquetFile(path)
        described = _described(path, file.schema_arrow.metadata or {}, file.schema_arrow.names)
    if described is None:
        return _plain_table(path, file, options, log)
    stream = _chunks(path, file, described)
    first = next(stream, None)
    layers = []
    if first is not None:
        layers.append(
            OpenLayer(
                name=path.stem,
                names=(path.stem,),
                geometry_type=described.types[0] if len(described.types) == 1 else "Unknown",
                crs=described.crs,
                crs_source=described.crs_source,
                first=first,
                chunks=lambda: chain([first], stream),
                total=file.metadata.num_rows,
            )
        )
    return planned_reading(path, layers, options, log)


@contextmanager
def _parquet_said(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).replace(str(path), path.name).split())[:300]
        hint = "the file is damaged, cut off or no Parquet file: get it again"
        raise refuse(path, f"it cannot be read: {reason}", hint) from error


def _described(path: Path, metadata: Mapping[bytes, bytes], names: list[str]) -> _Shapes | None:
    """What the file's metadata says of its geometry; None if it says nothing."""
    if b"geo" not in metadata:
        return None
    geo = json.loads(metadata[b"geo"])
    column = geo["primary_column"]
    if column not in names:
        raise refuse(path, f"its geometry column {column!r} is missing", "export the file again")
    about = geo["columns"][column]
    crs, source = DEFAULT_CRS, "format"
    if "crs" in about:
        crs, source = _crs_of(about["crs"]), "file"
    covering = about.get("covering", {}).get("bbox", {})
    derived = {each[0] for each in covering.values() if isinstance(each, list)}
    types = tuple(name.removesuffix(" Z") for name in about.get("geometry_types", ()))
    encoding = str(about.get("encoding", "WKB"))
    return _Shapes(column, encoding, crs, source, types, frozenset(derived))


def _crs_of(stated: Any) -> str:
    if stated is None:
        return ""
    try:
        crs = CRS.from_json_dict(stated) if isinstance(stated, dict) else CRS(stated)
    except CRSError:
        return str(stated)[:80]
    return crs.to_string()


def _chunks(path: Path, file: pq.ParquetFile, described: _Shapes) -> Iterator[Chunk]:
    done = 0
    with _parquet_said(path):
        for batch in file.iter_batches(BATCH_SIZE):
            names = batch.schema.names
            geometry, unreadable = _geometry(batch.column(names.index(described.column)), described)
            kept = [
                at
                for at, name in enumerate(names)
                if name != described.column
                and name not in described.derived
                and not _is_box(batch.column(at))
            ]
            table = pa.RecordBatch.from_arrays(
                [without_nul(batch.column(at)) for at in kept],
                unique_names([names[at] for at in kept]),
            )
            yield Chunk(table, geometry, np.arange(done, done + len(geometry)), unreadable)
            done += len(geometry)


def _is_box(column: pa.Array) -> bool:
    """Whether a column only repeats the bounds of the geometry, as Overture's ``bbox`` does."""
    kind = column.type
    if not pa.types.is_struct(kind):
        return False
    parts = {kind.field(at).name for at in range(kind.num_fields)}
    return parts == {"xmin", "xmax", "ymin", "ymax"}


def _geometry(column: pa.Array, described: _Shapes) -> tuple[NDArray[np.object_], dict[int, str]]:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if described.encoding.upper() == "WKB":
        return read_shapes(column)
    return _native(column, described.encoding), {}


_NATIVE: Final = {
    "point": (shapely.GeometryType.POINT, 0),
    "linestring": (shapely.GeometryType.LINESTRING, 1),
    "polygon": (shapely.GeometryType.POLYGON, 2),
    "multipoint": (shapely.GeometryType.MULTIPOINT, 1),
    "multilinestring": (shapely.GeometryType.MULTILINESTRING, 2),
    "multipolygon": (shapely.GeometryType.MULTIPOLYGON, 3),
}
"""Native encoding → geometry type and how many lists are nested in one another."""


def _native(column: pa.Array, encoding: str) -> NDArray[np.object_]:
    """The geometries of one of GeoParquet 1.1's native encodings (GeoArrow, separated)."""
    if encoding not in _NATIVE:
        raise ValueError(f"geometry encoding {encoding!r} is unknown")
    kind, depth = _NATIVE[encoding]
    geometry = np.full(len(column), None, dtype=object)
    present = np.asarray(column.is_valid())
    inner, offsets = column.drop_null(), []
    for _ in range(depth):
        start = inner.offsets[0].as_py() if len(inner) else 0
        offsets.append(np.asarray(inner.offsets) - start)
        inner = inner.flatten()
    axes = [name for name in ("x", "y", "z") if inner.type.get_field_index(name) >= 0]
    coordinates = np.column_stack([np.asarray(inner.field(name), np.float64) for name in axes])
    if present.any():
        geometry[present] = shapely.from_ragged_array(kind, coordinates, tuple(offsets[::-1]))
    return geometry


def _plain_table(path: Path, file: pq.ParquetFile, options: ReadOptions, log: Log) -> Reading:
    """A Parquet table without geometry, whose rows have coordinates in columns."""
    place = find_place(path, file.schema_arrow.names, options, log)

    def chunks() -> Iterator[Chunk]:
        done = 0
        with _parquet_said(path):
            for batch in file.iter_batches(BATCH_SIZE):
                yield place.chunk(batch, np.arange(done, done + batch.num_rows))
                done += batch.num_rows

    stream = chunks()
    first = next(stream, None)
    layers = []
    if first is not None:
        rest = chain([first], stream)
        layers.append(place.layer(path, first, lambda: rest, file.metadata.num_rows))
    return planned_reading(path, layers, options, log)
