"""CPU of rasters: reading one into a city's form against GDAL's COG driver, and NDVI.

Run ``python benchmarks/bench_raster.py [PIXELS]``; PIXELS is the side of the image, 5120 unless
told. Times are CPU seconds, the least of several runs that take turns. The COG driver is given
the same file and its own defaults for deflate; ours also looks at every value, finds kind, CRS
and bounds and computes a checksum. NDVI is compared with reading the two bands and doing nothing.
The peak is the resident memory of a process that only reads.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.transform import from_origin

from cim.analyses.planning.spectral_index import computed
from cim.cog import write_cog
from cim.images import strips
from ingest.raster import RASTER
from ingest.reader import ReadOptions

ROUNDS = 3


def image(path: Path, side: int) -> Path:
    """Four bands of 16 bit, smooth with some noise, in tiles."""
    rng = np.random.default_rng(1)
    profile = {
        "driver": "GTiff", "width": side, "height": side, "count": 4, "dtype": "uint16",
        "crs": "EPSG:32650", "transform": from_origin(400_000, 4_500_000, 10, 10), "nodata": 0,
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate",
        "predictor": 2, "interleave": "pixel", "photometric": "minisblack",
    }  # fmt: skip
    x = np.linspace(0, 20, side)
    with rasterio.open(path, "w", **profile) as file:
        file.descriptions = ("blue", "green", "red", "nir")
        for top in range(0, side, 512):
            rows = min(512, side - top)
            y = np.linspace(top / side * 20, (top + rows) / side * 20, rows)
            swell = 1500 + 900 * np.sin(x)[None] * np.cos(y)[:, None]
            for band in range(4):
                values = swell * (1 + band / 3) + rng.normal(0, 40, (rows, side))
                window = ((top, top + rows), (0, side))
                file.write(np.clip(values, 1, 65535).astype(np.uint16), band + 1, window=window)
    return path


def ours(path: Path, work: Path) -> None:
    work.mkdir(exist_ok=True)
    (found,) = RASTER.open(path, ReadOptions(kind="imagery"), work).coverages
    found.path.unlink()


def drivers(path: Path, work: Path) -> None:
    work.mkdir(exist_ok=True)
    target = work / "driver.tif"
    rasterio.shutil.copy(path, target, driver="COG", COMPRESS="DEFLATE", NUM_THREADS="1")
    target.unlink()


def ndvi(path: Path) -> None:
    with rasterio.open(path) as source:
        for _ in computed(source, (4, 3)):
            pass


def bare(path: Path) -> None:
    with rasterio.open(path) as source:
        for window in strips(source, 2):
            source.read([4, 3], window=window)


def least(*runs: Callable[[], None]) -> list[float]:
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for number, run in enumerate(runs):
            start = time.process_time()
            run()
            best[number] = min(best[number], time.process_time() - start)
    return best


def peak(whose: str, path: Path, work: Path) -> float:
    """Resident megabytes of a process that does it once."""
    command = [sys.executable, __file__, "--once", whose, str(path), str(work)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        path, work = Path(sys.argv[3]), Path(sys.argv[4])
        runs = {"ours": lambda: ours(path, work), "driver": lambda: drivers(path, work)}
        (runs | {"ndvi": lambda: ndvi(path)})[sys.argv[2]]()
        status = Path("/proc/self/status").read_text("ascii")
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    side = int(sys.argv[1]) if sys.argv[1:] else 5120
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path, work = image(folder / "scene.tif", side), folder / "work"
        cog = folder / "cog.tif"
        write_cog(path, cog, exact=False)
        ndvi(path)  # compiles
        own, other = least(lambda: ours(path, work), lambda: drivers(path, work))
        print(f"{side} x {side} x 4 of 16 bit, {path.stat().st_size / 1e6:.0f} MB")
        print(f"COG   ours {own:6.2f} s  driver {other:6.2f} s  ratio {own / other:5.2f}")
        computing, reading = least(lambda: ndvi(cog), lambda: bare(cog))
        rate = side * side / 1e6
        print(
            f"NDVI  {rate / computing:6.1f} Mpx/s  bare read {rate / reading:6.1f} Mpx/s"
            f"  ratio {reading / computing:5.2f}"
        )
        print(f"peak MB: COG ours {peak('ours', path, work):.0f}, "
              f"driver {peak('driver', path, work):.0f}, "
              f"NDVI {peak('ndvi', cog, work):.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
