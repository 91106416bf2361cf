"""What a layer is: something of the city that is shown, tile by tile, with a legend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.schema import CLASS_BY_CODE, CLASSES
from layers.mercator import Placement, TileAddress, city_bounds, to_mercator

if TYPE_CHECKING:
    from cim.store import ObjectRows, Store

Kind = Literal["glb", "mvt", "terrain", "imagery"]

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "glb": "model/gltf-binary",
        "mvt": "application/vnd.mapbox-vector-tile",
        "terrain": "image/png",
        "imagery": "image/webp",
    }
)

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {"glb": "glb", "mvt": "mvt", "terrain": "png", "imagery": "webp"}
)


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One colour of a legend and what it means."""

    color: str
    """``#rrggbb``"""
    label: str
    label_zh: str


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer: what it shows, at which zooms, in which colours, and how a tile is drawn."""

    name: str
    title: str
    title_zh: str
    group: str
    kind: Kind
    draw: "Callable[[TileRequest], bytes]"
    """Draws one tile; nothing to see is ``b""``."""
    themes: tuple[str, ...] = ()
    """Themes of `cim.schema` whose objects are shown."""
    classes: tuple[str, ...] = ()
    """The classes of those themes that are shown; empty means all."""
    min_zoom: int = 0
    max_zoom: int = 16
    finest_rank: Mapping[int, int] = field(default_factory=dict)
    """By zoom, the least prominent rank shown; a zoom that is missing shows everything."""
    crowd: int | None = None
    """Most objects in a tile above `max_zoom`, the largest first; None is no limit."""
    visible: bool = True
    opacity: float = 1.0
    pickable: bool = True
    underground: bool = False
    legend: tuple[LegendEntry, ...] = ()

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """Codes of the classes that are shown."""
        return tuple(
            each.code
            for each in CLASSES.values()
            if each.theme in self.themes and (not self.classes or each.name in self.classes)
        )

    @cached_property
    def shows(self) -> NDArray[np.bool_]:
        """By class code, whether the class is shown."""
        shown = np.zeros(max(CLASS_BY_CODE) + 1, bool)
        shown[list(self.codes)] = True
        return shown

    @property
    def media_type(self) -> str:
        """Media type of its tiles."""
        return MEDIA_TYPES[self.kind]

    @property
    def suffix(self) -> str:
        """File name suffix of its tiles, without the dot."""
        return SUFFIXES[self.kind]


@dataclass(frozen=True)
class TileRequest:
    """One tile of one layer that somebody with some clearance wants, as of some day."""

    store: "Store"
    layer: Layer
    address: TileAddress
    at: date | None = None
    clearance: str = "internal"
    variant: str = ""
    """What follows the layer's name after ``-``, such as the day of the imagery."""

    @cached_property
    def placement(self) -> Placement:
        """From the city's CRS to the metres of the tile."""
        return Placement(self.address, self.store.crs)

    def rows(self) -> "ObjectRows | None":
        """The objects to draw that belong to or reach into the tile; None if there are none."""
        bounds = city_bounds(self.address, self.store.crs)
        if bounds is None:
            return None
        rows = self.store.rows(
            bounds,
            self.layer.themes,
            max_rank=self.layer.finest_rank.get(self.address.z, 7),
            at=self.at,
            clearance=self.clearance,
        )
        shown = self.layer.shows[rows.class_code] & (rows.status != "demolished")
        return chosen(rows, shown) if shown.any() else None

    def owned(self) -> "ObjectRows | None":
        """The objects whose middle is in the tile, so that each is in one tile of a zoom.

        Above the last zoom only the largest, if they are a crowd.
        """
        rows = self.rows()
        if rows is None:
            return None
        middles = self.middles(rows)
        known = np.isfinite(middles).all(axis=1)
        held = np.zeros(len(rows.oid), bool)
        held[known] = self.address.holds(to_mercator(middles[known], self.store.crs))
        return self._thinned(chosen(rows, held)) if held.any() else None

    def middles(self, rows: "ObjectRows") -> NDArray[np.float64]:
        """Centres (n, 2) of the objects' bounding boxes; NaN where there is no geometry."""
        box = shapely.bounds(rows.geometry)
        return (box[:, :2] + box[:, 2:]) / 2

    def _thinned(self, rows: "ObjectRows") -> "ObjectRows":
        crowd = self.layer.crowd
        if crowd is None or len(rows.oid) <= crowd or self.address.z >= self.layer.max_zoom:
            return rows
        box = np.nan_to_num(shapely.bounds(rows.geometry))
        size = np.hypot(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
        size = np.maximum(size, np.nan_to_num(rows.height))
        largest = np.lexsort((rows.oid, -size))[:crowd]
        return chosen(rows, np.sort(largest))


def chosen(rows: "ObjectRows", which: NDArray[np.bool_] | NDArray[np.int64]) -> "ObjectRows":
    """Some of the rows, by mask or by number."""
    if which.dtype == bool and which.all():
        return rows
    return replace(rows, **{each.name: getattr(rows, each.name)[which] for each in fields(rows)})
