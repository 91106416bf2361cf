"""Bulk load, re-load and update of 1 M buildings against pyogrio writing a GeoPackage.

Run: ``python benchmarks/bench_store.py [N]``. CPU seconds; both sides in one run on one input.
"""

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from cim.model import Batch, Dataset
from cim.store import Delivery, Store, create_city

CRS = "EPSG:4547"
CHUNK = 65_536


def buildings(count: int, seed: int = 1) -> gpd.GeoDataFrame:
    """Clustered footprints of 4 to 12 vertices with nine attributes."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 40_000, (300, 2))
    at = centres[rng.integers(0, 300, count)] + rng.normal(0, 700, (count, 2))
    corners = rng.integers(4, 13, count)
    radius = rng.uniform(4, 18, count)
    owner = np.repeat(np.arange(count), corners)
    step = np.concatenate([np.arange(n) for n in corners])
    angle = 2 * np.pi * step / corners[owner]
    x = 500_000 + at[owner, 0] + radius[owner] * np.cos(angle)
    y = 3_850_000 + at[owner, 1] + radius[owner] * np.sin(angle)
    ends = np.cumsum(corners) - corners
    order = np.concatenate([np.arange(s, s + n + 1) for s, n in zip(ends, corners, strict=True)])
    first = np.cumsum(corners + 1) - 1
    order[first] = ends
    rings = shapely.linearrings(
        np.column_stack([x, y])[order], indices=np.repeat(np.arange(count), corners + 1)
    )
    return gpd.GeoDataFrame(
        {
            "object_id": np.char.add("b", np.arange(count).astype(str)).astype(object),
            "height": rng.uniform(3, 90, count).round(2),
            "storeys_above_ground": rng.integers(1, 30, count),
            "function": rng.choice(["residential", "office", "commercial"], count).astype(object),
            "year": rng.integers(1950, 2025, count),
            "owner": rng.choice(["public", "private", "集体"], count).astype(object),
            "structure": rng.choice(["brick", "concrete", "steel"], count).astype(object),
            "area": rng.uniform(20, 900, count).round(1),
            "people": rng.integers(0, 400, count),
        },
        geometry=shapely.polygons(rings),
        crs=CRS,
    )


def batches(frame: gpd.GeoDataFrame, class_name: str = "Building") -> Iterator[Batch]:
    """The frame in pieces, as a reader gives them."""
    for start in range(0, len(frame), CHUNK):
        piece = pd.DataFrame(frame.iloc[start : start + CHUNK]).reset_index(drop=True)
        piece["geometry"] = pd.Series(np.asarray(piece["geometry"], object), dtype=object)
        yield Batch(piece.assign(**{"class": class_name}))


def load(
    store: Store,
    frame: gpd.GeoDataFrame,
    *,
    keep_absent: bool = False,
    class_name: str = "Building",
) -> str:
    """One load; its counts."""
    with store.load(Delivery(Dataset("buildings"), "bench", keep_absent=keep_absent)) as opened:
        for batch in batches(frame, class_name):
            opened.put(batch)
    counts = opened.counts
    return f"new {counts.new}, changed {counts.changed}, same {counts.same}, ended {counts.ended}"


def timed(what: str, work: Callable[[], object]) -> float:
    """CPU seconds of `work`."""
    cpu, wall = time.process_time(), time.perf_counter()
    said = work()
    spent = time.process_time() - cpu
    print(f"{what:34} {spent:7.2f} CPU s {time.perf_counter() - wall:7.2f} s  {said or ''}")
    return spent


def main() -> None:
    """Print the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    frame = buildings(count)
    folder = Path(tempfile.mkdtemp())
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    try:
        peer = timed(
            "pyogrio -> GeoPackage",
            lambda: pyogrio.write_dataframe(frame, folder / "peer.gpkg", layer="buildings"),
        )
        store = create_city(str(folder / "city"), CRS)
        first = timed("first load", lambda: load(store, frame))
        again = timed("identical re-load", lambda: load(store, frame))
        some = frame.iloc[:: max(1, count // (count // 20))].copy()
        some["height"] += 1.0
        part = timed("5 % changed", lambda: load(store, some, keep_absent=True))
        size = sum(each.stat().st_size for each in (folder / "city").iterdir() if each.is_file())
        ratio = size / (folder / "peer.gpkg").stat().st_size
        print(f"load speed {peer / first:.2f} x pyogrio GeoPackage (demand >= 0.6)")
        print(f"identical re-load {again / first:.2f} x first load (demand <= 0.5)")
        print(f"5 % changed {part / first:.2f} x first load (demand <= 0.15)")
        print(f"disk {ratio:.2f} x GeoPackage")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MB, of which {base:.0f} MB are the input frame")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
