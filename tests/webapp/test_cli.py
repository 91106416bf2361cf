"""The shell: what it prints, where, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import geopandas as gpd
import pytest
from click.testing import CliRunner, Result
from served import cim

from cim.store import open_city
from webapp.cli import COMMANDS, main


def run(*arguments: str | Path, code: int = 0) -> Result:
    """``cim …`` in this process; `code` is how it must end."""
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == code, result.output
    return result


def answer(*arguments: str | Path) -> Any:
    """What ``cim … --json`` prints: one document, nothing else."""
    return json.loads(run(*arguments, "--json").stdout)


def refusal(*arguments: str | Path) -> str:
    """The one line with which ``cim …`` refuses."""
    result = run(*arguments, code=1)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    return result.stderr


class TestHelp:
    def test_lists_every_command(self) -> None:
        text = run("--help").stdout
        assert all(f"  {name} " in text for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_a_command_starts_as_the_list_says_and_has_examples(self, name: str) -> None:
        text = run(name, "--help").stdout
        assert COMMANDS[name][1] in text
        assert f"cim {name} " in text.partition("Examples:")[2] + " "

    def test_is_quick(self) -> None:
        assert min(self.seconds() for _ in range(3)) < 0.5

    def seconds(self) -> float:
        """Processor time, so that a busy machine does not count."""
        before = os.times()
        subprocess.run([sys.executable, "-m", "webapp", "--help"], check=True, capture_output=True)
        after = os.times()
        return (after[2] - before[2]) + (after[3] - before[3])

    def test_mistyped_command_names_the_closest(self) -> None:
        assert "did you mean 'load'" in run("laod", code=2).stderr

    def test_missing_argument_is_wrong_usage(self) -> None:
        assert "Missing argument" in run("info", code=2).stderr


class TestInit:
    def test_makes_an_empty_city(self, tmp_path: Path) -> None:
        made = answer(
            "init", tmp_path / "a.city", "--crs", "EPSG:4547", "--height-datum", "EPSG:5737"
        )
        assert (made["crs"], made["height_datum"], made["version"]) == ("EPSG:4547", "EPSG:5737", 0)

    def test_refuses_degrees(self, tmp_path: Path) -> None:
        assert "not a projected system" in refusal("init", tmp_path / "a", "--crs", "EPSG:4326")

    def test_refuses_a_second_city_in_the_same_place(self, city: str) -> None:
        assert "already" in refusal("init", city, "--crs", "EPSG:4547")


class TestInfo:
    def test_counts_objects_per_class(self, city: str) -> None:
        found = answer("info", city)
        assert found["classes"] == {"Building": 5, "Pipe": 2, "Manhole": 3}
        assert found["objects"] == 10
        assert [each["dataset"] for each in found["datasets"]] == ["houses", "pipes"]
        assert found["bbox"] == pytest.approx([114.33874, 34.7958, 114.33951, 34.79687], abs=1e-4)
        assert found["version"] == 2

    def test_says_the_same_to_people(self, city: str) -> None:
        text = run("info", city).stdout
        assert "Testville" in text
        assert "Building  5" in text

    def test_datasets_and_loads_are_listed(self, city: str) -> None:
        assert [each["objects"] for each in answer("datasets", city)["datasets"]] == [5, 5]
        assert {each["load"] for each in answer("loads", city)["loads"]} == {1, 2}
        assert "houses" in run("loads", city).stdout
        assert "pipes" in run("datasets", city).stdout

    def test_refuses_where_there_is_no_city(self, tmp_path: Path) -> None:
        assert "no city" in refusal("info", tmp_path / "none")

    def test_refuses_in_json_too(self, tmp_path: Path) -> None:
        result = run("info", tmp_path / "none", "--json", code=1)
        assert json.loads(result.stdout)["error"]["kind"] == "NotFoundError"
        assert result.stderr.startswith("error: ")


class TestQuery:
    def test_gives_geojson_on_standard_output(self, city: str) -> None:
        found = json.loads(run("query", city, "--class", "Building").stdout)
        assert len(found["features"]) == 5

    def test_narrows_by_condition_box_and_number(self, city: str) -> None:
        tall = answer("query", city, "--where", "height > 6 AND function = 'residential'")
        assert [each["id"] for each in tall["features"]] == ["b2"]
        here = answer("query", city, "--bbox", "114.3,34.7,114.4,34.9", "--limit", "2")
        assert len(here["features"]) == 2
        assert answer("query", city, "--bbox", "1,1,2,2")["features"] == []

    @pytest.mark.parametrize("suffix", ["geojson", "parquet", "city.json", "gpkg", "csv"])
    def test_format_follows_from_the_name(self, city: str, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"out.{suffix}"
        told = answer("query", city, "--class", "Building", "-o", path)
        assert (told["objects"], told["bytes"]) == (5, path.stat().st_size)

    def test_cityjson_holds_surfaces(self, city: str, tmp_path: Path) -> None:
        path = tmp_path / "out.city.json"
        run("export", city, "-o", path)
        cube = json.loads(path.read_text())["CityObjects"]["c0"]["geometry"][0]
        assert (cube["lod"], cube["type"]) == ("2", "Solid")

    def test_geopackage_is_read_by_others(self, city: str, tmp_path: Path) -> None:
        path = tmp_path / "out.gpkg"
        run("export", city, "-o", path)
        assert len(gpd.read_file(path, layer="Building")) == 5

    def test_unknown_class_is_refused(self, city: str) -> None:
        assert "no class 'Bilding'" in refusal("query", city, "--class", "Bilding")

    def test_condition_that_is_none_is_refused(self, city: str) -> None:
        refusal("query", city, "--where", "height >")

    @pytest.mark.parametrize("bbox", ["1,2,3", "a,b,c,d", "5,5,1,1", "nan,0,1,1", "0,0,500,1"])
    def test_box_that_is_none_is_refused(self, city: str, bbox: str) -> None:
        assert "--bbox" in refusal("query", city, "--bbox", bbox)

    def test_day_that_is_none_is_refused(self, city: str) -> None:
        assert "ISO 8601" in refusal("query", city, "--at", "yesterday")

    def test_folder_that_is_not_there_is_refused(self, city: str, tmp_path: Path) -> None:
        assert "no such folder" in refusal("query", city, "-o", tmp_path / "none" / "a.csv")

    def test_json_and_a_binary_format_need_a_file(self, city: str) -> None:
        assert "-o FILE" in run("query", city, "--format", "gpkg", "--json", code=2).stderr

    @pytest.mark.parametrize("name", ["part.glb", "part.3dtiles"])
    def test_export_writes_solids_and_says_what_is_lost(
        self, city: str, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / name
        told = answer("export", city, "--where", "height > 4", "-o", path)
        assert told["format"] == path.suffix[1:]
        assert told["objects"] == answer("query", city, "--where", "height > 4", "-o",
                                         tmp_path / "same.csv")["objects"]  # fmt: skip
        assert any("body" in each for each in told["warnings"])
        assert told["bytes"] > 1000
        run("export", city, "--format", "glb", code=2)

    def test_export_needs_a_file_or_a_format(self, city: str) -> None:
        run("export", city, code=2)
        assert run("export", city, "--format", "csv").stdout.startswith("object_id,")

    def test_reader_that_stops_early_is_no_error(self, city: str) -> None:
        command = f"{sys.executable} -m webapp query {city} | head -c 10"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert done.stderr == ""


class TestShow:
    def test_tells_everything_about_one_object(self, city: str) -> None:
        found = answer("show", city, "b0")
        assert found["attributes"] == {"year": 1990, "owner": "城市"}
        assert found["provenance"]["dataset"] == "houses"
        assert len(found["history"]) == 1
        assert answer("show", city, "houses/b0") == found
        assert "owner  城市" in run("show", city, "b0").stdout

    def test_refuses_an_unknown_object(self, city: str) -> None:
        assert "no object 'zz'" in refusal("show", city, "zz")


class TestLoad:
    def test_reports_what_became_of_a_file(self, city: str, geojson: Path) -> None:
        (report,) = answer("load", city, geojson, "--name", "New")["loads"]
        wanted = {"load", "dataset", "file", "read", "new", "changed", "same", "ended", "rejected",
                  "crs", "encoding", "warnings"}  # fmt: skip
        assert wanted <= report.keys()
        assert (report["dataset"], report["file"]) == ("New", geojson.name)
        assert (report["read"], report["new"], report["rejected"]) == (5, 5, [])

    def test_again_changes_nothing(self, city: str, geojson: Path) -> None:
        run("load", city, geojson)
        (again,) = answer("load", city, geojson)["loads"]
        assert (again["new"], again["changed"], again["same"]) == (0, 0, 5)

    def test_dry_run_changes_nothing(self, city: str, geojson: Path) -> None:
        found = answer("load", city, geojson, "--dry-run")
        assert found["dry_run"]
        assert found["loads"][0]["new"] == 5
        assert answer("info", city)["version"] == 2

    def test_refuses_a_file_that_is_not_there(self, city: str) -> None:
        assert "no such file" in refusal("load", city, "none.geojson")

    def test_refuses_a_truncated_file_and_loads_nothing(self, city: str, geojson: Path) -> None:
        geojson.write_bytes(geojson.read_bytes()[:700])
        assert geojson.name in refusal("load", city, geojson)
        assert answer("info", city)["version"] == 2

    def test_refuses_a_field_without_a_column(self, city: str, geojson: Path) -> None:
        assert "NAME=VALUE" in refusal("load", city, geojson, "--field", "floors")

    def test_full_disk_is_one_sentence(
        self, city: str, geojson: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device", "city.sqlite")

        monkeypatch.setattr("webapp.cli.loading.load_apart", full)
        assert "the disk is full" in refusal("load", city, geojson)

    def test_undo_takes_it_back(self, city: str, geojson: Path) -> None:
        load = answer("load", city, geojson)["loads"][0]["load"]
        assert answer("undo", city, str(load))["load"] == load
        assert answer("info", city)["classes"]["Building"] == 5
        assert "undone already" in refusal("undo", city, str(load))

    def test_undo_refuses_an_unknown_load(self, city: str) -> None:
        assert "no load 99" in refusal("undo", city, "99")


class TestDoctor:
    def test_says_what_a_file_is(self, geojson: Path) -> None:
        (found,) = answer("doctor", geojson)["files"]
        assert "4326" in json.dumps(found)
        assert geojson.name in run("doctor", geojson).stdout

    def test_refuses_what_cannot_be_read_but_tells_the_rest(
        self, geojson: Path, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken.geojson"
        broken.write_text("{")
        result = run("doctor", broken, geojson, "--json", code=1)
        files = json.loads(result.stdout)["files"]
        assert len(files) == 2
        assert "broken.geojson" in result.stderr


class TestCheck:
    def test_a_sound_city_is_in_order(self, city: str) -> None:
        assert answer("check", city)["ok"]
        assert "in order" in run("check", city).stdout

    def test_a_damaged_city_is_found_out_and_mended(self, city: str) -> None:
        with open_city(city) as store, store._db.write():
            store._db.run("UPDATE class_count SET count = 77 WHERE class = 100")
        result = run("check", city, "--json", code=1)
        found = json.loads(result.stdout)
        assert not found["ok"]
        assert all(each["remedy"] for each in found["problems"])
        mended = answer("check", city, "--repair")
        assert mended["ok"]
        assert mended["repaired"]


class TestRun:
    def test_lists_analyses(self, city: str) -> None:
        assert "analyses" in answer("run", city, "--list")

    def test_answers_with_a_table(self, city: str, tmp_path: Path) -> None:
        found = answer("run", city, "building_stock", "--param", "by=dataset")
        assert sum(row["buildings"] for row in found["rows"]) == 5
        assert answer("run", city, "building_stock", "--by", "dataset")["rows"] == found["rows"]
        path = tmp_path / "stock.csv"
        assert "Building stock" in run("run", city, "building_stock", "-o", path).stdout
        assert path.read_text().count("\n") >= 2

    def test_refuses_a_parameter_out_of_range(self, city: str) -> None:
        told = refusal("run", city, "still_water", "--water-level", "1e9")
        assert told.startswith("error: water_level: 1e9 is above")

    def test_refuses_an_unknown_analysis(self, city: str) -> None:
        assert "no analysis 'nothing'" in refusal("run", city, "nothing")

    def test_needs_an_analysis(self, city: str) -> None:
        assert "--list" in run("run", city, code=2).stderr


class TestLocation:
    def test_password_is_never_shown(self) -> None:
        told = refusal("info", "postgresql://u:geheim@127.0.0.1:1/x")
        assert "geheim" not in told
        assert "***" in told

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://u:ge@heim@127.0.0.1/x",
            "postgresql://u:ge#heim@127.0.0.1/x",
            "mysql://u:geheim@h/x",
        ],
    )
    def test_url_that_can_be_misread_is_wrong_usage_and_not_repeated(self, url: str) -> None:
        result = run("info", url, code=2)
        assert "heim" not in result.output

    def test_is_masked_in_json(self) -> None:
        result = run("info", "postgresql://u:geheim@127.0.0.1:1/x", "--json", code=1)
        assert "geheim" not in result.output


class TestAnotherProcess:
    def test_refuses_with_one_line_and_no_traceback(self, tmp_path: Path) -> None:
        done = cim("info", tmp_path / "none", check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: no city")
        assert done.stderr.count("\n") == 1

    def test_progress_is_for_terminals_only(self, city: str, geojson: Path) -> None:
        done = cim("load", city, geojson)
        assert done.stderr == ""
        assert "5 new" in done.stdout

    def test_progress_is_shown_on_a_terminal(self, city: str, geojson: Path) -> None:
        ours, theirs = os.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "webapp", "load", city, str(geojson)],
            stdout=subprocess.PIPE, stderr=theirs,
        ) as process:  # fmt: skip
            os.close(theirs)
            shown = b""
            try:
                while chunk := os.read(ours, 4096):
                    shown += chunk
            except OSError:  # the other end is closed: Linux says so with an error
                pass
            os.close(ours)
        assert process.returncode == 0
        assert geojson.name in shown.decode()
        assert shown.endswith(b"\r\x1b[K")

    def test_serves_on_loopback_and_stops_when_told(self, city: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", city, "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Serving Testville at http://127.0.0.1:")
            address = line.split()[-1]
            with urlopen(f"{address}/healthz", timeout=20) as found:
                assert json.load(found) == {"status": "ok", "version": 2}
            assert listening(int(address.rpartition(":")[2])) == {"127.0.0.1"}
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")

    def test_refuses_a_port_that_is_taken(self, city: str) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            done = cim("serve", city, "--port", str(other.getsockname()[1]), check=False)
        assert done.returncode == 1
        assert "cannot listen there" in done.stderr


def listening(port: int) -> set[str]:
    """IPv4 addresses on which `port` is open, as the kernel says."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, state = line.split()[1], line.split()[3]
        host, _, number = address.partition(":")
        if state == "0A" and int(number, 16) == port:
            found.add(".".join(str(each) for each in reversed(bytes.fromhex(host))))
    return found
