"""Results that become part of the city, from the shell and over HTTP."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import cities
import numpy as np
import pytest
import shown
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from cim.model import Dataset
from cim.store import Delivery, open_city
from webapp import create_app
from webapp.cli import main

RUN = "/api/analyses/spectral_index/execution"


@pytest.fixture
def seen(city: str, tmp_path: Path) -> str:
    """The small city with a satellite image; its version is 3."""
    corner = (cities.ORIGIN[0] - 200, cities.ORIGIN[1] + 200)
    bands = np.stack([np.full((40, 40), each, np.uint16) for each in (500, 3500)])
    image = shown.raster(
        tmp_path / "s2.tif", bands, corner, 10, "imagery", valid_from=date(2024, 6, 1),
        names=["red", "nir"],
    )  # fmt: skip
    with open_city(city) as store, store.load(Delivery(Dataset("s2"), file="s2.tif")) as load:
        load.put_coverage(image)
    return city


def cim(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result


def rasters(city: str) -> list[str]:
    with open_city(city) as store:
        return [each.name for each in store.coverages()]


class TestShell:
    def test_keeps_the_rasters_of_a_result(self, seen: str) -> None:
        told = cim("run", seen, "spectral_index", "--param", "index=NDVI", "--keep", "green")
        assert "load 4: green, 1 new, 0 changed" in told.stdout
        assert rasters(seen) == ["s2", "green/NDVI 2024-06-01"]

    def test_says_that_the_same_again_changed_nothing(self, seen: str) -> None:
        asked = ("run", seen, "spectral_index", "--keep", "green")
        cim(*asked)
        assert "nothing in green had to change" in cim(*asked).stdout

    def test_tells_machines_what_was_kept(self, seen: str) -> None:
        told: dict[str, Any] = json.loads(
            cim("run", seen, "spectral_index", "--keep", "green", "--json").stdout
        )
        assert told["kept"] == {"dataset": "green", "load": 4, "new": 1, "changed": 0, "same": 0}
        assert "kept" not in json.loads(cim("run", seen, "spectral_index", "--json").stdout)

    def test_refuses_what_cannot_be_kept_in_one_line(self, seen: str) -> None:
        told = cim("run", seen, "building_stock", "--keep", "x", code=1).stderr
        assert "nothing to keep" in told
        assert told.count("\n") == 1


class TestHttp:
    @pytest.fixture
    def client(self, seen: str) -> FlaskClient:
        return create_app(seen).test_client()

    def test_keeps_the_rasters_of_a_result(self, client: FlaskClient, seen: str) -> None:
        found = client.post(RUN, json={"inputs": {}, "keep": "green"})
        assert found.status_code == 200, found.text
        assert found.get_json()["kept"]["load"] == 4
        assert rasters(seen) == ["s2", "green/NDVI 2024-06-01"]

    def test_keeps_nothing_unless_asked(self, client: FlaskClient, seen: str) -> None:
        assert "kept" not in client.post(RUN, json={"inputs": {}}).get_json()
        assert rasters(seen) == ["s2"]

    @pytest.mark.parametrize("more", [{"keep": 3}, {"keep": ""}, {"keep": "a", "overwrite": "yes"}])
    def test_refuses_other_kinds_of_values(self, client: FlaskClient, more: dict[str, Any]) -> None:
        assert client.post(RUN, json={"inputs": {}} | more).status_code == 400

    def test_says_that_a_name_is_taken(self, client: FlaskClient) -> None:
        found = client.post(RUN, json={"inputs": {}, "keep": "s2"})
        assert found.status_code == 409
        assert "loaded from a file" in found.get_json()["detail"]

    def test_a_server_that_only_reads_keeps_nothing(self, seen: str) -> None:
        client = create_app(seen, writable=False).test_client()
        assert client.post(RUN, json={"inputs": {}, "keep": "green"}).status_code == 403
        assert client.post(RUN, json={"inputs": {}}).status_code == 200
        assert rasters(seen) == ["s2"]
