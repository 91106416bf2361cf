"""Writes tables in the formats that GIS staff deliver, the same bytes for the same input."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray

from kaifeng.frame import CRS, gcj02, lonlat

_FIXED_DATE: Final = "2025-06-01T00:00:00.000Z"

pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_DATE})


def _column(values: pd.Series) -> pa.Array:
    if values.dtype.kind == "f":
        return pa.array(values.to_numpy(dtype=float), pa.float64())
    if values.dtype.kind == "i":
        return pa.array(values.to_numpy(dtype=np.int64), pa.int64())
    missing = values.isna().to_numpy()
    kept = [None if none else each for each, none in zip(values, missing, strict=True)]
    dates = any(isinstance(each, date) for each in kept)
    return pa.array(kept, pa.date32() if dates else pa.string())


def arrow(table: pd.DataFrame) -> pa.Table:
    """A table with WKB in ``geometry``, dates and text as Arrow types."""
    columns = {name: _column(table[name]) for name in table.columns if name != "geometry"}
    shapes = shapely.to_wkb(table["geometry"].to_numpy())
    return pa.table({**columns, "geometry": pa.array(shapes, pa.binary())})


def _kind(shapes: NDArray[np.object_]) -> str:
    names = {0: "Point", 1: "LineString", 3: "Polygon", 6: "MultiPolygon"}
    found = {names[int(each)] for each in np.unique(shapely.get_type_id(shapes))}
    name = found.pop() if len(found) == 1 else "Unknown"
    return f"{name} Z" if shapely.has_z(shapes).any() and name != "Unknown" else name


def write_layer(path: Path, layer: str, table: pd.DataFrame, crs: str = CRS) -> None:
    """Write a table as one layer of a GeoPackage, after the layers that are there."""
    kind = _kind(table["geometry"].to_numpy())
    pyogrio.write_arrow(
        arrow(table), path, layer=layer, driver="GPKG", geometry_name="geometry",
        geometry_type=kind, crs=crs,
    )  # fmt: skip


def write_shapefile(path: Path, table: pd.DataFrame) -> None:
    """Write a GBK shapefile as many offices do: without the .cpg that says so."""
    pyogrio.write_arrow(
        arrow(table), path, driver="ESRI Shapefile", geometry_name="geometry",
        geometry_type="Polygon", crs=CRS, encoding="CP936",
    )  # fmt: skip
    path.with_suffix(".cpg").unlink(missing_ok=True)
    with path.with_suffix(".dbf").open("r+b") as file:
        file.seek(1)
        file.write(bytes([125, 6, 1]))  # the day of writing


def write_csv(path: Path, table: pd.DataFrame, encoding: str) -> None:
    """Write a CSV file."""
    table.to_csv(path, index=False, encoding=encoding, lineterminator="\r\n")


def write_gcj(path: Path, table: pd.DataFrame) -> None:
    """Write GeoJSON whose coordinates are GCJ-02, which the file does not say."""
    shapes = table["geometry"].to_numpy()
    shifted = shapely.transform(shapes, lambda xy: np.round(gcj02(lonlat(xy)), 8))
    features = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": json.loads(geometry),
        }
        for properties, geometry in zip(
            table.drop(columns="geometry").to_dict("records"),
            shapely.to_geojson(shifted),
            strict=True,
        )
    ]
    document = {"type": "FeatureCollection", "name": path.stem, "features": features}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text, encoding="utf-8")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write GeoParquet."""
    frame = gpd.GeoDataFrame(table, geometry="geometry", crs=CRS)
    frame.to_parquet(path, compression="zstd", index=False)


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def write_delivery(
    path: Path, city: Mapping[str, str], datasets: Sequence[Mapping[str, Any]]
) -> None:
    """Write the list of data sets with what their reader has to be told."""
    lines = ["[city]", *(f"{key} = {_toml(value)}" for key, value in city.items())]
    for dataset in datasets:
        options = dict(dataset["options"])
        fields = options.pop("fields", {})
        lines += ["", "[[dataset]]"]
        lines += [f"{key} = {_toml(dataset[key])}" for key in ("name", "file", "title", "licence")]
        lines += ["", "[dataset.options]", *(f"{k} = {_toml(v)}" for k, v in options.items())]
        if fields:
            lines += ["", "[dataset.options.fields]"]
            lines += [f"{_toml(key)} = {_toml(value)}" for key, value in fields.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
