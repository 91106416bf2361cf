"""Some objects of a source on the map: simplified, in WGS 84, as GeoJSON."""

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.errors import CimError
from cim.geodesy import WGS84
from ingest.normalise import transformed
from ingest.referencing import exchanged

SHOWN: Final = 500
"""Objects in a preview."""
_POINTS: Final = 60_000
"""Points in a preview, which bounds its size."""
_DIGITS: Final = 6

Box = tuple[float, float, float, float]


class Preview:
    """Geometries of a source as it gives them, to be shown in this or that CRS."""

    def __init__(self) -> None:
        self._shapes: list[Any] = []
        self._about: list[dict[str, str]] = []

    def take(self, shapes: NDArray[np.object_], objects: pd.DataFrame) -> None:
        """Picks some of the geometries, evenly; `objects` are the rows they belong to."""
        room = SHOWN - len(self._shapes)
        if room <= 0 or not len(shapes):
            return
        chosen = np.unique(np.linspace(0, len(shapes) - 1, min(room, len(shapes))).astype(int))
        self._shapes += shapes[chosen].tolist()
        names = objects["object_id"].astype(str).iloc[chosen]
        classes = objects["class"].astype(str).iloc[chosen]
        self._about += [
            {"object_id": name, "class": kind} for name, kind in zip(names, classes, strict=True)
        ]

    @property
    def shapes(self) -> NDArray[np.object_]:
        """(n,) the geometries in the source's CRS."""
        shapes = np.empty(len(self._shapes), dtype=object)
        shapes[:] = self._shapes
        return shapes

    def placed(self, crs: str, *, swap: bool = False) -> NDArray[np.object_] | None:
        """(n,) the geometries in degrees if the source is in `crs`; None if that cannot be."""
        if not crs or not self._shapes:
            return None
        shapes = exchanged(self.shapes) if swap else self.shapes
        try:
            placed = transformed(shapely.force_2d(shapes), crs, WGS84)
        except CimError:
            return None
        bounds = shapely.bounds(placed)
        on_earth = (np.abs(bounds) <= (180.0, 90.0, 180.0, 90.0)).all(axis=1)
        placed[~on_earth] = None
        return placed if on_earth.any() else None

    def geojson(self, placed: NDArray[np.object_] | None) -> dict[str, Any] | None:
        """A FeatureCollection of what `placed` gave."""
        if placed is None:
            return None
        bounds = shapely.total_bounds(placed)
        fineness = float(max(bounds[2] - bounds[0], bounds[3] - bounds[1])) / 2000
        simple = shapely.simplify(placed, fineness)
        rounded = shapely.transform(simple, lambda points: np.round(points, _DIGITS))
        features, points = [], 0
        for shape, about in zip(rounded, self._about, strict=True):
            if shape is None or shape.is_empty:
                continue
            points += int(shapely.get_num_coordinates(shape))
            if points > _POINTS:
                break
            features.append(_feature(shape, about))
        return {"type": "FeatureCollection", "features": features}


def _feature(shape: Any, about: Mapping[str, str]) -> dict[str, Any]:
    geometry = json.loads(shapely.to_geojson(shape))
    return {"type": "Feature", "properties": dict(about), "geometry": geometry}


def box(placed: NDArray[np.object_] | None) -> list[float] | None:
    """West, south, east, north of what `Preview.placed` gave."""
    if placed is None:
        return None
    return [round(float(each), 7) for each in shapely.total_bounds(placed)]
