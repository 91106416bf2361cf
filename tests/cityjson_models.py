"""Small CityJSON documents for tests: unit cubes side by side, with everything replaceable."""

import json
from pathlib import Path
from typing import Any

from cim.model import Batch
from ingest.cityjson import CITYJSON, CITYJSONSEQ
from ingest.reader import Reading, ReadOptions

RD = "https://www.opengis.net/def/crs/EPSG/0/28992"

CORNERS = [[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
"""Corners of a unit cube, millimetres before the transform."""

CUBE = [
    [[0, 2, 3, 1]],
    [[4, 5, 7, 6]],
    [[0, 1, 5, 4]],
    [[1, 3, 7, 5]],
    [[3, 2, 6, 7]],
    [[2, 0, 4, 6]],
]
"""Faces of that cube, the ground first and the roof second, seen from outside."""

SURFACES = [{"type": "GroundSurface"}, {"type": "RoofSurface"}, {"type": "WallSurface"}]


def solid(**more: Any) -> dict[str, Any]:
    semantics = {"surfaces": SURFACES, "values": [[0, 1, 2, 2, 2, 2]]}
    return {"type": "Solid", "lod": "2", "boundaries": [CUBE], "semantics": semantics} | more


def building(*geometry: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "Building", "geometry": list(geometry or [solid()])} | more


def document(objects: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "CityJSON",
        "version": "2.0",
        "metadata": {"referenceSystem": RD},
        "transform": {"scale": [10, 10, 5], "translate": [90000, 430000, 2]},
        "CityObjects": {"b1": building()} if objects is None else objects,
        "vertices": CORNERS,
    } | more


def saved(folder: Path, content: Any, name: str = "city.city.json") -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def opened(path: Path, **options: Any) -> tuple[Reading, list[Batch]]:
    """The reading of a file and all its batches."""
    reader = CITYJSONSEQ if path.suffix == ".jsonl" else CITYJSON
    reading = reader.open(path, ReadOptions(**options), path.parent)
    return reading, list(reading)


def only(path: Path, **options: Any) -> tuple[Reading, Batch]:
    """The reading and its single batch."""
    reading, batches = opened(path, **options)
    (batch,) = batches
    return reading, batch
