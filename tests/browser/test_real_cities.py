"""Real files: each lands in the right place with the known counts, and is seen in the twin."""

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import realdata
from browser import Pages
from served import cim, cim_json, serving
from twin import Twin, colours

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), realdata.real]


@dataclass(frozen=True)
class Case:
    """A real file, the city it is loaded into, and where on earth it must be."""

    name: str
    file: str
    crs: str
    place: tuple[float, float, float, float]
    """West, south, east, north in degrees, somewhat generous."""


DELFSHAVEN = Case(
    "delfshaven", "citymodel/cityjson/3-20-DELFSHAVEN.city.json", "EPSG:28992",
    (4.43, 51.90, 4.47, 51.92),
)  # fmt: skip
HELSINKI = Case("helsinki", "osm/pbf/Helsinki.osm.pbf", "EPSG:3879", (24.90, 60.14, 25.00, 60.20))
DUPLEX = Case(
    "duplex", "ifc/duplex/Duplex_A_20110907_georeferenced.ifc", "EPSG:2169",
    (6.09, 49.58, 6.16, 49.64),
)  # fmt: skip
SRTM = Case("srtm", "dem/srtm/N52E008.hgt.zip", "EPSG:25832", (7.99, 51.99, 9.01, 53.01))

WIEHEN_HILLS = [8.45, 52.29]
"""The rest of the tile is the flat north of Germany."""


def stated(case: Case) -> Mapping[str, int]:
    """Counts that MANIFEST.tsv states, such as ``IfcDoor=14`` or ``building ways=433``."""
    row = realdata.manifest()[case.file]
    text = f"{row['contents']}; {row['expected_facts']}"
    return {name.strip(): int(n) for name, n in re.findall(r"([A-Za-z][A-Za-z /]*)=(\d+)\b", text)}


def loaded(case: Case, folder: Path) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """The city, the report of the load, and what the city holds then."""
    city = folder / f"{case.name}.city"
    cim("init", city, "--crs", case.crs)
    (report,) = cim_json("load", city, realdata.path(case.file))["loads"]
    return city, report, cim_json("info", city)


def assert_inside(bbox: list[float], place: tuple[float, float, float, float]) -> None:
    west, south, east, north = place
    assert west <= bbox[0] <= bbox[2] <= east
    assert south <= bbox[1] <= bbox[3] <= north


def look(
    case: Case, city: Path, pages: Pages, folder: Path, near: list[float] | None = None
) -> None:
    """The city's page in Chinese, once more from closer by, with a picture of each.

    `near` is where to look from close by, if not at the middle.
    """
    with serving(city, folder / "log") as served, closing(Twin.open(pages, served, "zh")) as twin:
        assert colours(twin.shot(case.name)) > 30
        west, south, east, north = served.get("api/city")["bbox"]
        place = near or [(west + east) / 2, (south + north) / 2]
        twin.fly(place, zoom=twin.camera()[2] + 0.8, pitch=55)
        assert colours(twin.shot(f"{case.name}-near")) > 30


def test_delfshaven_cityjson_has_its_853_buildings(pages: Pages, tmp_path: Path) -> None:
    city, report, info = loaded(DELFSHAVEN, tmp_path)
    assert report["new"] + len(report["rejected"]) == 853
    assert info["classes"]["Building"] == 853
    assert_inside(info["bbox"], DELFSHAVEN.place)
    look(DELFSHAVEN, city, pages, tmp_path)


def test_helsinki_pbf_has_its_buildings_and_streets(pages: Pages, tmp_path: Path) -> None:
    city, report, info = loaded(HELSINKI, tmp_path)
    counts, classes = stated(HELSINKI), info["classes"]
    assert counts["building ways"] == 433
    assert 433 <= classes["Building"] <= 433 + counts["multipolygon"]
    assert classes["Road"] > 500
    assert "OpenStreetMap" in str(report) + str(info)
    assert_inside(info["bbox"], HELSINKI.place)
    look(HELSINKI, city, pages, tmp_path)


def test_duplex_ifc_has_its_elements_in_luxembourg(pages: Pages, tmp_path: Path) -> None:
    city, _, info = loaded(DUPLEX, tmp_path)
    counts, classes = stated(DUPLEX), info["classes"]
    assert classes["Building"] == counts["IfcBuilding"] == 1
    assert classes["BuildingStorey"] == counts["IfcBuildingStorey"] == 4
    assert classes["BuildingRoom"] == counts["IfcSpace"] == 21
    assert classes["Door"] == counts["IfcDoor"] == 14
    assert classes["Window"] == counts["IfcWindow"] == 24
    assert_inside(info["bbox"], DUPLEX.place)
    look(DUPLEX, city, pages, tmp_path)


def test_srtm_tile_is_the_ground_of_the_twin(pages: Pages, tmp_path: Path) -> None:
    city, _, info = loaded(SRTM, tmp_path)
    (coverage,) = info["coverages"]
    assert (coverage["kind"], coverage["width"], coverage["height"]) == ("terrain", 1201, 1201)
    assert_inside(info["bbox"], SRTM.place)
    look(SRTM, city, pages, tmp_path, near=WIEHEN_HILLS)
