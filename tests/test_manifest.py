"""Every real file is loaded with the facts of its row in the manifest, or rightly refused.

The table is the manifest itself: a new row is a new test.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import ifcopenshell.ifcopenshell_wrapper as ifcopenshell
import numpy as np
import pytest
import rasterio
import realdata
import shapely
from manifest_facts import Box, Facts, facts_of
from pyproj import Geod

from cim.errors import CimError
from cim.geodesy import horizontal, named_crs, transform
from cim.model import CityModel, Mesh
from cim.schema import CLASSES
from cim.store import Store, create_city
from ingest import load_files
from ingest.doctor import examine
from ingest.reader import ReadOptions
from ingest.report import LoadReport

TABLE = [facts_of(path, row) for path, row in realdata.manifest().items()]

WORLD = "EPSG:3857"
"""A city that could be anywhere."""

NOWHERE = frozenset({"crs_missing", "no_crs", "no_georeference", "schematic_coordinates"})
"""Findings of files that do not say where they lie."""

TOLD = {
    "china/boundaries_gcj02/": ReadOptions(crs="GCJ-02"),
    "china/gbk_derived/": ReadOptions(crs="GCJ-02"),
    "network/river/": ReadOptions(crs="EPSG:5070"),
    "network/epanet/ky4.inp": ReadOptions(crs="EPSG:3547"),
    "ifc/infra/DrainageSystem-1-": ReadOptions(crs="EPSG:3878"),
    "pointcloud/ahn3": ReadOptions(crs="EPSG:28992"),
    "pointcloud/simple": ReadOptions(crs="EPSG:2992"),
}
"""Start of a path → what a user says who knows the file."""


def of_kind(*kinds: str) -> Any:
    """A test for each row of these kinds."""
    rows = [each for each in TABLE if each.kind in kinds]
    return pytest.mark.parametrize("facts", rows, ids=[each.path for each in rows])


@dataclass
class Loaded:
    """A file in a city of its own."""

    store: Store
    report: LoadReport
    examined: dict[str, Any]

    @cached_property
    def city(self) -> CityModel:
        """All of it."""
        return self.store.select(meshes=True)

    @property
    def classes(self) -> Counter[str]:
        """Objects of each class."""
        return Counter(self.city.objects["class"])

    @property
    def meshes(self) -> list[Mesh]:
        """Every surface of every object."""
        return [mesh for each in self.city.meshes.values() for mesh in each]

    def box(self) -> Box:
        """West, south, east, north of the objects in the file's own system."""
        geometry = np.asarray(self.city.objects.geometry, object)
        geometry = geometry[~shapely.is_missing(geometry)]
        return self.own(shapely.get_coordinates(geometry))

    def own(self, xy: Any) -> Box:
        """The box of coordinates of the city, in the file's own system."""
        x, y = transform(WORLD, self.report.crs or WORLD, xy[:, 0], xy[:, 1])
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    def codes(self) -> set[str]:
        """Codes of what was found."""
        return {each.code for each in self.report.findings}


def what_a_user_says(facts: Facts, path: Path) -> ReadOptions:
    """What must be said of a file that does not say it itself: first what the doctor proposes."""
    known = (said for start, said in TOLD.items() if facts.path.startswith(start))
    said = next(known, ReadOptions())
    for _ in range(3):
        errors = [each for each in examine(path, said)["findings"] if each["severity"] == "error"]
        for each in errors:
            said = replace(said, **each["fix"])
        if {each["code"] for each in errors if not each["fix"]} & NOWHERE:
            said = replace(said, **place_of(facts))
    return said


def place_of(facts: Facts) -> dict[str, str]:
    """Somewhere for a file that lies nowhere."""
    if facts.kind in {"ifc", "epanet", "swmm"}:
        return {"anchor": "3,50,0,0"}
    boxes = [each for each in facts.boxes().values() if len(each) in {4, 6}]
    if boxes:
        half = len(boxes[0]) // 2
        east, north = boxes[0][half], boxes[0][half + 1]
        return {"crs": "EPSG:4326" if east <= 180 and north <= 90 else WORLD}
    return {"crs": "EPSG:4326" if facts.path.startswith("flood/isolated") else WORLD}


@contextmanager
def loaded(facts: Facts, folder: Path) -> Iterator[Loaded]:
    """The file, loaded with what its user knows; the doctor foretold that it can be."""
    path = realdata.path(facts.path)
    said = what_a_user_says(facts, path)
    examined = examine(path, said)
    assert examined["loadable"], examined["findings"]
    with create_city(str(folder / "city"), WORLD) as store:
        (report,) = load_files(store, [path], options=said)
        assert report.read == report.new + len(report.rejected)
        yield Loaded(store, report, examined)


def refusal(facts: Facts, folder: Path) -> CimError:
    """Why the file is not loaded; nothing of it is left, and the doctor says the same."""
    path = realdata.path(facts.path)
    with create_city(str(folder / "city"), WORLD) as store:
        with pytest.raises(CimError) as caught:
            load_files(store, [path])
        assert not store.info().classes
        assert not store.loads()
    examined = examine(path)
    assert not examined["loadable"]
    assert examined["findings"][0]["message"] in str(caught.value)
    assert caught.value.hint
    assert path.name in str(caught.value)
    return caught.value


def close_to(box: Box, tolerance: float = 1e-6) -> Any:
    """That box, but for what the manifest rounds."""
    return pytest.approx(box, rel=1e-9, abs=max(tolerance, 1e-7 * max(map(abs, box))))


@realdata.real
def test_every_row_is_of_a_kind_that_is_tested() -> None:
    assert not [each.path for each in TABLE if not each.kind]


@realdata.real
@of_kind("broken", "sidecar", "json")
def test_what_cannot_be_loaded_is_refused(facts: Facts, tmp_path: Path) -> None:
    if facts.path.startswith("sensor/sensorthings"):
        with loaded(facts, tmp_path) as found:
            assert found.store.datastreams()
        return
    error = refusal(facts, tmp_path)
    if facts.kind == "sidecar":
        assert "part of a shapefile" in error.problem
    if facts.kind == "json":
        assert "neither CityJSON nor GeoJSON" in error.problem


CONTRADICTED = ("china/gbk/chinese.shp", "hostile/shp_invalid/invalid_coordinates.shp")
NO_SHAPE = (
    "badcoordtype",
    "properties-as-array",
    "properties_is_array",
    "nofeaturetype",
    "mislabel",
    "point-labeled",
    "wrong_geometry_key",
    "duplicate-properties",
    "false.geojson",
    "invalid_unclosed",
    "different-first-last",
    "short-linearring",
)


@realdata.real
@of_kind("features")
def test_features_are_all_there(facts: Facts, tmp_path: Path) -> None:
    if facts.path in CONTRADICTED:
        assert "coordinates are not degrees" in refusal(facts, tmp_path).problem
        return
    if any(each in facts.path for each in NO_SHAPE):
        assert re.search("feature 1|no features|only feature", refusal(facts, tmp_path).problem)
        return
    with loaded(facts, tmp_path) as found:
        assert found.report.read == facts.features()
        check_boxes(facts, found)
        check_shapes(facts, found)
        check_numbers(facts, found)
        check_length(facts, found)


def check_boxes(facts: Facts, found: Loaded) -> None:
    boxes = np.array(list(facts.boxes().values()))
    if "mixed_crs" in found.codes() or not len(boxes):
        return
    box = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
    assert found.box() == close_to(box)


def check_shapes(facts: Facts, found: Loaded) -> None:
    kept = found.city.objects.geometry.geom_type
    told = {kind or "None": n for kind, n in facts.table("types").items()}
    one_layer = len(facts.boxes()) == 1
    sound = facts.number("invalid") == 0 and one_layer and "None" not in told
    if sound and not found.report.rejected:
        assert Counter(kept) == {kind: n for kind, n in told.items() if n}
    if facts.number("invalid") > 0:
        repaired = next(each for each in found.report.findings if each.code == "repaired")
        assert f": {facts.number('invalid'):.0f}," in repaired.message


def check_numbers(facts: Facts, found: Loaded) -> None:
    columns = {each["name"]: each["column"] for each in found.examined["fields"]}
    for name, told in facts.statistics().items():
        if name not in columns or columns[name] in {"geometry", "class"}:
            continue
        values = np.array([_number(row, name, columns[name]) for row in _rows(found)], float)
        values = values[np.isfinite(values)]
        assert len(values) == told["n"], name
        assert (values.min(), values.max()) == pytest.approx((told["min"], told["max"]), abs=5e-4)
        assert values.sum() == pytest.approx(told["sum"], abs=0.06)


def _rows(found: Loaded) -> list[dict[str, Any]]:
    return found.city.objects.to_dict("records")


def _number(row: dict[str, Any], name: str, column: str) -> float:
    attributes = row["attributes"] or {}
    for value in (attributes.get(f"{column}_in_source"), row.get(column), attributes.get(name)):
        if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
            return float(value)
        if isinstance(value, int | float) and np.isfinite(value):
            return float(value)
    return float("nan")


def check_length(facts: Facts, found: Loaded) -> None:
    told = re.search(r"total geodesic length=([\d.]+) m", facts.expected)
    if not told or found.report.rejected:
        return
    lines = found.city.objects.geometry.to_crs("EPSG:4326")
    length = sum(Geod(ellps="WGS84").geometry_length(each) for each in lines)
    assert length == pytest.approx(float(told[1]), rel=1e-5)


@realdata.real
@of_kind("parquet")
def test_tables_of_arrow_are_read(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        assert found.report.read == int(facts.contents.split()[0])
        west, south, east, north = found.box()
        for box in facts.boxes().values():  # of the file's metadata, which cover more than its rows
            assert box[0] <= west <= east <= box[2]
            assert box[1] <= south <= north <= box[3]


@realdata.real
@of_kind("cityjson")
def test_cityjson_keeps_its_objects(facts: Facts, tmp_path: Path) -> None:
    if "unparsable" in facts.contents:
        assert "not valid JSON at line 1" in refusal(facts, tmp_path).problem
        return
    with loaded(facts, tmp_path) as found:
        told = facts.table(f"CityObjects={facts.number('CityObjects'):.0f}", facts.contents)
        assert found.report.read == facts.number("CityObjects")
        assert found.classes == Counter(
            {kind if kind in CLASSES else "GenericOccupiedSpace": n for kind, n in told.items()}
        )
        (box,) = facts.boxes().values()
        vertices = np.concatenate([each.vertices for each in found.meshes])
        west, south, east, north = found.own(vertices)
        low, high = vertices[:, 2].min(), vertices[:, 2].max()
        if "GeometryInstance" not in facts.contents:  # there the manifest has the reference point
            assert (west, south, low, east, north, high) == close_to(box, 2e-3)
        for kind, n in facts.table("geometries", facts.contents).items():
            name, _, lod = kind.partition("@")
            if name != "GeometryInstance":
                of_lod = [each for each in found.meshes if each.lod == lod and each.kind == name]
                assert len(of_lod) == n


CITYGML = {
    "AuxiliaryTrafficArea": None,
    "ReliefFeature": None,
    "Solid": None,
}


@realdata.real
@of_kind("citygml")
def test_citygml_keeps_its_objects(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        counts = facts.counts()
        for name in CLASSES:
            if name in counts and name not in {"Road", "Window", "Door", "BuildingRoom"}:
                assert found.classes[name] == counts[name], name
        surfaces = Counter(
            part["type"] for mesh in found.meshes for part in mesh.parts if "type" in part
        )
        for name in ("RoofSurface", "WallSurface", "GroundSurface"):
            assert bool(surfaces[name]) == bool(counts.get(name)), name
        envelope = facts.envelope()
        if envelope and found.report.crs:
            check_envelope(envelope, found)


def check_envelope(envelope: tuple[Box, Box], found: Loaded) -> None:
    low, high = envelope
    if horizontal(named_crs(found.report.crs)).is_geographic:
        low, high = (low[1], low[0]), (high[1], high[0])
    west, south, east, north = found.box()
    margin = 1e-5 if abs(low[0]) <= 180 else 1.0
    assert west >= low[0] - margin
    assert south >= low[1] - margin
    assert east <= high[0] + margin
    assert north <= high[1] + margin


@realdata.real
@of_kind("osm")
def test_openstreetmap_loses_no_way(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        for tag in ("building", "highway"):
            told = re.search(rf"{tag} ways=(\d+)", facts.contents)
            assert told
            kept, rejected, cut = ways_with(tag, found)
            assert int(told[1]) - cut <= kept + rejected <= int(told[1])
        west, south, east, north = found.box()
        (box,) = facts.boxes().values()
        assert west >= box[0] - 1e-6
        assert south >= box[1] - 1e-6
        assert east <= box[2] + 1e-6
        assert north <= box[3] + 1e-6


def ways_with(tag: str, found: Loaded) -> tuple[int, int, int]:
    """Ways with that tag: kept, rejected, and rejected ones whose tags are not shown to the end."""
    kept = {
        row["object_id"].split("#")[0]
        for row in _rows(found)
        if tag in (row["attributes"] or {}) and row["object_id"].startswith("way/")
    }
    ways = [each for each in found.report.rejected if each.object.startswith("way/")]
    rejected = {each.object.split("#")[0] for each in ways if f"'{tag}'" in each.raw} - kept
    cut = {
        each.object for each in ways if f"'{tag}'" not in each.raw and not each.raw.endswith("}")
    }
    return len(kept), len(rejected), len(cut)


@realdata.real
@of_kind("raster")
def test_rasters_keep_their_grid_and_values(facts: Facts, tmp_path: Path) -> None:
    if facts.path == "hostile/raster/all-nodata.tif":
        assert "no values" in refusal(facts, tmp_path).problem
        return
    with loaded(facts, tmp_path) as found:
        (coverage,) = found.city.coverages
        if "GCPs" in facts.crs:
            assert "resampled" in found.codes()
            return
        with rasterio.open(coverage.path) as dataset:
            shape = (dataset.width, dataset.height, dataset.count, dataset.dtypes[0])
            assert shape == facts.grid()
            (box,) = facts.boxes().values()
            assert tuple(dataset.bounds) == close_to(box, 2e-6)
            if dataset.width * dataset.height > 1e8:
                return
            for band, told in facts.bands().items():
                values = dataset.read(band, masked=True).compressed().astype(float)
                values = values[np.isfinite(values)]
                assert len(values) == told["valid"]
                assert values.min() == pytest.approx(told["min"], abs=5e-4)
                assert values.max() == pytest.approx(told["max"], abs=5e-4)
                assert values.mean() == pytest.approx(told["mean"], abs=6e-4)


NOT_OBJECTS = {"IfcProduct", "IfcSite", "IfcSpace"}
"""IFC classes whose instances need not become objects of their own."""


def lineage(name: str) -> set[str]:
    """An IFC class and everything that it is a kind of, in any version."""
    found: set[str] = set()
    for version in ("IFC2X3", "IFC4", "IFC4X3_ADD2"):
        schema = ifcopenshell.schema_by_name(version)
        try:
            each = schema.declaration_by_name(name).as_entity()
        except RuntimeError:
            continue
        while each is not None:
            found.add(each.name())
            each = each.supertype()
    return found


@realdata.real
@of_kind("ifc")
def test_ifc_loses_no_element(facts: Facts, tmp_path: Path) -> None:
    if "/invalid/" in facts.path or "truncated" in facts.path:
        pytest.skip("tested by what the shell says of it")
    told = facts
    if facts.contents.startswith("ifcXML"):  # there the manifest counts mentions, not instances
        told = next(each for each in TABLE if each.path == facts.path.replace(".ifcxml", ".ifc"))
    with loaded(facts, tmp_path) as found:
        named: Counter[str] = Counter()
        for row in _rows(found):
            named.update(lineage((row["attributes"] or {}).get("ifc_class", "")))
        for name, n in told.counts().items():
            if "IfcProduct" in lineage(name) and name not in NOT_OBJECTS:
                assert named[name] == n, name


@realdata.real
@of_kind("pointcloud")
def test_point_clouds_become_terrain_and_surface(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        kinds = {each.kind for each in found.city.coverages}
        assert "surface" in kinds
        said = " ".join(f"{each.message} {each.evidence}" for each in found.report.findings)
        assert f"{facts.number('points'):,.0f}" in said or f"{facts.number('points'):.0f}" in said


@realdata.real
@of_kind("epanet", "swmm")
def test_networks_are_whole(facts: Facts, tmp_path: Path) -> None:
    if "bad_" in facts.path or "invalid" in facts.path:
        assert re.search(r"line \d+", str(refusal(facts, tmp_path)))
        return
    with loaded(facts, tmp_path) as found:
        counts = {name.lower(): n for name, n in facts.counts().items()}
        links = ("pipes", "pumps", "valves", "conduits", "orifices", "weirs")
        nodes = ("junctions", "reservoirs", "tanks", "outfalls", "storage")
        outlets = rows_of("OUTLETS", facts)  # the manifest does not count them
        assert len(found.city.edges) == sum(counts.get(each, 0) for each in links) + outlets
        assert len(found.city.nodes) == sum(counts.get(each, 0) for each in nodes)
        told = re.search(r"(?:total pipe|conduit) length(?: sum)?=([\d.]+)", facts.expected)
        assert told
        check_lengths(float(told[1]), found)


def rows_of(section: str, facts: Facts) -> int:
    """Rows of a section of an .inp file."""
    text = realdata.path(facts.path).read_text("utf-8", "replace")
    found = re.search(rf"^\[{section}\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    rows = found[1].splitlines() if found else []
    return sum(bool(each.strip()) and not each.startswith(";") for each in rows)


def check_lengths(told: float, found: Loaded) -> None:
    """The lengths that the source states, in metres; the manifest has SWMM's in the file's unit."""
    pipes = [row["attributes"] or {} for row in _rows(found)]
    pipes = [each for each in pipes if each.get("kind") not in {"pump", "valve"}]
    metres = sum(each.get("length_m") or 0.0 for each in pipes)
    assert min(abs(metres - told), abs(metres / 0.3048 - told)) <= 1e-3 * told


@realdata.real
@of_kind("gtfs")
def test_timetables_have_their_stops(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        stops = found.city.objects[found.city.objects.geometry.geom_type == "Point"]
        assert len(stops) == facts.number("stops")
        (box,) = facts.boxes().values()
        assert found.own(shapely.get_coordinates(np.asarray(stops.geometry, object))) == close_to(
            box
        )


@realdata.real
@of_kind("aequilibrae")
def test_networks_of_aequilibrae_are_read(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        assert len(found.city.edges) == facts.number("links")
        assert len(found.city.nodes) == facts.number("nodes")


@realdata.real
@of_kind("landxml")
def test_landxml_has_its_surface(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        assert found.classes["TINRelief"] == facts.number("Surface")
        assert sum(each.face_count for each in found.meshes) == facts.number("F")


@realdata.real
@of_kind("epw")
def test_weather_is_a_series(facts: Facts, tmp_path: Path) -> None:
    with loaded(facts, tmp_path) as found:
        assert found.store.datastreams()


WITH_PLACES = (
    "flood/isolated_building/point_gauges.csv",
    "flood/isolated_building/poly/",
    "flood/merewether/point_observations.csv",
    "sensor/station/",
)
"""Tables that say where their rows are."""

SERIES = ("sensor/air/", "sensor/water/", "sensor/river/waterservices")
"""Tables of what was measured when."""


@realdata.real
@of_kind("text")
def test_tables_are_points_or_refused(facts: Facts, tmp_path: Path) -> None:
    if facts.path.startswith(WITH_PLACES):
        with loaded(facts, tmp_path) as found:
            assert found.report.read == int(re.findall(r"text, (\d+) lines", facts.contents)[0]) - 1
    elif facts.path.startswith(SERIES):
        with loaded(facts, tmp_path) as found:
            assert found.store.datastreams()
    elif facts.path.startswith("sensor/river/nwis_sites"):
        with loaded(facts, tmp_path) as found:
            assert found.report.read > 0
    else:
        error = refusal(facts, tmp_path)
        assert re.search(
            "no column says where|no column names|no reader for .png|times are numbers",
            error.problem,
        )
