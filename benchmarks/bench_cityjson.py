"""CPU of reading CityJSON into batches, against cjio parsing the same file.

Run ``python benchmarks/bench_cityjson.py [FOLDER]``; the folder holds CityJSON files. The last
line is a city tiled from the largest of them. Times are CPU seconds, the least of several runs
that take turns; the peak is the resident memory of a process that only reads.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ingest.cityjson import CITYJSON
from ingest.reader import ReadOptions

ROUNDS = 7
TILES = 20


def ours(path: Path) -> int:
    return sum(len(batch) for batch in CITYJSON.open(path, ReadOptions(), path.parent))


def theirs(path: Path) -> int:
    from cjio import cityjson  # noqa: PLC0415  # its import is not part of the measurement

    with path.open() as file:
        return len(cityjson.reader(file).j["CityObjects"])


def least(path: Path, rounds: int, *runs: Callable[[Path], int]) -> list[float]:
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for number, run in enumerate(runs):
            start = time.process_time()
            run(path)
            best[number] = min(best[number], time.process_time() - start)
    return best


def tiled(path: Path, copies: int, target: Path) -> Path:
    city = json.loads(path.read_text("utf-8"))
    width = 1_100_000  # in the file's millimetres, wider than the tile
    objects, vertices = {}, []
    for copy in range(copies):
        base = len(vertices)
        vertices += [[x + copy * width, y, z] for x, y, z in city["vertices"]]
        for name, each in city["CityObjects"].items():
            again = json.loads(json.dumps(each))
            for geometry in again["geometry"]:
                geometry["boundaries"] = shifted(geometry["boundaries"], base)
            objects[f"{name}-{copy}"] = again
    target.write_text(json.dumps(city | {"CityObjects": objects, "vertices": vertices}), "utf-8")
    return target


def shifted(boundaries, base: int):
    if isinstance(boundaries, int):
        return boundaries + base
    return [shifted(each, base) for each in boundaries]


def peak(path: Path, whose: str) -> float:
    """Resident megabytes of a process that reads `path` once."""
    command = [sys.executable, __file__, "--once", whose, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        {"ours": ours, "theirs": theirs}[sys.argv[2]](Path(sys.argv[3]))
        status = Path("/proc/self/status").read_text("ascii")
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    default = Path(os.environ.get("CIM_TEST_DATA", "../shared/data")) / "citymodel" / "cityjson"
    folder = Path(sys.argv[1]) if sys.argv[1:] else default
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_size)
    print(f"{'file':34}{'MB':>7}{'objects':>9}{'ours s':>9}{'cjio s':>9}{'ratio':>7}")
    for path in files:
        report(path, ROUNDS)
    with tempfile.TemporaryDirectory() as scratch:
        big = tiled(files[-1], TILES, Path(scratch) / f"tiled-{TILES}.city.json")
        report(big, 5)
        print(f"peak MB: ours {peak(big, 'ours'):.0f}, cjio {peak(big, 'theirs'):.0f}")


def report(path: Path, rounds: int) -> None:
    count = ours(path)
    own, other = least(path, rounds, ours, theirs)
    size = path.stat().st_size / 1e6
    print(f"{path.name:34}{size:7.2f}{count:9}{own:9.4f}{other:9.4f}{own / other:7.2f}")


if __name__ == "__main__":
    main()
