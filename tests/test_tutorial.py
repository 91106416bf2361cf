"""The tutorial's commands are run as they stand there, and do what it says."""

import re
import shlex
from pathlib import Path

import pytest
from served import cim, cim_json

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").partition("## Make a city")[2]


def commands() -> list[list[str]]:
    """What a reader types after ``cim``, in order; serving is left out."""
    lines = re.findall(r"^cim .*", TEXT, re.MULTILINE)
    return [shlex.split(line)[1:] for line in lines if not line.startswith("cim serve")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file of the tutorial, in which its commands run."""
    found = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert found
    (tmp_path / "houses.geojson").write_text(found[1], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_first_city(desk: Path) -> None:
    (init, doctor, load, *shows, undo) = commands()
    assert "my.city" in cim(*init).stdout
    assert "EPSG:4326" in cim(*doctor).stdout
    assert cim_json(*load)["loads"][0]["new"] == 2
    assert "Tea house" in cim(*shows[0]).stdout
    (again,) = cim_json(*load)["loads"]
    assert (again["new"], again["changed"], again["same"]) == (0, 0, 2)

    file = desk / "houses.geojson"
    file.write_text(file.read_text().replace('"height": 18', '"height": 21'))
    (changed,) = cim_json(*load)["loads"]
    assert (changed["changed"], changed["same"]) == (1, 1)
    school = cim_json(*shows[1])
    assert (school["height"], len(school["history"])) == (21, 2)
    cim(*undo)
    assert cim_json(*shows[1])["height"] == 18
