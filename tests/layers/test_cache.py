import os
from datetime import date

import shown
from cities import ORIGIN, street

import layers
from layers.cache import TileCache, TileKey, cache_in
from layers.mercator import TileAddress


def key(version=1, x=0, at=None, clearance="internal", city="c"):
    return TileKey(city, version, "buildings", TileAddress(14, x, 0), "glb", at, clearance)


def files(folder):
    return [each for each in folder.rglob("*") if each.is_file()]


def test_a_tile_is_kept_for_its_version_layer_day_and_clearance(tmp_path):
    cache = TileCache(tmp_path)
    cache.put(key(), b"tile")
    assert cache.get(key()) == b"tile"
    others = (key(2), key(x=1), key(at=date(2001, 1, 1)), key(clearance="secret"), key(city="d"))
    for other in others:
        assert cache.get(other) is None


def test_an_empty_tile_is_kept_too(tmp_path):
    cache = TileCache(tmp_path)
    cache.put(key(), b"")
    assert cache.get(key()) == b""


def test_tiles_of_older_versions_go_when_a_newer_one_is_kept(tmp_path):
    cache = TileCache(tmp_path)
    cache.put(key(1), b"old")
    cache.put(key(2), b"new")
    assert [each.read_bytes() for each in files(tmp_path)] == [b"new"]


def test_tiles_of_an_earlier_city_at_the_same_place_go(tmp_path):
    TileCache(tmp_path).put(key(7), b"old")
    TileCache(tmp_path).put(key(1, city="d"), b"new")
    assert [each.read_bytes() for each in files(tmp_path)] == [b"new"]


def test_the_oldest_tiles_make_room(tmp_path):
    cache = TileCache(tmp_path, most_bytes=1000)
    for number in range(10):
        cache.put(key(x=number), b"." * 150)
        path = tmp_path / key(x=number).path
        if path.exists():
            os.utime(path, (number, number))
    kept = files(tmp_path)
    assert sum(each.stat().st_size for each in kept) <= 1000
    assert cache.get(key(x=9)) is not None
    assert cache.get(key(x=0)) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    cache = TileCache(blocked / "tiles")
    cache.put(key(), b"tile")
    assert cache.get(key()) is None


def test_no_half_written_file_is_left(tmp_path):
    cache = TileCache(tmp_path)
    cache.put(key(), b"tile")
    assert [each.name for each in files(tmp_path)] == ["0.glb"]


def test_a_drawn_tile_comes_from_the_cache_until_the_city_changes(tmp_path):
    store = shown.city_of(tmp_path / "c", street(2))
    address = shown.address_at(ORIGIN, 16)

    def ask():
        return layers.tile(store, "buildings", 16, address.x, address.y).body

    first = ask()
    kept = (
        cache_in(store.folder).folder
        / TileKey(store.id, store.version(), "buildings", address, "glb", None, "internal").path
    )
    assert kept.read_bytes() == first
    kept.write_bytes(b"from the cache")
    assert ask() == b"from the cache"
    store.undo(1)
    assert ask() == b""
    assert not kept.exists()
