"""What a ``srsName`` of GML says: the coordinate system, and which axis comes first."""

import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from cim.geodesy import authority
from cim.model import Finding
from ingest import referencing
from ingest.reader import ReadOptions

_CODES: Final = re.compile(
    r"(?<!urn:)(?<!x-)(EPSG|OGC|ESRI)(?:[:/][^:/,&]*[:/]|:|/|\.xml#)([\w.]+)", re.IGNORECASE
)

_ADV: Final = re.compile(r"urn:adv:crs:([\w\-]+)(?:\*([\w\-]+))?", re.IGNORECASE)

_ADV_PLANE: Final = MappingProxyType(
    {f"ETRS89_UTM{zone}": f"EPSG:258{zone}" for zone in range(28, 39)}
    | {f"DE_DHDN_3GK{zone}": f"EPSG:{31464 + zone}" for zone in range(2, 6)}
    | {"DE_42-83_3GK4": "EPSG:5674", "DE_42-83_3GK5": "EPSG:5675", "ETRS89_LAT-LON": "EPSG:4258"}
)
_ADV_HEIGHT: Final = MappingProxyType(
    {
        "DE_DHHN92_NH": "5783",
        "DE_DHHN2016_NH": "7837",
        "DE_DHHN85_NOH": "5784",
        "DE_DHHN12_NOH": "7699",
    }
)
"""Names of the German surveys (AdV, GeoInfoDok), which are east before north, → EPSG codes."""

PLAIN_ORDER: Final = ("urn:adv:", "epsg.xml#")
"""Forms of a srsName that mean east before north whatever the system's definition says."""


@dataclass(frozen=True, slots=True)
class Srs:
    """A coordinate reference system as a file means it."""

    crs: str = ""
    """For `pyproj`; empty if nobody knows."""
    north_first: bool = False
    datum: str = ""
    """Name of the vertical part."""
    dimension: int = 3
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Origin of a local system in `crs`, in the order of the file's axes."""


@lru_cache(maxsize=256)
def understood(name: str) -> Srs:
    """What a srsName says; without a `crs` if nothing is known under it.

    An OGC name (``urn:…``, ``http://…``) has the axes of the system's definition, and so has a
    short one (``EPSG:6697``) of a geographic system; a short name of a projected one means east
    before north, as practice has it.
    """
    stated = _stated(name.strip())
    try:
        crs = CRS.from_user_input(stated) if stated else None
    except CRSError:
        crs = None
    if crs is None or crs.is_engineering:
        return Srs()
    parts = crs.sub_crs_list if crs.is_compound else [crs]
    first = parts[0].axis_info[0].direction.lower() if parts[0].axis_info else "east"
    by_definition = name.lower().startswith(("urn:", "http:", "https:")) or parts[0].is_geographic
    plain = any(each in name.lower() for each in PLAIN_ORDER)
    vertical = next((each.name for each in parts if each.is_vertical), "")
    north = by_definition and not plain and first in {"north", "south"}
    # a compound system without a code of its own is its plane one, heights being named apart
    known = crs if crs.to_authority() or not crs.is_compound else parts[0]
    return Srs(authority(known), north, vertical)


def _stated(name: str) -> str:
    """The form that `pyproj` knows, such as ``EPSG:25832+5783``."""
    adv = _ADV.fullmatch(name)
    if adv:
        plane = _ADV_PLANE.get(adv[1].upper(), "")
        height = _ADV_HEIGHT.get((adv[2] or "").upper())
        return f"{plane}+{height}" if plane and height else plane
    codes = [f"{who.upper()}:{code}" for who, code in _CODES.findall(name)]
    if codes:
        return "+".join([codes[0], *(each.partition(":")[2] for each in codes[1:2])])
    if name.startswith(("#", "urn:")):
        return ""
    return f"EPSG:{name}" if name.isdigit() else name


def local(anchor: str, name: str) -> Srs:
    """A local system whose origin is `anchor`, three numbers in the system `name`."""
    found = understood(name)
    try:
        x, y, z = (float(each) for each in anchor.split())
    except ValueError:
        return Srs()
    if not found.crs or not np.isfinite([x, y, z]).all():
        return Srs()
    return Srs(found.crs, found.north_first, found.datum, 3, (x, y, z))


def boxes(points: NDArray[np.float64], srs: Srs, group: int = 16) -> NDArray[np.float64]:
    """(n, 4) bounds of runs of (k, 3) points as in the file, x east."""
    plane = points[:, [1, 0]] if srs.north_first else points[:, :2]
    plane = plane[np.isfinite(plane).all(axis=1)]
    runs = [plane[at : at + group] for at in range(0, len(plane), group)]
    found = [[*run.min(axis=0), *run.max(axis=0)] for run in runs]
    return np.array(found, np.float64).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is, checked against its coordinates."""

    srs: Srs
    source: str
    """``file``, ``user`` or ``""``."""
    findings: tuple[Finding, ...]


def placed(name: str, srs: Srs, options: ReadOptions, points: NDArray[np.float64]) -> Place:
    """The system of a file that says `name`, which means `srs`, unless the user says another.

    `points` are some of its (n, 3) coordinates in the file's order. They decide where the order
    of the axes is not what the system's definition asks, if the user does not.

    Raises
    ------
    SourceError
        If the user's system is unknown.
    """
    given, swap = options.crs, options.swap_axes
    if given:
        said = understood(given)
        srs = Srs(given, srs.north_first if srs.crs else said.north_first, said.datum)
    stated = srs.crs or name
    found = referencing.locate(stated, "file", given, boxes(points, srs), swap=swap)
    if not swap and (found.swapped or _contradicted(found)):
        turned = Srs(srs.crs, not srs.north_first, srs.datum, srs.dimension, srs.shift)
        again = referencing.locate(stated, "file", given, boxes(points, turned))
        if not again.swapped and not _contradicted(again):
            order = _order(given or name, turned)
            return Place(_named(turned, again), again.source, (order, *again.findings))
    return Place(_named(srs, found), found.source, found.findings)


def _contradicted(found: referencing.Location) -> bool:
    return any(each.code in {"axis_order", "crs_contradicted"} for each in found.findings)


def _named(srs: Srs, found: referencing.Location) -> Srs:
    return Srs(found.crs, srs.north_first, srs.datum, srs.dimension, srs.shift)


def _order(name: str, srs: Srs) -> Finding:
    said, true = ("east", "north") if srs.north_first else ("north", "east")
    message = f"{name} has {said} first, but the file has {true} first; the coordinates were taken"
    return Finding("warning", "axis_order", message + " as they fit", "check it on the map")


def described(srs: Srs, options: ReadOptions) -> Finding | None:
    """What to say about the heights of a file; None if nothing."""
    if not srs.datum or options.height_datum:
        return None
    message = f"heights are above {srs.datum}, as the file's coordinate system says"
    return Finding("info", "height_datum", message, evidence=srs.crs)
