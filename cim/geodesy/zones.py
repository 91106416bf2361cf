"""China's Gauss-Krüger zones: by longitude, by name, and from coordinates that name none.

A 3-degree zone n has its central meridian at 3n°, a 6-degree zone n at 6n - 3°. Eastings are
500 km on the central meridian; "with prefix" the number of the zone stands before them in
millions (GB/T 22021, GB/T 23709). The codes are EPSG's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from pyproj import Transformer

from cim.errors import ParamError

THREE, SIX = 3, 6


@dataclass(frozen=True, slots=True)
class _Datum:
    """EPSG codes of a datum: geographic, and the first zone by (width, prefix)."""

    title: str
    geographic: int
    first: Mapping[tuple[int, bool], int]
    names: str
    """A regular expression over lower-case text without blanks, dashes and underscores."""


_DATUMS: Final = (
    _Datum(
        "CGCS2000",
        4490,
        {(3, True): 4513, (3, False): 4534, (6, True): 4491, (6, False): 4502},
        r"cgcs2000|chinageodeticcoordinatesystem2000|china2000|2000国家大地|国家2000|国家大地2000"
        r"|大地2000|2000大地|2000坐标系",
    ),
    _Datum(
        "Xian 1980",
        4610,
        {(3, True): 2349, (3, False): 2370, (6, True): 2327, (6, False): 2338},
        r"xian(19)?80|西安(19)?80|(19)?80西安|80国家大地",
    ),
    _Datum(
        "Beijing 1954",
        4214,
        {(3, True): 2401, (3, False): 2422, (6, True): 21413, (6, False): 21453},
        r"beijing(19)?54|北京(19)?54|(19)?54北京",
    ),
)
_NUMBERS: Final = MappingProxyType({THREE: (25, 45), SIX: (13, 23)})
"""First and last zone of China by width."""
OLD_DATUMS: Final = MappingProxyType({4214: "Beijing 1954", 4610: "Xian 1980"})
"""Datums whose transformation to CGCS2000 is not public, by their geographic code."""


def zone_number(lon: float, width: int = THREE) -> int:
    """The number of the zone that `lon` (degrees) lies in."""
    return round(lon / 3) if width == THREE else int(lon // 6) + 1


def cgcs2000_zone(lon: float, width: int = THREE, prefix: bool = False) -> str:
    """The CGCS2000 Gauss-Krüger zone for a longitude, as an EPSG code.

    Parameters
    ----------
    lon
        Degrees east.
    width
        3 or 6 degrees.
    prefix
        Whether the number of the zone stands before the eastings.

    Raises
    ------
    ParamError
        If the width is another, or China has no such zone.
    """
    if width not in _NUMBERS:
        raise ParamError(f"zones are not {width} degrees wide", where="width", hint="3 or 6")
    return _zone_code(_DATUMS[0], width, zone_number(lon, width), prefix=prefix)


def _zone_code(datum: _Datum, width: int, number: int, *, prefix: bool) -> str:
    first, last = _NUMBERS[width]
    if not first <= number <= last:
        hint = f"zones {first} to {last}"
        raise ParamError(f"China has no {width}-degree zone {number}", where="crs", hint=hint)
    return f"EPSG:{datum.first[width, prefix] + number - first}"


def named_system(text: str) -> str:
    """The EPSG code of a Chinese system by its usual English, Esri or Chinese name; ``""``.

    Understood are such as ``CGCS2000 / 3-degree GK zone 38``, ``CGCS2000_3_Degree_GK_CM_114E``,
    ``CGCS2000 3度带 114E``, ``2000国家大地坐标系``, ``西安80 6度带 第19带``.
    """
    bare = re.sub(r"[\s_\-/,，()（）]+", "", text.lower()).replace("xi'an", "xian")
    datum = next((each for each in _DATUMS if re.search(each.names, bare)), None)
    if datum is None:
        return ""
    rest = re.sub(datum.names, "", bare, count=1)
    width = SIX if re.search(r"6(deg|度|°)|六度", rest) else THREE
    if not re.search(r"[36](deg|度|°)|[三六]度", rest) and re.search(r"gk|gauss|高斯", rest):
        width = SIX  # so Esri and EPSG name zones of 6 degrees
    rest = re.sub(r"[36](degrees?|度分?带?|°带?)|[三六]度分?带?", "", rest)
    meridian = re.search(
        r"(?:cm|中央(?:子午线|经线)\D*)(\d{2,3})|(\d{2,3})(?:\.0*)?°?(?:e|度|东)", rest
    )
    number = re.search(r"(?:zone|带号|第)(\d{2})|(\d{2})(?:号?带|n$)", rest)
    try:
        if number:
            found = int(number[1] or number[2])
            return _zone_code(datum, width, found, prefix=True)
        if meridian:
            lon = int(meridian[1] or meridian[2])
            return _zone_code(datum, width, zone_number(lon, width), prefix=False)
    except ParamError:
        return ""
    planar = re.search(r"gk|gauss|高斯|平面|投影|带", rest)
    return "" if planar else f"EPSG:{datum.geographic}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system would put a coordinate."""

    crs: str
    """EPSG code."""
    title: str
    lon: float
    lat: float
    """Degrees."""


def places(x: float, y: float) -> list[Place]:
    """Where the CGCS2000 zones that fit would put easting `x`, northing `y` (metres).

    With a zone prefix there is one; without it every zone in whose width the easting lies.
    Empty if the northing is not China's or no zone has such an easting.
    """
    if not 3.5e5 <= y <= 6.2e6:
        return []
    number, rest = divmod(x, 1e6)
    found = []
    for width, half in ((THREE, 1.75), (SIX, 3.3)):
        first, last = _NUMBERS[width]
        numbers = [int(number)] if number else range(first, last + 1)
        for each in numbers:
            if first <= each <= last:
                code = _zone_code(_DATUMS[0], width, each, prefix=bool(number))
                place = _place(code, (width, each, bool(number)), x, y)
                meridian = 3 * each if width == THREE else 6 * each - 3
                if abs(place.lon - meridian) <= half and 1e5 <= rest <= 9e5:
                    found.append(place)
    return found


def _place(code: str, zone: tuple[int, int, bool], x: float, y: float) -> Place:
    width, number, prefix = zone
    meridian = 3 * number if width == THREE else 6 * number - 3
    name = f"zone {number}" if prefix else f"CM {meridian}E"
    lon, lat = Transformer.from_crs(code, "EPSG:4490", always_xy=True).transform(x, y)
    if not np.isfinite((lon, lat)).all():
        lon = lat = float("nan")
    return Place(code, f"CGCS2000 / {width}-degree Gauss-Krüger {name}", float(lon), float(lat))
