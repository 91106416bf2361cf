"""File to store, everything included, against the peer that only reads: CityJSON and IFC.

Run: ``python benchmarks/bench_load.py``; files from CIM_TEST_DATA (default ../shared/data), and
Delfshaven tiled 20 times. CPU seconds of this process and its children, the least of several
rounds that take turns. Theirs is cjio loading the CityJSON, and a default ifcopenshell geometry
iterator over the IFC; ours is `ingest.load_files` into an embedded store.
"""

import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]
from bench_cityjson import theirs as cjio_loads
from bench_cityjson import tiled
from bench_ifc import plain_copy
from bench_ifc import theirs as iterates

import ingest
from cim.store import create_city

ROUNDS = 5
DUTCH = "EPSG:28992"
"""System of all the CityJSON files: cjio transforms nothing, so neither need we."""
WORLD = "EPSG:3857"
"""Takes the IFC files wherever they are."""
DATA = Path(os.environ.get("CIM_TEST_DATA", "../shared/data"))


def cpu() -> float:
    """Seconds of this process and of children that have ended."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        total += used.ru_utime + used.ru_stime
    return total


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of `work`."""
    start = cpu()
    work()
    return cpu() - start


def into_new_city(path: Path, folder: Path, crs: str) -> tuple[float, int]:
    """One file into an empty city that is there already: CPU seconds, and how many objects."""
    place = folder / "city"
    shutil.rmtree(place, ignore_errors=True)
    with create_city(str(place), crs) as store:
        reports: list[ingest.LoadReport] = []
        seconds = spent(lambda: reports.extend(ingest.load_files(store, [path])))
    return seconds, sum(report.new for report in reports)


def row(path: Path, folder: Path, peer: Callable[[Path], int], demand: float) -> None:
    """Print one file's ratio."""
    crs = WORLD if path.suffix == ".ifc" else DUTCH
    ours, theirs, count = float("inf"), float("inf"), 0
    for _ in range(ROUNDS):
        seconds, count = into_new_city(path, folder, crs)
        ours = min(ours, seconds)
        theirs = min(theirs, spent(lambda: peer(path)))
    print(
        f"{path.name:44} {path.stat().st_size / 1e6:6.2f} MB {count:6} objects,"
        f" ours {ours:6.2f} CPU s, theirs {theirs:6.2f}, ratio {ours / theirs:5.2f}"
        f" (demand <= {demand})",
        flush=True,
    )


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cityjson = DATA / "citymodel" / "cityjson"
        large = tiled(cityjson / "3-20-DELFSHAVEN.city.json", 20, folder / "tiled.city.json")
        for path in (cityjson / "3-20-DELFSHAVEN.city.json", cityjson / "delft.json",
                     cityjson / "3dbag_sub.city.json", large):  # fmt: skip
            row(path, folder, cjio_loads, 0.5)
        for model in ("duplex/Duplex_A_20110907_georeferenced.ifc", "bimwhale/LargeBuilding.ifc",
                     "xbim/SampleHouse4.ifc", "schependomlaan/ROOT-staal.ifczip",
                     "schependomlaan/ROOT-kapconstructie_dakkapellen_platdak.ifczip"):  # fmt: skip
            plain = plain_copy(DATA / "ifc" / model, folder)
            row(plain, folder, iterates, 1.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB (both sides)")


if __name__ == "__main__":
    main()
