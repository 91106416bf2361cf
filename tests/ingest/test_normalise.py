"""Between reader and store: what is moved, mended, rejected, and never lost in silence."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from cim import geodesy
from cim.model import Batch, Mesh
from ingest.area import reach, refuse_far_away
from ingest.normalise import Normaliser

CITY = "EPSG:4547"
EAST, NORTH = 500_000.0, 3_850_000.0
"""A place in Kaifeng's zone."""


def batch(shapes: list[Any], **columns: Any) -> Batch:
    table = pd.DataFrame(
        {"object_id": [f"o{at}" for at in range(len(shapes))], "class": "Building", **columns}
    )
    table["geometry"] = pd.Series(shapes, dtype=object)
    return Batch(table)


def normalised(given: Batch, source: str = CITY) -> tuple[Batch, Normaliser]:
    normaliser = Normaliser(source, CITY)
    return normaliser.batch(given), normaliser


def here(wkt: str) -> shapely.Geometry:
    """A shape whose coordinates count from EAST, NORTH."""
    return shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + np.array([EAST, NORTH]))


@pytest.mark.parametrize(
    ("wkt", "becomes"),
    [
        ("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))", "MultiPolygon"),
        ("POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 9 1, 1 2, 1 1))", "Polygon"),
        ("LINESTRING (0 0, 1 1, 0 0, 1 1)", "LineString"),
        ("MULTILINESTRING ((0 0, 0 0), (0 0, 5 5))", "LineString"),
        (
            "GEOMETRYCOLLECTION (POINT (1 1), POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0)))",
            "GeometryCollection",
        ),
        ("POINT (0 0)", "Point"),
        ("MULTIPOINT (0 0, 0 0)", "MultiPoint"),
    ],
)
def test_what_can_be_mended_is_kept_as_what_it_was(wkt: str, becomes: str) -> None:
    done, normaliser = normalised(batch([here(wkt)]))
    (shape,) = done.objects["geometry"]
    assert shape.is_valid
    assert shape.geom_type.removeprefix("Multi") == becomes.removeprefix("Multi")
    assert normaliser.rejected == []
    told = {each.code for each in normaliser.findings()}
    assert told == (set() if here(wkt).is_valid else {"repaired"})


@pytest.mark.parametrize(
    ("wkt", "code"),
    [
        ("LINESTRING (0 0, 0 0)", "no_extent"),
        ("POLYGON ((0 0, 1 1, 2 2, 0 0))", "no_extent"),
        ("POLYGON EMPTY", "empty_geometry"),
        ("GEOMETRYCOLLECTION EMPTY", "empty_geometry"),
        ("LINESTRING (0 0, 0 NaN)", "coordinates_not_finite"),
        ("POINT (1e300 0)", "outside_crs"),
        ("POINT (0 -1e7)", "outside_crs"),
        ("POINT (5e7 0)", "outside_crs"),
    ],
)
def test_what_cannot_is_rejected_with_its_reason(wkt: str, code: str) -> None:
    with np.errstate(all="ignore"):
        done, normaliser = normalised(batch([here(wkt), here("POINT (1 1)")]))
    assert done.objects["object_id"].tolist() == ["o1"]
    (rejection,) = normaliser.rejected
    assert (rejection.object, rejection.code) == ("o0", code)
    assert rejection.raw.startswith(wkt.split(" ", maxsplit=1)[0])


def test_objects_without_geometry_stay_so() -> None:
    done, normaliser = normalised(batch([None, here("POINT (0 0)")]))
    assert done.objects["geometry"].isna().tolist() == [True, False]
    assert normaliser.rejected == []
    bare = Batch(pd.DataFrame({"object_id": ["a"], "class": ["Building"]}))
    assert len(normalised(bare)[0]) == 1


def test_coordinates_are_moved_and_z_is_not() -> None:
    done, _ = normalised(batch([shapely.Point(114.3, 34.79, 71.5)]), "EPSG:4490")
    (point,) = done.objects["geometry"]
    back = geodesy.transform(CITY, "EPSG:4490", np.array([point.x]), np.array([point.y]))
    assert (back[0][0], back[1][0], point.z) == pytest.approx((114.3, 34.79, 71.5), abs=1e-9)


def test_a_z_beyond_the_earth_is_unknown() -> None:
    line = shapely.LineString([(EAST, NORTH, 5.0), (EAST, NORTH + 9, 1e9)])
    with np.errstate(all="ignore"):
        endless = shapely.Point(EAST, NORTH, math.inf)
    deep = shapely.Point(EAST, NORTH, -4000.0)
    done, normaliser = normalised(batch([line, endless, deep]))
    first, second, third = done.objects["geometry"]
    assert first.coords[0][2] == 5.0
    assert math.isnan(first.coords[1][2])
    assert math.isnan(second.z)
    assert third.z == -4000.0
    (told,) = normaliser.findings()
    assert told.message == (
        "geometries had a Z that is no height on Earth; it is unknown now: 2, such as o0"
    )


def triangle(*vertices: tuple[float, float, float], name: str = "o0", lod: str = "2") -> Mesh:
    return Mesh(name, lod, "Triangles", np.array(vertices, float), np.array([0, 1, 2], np.uint32))


SOUND = ((EAST, NORTH, 1.0), (EAST + 1, NORTH, 1.0), (EAST, NORTH + 1, 2.0))


@pytest.mark.parametrize(
    "vertex",
    [(np.nan, NORTH, 0), (EAST, np.inf, 0), (EAST, NORTH, 1e9), (0, 0, 0), (1e300, NORTH, 0)],
)
def test_surfaces_without_a_place_are_left_out_and_told(vertex: Any) -> None:
    given = batch([here("POINT (0 0)")])
    meshes = [triangle(*SOUND), triangle(vertex, *SOUND[1:], lod="3")]
    done, normaliser = normalised(Batch(given.objects, meshes))
    assert [each.lod for each in done.meshes] == ["2"]
    assert len(done) == 1
    assert [each.code for each in normaliser.findings()] == ["mesh_left_out"]
    assert "o0 at LoD 3" in normaliser.findings()[0].message


def test_the_second_of_one_name_does_not_lend_its_parts_to_the_first() -> None:
    given = batch([here("LINESTRING (0 0, 3 4)"), here("LINESTRING (0 0, 30 40)")])
    objects = given.objects.assign(object_id="p")
    edges = pd.DataFrame(
        {
            "network": "water",
            "object_id": "p",
            "start_node": ["a", "c"],
            "end_node": ["b", "d"],
            "length": 0.0,
        }
    )
    meshes = [triangle(*SOUND, name="p"), triangle(*SOUND, name="p")]
    done, _ = normalised(Batch(objects, meshes, edges=edges))
    assert done.edges is not None
    assert done.edges[["start_node", "length"]].to_numpy().tolist() == [["a", 5.0]]
    assert len(done.meshes) == 1
    assert len(done) == 2  # the store rejects the second, and says so


def test_parts_of_what_is_rejected_are_kept_by_themselves() -> None:
    given = batch([here("POINT (9e7 0)"), here("POINT (0 0)")], parent_id=[None, "o0"])
    done, normaliser = normalised(given)
    assert done.objects["parent_id"].isna().all()
    assert done.objects["parent_in_source"].tolist() == ["o0"]
    assert [each.code for each in normaliser.findings()] == ["parent_rejected"]


@pytest.mark.parametrize(
    ("column", "bad", "good"),
    [
        ("height", (-1, 1001, 1e30, math.inf), (0, 632, 1000)),
        ("ground_height", (-1e6, 9e4), (-154, 8848)),
        ("storeys_above_ground", (-2, 1e30), (0, 163)),
        ("storeys_below_ground", (-2, 500), (0, 5)),
    ],
)
def test_numbers_that_cannot_be_are_unknown(column: str, bad: Any, good: Any) -> None:
    given = [*bad, *good, math.nan]
    done, normaliser = normalised(batch([None] * len(given), **{column: given}))
    left = done.objects[column].dropna().tolist()
    assert left == list(good)
    assert done.objects[f"{column}_in_source"].dropna().tolist() == list(bad)
    (told,) = normaliser.findings()
    assert f"were taken as unknown: {len(bad)}, such as o0" in told.message


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.floats(-500, 500)
chains = st.lists(st.tuples(numbers, numbers), min_size=3, max_size=8)


def chain(kind: str, places: list[tuple[float, float]]) -> shapely.Geometry | None:
    """A line or an area, NaN and all, as a file may hold it; None where that cannot be."""
    closed = [*places, places[0]] if kind == "Polygon" else places
    if kind == "Polygon" and not np.isfinite(closed[0]).all():
        return None  # a ring must end where it begins, and NaN is not NaN
    return getattr(shapely, kind)([(EAST + x, NORTH + y) for x, y in closed])


@given(st.lists(chains, min_size=1, max_size=6), st.sampled_from(["Polygon", "LineString"]))
def test_whatever_comes_what_is_kept_is_sound_and_nothing_is_lost(
    shapes: list[list[tuple[float, float]]], kind: str
) -> None:
    with np.errstate(all="ignore"):
        made = [chain(kind, each) for each in shapes]
        done, normaliser = normalised(batch(made))
    found = np.asarray(done.objects["geometry"], object)
    assert len(found) + len(normaliser.rejected) == len(shapes)
    there = found[~shapely.is_missing(found)]
    assert shapely.is_valid(there).all()
    assert np.isfinite(shapely.bounds(there)).all()
    assert {each.object for each in normaliser.rejected}.isdisjoint(done.objects["object_id"])


@pytest.mark.parametrize(
    ("crs", "inside", "outside"),
    [
        ("EPSG:4547", (114.3, 34.8), (120.0, 34.8)),
        ("EPSG:28992", (4.9, 52.4), (-10.0, 52.0)),
        ("EPSG:32632", (9.0, 48.0), (20.0, 48.0)),
        ("EPSG:3832", (-170.0, 10.0), (10.0, 10.0)),
        ("EPSG:3857", (-179.9, -80.0), None),
    ],
)
def test_a_city_reaches_as_far_as_its_system(
    crs: str, inside: tuple[float, float], outside: tuple[float, float] | None
) -> None:
    found = reach(crs)
    assert found is not None
    west, south, east, north = found
    for place, expected in ((inside, True), (outside, False)):
        if place is not None:
            x, y = geodesy.transform("EPSG:4326", crs, *np.array(place).reshape(2, 1))
            within = bool(west <= x[0] <= east and south <= y[0] <= north)
            assert within is expected


def test_a_system_that_does_not_say_where_it_is_used_reaches_everywhere() -> None:
    local = "+proj=tmerc +lon_0=114.3 +x_0=50000 +ellps=GRS80 +units=m"
    assert reach(local) is None
    refuse_far_away((0, 0, 1, 1), "EPSG:4326", local, "x.gpkg")
    done, normaliser = normalised(batch([None]))
    assert (len(done), normaliser.rejected) == (1, [])
