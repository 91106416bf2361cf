"""Where IFC models come to stand: every way to say it, and every trap in saying it."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ifc_models import House
from pyproj import Geod, Transformer

from cim.errors import SourceError
from cim.model import Finding
from ingest.ifc import IFC
from ingest.reader import Reading, ReadOptions

MAP = {"east": 600_000.0, "north": 5_700_000.0, "height": 100.0}


def read(folder: Path, house: House, crs: str = "", anchor: str = "") -> Reading:
    path = folder / "house.ifc"
    path.write_bytes(house.encode())
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return IFC.open(path, ReadOptions(crs=crs, anchor=anchor), work)


def slab(reading: Reading) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Vertices of the floor slab, whose corner is the model's origin."""
    meshes = [mesh for batch in reading for mesh in batch.meshes]
    return max(meshes, key=lambda mesh: np.ptp(mesh.vertices[:, :2], axis=0).prod()).vertices


def codes(reading: Reading) -> set[str]:
    return {finding.code for finding in reading.findings}


@pytest.mark.parametrize(
    ("unit", "scale"),
    [(1.0, None), (1.0, 1.0), (0.001, 1000.0), (0.001, 0.001), (0.001, None), (0.001, 1.0)],
)
def test_scale_of_a_map_conversion_is_only_about_units(
    tmp_path: Path, unit: float, scale: float | None
) -> None:
    reading = read(tmp_path, House(unit=unit, conversion=MAP | {"scale": scale}))
    corners = slab(reading)
    assert (reading.crs, reading.crs_source) == ("EPSG:25832", "file")
    assert corners.min(0) == pytest.approx([600_000, 5_700_000, 100], abs=1e-4)
    assert corners.max(0) == pytest.approx([600_010, 5_700_006, 100.2], abs=1e-4)


def test_combined_factor_shrinks_distances(tmp_path: Path) -> None:
    corners = slab(read(tmp_path, House(conversion=MAP | {"scale": 0.9996})))
    assert np.ptp(corners[:, 0]) == pytest.approx(9.996, abs=1e-4)


def test_scale_that_means_nothing_is_left_out_and_told(tmp_path: Path) -> None:
    reading = read(tmp_path, House(conversion=MAP | {"scale": 7.0}))
    assert np.ptp(slab(reading)[:, 0]) == pytest.approx(10, abs=1e-4)
    assert "map_scale" in codes(reading)


def test_map_conversion_turns_by_its_x_axis(tmp_path: Path) -> None:
    turn = math.radians(30)
    axis = {"x": math.cos(turn) * 5, "y": math.sin(turn) * 5}
    corners = slab(read(tmp_path, House(conversion=MAP | axis)))
    far = corners[corners[:, 0].argmax()]
    assert far[:2] == pytest.approx(
        [600_000 + 10 * math.cos(turn), 5_700_000 + 10 * math.sin(turn)], abs=1e-3
    )


@pytest.mark.parametrize(
    ("crs", "expected"),
    [
        (("'EPSG:25832'", None, None, None, None, None), "EPSG:25832"),
        (("'urn:ogc:def:crs:EPSG::25832'", None, None, None, None, None), "EPSG:25832"),
        (("'ETRS89 / UTM zone 32N'", None, None, None, None, None), "EPSG:25832"),
        (("'UTM'", "'in EPSG 25832'", None, None, None, None), "EPSG:25832"),
        (("'NC83'", "'State Plane'", None, None, "'EPSG'", "'32119'"), "EPSG:32119"),
        (("'EPSG:5555'", None, None, None, None, None), "EPSG:25832"),
    ],
)
def test_crs_is_found_wherever_its_code_stands(
    tmp_path: Path, crs: tuple[str | None, ...], expected: str
) -> None:
    reading = read(tmp_path, House(conversion=MAP | {"crs": crs}))
    assert reading.crs == expected


def test_height_datum_of_a_compound_crs_is_kept(tmp_path: Path) -> None:
    crs = ("'EPSG:5555'", None, None, None, None, None)
    assert "DHHN92" in read(tmp_path, House(conversion=MAP | {"crs": crs})).height_datum


def test_unknown_crs_is_told_and_the_user_can_name_it(tmp_path: Path) -> None:
    house = House(conversion=MAP | {"crs": ("'Works grid'", None, None, None, None, None)})
    reading = read(tmp_path, house)
    assert reading.crs == ""
    assert {"unknown_crs", "no_georeference"} <= codes(reading)
    told = read(tmp_path, house, crs="EPSG:25832")
    assert (told.crs, told.crs_source) == ("EPSG:25832", "user")
    assert slab(told).min(0) == pytest.approx([600_000, 5_700_000, 100], abs=1e-4)


@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_property_sets_of_ifc_2x3_on_the_site_count(tmp_path: Path, unit: float) -> None:
    sets = {
        "ePset_MapConversion": {
            "Eastings": "IFCLENGTHMEASURE(600000.)",
            "Northings": "IFCLENGTHMEASURE(5700000.)",
            "OrthogonalHeight": "IFCLENGTHMEASURE(100.)",
        },
        "ePSet_ProjectedCRS": {"Name": "IFCLABEL('EPSG:25832')"},
    }
    reading = read(tmp_path, House("IFC2X3", unit, esets=sets))
    assert reading.crs == "EPSG:25832"
    assert slab(reading).min(0) == pytest.approx([600_000, 5_700_000, 100], abs=1e-4)


def test_feet_on_the_map_stay_feet_and_heights_become_metres(tmp_path: Path) -> None:
    crs = ("'EPSG:2264'", None, None, None, None, None)
    house = House(conversion={"east": 1_500_000.0, "north": 600_000.0, "height": 100.0, "crs": crs})
    file = str(house)
    metre_of_crs = file.rindex(",#", 0, file.index("IFCMAPCONVERSION") - 3)
    end = file.index(");", metre_of_crs)
    (tmp_path / "f.ifc").write_text(file[:metre_of_crs] + ",$" + file[end:], "ascii")
    (tmp_path / "work").mkdir()
    reading = IFC.open(tmp_path / "f.ifc", ReadOptions(), tmp_path / "work")
    corners = slab(reading)
    foot = 1200 / 3937
    assert reading.crs == "EPSG:2264"
    assert np.ptp(corners, axis=0) == pytest.approx([10 / foot, 6 / foot, 0.2], abs=1e-3)
    assert corners.min(0) == pytest.approx([1_500_000, 600_000, 100 * foot], abs=1e-3)


def test_absolute_coordinates_are_not_moved_a_second_time(tmp_path: Path) -> None:
    reading = read(tmp_path, House(origin=(600_000.0, 5_700_000.0, 100.0), conversion=MAP))
    assert "georeferenced_twice" in codes(reading)
    assert slab(reading).min(0) == pytest.approx([600_000, 5_700_000, 100], abs=1e-3)


def test_zero_conversion_with_absolute_coordinates_names_their_crs(tmp_path: Path) -> None:
    zero = {"east": 0.0, "north": 0.0}
    reading = read(tmp_path, House(origin=(600_000.0, 5_700_000.0, 100.0), conversion=zero))
    assert reading.crs == "EPSG:25832"
    assert slab(reading).min(0) == pytest.approx([600_000, 5_700_000, 100], abs=1e-3)


def test_zero_conversion_with_local_coordinates_leaves_the_place_to_the_site(
    tmp_path: Path,
) -> None:
    house = House(conversion={"east": 0.0, "north": 0.0}, site="(52,0,0),(9,30,0)")
    reading = read(tmp_path, house)
    assert (reading.crs, reading.crs_source) == ("EPSG:25832", "file")
    back = Transformer.from_crs(reading.crs, 4326, always_xy=True)
    x, y, _ = slab(reading).min(0)
    assert back.transform(x, y) == pytest.approx((9.5, 52.0), abs=1e-6)


@pytest.mark.parametrize("unit", [1.0, 0.001, 0.3048])
def test_far_away_models_keep_their_millimetres(tmp_path: Path, unit: float) -> None:
    house = House(unit=unit, origin=(600_000.0, 5_700_000.0, 100.0))
    reading = read(tmp_path, house, crs="EPSG:25832")
    corners = slab(reading)
    assert corners.min(0) == pytest.approx([600_000, 5_700_000, 100], abs=1e-3)
    assert np.ptp(corners, axis=0) == pytest.approx([10, 6, 0.2], abs=1e-3)


def test_map_coordinates_without_crs_ask_for_it(tmp_path: Path) -> None:
    reading = read(tmp_path, House(origin=(600_000.0, 5_700_000.0, 100.0)))
    assert reading.crs == ""
    error = next(each for each in reading.findings if each.severity == "error")
    assert re.search(r"60000\d / 570000\d", error.message)
    assert "--crs" in error.hint


def test_no_georeference_at_all_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    reading = read(tmp_path, House())
    assert (reading.crs, reading.crs_source) == ("", "")
    error = next(each for each in reading.findings if each.severity == "error")
    assert error.code == "no_georeference"
    assert "--crs" in error.hint


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [("(40,42,46,0)", "(-74,0,-21,-600000)"), ("(-33,-52,-7)", "(151,12,33)")],
)
@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_site_places_by_latitude_longitude_elevation_and_true_north(
    tmp_path: Path, latitude: str, longitude: str, unit: float
) -> None:
    turn = math.radians(20)  # true north leans 20° to the left of the model's y axis
    north = (-math.sin(turn), math.cos(turn))
    house = House(
        unit=unit,
        site=f"{latitude},{longitude}",
        true_north=north,
        site_elevation=20.0,
        origin=(3.0, 4.0, 5.0),
    )
    reading = read(tmp_path, house)
    corners = slab(reading)
    assert corners[:, 2].min() == pytest.approx(20.0, abs=1e-3)
    back = Transformer.from_crs(reading.crs, 4326, always_xy=True)
    longitudes, latitudes = back.transform(corners[:, 0], corners[:, 1])
    where = np.array([degrees(longitude), degrees(latitude)])
    away = np.hypot(longitudes - where[0], latitudes - where[1])
    assert away.min() < 1e-7, "the corner at the site's placement is the given point"
    geod = Geod(ellps="WGS84")
    bearings, _, lengths = geod.inv(*[np.full(len(corners), each) for each in where],
                                    longitudes, latitudes)  # fmt: skip
    along = np.abs(lengths - 10).argmin()
    assert lengths[along] == pytest.approx(10, abs=1e-3)
    assert bearings[along] == pytest.approx(90 + 20, abs=0.01)


def degrees(parts: str) -> float:
    values = [float(each) for each in parts.strip("()").split(",")]
    return sum(each / by for each, by in zip(values, (1, 60, 3600, 3.6e9), strict=False))


@pytest.mark.parametrize(
    "site",
    [
        "(42,21,31,181945),(-71,-3,-24,-263305)",
        "(51,30,0,549316),(0,-7,-34,-450321)",
        "(52,9,0,0),(5,23,0,0)",
    ],
)
def test_places_that_tools_fill_in_are_low_confidence(tmp_path: Path, site: str) -> None:
    reading = read(tmp_path, House(site=site))
    finding = next(each for each in reading.findings if each.code == "placeholder_location")
    assert finding.severity == "warning"
    assert "low confidence" in finding.message


def test_null_island_is_no_place(tmp_path: Path) -> None:
    assert "no_georeference" in codes(read(tmp_path, House(site="(0,0,0),(0,0,0)")))


def test_contradiction_of_more_than_a_kilometre_is_told(tmp_path: Path) -> None:
    reading = read(tmp_path, House(conversion=MAP, site="(41,52,27),(-87,-38,-21)"))
    finding = next(each for each in reading.findings if each.code == "contradictory_location")
    assert "km from there" in finding.message
    assert reading.crs == "EPSG:25832"


def test_site_goes_into_the_crs_of_the_user(tmp_path: Path) -> None:
    reading = read(tmp_path, House(site="(52,0,0),(9,30,0)"), crs="EPSG:3035")
    back = Transformer.from_crs("EPSG:3035", 4326, always_xy=True)
    x, y = slab(reading)[:, :2].mean(0)
    assert back.transform(x, y) == pytest.approx((9.5, 52.0), abs=2e-4)
    assert reading.crs_source == "user"


def test_crs_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="EPSG:999999"):
        read(tmp_path, House(), crs="EPSG:999999")


def found(reading: Reading, code: str) -> Finding:
    return next(each for each in reading.findings if each.code == code)


@pytest.mark.parametrize("crs", ["", "EPSG:25832"])
@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_anchor_puts_the_origin_there_and_turns_clockwise(
    tmp_path: Path, unit: float, crs: str
) -> None:
    reading = read(tmp_path, House(unit=unit), crs, "9.5,52.0,72.5,30")
    corners = slab(reading)
    assert reading.crs_source == "user"
    assert corners[:, 2].min() == pytest.approx(72.5, abs=1e-6)
    back = Transformer.from_crs(reading.crs, 4326, always_xy=True)
    longitudes, latitudes = back.transform(corners[:, 0], corners[:, 1])
    geod = Geod(ellps="WGS84")
    bearings, _, lengths = geod.inv([9.5] * len(corners), [52.0] * len(corners),
                                    longitudes, latitudes)  # fmt: skip
    assert np.abs(lengths).min() < 0.01
    along = np.abs(np.asarray(lengths) - 10).argmin()
    assert lengths[along] == pytest.approx(10, abs=1e-3)
    assert bearings[along] == pytest.approx(90 + 30, abs=0.01), "the x axis, turned"


def test_anchor_goes_before_the_file_which_is_told_where_it_disagrees(tmp_path: Path) -> None:
    house = House(conversion=MAP, site="(52,0,0),(9,30,0)")
    reading = read(tmp_path, house, anchor="114.35,34.80,70,0")
    assert reading.crs == "EPSG:32650"
    told = found(reading, "contradictory_location")
    assert "m apart" in told.evidence


def test_fix_of_a_contradiction_places_the_model_by_its_site(tmp_path: Path) -> None:
    north = (-math.sin(0.2), math.cos(0.2))
    site = "(41,52,27),(-87,-38,-21)"
    house = House(conversion=MAP, site=site, site_elevation=180.0, true_north=north)
    fix = found(read(tmp_path, house), "contradictory_location").fix
    mended = slab(read(tmp_path, house, anchor=fix["anchor"]))
    alone = slab(read(tmp_path, House(site=site, site_elevation=180.0, true_north=north)))
    assert mended == pytest.approx(alone, abs=0.01)


def test_true_north_against_the_map_conversion_allows_for_convergence(tmp_path: Path) -> None:
    away = {"east": 700_000.0, "north": 5_700_000.0}  # 2.2° of convergence

    def turned(degrees_from_grid: float) -> Reading:
        turn = math.radians(degrees_from_grid)
        north = (-math.sin(turn), math.cos(turn))
        return read(tmp_path, House(conversion=away, true_north=north))

    assert "contradictory_north" not in codes(turned(2.2))
    finding = found(turned(22.2), "contradictory_north")
    assert "meridian convergence there" in finding.evidence
    assert "20.0°" in finding.message


def test_elevation_in_millimetres_comes_with_its_fix(tmp_path: Path) -> None:
    reading = read(tmp_path, House(site="(52,0,0),(9,30,0)", site_elevation=20_000.0))
    assert found(reading, "implausible_elevation").fix == {"height_offset": -19980.0}


def test_model_far_from_the_point_that_places_it_is_told(tmp_path: Path) -> None:
    house = House(site="(52,0,0),(9,30,0)")
    storey = f"IFCLOCALPLACEMENT({house.site_place},"
    moved = str(house).replace(storey, f"IFCLOCALPLACEMENT({house.placement(None, 5e3, 0, 0)},")
    end = moved.index("ENDSEC;\nEND-ISO")
    extra = "\n".join(house.file.lines[-3:]) + "\n"
    (tmp_path / "f.ifc").write_text(moved[:end] + extra + moved[end:], "utf-8")
    (tmp_path / "work").mkdir()
    reading = IFC.open(tmp_path / "f.ifc", ReadOptions(), tmp_path / "work")
    assert "km from the point" in found(reading, "far_from_origin").message


@pytest.mark.parametrize("order", [(9.5, 52.0), (52.0, 9.5)])
@pytest.mark.parametrize("site", ["$,$", "(52,0,0),(9,30,0)"])
def test_rigid_operation_in_degrees_is_read_in_either_order(
    tmp_path: Path, order: tuple[float, float], site: str
) -> None:
    house = House(site=site)
    crs = house.file.add("IFCGEOGRAPHICCRS", "'EPSG:4258'", None, None, None, None, None)
    values = [f"IFCPLANEANGLEMEASURE({math.radians(each)!r})" for each in order]
    house.file.add("IFCRIGIDOPERATION", house.context, crs, *values, "IFCLENGTHMEASURE(72.5)")
    reading = read(tmp_path, house)
    x, y, z = slab(reading).min(0)
    back = Transformer.from_crs(reading.crs, 4326, always_xy=True)
    assert back.transform(x, y) == pytest.approx((9.5, 52.0), abs=1e-6)
    assert z == pytest.approx(72.5, abs=1e-6)


def test_coordinates_of_a_map_come_with_candidates(tmp_path: Path) -> None:
    reading = read(tmp_path, House(origin=(39_439_000.0, 3_852_000.0, 70.0)))
    error = found(reading, "crs_missing")
    assert error.severity == "error"
    assert "39439" in error.evidence
    fixes = [each.fix.get("crs") for each in reading.findings]
    assert "EPSG:4527" in fixes, "the zone prefix says which"


def test_user_crs_in_feet_takes_coordinates_as_they_stand(tmp_path: Path) -> None:
    foot = 1200 / 3937
    house = House(unit=foot, origin=(1_500_000 * foot, 600_000 * foot, 100.0))
    corners = slab(read(tmp_path, house, "EPSG:2264"))
    assert corners.min(0) == pytest.approx([1_500_000, 600_000, 100.0], abs=0.01)
