"""A small city, and the app that serves it."""

from collections.abc import Iterator
from pathlib import Path

import cities
import pytest
import small_city
from flask import Flask
from flask.testing import FlaskClient

from cim.exchange import write
from cim.store import create_city, open_city
from webapp import create_app


@pytest.fixture
def city(tmp_path: Path) -> str:
    """Where a city of four houses, a cube and a water main is; its version is 2."""
    location = str(tmp_path / "Testville.city")
    small_city.make(location)
    return location


@pytest.fixture
def app(city: str) -> Iterator[Flask]:
    """The app that serves it, with uploads of at most a megabyte."""
    made = create_app(city, max_upload=1 << 20)
    yield made
    made.extensions["cim"].forget()


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A browser without windows."""
    with app.test_client() as found:
        yield found


@pytest.fixture
def tiles(client: FlaskClient) -> str:
    """Where the tiles of the city are, before the version."""
    return f"/tiles/{client.get('/api/city').get_json()['id']}"


@pytest.fixture
def geojson(tmp_path: Path) -> Path:
    """A file of five other houses, in WGS 84."""
    path = tmp_path / "新房.geojson"
    other = str(tmp_path / "other.city")
    create_city(other, cities.CRS).close()
    small_city.put(other, "new", cities.street(5, prefix="n"))
    with open_city(other) as store:
        write(store.select(), path, "geojson")
    return path
