"""Load, export, load: the same city again, but for what the format says that it loses."""

import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import cities
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, box

from cim.exchange import FORMATS, losses, write
from cim.model import Batch, CityModel, Dataset, Mesh
from cim.schema import ACCESS_LEVELS, STATUSES
from cim.store import Delivery, create_city
from ingest import load_files

EAST, NORTH = cities.ORIGIN
TABLES = ("gpkg", "parquet", "geojson")
COLUMNS = (
    "class", "name", "parent_id", "status", "function", "height", "ground_height",
    "storeys_above_ground", "storeys_below_ground", "valid_from", "valid_to", "access",
    "attributes",
)  # fmt: skip
MILLIMETRE = 1e-3

LETTERS = "abcXYZ019 开封府建筑管线ü'\"\\,;{}[]<>&%_-.:"
WORDS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text == text.strip())
NAMES = st.text("abkXY开封城_0", min_size=1, max_size=6).filter(lambda text: not text[0].isdigit())
DAYS = st.dates(date(1000, 1, 1), date(2999, 12, 31)).map(date.isoformat)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
WHOLE = st.integers(-(2**53), 2**53)
PLAIN = st.one_of(st.booleans(), WHOLE, NUMBERS, WORDS, DAYS)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=5,
)
METRES = st.integers(1, 90_000).map(lambda number: number / 1000)


@st.composite
def places(draw: st.DrawFn, at: int) -> Any:
    """A shape in the 100 m square number `at`, to the millimetre, or None."""
    x, y = EAST + 100.0 * (at % 10), NORTH + 100.0 * (at // 10)
    a, b, c = (draw(METRES) for _ in range(3))
    z, w = draw(METRES) - 45, draw(METRES) - 45
    outline = box(x, y, x + 20 + a, y + 20 + b)
    hole = box(x + 5, y + 5, x + 9, y + 9)
    return draw(
        st.sampled_from(
            [
                None,
                Point(x + a, y + b),
                Point(x + a, y + b, z),
                LineString([(x, y), (x + a, y + b), (x + 95, y)]),
                LineString([(x, y, z), (x + a, y + b, w), (x + 95, y, z)]),
                outline,
                outline.difference(hole),
                MultiPolygon([box(x, y, x + 5, y + 5), box(x + 7, y + 7, x + 8, y + 8 + c / 10)]),
            ]
        )
    )


@st.composite
def objects(draw: st.DrawFn, at: int, names: list[str]) -> dict[str, Any]:
    """One row of a city; its parent is one of the `names` that came before."""
    unknown = st.none()
    return {
        "class": draw(
            st.sampled_from(
                ["Building", "BuildingPart", "BuildingStorey", "Door", "Bridge", "Road", "Track",
                 "Square", "WaterBody", "LandUse", "PlantCover", "SolitaryVegetationObject",
                 "CityFurniture", "GenericLogicalSpace", "Valve", "Canal"]
            )
        ),
        "geometry": draw(places(at)),
        "name": draw(unknown | WORDS),
        "parent_id": draw(unknown | st.sampled_from(names)) if names else None,
        "status": draw(unknown | st.sampled_from(STATUSES)),
        "function": draw(unknown | st.sampled_from(["residential", "retail", "0701"])),
        "height": draw(unknown | METRES),
        "ground_height": draw(unknown | METRES.map(lambda metres: metres - 45)),
        "storeys_above_ground": draw(unknown | st.integers(0, 99)),
        "storeys_below_ground": draw(unknown | st.integers(0, 9)),
        "valid_from": draw(unknown | DAYS),
        "valid_to": draw(unknown | DAYS),
        "access": draw(st.sampled_from(ACCESS_LEVELS)),
        "attributes": draw(st.dictionaries(NAMES, VALUES, max_size=4)),
    }  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """A few objects of any kind, with a hierarchy."""
    names = draw(st.lists(WORDS, min_size=1, max_size=6, unique=True))
    rows = [draw(objects(at, names[:at])) | {"object_id": name} for at, name in enumerate(names)]
    table = pd.DataFrame(rows)
    table["geometry"] = pd.Series([row["geometry"] for row in rows], dtype=object)
    return Batch(table)


def there_and_back(batch: Batch, name: str, folder: Path) -> tuple[CityModel, CityModel]:
    """The city of the batch, and the city that is loaded from its export."""
    path = folder / f"export{FORMATS[name].suffixes[0]}"
    with create_city(str(folder / "there"), cities.CRS) as there:
        with there.load(Delivery(Dataset("export"), "made up")) as load:
            load.put(batch)
        assert not load.counts.rejected
        model = there.select(meshes=True)
    write(model, path, name)
    with create_city(str(folder / "back"), cities.CRS) as back:
        (report,) = load_files(back, [path])
        assert report.rejected == []
        assert back.check() == there_problems(folder)
        return model, back.select(meshes=True)


def there_problems(folder: Path) -> list[Any]:
    """What `cim check` says of the first city; the second one is no worse."""
    from cim.store import open_city  # noqa: PLC0415  beside its only use

    with open_city(str(folder / "there")) as there:
        return there.check()


def by_id(model: CityModel) -> Any:
    return model.objects.set_index("object_id").sort_index()


def same(one: Any, other: Any) -> bool:
    return one == other or (pd.isna(one) is True and pd.isna(other) is True)


def assert_same_objects(there: CityModel, back: CityModel, *, flat_areas: bool = False) -> None:
    """Identifiers, columns, attributes and places are the same; `lod` is compared elsewhere."""
    one, other = by_id(there), by_id(back)
    assert one.index.tolist() == other.index.tolist()
    for column in COLUMNS:
        for name, (a, b) in zip(
            one.index, zip(one[column], other[column], strict=True), strict=True
        ):
            assert same(a, b), (name, column, a, b)
    for name, (a, b) in zip(one.index, zip(one.geometry, other.geometry, strict=True), strict=True):
        assert_same_place(name, a, b, with_heights=not flat_areas)


def assert_same_place(name: str, one: Any, other: Any, *, with_heights: bool) -> None:
    assert (one is None) == (other is None), name
    if one is None:
        return
    assert one.geom_type.removeprefix("Multi") == other.geom_type.removeprefix("Multi"), name
    assert len(shapely.get_parts(one)) == len(shapely.get_parts(other)), name
    assert shapely.hausdorff_distance(one, other) <= MILLIMETRE, name
    assert shapely.area(shapely.symmetric_difference(one, other)) <= 0.5, name
    if with_heights or one.geom_type in {"Point", "LineString"}:
        assert one.has_z == other.has_z or not one.has_z, name
        heights = [shapely.get_coordinates(each, include_z=True)[:, 2] for each in (one, other)]
        if one.has_z:
            assert heights[0] == pytest.approx(heights[1], abs=MILLIMETRE), name


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=8)
@given(batch=batches())
def test_tables_bring_every_object_back(name: str, batch: Batch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        there, back = there_and_back(batch, name, Path(folder))
        assert losses(there, name) == []
        assert_same_objects(there, back)
        assert by_id(there)["lod"].tolist() == by_id(back)["lod"].tolist()


@settings(max_examples=12)
@given(batch=batches())
def test_cityjson_brings_every_object_back(batch: Batch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        there, back = there_and_back(batch, "cityjson", Path(folder))
        assert_same_objects(there, back, flat_areas=True)
        areas = [each is not None and each.geom_type.endswith("Polygon")
                 for each in there.objects.geometry]  # fmt: skip
        assert bool(losses(there, "cityjson")) == any(areas)


def corners(mesh: Mesh) -> Mapping[tuple[float, ...], int]:
    """How often each corner of each face comes, to the millimetre."""
    found: dict[tuple[float, ...], int] = {}
    for point in np.round(mesh.vertices[mesh.indices], 3).tolist():
        found[tuple(point)] = found.get(tuple(point), 0) + 1
    return found


def test_cityjson_brings_surfaces_with_their_semantics_back(tmp_path: Path) -> None:
    there, back = there_and_back(cities.cube(), "cityjson", tmp_path)
    assert_same_objects(there, back)
    assert losses(there, "cityjson") == [
        "the outlines of 1 objects are left out: their surfaces tell them"
    ]
    ((one,),), ((other,),) = there.meshes.values(), back.meshes.values()
    assert (one.lod, one.kind, one.face_count) == (other.lod, other.kind, other.face_count)
    assert [one.parts[part]["type"] for part in one.face_part] == [
        other.parts[part]["type"] for part in other.face_part
    ]
    assert corners(one) == corners(other)
    assert (other.closed, other.volume) == (True, pytest.approx(1000, abs=1))


@pytest.mark.parametrize("name", TABLES)
def test_tables_bring_networks_back(name: str, tmp_path: Path) -> None:
    there, back = there_and_back(cities.water_main(5), name, tmp_path)
    assert losses(there, name) == []
    assert_same_objects(there, back)
    for table, keys in (("nodes", ["network", "node_id", "object_id"]),
                        ("edges", ["network", "start_node", "end_node"])):  # fmt: skip
        one, other = (
            getattr(each, table).sort_values(keys).reset_index(drop=True) for each in (there, back)
        )
        assert one[keys].to_dict("list") == other[keys].to_dict("list")
        for number in {"x", "y", "z", "length"} & set(one.columns):
            assert one[number].tolist() == pytest.approx(other[number].tolist(), abs=2e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_does_not_carry_is_told(name: str) -> None:
    """Each loss is told where it happens, and only there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with create_city(str(path / "c"), cities.CRS) as store:
            pipes = cities.water_main(2)
            assert pipes.nodes is not None
            assert pipes.edges is not None
            loose = pipes.nodes.assign(object_id=[None, "mn1", "mn2"])
            told = Batch(pipes.objects, nodes=loose, edges=pipes.edges.assign(length=[20.0, 99.0]))
            for number, each in enumerate((told, cities.cube())):
                with store.load(Delivery(Dataset(f"d{number}"), "made up")) as load:
                    load.put(each)
            found = " / ".join(losses(store.select(meshes=True), name))
    if name == "cityjson":
        assert "networks (nodes and edges) are left out" in found
        return
    assert "the surfaces (LoD1 and better) of 1 objects are left out" in found
    assert "network nodes are left out" in found
    assert "the stated lengths of 1 network edges" in found
