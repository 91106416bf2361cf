"""Several processes at one store: readers beside a writer, writers killed, locked, out of disk."""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cities import CRS, street

from cim.errors import BusyError, StoreError
from cim.model import Batch, Dataset
from cim.store import Delivery, create_city, open_city
from cim.store.store import DATABASE

FORK = multiprocessing.get_context("fork")
HOUSES = 6_000


def houses(count: int, height: float) -> Batch:
    batch = street(count)
    return Batch(batch.objects.assign(height=height))


def load(location: str, height: float, count: int = HOUSES) -> None:
    with open_city(location) as store, store.load(Delivery(Dataset("houses"), "h.gpkg")) as opened:
        for start in range(0, count, 1000):
            batch = houses(count, height).objects.iloc[start : start + 1000]
            opened.put(Batch(batch.reset_index(drop=True)))


def state(location: str) -> tuple[int, set[float]]:
    """How many houses there are, and which heights they have."""
    with open_city(location) as store:
        heights = store.select(classes=["Building"]).objects["height"]
        return len(heights), set(heights)


def started(work: Callable[..., None], *arguments: object) -> "multiprocessing.Process":
    process = FORK.Process(target=work, args=arguments)
    process.start()
    return process  # type: ignore[return-value]


def test_killed_load_leaves_the_state_before_or_after(city_location: str) -> None:
    create_city(city_location, CRS).close()
    begin = time.monotonic()
    load(city_location, 1.0)
    lasts = time.monotonic() - begin
    moments = random.Random(20)
    height, killed = 1.0, 0
    for _ in range(20):
        before, after = {height}, {height + 1}
        process = started(load, city_location, height + 1)
        time.sleep(moments.uniform(0, lasts * 1.2))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
        count, heights = state(city_location)
        assert count == HOUSES
        assert heights in (before, after)
        height = heights.pop()
    assert killed > 0
    load(city_location, height + 1)
    assert state(city_location) == (HOUSES, {height + 1})
    with open_city(city_location) as store:
        assert store.check() == []


def read_until(location: str, stop: str, found: "multiprocessing.Queue[object]") -> None:
    """Reads all the time; reports states that are not whole."""
    reads, broken = 0, []
    with open_city(location) as store:
        while not Path(stop).exists():
            objects = store.select(classes=["Building"]).objects
            kinds = set(objects["height"])
            if len(objects) != 500 or len(kinds) != 1:
                broken.append((len(objects), sorted(kinds)))
            reads += 1
    found.put((reads, broken))


def test_readers_beside_a_writer_see_only_whole_states(city_location: str, tmp_path: Path) -> None:
    create_city(city_location, CRS).close()
    load(city_location, 1.0, 500)
    stop = tmp_path / "stop"
    found: multiprocessing.Queue[object] = FORK.Queue()  # type: ignore[assignment]
    readers = [started(read_until, city_location, str(stop), found) for _ in range(8)]
    for height in range(2, 8):
        load(city_location, float(height), 500)
    stop.touch()
    told = [found.get(timeout=120) for _ in readers]
    for process in readers:
        process.join(timeout=60)
    assert [process.exitcode for process in readers] == [0] * 8
    assert all(reads > 0 for reads, _ in told)  # type: ignore[misc]
    assert [broken for _, broken in told if broken] == []  # type: ignore[misc]


def test_second_writer_is_told_to_wait(city_location: str) -> None:
    create_city(city_location, CRS).close()
    with (
        open_city(city_location) as first,
        open_city(city_location, wait=0.2) as second,
        first.load(Delivery(Dataset("a"), "a")) as opened,
    ):
        opened.put(street())
        with (
            pytest.raises(BusyError, match="another process is writing"),
            second.load(Delivery(Dataset("b"), "b")) as refused,
        ):
            refused.put(street())
    assert state(city_location)[0] == 3


def test_full_disk_leaves_the_city_as_it_was(tmp_path: Path) -> None:
    location = str(tmp_path / "city")
    create_city(location, CRS).close()
    load(location, 1.0, 500)
    with open_city(location) as store:
        pages = store._db.run("PRAGMA page_count")[0][0]
        store._db.run(f"PRAGMA max_page_count = {pages + 20}")
        with (
            pytest.raises(StoreError, match="the disk is full; nothing was changed"),
            store.load(Delivery(Dataset("more"), "more")) as opened,
        ):
            opened.put(houses(HOUSES, 2.0))
    assert state(location) == (500, {1.0})


def test_store_of_a_newer_version_is_refused(city_location: str) -> None:
    store = create_city(city_location, CRS)
    store._db.run("UPDATE meta SET value = '99' WHERE key = 'format'")
    store.close()
    with pytest.raises(StoreError, match=r"newer version.*upgrade this program"):
        open_city(city_location)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="damaged"):
        open_city(str(tmp_path))


class TestCheck:
    """What `check` finds, and what `repair` mends."""

    @pytest.fixture
    def location(self, tmp_path: Path) -> str:
        place = str(tmp_path / "city")
        create_city(place, CRS).close()
        load(place, 1.0, 50)
        return place

    def broken(self, location: str, *statements: str) -> None:
        with sqlite3.connect(Path(location) / DATABASE) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    @pytest.mark.parametrize(
        "statement, found",
        [
            ("DELETE FROM city_object_rtree WHERE id = 7", "misses 1 objects"),
            ("INSERT INTO city_object_rtree VALUES (999, 0, 1, 0, 1, 5, 5)", "1 that are gone"),
            ("UPDATE class_count SET count = count + 1", "counts per class"),
        ],
    )
    def test_index_and_counts_are_found_and_mended(
        self, location: str, statement: str, found: str
    ) -> None:
        self.broken(location, statement)
        with open_city(location) as store:
            (problem,) = store.check()
            assert found in problem.what
            assert problem.repairable
            store.repair()
            assert store.check() == []

    @pytest.mark.parametrize(
        "statement, found",
        [
            ("UPDATE city_object SET parent_id = 'nobody' WHERE oid = 3", "parent is not there"),
            ("UPDATE city_object SET geometry = x'0103' WHERE oid = 3", "cannot be read"),
            ("INSERT INTO mesh VALUES (1, 1, '2', 'Solid', NULL, NULL, NULL, x'00')", "damaged"),
            ("INSERT INTO mesh SELECT 999, 1, '2', 'Solid', 0, 0, '', x'00'", "without an object"),
            ("INSERT INTO network_edge VALUES (999, 1, 'gas', 'a', 'b', 1)", "without an object"),
        ],
    )
    def test_damage_is_named_with_a_remedy(self, location: str, statement: str, found: str) -> None:
        self.broken(location, statement)
        with open_city(location) as store:
            problems = store.check()
            assert any(found in problem.what for problem in problems)
            assert all(problem.remedy for problem in problems)

    def test_stray_raster_is_removed_by_repair(self, location: str) -> None:
        shelf = Path(location) / "coverages"
        shelf.mkdir()
        (shelf / "cut-off.partial").write_bytes(b"half")
        with open_city(location) as store:
            assert "belong to no load" in store.check()[0].what
            store.repair()
            assert store.check() == []
