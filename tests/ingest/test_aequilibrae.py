"""Traffic models: links and nodes as a road network, whatever types the database declares."""

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import realdata
import shapely

from cim.errors import SourceError
from ingest.catalogue import reader_for
from ingest.reader import Reading, ReadOptions


def project(tmp_path: Path) -> Path:
    """A zipped project with three links, of which one leads nowhere."""
    database = tmp_path / "project_database.sqlite"
    lines = [[(0, 0), (0, 1)], [(0, 1), (1, 1)], [(1, 1), (2, 2)]]
    links = gpd.GeoDataFrame(
        {
            "link_id": [1, 2, 3],
            "a_node": [1, 2, 3],
            "b_node": [2, 3, 9],
            "link_type": ["residential", "footway", "primary"],
            "capacity_ab": [900.0, None, 1.0],
            "name": ["甲街", None, None],
        },
        geometry=[shapely.LineString(each) for each in lines],
        crs="EPSG:4326",
    )
    nodes = gpd.GeoDataFrame(
        {"node_id": [1, 2, 3], "is_centroid": [1, 0, 0]},
        geometry=gpd.points_from_xy([0, 0, 1], [0, 1, 1]),
        crs="EPSG:4326",
    )
    zones = gpd.GeoDataFrame(
        {"zone_id": [7], "population": [1000]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326"
    )
    for name, table in (("links", links), ("nodes", nodes), ("zones", zones)):
        table.to_file(database, layer=name, driver="SQLite", engine="pyogrio", SPATIALITE="NO")
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("CREATE TABLE modes (mode_id)")
        opened.execute("CREATE TABLE link_types (link_type)")
    path = tmp_path / "town.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(database, "town/project_database.sqlite")
        packed.writestr("town/matrices/demand.omx", b"x")
    return path


def read(path: Path, work: Path, **options: Any) -> tuple[Reading, pd.DataFrame, Any, Any]:
    """The reading, its objects (by id), nodes and edges."""
    reader = reader_for(path)
    assert reader.name == "aequilibrae"
    work.mkdir(exist_ok=True)
    reading = reader.open(path, ReadOptions(**options), work)
    first, *rest = list(reading)
    objects = pd.concat([first.objects, *(each.objects for each in rest)])
    return reading, objects.set_index("object_id"), first.nodes, first.edges


def test_links_are_roads_and_edges(tmp_path: Path) -> None:
    reading, objects, nodes, edges = read(project(tmp_path), tmp_path / "work")
    assert objects["class"].to_dict() == {
        "link/1": "Road",
        "link/2": "Track",
        "zone/7": "GenericLogicalSpace",
    }
    assert objects.loc["link/1", "name"] == "甲街"
    assert objects.loc["link/1", "attributes"]["capacity_ab"] == 900
    assert "capacity_ab" not in objects.loc["link/2", "attributes"]
    assert nodes["node_id"].tolist() == ["1", "2", "3"]
    assert edges[["start_node", "end_node"]].to_numpy().tolist() == [["1", "2"], ["2", "3"]]
    assert edges["length"][0] == pytest.approx(110_574, abs=1)
    assert [(each.object, each.code) for each in reading.rejected] == [("link/3", "missing_node")]


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    reading, _, _, _ = read(project(tmp_path), tmp_path / "work")
    assert [each.message for each in reading.findings] == [
        "matrices of trips between zones are not read: demand.omx"
    ]


def test_database_alone_is_the_same(tmp_path: Path) -> None:
    project(tmp_path)
    path = tmp_path / "project_database.sqlite"
    _, objects, _, _ = read(path, tmp_path / "work")
    assert objects.index.tolist() == ["link/1", "link/2", "zone/7"]


def test_broken_archive_is_refused(tmp_path: Path) -> None:
    path = project(tmp_path)
    body = bytearray(path.read_bytes())
    body[1000] ^= 255
    path.write_bytes(body)
    with pytest.raises(SourceError, match="cannot be unpacked"):
        read(path, tmp_path / "work")


@realdata.real
@pytest.mark.parametrize(
    "name, counts, length, capacities",
    [("sioux_falls", (76, 24, 24), 159355.4, 76), ("nauru", (1389, 1239, 0), 109304.4, 0)],
)
def test_real_model_has_its_known_facts(
    tmp_path: Path, name: str, counts: tuple[int, int, int], length: float, capacities: int
) -> None:
    path = realdata.path(f"osm/roads/{name}.zip")
    reading, objects, found, edges = read(path, tmp_path / "work")
    roads = objects[objects.index.str.startswith("link/")]
    assert (len(roads), len(found), len(objects) - len(roads)) == counts
    known = list(roads["attributes"])
    assert sum(each["distance"] for each in known) == pytest.approx(length, abs=0.1)
    assert edges["length"].sum() == pytest.approx(length, abs=0.1)
    assert sum("capacity_ab" in each for each in known) == capacities
    assert reading.crs == "EPSG:4326"
    assert not [each for each in reading.findings if each.severity != "info"]


@realdata.real
def test_names_of_nauru_are_not_taken_for_numbers(tmp_path: Path) -> None:
    _, objects, _, _ = read(realdata.path("osm/roads/nauru.zip"), tmp_path / "work")
    assert "Island Ring Road" in set(objects["name"])
