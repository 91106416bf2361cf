"""China's own systems: zones by name and longitude, offsets undone, local grids fitted."""

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from cim import geodesy
from cim.errors import CimError, InputError, ParamError
from cim.geodesy import localgrid

CHINA = {"lon": st.floats(73.7, 134.9), "lat": st.floats(18.1, 53.5)}
METRE = 1 / 111_320


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CGCS2000 / 3-degree GK zone 38", 4526),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 114E", 4547),
        ("CGCS2000_3_Degree_GK_CM_114E", 4547),
        ("CGCS2000_3_Degree_GK_Zone_38", 4526),
        ("CGCS2000_GK_CM_117E", 4509),
        ("CGCS2000_GK_Zone_19", 4497),
        ("CGCS2000 3度带 114E", 4547),
        ("CGCS2000 三度带 中央经线114", 4547),
        ("2000国家大地坐标系", 4490),
        ("2000国家大地坐标系 3度带 中央子午线114°E", 4547),
        ("2000国家大地坐标系 3度带 第38带", 4526),
        ("西安80 6度带 第19带", 2333),
        ("Xian_1980_3_Degree_GK_Zone_38", 2362),
        ("Beijing_1954_GK_Zone_19", 21419),
        ("北京54坐标系", 4214),
    ],
)
def test_names_of_chinese_systems_are_understood(name: str, code: int) -> None:
    assert geodesy.named_crs(name).to_epsg() == code


@pytest.mark.parametrize(
    "name", ["CGCS2000 3度带 第99带", "CGCS2000 高斯投影", "somewhere", "Kaifeng 2000"]
)
def test_what_names_no_system_is_refused(name: str) -> None:
    with pytest.raises(CimError, match="unknown coordinate system"):
        geodesy.named_crs(name)


@pytest.mark.parametrize("width", [3, 6])
@pytest.mark.parametrize("prefix", [False, True])
def test_every_zone_is_the_one_that_epsg_describes(width: int, prefix: bool) -> None:
    first, last = {3: (25, 45), 6: (13, 23)}[width]
    for number in range(first, last + 1):
        meridian = 3 * number if width == 3 else 6 * number - 3
        crs = CRS(geodesy.cgcs2000_zone(meridian, width, prefix))
        assert crs.geodetic_crs is not None
        assert crs.geodetic_crs.to_epsg() == 4490
        said = {each.name: each.value for each in crs.coordinate_operation.params}  # type: ignore[union-attr]
        assert said["Longitude of natural origin"] == meridian
        assert said["False easting"] == 500_000 + prefix * number * 1e6


def test_zones_elsewhere_are_refused() -> None:
    with pytest.raises(ParamError, match="no 3-degree zone"):
        geodesy.cgcs2000_zone(11.0)
    with pytest.raises(ParamError, match="not 5 degrees"):
        geodesy.cgcs2000_zone(114.0, 5)


def test_a_prefix_tells_the_zone_and_without_it_there_are_many() -> None:
    (only,) = geodesy.places(38_531_000.0, 3_852_000.0)
    assert only.crs == "EPSG:4526"
    assert only.lon == pytest.approx(114.339, abs=1e-3)
    many = geodesy.places(531_000.0, 3_852_000.0)
    assert {"EPSG:4547", "EPSG:4508"} <= {each.crs for each in many}
    assert len(many) == 21 + 11
    assert geodesy.places(531_000.0, 100.0) == []
    far = geodesy.places(750_000.0, 3_852_000.0)  # farther than a 3-degree zone is wide
    assert {each.title.split()[2][0] for each in far} == {"6"}


@settings(max_examples=200, deadline=None)
@given(**CHINA, width=st.sampled_from([3, 6]), prefix=st.booleans())
def test_zones_are_left_and_entered_within_a_millimetre(
    lon: float, lat: float, width: int, prefix: bool
) -> None:
    zone = geodesy.cgcs2000_zone(lon, width, prefix)
    x, y = geodesy.transform("EPSG:4490", zone, np.array([lon]), np.array([lat]))
    back = geodesy.transform(zone, "EPSG:4490", x, y)
    away = np.hypot((back[0] - lon) * np.cos(np.radians(lat)), back[1] - lat) / METRE
    assert away[0] < 1e-3


@settings(max_examples=200, deadline=None)
@given(**CHINA, name=st.sampled_from(["GCJ-02", "BD-09"]))
def test_offsets_are_undone_within_a_decimetre(lon: float, lat: float, name: str) -> None:
    there = geodesy.transform("EPSG:4326", name, np.array([lon]), np.array([lat]))
    assert np.hypot(there[0] - lon, there[1] - lat)[0] / METRE > 1.0
    back = geodesy.transform(name, "EPSG:4326", *there)
    away = np.hypot((back[0] - lon) * np.cos(np.radians(lat)), back[1] - lat) / METRE
    assert away[0] < 0.1


def control(count: int = 8, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(grid, EPSG:4547) points of Kaifeng in a grid that is turned by half a degree."""
    draw = np.random.default_rng(7)
    base = np.array([531_000.0, 3_852_000.0]) + draw.uniform(-8_000, 8_000, (count, 2))
    turn, scale = np.radians(0.5), 1.00002
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (base - [500_000, 3_800_000]) @ matrix, base + draw.normal(0, noise, base.shape)


def test_four_parameters_carry_points_there_and_back() -> None:
    grid, base = control()
    fit = localgrid.fit_four(grid, base)
    assert fit.rms < 1e-6
    assert fit.freedom == 12
    wkt = localgrid.four_crs("Kaifeng grid", "EPSG:4547", fit)
    x, y = geodesy.transform(wkt, "EPSG:4547", *grid.T)
    assert np.abs(np.column_stack([x, y]) - base).max() < 1e-3
    x, y = geodesy.transform("EPSG:4547", wkt, *base.T)
    assert np.abs(np.column_stack([x, y]) - grid).max() < 1e-3
    lon, lat = geodesy.transform(wkt, "EPSG:4490", *grid.T)
    direct = geodesy.transform("EPSG:4547", "EPSG:4490", *base.T)
    assert np.abs(np.array([lon, lat]) - np.array(direct)).max() < 1e-8
    assert geodesy.check_city_crs(wkt).name == "Kaifeng grid"


def test_noise_is_the_rms_and_a_blunder_is_the_outlier() -> None:
    grid, base = control(12, noise=0.01)
    fit = localgrid.fit_four(grid, base)
    assert 0.005 < fit.sigma < 0.02
    assert not fit.outliers.any()
    base[3] += [0.8, -0.5]
    assert np.flatnonzero(localgrid.fit_four(grid, base).outliers).tolist() == [3]


def test_seven_parameters_are_found_again_and_bound() -> None:
    _, base = control()
    points = np.column_stack([base, np.linspace(50, 120, len(base))])
    target = localgrid.geocentric("EPSG:4547", points)
    arc = np.pi / 648_000
    given_parameters = np.array([-12, 113, 41, 0.1 * arc, -0.2 * arc, 0.3 * arc, 1.5e-6])
    x, y, z = target.T
    shift, turn, scale = given_parameters[:3], given_parameters[3:6], given_parameters[6]
    moved = np.column_stack(
        [
            x * scale + turn[1] * z - turn[2] * y,
            y * scale - turn[0] * z + turn[2] * x,
            z * scale + turn[0] * y - turn[1] * x,
        ]
    )
    source = target - shift - moved
    fit = localgrid.fit_seven(source, target)
    assert fit.rms < 1e-6
    assert list(fit.parameters.values())[:3] == pytest.approx([-12, 113, 41], abs=1e-2)
    wkt = localgrid.seven_crs("EPSG:2435", fit)
    assert geodesy.named_crs(wkt).is_bound
    assert geodesy.check_city_crs(wkt).is_projected


def test_seven_parameters_carry_beijing_54_points_into_cgcs2000() -> None:
    """The points in the old system are made by PROJ with known parameters."""
    known = "12,-113,-41,0.1,0.2,0.3,1.5"
    old = (
        "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=krass"
        f" +towgs84={known} +units=m +type=crs"
    )
    _, base = control()
    plane = np.column_stack(geodesy.transform("EPSG:4547", old, *base.T))
    bare = old.replace(f" +towgs84={known}", "")
    flat = np.zeros((len(base), 1))
    fit = localgrid.fit_seven(
        localgrid.geocentric(bare, np.hstack([plane, flat])),
        localgrid.geocentric("EPSG:4547", np.hstack([base, flat])),
    )
    x, y = geodesy.transform(localgrid.seven_crs(bare, fit), "EPSG:4547", *plane.T)
    assert np.abs(np.column_stack([x, y]) - base).max() < 0.01


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_points_are_refused(count: int) -> None:
    grid, base = control()
    with pytest.raises(InputError, match="too few"):
        localgrid.fit_four(grid[:count], base[:count])


def test_points_that_say_nothing_are_refused() -> None:
    grid, base = control()
    with pytest.raises(InputError, match="are one"):
        localgrid.fit_four(np.repeat(grid[:1], 4, axis=0), base[:4])
    with pytest.raises(InputError, match="no number"):
        localgrid.fit_four(grid * np.nan, base)


def test_a_definition_is_a_crs(tmp_path: object) -> None:
    grid, base = control()
    wkt = localgrid.four_crs("Kaifeng grid", "EPSG:4547", localgrid.fit_four(grid, base))
    path = tmp_path / "grid.toml"  # type: ignore[operator]
    path.write_text(tomli_w.dumps({"wkt": wkt}), encoding="utf-8")
    assert geodesy.named_crs(str(path)).name == "Kaifeng grid"
    path.write_text("wkt = 3")
    with pytest.raises(CimError, match="defines no local grid"):
        geodesy.named_crs(str(path))
    with pytest.raises(CimError, match="cannot be read"):
        geodesy.named_crs(str(path) + ".toml")
