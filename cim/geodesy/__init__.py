"""Where things are: coordinate systems by name, China's own ones, local grids, transformation."""

from cim.geodesy.offsets import (
    BD09,
    CHINA_DEGREES,
    GCJ02,
    OFFSET_SYSTEMS,
    Array,
    bd09_from_gcj02,
    bd09_from_wgs84,
    gcj02_from_wgs84,
    wgs84_from_bd09,
    wgs84_from_gcj02,
)
from cim.geodesy.systems import (
    DERIVED,
    WGS84,
    authority,
    bounds_between,
    check_city_crs,
    horizontal,
    named_crs,
    transform,
)
from cim.geodesy.zones import Place, cgcs2000_zone, named_system, places

__all__ = [
    "BD09",
    "CHINA_DEGREES",
    "DERIVED",
    "GCJ02",
    "OFFSET_SYSTEMS",
    "WGS84",
    "Array",
    "Place",
    "authority",
    "bd09_from_gcj02",
    "bd09_from_wgs84",
    "bounds_between",
    "cgcs2000_zone",
    "check_city_crs",
    "gcj02_from_wgs84",
    "horizontal",
    "named_crs",
    "named_system",
    "places",
    "transform",
    "wgs84_from_bd09",
    "wgs84_from_gcj02",
]
