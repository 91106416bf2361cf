"""Made-up point clouds, written by laspy, whose ground and roofs are known."""

from pathlib import Path
from typing import Any

import laspy
import numpy as np
from pyproj import CRS

WEST, SOUTH = 530_000.0, 3_850_000.0
GROUND, ROOF = 70.0, 82.0
HOUSE = (20.0, 20.0, 34.0, 30.0)
"""West, south, east, north of the one house, metres from the corner."""
SIDE = 60.0
"""Metres of the square that was flown over."""


def village(spacing: float = 0.5, slope: float = 0.0) -> dict[str, np.ndarray]:
    """A house on a plain; ground has class 2, the house 6; no ground is seen below it."""
    steps = np.arange(spacing / 2, SIDE, spacing)
    x, y = (each.ravel() for each in np.meshgrid(steps, steps))
    west, south, east, north = HOUSE
    house = (x > west) & (x < east) & (y > south) & (y < north)
    z = np.where(house, ROOF, GROUND) + slope * x
    return {"x": WEST + x, "y": SOUTH + y, "z": z, "classes": np.where(house, 6, 2)}


def written(path: Path, points: dict[str, np.ndarray], **profile: Any) -> Path:
    """Write points as LAS or LAZ; `profile`: version, form, crs, returns, withheld, scale, time."""
    header = laspy.LasHeader(
        version=profile.get("version", "1.4"), point_format=profile.get("form", 6)
    )
    scale = profile.get("scale", 0.001)
    header.scales, header.offsets = [scale] * 3, [points["x"].min(), points["y"].min(), 0.0]
    crs = profile.get("crs", "EPSG:4547")
    if crs:
        header.add_crs(CRS(crs), keep_compatibility=profile.get("keys", False))
    if "time" in profile:
        header.global_encoding.gps_time_type = laspy.header.GpsTimeType.STANDARD
    las = laspy.LasData(header)
    las.x, las.y, las.z = points["x"], points["y"], points["z"]
    las.classification = points["classes"].astype(np.uint8)
    las.return_number = profile.get("returns", np.ones(len(points["x"]), np.uint8))
    las.number_of_returns = np.ones(len(points["x"]), np.uint8)
    if "withheld" in profile:
        las.withheld = profile["withheld"]
    if "time" in profile:
        las.gps_time = np.full(len(points["x"]), profile["time"])
    las.write(str(path))
    return path
