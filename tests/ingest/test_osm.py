from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import osmium
import pandas as pd
import pytest
import realdata
import shapely

from cim.errors import SourceError
from cim.schema import CLASSES, NETWORKS
from ingest.osm import OSM
from ingest.osm import tags as osm_tags
from ingest.reader import Reading, ReadOptions


def xml(*elements: str) -> str:
    return "<osm version='0.6'>" + "".join(elements) + "</osm>"


def nodes(*places: tuple[int, float, float]) -> str:
    return "".join(f"<node id='{n}' lon='{x}' lat='{y}' version='1'/>" for n, x, y in places)


def way(number: int, refs: list[int], **tags: str) -> str:
    return (
        f"<way id='{number}' version='1'>"
        + "".join(f"<nd ref='{ref}'/>" for ref in refs)
        + "".join(f"<tag k='{key.replace('__', ':')}' v='{value}'/>" for key, value in tags.items())
        + "</way>"
    )


def read(path: Path, **options: Any) -> tuple[Reading, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The reading, and all objects, edges and nodes."""
    reading = OSM.open(path, ReadOptions(**options), path.parent)
    batches = list(reading)
    empty = pd.DataFrame()
    return (
        reading,
        pd.concat([batch.objects for batch in batches]) if batches else empty,
        pd.concat([empty, *(each.edges for each in batches if each.edges is not None)]),
        pd.concat([empty, *(each.nodes for each in batches if each.nodes is not None)]),
    )


@pytest.fixture
def extract(tmp_path: Path):
    def write(*elements: str) -> Path:
        path = tmp_path / "small.osm"
        path.write_text(xml(*elements), "utf-8")
        return path

    return write


GRID = nodes(
    *((10 * x + y, 10 + x / 1000, 50 + y / 1000) for x in range(1, 6) for y in range(1, 6))
)


def test_roads_are_divided_where_they_meet(extract) -> None:
    path = extract(
        GRID,
        way(1, [11, 21, 31, 41], highway="residential", name="Lange Straße"),
        way(2, [31, 32], highway="footway"),
        way(3, [51, 52], highway="service"),
    )
    _, objects, edges, found = read(path)
    assert objects["object_id"].tolist() == ["way/1#1", "way/1#2", "way/2", "way/3"]
    assert objects["class"].tolist() == ["Road", "Road", "Track", "Road"]
    assert objects["name"].tolist()[:2] == ["Lange Straße"] * 2
    ends = edges.set_index("object_id")[["start_node", "end_node"]]
    assert ends.loc["way/1#1"].tolist() == ["11", "31"]
    assert ends.loc["way/1#2"].tolist() == ["31", "41"]
    assert found["node_id"].is_unique
    assert set(found["node_id"]) == {"11", "31", "41", "32", "51", "52"}
    assert set(edges["network"]) == {"road"}


def test_lengths_are_geodesic_metres(extract) -> None:
    _, _, edges, _ = read(extract(GRID, way(1, [11, 12], highway="primary")))
    assert edges["length"].tolist() == pytest.approx([111.23], abs=0.05)


def test_a_road_that_crosses_itself_is_divided_there(extract) -> None:
    _, objects, _, _ = read(extract(GRID, way(1, [11, 12, 22, 12, 13], highway="path")))
    assert objects["object_id"].tolist() == ["way/1#1", "way/1#2", "way/1#3"]


def test_what_cannot_be_travelled_is_no_edge(extract) -> None:
    path = extract(
        GRID,
        way(1, [11, 12], highway="construction"),
        way(2, [12, 13], highway="primary"),
        way(3, [21, 22], railway="tram"),
    )
    _, objects, edges, _ = read(path)
    assert dict(zip(edges["object_id"], edges["network"], strict=True)) == {
        "way/2": "road",
        "way/3": "rail",
    }
    assert objects.set_index("object_id")["status"]["way/1"] == "under construction"


def test_a_building_keeps_its_tags_and_fills_the_columns(extract) -> None:
    path = extract(
        GRID,
        way(
            7,
            [11, 21, 22, 12, 11],
            building="apartments",
            height="12,5 m",
            building__levels="4",
            start_date="1987-05",
            name__zh="塔楼",
            min_height="3",
        ),
    )
    _, objects, _, _ = read(path)
    row = objects.iloc[0]
    assert (row["object_id"], row["class"], row["function"]) == ("way/7", "Building", "apartments")
    assert (row["height"], row["storeys_above_ground"]) == (12.5, 4)
    assert (row["valid_from"], row["name"]) == ("1987-05-01", "塔楼")
    assert row["attributes"]["min_height"] == "3"
    assert row["geometry"].geom_type == "Polygon"


def test_a_building_with_a_courtyard_is_assembled(extract) -> None:
    relation = (
        "<relation id='5' version='1'><member type='way' ref='1' role='outer'/>"
        "<member type='way' ref='2' role='inner'/><tag k='type' v='multipolygon'/>"
        "<tag k='building' v='yes'/></relation>"
    )
    outer, inner = [11, 51, 55, 15, 11], [22, 42, 44, 24, 22]
    _, objects, _, _ = read(extract(GRID, way(1, outer), way(2, inner), relation))
    assert objects["object_id"].tolist() == ["relation/5"]
    assert len(objects["geometry"].iloc[0].interiors) == 1


def test_what_is_incomplete_is_rejected_with_its_reason(extract) -> None:
    path = extract(
        GRID,
        way(1, [11, 21, 99, 11], building="yes"),
        way(2, [11, 21, 22], building="yes"),
        way(3, [11, 22, 21, 12, 11], landuse="farmland"),
        way(4, [11, 98], highway="primary"),
        way(5, [12, 22, 97, 33, 34], highway="primary"),
    )
    reading, objects, _, _ = read(path)
    assert {each.object: each.code for each in reading.rejected} == {
        "way/1": "missing_nodes",
        "way/2": "not_closed",
        "way/3": "bad_ring",
        "way/4": "missing_nodes",
    }
    assert objects["object_id"].tolist() == ["way/5#1", "way/5#2"]
    assert any(finding.code == "cut_lines" for finding in reading.findings)


@pytest.mark.parametrize(
    "tags, expected",
    [
        ({"building": "yes"}, "Building"),
        ({"building": "no", "landuse": "farmland"}, "LandUse"),
        ({"building:part": "roof"}, "BuildingPart"),
        ({"natural": "water"}, "WaterBody"),
        ({"leisure": "park"}, "PlantCover"),
        ({"landuse": "forest"}, "PlantCover"),
        ({"highway": "pedestrian", "area": "yes"}, "Square"),
        ({"highway": "pedestrian"}, ""),
        ({"amenity": "school"}, "GenericLogicalSpace"),
        ({"man_made": "storage_tank"}, "OtherConstruction"),
        ({"barrier": "hedge"}, ""),
    ],
)
def test_areas_have_the_class_their_tags_say(tags: dict[str, str], expected: str) -> None:
    assert osm_tags.area_class(tags) == expected
    assert expected == "" or expected in CLASSES


@pytest.mark.parametrize(
    "tags, expected",
    [
        ({"amenity": "hospital"}, "GenericLogicalSpace"),
        ({"natural": "tree"}, "SolitaryVegetationObject"),
        ({"highway": "street_lamp"}, "CityFurniture"),
        ({"highway": "crossing"}, ""),
    ],
)
def test_nodes_have_the_class_their_tags_say(tags: dict[str, str], expected: str) -> None:
    assert osm_tags.point_class(tags) == expected


def test_places_have_a_function_and_the_rest_is_counted(extract) -> None:
    place = "<tag k='amenity' v='fire_station'/>"
    post = "<tag k='barrier' v='bollard'/>"
    path = extract(
        f"<node id='1' lon='10' lat='50' version='1'>{place}</node>",
        f"<node id='2' lon='10' lat='50' version='1'>{post}</node>",
    )
    reading, objects, _, _ = read(path)
    assert objects["function"].tolist() == ["fire_station"]
    assert "1 tagged nodes, ways and relations are no city objects" in str(reading.findings[0])


def test_objects_out_of_order_are_put_in_order(extract) -> None:
    path = extract(way(2, [11, 12], highway="primary"), way(1, [12, 13], highway="primary"), GRID)
    _, objects, _, _ = read(path)
    assert sorted(objects["object_id"]) == ["way/1", "way/2"]


def test_where_it_comes_from_is_said(extract) -> None:
    reading, *_ = read(extract(GRID))
    assert (reading.crs, reading.crs_source) == ("EPSG:4326", "format")
    assert "OpenStreetMap contributors" in reading.attribution
    assert "ODbL" in reading.attribution


@pytest.mark.parametrize(
    "content", [b"", b"<osm", b"\x00\x00\x00\x0dno", b"<osm><node id='x'/></osm>"]
)
def test_what_is_no_extract_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.osm"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as OpenStreetMap data"):
        read(path)


def test_a_map_tile_is_not_taken_for_an_extract(tmp_path: Path) -> None:
    tile = tmp_path / "tile.pbf"
    tile.write_bytes(b"\x1a\x05roads")
    assert not OSM.accepts(tile)


def tagged_ways(path: Path, key: str) -> Iterator[int]:
    processor = osmium.FileProcessor(str(path), osmium.osm.WAY)
    return (each.id for each in processor.with_filter(osmium.filter.KeyFilter(key)))


REAL = [*realdata.below("osm/pbf", ".pbf"), *realdata.below("osm/xml", ".osm", ".gz")]


@realdata.real
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("key", ["highway", "building"])
def test_every_real_way_is_loaded_or_rejected(name: str, key: str) -> None:
    path = realdata.path(name)
    reading, objects, _, _ = read(path)
    loaded = {each.split("#")[0] for each in objects["object_id"]}
    rejected = {each.object for each in reading.rejected}
    expected = {f"way/{number}" for number in tagged_ways(path, key)}
    stated = realdata.manifest()[name]["contents"] + realdata.manifest()[name]["expected_facts"]
    assert f"{key} ways={len(expected)}," in stated
    assert expected <= loaded | rejected
    assert not loaded & rejected


@realdata.real
@pytest.mark.parametrize("name", REAL)
def test_real_extracts_keep_the_rules(name: str) -> None:
    _, objects, edges, found = read(realdata.path(name))
    assert objects["object_id"].is_unique
    assert set(objects["class"]) <= set(CLASSES)
    assert not shapely.is_missing(objects["geometry"].to_numpy()).any()
    assert set(edges["network"]) <= set(NETWORKS)
    assert edges["object_id"].isin(objects["object_id"]).all()
    for network, some in edges.groupby("network"):
        known = set(found.loc[found["network"] == network, "node_id"])
        assert set(some["start_node"]) | set(some["end_node"]) == known
    assert (edges["length"] > 0).mean() > 0.99


@realdata.real
def test_helsinki_has_446_building_areas_and_48_incomplete_ways() -> None:
    path = realdata.path("osm/pbf/Helsinki.osm.pbf")
    reading, objects, _, _ = read(path)
    building = objects["attributes"].map(lambda tags: "building" in tags)
    building &= ~objects["object_id"].str.startswith("node")
    kinds = Counter(name.split("/")[0] for name in objects["object_id"][building])
    assert kinds == {"way": 385, "relation": 61}
    rejected = {each.object for each in reading.rejected if each.code == "missing_nodes"}
    ways = {f"way/{number}" for number in tagged_ways(path, "building")}
    assert len(ways & rejected) == 48


@realdata.real
def test_a_truncated_extract_is_refused() -> None:
    with pytest.raises(SourceError, match=r"unexpected EOF.*download it again"):
        read(realdata.path("hostile/truncated/test.truncated.osm.pbf"))
