"""A watched folder: what comes is loaded once, what fails is listed, a restart remembers."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from feature_files import frame

from cim.store import create_city, open_city
from webapp.cli import main
from webapp.cli.watching import Folder


@pytest.fixture
def made(tmp_path: Path) -> str:
    """An empty city."""
    location = str(tmp_path / "a.city")
    create_city(location, "EPSG:4547").close()
    return location


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, looked at often."""
    monkeypatch.setattr("webapp.cli.watching.EVERY", 0.05)
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def houses(path: Path, count: int = 3) -> Path:
    path.parent.mkdir(exist_ok=True)
    frame({"name": [f"n{at}" for at in range(count)]}).to_file(path)
    return path


def watch(city: str, folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["load", city, "--watch", str(folder), "--once", *more])


def loads(city: str) -> list[str]:
    with open_city(city) as store:
        return [each["dataset"] for each in reversed(store.loads())]


class TestFolder:
    def test_a_file_is_ready_when_it_is_the_same_twice(self, made: str, inbox: Path) -> None:
        folder = Folder(inbox, made)
        path = houses(inbox / "a.gpkg")
        assert folder.arrivals() == []
        assert folder.pending()
        with path.open("ab") as growing:
            growing.write(b"more")
        assert folder.arrivals() == []
        assert [each.path for each in folder.arrivals()] == [path]

    def test_a_sidecar_that_comes_late_counts(self, made: str, inbox: Path) -> None:
        folder = Folder(inbox, made)
        path = houses(inbox / "a.shp")
        prj = path.with_suffix(".prj").read_bytes()
        path.with_suffix(".prj").unlink()
        folder.arrivals()
        path.with_suffix(".prj").write_bytes(prj)
        assert folder.arrivals() == []
        assert len(folder.arrivals()) == 1

    def test_what_was_noted_is_known_after_a_restart(self, made: str, inbox: Path) -> None:
        houses(inbox / "a.gpkg")
        folder = Folder(inbox, made)
        folder.arrivals()
        (arrival,) = folder.arrivals()
        folder.note(arrival, "")
        assert folder.arrivals() == []
        again = Folder(inbox, made)
        again.arrivals()
        assert (again.arrivals(), again.pending()) == ([], False)
        assert again.known["a.gpkg"]["state"] == "loaded"

    def test_a_folder_with_a_delivery_is_one_thing(self, made: str, inbox: Path) -> None:
        houses(inbox / "may" / "a.gpkg")
        plan = inbox / "may" / "delivery.toml"
        plan.write_text('[[dataset]]\nfile = "a.gpkg"\n')
        folder = Folder(inbox, made)
        folder.arrivals()
        assert [each.path for each in folder.arrivals()] == [plan]


class TestCommand:
    def test_loads_what_is_there_and_lists_what_fails(self, made: str, inbox: Path) -> None:
        houses(inbox / "a.gpkg")
        (inbox / "bad.geojson").write_text("{")
        houses(inbox / "sub" / "c.gpkg")
        (inbox / "notes.pdf").write_bytes(b"%PDF")
        result = watch(made, inbox)
        assert result.exit_code == 1
        assert loads(made) == ["a", "c"]
        assert "loaded: 2, failed: 1" in result.stdout
        assert "not loaded: bad.geojson" in result.stderr

    def test_a_restart_loads_only_what_is_new_or_was_mended(self, made: str, inbox: Path) -> None:
        houses(inbox / "a.gpkg")
        (inbox / "b.geojson").write_text("{")
        watch(made, inbox)
        shutil.copy(houses(inbox.parent / "good.geojson"), inbox / "b.geojson")
        result = watch(made, inbox)
        assert result.exit_code == 0, result.output
        assert "loaded: 1, failed: 0" in result.stdout
        assert loads(made) == ["a", "b"]

    def test_options_are_those_of_a_load(self, made: str, inbox: Path) -> None:
        houses(inbox / "a.gpkg")
        assert watch(made, inbox, "--class", "Bridge").exit_code == 0
        with open_city(made) as store:
            assert store.info().classes == {"Bridge": 3}

    @pytest.mark.parametrize("arguments", [[], ["a.gpkg", "--watch", "."], ["a.gpkg", "--once"]])
    def test_it_is_either_files_or_a_folder(self, made: str, arguments: list[str]) -> None:
        assert CliRunner().invoke(main, ["load", made, *arguments]).exit_code == 2

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_polite_request_ends_it(self, made: str, inbox: Path, number: int) -> None:
        houses(inbox / "a.gpkg")
        command = [sys.executable, "-m", "webapp", "load", made, "--watch", str(inbox)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not loads(made) and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err.decode()
        assert "loaded: 1, failed: 0" in out.decode()
