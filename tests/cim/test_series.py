"""Time series of a city, kept by both databases: what comes in is what comes out, and undone."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from cities import CRS, street

from cim.errors import ConflictError, InputError, NotFoundError
from cim.model import Batch, Dataset
from cim.series import SECOND, Datastream, Series, decimated, in_order, instant, iso
from cim.store import Delivery, OpenLoad, Store, create_city, open_city
from cim.store import series as stored_series
from cim.store.observations import BLOCK, digest, packed, summed, unpacked

HOUR = 3600 * SECOND
START = instant("2024-01-01")
POWER = Datastream("b0/power", "electric power", "kW", "b0", title="Meter 1")


def hourly(count: int = 48, first: int = 0) -> Series:
    """A meter at house b0 whose n-th hour says n, and nothing every tenth hour."""
    numbers = np.arange(first, first + count)
    results = np.where(numbers % 10 == 3, np.nan, numbers.astype(float))
    return Series(POWER, START + numbers * HOUR, results)


def load(store: Store, *pieces: Series, dataset: str = "houses", **how: bool) -> OpenLoad:
    delivery = replace(Delivery(Dataset(dataset), f"{dataset}.csv"), **how)
    with store.load(delivery) as opened:
        opened.put(Batch(street().objects, series=pieces))
    return opened


def results(store: Store, start: int = START, end: int = START + 10**6 * HOUR) -> list[float]:
    (only,) = store.datastreams()
    found: list[float] = store.observations(only["datastream"], start, end)[1].tolist()
    return found


@pytest.fixture
def store(city_location: str) -> Iterator[Store]:
    with create_city(city_location, CRS) as made:
        yield made


def test_observations_come_back_as_they_were(store: Store) -> None:
    load(store, hourly())
    (found,) = store.datastreams()
    told = {name: found[name] for name in ("datastream_id", "observed_property", "unit", "title")}
    assert told == {
        "datastream_id": "b0/power",
        "observed_property": "electric power",
        "unit": "kW",
        "title": "Meter 1",
    }
    assert (found["first"], found["last"]) == ("2024-01-01T00:00:00Z", "2024-01-02T23:00:00Z")
    assert (found["count"], found["dataset"], found["object_id"]) == (48, "houses", "b0")
    times, values = store.observations(found["datastream"])
    np.testing.assert_array_equal(times, hourly().times)
    np.testing.assert_array_equal(values, hourly().results)


def test_a_stretch_of_time_has_its_first_and_not_its_last_moment(store: Store) -> None:
    load(store, hourly())
    assert results(store, START + 4 * HOUR, START + 7 * HOUR) == [4.0, 5.0, 6.0]
    assert results(store, START - HOUR, START) == []


def test_datastreams_are_found_by_their_object(store: Store) -> None:
    load(store, hourly(), replace(hourly(), datastream=replace(POWER, datastream_id="m")))
    assert [each["datastream_id"] for each in store.datastreams(oid=store.find("b0"))] == [
        "b0/power",
        "m",
    ]
    assert store.datastreams(oid=store.find("b1")) == []


def test_datastream_may_belong_to_an_object_of_another_data_set(store: Store) -> None:
    load(store)
    other = replace(POWER, object_dataset="houses")
    with store.load(Delivery(Dataset("meters"), "meters.csv")) as opened:
        opened.put(Batch(street(0).objects, series=[replace(hourly(), datastream=other)]))
    (found,) = store.datastreams(oid=store.find("b0"))
    assert (found["dataset"], found["object_dataset"]) == ("meters", "houses")
    assert [each["dataset"] for each in store.datasets()] == ["houses", "meters"]
    assert store.check() == []


def test_the_same_observations_in_other_pieces_and_order_change_nothing(store: Store) -> None:
    first = load(store, hourly())
    version = store.version()
    again = load(store, hourly(20, 28), hourly(10), hourly(30, 5))
    assert (first.id, again.id, store.version()) == (1, None, version)


def test_changed_delivery_replaces_and_undo_restores(store: Store) -> None:
    load(store, hourly())
    other = hourly(12)
    load(store, replace(other, results=other.results + 100))
    assert len(results(store)) == 12
    assert results(store)[0] == 100
    store.undo(2)
    np.testing.assert_array_equal(results(store), hourly().results)
    assert store.check() == []
    store.undo(1)
    assert store.datastreams() == []


def test_change_of_unit_alone_is_a_change(store: Store) -> None:
    load(store, hourly())
    load(store, replace(hourly(), datastream=replace(POWER, unit="W")))
    assert store.datastreams()[0]["unit"] == "W"
    store.undo(2)
    assert store.datastreams()[0]["unit"] == "kW"
    assert len(results(store)) == 48


def test_delivery_that_keeps_what_is_absent_goes_on_with_a_series(store: Store) -> None:
    load(store, hourly(24))
    late = hourly(24, 20)
    load(store, replace(late, results=late.results + 0.5), keep_absent=True)
    found = results(store)
    assert found[19:22] == [19.0, 20.5, 21.5]
    assert len(found) == store.datastreams()[0]["count"] == 44
    with pytest.raises(ConflictError):
        store.undo(1)
    store.undo(2)
    np.testing.assert_array_equal(results(store), hourly(24).results)
    assert load(store, hourly(5, 3), keep_absent=True).id is None
    assert store.check() == []


def test_datastream_that_is_gone_ends(store: Store) -> None:
    load(store, hourly())
    load(store)
    assert store.datastreams() == []
    store.undo(2)
    assert len(results(store)) == 48


def test_failed_load_and_dry_run_leave_nothing(store: Store) -> None:
    load(store, hourly(), dry_run=True)
    nowhere = replace(hourly(), datastream=replace(POWER, access="nobody"))
    with pytest.raises(InputError):
        load(store, hourly(), nowhere)
    assert store.datastreams() == []


def test_words_keep_their_numbers_from_load_to_load(store: Store) -> None:
    wind = Datastream("w", "wind direction", "", "b0", categories=("N", "SE"))
    load(store, Series(wind, hourly(3).times, np.array([0.0, 1.0, np.nan])))
    swapped = replace(wind, categories=("SE", "W", "N"))
    series = Series(swapped, hourly(3, 3).times, np.array([0.0, 1.0, 2.0]))
    load(store, series, keep_absent=True)
    assert store.datastreams()[0]["categories"] == ["N", "SE", "W"]
    np.testing.assert_array_equal(results(store), [0, 1, np.nan, 1, 2, 0])


def test_clearance_hides_datastreams_and_those_of_hidden_objects(store: Store) -> None:
    objects = street().objects.assign(access=["secret", "public", "public"])
    hidden = replace(POWER, datastream_id="b1", object_id="b1", access="internal")
    with store.load(Delivery(Dataset("houses"), "houses.csv")) as opened:
        opened.put(Batch(objects, series=[hourly(), replace(hourly(), datastream=hidden)]))
    assert store.datastreams("public") == []
    assert [each["datastream_id"] for each in store.datastreams("internal")] == ["b1"]
    assert len(store.datastreams("secret")) == 2


def test_blocks_do_not_overlap_however_observations_come(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_series, "HELD", 7)
    pieces = [hourly(5, first) for first in (0, 5, 10, 15, 12, 20, 31, 25, 30)]
    load(store, *pieces)
    spans = store._db.run("SELECT first, last FROM observation ORDER BY first")
    assert len(spans) > 1
    assert all(early[1] < late[0] for early, late in pairwise(spans))
    np.testing.assert_array_equal(results(store), hourly(36).results)


def test_check_finds_damage_and_lost_objects(store: Store) -> None:
    load(store, hourly(), replace(hourly(), datastream=replace(POWER, object_id="nowhere")))
    (orphans,) = store.check()
    assert orphans.what == "1 datastreams whose object is not there"
    store._db.run("UPDATE observation SET count = count + 1")
    assert "observations of 1 datastreams are damaged" in [each.what for each in store.check()]


def test_long_series_are_several_blocks(store: Store) -> None:
    load(store, hourly(BLOCK + 100))
    blocks = store._db.run("SELECT count FROM observation ORDER BY first")
    assert blocks == [(BLOCK,), (100,)]
    assert results(store, START + (BLOCK - 1) * HOUR, START + (BLOCK + 1) * HOUR) == [
        BLOCK - 1,
        BLOCK,
    ]


def test_datastream_is_found_by_its_name(store: Store) -> None:
    load(store, hourly())
    listed = store.datastreams()
    for name in ("b0/power", "houses/b0/power", "1"):
        assert stored_series.found(listed, name) == listed[0]
    with pytest.raises(NotFoundError):
        stored_series.found(listed, "b9")


def test_older_store_gets_room_for_series(city_location: str) -> None:
    with create_city(city_location, CRS) as store:
        load(store)
        store._db.run("DROP TABLE datastream")
        store._db.run("DROP TABLE observation")
        store._db.run("UPDATE meta SET value = '2' WHERE key = 'format'")
    with open_city(city_location) as old:
        load(old, hourly())
        assert len(results(old)) == 48
        assert old.check() == []


@pytest.mark.parametrize("uneven", [False, True])
def test_blocks_are_whole_or_damaged(uneven: bool) -> None:
    times = START + np.arange(100) * HOUR
    times[50:] += uneven
    values = np.random.default_rng(7).normal(size=100)
    body = packed(times, values)
    found = unpacked(body)
    np.testing.assert_array_equal(found[0], times)
    np.testing.assert_array_equal(found[1], values)
    for broken in (body[:-9], b"X" + body[1:], body[:3], b""):
        with pytest.raises(ValueError, match="damaged"):
            unpacked(broken)


def test_digest_is_of_the_whole_and_not_of_its_pieces() -> None:
    times, values = hourly(50).times, hourly(50).results
    parts = [digest(times[at], values[at]) for at in (slice(0, 7), slice(7, 50))]
    assert summed(parts) == digest(times, values)
    changed = values.copy()
    changed[4] += 1e-9
    assert digest(times, changed) != digest(times, values)
    assert digest(times + 1, values) != digest(times, values)


def test_of_one_moment_the_last_result_counts() -> None:
    times, values = in_order(np.array([3, 1, 3, 2]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert (times.tolist(), values.tolist()) == ([1, 2, 3], [2.0, 4.0, 3.0])


def test_decimation_keeps_peaks_and_gaps() -> None:
    times = np.arange(100_000)
    values = np.sin(times / 5000)
    values[[777, 50_001]] = 9.0, -9.0
    values[60_000:60_500] = np.nan
    few, shown = decimated(times, values, 600)
    assert 200 < len(few) <= 600
    assert (np.diff(few) > 0).all()
    assert (np.nanmax(shown), np.nanmin(shown)) == (9.0, -9.0)
    assert np.isnan(shown).any()
    assert (few[0], few[-1]) == pytest.approx((0, 99_999), abs=500)
    same = decimated(times, values, 100_000)
    assert len(same[0]) == 100_000


def test_moments_are_in_utc_unless_they_say_otherwise() -> None:
    assert instant("2024-01-01T08:00+08:00") == instant("2024-01-01") == START
    assert iso(START + 1500) == "2024-01-01T00:00:00.001500Z"
    assert iso(instant("1961-02-03")) == "1961-02-03T00:00:00Z"
    with pytest.raises(InputError):
        instant("yesterday")
