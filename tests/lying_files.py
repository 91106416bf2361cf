"""Files that lie as real ones do: a Chinese shapefile without a word on its text or its place."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.geodesy import WGS84, transform
from cim.geodesy.offsets import gcj02_from_wgs84
from cim.model import Batch

CRS = "EPSG:4547"
ORIGIN = (531_000.0, 3_852_000.0)
NAMES = ("金明区政府", "龙亭公园游客中心", "大梁路小学", "河南大学图书馆", "清明上河园")
LANGUAGE_DRIVER = 29
"""Byte of a .dbf that tells the encoding; 0 is silence."""


def quarter(columns: int = 9, rows: int = 7, seed: int = 3) -> NDArray[np.object_]:
    """Footprints of a city quarter, each of another size, in the city's CRS."""
    random = np.random.default_rng(seed)
    east, north = np.meshgrid(np.arange(columns) * 34.0, np.arange(rows) * 41.0)
    west, south = ORIGIN[0] + east.ravel(), ORIGIN[1] + north.ravel()
    width, depth = random.uniform(9, 26, west.size), random.uniform(9, 30, west.size)
    return np.asarray(shapely.box(west, south, west + width, south + depth), object)


def houses(footprints: NDArray[np.object_]) -> Batch:
    """Buildings with these footprints."""
    count = len(footprints)
    objects = pd.DataFrame({"object_id": [f"h{at:03}" for at in range(count)], "class": "Building"})
    objects["height"] = 3.0 * (np.arange(count) % 6 + 1)
    objects["geometry"] = pd.Series(list(footprints), dtype=object)
    return Batch(objects)


def gbk_and_gcj02(path: Path, footprints: NDArray[np.object_]) -> Path:
    """A shapefile of buildings in GBK and GCJ-02 that says neither: no .cpg, no .prj.

    It has a number, a name, storeys and a year, under the names that surveyors use.
    """

    def shifted(points: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = transform(CRS, WGS84, points[:, 0], points[:, 1])
        return np.column_stack(gcj02_from_wgs84(lon, lat))

    count = len(footprints)
    table = gpd.GeoDataFrame(
        {
            "编号": [f"JZ{at:04}" for at in range(count)],
            "名称": [NAMES[at % len(NAMES)] for at in range(count)],
            "层数": [at % 6 + 1 for at in range(count)],
            "建成年代": [1985 + at % 30 for at in range(count)],
        },
        geometry=[shapely.transform(each, shifted) for each in footprints],
        crs=WGS84,
    )
    table.to_file(path, encoding="GBK")
    for suffix in (".cpg", ".prj"):
        path.with_suffix(suffix).unlink(missing_ok=True)
    body = bytearray(path.with_suffix(".dbf").read_bytes())
    body[LANGUAGE_DRIVER] = 0
    path.with_suffix(".dbf").write_bytes(body)
    return path
