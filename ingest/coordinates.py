"""Where the rows of a plain table are: coordinate columns, or a column of WKT or WKB."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from cim.model import Finding
from ingest import field_names, values
from ingest.attributes import matches
from ingest.features import Log
from ingest.legible import without_nul
from ingest.plan import Chunk
from ingest.planned import OpenLayer, read_shapes, unique_names
from ingest.reader import ReadOptions, refuse


@dataclass(frozen=True, slots=True)
class Place:
    """The columns of a table that say where its rows are."""

    x: str = ""
    y: str = ""
    z: str = ""
    shape: str = ""
    """Column of WKT or WKB, instead of x and y."""
    crs: str = ""
    """``EPSG:4326`` if the names say longitude and latitude."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that become the geometry."""
        return tuple(name for name in (self.x, self.y, self.z, self.shape) if name)

    def chunk(self, batch: pa.RecordBatch, numbers: NDArray[np.int64]) -> Chunk:
        """The rows of `batch` as features; unreadable coordinates leave no geometry."""
        geometry, unreadable = self._shapes(batch) if self.shape else self._points(batch)
        names = [name for name in batch.schema.names if name not in self.columns]
        columns = [without_nul(batch[name]) for name in names]
        table = pa.RecordBatch.from_arrays(columns, unique_names(names))
        return Chunk(table, geometry, numbers, unreadable)

    def _points(self, batch: pa.RecordBatch) -> tuple[NDArray[np.object_], dict[int, str]]:
        read = [values.numbers(batch[name], values.coordinate) for name in (self.x, self.y)]
        x, y = (np.asarray(each.values, np.float64) for each in read)
        known = np.isfinite(x) & np.isfinite(y)
        geometry = np.full(len(x), None, dtype=object)
        if self.z:
            z = np.asarray(values.numbers(batch[self.z]).values, np.float64)
            deep = known & np.isfinite(z)
            geometry[deep] = shapely.points(x[deep], y[deep], z[deep])
            known &= ~deep
        geometry[known] = shapely.points(x[known], y[known])
        given = ~np.asarray(batch[self.x].is_null()) & ~np.asarray(batch[self.y].is_null())
        broken = np.flatnonzero(shapely.is_missing(geometry) & given).tolist()
        x_texts, y_texts = batch[self.x], batch[self.y]
        return geometry, {
            at: f"{x_texts[at].as_py()!r}, {y_texts[at].as_py()!r} are no coordinates"
            for at in broken
        }

    def _shapes(self, batch: pa.RecordBatch) -> tuple[NDArray[np.object_], dict[int, str]]:
        column = batch[self.shape]
        if not values.is_text(column.type):
            return read_shapes(column)
        texts = np.asarray(column.to_pylist(), dtype=object)
        blank = np.array([each is None or not each.strip() for each in texts], bool)
        texts[blank] = None
        geometry = _from_text(texts)
        broken = np.flatnonzero(shapely.is_missing(geometry) & ~blank).tolist()
        return geometry, {at: f"{texts[at][:60]!r} is no geometry" for at in broken}

    def layer(
        self,
        path: Path,
        first: Chunk,
        chunks: Callable[[], Iterator[Chunk]],
        total: int | None,
    ) -> OpenLayer:
        """The table as the only layer of its file."""
        kind = "Unknown" if self.shape else "Point"
        source = "format" if self.crs else ""
        return OpenLayer(
            path.stem, (path.stem,), kind, self.crs, source, first, chunks, total, self.columns
        )


def _from_text(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    """Shapes from WKT, EWKT or hexadecimal WKB."""
    present = [each for each in texts[:100] if each is not None]
    if present and all(set(each.strip().upper()) <= set("0123456789ABCDEF") for each in present):
        hexadecimal: NDArray[np.object_] = shapely.from_wkb(texts, on_invalid="ignore")
        return hexadecimal
    bare = [None if each is None else each.split(";", 1)[-1].strip() for each in texts]
    geometry: NDArray[np.object_] = shapely.from_wkt(
        np.asarray(bare, dtype=object), on_invalid="ignore"
    )
    return geometry


def find_place(path: Path, names: Sequence[str], options: ReadOptions, log: Log) -> Place:
    """The columns of a table that say where its rows are, as the user says or by their names.

    Raises
    ------
    SourceError
        If there are none.

    """
    targets = {target: name for name, target in options.fields.items() if name in names}
    z = targets.get("z") or next(iter(matches(field_names.HEIGHTS, names)), "")
    if "geometry" in targets:
        return Place(shape=targets["geometry"])
    if {"x", "y"} <= targets.keys():
        return Place(targets["x"], targets["y"], z)
    for wanted, crs in (
        ((field_names.LONGITUDES, field_names.LATITUDES), "EPSG:4326"),
        ((field_names.EASTINGS, field_names.NORTHINGS), ""),
    ):
        x, y = (next(iter(matches(each, names)), "") for each in wanted)
        if x and y and x != y:
            if crs and not options.crs:
                message = f"{x} and {y} are taken as longitude and latitude in WGS 84 (EPSG:4326)"
                log.note(Finding("info", "crs_assumed", message, "set the CRS if it is another"))
            return Place(x, y, z, crs=crs)
    shape = next(iter(matches(field_names.SHAPES, names)), "")
    if shape:
        return Place(shape=shape)
    raise refuse(
        path,
        f"no column says where its rows are: {', '.join(each[:30] for each in names[:12])}",
        "name them lon and lat, x and y or wkt, or map them, as in E=x N=y",
    )
