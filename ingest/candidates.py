"""Which coordinate systems coordinates may be in, and where each would put them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cim.geodesy import places, transform
from cim.model import Finding

CHINA: Final = (73.0, 3.0, 136.0, 54.0)
"""West, south, east, north of China, degrees."""

SHOWN: Final = 8
"""Candidates that are proposed one by one; of more only the list is shown."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A system the coordinates may be in."""

    title: str
    fix: dict[str, Any]
    """Fields of `ReadOptions` that say so."""
    lon: float
    lat: float
    """Where it would put them, degrees."""

    @property
    def place(self) -> str:
        """Where that is, for people."""
        return f"{abs(self.lon):.3f}° {'E' if self.lon >= 0 else 'W'}, {self.lat:.3f}° N"


def middle(boxes: NDArray[np.float64]) -> tuple[float, float]:
    """The median of the middles of (n, 4) finite bounds."""
    x, y = (float(np.median(boxes[:, at] / 2 + boxes[:, at + 2] / 2)) for at in (0, 1))
    return x, y


def candidates(boxes: NDArray[np.float64]) -> list[Candidate]:
    """The systems that (n, 4) finite bounds may be in: as they are, or with x and y exchanged."""
    if not len(boxes):
        return []
    x, y = middle(boxes)
    found = _as_they_are(x, y)
    if found:
        return found
    return [
        Candidate(f"{each.title}, northing first", {**each.fix, "swap_axes": True}, *_at(each))
        for each in _as_they_are(y, x)
    ]


def _at(candidate: Candidate) -> tuple[float, float]:
    return candidate.lon, candidate.lat


def _as_they_are(x: float, y: float) -> list[Candidate]:
    if abs(x) <= 180 and abs(y) <= 90:
        return _degrees(x, y)
    found = [Candidate(each.title, {"crs": each.crs}, each.lon, each.lat) for each in places(x, y)]
    lon, lat = (float(each[0]) for each in transform("EPSG:3857", "EPSG:4326", *_one(x, y)))
    if _in_china(lon, lat):
        found.append(Candidate("web Mercator", {"crs": "EPSG:3857"}, lon, lat))
    return found


def _one(x: float, y: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([x]), np.array([y])


def _degrees(x: float, y: float) -> list[Candidate]:
    if not _in_china(x, y):
        return [Candidate("longitude and latitude (WGS 84)", {"crs": "EPSG:4326"}, x, y)]
    found = [Candidate("longitude and latitude (CGCS2000)", {"crs": "EPSG:4490"}, x, y)]
    for name in ("GCJ-02", "BD-09"):
        lon, lat = (float(each[0]) for each in transform(name, "EPSG:4326", *_one(x, y)))
        title = f"{name}, as Chinese web maps are"
        found.append(Candidate(title, {"crs": name}, lon, lat))
    return found


def _in_china(lon: float, lat: float) -> bool:
    west, south, east, north = CHINA
    return west <= lon <= east and south <= lat <= north


def only_one(found: Sequence[Candidate]) -> dict[str, Any]:
    """The fix if there is one candidate only; else nothing.

    Small coordinates may be degrees, but a model's metres are small too: that is no certainty.
    """
    if len(found) != 1 or found[0].fix["crs"] == "EPSG:4326":
        return {}
    return dict(found[0].fix)


def listed(found: Sequence[Candidate]) -> str:
    """All candidates in a sentence."""
    return "; ".join(f"{_named(each)}: {each.place}" for each in found)


def _named(candidate: Candidate) -> str:
    return f"{candidate.title} ({candidate.fix['crs']})"


def proposals(found: Sequence[Candidate]) -> list[Finding]:
    """One finding for each of a few candidates, with its fix; none if there is no choice."""
    if not found or len(found) > SHOWN or only_one(found):
        return []
    return [
        Finding(
            "info",
            "crs_candidate",
            f"it may be in {_named(each)}",
            "compare them on the map, or load beside a city that knows (--city)",
            f"its middle would be at {each.place}",
            each.fix,
        )
        for each in found
    ]
