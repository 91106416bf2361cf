"""Point clouds (LAS, LAZ, COPC): terrain and surface model as grids; points are not kept.

The points are read once, a million at a time, and sorted into cells whose size follows from
their density. Terrain is the mean of the points classified as ground, or what a morphological
filter takes for ground; the surface is the highest point of each cell.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import from_origin

from cim.cog import degrees_of, write_grid
from cim.geodesy import named_crs
from cim.model import Coverage, Finding
from cim.store.coverages import sha256_of
from ingest.pointcloud.header import LasHeader, checked_header
from ingest.pointcloud.place import Place, place
from ingest.reader import Reader, Reading, ReadOptions, refuse

Grid = NDArray[np.float32]

CLASSES: Final = (
    "never classified", "unassigned", "ground", "low vegetation", "medium vegetation",
    "high vegetation", "building", "low noise", "key point or reserved", "water", "rail", "road",
    "overlap or reserved", "wire guard", "wire conductor", "transmission tower", "wire connector",
    "bridge deck", "high noise",
)  # fmt: skip
"""Names of the ASPRS classes 0 to 18."""

FEWEST_GROUND: Final = 0.01
"""Share of the points below which those of class ground are too few to make the terrain of."""

UNDER_BUILDINGS: Final = 10.0
"""Metres from known ground within which terrain is interpolated."""

BETWEEN_POINTS: Final = 2
"""Cells from known ones within which the surface is interpolated."""

HEIGHTS: Final = (-12_000.0, 20_000.0)
"""Metres; the Earth's surface lies well within."""

GPS_EPOCH: Final = date(1980, 1, 6)
ADJUSTED: Final = 1e9
"""Seconds that adjusted standard GPS time is less than GPS time."""


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    from ingest.pointcloud.cells import opened_las  # noqa: PLC0415  # brings the compiler along

    header = checked_header(path)
    with opened_las(path) as las:
        found = place(las.header, header, options)
        reading = Reading(
            found.crs,
            found.source,
            total=2,
            height_datum=found.height_datum,
            length_unit="m",
            findings=list(found.findings),
        )
        if not found.crs or any(each.severity == "error" for each in found.findings):
            return reading
    cloud = _sorted(path, header, found, reading)
    day = _day(options, cloud.second if header.standard_time else None)
    for name, kind, grid in _grids(cloud, reading):
        target = work / f"{name}.tif"
        reading.coverages.append(_coverage(grid, (name, kind, target), cloud, (found, day)))
    reading.total = len(reading.coverages)
    return reading


@dataclass(frozen=True, slots=True, eq=False)
class _Cloud:
    """A point cloud in cells."""

    cells: Any
    """cim.kernels.points.Cells"""
    layout: Any
    """ingest.pointcloud.cells.Layout"""
    side: float
    """Of a cell, metres."""
    classes: NDArray[np.int64]
    second: float | None
    """Time of the first point as stored."""


def _sorted(path: Path, header: LasHeader, found: Place, reading: Reading) -> _Cloud:
    """Read the points into cells; twice if the header's box is not theirs."""
    box = (*header.minimum[:2], *header.maximum[:2])
    if not _sane(box):
        box = _measured(path, header)
        evidence = f"header: {header.minimum} to {header.maximum}"
        message = "the bounds in its header cannot be; the points were measured"
        reading.findings.append(Finding("warning", "bounds_wrong", message, evidence=evidence))
    cloud, tally, coarser = _in_cells(path, header, found, box)
    if tally.outside[0]:
        message = f"{tally.outside[0]} points lie outside the bounds in its header"
        hint = "they were kept; the header is wrong"
        reading.findings.append(Finding("warning", "bounds_wrong", message, hint))
        cloud, tally, coarser = _in_cells(path, header, found, _measured(path, header))
    reading.findings += _seen(header, cloud, tally, coarser=coarser)
    return cloud


def _sane(box: tuple[float, ...]) -> bool:
    west, south, east, north = box
    return (
        bool(np.isfinite(box).all())
        and west <= east
        and south <= north
        and max(map(abs, box)) < 1e12
    )


def _measured(path: Path, header: LasHeader) -> tuple[float, float, float, float]:
    from ingest.pointcloud.cells import chunks, opened_las  # noqa: PLC0415  # as above

    low, high = np.full(2, np.iinfo(np.int64).max), np.full(2, np.iinfo(np.int64).min)
    with opened_las(path) as las:
        for chunk in chunks(las, path, header):
            for at, name in enumerate("XY"):
                low[at] = min(low[at], int(chunk.array[name].min()))
                high[at] = max(high[at], int(chunk.array[name].max()))
    corners = [
        np.sort([low[at] * header.scales[at], high[at] * header.scales[at]]) + header.offsets[at]
        for at in (0, 1)
    ]
    (west, east), (south, north) = corners
    return float(west), float(south), float(east), float(north)


def _in_cells(
    path: Path, header: LasHeader, found: Place, box: tuple[float, float, float, float]
) -> tuple[_Cloud, Any, bool]:
    from ingest.pointcloud import cells as sorting  # noqa: PLC0415  #

    west, south, east, north = (each * found.scale for each in box)
    crs = named_crs(found.crs)
    metres = _metres(crs, (south + north) / 2)
    grid, side, coarser = sorting.layout((west, south, east, north), header.points, metres)
    cells, tally = sorting.empty_cells(grid.shape), sorting.tallied()
    frame = sorting.frame_of(header, grid, found.scale, found.z_metres)
    second = None
    with sorting.opened_las(path) as las:
        for chunk in sorting.chunks(las, path, header):
            sorting.sort_chunk(cells, chunk, (frame, header.format < 6), tally)
            if second is None and "gps_time" in chunk.array.dtype.names:
                second = float(chunk.array["gps_time"][0])
    low, high = np.nanmin(cells.top, initial=np.inf), np.nanmax(cells.top, initial=-np.inf)
    if low > high:
        raise refuse(path, "all its points are noise or withheld", "ask for another delivery")
    if not HEIGHTS[0] <= low <= high <= HEIGHTS[1]:
        problem = f"its heights are {low:.0f} to {high:.0f} m, which cannot be"
        raise refuse(path, problem, "say in which unit lengths are")
    return _Cloud(cells, grid, side, tally.classes, second), tally, coarser


def _metres(crs: CRS, latitude: float) -> tuple[float, float]:
    """Metres of a unit of x and of y."""
    if crs.is_projected:
        factor = crs.axis_info[0].unit_conversion_factor
        return factor, factor
    degree = 111_195.0
    return degree * max(np.cos(np.radians(latitude)), 0.01), degree


def _seen(header: LasHeader, cloud: _Cloud, tally: Any, *, coarser: bool) -> Iterator[Finding]:
    """What was found in the points."""
    counts = [
        f"{code} {CLASSES[code] if code < len(CLASSES) else 'user defined'}: {count}"
        for code, count in enumerate(tally.classes.tolist())
        if count
    ]
    message = f"LAS {header.version}, {header.points} points of format {header.format}"
    yield Finding("info", "points", message, evidence="; ".join(counts))
    noise = int(tally.classes[7] + (tally.classes[18] if header.format >= 6 else 0))
    if noise or tally.withheld[0]:
        message = f"{noise} points of noise and {tally.withheld[0]} withheld ones were left out"
        yield Finding("info", "points_left_out", message)
    area = float((~np.isnan(cloud.cells.top)).sum()) * cloud.side**2
    message = f"its grids have cells of {cloud.side:g} m"
    evidence = f"{header.points / max(area, 1e-9):.2f} points for each m² that has any"
    yield Finding("info", "cell_size", message, evidence=evidence)
    if coarser:
        hint = "divide it into tiles for finer cells"
        yield Finding("warning", "cells_coarser", "it is too large for cells as fine", hint)


def _grids(cloud: _Cloud, reading: Reading) -> Iterator[tuple[str, str, Grid]]:
    """Terrain and surface with their small gaps closed."""
    from ingest.pointcloud.cells import ground_of, without_gaps  # noqa: PLC0415  # as above

    cells, side = cloud.cells, cloud.side
    classified = cloud.classes[2] >= FEWEST_GROUND * cloud.classes.sum()
    ground = cells.ground if classified else ground_of(cells.low, side)
    if not classified:
        known = ~np.isnan(cells.low)
        share = (~np.isnan(ground))[known].mean() if known.any() else 0.0
        message = "its points are not classified; a filter told the ground from what stands on it"
        evidence = f"{share:.0%} of the cells are ground; class 2 has {cloud.classes[2]} points"
        hint = "check the terrain in the map"
        reading.findings.append(Finding("warning", "ground_filtered", message, hint, evidence))
    reach = max(1, int(np.ceil(UNDER_BUILDINGS / side)))
    for kind, grid, cells_reached in (
        ("terrain", ground, reach),
        ("surface", cells.top, BETWEEN_POINTS),
    ):
        full, share = without_gaps(grid, cells_reached)
        if np.isnan(full).all():
            message = "no ground was found in it: it gives no terrain"
            reading.findings.append(Finding("warning", "no_ground", message))
            continue
        message = (
            f"{share:.1%} of the {kind} was interpolated, in gaps within"
            f" {cells_reached * side:g} m of points; {np.isnan(full).mean():.1%} is unknown"
        )
        reading.findings.append(Finding("info", f"{kind}_gaps", message))
        yield kind, kind, full


def _coverage(
    grid: Grid, named: tuple[str, str, Path], cloud: _Cloud, known: tuple[Place, date | None]
) -> Coverage:
    (name, kind, target), (found, day) = named, known
    frame = cloud.layout
    transform = from_origin(frame.west, frame.north, *frame.cell)
    write_grid(grid, target, found.crs, transform)
    band = {
        "name": "height", "dtype": "float32", "nodata": "nan", "unit": "m",
        "minimum": float(np.nanmin(grid)), "maximum": float(np.nanmax(grid)),
    }  # fmt: skip
    coverage = Coverage(
        name=name,
        kind=kind,
        path=target,
        crs=found.crs,
        bounds=degrees_of(named_crs(found.crs), frame.bounds),
        width=grid.shape[1],
        height=grid.shape[0],
        bands=(band,),
        valid_from=day,
    )
    return replace(coverage, sha256=sha256_of(target))


def _day(options: ReadOptions, second: float | None) -> date | None:
    """The day of the survey: the user's, or that of the first point; None if unknown."""
    if options.valid_from and re.fullmatch(r"\d{4}-\d\d-\d\d", options.valid_from):
        return date.fromisoformat(options.valid_from)
    if second is None or not 0 < second + ADJUSTED < 4e9:
        return None
    return GPS_EPOCH + timedelta(seconds=second + ADJUSTED)


POINTCLOUD: Final = Reader(
    "pointcloud",
    "Point cloud (LAS, LAZ, COPC)",
    (".copc.laz", ".laz", ".las"),
    _open,
)
