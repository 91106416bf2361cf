"""What other programs get: GLB files and 3D Tiles, read by the book."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shown
from cities import ORIGIN, cube, square, street, water_main
from pyproj import Transformer

from cim.errors import ConflictError, InputError, NotFoundError
from cim.store import create_city
from layers.export_request import Part
from layers.exporting import export

FAR = 1500.0
"""Metres between the two ends of the city: several tiles of zoom 16."""


def city(folder):
    far = street(2, prefix="far")
    geometry = [square(round(FAR / 20) + i) for i in range(2)]
    far.objects["geometry"] = np.array(geometry, object)
    return shown.city_of(folder / "c", street(3), cube(), water_main(), far)


def texts(read, name):
    """The column of texts `name` of a GLB's table."""
    views, body = read.document["bufferViews"], read.body
    column = read.document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
    column = column["properties"][name]

    def bytes_of(number):
        view = views[number]
        return body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    ends = np.frombuffer(bytes_of(column["stringOffsets"]), "<u4")
    whole = bytes_of(column["values"])
    return [whole[a:b].decode() for a, b in pairwise(ends)]


def test_a_glb_is_the_city_in_metres_of_its_own_crs(tmp_path):
    path = tmp_path / "city.glb"
    assert export(Part(city(tmp_path)), path, "glb") == 3 + 1 + 5 + 2
    read = shown.glb(path.read_bytes())
    assert (read.cim["crs"], read.cim["count"]) == ("EPSG:4547", 11)
    names = texts(read, "object_id")
    assert sorted(names) == sorted(
        ["b0", "b1", "b2", "c0", "p0", "p1", "m0", "m1", "m2", "far0", "far1"]
    )
    assert set(texts(read, "class_name")) == {"Building", "Pipe", "Manhole"}
    assert "1 East Street" in texts(read, "name")
    mine = read.positions[read.features == names.index("b2")] + read.cim["origin"]
    assert mine.min(axis=0) == pytest.approx([ORIGIN[0] + 40, ORIGIN[1], 2.0], abs=1e-3)
    assert mine.max(axis=0) == pytest.approx([ORIGIN[0] + 50, ORIGIN[1] + 10, 11.0], abs=1e-3)


def leaves(folder, tile):
    for each in tile.get("children", ()):
        yield from leaves(folder, each)
    if "content" in tile and not tile.get("children"):
        yield tile, shown.glb((folder / tile["content"]["uri"]).read_bytes())


def test_tiles_lie_on_the_globe_where_the_city_is(tmp_path):
    folder = tmp_path / "city.3dtiles"
    assert export(Part(city(tmp_path)), folder, "3dtiles") == 11
    tileset = json.loads((folder / "tileset.json").read_text())
    root = tileset["root"]
    assert (tileset["asset"]["version"], root["refine"]) == ("1.1", "REPLACE")
    to_ecef = np.array(root["transform"]).reshape(4, 4).T
    back = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    to_city = Transformer.from_crs("EPSG:4326", "EPSG:4547", always_xy=True)
    found = {}
    for tile, read in leaves(folder, root):
        assert tile["geometricError"] == 0
        names = texts(read, "object_id")
        ecef = read.positions @ to_ecef[:3, :3].T + to_ecef[:3, 3]
        lon, lat, height = back.transform(*ecef.T)
        west, south, east, north, low, high = tile["boundingVolume"]["region"]
        slack = 1e-9
        assert np.radians(lon).min() >= west - slack and np.radians(lon).max() <= east + slack  # noqa: PT018
        assert np.radians(lat).min() >= south - slack and np.radians(lat).max() <= north + slack  # noqa: PT018
        assert height.min() >= low - 1e-2 and height.max() <= high + 1e-2  # noqa: PT018
        xyz = np.column_stack((*to_city.transform(lon, lat), height))
        up = np.einsum("ij,ij->i", read.normals, read.normals)
        assert up == pytest.approx(1, abs=0.05)
        for number, name in enumerate(names):
            assert name not in found
            found[name] = xyz[read.features == number]
    assert len(found) == 11
    low, high = found["far1"].min(axis=0), found["far1"].max(axis=0)
    assert low == pytest.approx([ORIGIN[0] + FAR + 20, ORIGIN[1], 1.0], abs=5e-3)
    assert high == pytest.approx([ORIGIN[0] + FAR + 30, ORIGIN[1] + 10, 7.0], abs=5e-3)


def checked(tile, error):
    """Every tile below is inside its parent and has a smaller error."""
    own = tile["boundingVolume"]["region"]
    assert tile["geometricError"] <= error
    for each in tile.get("children", ()):
        inner = each["boundingVolume"]["region"]
        assert all(a <= b for a, b in zip(own[:2] + own[4:5], inner[:2] + inner[4:5], strict=True))
        assert all(a >= b for a, b in zip(own[2:4] + own[5:], inner[2:4] + inner[5:], strict=True))
        assert each["geometricError"] < tile["geometricError"]
        checked(each, tile["geometricError"])


def test_a_tile_holds_its_children_and_shows_less_of_them(tmp_path):
    folder = tmp_path / "city.3dtiles"
    export(Part(city(tmp_path)), folder, "3dtiles")
    tileset = json.loads((folder / "tileset.json").read_text())
    checked(tileset["root"], tileset["geometricError"])
    counts = {}
    for path in folder.rglob("*.glb"):
        zoom = int(path.relative_to(folder).parts[0])
        read = shown.glb(path.read_bytes())
        counts[zoom] = counts.get(zoom, 0) + read.cim["count"]
    assert counts[16] == 11
    assert min(counts) >= 12
    assert counts[min(counts)] < 11
    assert len(list(folder.rglob("*.json"))) == 1


def test_only_what_is_meant_and_may_be_seen_is_exported(tmp_path):
    store = city(tmp_path)
    only = np.array([store.find("b1"), store.find("p0")])
    assert export(Part(store, only=only), tmp_path / "two.glb", "glb") == 2
    hidden = street(2)
    hidden.objects["access"] = ["secret", "public"]
    other = shown.city_of(tmp_path / "d", hidden)
    assert export(Part(other, clearance="internal"), tmp_path / "one.glb", "glb") == 1
    assert export(Part(other, clearance="secret"), tmp_path / "both.glb", "glb") == 2


@pytest.mark.parametrize("name", ["glb", "3dtiles"])
def test_nothing_half_written_is_left(tmp_path, name):
    empty = create_city(str(tmp_path / "e"), "EPSG:4547")
    with pytest.raises(InputError, match="nothing to export"):
        export(Part(empty), tmp_path / "out", name)
    points = shown.city_of(tmp_path / "p", shown.objects("Road", [square(0)]))
    with pytest.raises(InputError, match="nothing of it has a body"):
        export(Part(points), tmp_path / "out", name)
    assert {each.name for each in tmp_path.iterdir()} == {"e", "p"}
    with pytest.raises(NotFoundError, match="no such folder"):
        export(Part(points), tmp_path / "none" / "out", name)


def test_a_folder_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "mine.3dtiles").mkdir()
    Path(tmp_path / "mine.3dtiles" / "x").write_text("kept")
    with pytest.raises(ConflictError, match="something already"):
        export(Part(city(tmp_path)), tmp_path / "mine.3dtiles", "3dtiles")
    assert Path(tmp_path / "mine.3dtiles" / "x").read_text() == "kept"
