"""A city as Chinese web maps show it: longitudes and latitudes offset as in GCJ-02 or BD-09."""

from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray

from cim import geodesy
from cim.model import CityModel

FORMATS_IN_DEGREES = frozenset({"geojson", "csv"})
"""Formats that hold nothing but degrees, and can hold offset ones therefore."""


def displaced(model: CityModel, system: str) -> CityModel:
    """The model moved so that its true longitudes and latitudes are its own in `system`.

    The result is for writers of degrees only: in the city's CRS it lies some hundred metres off.

    Raises
    ------
    SourceError
        If `system` is not known.
    """
    crs = geodesy.authority(geodesy.horizontal(model.crs))

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = geodesy.transform(crs, system, points[:, 0], points[:, 1])
        x, y = geodesy.transform(geodesy.WGS84, crs, lon, lat)
        return np.column_stack([x, y, points[:, 2:]])

    shapes = np.array(model.objects.geometry, dtype=object)
    upright = shapely.has_z(shapes)
    for flag in (False, True):
        shapes[upright == flag] = shapely.transform(shapes[upright == flag], move, include_z=flag)
    return replace(model, objects=model.objects.set_geometry(shapes, crs=model.objects.crs))


def warning(system: str) -> str:
    """What people must know of such a file."""
    return f"coordinates are {system}, not WGS 84 as the format has it: only for Chinese web maps"
