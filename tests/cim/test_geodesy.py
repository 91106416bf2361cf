"""Coordinate systems by name, China's offset ones, and transformation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim import geodesy
from cim.errors import SourceError

LON = np.array([114.3473, 116.3913, 121.4737])
LAT = np.array([34.7974, 39.9075, 31.2304])


def test_gcj02_offset_at_kaifeng_is_the_published_one() -> None:
    lon, lat = geodesy.gcj02_from_wgs84(LON[:1], LAT[:1])
    assert lon[0] - LON[0] == pytest.approx(0.0059, abs=1e-4)
    assert lat[0] - LAT[0] == pytest.approx(-0.0008, abs=1e-4)


def test_gcj02_leaves_the_world_outside_china_alone() -> None:
    lon, lat = geodesy.gcj02_from_wgs84(np.array([4.5]), np.array([51.9]))
    assert (lon[0], lat[0]) == (4.5, 51.9)


@given(st.floats(75, 134), st.floats(18, 53))
def test_offset_systems_are_undone_to_a_tenth_of_a_millimetre(lon: float, lat: float) -> None:
    x, y = np.array([lon]), np.array([lat])
    for there, back in (
        (geodesy.gcj02_from_wgs84, geodesy.wgs84_from_gcj02),
        (geodesy.bd09_from_wgs84, geodesy.wgs84_from_bd09),
    ):
        again = back(*there(x, y))
        assert again[0][0] == pytest.approx(lon, abs=1e-9)
        assert again[1][0] == pytest.approx(lat, abs=1e-9)


def test_transform_takes_the_offset_off() -> None:
    shifted = geodesy.gcj02_from_wgs84(LON, LAT)
    true = geodesy.transform("EPSG:4490", "EPSG:4547", LON, LAT)
    found = geodesy.transform("GCJ-02", "EPSG:4547", *shifted)
    assert np.hypot(found[0] - true[0], found[1] - true[1]).max() < 0.01


def test_zone_prefix_is_only_a_prefix() -> None:
    plain = geodesy.transform("EPSG:4490", "EPSG:4547", LON[:1], LAT[:1])
    zoned = geodesy.transform("EPSG:4490", "EPSG:4526", LON[:1], LAT[:1])
    assert zoned[0][0] - plain[0][0] == pytest.approx(38e6)
    assert zoned[1][0] == pytest.approx(plain[1][0])


@given(st.floats(112.6, 115.4), st.floats(30, 40))
def test_cgcs2000_round_trip_is_below_a_millimetre(lon: float, lat: float) -> None:
    x, y = geodesy.transform("EPSG:4490", "EPSG:4547", np.array([lon]), np.array([lat]))
    again = geodesy.transform("EPSG:4547", "EPSG:4490", x, y)
    assert abs(again[0][0] - lon) * 111e3 < 1e-3
    assert abs(again[1][0] - lat) * 111e3 < 1e-3


def test_bounds_follow_edges_not_corners() -> None:
    minx, miny, maxx, maxy = geodesy.bounds_between(
        "EPSG:4326", "EPSG:4547", (113.0, 34.0, 115.0, 35.0)
    )
    middle = geodesy.transform("EPSG:4326", "EPSG:4547", np.array([114.0]), np.array([34.0]))
    corner = geodesy.transform("EPSG:4326", "EPSG:4547", np.array([113.0]), np.array([34.0]))
    assert miny == pytest.approx(middle[1][0])
    assert miny < corner[1][0]
    assert minx < maxx < 1e6 < maxy


@pytest.mark.parametrize("text", ["EPSG:4326", "EPSG:4490", "GCJ-02", "EPSG:2263"])
def test_city_needs_a_projected_system_in_metres(text: str) -> None:
    with pytest.raises(SourceError, match="projected system in metres"):
        geodesy.check_city_crs(text)


def test_compound_system_gives_its_horizontal_part() -> None:
    assert geodesy.authority(geodesy.check_city_crs("EPSG:7415")) == "EPSG:28992"


def test_unknown_system_says_what_to_write() -> None:
    with pytest.raises(SourceError, match="such as EPSG:4547"):
        geodesy.named_crs("Kaifeng local")
