"""Loads that go wrong, on every kind of store: both must be as they were."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from feature_files import KAIFENG, frame, geojson, square
from rasterio.transform import from_origin

from cim.errors import CimError
from cim.model import Batch
from cim.store import Store, create_city
from ingest import PartlyLoadedError, Reading, ReadOptions, load_files
from ingest import one_dataset as pipeline
from ingest.reader import Reader


@pytest.fixture
def store(city_location: str) -> Iterator[Store]:
    with create_city(city_location, "EPSG:4547") as made:
        yield made


def state(store: Store) -> object:
    return store.info(), store.datasets(), store.loads(), store.check()


def test_a_reader_that_fails_in_the_middle_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batches() -> Iterator[Batch]:
        table = pd.DataFrame({"object_id": ["a", "b"], "class": "CityFurniture"})
        yield Batch(table.assign(geometry=[shapely.Point(513_000, 3_850_000)] * 2))
        raise ZeroDivisionError("inside")

    path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {"id": "a"})])
    load_files(store, [path], name="x")
    before = state(store)
    reader = Reader("odd", "Odd", (".o",), lambda *given: Reading("EPSG:4547", "file", batches()))
    monkeypatch.setattr(pipeline, "reader_for", lambda path: reader)
    with pytest.raises(CimError, match=r"x\.geojson: it cannot be loaded: ZeroDivisionError"):
        load_files(store, [path], name="y")
    assert state(store) == before


def test_of_two_data_sets_the_sound_one_is_loaded(store: Store, tmp_path: Path) -> None:
    good = geojson(tmp_path / "good.geojson", [(square(*KAIFENG), {"id": "a"})])
    bad = geojson(tmp_path / "bad.geojson", [(None, {"id": "a"})])
    with pytest.raises(PartlyLoadedError, match="1 of 2 data sets were not loaded: bad"):
        load_files(store, [bad, good])
    assert [each["dataset"] for each in store.datasets()] == ["good"]
    assert store.check() == []


def test_the_same_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    rows = [(square(*KAIFENG), {"id": f"a{at}", "height": at + 0.1}) for at in range(5)]
    path = geojson(tmp_path / "x.geojson", rows)
    load_files(store, [path])
    before = state(store)
    geojson(path, rows[::-1])
    (report,) = load_files(store, [path])
    assert (report.new, report.changed, report.same) == (0, 0, 5)
    assert state(store) == before


def test_what_a_delivery_no_longer_has_ends(store: Store, tmp_path: Path) -> None:
    def pipes(count: int) -> Path:
        ends = [shapely.Point(KAIFENG[0] + 0.001 * at, KAIFENG[1]) for at in range(count + 1)]
        rows: list[tuple[shapely.Geometry, dict[str, str]]] = [
            (end, {"id": f"n{at}", "node_id": f"n{at}"}) for at, end in enumerate(ends)
        ]
        rows += [
            (
                shapely.LineString(ends[at : at + 2]),
                {"id": f"p{at}", "start_node": f"n{at}", "end_node": f"n{at + 1}"},
            )
            for at in range(count)
        ]
        return geojson(tmp_path / "pipes.geojson", rows)

    options = ReadOptions(network="water")
    load_files(store, [pipes(3)], options=options)
    assert (len(store.select().nodes), len(store.select().edges)) == (4, 3)
    (report,) = load_files(store, [pipes(2)], options=options)
    assert report.ended == 2
    assert (len(store.select().nodes), len(store.select().edges)) == (3, 2)
    assert store.check() == []
    store.undo(report.load or 0)
    assert (len(store.select().nodes), len(store.select().edges)) == (4, 3)
    assert store.check() == []


def test_a_raster_that_a_delivery_no_longer_has_ends(store: Store, tmp_path: Path) -> None:
    tiles = []
    for name in ("west", "east"):
        tiles.append(tmp_path / f"{name}.tif")
        with rasterio.open(
            tiles[-1], "w", driver="GTiff", count=1, width=4, height=4, dtype="float32",
            crs="EPSG:4326", transform=from_origin(*KAIFENG, 0.001, 0.001),
        ) as target:  # fmt: skip
            target.write(np.arange(16, dtype="float32").reshape(1, 4, 4) + len(name))
    load_files(store, tiles, name="dem")
    (report,) = load_files(store, tiles[:1], name="dem", keep_absent=True)
    assert (report.ended, len(store.coverages())) == (0, 2)
    reports = load_files(store, [tiles[0], tiles[1]], name="dem")
    assert [each.same for each in reports] == [1, 1]
    second = [tiles[1], tiles[1].rename(tmp_path / "north.tif")][1]
    reports = load_files(store, [tiles[0], second], name="dem")
    assert [(each.same, each.new, each.ended) for each in reports] == [(1, 0, 0), (0, 1, 1)]
    assert {each.name for each in store.coverages()} == {"dem/west", "dem/north"}
    assert store.check() == []


def test_a_delivery_has_the_level_of_access_that_the_user_says(
    store: Store, tmp_path: Path
) -> None:
    raster = tmp_path / "dem.tif"
    with rasterio.open(
        raster, "w", driver="GTiff", count=1, width=4, height=4, dtype="float32",
        crs="EPSG:4326", transform=from_origin(*KAIFENG, 0.001, 0.001),
    ) as target:  # fmt: skip
        target.write(np.arange(16, dtype="float32").reshape(1, 4, 4))
    rows = [(square(*KAIFENG), {"id": f"a{at}", "access": at or None}) for at in ("", "secret")]
    houses = geojson(tmp_path / "x.geojson", rows)
    load_files(store, [raster, houses], options=ReadOptions(access="sensitive"))
    assert [each.access for each in store.coverages()] == ["sensitive"]
    assert store.coverages("internal") == ()
    assert sorted(store.select().objects["access"]) == ["secret", "sensitive"]
    with pytest.raises(CimError, match="no level of access 'open'"):
        load_files(store, [houses], options=ReadOptions(access="open"))


ODD = "a\u0000b\u001f\u2028\U00020bb7'\"\\%_\ufffe"
"""Characters that databases, JSON and shells stumble over."""


def test_text_that_databases_stumble_over_is_taken(store: Store, tmp_path: Path) -> None:
    model = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [1, 1, 1], "translate": [0, 0, 0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4547"},
        "CityObjects": {
            ODD: {
                "type": "Building",
                "attributes": {"name": ODD, "remark": ODD, ODD: 1, "nested": {"deep": [ODD]}},
                "geometry": [{"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}],
            }
        },
        "vertices": [[513000, 3850000, 1], [513010, 3850000, 1], [513000, 3850010, 1]],
    }
    path = tmp_path / "odd.city.json"
    path.write_text(json.dumps(model))
    (report,) = load_files(store, [path])
    assert report.new == 1
    found = store.select().objects.iloc[0]
    expected = ODD.replace("\u0000", "\ufffd")
    assert found["object_id"] == expected
    assert found["name"] == expected
    (attributes,) = store.attributes([int(found.name)]).values()
    assert attributes["remark"] == expected
    assert attributes["nested"] == {"deep": [expected]}
    assert store.check() == []
    (again,) = load_files(store, [path], name="odd", dry_run=True)
    assert again.same == 1


def test_a_table_with_such_text_is_taken(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    frame({"id": [ODD, "b"], "name": ["a", ODD]}).to_parquet(path)
    (report,) = load_files(store, [path])
    assert report.new == 2
    expected = ODD.replace("\u0000", "\ufffd")
    found = store.select().objects.set_index("object_id")
    assert found["name"].to_dict() == {expected: "a", "b": expected}
    assert store.check() == []


@pytest.mark.parametrize("number", [1e308, -0.0, 5e-324, 2.0**63, np.nan])
def test_numbers_at_the_edge_are_taken(store: Store, tmp_path: Path, number: float) -> None:
    rows = [(square(*KAIFENG), {"id": "a", "n": number, "height": 3})]
    path = geojson(tmp_path / "x.geojson", rows)
    (report,) = load_files(store, [path])
    assert report.new == 1
    assert store.check() == []
