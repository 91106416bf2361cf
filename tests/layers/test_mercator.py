import numpy as np
import pytest
import shown
from cities import CRS as CITY
from cities import ORIGIN
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from cim.errors import InputError
from layers.mercator import (
    EXTENT,
    FEW_POINTS,
    FEW_UNITS,
    Placement,
    TileAddress,
    city_bounds,
    deck_offsets,
    tile_units,
    to_mercator,
)

R = 6378137.0


def lonlat_of(mercator):
    lon = np.degrees(mercator[:, 0] / R)
    lat = np.degrees(2 * np.arctan(np.exp(mercator[:, 1] / R)) - np.pi / 2)
    return lon, lat


def deck_world(lon, lat):
    """deck.gl's map units (512 across the world) of longitude and latitude, y northwards."""
    angle = np.radians(lat)
    y = np.log(np.tan(np.pi / 4 + angle / 2))
    return np.column_stack(((np.radians(lon) + np.pi) * 512, (np.pi + y) * 512)) / (2 * np.pi)


def deck_placed(offsets, lon0, lat0):
    """Where deck.gl 9 puts METER_OFFSETS, by its getDistanceScales and project_offset_."""
    circumference, world = 40.03e6, 512
    cosine, tangent = np.cos(np.radians(lat0)), np.tan(np.radians(lat0))
    units = world / circumference / cosine
    per_degree_y = world / 360 / cosine
    bend = (world / circumference) * (np.radians(1) * tangent / cosine)
    units2 = bend / per_degree_y * units
    x = offsets[:, 0] * (units + units2 * offsets[:, 1])
    return deck_world(np.array([lon0]), np.array([lat0])) + np.column_stack(
        (x, offsets[:, 1] * units)
    )


@pytest.mark.parametrize("latitude", [-52.0, 0.01, 34.8, 66.0])
def test_deck_draws_every_corner_of_a_large_tile_where_it_is(latitude):
    n = 2**14
    row = int((1 - np.arcsinh(np.tan(np.radians(latitude))) / np.pi) / 2 * n)
    address = TileAddress(14, int((114.3 + 180) / 360 * n), row)
    west, south, east, north = address.bounds
    u, v = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    points = np.column_stack(
        (west + u.ravel() * (east - west), south + v.ravel() * (north - south))
    )

    offsets = deck_offsets(points, address).astype(np.float32).astype(np.float64)

    drawn = deck_placed(offsets, *address.centre)
    metres = np.cos(np.radians(latitude)) * 40075016.7 / 512
    error = np.abs(drawn - deck_world(*lonlat_of(points))).max() * metres
    assert error < 0.002


def test_offsets_are_metres_to_within_deck_s_idea_of_the_earth():
    address = shown.address_at(ORIGIN, 15)
    centre = np.array(Transformer.from_crs(4326, CITY, always_xy=True).transform(*address.centre))
    moved = Placement(address, CRS(CITY)).exact(centre + 100.0 * np.array([[0, 0], [1, 0], [0, 1]]))
    assert moved[0] == pytest.approx([0, 0], abs=1e-6)
    assert np.linalg.norm(moved[1:], axis=1) == pytest.approx([100, 100], rel=0.004)
    assert moved[1, 0] > 99
    assert moved[2, 1] > 99


def test_curve_is_within_a_millimetre_of_the_projection():
    address = shown.address_at(ORIGIN, 14)
    bounds = city_bounds(address, CRS(CITY))
    points = np.random.default_rng(1).uniform(bounds[:2], bounds[2:], (FEW_POINTS * 5, 2))
    placement = Placement(address, CRS(CITY))
    assert np.abs(placement.local(points) - placement.exact(points)).max() < 1e-3


def test_objects_far_larger_than_a_tile_are_placed_by_the_projection_itself():
    points = np.array(ORIGIN) + np.random.default_rng(1).uniform(-4e5, 4e5, (FEW_POINTS * 2, 2))
    placement = Placement(shown.address_at(ORIGIN, 16), CRS(CITY))
    assert np.array_equal(placement.local(points), placement.exact(points))


@pytest.mark.parametrize("zoom", [8, 12, 16])
@pytest.mark.parametrize("widths", [0.5, 40])
def test_tile_units_are_those_of_the_projection_near_and_far(zoom, widths):
    address = shown.address_at(ORIGIN, zoom)
    reach = np.minimum(widths * address.width, 3e5)
    points = np.array(ORIGIN) + np.random.default_rng(1).uniform(-reach, reach, (FEW_UNITS * 9, 2))
    west, _, _, north = address.bounds
    x, y = Transformer.from_crs(CITY, 3857, always_xy=True).transform(*points.T)
    exact = np.column_stack((x - west, north - y)) * EXTENT / address.size
    assert np.abs(tile_units(points, address, CRS(CITY)) - exact).max() < 0.006


def test_bounds_in_the_city_hold_the_whole_tile():
    address = shown.address_at(ORIGIN, 13)
    west, south, east, north = city_bounds(address, CRS(CITY))
    lon, lat = np.meshgrid(
        *(np.linspace(address.degrees[i], address.degrees[i + 2], 30) for i in (0, 1))
    )
    x, y = Transformer.from_crs(4326, CITY, always_xy=True).transform(lon.ravel(), lat.ravel())
    assert west <= x.min() + 0.01 <= x.max() <= east + 0.01
    assert south <= y.min() + 0.01 <= y.max() <= north + 0.01


@pytest.mark.parametrize("place", [(3, 0, 0), (14, 0, 0), (14, 16383, 16383), (12, 10, 2000)])
def test_tile_at_the_other_end_of_the_earth_has_no_bounds_or_none_with_the_city(place):
    found = city_bounds(TileAddress(*place), CRS(CITY))
    west, south, east, north = found or (0, 0, 0, 0)
    assert not (west <= ORIGIN[0] <= east and south <= ORIGIN[1] <= north) or place[0] == 3


@given(east=st.floats(-2000, 2000), north=st.floats(-2000, 2000), zoom=st.integers(10, 18))
def test_a_point_is_in_exactly_one_tile_of_a_zoom(east, north, zoom):
    point = np.array([[ORIGIN[0] + east, ORIGIN[1] + north]])
    mercator = to_mercator(point, CRS(CITY))
    home = shown.address_at((point[0, 0], point[0, 1]), zoom)
    around = [TileAddress(zoom, home.x + dx, home.y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    assert [each for each in around if each.holds(mercator)[0]] == [home]


@pytest.mark.parametrize("place", [(-1, 0, 0), (25, 0, 0), (2, 4, 0), (2, 0, -1)])
def test_tile_outside_the_pyramid_is_refused(place):
    with pytest.raises(InputError):
        TileAddress(*place)
