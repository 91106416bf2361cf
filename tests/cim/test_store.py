"""The promises of a store, kept by both databases."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cities import CRS, GAP, ORIGIN, cube, street, unknown_house, water_main
from shapely import box

from cim.errors import ConflictError, InputError, NotFoundError, SchemaError
from cim.model import Batch, Coverage, Dataset
from cim.schema import ACCESS_LEVELS
from cim.store import Delivery, OpenLoad, Store, create_city, open_city
from cim.store.coverages import sha256_of
from cim.store.locations import masked


def load(store: Store, *batches: Batch, dataset: str = "houses", **delivery: bool) -> OpenLoad:
    with store.load(Delivery(Dataset(dataset), f"{dataset}.gpkg", **delivery)) as opened:
        for batch in batches:
            opened.put(batch)
    return opened


def raised(batch: Batch, object_id: str, by: float = 1.0) -> Batch:
    """The batch with one house higher."""
    higher = batch.objects["height"] + by * (batch.objects["object_id"] == object_id)
    return Batch(batch.objects.assign(height=higher))


def heights(store: Store, **question: object) -> dict[str, float]:
    objects = store.select(**question).objects  # type: ignore[arg-type]
    return dict(zip(objects["object_id"], objects["height"], strict=True))


@pytest.fixture
def store(city_location: str) -> Iterator[Store]:
    with create_city(city_location, CRS, name="街 Street", height_datum="EPSG:5737") as made:
        yield made


def test_what_is_loaded_is_what_is_read(store: Store) -> None:
    load(store, street())
    objects = store.select().objects.sort_values("object_id")
    assert objects["height"].tolist() == [3.0, 6.0, 9.0]
    assert objects["attributes"].tolist()[1] == {"year": 1991, "owner": "城市"}
    assert objects["function"].tolist() == ["residential", "retail", "residential"]
    assert objects["status"].unique().tolist() == ["existing"]
    assert objects.geometry.area.tolist() == pytest.approx([100.0] * 3)
    assert objects["dataset"].unique().tolist() == ["houses"]
    assert store.info().classes == {"Building": 3}


def test_unknown_stays_unknown(store: Store) -> None:
    load(store, unknown_house())
    house = store.select().objects.iloc[0]
    assert np.isnan(house["height"])
    assert house["name"] is None
    assert house["status"] is None
    assert house["cim_level"] == 1


def test_identical_load_is_a_no_op(store: Store) -> None:
    first = load(store, street())
    version = store.version()
    again = load(store, street())
    assert (first.counts.new, again.counts.same, again.counts.new) == (3, 3, 0)
    assert again.id is None
    assert store.version() == version
    assert len(store.loads()) == 1


def test_changed_object_gets_a_new_version_and_keeps_its_number(store: Store) -> None:
    load(store, street())
    number = store.find("b1")
    opened = load(store, raised(street(), "b1"))
    assert (opened.counts.changed, opened.counts.same) == (1, 2)
    assert store.find("b1") == number
    history = store.describe(number)["history"]
    assert [each["version"] for each in history] == [1, 2]
    assert history[0]["recorded_to"] == history[1]["recorded_from"]
    assert store.info().classes == {"Building": 3}


def test_absent_object_is_ended_unless_told_otherwise(store: Store) -> None:
    load(store, street())
    kept = load(store, street(2), keep_absent=True)
    assert kept.counts.ended == 0
    assert load(store, street(2)).counts.ended == 1
    assert heights(store) == {"b0": 3.0, "b1": 6.0}
    with pytest.raises(NotFoundError, match="no object 'b2'"):
        store.find("b2")


def test_object_that_comes_back_goes_on_with_its_history(store: Store) -> None:
    load(store, street())
    number = store.find("b2")
    load(store, street(2))
    load(store, street(3))
    assert store.find("b2") == number
    assert [each["version"] for each in store.describe(number)["history"]] == [1, 2]


def test_city_reads_as_of_a_moment(store: Store) -> None:
    load(store, street())
    before = datetime.now(UTC)
    load(store, raised(street(2), "b1"))
    assert heights(store, at=before) == {"b0": 3.0, "b1": 6.0, "b2": 9.0}
    assert heights(store) == {"b0": 3.0, "b1": 7.0}
    assert heights(store, recorded=before) == {"b0": 3.0, "b1": 6.0, "b2": 9.0}


def test_valid_time_decides_what_stood_in_a_year(store: Store) -> None:
    objects = street().objects.assign(
        valid_from=["1950-01-01", "2020-05-01", None], valid_to=["2015-01-01", None, None]
    )
    load(store, Batch(objects))
    assert sorted(heights(store, at="1960-06-01")) == ["b0", "b2"]
    assert sorted(heights(store, at="2015-01-01")) == ["b2"]
    assert sorted(heights(store, at="2021-01-01")) == ["b1", "b2"]
    bounds = (ORIGIN[0], ORIGIN[1], ORIGIN[0] + 3 * GAP, ORIGIN[1] + 10)
    rows = store.rows(bounds, ("building",), at="1960-06-01")
    assert sorted(rows.object_id.tolist()) == ["b0", "b2"]


def test_undo_restores_the_state_before(store: Store) -> None:
    load(store, street())
    changed = load(store, raised(street(2), "b1"))
    assert changed.id is not None
    assert store.undo(changed.id) == {
        "load": changed.id, "file": "houses.gpkg", "removed": 1, "restored": 2
    }  # fmt: skip
    assert heights(store) == {"b0": 3.0, "b1": 6.0, "b2": 9.0}
    assert store.info().classes == {"Building": 3}
    assert store.check() == []
    assert store.loads()[0]["status"] == "undone"


def test_undoing_the_first_load_leaves_an_empty_city(store: Store) -> None:
    opened = load(store, street(), cube(), water_main())
    assert opened.id is not None
    store.undo(opened.id)
    assert store.info().classes == {}
    assert store.datasets() == []
    assert store.check() == []
    with pytest.raises(ConflictError, match="undone already"):
        store.undo(opened.id)


def test_load_that_another_stands_on_cannot_be_undone(store: Store) -> None:
    first = load(store, street())
    load(store, raised(street(), "b0"))
    with pytest.raises(ConflictError, match="load 2 stands on load 1"):
        store.undo(first.id or 0)


def test_failed_load_leaves_nothing(store: Store) -> None:
    load(store, street())
    version = store.version()
    wrong = street(5).objects.assign(status="haunted")
    with pytest.raises(SchemaError, match="haunted"):
        load(store, raised(street(), "b0"), Batch(wrong))
    assert heights(store) == {"b0": 3.0, "b1": 6.0, "b2": 9.0}
    assert store.version() == version
    assert store.check() == []


def test_dry_run_counts_and_changes_nothing(store: Store) -> None:
    load(store, street())
    tried = load(store, raised(street(4), "b1"), dry_run=True)
    assert (tried.counts.new, tried.counts.changed, tried.counts.same) == (1, 1, 2)
    assert heights(store) == {"b0": 3.0, "b1": 6.0, "b2": 9.0}


def test_second_object_of_the_same_name_is_rejected(store: Store) -> None:
    twice = pd.concat([street().objects, street(1).objects], ignore_index=True)
    opened = load(store, Batch(twice))
    assert opened.counts.new == 3
    assert [(each.object, each.code) for each in opened.counts.rejected] == [("b0", "duplicate_id")]


def test_same_name_in_two_data_sets_must_be_told_apart(store: Store) -> None:
    load(store, street())
    load(store, street(1), dataset="survey")
    with pytest.raises(ConflictError, match="houses/b0, survey/b0"):
        store.find("b0")
    assert store.find("survey/b0") != store.find("houses/b0")


def test_box_polygon_class_and_filter_narrow_a_selection(store: Store) -> None:
    load(store, street(), water_main())
    east, north = ORIGIN
    area = box(east - 1, north - 1, east + GAP + 1, north + 1)
    assert sorted(heights(store, area=area, classes=["Building"])) == ["b0", "b1"]
    assert sorted(heights(store, classes=["Pipe"])) == ["p0", "p1"]
    assert heights(store, where="height > 5 AND function = 'retail'") == {"b1": 6.0}
    assert heights(store, where="owner = '城市' AND year >= 1992") == {"b2": 9.0}
    assert heights(store, where="name LIKE '1%'") == {"b0": 3.0}
    assert heights(store, where="class IN ('Building') AND status = 'planned'") == {}
    assert len(heights(store, limit=2)) == 2


@pytest.mark.parametrize("text", ["height >", "drop table city_object", "height > 5; --"])
def test_filter_that_is_none_is_refused(store: Store, text: str) -> None:
    with pytest.raises(InputError, match="not a filter"):
        store.select(where=text)


def test_values_of_a_filter_are_never_sql(store: Store) -> None:
    load(store, street())
    assert heights(store, where="name = 'x) OR (1=1) --'") == {}
    assert heights(store, where="\"a') OR 1=1 --\" = 'x'") == {}


def test_clearance_hides_what_is_above_it(store: Store) -> None:
    levels = street().objects.assign(access=["public", "sensitive", "secret"])
    load(store, Batch(levels))
    assert sorted(heights(store, clearance="internal")) == ["b0"]
    assert store.info("sensitive").classes == {"Building": 2}
    assert store.search("Street", clearance="public") == store.search("1 East", clearance="public")
    secret = store.find("b2")
    with pytest.raises(NotFoundError):
        store.describe(secret, clearance="internal")
    bounds = (ORIGIN[0], ORIGIN[1], ORIGIN[0] + 3 * GAP, ORIGIN[1] + 10)
    assert store.rows(bounds, ("building",), clearance="public").object_id.tolist() == ["b0"]


def test_meshes_networks_and_family_come_back(store: Store) -> None:
    load(store, cube(), water_main())
    (mesh,) = store.meshes([store.find("c0")])[store.find("c0")]
    given = cube().meshes[0]
    assert mesh.vertices == pytest.approx(given.vertices, abs=1e-4)
    assert mesh.indices.tolist() == given.indices.tolist()
    assert [part["type"] for part in mesh.parts] == ["GroundSurface", "RoofSurface", "WallSurface"]
    city = store.select()
    assert city.edges.sort_index()["start_node"].tolist() == ["n0", "n1"]
    assert sorted(city.nodes["object_id"]) == ["m0", "m1", "m2"]
    assert store.describe(store.find("p1"))["network"][0]["end_node"] == "n2"


def test_parents_and_children_are_found_without_loops(store: Store) -> None:
    family = street().objects.assign(parent_id=["b1", "b2", "b1"])
    load(store, Batch(family))
    told = store.describe(store.find("b0"))
    assert [each["object_id"] for each in told["parents"]] == ["b1", "b2"]
    assert store.describe(store.find("b1"))["children_count"] == 2


def test_search_puts_identifiers_before_names(store: Store) -> None:
    objects = street().objects.assign(name=["b1 Hall", "Tower", "大相国寺"])
    load(store, Batch(objects))
    assert [each["object_id"] for each in store.search("b1")] == ["b1", "b0"]
    assert [each["object_id"] for each in store.search("相国")] == ["b2"]
    assert store.search("100%") == []
    assert store.search("tower")[0]["position"] == pytest.approx([114.339, 34.796], abs=0.01)


def test_provenance_names_data_set_load_and_person(store: Store) -> None:
    source = Dataset("houses", uri="file:///x/houses.gpkg", sha256="ab", crs="EPSG:4490")
    with store.load(Delivery(source, "houses.gpkg")) as opened:
        opened.put(street())
    told = store.describe(store.find("b0"))["provenance"]
    assert (told["uri"], told["sha256"], told["crs"]) == (source.uri, "ab", "EPSG:4490")
    assert (told["load"], told["file"]) == (opened.id, "houses.gpkg")


def test_city_is_not_made_twice_nor_opened_where_there_is_none(
    store: Store, city_location: str
) -> None:
    with pytest.raises(ConflictError, match="a city already"):
        create_city(city_location, CRS)
    with open_city(city_location) as other:
        assert (other.name, other.crs_name) == ("街 Street", CRS)


def test_object_without_geometry_is_versioned_too(store: Store) -> None:
    storey = pd.DataFrame({"object_id": ["s1"], "class": ["BuildingStorey"], "name": ["1F"]})
    load(store, Batch(storey))
    assert load(store, Batch(storey.assign(name="2F"))).counts.changed == 1
    assert store.select().objects["name"].tolist() == ["2F"]
    store.undo(2)
    assert store.select().objects["name"].tolist() == ["1F"]
    assert store.check() == []


def test_spatial_index_is_whole_when_written_in_pieces(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cim.store.loading.BOXES_HELD", 40)
    houses = street(150).objects
    load(
        store,
        *(Batch(houses.iloc[at : at + 30].reset_index(drop=True)) for at in range(0, 150, 30)),
    )
    assert store.check() == []
    bounds = (ORIGIN[0] + 50 * GAP - 1, ORIGIN[1], ORIGIN[0] + 60 * GAP - 11, ORIGIN[1] + 10)
    assert len(store.rows(bounds, ("building",))) == 10


def test_change_of_nodes_alone_is_kept_and_undone(store: Store) -> None:
    pipes = water_main()
    assert pipes.nodes is not None
    load(store, pipes)
    opened = load(store, replace(pipes, nodes=pipes.nodes.assign(z=-9.0)))
    assert opened.id == 2
    assert store.select().nodes["z"].tolist() == [-9.0] * 3
    assert load(store, replace(pipes, nodes=pipes.nodes.assign(z=-9.0))).id is None
    store.undo(2)
    assert store.select().nodes["z"].tolist() == [-1.5] * 3
    assert store.check() == []


def test_every_change_raises_the_version(store: Store) -> None:
    seen = [store.version()]
    for work in (
        lambda: load(store, street()),
        lambda: load(store, raised(street(), "b0")),
        lambda: store.undo(2),
    ):
        work()
        seen.append(store.version())
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hush@host/city",
        "postgresql://host/city?user=me&password=hush",
        "postgresql://me:hush@host/city?sslpassword=hush",
    ],
)
def test_passwords_are_masked(url: str) -> None:
    assert "hush" not in masked(url)
    assert masked(url).startswith("postgresql://")


def test_city_keeps_its_identity_and_another_one_at_the_same_place_has_another(
    city_location: str,
) -> None:
    with create_city(city_location, CRS) as first:
        load(first, street())
        identity = first.id
    with open_city(city_location) as again:
        assert again.id == identity
        if city_location.startswith("postgresql"):
            again._db.run("DROP SCHEMA public CASCADE")
            again._db.run("CREATE SCHEMA public")
        else:
            shutil.rmtree(again.folder)
    with create_city(city_location, CRS) as second:
        assert second.id != identity


def test_store_of_the_first_format_opens_and_is_brought_up_to_date(
    city_location: str, tmp_path: Path
) -> None:
    with create_city(city_location, CRS) as store:
        load(store, street())
        put_rasters(store, tmp_path, "public")
        store._db.run("ALTER TABLE coverage DROP COLUMN access")
        store._db.run("DROP TABLE datastream")
        store._db.run("DROP TABLE observation")
        store._db.run("DELETE FROM meta WHERE key = 'id'")
        store._db.run("UPDATE meta SET value = '1' WHERE key = 'format'")
        version = store.version()
    with open_city(city_location) as old:
        identity = old.id
        assert old.version() == version
        assert [each.access for each in old.coverages()] == ["public"]
        assert old.check() == []
        assert old.datastreams() == []
        put_rasters(old, tmp_path, "secret")
    with open_city(city_location) as again:
        assert (again.id, len(again.coverages("public"))) == (identity, 1)


def put_rasters(store: Store, folder: Path, *levels: str) -> None:
    """Load a raster of each level of access, named after it."""
    for level in levels:
        path = folder / f"{level}.tif"
        path.write_bytes(level.encode())
        raster = Coverage(
            name=level, kind="imagery", path=path, crs=CRS, bounds=(114.3, 34.7, 114.4, 34.8),
            width=1, height=1, bands=({"name": "1"},), sha256=sha256_of(path), access=level,
        )  # fmt: skip
        with store.load(Delivery(Dataset(level), level)) as opened:
            opened.put_coverage(raster)


def test_coverage_is_only_seen_with_its_level_of_access(store: Store, tmp_path: Path) -> None:
    put_rasters(store, tmp_path, *ACCESS_LEVELS)
    for number, level in enumerate(ACCESS_LEVELS, 1):
        seen = list(ACCESS_LEVELS[:number])
        assert [each.name for each in store.coverages(level)] == seen
        assert [each["dataset"] for each in store.datasets(level)] == seen
        assert [each.name for each in store.select(clearance=level).coverages] == seen
        info = store.info(level)
        assert (info.coverages, info.datasets) == (number, number)


def test_coverage_whose_level_of_access_changes_is_changed(store: Store, tmp_path: Path) -> None:
    put_rasters(store, tmp_path, "public")
    (coverage,) = store.coverages()
    for level, expected in (("secret", (1, 0)), ("secret", (0, 1))):
        with store.load(Delivery(Dataset("public"), "again")) as opened:
            opened.put_coverage(replace(coverage, access=level))
        assert (opened.counts.changed, opened.counts.same) == expected
    assert store.coverages("sensitive") == ()
    with (
        pytest.raises(InputError, match="no level of access"),
        store.load(Delivery(Dataset("public"), "again")) as opened,
    ):
        opened.put_coverage(replace(coverage, access="open"))
