"""Time series over HTTP and in the shell."""

import json
from pathlib import Path
from typing import Any

import cities
import numpy as np
import pytest
import small_city
from click.testing import CliRunner
from flask.testing import FlaskClient

from cim.model import Batch
from cim.series import SECOND, Datastream, Series, instant
from webapp.cli import main

START = instant("2024-05-01")
HOURS = 5_000


def stream(name: str, owner: str, access: str = "public") -> Series:
    told = Datastream(f"{owner}/{name}", name, "kW", owner, access=access)
    times = START + np.arange(HOURS) * 3600 * SECOND
    results = np.sin(np.arange(HOURS) / 100)
    results[[17, 18]] = np.nan, 50.0
    return Series(told, times, results)


@pytest.fixture
def city(tmp_path: Path) -> str:
    location = str(tmp_path / "Testville.city")
    small_city.make(location)
    hidden = stream("hidden", "b0", "secret")
    batch = Batch(small_city.houses().objects, series=[stream("power", "b0"), hidden])
    small_city.put(location, "houses", batch, cities.cube())
    return location


def first_number(client: FlaskClient) -> int:
    listed = client.get("/api/datastreams").get_json()["datastreams"]
    return int(listed[0]["datastream"])


def test_datastreams_are_listed_by_object_and_clearance(client: FlaskClient) -> None:
    (found,) = client.get("/api/datastreams").get_json()["datastreams"]
    assert (found["datastream_id"], found["unit"], found["count"]) == ("b0/power", "kW", HOURS)
    oid = found["oid"]
    assert client.get(f"/api/datastreams?object={oid}").get_json()["datastreams"] == [found]
    other = next(each["oid"] for each in client.get("/api/search?q=b1").get_json()["hits"])
    assert client.get(f"/api/datastreams?object={other}").get_json()["datastreams"] == []


def test_observations_are_few_and_keep_peaks_and_gaps(client: FlaskClient) -> None:
    path = f"/api/datastreams/{first_number(client)}/observations"
    found = client.get(f"{path}?max_points=300").get_json()
    assert found["count"] == HOURS
    assert 150 < len(found["times"]) == len(found["results"]) <= 300
    assert max(each for each in found["results"] if each is not None) == 50
    assert None in found["results"]
    assert found["times"][0] == pytest.approx(START / 1000, abs=50 * 3_600_000)


def test_observations_of_a_stretch_of_time(client: FlaskClient) -> None:
    path = f"/api/datastreams/{first_number(client)}/observations"
    found = client.get(f"{path}?from=2024-05-01T16:00Z&to=2024-05-01T19:00Z").get_json()
    assert found["results"][1:] == [None, 50.0]
    text = client.get(f"{path}?from=2024-05-01T17:00Z&to=2024-05-01T19:00Z&format=csv").text
    assert text == "time,result\n2024-05-01T17:00:00Z,\n2024-05-01T18:00:00Z,50.0\n"


@pytest.mark.parametrize(
    ("query", "status"),
    [("1/observations?from=soon", 400), ("x/observations", 400), ("99/observations", 404),
     ("1/observations?max_points=1", 400), ("99999999999999/observations", 400)],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(client: FlaskClient, query: str, status: int) -> None:
    answer = client.get(f"/api/datastreams/{query}")
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_hidden_datastream_is_not_there(client: FlaskClient) -> None:
    number = first_number(client) + 1
    assert client.get(f"/api/datastreams/{number}/observations").status_code == 404


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return str(result.stdout)


def test_shell_lists_and_writes_series(city: str, tmp_path: Path) -> None:
    assert "b0/power" in run("series", city)
    listed: Any = json.loads(run("series", city, "--of", "b0", "--json"))
    assert len(listed["datastreams"]) == 2
    told = run(
        "series", city, "houses/b0/power", "--from", "2024-05-01", "--to", "2024-05-01T02:00Z"
    )
    assert told.splitlines()[:2] == ["time,result", "2024-05-01T00:00:00Z,0.0"]
    assert len(told.splitlines()) == 3
    file = tmp_path / "out.csv"
    run("series", city, "b0/power", "-o", str(file))
    assert len(file.read_text().splitlines()) == HOURS + 1
    found = json.loads(run("series", city, "b0/power", "--format", "json"))
    assert found["results"][17:19] == [None, 50.0]
    run("series", city, "nothing", code=1)
