"""The sample city in a real browser, as a newcomer meets it."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from browser import Pages
from playwright.sync_api import expect
from served import Served
from twin import Twin, colours, difference

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ELEMENTS = {
    "BuildingConstructiveElement",
    "BuildingInstallation",
    "BuildingFurniture",
    "Door",
    "Window",
}


def features(served: Served, class_name: str, where: str = "", limit: int = 5) -> list[Any]:
    query = urlencode({"class": class_name, "where": where, "limit": limit})
    found = served.get(f"api/features?{query}")
    return list(found["features"])


def an_object(served: Served, class_name: str, where: str = "") -> dict[str, Any]:
    """Everything the API says about one object of a class."""
    feature = features(served, class_name, where, limit=1)[0]
    return dict(served.get(f"api/objects/{feature['properties']['oid']}"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_shows_the_city_in_both_languages(
    pages: Pages, sample_app: Served, language: str
) -> None:
    twin = Twin.open(pages, sample_app, language)
    expect(twin.page.locator("html")).to_have_attribute("lang", language)
    expect(twin.page.get_by_role("heading", name=twin.say("layers.title"))).to_be_visible()
    expect(twin.page.get_by_role("combobox", name=twin.say("search.label"))).to_be_visible()
    assert colours(twin.shot("city")) > 500


def test_everything_comes_from_this_machine(pages: Pages, sample_app: Served) -> None:
    twin = Twin.open(pages, sample_app)
    fetched = twin.page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert len(fetched) > 5
    assert [
        each for each in fetched if not each.startswith((sample_app.url, "blob:", "data:"))
    ] == []


def test_every_layer_is_listed_with_its_legend(pages: Pages, sample_app: Served) -> None:
    twin = Twin.open(pages, sample_app, "zh")
    listed = sample_app.get("api/layers")
    shown = [each for each in listed if each["kind"] != "imagery"]
    names = twin.page.locator("#layers .layer-name").all_inner_texts()
    assert sorted(names) == sorted(each["title_zh"] for each in shown)
    entries = sum(len(each["legend"]) for each in shown)
    assert entries > 0
    assert twin.page.locator("#layers .legend li").count() == entries


def test_a_raster_lies_on_the_ground_with_its_legend(pages: Pages, sample_app: Served) -> None:
    listed = sample_app.get("api/layers")
    raster = next(each for each in listed if each["id"].startswith("population"))
    twin = Twin.open(pages, sample_app, "zh")
    before = twin.shot("imagery")
    assert twin.page.locator("#layers .imagery + .legend").count() == 0
    twin.page.locator("#imagery").select_option(raster["id"])
    twin.settle()
    labels = twin.page.locator("#layers .imagery + .legend li").all_inner_texts()
    assert labels == [each["label_zh"] for each in raster["legend"]]
    assert difference(before, twin.shot("population")) > 0.1


def test_a_click_on_a_building_shows_what_is_known_of_it(pages: Pages, sample_app: Served) -> None:
    building = an_object(sample_app, "Building", "height > 25")
    twin = Twin.open(pages, sample_app)
    twin.fly(building["position"], zoom=19)
    x, y, picked = twin.find({"buildings"})
    known = twin.panel_object(picked["oid"])
    panel = twin.click(x, y)
    expect(panel).to_contain_text(known["object_id"])
    expect(panel).to_contain_text(known["dataset"])
    panel.get_by_text(twin.say("object.provenance")).click()
    expect(panel).to_contain_text(known["provenance"]["sha256"][:12])
    panel.get_by_text(twin.say("object.history")).click()
    expect(panel).to_contain_text(twin.say("object.version").replace("{version}", "1"))
    for name in list(known["attributes"])[:3]:
        expect(panel).to_contain_text(name)
    twin.shot("building")


def test_looking_straight_down_at_a_building_finds_that_building(
    pages: Pages, sample_app: Served
) -> None:
    twin = Twin.open(pages, sample_app)
    right = 0
    buildings = features(sample_app, "Building", "height > 20", limit=5)
    for feature in buildings:
        building = sample_app.get(f"api/objects/{feature['properties']['oid']}")
        twin.fly(building["position"], zoom=20)
        _, _, picked = twin.find({"buildings"})
        right += picked["oid"] == building["oid"]
    assert right >= len(buildings) - 1, "a building's middle may lie outside an L-shaped one"


def test_search_finds_an_object_and_flies_there(pages: Pages, sample_app: Served) -> None:
    wanted = an_object(sample_app, "Building", "height > 30")
    twin = Twin.open(pages, sample_app, "zh")
    before = twin.camera()
    twin.page.get_by_role("combobox", name=twin.say("search.label")).fill(wanted["object_id"])
    hit = twin.page.get_by_role("option").filter(has_text=wanted["object_id"]).first
    hit.wait_for()
    twin.shot("search")
    hit.click()
    expect(twin.page.locator("#object")).to_contain_text(wanted["object_id"])
    twin.page.wait_for_timeout(2500)
    twin.settle()
    after = twin.camera()
    assert after != before
    assert after[:2] == pytest.approx(wanted["position"][:2], abs=1e-4)
    twin.shot("found")


def test_a_shared_link_restores_what_was_seen(pages: Pages, sample_app: Served) -> None:
    building = an_object(sample_app, "Building", "height > 25")
    twin = Twin.open(pages, sample_app, "zh")
    twin.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    twin.fly(building["position"], zoom=18, pitch=50)
    x, y, picked = twin.find({"buildings"})
    twin.click(x, y)
    shown = twin.page.locator("#layer-land_use")
    shown.click()
    checked = shown.is_checked()
    twin.page.get_by_role("button", name=twin.say("tool.share")).click()
    link = twin.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(sample_app.url)

    other = Twin.open(pages, sample_app, "zh", link.removeprefix(sample_app.url))
    known = other.panel_object(picked["oid"])
    expect(other.page.locator("#object")).to_contain_text(known["object_id"])
    assert other.camera() == pytest.approx(twin.camera(), abs=1e-3)
    assert other.page.locator("#layer-land_use").is_checked() == checked
    other.shot("shared")


def test_underground_the_pipes_show_through_the_ground(pages: Pages, sample_app: Served) -> None:
    pipe = an_object(sample_app, "Pipe")
    twin = Twin.open(pages, sample_app)
    twin.fly(pipe["position"], zoom=18.5, pitch=45)
    before = twin.shot("above")
    twin.page.get_by_role("button", name=twin.say("tool.underground")).click()
    twin.page.wait_for_timeout(600)
    twin.settle()
    below = twin.shot("underground")
    assert difference(before, below) > 0.05
    layers = {each["id"] for each in sample_app.get("api/layers") if each["underground"]}
    x, y, picked = twin.find(layers)
    known = twin.panel_object(picked["oid"])
    assert known["class"] in {"Pipe", "Cable", "Canal", "Manhole", "Valve", "UtilityNode", "Tunnel"}
    expect(twin.click(x, y)).to_contain_text(known["object_id"])
    twin.shot("pipe")


def test_a_single_element_of_a_bim_model_can_be_chosen(pages: Pages, sample_app: Served) -> None:
    element = an_object(sample_app, "BuildingConstructiveElement")
    twin = Twin.open(pages, sample_app, "zh")
    twin.fly(element["position"], zoom=20, pitch=50)
    x, y, picked = twin.find()
    known = twin.panel_object(picked["oid"])
    assert known["class"] in ELEMENTS
    panel = twin.click(x, y)
    expect(panel).to_contain_text(known["object_id"])
    expect(panel).to_contain_text(re.compile(r"Pset_|Qto_|GlobalId"))
    twin.shot("bim")


def test_switching_the_language_changes_every_word(pages: Pages, sample_app: Served) -> None:
    twin = Twin.open(pages, sample_app, "en")
    twin.page.get_by_role("button", name=twin.say("tool.language.label")).click()
    expect(twin.page.get_by_role("heading", name="图层")).to_be_visible()
    assert "Layers" not in twin.page.locator("#layers").inner_text()


def test_it_can_be_used_with_the_keyboard_alone(pages: Pages, sample_app: Served) -> None:
    wanted = an_object(sample_app, "Building", "height > 30")
    twin = Twin.open(pages, sample_app)
    twin.page.keyboard.press("/")
    twin.page.keyboard.type(wanted["object_id"])
    twin.page.get_by_role("option").first.wait_for()
    twin.page.keyboard.press("Enter")
    expect(twin.page.locator("#object")).to_contain_text(wanted["object_id"])
    for _ in range(120):
        twin.page.keyboard.press("Tab")
        if twin.page.evaluate("document.activeElement.classList.contains('panel-close')"):
            break
    twin.page.keyboard.press("Enter")
    expect(twin.page.locator("#object")).to_be_hidden()
