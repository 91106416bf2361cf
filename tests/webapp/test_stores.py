"""The same app on a folder and on PostGIS."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_city
from click.testing import CliRunner
from flask.testing import FlaskClient

from webapp import create_app
from webapp.cli import main


@pytest.fixture
def made(city_location: str) -> str:
    """Where the small city is."""
    small_city.make(city_location)
    return city_location


@pytest.fixture
def client(made: str) -> Iterator[FlaskClient]:
    """A browser of it; its connection is closed afterwards."""
    app = create_app(made)
    yield app.test_client()
    app.extensions["cim"].forget()


def sent(client: FlaskClient, path: Path) -> dict[str, Any]:
    """The job that loaded a file, ended."""
    data = {"file": (io.BytesIO(path.read_bytes()), path.name)}
    upload = client.post("/api/uploads", data=data).get_json()["upload"]
    job = client.post(f"/api/uploads/{upload}/load").get_json()
    while job["state"] in {"waiting", "running"}:
        time.sleep(0.05)
        job = client.get(f"/api/jobs/{job['job']}").get_json()
    return dict(job)


def test_every_kind_of_request_is_answered(client: FlaskClient, geojson: Path, tiles: str) -> None:
    assert client.get("/api/city").get_json()["version"] == 2
    assert client.get("/api/scene").status_code == 200
    tall = client.get("/api/features", query_string={"where": "height >= 6", "class": "Building"})
    assert {each["id"] for each in tall.get_json()["features"]} == {"b1", "c0"}
    (hit,) = client.get("/api/search?q=b0").get_json()["hits"]
    assert client.get(f"/api/objects/{hit['oid']}").get_json()["object_id"] == "b0"
    assert client.get(f"{tiles}/2/buildings/14/0/0.glb").status_code == 204
    load = sent(client, geojson)["result"]["loads"][0]["load"]
    assert client.get(f"{tiles}/2/buildings/14/0/0.glb").status_code == 410
    assert client.post(f"/api/loads/{load}/undo").status_code == 200
    assert client.get("/api/city").get_json()["classes"]["Building"] == 3


@pytest.mark.parametrize("value", ["'; DROP TABLE city_object; --", "%' OR '1'='1", "$1", "%s"])
def test_text_stays_text(client: FlaskClient, value: str) -> None:
    assert client.get("/api/search", query_string={"q": value}).get_json()["hits"] == []
    literal = value.replace("'", "''")
    found = client.get("/api/features", query_string={"where": f"name = '{literal}'"})
    assert found.status_code == 422 or found.get_json()["features"] == []
    assert client.get("/api/city").get_json()["classes"]["Building"] == 3


def test_shell_tells_the_same(made: str) -> None:
    for command in (["info"], ["query", "--limit", "1"], ["check"], ["loads"]):
        result = CliRunner().invoke(main, [*command, made])
        assert result.exit_code == 0, result.output


@pytest.mark.postgis
def test_password_of_a_database_is_never_told(
    postgis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIM_DATA", str(tmp_path))
    url = postgis_url.replace("cim@", "cim:geh3im@")
    small_city.make(url)
    commands = (["info", url], ["loads", url], ["datasets", url], ["init", url, "--crs=EPSG:1"])
    for command in commands:
        for options in ([], ["--json"]):
            assert "geh3im" not in CliRunner().invoke(main, [*command, *options]).output
    app = create_app(url)
    client = app.test_client()
    for path in ("/api/city", "/api/datasets", "/api/loads", "/api/scene", "/api/objects/1", "/"):
        assert "geh3im" not in client.get(path).text
    app.extensions["cim"].forget()
    assert not [each for each in tmp_path.rglob("*") if "geh3im" in str(each)]
