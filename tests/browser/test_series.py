"""The time series of an object, as its panel draws them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import small_city
from browser import Pages
from playwright.sync_api import expect
from served import Served, serving
from twin import Twin

from cim.model import Batch
from cim.series import SECOND, Datastream, Series, instant

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

HOURS = 8760


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    """A house whose electricity and temperature were taken for a year, with a gap in May."""
    city = str(tmp_path / "Testville.city")
    small_city.make(city)
    hours = np.arange(HOURS)
    times = instant("2024-01-01") + hours * 3600 * SECOND
    power = 40 + 20 * np.sin(hours * 2 * np.pi / 24) + 10 * np.cos(hours * 2 * np.pi / HOURS)
    power[3000:3400] = np.nan
    warmth = 15 - 12 * np.cos(hours * 2 * np.pi / HOURS)
    series = [
        Series(Datastream("b1/power", "electric power", "kW", "b1"), times, power),
        Series(Datastream("b1/temperature", "temperature", "Cel", "b1"), times, warmth),
    ]
    small_city.put(city, "houses", Batch(small_city.houses().objects, series=series))
    with serving(city, tmp_path / "log") as served:
        yield served


@pytest.mark.parametrize("language", ["en", "zh"])
def test_panel_draws_the_series_of_an_object(pages: Pages, app: Served, language: str) -> None:
    twin = Twin.open(pages, app, language)
    search = twin.page.get_by_role("combobox", name=twin.say("search.label"))
    search.fill("b1")
    twin.page.get_by_role("option").first.click()
    section = twin.page.locator(".series")
    expect(section).to_contain_text(f"{twin.say('series.title')} (2)")
    picture = section.get_by_role("img")
    expect(picture).to_have_attribute("aria-label", twin.say("series.told").replace(
        "{name}", "electric power").replace("{low}", "10 kW").replace("{high}", "70 kW").replace(
        "{count}", "8760"))  # fmt: skip
    line = str(picture.locator("path").get_attribute("d"))
    assert line.count("M") >= 2  # the gap is not drawn over
    assert line.count("L") > 400
    picture.scroll_into_view_if_needed()
    picture.hover()
    expect(section.locator(".series-readout")).to_contain_text("kW")
    twin.shot("series")
    section.get_by_role("combobox").select_option(index=1)
    expect(section.locator(".series-scale")).to_contain_text("27 °C")
