"""Small files of features, written by hand where a driver would not write them so."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from ingest.plan import Chunk
from ingest.reader import Reader, Reading, ReadOptions

KAIFENG = (114.30, 34.79)


def square(x: float, y: float, size: float = 0.001) -> shapely.Polygon:
    """A square whose south-west corner is at x, y."""
    return shapely.box(x, y, x + size, y + size)


def geojson(path: Path, features: Sequence[tuple[Any, Mapping[str, Any]]], **more: Any) -> Path:
    """A FeatureCollection of (geometry or None or raw GeoJSON, properties)."""
    listed = [
        {
            "type": "Feature",
            "properties": dict(properties),
            "geometry": shapely.geometry.mapping(shape)
            if isinstance(shape, shapely.Geometry)
            else shape,
        }
        for shape, properties in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", **more, "features": listed}))
    return path


def frame(columns: Mapping[str, Sequence[Any]], crs: str | None = "EPSG:4326") -> gpd.GeoDataFrame:
    """Squares in Kaifeng, one for each row of `columns`."""
    count = len(next(iter(columns.values())))
    shapes = [square(KAIFENG[0] + 0.002 * at, KAIFENG[1]) for at in range(count)]
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry=shapes, crs=crs)


def without_crs(path: Path, table: gpd.GeoDataFrame) -> Path:
    """A shapefile without the file that tells its CRS."""
    table.set_crs("EPSG:4326", allow_override=True).to_file(path)
    path.with_suffix(".prj").unlink()
    return path


def shapefile(
    path: Path,
    fields: Sequence[tuple[bytes, int]],
    rows: Sequence[Sequence[bytes]],
    language_driver: int = 0,
) -> Path:
    """Points in Kaifeng with text fields given as bytes, as programs really write them."""
    count = len(rows)
    x = [KAIFENG[0] + 0.001 * at for at in range(count)]
    records = b"".join(
        struct.pack(">ii", at + 1, 10) + struct.pack("<idd", 1, x[at], KAIFENG[1])
        for at in range(count)
    )
    box = (min(x), KAIFENG[1], max(x), KAIFENG[1])

    def header(words: int) -> bytes:
        start = struct.pack(">i5ii", 9994, 0, 0, 0, 0, 0, words)
        return start + struct.pack("<ii4d4d", 1000, 1, *box, 0, 0, 0, 0)

    path.write_bytes(header(50 + len(records) // 2) + records)
    index = b"".join(struct.pack(">ii", 50 + 14 * at, 10) for at in range(count))
    path.with_suffix(".shx").write_bytes(header(50 + 4 * count) + index)
    path.with_suffix(".dbf").write_bytes(dbf(fields, rows, language_driver))
    return path


def dbf(
    fields: Sequence[tuple[bytes, int]], rows: Sequence[Sequence[bytes]], language_driver: int = 0
) -> bytes:
    """A dBASE table of text fields; values are cut at the width, even within a character."""
    width = sum(size for _, size in fields) + 1
    head = struct.pack(
        "<BBBBIHH16xBBxx", 3, 124, 1, 1, len(rows), 33 + 32 * len(fields), width, 0, language_driver
    )
    described = b"".join(
        struct.pack("<11sc4xBB14x", name[:10], b"C", size, 0) for name, size in fields
    )
    body = b"".join(
        b" "
        + b"".join(value[:size].ljust(size) for value, (_, size) in zip(row, fields, strict=True))
        for row in rows
    )
    return head + described + b"\r" + body + b"\x1a"


def opened(
    reader: Reader, path: Path, work: Path, options: ReadOptions | None = None
) -> tuple[Reading, pd.DataFrame]:
    """(reading, all its objects in one frame)."""
    reading = reader.open(path, options or ReadOptions(), work)
    batches = [batch.objects for batch in reading]
    return reading, pd.concat(batches, ignore_index=True)


def codes(reading: Reading) -> set[str]:
    """Codes of the findings."""
    return {each.code for each in reading.findings}


def chunk(columns: Mapping[str, Any], shapes: Sequence[Any]) -> Chunk:
    """A chunk of features as a file would give it."""
    table = pa.RecordBatch.from_pydict(dict(columns))
    return Chunk(table, np.array(shapes, dtype=object), np.arange(len(shapes)))
