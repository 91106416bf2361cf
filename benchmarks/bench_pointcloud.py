"""CPU of turning a point cloud into terrain and surface model, against laspy just reading it.

Run ``python benchmarks/bench_pointcloud.py [POINTS]``; 5 000 000 points unless told, as LAS and as
LAZ. Times are CPU seconds, the least of several runs that take turns; the peak is the resident
memory of a process that only reads.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import laspy
import numpy as np
from pyproj import CRS

from ingest.pointcloud import POINTCLOUD
from ingest.reader import ReadOptions

ROUNDS = 3
DENSITY = 8.0
"""Points for each square metre."""


def cloud(folder: Path, count: int) -> list[Path]:
    """Ground, with boxes of 12 m on a grid of 30 m, in the order of flight lines."""
    rng = np.random.default_rng(1)
    side = np.sqrt(count / DENSITY)
    x, y = rng.uniform(0, side, count), np.sort(rng.uniform(0, side, count))
    house = (x % 30 < 12) & (y % 30 < 12)
    z = 70 + 3 * np.sin(x / 200) + np.where(house, 9.0, 0.0) + rng.normal(0, 0.03, count)
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales, header.offsets = [0.001] * 3, [530_000, 3_850_000, 0]
    header.add_crs(CRS("EPSG:4547"))
    las = laspy.LasData(header)
    las.x, las.y, las.z = x + 530_000, y + 3_850_000, z
    las.classification = np.where(house, 6, 2).astype(np.uint8)
    las.return_number = las.number_of_returns = np.ones(count, np.uint8)
    paths = [folder / "cloud.las", folder / "cloud.laz"]
    for path in paths:
        las.write(str(path))
    return paths


def ours(path: Path, work: Path) -> None:
    work.mkdir(exist_ok=True)
    found = POINTCLOUD.open(path, ReadOptions(), work).coverages
    assert len(found) == 2


def bare(path: Path) -> int:
    with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs) as las:
        return sum(len(chunk) for chunk in las.chunk_iterator(1_000_000))


def peak(path: Path, work: Path) -> float:
    command = [sys.executable, __file__, "--once", str(path), str(work)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        ours(Path(sys.argv[2]), Path(sys.argv[3]))
        status = Path("/proc/self/status").read_text("ascii")
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    count = int(sys.argv[1]) if sys.argv[1:] else 5_000_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths, work = cloud(folder, count), folder / "work"
        ours(paths[0], work)  # compiles
        for path in paths:
            own, other = [], []
            for _ in range(ROUNDS):
                start = time.process_time()
                ours(path, work)
                own.append(time.process_time() - start)
                start = time.process_time()
                bare(path)
                other.append(time.process_time() - start)
            print(
                f"{path.suffix}  ours {count / 1e6 / min(own):6.2f} M points/s"
                f"  laspy {count / 1e6 / min(other):6.2f} M points/s"
                f"  ratio {min(other) / min(own):5.2f}  peak {peak(path, work):.0f} MB"
            )


if __name__ == "__main__":
    main()
