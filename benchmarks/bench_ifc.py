"""Reading an IFC file whole against tessellating it with ifcopenshell's default iterator.

    python benchmarks/bench_ifc.py [folder] [--repeats 3]

For every IFC file below the folder (default: ``ifc`` in ``CIM_TEST_DATA``) it prints CPU seconds,
child processes included, of our reader (elements, properties, hierarchy, place, triangles,
volumes, footprints) and of the bare iterator, which gives triangles only; their ratio; and the
peak memory of our child. Each measurement runs in its own fork; the two alternate.
"""

import argparse
import os
import re
import resource
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import ifcopenshell
import ifcopenshell.geom

import ingest.ifc.reading
from cim.errors import CimError
from ingest.ifc import IFC
from ingest.ifc.meshes import readable
from ingest.ifc.source import load
from ingest.reader import ReadOptions

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("CIM_TEST_DATA") or ROOT.parent / "shared" / "data") / "ifc"
assert ingest.ifc.reading, "imported before the fork, as in a program that has read a file before"


def measured(work: Callable[[], int]) -> tuple[float, int, int]:
    """CPU seconds and result of `work` in a fork of this process, and its peak memory in MiB."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        result = work()
        grandchildren = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        os.write(writing, f"{result} {grandchildren}".encode())
        os._exit(0)
    os.close(writing)
    _, status, usage = os.wait4(child, 0)
    text = os.read(reading, 1000).decode().split()
    os.close(reading)
    if status or not text:
        return float("nan"), -1, 0
    peak = int(text[1]) or usage.ru_maxrss
    return usage.ru_utime + usage.ru_stime, int(text[0]), peak // 1024


def ours(path: Path) -> int:
    """Objects that our reader makes of the file."""
    with tempfile.TemporaryDirectory() as work:
        return sum(len(batch) for batch in IFC.open(path, ReadOptions(), Path(work)))


def theirs(path: Path) -> int:
    """Shapes that the default iterator makes of the file."""
    model = ifcopenshell.open(str(path))
    iterator = ifcopenshell.geom.iterator(ifcopenshell.geom.settings(), model)
    count = 0
    more = iterator.initialize()
    while more:
        iterator.get()
        count += 1
        more = iterator.next()
    return count


def plain_copy(path: Path, folder: Path) -> Path:
    """The model as ifcopenshell can open it: unzipped, draft schemas renamed."""
    model = load(path)
    copy = folder / re.sub(r"\W", "_", path.stem)
    copy = copy.with_suffix(".ifc")
    copy.write_bytes(readable(model.data, model.readable_as))
    return copy


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    paths = sorted(each for each in given.folder.rglob("*.ifc*") if "invalid" not in each.parts)
    heads = ("MB", "objects", "shapes", "ours s", "theirs s", "ratio", "MiB")
    print(f"{'file':38s}", *heads)
    sums = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            try:
                copy = plain_copy(path, Path(folder))
            except (CimError, zipfile.BadZipFile) as error:
                print(f"{path.name[:38]:38s} {error}")
                continue
            runs = [
                (measured(lambda p=path: ours(p)), measured(lambda p=copy: theirs(p)))
                for _ in range(given.repeats)
            ]
            mine, objects, peak = min(run for run, _ in runs)
            other, shapes, _ = min(run for _, run in runs)
            sums = [sums[0] + mine, sums[1] + other]
            size = copy.stat().st_size / 1e6
            times = f"{mine:6.3f} {other:8.3f} {mine / other:5.2f}"
            print(f"{path.name[:38]:38s} {size:5.2f} {objects:7d} {shapes:6d}", times, peak)
    print(f"sum {sums[0]:.2f} s against {sums[1]:.2f} s: {sums[0] / sums[1]:.2f}")


if __name__ == "__main__":
    main()
