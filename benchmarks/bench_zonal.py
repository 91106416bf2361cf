"""CPU of statistics within polygons, against exactextract on the same raster and polygons.

Run ``python benchmarks/bench_zonal.py [POLYGONS] [THEIRS]``; 1 000 000 polygons unless told, of
which exactextract (strategy raster-sequential, its fastest here) is given the first THEIRS,
100 000 unless told, and its time per polygon is compared. Both weight every cell by the part of
it that is covered; the answers are compared too. Times are CPU seconds, the least of several
runs that take turns; the peak is the resident memory of a process that only measures.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin

from cim.model import Coverage
from cim.zones import zonal_statistics

CRS = "EPSG:4547"
CELL = 1.0
SPACING = 14.0
"""Metres from one building to the next."""
ROUNDS = 3
SHARED = {"count": "count", "mean": "mean", "min": "minimum", "max": "maximum"}


def town(count: int) -> np.ndarray:
    """Footprints of 4 to 12 corners, about 80 m², turned at random, in rows from the north."""
    rng = np.random.default_rng(1)
    across = int(np.ceil(np.sqrt(count)))
    number = np.arange(count)
    east = number % across * SPACING + SPACING / 2 + rng.uniform(-1, 1, count)
    south = number // across * SPACING + SPACING / 2 + rng.uniform(-1, 1, count)
    corners = rng.integers(2, 7, count) * 2
    angle = np.repeat(rng.uniform(0, np.pi, count), corners)
    place = np.arange(corners.sum()) - np.repeat(np.cumsum(corners) - corners, corners)
    angle += place / np.repeat(corners, corners) * 2 * np.pi
    radius = rng.uniform(3.5, 6.5, corners.sum())
    x = 500_000 + np.repeat(east, corners) + radius * np.cos(angle)
    y = 3_900_000 - np.repeat(south, corners) + radius * np.sin(angle)
    rings = shapely.linearrings(np.column_stack([x, y]), indices=np.repeat(number, corners))
    return shapely.polygons(rings)


def surface(path: Path, count: int) -> Coverage:
    """A surface model in tiles, with noise so that no two cells are alike."""
    size = int(np.ceil(np.ceil(np.sqrt(count)) * SPACING / CELL / 256) * 256)
    rng = np.random.default_rng(2)
    profile = {
        "driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "float32",
        "crs": CRS, "transform": from_origin(500_000, 3_900_000, CELL, CELL), "nodata": -9999,
        "tiled": True, "blockxsize": 256, "blockysize": 256,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        for top in range(0, size, 256):
            strip = rng.random((256, size), np.float32) * 30
            file.write(strip, 1, window=((top, top + 256), (0, size)))
    return Coverage("surface", "surface", path, CRS, (0, 0, 0, 0), size, size, ())


def theirs(coverage: Coverage, polygons: np.ndarray):
    from exactextract import exact_extract  # noqa: PLC0415  # not part of what is measured

    frame = gpd.GeoDataFrame(geometry=polygons, crs=CRS)
    return exact_extract(
        str(coverage.path), frame, list(SHARED), strategy="raster-sequential", output="pandas"
    )


def peak(folder: Path, count: int, whose: str) -> float:
    """Resident megabytes of a process that measures once, less those of one that measures one."""
    resident = []
    for number in (1, count):
        command = [sys.executable, __file__, "--once", whose, str(folder), str(number)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        resident.append(float(done.stdout))
    return resident[1] - resident[0]


def once(whose: str, folder: Path, count: int) -> None:
    file = folder / "surface.tif"
    polygons = np.load(folder / "polygons.npy", allow_pickle=True)[:count]
    coverage = Coverage("surface", "surface", file, CRS, (0, 0, 0, 0), 0, 0, ())
    zonal_statistics(coverage, CRS, polygons) if whose == "ours" else theirs(coverage, polygons)
    status = Path("/proc/self/status").read_text("ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        once(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        return
    count = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    few = min(int(sys.argv[2]) if sys.argv[2:] else 100_000, count)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        polygons = town(count)
        coverage = surface(folder / "surface.tif", count)
        zonal_statistics(coverage, CRS, polygons[:10])  # compiles
        own, other = [], []
        for _ in range(ROUNDS):
            start = time.process_time()
            table = zonal_statistics(coverage, CRS, polygons)
            own.append(time.process_time() - start)
            start = time.process_time()
            their_table = theirs(coverage, polygons[:few])
            other.append(time.process_time() - start)
        rate, their_rate = count / min(own), few / min(other)
        print(f"{count} polygons, {coverage.width} x {coverage.height} cells of {CELL:g} m")
        print(f"ours         {min(own):8.2f} s  {rate:10.0f} polygons/s")
        print(f"exactextract {min(other):8.2f} s  {their_rate:10.0f} polygons/s  (of {few})")
        print(f"ratio        {rate / their_rate:8.1f}")
        for name, column in SHARED.items():
            far = np.abs(their_table[name] - table[column][:few]).max()
            print(f"largest difference of {name:6} {far:.1e}")
        np.save(folder / "polygons.npy", polygons[:few], allow_pickle=True)
        print(f"peak MB of {few}: ours {peak(folder, few, 'ours'):.0f}, "
              f"exactextract {peak(folder, few, 'theirs'):.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
