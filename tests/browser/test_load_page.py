"""The whole way of a bad file into the city and out again, by mouse, without a manual."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import lying_files
import numpy as np
import pytest
import shapely
import small_city
from browser import Pages
from load_page import LoadPage
from playwright.sync_api import expect
from served import Served, serving
from twin import colours

from cim.store import create_city, open_city

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

NAME = "新区建筑.shp"


@pytest.fixture
def city(tmp_path: Path) -> str:
    """A quarter of fifty houses."""
    location = str(tmp_path / "kaifeng.city")
    create_city(location, lying_files.CRS, name="开封").close()
    small_city.put(location, "现状建筑", lying_files.houses(lying_files.quarter()[:50]))
    return location


@pytest.fixture
def app(city: str, tmp_path: Path) -> Iterator[Served]:
    """The web app on it."""
    with serving(city, tmp_path / "log") as served:
        yield served


@pytest.fixture
def shapefile(tmp_path: Path) -> list[Path]:
    """Fifty-three houses, forty of which the city has, in GBK and GCJ-02 without a word on it."""
    path = lying_files.gbk_and_gcj02(tmp_path / NAME, lying_files.quarter()[10:])
    return [path.with_suffix(suffix) for suffix in (".shp", ".shx", ".dbf")]


def buildings(city: str) -> int:
    with open_city(city) as store:
        return int(store.info().classes.get("Building", 0))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_file_that_lies_is_mended_loaded_and_taken_back(
    app: Served, pages: Pages, city: str, shapefile: list[Path], language: str
) -> None:
    load = LoadPage.open(pages, app, language)
    load.shot("1-start")
    load.give(shapefile)
    expect(load.card(NAME)).to_contain_text(load.say("load.verdict.blocked"))
    expect(load.card(NAME)).to_contain_text(load.say("finding.crs_missing"))
    load.shot("2-examined")

    fix = load.finding(NAME, "crs_by_fit").get_by_role("button")
    fix.hover()
    assert load.counts()["after"] == 53
    fix.click()
    load.idle()
    expect(load.card(NAME)).not_to_contain_text(load.say("load.verdict.blocked"))
    expect(load.card(NAME).get_by_role("button", pressed=True)).to_contain_text("GCJ-02")
    load.until("window.cimLoad.counts.city >= 50")
    assert load.counts()["before"] == load.counts()["after"] == 53
    load.page.wait_for_timeout(800)
    assert colours(load.shot("3-mended")) > 20

    load.card(NAME).locator("details[data-part=mapping] summary").click()
    row = load.card(NAME).locator("tr[data-field=名称]")
    expect(row).to_contain_text("金明区政府")
    expect(row.locator("select")).to_have_value("name")
    load.shot("4-mapping")

    load.press("load.try")
    assert load.tiles("#step-trial")[load.say("load.new")] == "53"
    assert buildings(city) == 50
    load.shot("5-preview")

    load.press("load.start")
    assert load.tiles("#step-result")[load.say("load.new")] == "53"
    assert buildings(city) == 103
    load.shot("6-loaded")

    load.press("load.undo", "#step-result")
    load.page.locator("#step-result").get_by_role("button", name="2").click()
    expect(load.page.locator("#step-result")).to_contain_text(load.say("load.undone", load=2))
    assert buildings(city) == 50
    expect(load.page.locator("tr[data-load='2']")).to_contain_text(load.say("load.status.undone"))
    load.shot("7-undone")


def objects(city: str) -> int:
    with open_city(city) as store:
        return sum(store.info().classes.values())


@contextmanager
def busy(city: str) -> Iterator[None]:
    """Another program writes to the city meanwhile, so that a load has to wait."""
    other = sqlite3.connect(Path(city) / "city.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def points(path: Path, count: int) -> Path:
    """Points of interest."""
    random = np.random.default_rng(1)
    east = lying_files.ORIGIN[0] + random.uniform(0, 900, count)
    north = lying_files.ORIGIN[1] + random.uniform(0, 900, count)
    named = {"name": [f"n{at}" for at in range(count)]}
    shapes = shapely.points(east, north)
    gpd.GeoDataFrame(named, geometry=shapes, crs=lying_files.CRS).to_file(path)
    return path


def test_a_load_can_be_cancelled(app: Served, pages: Pages, city: str, tmp_path: Path) -> None:
    load = LoadPage.open(pages, app, "zh")
    load.give([points(tmp_path / "兴趣点.gpkg", 500)])
    result = load.page.locator("#step-result")
    with busy(city):
        load.page.locator("#load").click()
        expect(result.locator(".progress-text")).to_be_visible()
        load.shot("8-running")
        result.get_by_role("button", name=load.say("load.stop")).click()
        expect(result).to_contain_text(load.say("load.was.cancelled"))
        load.idle()
    assert objects(city) == 50
    load.shot("9-cancelled")
    load.press("load.start")
    assert objects(city) == 550


def test_a_load_outlives_a_reload_of_the_page(
    app: Served, pages: Pages, city: str, tmp_path: Path
) -> None:
    load = LoadPage.open(pages, app)
    load.give([points(tmp_path / "places.gpkg", 500)])
    with busy(city):
        load.page.locator("#load").click()
        expect(load.page.locator("#step-result .progress-text")).to_be_visible()
        load.page.reload()
        expect(load.page.locator("#step-result .progress-text")).to_be_visible()
    load.idle()
    expect(load.page.locator("#step-result")).to_contain_text("places")
    assert load.tiles("#step-result")["New"] == "500"
    assert objects(city) == 550
    load.shot("10-reloaded")


EVIL = "<img src=x onerror=alert(1)>.geojson"


def test_hostile_files_are_told_and_change_nothing(
    app: Served, pages: Pages, city: str, tmp_path: Path, shapefile: list[Path]
) -> None:
    noise, pointer, evil = (tmp_path / name for name in ("noise.gpkg", "pointer.geojson", EVIL))
    noise.write_bytes(bytes(range(256)) * 40)
    pointer.write_text("<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/passwd"
                       "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>")  # fmt: skip
    evil.write_text('{"type": "FeatureCollection", "features": [')
    load = LoadPage.open(pages, app)
    load.give([noise, pointer, evil, *shapefile])
    cards = load.page.locator(".file-card")
    assert cards.count() == 4
    for name in ("noise.gpkg", "pointer.geojson", "img src=x"):
        expect(load.card(name)).to_contain_text(load.say("load.verdict.blocked"))
    assert load.page.locator("img[src=x]").count() == 0
    load.shot("11-hostile")
    load.finding(NAME, "crs_by_fit").get_by_role("button").click()
    load.idle()
    load.press("load.start")
    expect(load.page.locator("#step-result [role=alert]")).to_have_count(3)
    assert buildings(city) == 103
    load.shot("12-partly")
