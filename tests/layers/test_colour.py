import numpy as np
import pytest

from layers.colour import darker, rgba
from layers.legends import BUILDINGS, LAND_USE, NETWORKS, ROADS


@pytest.mark.parametrize(
    ("scheme", "word", "name"),
    [
        (BUILDINGS, "residential", "residential"),
        (BUILDINGS, "Apartments", "residential"),
        (BUILDINGS, "住宅", "residential"),
        (BUILDINGS, "retail", "commercial"),
        (BUILDINGS, "hospital", "public"),
        (BUILDINGS, None, "other"),
        (BUILDINGS, float("nan"), "other"),
        (BUILDINGS, "wigwam", "other"),
        (LAND_USE, "0701", "residential"),
        (LAND_USE, "1401", "green"),
        (LAND_USE, "forest", "forest"),
        (NETWORKS, "JS", "water"),
        (NETWORKS, "sewer", "sewer"),
        (ROADS, "motorway_link", "major"),
        (ROADS, "living_street", "minor"),
    ],
)
def test_a_word_finds_its_category(scheme, word, name):
    (number,) = scheme.of([word])
    assert scheme.categories[number].name == name


def test_networks_have_the_colours_of_the_standard():
    hue = {each.name: np.array(rgba(each.color)[:3]) for each in NETWORKS.categories}
    assert hue["water"].argmax() == 2
    assert hue["power"].argmax() == 0
    assert hue["telecom"].argmax() == 1
    assert hue["sewer"][0] > hue["sewer"][1] > hue["sewer"][2]


@pytest.mark.parametrize("scheme", [BUILDINGS, LAND_USE, NETWORKS, ROADS])
def test_no_two_categories_look_the_same(scheme):
    palette = scheme.palette[:, :3].astype(int)
    apart = np.abs(palette[:, None] - palette[None]).sum(axis=-1)
    assert apart[~np.eye(len(palette), dtype=bool)].min() >= 20


def test_shade_takes_light_not_opacity():
    assert darker(np.array([[200, 100, 0, 128]], np.uint8), 0.5).tolist() == [[100, 50, 0, 128]]
