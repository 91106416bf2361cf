"""The features of one layer that GDAL opens, streamed in bounded memory."""

import re
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyogrio

from cim.model import Finding
from ingest.features import Log
from ingest.geojson_faults import REMEDY, fault
from ingest.legible import readable
from ingest.plan import Chunk
from ingest.planned import read_shapes, unique_names
from ingest.reader import BATCH_SIZE, refuse

CHUNK: Final = BATCH_SIZE // 2
"""Features read at once: as fast as more, in a fifth less memory."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where GDAL finds a layer."""

    path: Path
    """The file, for messages."""
    location: str
    """What GDAL opens."""
    name: str
    """For people."""
    layer: str = ""
    """GDAL's name of the layer; empty if there is only one."""
    crs_source: str = "file"
    """Where its CRS comes from, if it has one."""
    encoding: str = ""
    """What the driver is told of a shapefile's table; empty if it knows."""
    total: int | None = None
    alone: bool = True
    """Whether the file has no other layer, so that its name tells something."""
    text: str = ""
    """How its text is encoded, as far as it had to be found out."""

    @property
    def options(self) -> dict[str, str]:
        """What the driver is told on opening.

        pyogrio's own ``encoding`` is a setting of the thread: two layers that are open at once
        would leave it set for what comes after them.
        """
        return {"ENCODING": self.encoding} if self.encoding else {}


_REMEDIES: Final = (
    (
        r"\.shx",
        "the .shx file is missing or broken: put the one that belongs to the .shp beside it",
    ),
    (r"GeoJSON|JSON|geojson", "check it with a GeoJSON validator, or export it again"),
    (
        r"GeometryError|Geometry type",
        "convert the layer to polygons, lines or points and try again",
    ),
    (r"not recognized|Unable to open", "the file is damaged or of another kind: get it again"),
)


_MEASURED: Final = "Measured (M) geometry types"
"""What the driver says of a layer with M values, which it then declares without."""


@contextmanager
def gdal_said(path: Path, log: Log) -> Iterator[list[warnings.WarningMessage]]:
    """Makes GDAL's warnings findings, and its errors a `SourceError` about `path`.

    Gives the list of the warnings, which is filled on the way.
    """
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield said
    except (RuntimeError, ValueError, OSError, pa.ArrowException, UnboundLocalError) as error:
        # the last is pyogrio's on a damaged .prj
        seen = fault(path)
        if seen:
            raise refuse(path, f"it cannot be read: {seen}", REMEDY) from error
        reason = _reason(error, path)
        found = (hint for pattern, hint in _REMEDIES if re.search(pattern, f"{error!r}"))
        raise refuse(path, f"it cannot be read: {reason}", next(found, "get it again")) from error
    for each in said:
        if _MEASURED not in str(each.message):
            log.note(Finding("warning", "gdal", f"GDAL: {_reason(each.message, path)}"))


def _reason(error: BaseException | str, path: Path) -> str:
    text = re.sub(r";? ?It might help to specify.*", "", str(error)).replace(str(path), path.name)
    text = re.sub(r"\. To avoid accepting it.*|/vsi\w+/\S*/", "", text)
    return " ".join(text.replace(str(path.resolve().parent), "").split())[:300]


class Stream(Iterator[Chunk]):
    """The features of a layer, chunk by chunk; what the layer states is known with the first.

    A layer that declares M values has a `geometry_type` that ends with `` M``.
    Features whose shapes Arrow cannot carry, such as curves, are read without it from there on.
    """

    def __init__(self, address: Address, log: Log) -> None:
        self.crs = ""
        self.geometry_type = "Unknown"
        self._address, self._log = address, log
        self._done = 0
        self._chunks = self._read()

    def __next__(self) -> Chunk:
        with gdal_said(self._address.path, self._log) as said:
            chunk = next(self._chunks, None)
            if any(_MEASURED in str(each.message) for each in said):
                self.geometry_type += " M"
        if chunk is None:
            raise StopIteration
        self._done += len(chunk)
        return chunk

    def close(self) -> None:
        """Closes the file."""
        self._chunks.close()

    def _read(self) -> Generator[Chunk]:
        try:
            yield from self._with_arrow()
        except NotImplementedError:
            message = f"layer {self._address.name} has curves; they were made straight pieces"
            self._log.note(Finding("warning", "curves_straightened", message))
            yield from self._without_arrow()

    def _with_arrow(self) -> Iterator[Chunk]:
        address = self._address
        with pyogrio.open_arrow(
            address.location,
            layer=address.layer or None,
            batch_size=CHUNK,
            return_fids=True,
            use_pyarrow=True,
            **address.options,
        ) as (meta, reader):
            self.crs = meta["crs"] or ""
            self.geometry_type = str(meta["geometry_type"] or "Unknown")
            shape_at = len(reader.schema) - 1
            yield from map(partial(self._chunk, shape_at), reader)  # keeps none of them

    def _chunk(self, shape_at: int, batch: pa.RecordBatch) -> Chunk:
        geometry, unreadable = read_shapes(batch.column(shape_at))
        names = unique_names(batch.schema.names[1:shape_at])
        columns = readable(names, batch.columns[1:shape_at], self._log)
        table = pa.RecordBatch.from_arrays(columns, names)
        numbers = np.asarray(batch.column(0), np.int64)
        return Chunk(table, geometry, numbers, unreadable)

    def _without_arrow(self) -> Iterator[Chunk]:
        address = self._address
        while True:
            page = pyogrio.read_dataframe(
                address.location,
                layer=address.layer or None,
                skip_features=self._done,
                max_features=BATCH_SIZE,
                fid_as_index=True,
                on_invalid="ignore",
                **address.options,
            )
            if page.empty:
                return
            table = pa.RecordBatch.from_pandas(
                page.drop(columns=page.geometry.name), preserve_index=False
            )
            geometry = np.asarray(page.geometry, object)
            yield Chunk(table, geometry, np.asarray(page.index, np.int64))
