"""Deliveries: what their list may say, and what is refused before anything is loaded."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from feature_files import KAIFENG, geojson, square
from untouched import check_sound, trace

from cim.errors import CimError
from cim.store import Store, create_city
from ingest import PartlyLoadedError, ReadOptions, delivery, load_files
from ingest.delivery import CityPlan, dataset_name

LIST = """
[city]
name = "Kaifeng"
crs = "EPSG:4547"
height_datum = "EPSG:5737"

[[dataset]]
name = "Houses"
file = "houses.geojson"
title = "Houses of the old town"
licence = "CC-BY-4.0"

[dataset.options]
class_name = "Building"
crs = "gcj02"
valid_from = "2024"

[dataset.options.fields]
"层数" = "storeys_above_ground"

[[dataset]]
file = "more/roads.geojson"
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_city(str(tmp_path / "city"), "EPSG:4547") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that LIST lists."""
    found = tmp_path / "delivered"
    (found / "more").mkdir(parents=True)
    geojson(found / "houses.geojson", [(square(*KAIFENG), {"id": "h", "层数": "6F"})])
    geojson(found / "more" / "roads.geojson", [(square(*KAIFENG), {"id": "r"})])
    return found


def written(folder: Path, text: str) -> Path:
    path = folder / "delivery.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_says_which_files_make_which_data_sets(folder: Path) -> None:
    plan, items = delivery(written(folder, LIST))
    assert plan == CityPlan("Kaifeng", "EPSG:4547", "EPSG:5737")
    houses, roads = items
    assert (houses.dataset, houses.licence) == ("Houses", "CC-BY-4.0")
    assert houses.options == ReadOptions(
        class_name="Building",
        crs="gcj02",
        valid_from="2024-01-01",
        fields={"层数": "storeys_above_ground"},
    )
    assert (roads.dataset, roads.file.name) == ("roads", "roads.geojson")


def test_is_loaded_as_it_says(store: Store, folder: Path) -> None:
    reports = load_files(store, [written(folder, LIST)])
    assert [(each.dataset, each.new, each.crs) for each in reports] == [
        ("Houses", 1, "GCJ-02"),
        ("roads", 1, "EPSG:4326"),
    ]
    check_sound(store, reports)
    house = store.select(classes=["Building"]).objects.iloc[0]
    assert house["storeys_above_ground"] == 6
    assert store.datasets()[0]["licence"] == "CC-BY-4.0"


FIRST = 'file = "houses.geojson"'
REFUSED = {
    "no TOML": ("[city", "not a delivery"),
    "nothing in it": ("", "lists no data set"),
    "no list": (f"[dataset]\n{FIRST}", "lists no data set"),
    "a list of texts": ('dataset = ["houses.geojson"]', "lists no data set"),
    "an unknown table": (f"[[datasets]]\n{FIRST}", "unknown key 'datasets' .*'dataset'"),
    "an unknown key": (f'[[dataset]]\n{FIRST}\nlicense = "x"', "'license' .*'licence'"),
    "an unknown option": (
        f'[[dataset]]\n{FIRST}\n[dataset.options]\nclass = "x"',
        "houses.geojson: unknown key 'class' .*class_name",
    ),
    "an option of the city": ('[city]\ncsr = "x"', "unknown key 'csr' .*'crs'"),
    "a number for a text": (
        f"[[dataset]]\n{FIRST}\n[dataset.options]\ncrs = 4547",
        'crs = 4547 is no text .*crs = "4547"',
    ),
    "no table of options": (f'[[dataset]]\n{FIRST}\noptions = "x"', "is no table"),
    "fields in a list": (
        f'[[dataset]]\n{FIRST}\n[dataset.options]\nfields = ["a"]',
        "fields is no table",
    ),
    "no file": ('[[dataset]]\nname = "x"', "a data set without `file`"),
    "an empty file name": ('[[dataset]]\nfile = ""', "a data set without `file`"),
    "a number as file": ("[[dataset]]\nfile = 3", "a data set without `file`"),
    "a path that leads out": ('[[dataset]]\nfile = "../x.shp"', r"\.\./x\.shp leaves"),
    "an absolute path": ('[[dataset]]\nfile = "/etc/passwd"', "/etc/passwd leaves"),
    "files that are not there": (
        '[[dataset]]\nfile = "a.shp"\n[[dataset]]\nfile = "b.shp"',
        r"a\.shp, b\.shp: not there",
    ),
    "an unknown class": (
        f'[[dataset]]\n{FIRST}\n[dataset.options]\nclass_name = "House"',
        "houses.geojson: class: no class 'House'",
    ),
    "an unknown CRS": (
        f'[[dataset]]\n{FIRST}\n[dataset.options]\ncrs = "EPSG:1"',
        "houses.geojson: crs: unknown coordinate system",
    ),
    "no day": (
        f'[[dataset]]\n{FIRST}\n[dataset.options]\nvalid_from = "soon"',
        "houses.geojson: valid_from: 'soon' is no day",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_that_cannot_be_meant_is_refused_before_anything_is_loaded(
    store: Store, folder: Path, what: str
) -> None:
    text, said = REFUSED[what]
    path = written(folder, text)
    before = trace(store)
    with pytest.raises(CimError, match=f"^delivery.toml: .*{said}") as caught:
        load_files(store, [path])
    assert caught.value.hint
    assert trace(store) == before


def test_that_is_not_utf8_is_refused(folder: Path) -> None:
    path = folder / "delivery.toml"
    path.write_bytes('[city]\nname = "开封"'.encode("gb18030"))
    with pytest.raises(CimError, match="not a delivery"):
        delivery(path)


def test_with_one_bad_file_loads_the_others_and_says_so(store: Store, folder: Path) -> None:
    (folder / "houses.geojson").write_text('{"type": "FeatureCollection", "features": [')
    with pytest.raises(PartlyLoadedError) as caught:
        load_files(store, [written(folder, LIST)])
    assert str(caught.value).startswith(
        "1 of 2 data sets were not loaded: houses.geojson: it cannot be read: not valid JSON"
    )
    assert [each["dataset"] for each in store.datasets()] == ["roads"]
    check_sound(store, list(caught.value.reports))


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("roads.shp", "roads"),
        ("delft.city.json", "delft"),
        ("helsinki.osm.pbf", "helsinki"),
        ("GB_T.2024.gpkg", "GB_T.2024"),
        (".hidden", ".hidden"),
        ("开封.建筑.geojson", "开封"),
    ],
)
def test_a_file_lends_its_name_to_its_data_set(name: str, dataset: str) -> None:
    assert dataset_name(Path(name)) == dataset
