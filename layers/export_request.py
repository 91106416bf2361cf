"""What an export draws: the solids of the city's tiles, in metres of the city's own CRS."""

from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cim.errors import InputError
from cim.geodesy import bounds_between
from cim.schema import CLASS_BY_CODE
from layers.catalogue import LAYERS
from layers.drawn import Drawn, Solids
from layers.glb import FeatureTable, Surface
from layers.layer import TileRequest, chosen
from layers.mercator import MERCATOR_HALF, Bounds, Placement, Points, TileAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cim.store import ObjectRows, Store

FINEST = 16
"""Zoom at which everything is drawn, in every detail."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The part of a city that is exported."""

    store: "Store"
    only: NDArray[np.int64] | None = None
    """Numbers of the objects meant; None means all."""
    at: date | None = None
    clearance: str = "internal"
    within: Bounds | None = None
    """Box in the city's CRS outside of which nothing is looked for."""

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north in the city's CRS.

        Raises
        ------
        InputError
            If there is nothing to export.
        """
        found = self.within or self.store.bounds()
        if found is None or (self.only is not None and not len(self.only)):
            raise InputError("nothing to export", where=self.store.location, hint="load something")
        return found

    @property
    def origin(self) -> tuple[float, float]:
        """Whole metres in the middle of it, from which positions are counted."""
        west, south, east, north = self.bounds
        return float(round((west + east) / 2)), float(round((south + north) / 2))

    def addresses(self, zoom: int) -> "Iterator[TileAddress]":
        """The tiles of a zoom that it may reach into."""
        west, south, east, north = bounds_between(self.store.crs_name, "EPSG:3857", self.bounds)
        scale = 2**zoom / (2 * MERCATOR_HALF)
        columns = range(
            max(int((west + MERCATOR_HALF) * scale), 0),
            min(int((east + MERCATOR_HALF) * scale), 2**zoom - 1) + 1,
        )
        rows = range(
            max(int((MERCATOR_HALF - north) * scale), 0),
            min(int((MERCATOR_HALF - south) * scale), 2**zoom - 1) + 1,
        )
        return (TileAddress(zoom, x, y) for x in columns for y in rows)


@dataclass(frozen=True, slots=True)
class Shifted(Placement):
    """Leaves points in the city's CRS, counted from an origin."""

    origin: tuple[float, float]

    def exact(self, xy: Points) -> Points:
        """Points (n, 2) from the origin."""
        found: Points = xy - np.array(self.origin)
        return found

    def local(self, xy: Points) -> Points:
        """The same."""
        return self.exact(xy)


@dataclass(frozen=True)
class ExportRequest(TileRequest):
    """One tile of one layer, of which only some objects are meant."""

    only: NDArray[np.int64] | None = None
    origin: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def placement(self) -> Placement:
        """From the city's CRS to metres from the origin."""
        return Shifted(self.address, self.store.crs, self.origin)

    def rows(self) -> "ObjectRows | None":
        """The objects to draw that belong to or reach into the tile; None if there are none."""
        found = super().rows()
        if found is None or self.only is None:
            return found
        meant = np.isin(found.oid, self.only)
        return chosen(found, meant) if meant.any() else None


def solids(part: Part, address: TileAddress, origin: tuple[float, float]) -> Drawn | None:
    """All that the layers draw as solids in one tile, in metres from the origin; None if nothing.

    Features are the rows, x is east, y north in the city's CRS, z the height above its datum.
    """
    found = []
    for layer in LAYERS.values():
        if isinstance(layer.draw, Solids) and layer.min_zoom <= address.z <= layer.max_zoom:
            drawn = layer.draw.solids(
                ExportRequest(
                    part.store, layer, address, part.at, part.clearance,
                    only=part.only, origin=origin,
                )
            )  # fmt: skip
            if drawn is not None and len(drawn.surface.triangles):
                found.append(drawn)
    return joined(found) if found else None


def joined(drawn: list[Drawn]) -> Drawn:
    """All of them as one."""
    first = np.cumsum([0] + [len(each.rows) for each in drawn])
    surfaces = [
        each.surface.of_features(start + np.arange(len(each.rows)))
        for start, each in zip(first, drawn, strict=False)
    ]
    rows: Any = type(drawn[0].rows)
    columns = {
        each.name: np.concatenate([getattr(part.rows, each.name) for part in drawn])
        for each in fields(drawn[0].rows)
    }
    return Drawn(Surface.joined(surfaces), rows(**columns))


def table_of(rows: "ObjectRows") -> FeatureTable:
    """What an exported file says of each object."""
    return FeatureTable(
        rows.oid,
        rows.height,
        rows.class_code,
        {
            "object_id": rows.object_id.tolist(),
            "class_name": [CLASS_BY_CODE[code].name for code in rows.class_code.tolist()],
            "name": [each or "" for each in rows.name.tolist()],
            "function": [each or "" for each in rows.function.tolist()],
        },
    )
