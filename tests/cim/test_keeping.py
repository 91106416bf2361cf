"""Results of analyses that become part of the city, on both stores."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import cities
import numpy as np
import pandas as pd
import pytest
import shown

from cim.analyses import ANALYSES
from cim.errors import ConflictError, InputError, NotFoundError
from cim.keeping import keep
from cim.model import Batch, Coverage, Dataset
from cim.store import Delivery, Store, create_city
from cim.store.coverages import sha256_of

CORNER = (cities.ORIGIN[0] - 200, cities.ORIGIN[1] + 200)
GROUND, ROOF = 70.0, 82.0


@pytest.fixture
def store(city_location: str) -> Iterator[Store]:
    with create_city(city_location, cities.CRS) as made:
        yield made


def put(store: Store, dataset: Dataset, *things: Any) -> None:
    with store.load(Delivery(dataset, file=f"{dataset.name}.file")) as load:
        for each in things:
            load.put(each) if isinstance(each, Batch) else load.put_coverage(each)


def whole(coverage: Coverage) -> Coverage:
    """The coverage with the checksum of its file."""
    return replace(coverage, sha256=sha256_of(coverage.path))


def image(path: Path, day: date, nir: int = 3500, access: str = "public") -> Coverage:
    """A satellite image of one colour."""
    bands = np.stack([np.full((40, 40), each, np.uint16) for each in (400, 700, 500, nir)])
    names = ["blue", "green", "red", "nir"]
    return whole(
        shown.raster(path, bands, CORNER, 10, "imagery", valid_from=day, names=names, access=access)
    )


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Store:
    put(store, Dataset("s2", attribution="Them"), image(tmp_path / "s2.tif", date(2024, 6, 1)))
    return store


@pytest.fixture
def measured(store: Store, tmp_path: Path) -> Store:
    """Three houses, of which the first has a height, with a cube's surfaces, in two rasters."""
    houses = cities.street(3)
    heights = [9.5, None, None]
    table = houses.objects.assign(
        height=heights, ground_height=None, storeys_above_ground=[2, 3, None],
        attributes=[{"owner": "A", "n": 1}, {"owner": "B"}, {}],
    )  # fmt: skip
    meshes = [shown.box_mesh(table["object_id"][1], (*cities.ORIGIN, 70.0), 12.0)]
    put(store, Dataset("houses", licence="ODbL", attribution="We"), Batch(table, meshes))
    put(store, Dataset("sheds"), cities.street(1, prefix="far"))
    ground = np.full((400, 400), GROUND, np.float32)
    for kind, values in (("terrain", ground), ("surface", ground + ROOF - GROUND)):
        made = shown.raster(tmp_path / f"{kind}.tif", values, CORNER, 1, kind)
        put(store, Dataset(kind), whole(made))
    return store


def heights(store: Store) -> pd.DataFrame:
    found = store.select().objects
    return pd.DataFrame(found[found["dataset"] == "houses"].sort_values("object_id"))


def test_rasters_become_a_data_set_that_can_be_undone(scene: Store) -> None:
    result = ANALYSES["spectral_index"].run(scene, {"index": "NDVI"})
    kept = keep(scene, result, "greenness")
    assert (kept.new, kept.changed, kept.same) == (1, 0, 0)
    (ndvi,) = (each for each in scene.coverages() if each.kind == "index")
    assert ndvi.name == "greenness/NDVI 2024-06-01"
    assert ndvi.valid_from == date(2024, 6, 1)
    latest = scene.loads()[0]
    assert latest["load"] == kept.load
    assert latest["file"].startswith("spectral_index ")
    assert latest["params"] == {"index": "NDVI", "day": ""}
    assert (latest["analysis"], latest["city_version"]) == ("spectral_index", 1)
    assert scene.check() == []
    scene.undo(kept.load or 0)
    assert [each.kind for each in scene.coverages()] == ["imagery"]


def test_the_same_again_changes_nothing(scene: Store) -> None:
    keep(scene, ANALYSES["spectral_index"].run(scene, {}), "greenness")
    version = scene.version()
    again = keep(scene, ANALYSES["spectral_index"].run(scene, {}), "greenness")
    assert (again.load, again.new, again.changed, again.same) == (None, 0, 0, 1)
    assert scene.version() == version


def test_another_result_joins_the_data_set_and_ends_nothing(scene: Store) -> None:
    for index in ("NDVI", "NDWI"):
        result = ANALYSES["spectral_index"].run(scene, {"index": index})
        keep(scene, result, "indices")
    names = [each.name for each in scene.coverages()]
    assert names == ["s2", "indices/NDVI 2024-06-01", "indices/NDWI 2024-06-01"]


def test_who_is_credited_for_the_image_is_credited_for_what_was_made_of_it(scene: Store) -> None:
    keep(scene, ANALYSES["spectral_index"].run(scene, {}), "greenness")
    (made,) = (each for each in scene.datasets() if each["dataset"] == "greenness")
    assert made["attribution"] == "Them"


def test_what_is_made_of_a_secret_image_is_secret(scene: Store, tmp_path: Path) -> None:
    later = image(tmp_path / "later.tif", date(2025, 6, 1), 3400, "secret")
    put(scene, Dataset("later", attribution="Others"), later)
    keep(scene, ANALYSES["land_change"].run(scene, {}), "changes")
    (change,) = (each for each in scene.coverages() if each.kind == "index")
    assert change.access == "secret"
    (made,) = (each for each in scene.datasets() if each["dataset"] == "changes")
    assert made["attribution"] == "Others; Them"
    keep(scene, ANALYSES["spectral_index"].run(scene, {"day": "2024-06-01"}), "changes")
    (both,) = (each for each in scene.datasets() if each["dataset"] == "changes")
    assert (both["coverages"], both["attribution"]) == (2, "Others; Them")


def test_a_data_set_from_a_file_is_not_taken_over(scene: Store) -> None:
    result = ANALYSES["spectral_index"].run(scene, {})
    with pytest.raises(ConflictError, match="loaded from a file"):
        keep(scene, result, "s2")
    assert [each.name for each in scene.coverages()] == ["s2"]


def test_a_table_of_groups_cannot_be_kept(measured: Store) -> None:
    with pytest.raises(InputError, match="nothing to keep"):
        keep(measured, ANALYSES["building_stock"].run(measured, {}), "stock")


def test_unknown_heights_are_filled_and_known_ones_stay(measured: Store) -> None:
    before = heights(measured)
    kept = keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses")
    assert (kept.new, kept.changed) == (0, 2)
    after = heights(measured)
    assert after["height"].tolist() == pytest.approx([9.5, 12, 12])
    assert np.isnan(after["ground_height"].iloc[0])
    assert after["ground_height"].iloc[1:].tolist() == pytest.approx([70, 70])
    assert after["version"].tolist() == [1, 2, 2]
    sources = [each.get("height_source") for each in after["attributes"]]
    assert sources == [None, *["building_heights: surface, terrain"] * 2]
    for name in ("object_id", "storeys_above_ground", "status", "access", "function", "name"):
        pd.testing.assert_series_equal(after[name], before[name])
    assert [each.get("owner") for each in after["attributes"]] == ["A", "B", None]
    assert after.geometry.tolist() == before.geometry.tolist()
    assert measured.check() == []


def test_surfaces_go_with_the_new_version(measured: Store) -> None:
    oid = int(heights(measured).index[1])
    (before,) = measured.meshes([oid])[oid]
    keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses")
    (after,) = measured.meshes([oid])[oid]
    assert after.parts == before.parts
    assert np.array_equal(after.vertices, before.vertices)
    assert np.array_equal(after.indices, before.indices)


def test_the_data_set_keeps_its_licence_and_its_other_objects(measured: Store) -> None:
    kept = keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses")
    (found,) = (each for each in measured.datasets() if each["dataset"] == "houses")
    assert (found["licence"], found["attribution"], found["objects"]) == ("ODbL", "We", 3)
    told = measured.describe(int(heights(measured).index[1]))
    assert [each["version"] for each in told["history"]][-1] == 2
    assert measured.loads()[0]["changed"] == 2
    measured.undo(kept.load or 0)
    assert np.isnan(heights(measured)["height"].iloc[1:]).all()
    assert heights(measured)["version"].tolist() == [1, 1, 1]
    assert measured.check() == []


def test_filled_heights_are_not_filled_again(measured: Store) -> None:
    keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses")
    version = measured.version()
    again = keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses")
    assert (again.load, measured.version()) == (None, version)


def test_known_heights_are_overwritten_when_told(measured: Store) -> None:
    kept = keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses", overwrite=True)
    assert kept.changed == 3
    assert heights(measured)["height"].tolist() == pytest.approx([12, 12, 12])
    again = keep(measured, ANALYSES["building_heights"].run(measured, {}), "houses", overwrite=True)
    assert (again.load, again.same) == (None, 3)


def test_heights_go_only_into_a_data_set_they_are_about(measured: Store) -> None:
    result = ANALYSES["building_heights"].run(measured, {})
    with pytest.raises(NotFoundError, match="no data set 'new'"):
        keep(measured, result, "new")
    with pytest.raises(InputError, match="not about the data set 'terrain'") as refused:
        keep(measured, result, "terrain")
    assert refused.value.hint == "houses, sheds"


def test_heights_of_a_city_that_has_changed_are_refused(measured: Store) -> None:
    result = ANALYSES["building_heights"].run(measured, {})
    put(measured, Dataset("more"), cities.street(1, prefix="m"))
    with pytest.raises(ConflictError, match="has changed"):
        keep(measured, result, "houses")
    assert heights(measured)["version"].tolist() == [1, 1, 1]


def test_what_is_not_above_the_ground_is_no_height(measured: Store) -> None:
    result = ANALYSES["building_heights"].run(measured, {})
    assert result.found is not None
    assert ANALYSES["building_heights"].finds is not None
    sunk = result.table.assign(height=-0.5)
    assert ANALYSES["building_heights"].finds(sunk, result.facts).empty
    kept = keep(measured, replace(result, found=result.found.iloc[:0]), "houses")
    assert kept.load is None


def test_what_an_object_says_already_is_not_written_again(measured: Store) -> None:
    result = ANALYSES["building_heights"].run(measured, {})
    known = heights(measured)[["height"]]
    kept = keep(measured, replace(result, found=known), "houses", overwrite=True)
    assert (kept.load, kept.changed, kept.same) == (None, 0, 3)
