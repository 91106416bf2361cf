"""A city of any size for benchmarks: one layer of buildings, written in chunks.

Plots of a lattice over 40 x 40 km are built on where towns are dense, so neighbours never
overlap; each footprint has 4 to 12 corners and nine attributes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray

from kaifeng.files import write_delivery
from kaifeng.frame import CRS, HEIGHT_DATUM, Array

SIDE: Final = 40_000.0
WEST_SOUTH: Final = (512_000.0, 3_832_000.0)
CHUNK: Final = 65_536

_TOWNS: Final = 60
_SHAPES: Final = (
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((-1, -1), (1, -1), (1, -0.2), (-0.2, -0.2), (-0.2, 1), (-1, 1)),
    ((-1, -1), (1, -1), (1, 1), (0.35, 1), (0.35, -0.25), (-0.35, -0.25), (-0.35, 1), (-1, 1)),
    ((-1, -1), (0.4, -1), (0.4, -0.6), (1, -0.6), (1, 0.5), (0.6, 0.5), (0.6, 1), (-0.5, 1),
     (-0.5, 0.6), (-1, 0.6)),
    ((-0.45, -1), (0.45, -1), (0.45, -0.5), (1, -0.5), (1, 0.5), (0.45, 0.5), (0.45, 1),
     (-0.45, 1), (-0.45, 0.5), (-1, 0.5), (-1, -0.5), (-0.45, -0.5)),
)  # fmt: skip
_SHARES: Final = (0.55, 0.18, 0.12, 0.08, 0.07)
_USES: Final = ("residential", "commercial", "office", "industrial", "school", "hospital")
_USE_SHARES: Final = (0.72, 0.10, 0.05, 0.08, 0.03, 0.02)
_STRUCTURES: Final = ("砖木", "砖混", "钢筋混凝土", "钢结构")

_SCHEMA: Final = pa.schema(
    [
        ("object_id", pa.string()), ("function", pa.string()), ("height", pa.float64()),
        ("ground_height", pa.float64()), ("storeys_above_ground", pa.int32()),
        ("valid_from", pa.date32()), ("structure", pa.string()), ("address", pa.string()),
        ("households", pa.int32()), ("geometry", pa.binary()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Plots:
    """The plots that are built on, as cell numbers of a square lattice."""

    cells: NDArray[np.int64]
    across: int
    """Cells in a row."""

    @property
    def size(self) -> float:
        """Side of a cell in metres."""
        return SIDE / self.across


def _plots(count: int, seed: int) -> _Plots:
    rng = np.random.default_rng([seed, 40])
    across = max(60, int(np.ceil(np.sqrt(count * 2.2))), min(1600, int(SIDE / 25)))
    towns = rng.uniform(0, across, (_TOWNS, 2)).astype(np.float32)
    reach = (across * rng.uniform(0.012, 0.06, _TOWNS)).astype(np.float32)
    x = np.arange(across, dtype=np.float32)
    density = np.zeros((across, across), np.float32)
    for (tx, ty), width in zip(towns, reach, strict=True):
        density += np.outer(np.exp(-(((x - ty) / width) ** 2) / 2),
                            np.exp(-(((x - tx) / width) ** 2) / 2))  # fmt: skip
    score = np.log(density + 1e-5)
    score += rng.gumbel(0, 1.2, score.shape).astype(np.float32)
    # every ninth row and column stays free: the streets
    score[::9] = score[:, ::9] = -np.inf
    chosen = np.argpartition(score.ravel(), -count)[-count:]
    # neighbours stay together, as they do in a cadastre
    row, column = np.divmod(chosen, across)
    order = np.lexsort((column, row, column // 64, row // 64))
    return _Plots(chosen[order], across)


def _footprints(plots: _Plots, cells: NDArray[np.int64], rng: np.random.Generator) -> Any:
    row, column = np.divmod(cells, plots.across)
    centres = np.column_stack([column + 0.5, row + 0.5]) * plots.size + WEST_SOUTH
    half = rng.uniform(0.26, 0.42, (len(cells), 2)) * plots.size
    drawn = rng.choice(len(_SHAPES), len(cells), p=_SHARES)
    shapes = np.empty(len(cells), dtype=object)
    for number, outline in enumerate(_SHAPES):
        mine = np.flatnonzero(drawn == number)
        rings = np.array(outline)[None] * half[mine, None] + centres[mine, None]
        shapes[mine] = shapely.polygons(np.round(rings, 3))
    return shapes


def _heights(row: NDArray[np.int64], column: NDArray[np.int64]) -> Array:
    return np.asarray(np.round(72 + 2 * np.sin(row / 211) + 1.5 * np.cos(column / 173), 2))


@dataclass(slots=True)
class _Totals:
    """What has been written so far."""

    objects: int = 0
    footprint_m2: float = 0.0
    height_m: float = 0.0
    vertices: int = 0
    changed: int = 0


def _chunk(plots: _Plots, first: int, seed: int, change: float, totals: _Totals) -> pa.RecordBatch:
    """Buildings number `first` and following; the same ones for the same seed."""
    cells = plots.cells[first : first + CHUNK]
    count = len(cells)
    rng = np.random.default_rng([seed, 41, first])
    shapes = _footprints(plots, cells, rng)
    storeys = np.minimum(rng.geometric(0.22, count), 33)
    day = rng.integers(-4_000, 20_000, count)
    use = rng.choice(len(_USES), count, p=_USE_SHARES)
    structure = rng.integers(0, len(_STRUCTURES), count)
    altered = rng.random(count) < change
    storeys = np.where(altered, storeys + 1, storeys)
    height = np.round(storeys * 3.1 + 0.9, 1)
    row, column = np.divmod(cells, plots.across)
    totals.objects += count
    totals.footprint_m2 += float(shapely.area(shapes).sum())
    totals.height_m += float(height.sum())
    totals.vertices += int((shapely.get_num_coordinates(shapes) - 1).sum())
    totals.changed += int(altered.sum())
    numbers = range(first + 1, first + count + 1)
    arrays = [
        pa.array([f"B{i:08d}" for i in numbers]),
        pa.array(np.array(_USES, dtype=object)[use]),
        pa.array(height),
        pa.array(_heights(row, column)),
        pa.array(storeys.astype(np.int32)),
        pa.array(day.astype(np.int32)).cast(pa.date32()),
        pa.array(np.array(_STRUCTURES, dtype=object)[structure]),
        pa.array(
            [f"第{r // 9}街{c}号" for r, c in zip(row.tolist(), column.tolist(), strict=True)]
        ),
        pa.array((storeys * 4).astype(np.int32)),
        pa.array(shapely.to_wkb(shapes), pa.binary()),
    ]
    return pa.record_batch(arrays, schema=_SCHEMA)


def write_benchmark(out: Path, count: int, seed: int = 1, change: float = 0.0) -> dict[str, Any]:
    """Write `count` buildings as FlatGeobuf into `out`; the totals that a loader must find.

    With `change`, about that share of the buildings has one storey more than without; identifiers,
    footprints and everything else are the same.
    """
    out.mkdir(parents=True, exist_ok=True)
    plots, totals = _plots(count, seed), _Totals()

    def chunks() -> Iterator[pa.RecordBatch]:
        for first in range(0, count, CHUNK):
            yield _chunk(plots, first, seed, change, totals)

    path = out / "buildings.fgb"
    path.unlink(missing_ok=True)
    pyogrio.write_arrow(
        pa.RecordBatchReader.from_batches(_SCHEMA, chunks()), path, driver="FlatGeobuf",
        layer="buildings", geometry_name="geometry", geometry_type="Polygon", crs=CRS,
    )  # fmt: skip
    city = {"name": f"Benchmark {count}", "crs": CRS, "height_datum": HEIGHT_DATUM}
    options = {"class_name": "Building", "id_field": "object_id"}
    write_delivery(out / "delivery.toml", city, [
        {"name": "buildings", "file": path.name, "title": "Benchmark buildings",
         "licence": "CC0-1.0", "options": options}])  # fmt: skip
    found = {
        "seed": seed,
        "objects": totals.objects,
        "footprint_m2": round(totals.footprint_m2, 1),
        "height_m": round(totals.height_m, 1),
        "vertices": totals.vertices,
        "changed": totals.changed,
    }
    (out / "expected.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found
