"""The wheel holds the four packages, what the page needs, and nothing else."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".tox", "node_modules", "build", "dist", "*.egg-info", "__pycache__",
    "screenshots", ".*_cache", "demo", "tests", "*.city",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built offline from a copy of the checkout."""
    if int(importlib.metadata.version("setuptools").partition(".")[0]) < 77:
        reason = "setuptools 77 is needed: pip install 'setuptools>=77'"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    copy, out = tmp_path_factory.mktemp("source") / "copy", tmp_path_factory.mktemp("wheel")
    shutil.copytree(root, copy, ignore=LEFT_OUT)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation",
               "--no-index", "--disable-pip-version-check", "-w", str(out), str(copy)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(out.glob("*.whl"))) as opened:
        yield opened


def test_top_level_is_exactly_the_four_packages(wheel: zipfile.ZipFile) -> None:
    top = {name.partition("/")[0] for name in wheel.namelist()}
    assert {each for each in top if not each.endswith(".dist-info")} == {
        "cim", "ingest", "layers", "webapp",
    }  # fmt: skip


def test_every_module_is_inside(wheel: zipfile.ZipFile, root: Path) -> None:
    packages = ("cim", "ingest", "layers", "webapp")
    modules = {
        str(path.relative_to(root))
        for package in packages
        for path in (root / package).rglob("*.py")
        if "frontend" not in path.parts
    }
    assert modules <= set(wheel.namelist())


def test_page_and_its_built_code_are_inside(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"webapp/static/app/app.js", "webapp/static/app/app.css"} <= names
    assert any(name.startswith("webapp/templates/") for name in names)


def test_every_data_file_of_the_packages_is_inside(wheel: zipfile.ZipFile, root: Path) -> None:
    wanted = {
        str(path.relative_to(root))
        for package in ("cim", "ingest", "layers", "webapp")
        for path in (root / package).rglob("*")
        if path.is_file() and not {"__pycache__", "frontend"} & set(path.parts)
    }
    assert sorted(wanted - set(wheel.namelist())) == []


def test_no_source_of_the_front_end_is_inside(wheel: zipfile.ZipFile) -> None:
    inside = [n for n in wheel.namelist() if "frontend" in n or "node_modules" in n]
    assert inside == []


def test_licence_is_inside(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_cim_is_the_command(wheel: zipfile.ZipFile) -> None:
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "cim = webapp.cli:main" in wheel.read(entry).decode()
