"""The documentation says what the code does, and all of it."""

import math
import re
import subprocess
from pathlib import Path
from typing import Any

import cities
import generate
import mapbox_vector_tile
import pandas as pd
import pytest
from shapely import Point

from cim.analyses import ANALYSES
from cim.model import Batch, Dataset
from cim.schema import CLASSES, TABLES
from cim.store import create_city
from cim.store.writing import Delivery
from ingest import READERS
from ingest.reader import ReadOptions
from layers import LAYERS
from layers.layer import TileRequest
from layers.mercator import TileAddress
from webapp.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def reference(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def test_reference_pages_are_up_to_date() -> None:
    assert generate.stale() == [], "run python docs/generate.py"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("readers.md", list(READERS)),
        ("layers.md", list(LAYERS)),
        ("analyses.md", list(ANALYSES)),
        ("data-dictionary.md", [*CLASSES, *TABLES]),
        ("commands.md", [name for name, _ in generate.commands_of("cim", main)]),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_every_listed_thing_has_its_entry(page: str, names: list[str]) -> None:
    text = reference(page)
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda each: str(each.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text(encoding="utf-8"))]
    inside = [each for each in targets if "://" not in each]
    assert [each for each in inside if not (page.parent / each).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda each: str(each.relative_to(ROOT)))
def test_commands_shown_exist(page: Path) -> None:
    known = {name.split()[1] for name, _ in generate.commands_of("cim", main)}
    shown = re.findall(r"^(?:\$ )?(?:\.venv/bin/)?cim ([a-z]+)", page.read_text(), re.MULTILINE)
    assert set(shown) <= known


def test_readme_shows_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "bash .ci/demo" in text
    assert "bash .ci/test" in text
    assert "CIM here is not IEC 61970" in text


@pytest.mark.parametrize("script", ["demo", "test", "run", "frontend", "environment"])
def test_scripts_are_sound_and_name_no_registry(script: str) -> None:
    path = ROOT / ".ci" / script
    done = subprocess.run(["bash", "-n", path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "://" not in path.read_text(encoding="utf-8")


def example(page: str) -> dict[str, Any]:
    """What the first Python block of a page defines."""
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block
    names: dict[str, Any] = {}
    exec(compile(block[1], page, "exec"), names)
    return names


def test_the_reader_of_the_how_to_reads(tmp_path: Path) -> None:
    file = tmp_path / "kaifeng.places"
    file.write_text("Iron Pagoda\t114.371\t34.820\nnowhere\n", encoding="utf-8")
    reading = example("add-a-reader.md")["PLACES"].open(file, ReadOptions(), tmp_path)
    (batch,) = reading
    assert batch.objects["object_id"].tolist() == ["Iron Pagoda"]
    assert (batch.objects["geometry"][0].x, reading.crs) == (114.371, "EPSG:4326")
    assert [(each.object, each.code) for each in reading.rejected] == [("2", "not_a_place")]


def test_the_analysis_of_the_how_to_counts_tall_buildings(tmp_path: Path) -> None:
    above_height = example("add-an-analysis.md")["above_height"]
    with create_city(str(tmp_path / "city"), cities.CRS) as store:
        with store.load(Delivery(Dataset("street"), file="street")) as load:
            load.put(cities.street(3))
        result = above_height.run(store, {"limit": "5"})
    assert sorted(result.table["excess"]) == [0.0, 1.0, 4.0]
    assert result.facts == {"too_high": 2}


def test_the_layer_of_the_how_to_draws_bus_stops_only(tmp_path: Path) -> None:
    stops = example("add-a-layer.md")["STOPS"]
    points = pd.DataFrame({"object_id": ["s0", "l0"], "class": "CityFurniture"})
    points["name"] = ["Iron Pagoda", "Lamp"]
    points["function"] = ["bus_stop", "street_lamp"]
    points["geometry"] = pd.Series([Point(cities.ORIGIN)] * 2, dtype=object)
    with create_city(str(tmp_path / "city"), cities.CRS) as store:
        with store.load(Delivery(Dataset("stops"), file="stops")) as load:
            load.put(Batch(points))
        (position,) = {tuple(hit["position"]) for hit in store.search("Iron Pagoda")}
        x, y = tile_of(*position, zoom=15)
        tile = stops.draw(TileRequest(store, stops, TileAddress(15, x, y)))
    (drawn,) = mapbox_vector_tile.decode(tile).values()
    assert [each["properties"]["name"] for each in drawn["features"]] == ["Iron Pagoda"]


def tile_of(longitude: float, latitude: float, zoom: int) -> tuple[int, int]:
    """Column and row of the web Mercator tile at a place."""
    count = 2**zoom
    up = math.asinh(math.tan(math.radians(latitude))) / math.pi
    return int((longitude + 180) / 360 * count), int((1 - up) / 2 * count)


def test_every_decision_has_its_three_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert decisions
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert all(f"**{part}.**" in text for part in ("Context", "Choice", "Consequences")), path


def test_picture_in_the_readme_is_a_small_real_one() -> None:
    picture = ROOT / "docs" / "images" / "twin.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 400_000
