"""3D Tiles 1.1: a folder with ``tileset.json`` and a GLB for each tile, for Cesium and others.

The tiles are those of the page: from zoom 12 on each shows what is about two pixels wide or
more, at zoom 16 everything. Specification: https://docs.ogc.org/cs/22-025r4/22-025r4.html.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from pyproj import CRS, Transformer

from cim.errors import InputError
from cim.geodesy import WGS84, horizontal
from layers.drawn import Drawn
from layers.export_request import FINEST, Part, solids, table_of
from layers.glb import Surface, write
from layers.mercator import Points, TileAddress

COARSEST: Final = 12
"""Zoom from which solids are drawn."""

ERROR_SHARE: Final = 32.0
"""A tile's error is its width over this, so that it gives way to its children when it is about
500 pixels wide: viewers refine from an error of 16 pixels on."""

Region = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """East, north and up at one point, in which positions are metres."""

    crs: CRS
    origin: Points
    """(3,) ECEF metres"""
    axes: Points
    """(3, 3) east, north and up as rows, in ECEF"""

    @classmethod
    def at(cls, crs: CRS, xy: tuple[float, float]) -> "Frame":
        """The frame at height 0 over a point of the city's CRS."""
        lon, lat = _degrees(crs, np.array([xy]))
        origin = _ecef(lon, lat, np.zeros(1))[0]
        (east, north) = np.radians(lon[0]), np.radians(lat[0])
        sin_e, cos_e, sin_n, cos_n = np.sin(east), np.cos(east), np.sin(north), np.cos(north)
        axes = np.array(
            [
                [-sin_e, cos_e, 0.0],
                [-sin_n * cos_e, -sin_n * sin_e, cos_n],
                [cos_n * cos_e, cos_n * sin_e, sin_n],
            ]
        )
        return cls(crs, origin, axes)

    @property
    def matrix(self) -> list[float]:
        """To ECEF, column by column."""
        whole = np.eye(4)
        whole[:3, :3], whole[:3, 3] = self.axes.T, self.origin
        return [float(each) for each in whole.T.ravel()]

    def placed(self, surface: Surface, shift: tuple[float, float]) -> tuple[Surface, Region]:
        """A surface of the city's CRS, counted from `shift`, in this frame, and its region."""
        xyz = surface.positions + np.array([*shift, 0.0])
        local, region = self._local(xyz)
        turned = surface.normals @ self._turn(xyz.mean(axis=0))
        turned /= np.linalg.norm(turned, axis=1)[:, None]
        placed = Surface(
            local, turned.astype(np.float32), surface.colours, surface.features, surface.triangles
        )
        return placed, region

    def _turn(self, xyz: Points) -> Points:
        """(3, 3) directions of the CRS's axes at a point, as rows; one serves a whole tile."""
        around, _ = self._local(np.vstack((xyz, xyz + np.eye(3))))
        found: Points = around[1:] - around[0]
        return found

    def _local(self, xyz: Points) -> tuple[Points, Region]:
        lon, lat = _degrees(self.crs, xyz[:, :2])
        local: Points = (_ecef(lon, lat, xyz[:, 2]) - self.origin) @ self.axes.T
        west, south, east, north = np.radians([lon.min(), lat.min(), lon.max(), lat.max()]).tolist()
        low, high = float(xyz[:, 2].min()), float(xyz[:, 2].max())
        return local, (west, south, east, north, low, high)


@lru_cache(maxsize=16)
def _transformer(source: CRS | str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def _degrees(crs: CRS, xy: Points) -> tuple[Points, Points]:
    lon, lat = _transformer(horizontal(crs), WGS84).transform(*xy.T)
    return lon, lat


def _ecef(lon: Points, lat: Points, height: Points) -> Points:
    return np.column_stack(_transformer("EPSG:4979", "EPSG:4978").transform(lon, lat, height))


@dataclass(slots=True)
class _Writer:
    part: Part
    folder: Path
    frame: Frame
    origin: tuple[float, float]
    seen: set[int]

    def tile(self, address: TileAddress) -> dict[str, Any] | None:
        """A tile with all below it, whose contents are written; None if it is empty."""
        content, region = self._content(address)
        children = []
        if address.z < FINEST:
            x, y, z = 2 * address.x, 2 * address.y, address.z + 1
            below = (TileAddress(z, x + i, y + j) for i in (0, 1) for j in (0, 1))
            children = [each for each in map(self.tile, below) if each is not None]
        regions = [each["boundingVolume"]["region"] for each in children]
        regions += [region] if region else []
        if not regions:
            return None
        found: dict[str, Any] = {
            "boundingVolume": {"region": _around(regions)},
            "geometricError": address.width / ERROR_SHARE if children else 0.0,
        }
        if content:
            found["content"] = {"uri": content}
        if children:
            found["children"] = children
        return found

    def _content(self, address: TileAddress) -> tuple[str, Region | None]:
        drawn = solids(self.part, address, self.origin)
        if drawn is None:
            return "", None
        placed, region = self.frame.placed(drawn.surface, self.origin)
        name = f"{address.z}/{address.x}/{address.y}.glb"
        body = write(placed, table_of(drawn.rows), about=_about(self.part, address))
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        self.seen.update(_drawn_oids(drawn))
        return name, region


def _drawn_oids(drawn: Drawn) -> list[int]:
    found: list[int] = drawn.rows.oid[np.unique(drawn.surface.features)].tolist()
    return found


def _around(regions: list[Any]) -> list[float]:
    all_of_them = np.array(regions)
    low, high = all_of_them.min(axis=0), all_of_them.max(axis=0)
    return [*low[:2].tolist(), *high[2:4].tolist(), float(low[4]), float(high[5])]


def _about(part: Part, address: TileAddress) -> dict[str, Any]:
    return {"city": part.store.name, "version": part.store.version(),
            "tile": f"{address.z}/{address.x}/{address.y}"}  # fmt: skip


def write_tileset(part: Part, folder: Path) -> int:
    """Write the tileset into an empty folder; how many objects it shows.

    Heights are those of the city, above its datum; a globe wants them above the ellipsoid, and
    ``asset.extras`` says which these are.

    Raises
    ------
    InputError
        If there is nothing with a body to export.
    """
    origin = part.origin
    frame = Frame.at(part.store.crs, origin)
    writer = _Writer(part, folder, frame, origin, set())
    found = (writer.tile(address) for address in part.addresses(COARSEST))
    children = [each for each in found if each is not None]
    if not children:
        raise InputError("nothing of it has a body", where=part.store.location)
    error = 2 * max(each["geometricError"] for each in children) or 1.0
    datum = part.store.height_datum or "unknown"
    tileset = {
        "asset": {
            "version": "1.1",
            "tilesetVersion": str(part.store.version()),
            "extras": {"city": part.store.name, "crs": part.store.crs_name, "heightDatum": datum},
        },
        "geometricError": 2 * error,
        "root": {
            "boundingVolume": {
                "region": _around([each["boundingVolume"]["region"] for each in children])
            },
            "geometricError": error,
            "refine": "REPLACE",
            "transform": frame.matrix,
            "children": children,
        },
    }
    (folder / "tileset.json").write_bytes(orjson.dumps(tileset, option=orjson.OPT_INDENT_2))
    return len(writer.seen)
