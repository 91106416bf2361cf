"""Formats that are tables: GeoParquet, GeoPackage and CSV."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from cim.exchange.flat import flat, in_wgs84
from cim.model import CityModel


def write_parquet(model: CityModel, path: Path) -> None:
    """GeoParquet 1.1 with a box for each row, so that readers can skip what they do not need."""
    flat(model).to_parquet(
        path, compression="zstd", write_covering_bbox=True, schema_version="1.1.0", index=False
    )


def write_gpkg(model: CityModel, path: Path) -> None:
    """A GeoPackage with one layer for each class, named after it."""
    classes = model.objects["class"].to_numpy()
    names = list(dict.fromkeys(classes)) or ["Building"]
    for name in names:
        chosen = model.objects[classes == name]
        _layer(flat(_part(model, chosen)), path, str(name))


def _part(model: CityModel, objects: gpd.GeoDataFrame) -> CityModel:
    return CityModel(
        name=model.name,
        version=model.version,
        objects=objects,
        nodes=model.nodes,
        edges=model.edges,
        coverages=model.coverages,
    )


def _layer(table: gpd.GeoDataFrame, path: Path, name: str) -> None:
    kinds = set(table.geometry.geom_type.dropna())
    several = any(kind.startswith("Multi") for kind in kinds)
    one_kind = len({kind.removeprefix("Multi") for kind in kinds}) == 1
    pyogrio.write_dataframe(
        table,
        path,
        layer=name,
        driver="GPKG",
        promote_to_multi=several and one_kind,
        geometry_type=None if one_kind else "Unknown",
        append=False,
    )


def write_csv(model: CityModel, path: Path) -> None:
    """A row for each object: a point inside it as lon and lat, and its whole shape as WKT."""
    table = flat(model)
    shapes = in_wgs84(table.geometry, model.crs)
    inside = shapely.point_on_surface(shapes)
    rows = pd.DataFrame(table.drop(columns="geometry"))
    rows.insert(min(1, rows.shape[1]), "lon", np.round(shapely.get_x(inside), 7))
    rows.insert(min(2, rows.shape[1]), "lat", np.round(shapely.get_y(inside), 7))
    rows["wkt"] = shapely.to_wkt(shapes, rounding_precision=7)
    rows.to_csv(path, index=False, encoding="utf-8")
