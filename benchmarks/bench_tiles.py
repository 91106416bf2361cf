"""Time and size of tiles drawn on request: GLB of buildings, MVT against mapbox_vector_tile.

Run from the repository: ``python benchmarks/bench_tiles.py [buildings]``. CPU seconds of one
process; everything after the rows are fetched counts.
"""

import gzip
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from cim.model import Coverage
from cim.schema import CLASSES
from cim.store import ObjectRows
from layers import LAYERS
from layers.buildings import draw_buildings
from layers.flat import draw_land_use, in_tile
from layers.layer import TileRequest
from layers.mercator import TileAddress, city_bounds

CITY = CRS("EPSG:4547")
TILE = TileAddress(15, 26791, 13001)
ROUNDS = 15
BUILDINGS = replace(LAYERS["buildings"], crowd=None)

LIMIT_MS, LIMIT_RATE, LIMIT_BYTES = 25.0, 25_000.0, 250.0


@dataclass(frozen=True)
class Memory:
    """A city whose rows are already fetched."""

    fetched: ObjectRows
    crs: CRS = CITY
    folder: Path = Path()

    def rows(self, *_: Any, **__: Any) -> ObjectRows:
        return self.fetched

    def meshes(self, _: Any) -> dict[int, Any]:
        return {}

    def coverages(self, _: str) -> tuple[Coverage, ...]:
        return ()


def footprints(count: int, seed: int = 1) -> NDArray[np.object_]:
    """Turned boxes, L and U shapes and a few courtyards within the tile."""
    draw = np.random.default_rng(seed)
    bounds = city_bounds(TILE, CITY)
    assert bounds is not None
    west, south, east, north = bounds
    inset = 0.06 * (east - west)
    shapes = []
    for kind in draw.choice(4, count, p=[0.5, 0.3, 0.15, 0.05]):
        w, d = draw.uniform(8, 24, 2)
        points = {
            0: [(0, 0), (w, 0), (w, d), (0, d)],
            1: [(0, 0), (w, 0), (w, d / 2), (w / 2, d / 2), (w / 2, d), (0, d)],
            2: [(0, 0), (w, 0), (w, d), (0.7 * w, d), (0.7 * w, d / 2), (0.3 * w, d / 2),
                (0.3 * w, d), (0, d)],
            3: [(0, 0), (w, 0), (w, d), (0, d)],
        }[int(kind)]  # fmt: skip
        hole = [[(0.3 * w, 0.3 * d), (0.7 * w, 0.3 * d), (0.7 * w, 0.7 * d), (0.3 * w, 0.7 * d)]]
        turn = draw.uniform(0, np.pi)
        c, s = np.cos(turn), np.sin(turn)
        x = draw.uniform(west + inset, east - inset)
        y = draw.uniform(south + inset, north - inset)

        def placed(ring: Any, c=c, s=s, x=x, y=y) -> list[tuple[float, float]]:
            return [(x + c * a - s * b, y + s * a + c * b) for a, b in ring]

        shapes.append(
            shapely.Polygon(placed(points), [placed(each) for each in hole] if kind == 3 else [])
        )
    return np.array(shapes, object)


def rows_of(shapes: NDArray[np.object_], class_name: str, seed: int = 2) -> ObjectRows:
    draw = np.random.default_rng(seed)
    n = len(shapes)
    words = np.array(["residential", "retail", "office", "industrial", "school", None], object)
    return ObjectRows(
        oid=np.arange(1, n + 1),
        class_code=np.full(n, CLASSES[class_name].code, np.int32),
        geometry=shapes,
        height=np.round(draw.gamma(3, 6, n) + 3, 1),
        ground_height=np.round(draw.uniform(60, 70, n), 1),
        storeys=np.full(n, np.nan),
        name=np.array([f"No. {i % 400}" if i % 4 == 0 else None for i in range(n)], object),
        function=draw.choice(words, n),
        status=np.full(n, "existing", object),
        lod=np.full(n, "1.2", object),
        object_id=np.array([f"b{i}" for i in range(n)], object),
        version=np.ones(n, np.int64),
    )


def cpu(work: Callable[[], Any]) -> float:
    """Least CPU seconds of some rounds, the first one not counted."""
    work()
    best = np.inf
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return float(best)


def bench_buildings(count: int) -> bool:
    rows = rows_of(footprints(count), "Building")

    def draw() -> bytes:
        return draw_buildings(TileRequest(Memory(rows), BUILDINGS, TILE))  # type: ignore[arg-type]

    body = draw()
    seconds = cpu(draw)
    packed = len(gzip.compress(body, 6)) / count
    rate = count / seconds
    print(f"GLB   {count:6d} buildings: {seconds * 1e3:6.1f} ms CPU, {rate:9,.0f} buildings/s,"
          f" {len(body) / count:5.0f} B raw, {packed:5.0f} B gzipped a building")  # fmt: skip
    return (
        packed <= LIMIT_BYTES and rate >= LIMIT_RATE and (count > 1500 or seconds * 1e3 <= LIMIT_MS)
    )


def bench_vector(count: int) -> bool:
    rows = rows_of(footprints(count), "LandUse")
    request = TileRequest(Memory(rows), LAYERS["land_use"], TILE)  # type: ignore[arg-type]

    def library() -> bytes:
        moved = in_tile(rows.geometry, request)
        features = [
            {"geometry": shape, "id": oid, "properties": {"function": word, "name": name}}
            for shape, oid, word, name in zip(
                moved, rows.oid.tolist(), rows.function, rows.name, strict=True
            )
        ]
        layer = {"name": "land_use", "features": features}
        return mapbox_vector_tile.encode(
            layer, default_options={"quantize_bounds": None, "y_coord_down": True}
        )

    ours, theirs = cpu(lambda: draw_land_use(request)), cpu(library)
    size = len(draw_land_use(request))
    print(f"MVT   {count:6d} polygons:  {ours * 1e3:6.1f} ms CPU, {size / count:5.0f} B a feature,"
          f" mapbox_vector_tile {theirs * 1e3:6.1f} ms: {theirs / ours:.1f} times")  # fmt: skip
    return theirs >= 3 * ours


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    kept = [bench_buildings(count), bench_buildings(4 * count), bench_vector(count)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB; limits {'kept' if all(kept) else 'MISSED'}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
