"""Rasters: the terrain, two satellite scenes painted from the vector layers, the population."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely.geometry.base import BaseGeometry

from kaifeng.frame import CRS, EXTENT, Array, stream
from kaifeng.terrain import PIXEL, elevation_grid

SCENE_PIXEL: Final = 5.0
POPULATION_PIXEL: Final = 100.0
FLOOR_AREA_PER_PERSON: Final = 38.0
"""m² of residential floor for each inhabitant."""

BANDS: Final = ("blue", "green", "red", "nir")

_COVERS: Final[tuple[tuple[str, tuple[int, int, int, int]], ...]] = (
    ("crop", (520, 860, 640, 3300)),
    ("stubble", (900, 1250, 1560, 2350)),
    ("fallow", (1050, 1380, 1750, 2250)),
    ("orchard", (420, 700, 520, 2900)),
    ("pavement", (1350, 1460, 1560, 1850)),
    ("asphalt", (880, 930, 980, 1120)),
    ("grass", (500, 830, 600, 3000)),
    ("trees", (330, 560, 390, 3400)),
    ("lake", (620, 760, 560, 330)),
    ("river", (1150, 1480, 1600, 900)),
    ("sand", (1500, 1850, 2250, 2900)),
    ("bare", (1300, 1620, 2000, 2600)),
    ("wall", (900, 980, 1080, 1350)),
)
"""Reflectance x 10 000 of each kind of ground in blue, green, red and near infrared."""
_NOTHING: Final = 255
_COVER: Final = {name: number for number, (name, _) in enumerate(_COVERS)}

_ROOFS: Final[tuple[tuple[int, int, int, int], ...]] = (
    (900, 980, 1180, 1500),
    (1050, 1100, 1180, 1450),
    (780, 820, 900, 1200),
    (1000, 1150, 1750, 2200),
    (2300, 2380, 2450, 2700),
    (2100, 1750, 1500, 1900),
    (1600, 1650, 1720, 2000),
    (1300, 1320, 1400, 1700),
)
"""Grey tiles, concrete, dark tiles, red tiles, white metal, blue metal, light concrete, screed."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A north-up grid over the whole district."""

    pixel: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        west, south, east, north = EXTENT
        return round((north - south) / self.pixel), round((east - west) / self.pixel)

    @property
    def transform(self) -> Any:
        """From column and row to EPSG:4547."""
        return from_origin(EXTENT[0], EXTENT[3], self.pixel, self.pixel)

    def burn(self, values: Iterable[tuple[Any, int]], onto: NDArray[Any]) -> None:
        """Draw geometries with a value each, the later over the earlier."""
        pairs = list(values)
        if pairs:
            rasterize(pairs, out=onto, transform=self.transform)

    def write(self, path: Path, bands: NDArray[Any], names: Sequence[str], **tags: str) -> None:
        """A tiled GeoTIFF in EPSG:4547 of bands (count, rows, columns)."""
        # a predictor would hide that painted pixels repeat
        predictor = 3 if bands.dtype.kind == "f" else 1
        profile = {
            "driver": "GTiff", "height": self.shape[0], "width": self.shape[1], "crs": CRS,
            "count": len(bands), "dtype": bands.dtype.name, "transform": self.transform,
            "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate",
            "zlevel": 5, "predictor": predictor, "interleave": "pixel",
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as file:
            file.write(bands)
            file.update_tags(**tags)
            for number, name in enumerate(names, 1):
                file.set_band_description(number, name)


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """What the scenes are painted from; EPSG:4547."""

    buildings: pd.DataFrame
    """Columns geometry, height, kind, year, valid_from, valid_to."""
    streets: NDArray[np.object_]
    """(m,) areas."""
    water: tuple[BaseGeometry, ...]
    river: BaseGeometry
    bars: tuple[BaseGeometry, ...]
    """Sandbanks in the river."""
    green: tuple[BaseGeometry, ...]
    trees: Array
    """(k, 2) easting and northing."""
    city: BaseGeometry
    blocks: tuple[tuple[BaseGeometry, int], ...]
    """Built blocks and the first year in which something stood there."""
    wall: tuple[BaseGeometry, ...]


def write_terrain(path: Path) -> NDArray[np.float32]:
    """Write the terrain; its heights (rows, columns) in metres."""
    heights = elevation_grid()
    tags = {"AREA_OR_POINT": "Area", "VERTICAL_DATUM": "1985国家高程基准 (EPSG:5737)"}
    Grid(PIXEL).write(path, heights[None], ["height"], **tags)
    return heights


def _fields(grid: Grid, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Farmland: strips of 60 to 120 m with one crop each."""
    rows, columns = grid.shape
    x = np.arange(columns) * grid.pixel
    y = np.arange(rows) * grid.pixel
    skew = (y[:, None] * 0.06 + x[None] * 0.03).astype(np.float32)
    across = ((x[None] + skew) // 95).astype(np.int32)
    along = ((y[:, None] + 180 * np.sin(across * 12.9898) - skew) // 260).astype(np.int32)
    table = rng.choice(4, 4096, p=[0.55, 0.18, 0.15, 0.12]).astype(np.uint8)
    return np.asarray(table[(across * 131 + along * 71) & 4095])


def _land(grid: Grid, scenery: Scenery, seed: int) -> NDArray[np.uint8]:
    """What never changes: fields, river, and the open ground of the city."""
    land = _fields(grid, stream(seed, "fields"))
    beach = scenery.river.buffer(280, quad_segs=2)
    grid.burn([(scenery.city, _COVER["grass"]), (beach, _COVER["sand"])], land)
    grid.burn([(scenery.river, _COVER["river"])], land)
    grid.burn([(each, _COVER["sand"]) for each in scenery.bars], land)
    return land


def _above(grid: Grid, scenery: Scenery) -> NDArray[np.uint8]:
    """What lies over the blocks on both days; `_NOTHING` elsewhere."""
    above = np.full(grid.shape, _NOTHING, np.uint8)
    grid.burn([(each, _COVER["grass"]) for each in scenery.green], above)
    grid.burn([(each, _COVER["asphalt"]) for each in scenery.streets], above)
    column = ((scenery.trees[:, 0] - EXTENT[0]) // grid.pixel).astype(int)
    row = ((EXTENT[3] - scenery.trees[:, 1]) // grid.pixel).astype(int)
    above[row, column] = _COVER["trees"]
    grid.burn([(each, _COVER["lake"]) for each in scenery.water], above)
    grid.burn([(each, _COVER["wall"]) for each in scenery.wall], above)
    return above


def _ground(scenery: Scenery, day: date) -> list[tuple[BaseGeometry, int]]:
    """Paved blocks, building sites, and fields that nobody has built on yet."""
    town = []
    for block, first in scenery.blocks:
        left = first - day.year
        kind = "pavement" if left <= 0 else "bare" if left <= 2 else "crop"
        town.append((block, _COVER[kind]))
    return town


def _standing(buildings: pd.DataFrame, day: date) -> NDArray[np.bool_]:
    begun = [each is None or each <= day for each in buildings["valid_from"]]
    gone = [each is not None and each <= day for each in buildings["valid_to"]]
    return np.asarray(np.array(begun) & ~np.array(gone))


def _numbered(
    grid: Grid, shapes: NDArray[np.object_], numbers: NDArray[np.integer]
) -> NDArray[np.int32]:
    """The number of the building in each pixel; 0 where there is none."""
    drawn = np.zeros(grid.shape, np.int32)
    # GeoJSON from C is many times quicker than asking each polygon for its mapping
    outlines = json.loads("[" + ",".join(shapely.to_geojson(shapes)) + "]")
    grid.burn(zip(outlines, numbers.tolist(), strict=True), drawn)
    return drawn


def _shadows(grid: Grid, buildings: pd.DataFrame) -> NDArray[np.int32]:
    """The number of the building that shades each pixel; the sun stands in the south-east."""
    heights = buildings["height"].to_numpy(dtype=float)
    casts = []
    for share, least in ((0.5, 40.0), (1.0, 9.0)):
        tall = np.flatnonzero(heights > least)
        shapes = buildings["geometry"].to_numpy()[tall]
        xy, owner = shapely.get_coordinates(shapes, return_index=True)
        reach = heights[tall][owner, None] * share * np.array([[-0.25, 0.45]])
        casts.append((shapely.set_coordinates(shapes.copy(), xy + reach), tall + 1))
    shapes, numbers = (np.concatenate(each) for each in zip(*casts, strict=True))
    return _numbered(grid, shapes, numbers)


def _roof_colours(buildings: pd.DataFrame) -> NDArray[np.int64]:
    """Index into `_ROOFS` for each building."""
    kind = buildings["kind"].to_numpy()
    turn = np.arange(len(buildings)) * 7 + buildings["year"].to_numpy()
    tiled = np.isin(kind, ["courtyards", "village"])
    return np.select([tiled, kind == "industrial"], [turn % 4, 4 + turn % 2], default=1 + turn % 7)


def _brightness(grid: Grid, rng: np.random.Generator) -> NDArray[np.int32]:
    """Speckle over a slow swell, in 1/256 of the reflectance."""
    rows, columns = grid.shape
    coarse = rng.uniform(-13, 13, (rows // 40 + 3, columns // 40 + 3))
    down, across = (
        _hats(count, 40, size) for count, size in zip(grid.shape, coarse.shape, strict=True)
    )
    swell = down @ coarse @ across.T
    fine = rng.integers(-2, 3, (rows, columns), dtype=np.int8)
    return (256 + swell + fine * 6).astype(np.int32)


def _hats(count: int, step: int, knots: int) -> Array:
    """(count, knots) weights that interpolate between knots `step` apart."""
    where = np.arange(count)[:, None] / step - np.arange(knots)[None]
    return np.asarray(np.maximum(0.0, 1 - np.abs(where)))


class Painter:
    """Paints scenes of one district; what all days share is drawn once."""

    def __init__(self, scenery: Scenery, seed: int) -> None:
        self.scenery, self.seed, self.grid = scenery, seed, Grid(SCENE_PIXEL)
        self._land = _land(self.grid, scenery, seed)
        self._above = _above(self.grid, scenery)
        shapes = scenery.buildings["geometry"].to_numpy()
        self._number = _numbered(self.grid, shapes, np.arange(1, len(shapes) + 1))
        self._shade = _shadows(self.grid, scenery.buildings)
        self._colour = _roof_colours(scenery.buildings)

    def keys(self, day: date) -> NDArray[np.uint8]:
        """Per pixel: kind of ground, or roof colour after those; 32 more in the shade."""
        cover = self._land.copy()
        self.grid.burn(_ground(self.scenery, day), cover)
        cover = np.where(self._above == _NOTHING, cover, self._above)
        up = _standing(self.scenery.buildings, day)
        roof = np.concatenate([[0], np.where(up, len(_COVERS) + self._colour, 0)]).astype(np.uint8)
        dark = np.concatenate([[0], np.where(up, 32, 0)]).astype(np.uint8)
        roofs = roof[self._number]
        return np.where(roofs > 0, roofs, cover + dark[self._shade])

    def write(self, path: Path, day: date) -> NDArray[np.uint16]:
        """Write a scene of blue, green, red and near infrared; reflectance x 10 000."""
        lit = np.array([each for _, each in _COVERS] + list(_ROOFS))
        table = np.zeros((64, 4), np.int32)
        table[: len(lit)] = lit
        table[32 : 32 + len(lit)] = lit * 0.45
        key = self.keys(day)
        light = _brightness(self.grid, stream(self.seed, f"scene {day}"))
        bands = np.empty((4, *self.grid.shape), np.uint16)
        for band in range(4):
            bands[band] = (table[:, band][key] * light) // 5120 * 20
        self.grid.write(path, bands, BANDS, ACQUISITION_DATE=day.isoformat(), SCALE="0.0001")
        return bands


def population(buildings: pd.DataFrame) -> NDArray[np.float32]:
    """Inhabitants (rows, columns) of each 100 m cell, from residential floor area."""
    homes = buildings[buildings["function"] == "residential"]
    shapes = homes["geometry"].to_numpy()
    floor = shapely.area(shapes) * homes["storeys"].to_numpy() * 0.82
    people = floor / FLOOR_AREA_PER_PERSON
    xy: Array = shapely.get_coordinates(shapely.centroid(shapes))
    grid = Grid(POPULATION_PIXEL)
    column = ((xy[:, 0] - EXTENT[0]) // grid.pixel).astype(int)
    row = ((EXTENT[3] - xy[:, 1]) // grid.pixel).astype(int)
    cells = np.zeros(grid.shape)
    np.add.at(cells, (row, column), people)
    return np.round(cells, 1).astype(np.float32)


def write_population(path: Path, buildings: pd.DataFrame) -> NDArray[np.float32]:
    """Write the population grid; its cells."""
    cells = population(buildings)
    Grid(POPULATION_PIXEL).write(path, cells[None], ["population"], UNIT="persons per cell")
    return cells
