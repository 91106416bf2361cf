"""Why a GeoJSON file cannot be read, in words for those who made it.

The driver tells of its own functions; this looks into the file once more and names the feature.
"""

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

LOOKED_INTO: Final = 64 << 20
"""Bytes beyond which a file is too large to look into."""

SUFFIXES: Final = (".geojson.gz", ".json.gz", ".geojson", ".json")

REMEDY: Final = "mend it where it was made, or export it again"

_DEPTHS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "Point": 0,
        "MultiPoint": 1,
        "LineString": 1,
        "MultiLineString": 2,
        "Polygon": 2,
        "MultiPolygon": 3,
    }
)
"""Type of geometry → how many lists its positions are nested in."""

_AREAL: Final = ("Polygon", "MultiPolygon")
_KINDS: Final = ("FeatureCollection", "Feature", "GeometryCollection", *_DEPTHS)
_NAMES: Final = MappingProxyType({dict: "an object", list: "a list", str: "text", bool: "a bool"})


def fault(path: Path) -> str:
    """The first thing that is wrong with the GeoJSON file at `path`; ``""`` if nothing is seen."""
    name = path.name.lower()
    if not name.endswith(SUFFIXES) or path.stat().st_size > LOOKED_INTO:
        return ""
    try:
        with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
            text = file.read(LOOKED_INTO + 1).decode("utf-8-sig", "replace")
        return next(_faults(json.loads(text)), "") if len(text) <= LOOKED_INTO else ""
    except json.JSONDecodeError as error:
        return f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
    except (RecursionError, ValueError, OSError, EOFError):
        return ""


def _faults(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"its type is {_named(document)}, not one of {', '.join(_KINDS[:3])} …"
        return
    kind = document.get("type")
    if kind not in _KINDS:
        yield f"its type is {json.dumps(kind)[:40]}, not one of {', '.join(_KINDS[:3])} …"
    elif kind == "FeatureCollection":
        yield from _of_collection(document)
    elif kind == "Feature":
        yield from _of_feature(document)
    else:
        yield from _of_geometry(document)


def _of_collection(document: Mapping[str, Any]) -> Iterator[str]:
    features = document.get("features")
    if "features" not in document:
        yield "it has no features: the list `features` is missing"
    elif not isinstance(features, list):
        yield f"its features are {_named(features)}, no list"
    else:
        for at, each in enumerate(features, 1):
            yield from (f"feature {at}: {problem}" for problem in _of_feature(each))


def _of_feature(feature: Any) -> Iterator[str]:
    if not isinstance(feature, dict):
        yield f"it is {_named(feature)}, no feature"
    elif feature.get("type") != "Feature":
        yield f"its type is {json.dumps(feature.get('type'))[:40]}, not Feature"
    elif feature.get("geometry") is None:
        yield "it has no geometry"
    else:
        yield from _of_geometry(feature["geometry"])


def _of_geometry(geometry: Any) -> Iterator[str]:
    kind = str(geometry.get("type")) if isinstance(geometry, dict) else ""
    if kind == "GeometryCollection":
        members = geometry.get("geometries")
        if not isinstance(members, list):
            yield "its GeometryCollection has no list of geometries"
            return
        for each in members:
            yield from _of_geometry(each)
    elif kind not in _DEPTHS:
        yield f"its geometry is of no known type: {json.dumps(geometry)[:60]}"
    elif "coordinates" not in geometry:
        yield f"its {kind} has no coordinates"
    else:
        found = _of_coordinates(geometry["coordinates"], _DEPTHS[kind], kind in _AREAL)
        yield from (f"in its {kind} {problem}" for problem in found)


def _of_coordinates(part: Any, depth: int, areal: bool) -> Iterator[str]:
    if not isinstance(part, list):
        yield f"coordinates are not nested as they should be: {json.dumps(part)[:40]}"
    elif not depth:
        yield from _of_position(part)
    else:
        if areal and depth == 1:
            yield from _of_ring(part)
        for each in part:
            yield from _of_coordinates(each, depth - 1, areal)


def _of_position(position: list[Any]) -> Iterator[str]:
    if any(isinstance(each, list) for each in position):
        yield f"coordinates are not nested as they should be: {json.dumps(position)[:40]}"
    elif any(isinstance(each, str) for each in position):
        yield f"coordinates are texts, not numbers: {json.dumps(position)[:40]}"
    elif not all(isinstance(each, int | float) and math.isfinite(each) for each in position):
        yield f"coordinates are no numbers: {json.dumps(position)[:40]}"
    elif len(position) < 2:
        yield f"a position has less than two numbers: {json.dumps(position)}"


def _of_ring(ring: list[Any]) -> Iterator[str]:
    if not all(isinstance(each, list) for each in ring):
        return
    if ring and ring[0] != ring[-1]:
        yield "a ring is not closed: its last position must be its first"
    elif len(ring) < 4:
        yield "a ring has less than four positions"


def _named(value: Any) -> str:
    return _NAMES.get(type(value), json.dumps(value)[:40])
