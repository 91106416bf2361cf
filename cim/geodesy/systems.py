"""Coordinate systems by name, and transformation between them."""

from functools import lru_cache
from typing import Final

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from cim.errors import SourceError
from cim.geodesy.localgrid import definition
from cim.geodesy.offsets import (
    GCJ02,
    OFFSET_SYSTEMS,
    Array,
    bd09_from_wgs84,
    gcj02_from_wgs84,
    wgs84_from_bd09,
    wgs84_from_gcj02,
)
from cim.geodesy.zones import named_system

WGS84: Final = "EPSG:4326"


def named_crs(text: str) -> CRS:
    """The coordinate system that `text` names: a code, a Chinese name, a PROJ string or WKT.

    ``GCJ-02`` and ``BD-09`` count as WGS 84 here; `transform` takes their offset off. The name
    of a ``.toml`` file stands for the local grid that `cim.geodesy.localgrid` wrote there.

    Raises
    ------
    SourceError
        If nothing is known under that name.

    """
    if text.lower().endswith(".toml"):
        return _crs(definition(text))
    try:
        return _crs(WGS84 if text in OFFSET_SYSTEMS else text)
    except CRSError:
        chinese = named_system(text)
        if chinese:
            return _crs(chinese)
        raise SourceError(
            f"unknown coordinate system {text[:80]!r}",
            where="crs",
            hint="such as EPSG:4547, CGCS2000 3度带 114E, GCJ-02, a local grid's .toml or WKT",
        ) from None


DERIVED: Final = "Derived Projected CRS"
"""What PROJ calls a local grid that lies askew on a projected system."""


@lru_cache(maxsize=64)
def _crs(text: str) -> CRS:
    return CRS.from_user_input(text)


def horizontal(crs: CRS) -> CRS:
    """The horizontal part of `crs`, which may be compound."""
    return crs.sub_crs_list[0] if crs.is_compound else crs


@lru_cache(maxsize=64)
def authority(crs: CRS) -> str:
    """A short name of `crs`: ``EPSG:4547`` where it has a code, else its WKT."""
    found = crs.to_authority(min_confidence=70)
    return ":".join(found) if found else crs.to_wkt()


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(
        horizontal(named_crs(source)), horizontal(named_crs(target)), always_xy=True
    )


def transform(source: str, target: str, x: Array, y: Array) -> tuple[Array, Array]:
    """Coordinates of `source` in `target`, x east and y north; inf where there is no answer.

    Raises
    ------
    SourceError
        If there is no transformation between the two, as from a local grid.

    """
    if source in OFFSET_SYSTEMS:
        x, y = (wgs84_from_gcj02 if source == GCJ02 else wgs84_from_bd09)(x, y)
    if horizontal(named_crs(source)) != horizontal(named_crs(target)):
        try:
            x, y = _transformer(source, target).transform(x, y)
        except ProjError as error:
            raise SourceError(
                f"no way from {source[:60]} to {target[:60]}: {error}",
                where="crs",
                hint="give the true system with --crs",
            ) from None
    if target in OFFSET_SYSTEMS:
        x, y = (gcj02_from_wgs84 if target == GCJ02 else bd09_from_wgs84)(x, y)
    return np.asarray(x, float), np.asarray(y, float)


def bounds_between(
    source: str, target: str, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """The box in `target` that holds a box of `source`: its edges are followed, not its corners."""
    west, south, east, north = bounds
    along = np.linspace(0.0, 1.0, 21)
    x = np.concatenate([west + (east - west) * along] * 2 + [np.full(21, west), np.full(21, east)])
    y = np.concatenate(
        [np.full(21, south), np.full(21, north)] + [south + (north - south) * along] * 2
    )
    tx, ty = transform(source, target, x, y)
    good = np.isfinite(tx) & np.isfinite(ty)
    if not good.any():
        raise SourceError("the box lies outside the coordinate system", where="bounds")
    return (
        float(tx[good].min()),
        float(ty[good].min()),
        float(tx[good].max()),
        float(ty[good].max()),
    )


def check_city_crs(text: str) -> CRS:
    """`text` as the CRS of a city: projected, in metres.

    Raises
    ------
    SourceError
        If it is not projected or not in metres.

    """
    crs = horizontal(named_crs(text))
    metres = all(axis.unit_conversion_factor == 1.0 for axis in crs.axis_info)
    projected = crs.is_projected or crs.type_name == DERIVED
    if text in OFFSET_SYSTEMS or not projected or not metres:
        raise SourceError(
            f"{text} is not a projected system in metres",
            where="crs",
            hint="such as EPSG:4547 for Kaifeng (CGCS2000 3-degree zone, 114° E)",
        )
    return crs
