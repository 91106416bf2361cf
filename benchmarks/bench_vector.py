"""What reading and loading features cost beside the bare driver: a million footprints.

    python benchmarks/bench_vector.py [features [all]]

Both sides read the same GeoPackage in turn, each in a process of its own: the bare side
iterates GDAL's Arrow batches, makes geometries of the WKB and data frames of the rest; the
reader hands over batches of city objects. With ``all`` the load of the file into an empty city is
timed too, beside GDAL copying it into another GeoPackage.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import shapely

from cim.store import create_city
from ingest import load_files
from ingest.reader import ReadOptions
from ingest.vector import VECTOR

REPEATS = 3


def write_footprints(path: Path, count: int) -> None:
    """Rectangles of 10 to 40 m on a grid, with nine attributes."""
    rng = np.random.default_rng(7)
    side = int(np.ceil(np.sqrt(count)))
    for start in range(0, count, 250_000):
        number = np.arange(start, min(start + 250_000, count))
        west, south = 500_000 + number % side * 50.0, 3_850_000 + number // side * 50.0
        size = rng.uniform(10, 40, (2, len(number)))
        shapes = shapely.box(west, south, west + size[0], south + size[1])
        storeys = rng.integers(1, 34, len(number))
        frame = pd.DataFrame(
            {
                "bid": [f"B{each:08d}" for each in number],
                "名称": [f"楼{each % 5000}" for each in number],
                "height": storeys * 3.1,
                "层数": storeys,
                "建成年": rng.integers(1950, 2024, len(number)),
                "用途": rng.choice(["住宅", "商业", "办公", "工业"], len(number)),
                "状态": rng.choice(["现状", "在建", "规划"], len(number)),
                "area": size[0] * size[1],
                "district": rng.choice(["龙亭区", "鼓楼区", "禹王台区"], len(number)),
            }
        )
        pyogrio.raw.write(
            path,
            shapely.to_wkb(shapes),
            [frame[name].to_numpy() for name in frame],
            np.array(list(frame)),
            layer="buildings",
            geometry_type="Polygon",
            crs="EPSG:4547",
            append=start > 0,
            driver="GPKG",
        )


def bare(path: Path) -> int:
    """Rows, read with nothing but the driver."""
    rows = 0
    with pyogrio.open_arrow(path, use_pyarrow=True, batch_size=65_536) as (meta, reader):
        for batch in reader:
            at = batch.schema.get_field_index(meta["geometry_name"])
            shapely.from_wkb(batch.column(at).to_numpy(zero_copy_only=False), on_invalid="ignore")
            rows += len(batch.drop_columns([meta["geometry_name"]]).to_pandas())
    return rows


def reader(path: Path) -> int:
    """Objects, read by the program."""
    with tempfile.TemporaryDirectory() as work:
        reading = VECTOR.open(path, ReadOptions(id_field="bid"), Path(work))
        return sum(len(batch) for batch in reading)


def copy(path: Path) -> int:
    """Rows, streamed by GDAL into a new GeoPackage."""
    rows = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        pyogrio.open_arrow(path, use_pyarrow=True, batch_size=65_536) as (meta, reader),
    ):
        for batch in reader:
            pyogrio.write_arrow(
                batch,
                Path(folder) / "copy.gpkg",
                layer="copy",
                driver="GPKG",
                geometry_name=meta["geometry_name"],
                geometry_type="Polygon",
                crs=meta["crs"],
                append=rows > 0,
            )
            rows += batch.num_rows
    return rows


def load(path: Path) -> int:
    """Objects, loaded into an empty city."""
    with (
        tempfile.TemporaryDirectory() as folder,
        create_city(str(Path(folder) / "city"), "EPSG:4547") as store,
    ):
        (report,) = load_files(store, [path], options=ReadOptions(id_field="bid"))
        return report.new


SIDES = {"bare": bare, "reader": reader, "copy": copy, "load": load}


def measure(side: str, path: Path) -> tuple[float, float, int]:
    """(CPU seconds, peak MB, rows) of one side in a process of its own."""
    out = subprocess.run(
        [sys.executable, __file__, side, str(path)], check=True, capture_output=True, text=True
    ).stdout.split()
    return float(out[0]), float(out[1]), int(out[2])


def run_one(side: str, path: Path) -> None:
    """One measurement, printed for the parent."""
    before = time.process_time()
    rows = SIDES[side](path)
    spent = time.process_time() - before
    # ru_maxrss would count what the parent held when it forked
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print(spent, int(peak[1]) / 1024 if peak else float("nan"), rows)


def compare(path: Path, count: int, theirs: str, ours: str) -> None:
    """Print CPU, memory and their ratio; the sides take turns."""
    rounds = [(measure(theirs, path), measure(ours, path)) for _ in range(REPEATS)]
    assert all(each[side][2] == count for each in rounds for side in (0, 1))
    least = [min(each[side][0] for each in rounds) for side in (0, 1)]
    for side, name in enumerate((theirs, ours)):
        peak = min(each[side][1] for each in rounds)
        print(f"{name:7} {least[side]:6.2f} s CPU  {peak:6.0f} MB")
    print(f"ratio   {least[1] / least[0]:6.2f}")


def main() -> None:
    """Reading beside the driver, and if wanted loading beside copying."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "buildings.gpkg"
        write_footprints(path, count)
        print(f"{count} footprints, 9 attributes, GeoPackage, minimum of {REPEATS}")
        compare(path, count, "bare", "reader")
        if "all" in sys.argv:
            compare(path, count, "copy", "load")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in SIDES:
        run_one(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
