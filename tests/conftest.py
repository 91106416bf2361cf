"""Fixtures shared by all tests."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import postgis
import pytest
from hypothesis import HealthCheck, settings

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs"))
pytest_plugins = ["browser", "served"]

settings.register_profile(
    "cim", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", parent=settings.get_profile("cim"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "cim")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright leaves threads and an event loop in the process."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def missing(reason: str) -> NoReturn:
    """Skips the test; where CI=true, fails it, so that nothing is left out unseen."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def postgis_cluster() -> Iterator[postgis.Cluster]:
    """PostgreSQL with PostGIS, running for the whole session."""
    try:
        with postgis.cluster() as cluster:
            yield cluster
    except postgis.UnavailableError as error:
        missing(str(error))


@pytest.fixture
def postgis_url(postgis_cluster: postgis.Cluster) -> Iterator[str]:
    """URL of a new empty database with PostGIS, dropped after the test."""
    url = postgis_cluster.create_database()
    yield url
    postgis_cluster.drop_database(url)


@pytest.fixture(params=["folder", pytest.param("postgis", marks=pytest.mark.postgis)])
def city_location(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Where a new city can be made: first a folder, then a PostGIS database."""
    if request.param == "folder":
        return str(tmp_path / "city")
    monkeypatch.setenv("CIM_DATA", str(tmp_path / "files"))
    return str(request.getfixturevalue("postgis_url"))
