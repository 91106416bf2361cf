"""The house rules that no linter knows: sizes, names, and tests that can fail."""

import ast
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cim", "ingest", "layers", "webapp")
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "stuff"}
MAX_LINES = 400
ASSERTING = ("assert", "expect", "check", "raises", "fail", "warns")


def sources(*folders: str) -> list[Path]:
    """Python files below `folders`, without what npm brought."""
    found = (each for folder in folders for each in (ROOT / folder).rglob("*.py"))
    return sorted(each for each in found if "node_modules" not in each.parts)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources(*PACKAGES, "data", "benchmarks", "docs"), ids=named)
def test_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=named)
def test_module_is_named_after_what_it_holds(path: Path) -> None:
    assert path.stem not in BANNED


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=named)
def test_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    doc = ast.get_docstring(ast.parse(text))
    assert doc or not text.strip(), "no module docstring"
    assert not doc or doc.splitlines()[0].rstrip()[-1] in ".:", "first line is not a sentence"


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()


def cases(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def can_fail(function: ast.FunctionDef, checking: Set[str] = frozenset()) -> bool:
    """Whether it asserts something itself, or calls what is named after it or in `checking`."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            name = called.id if isinstance(called, ast.Name) else str(called)
            if name.startswith(ASSERTING) or name in checking:
                return True
    return False


@cache
def helpers(path: Path) -> frozenset[str]:
    """Functions of a test module, or shared by all tests, that assert something."""
    return frozenset(
        node.name
        for each in (path, *(ROOT / "tests").glob("*.py"))
        for node in ast.walk(ast.parse(each.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and can_fail(node)
    )


@pytest.mark.parametrize("path", sources("tests"), ids=named)
def test_every_test_can_fail(path: Path) -> None:
    assert [each.name for each in cases(path) if not can_fail(each, helpers(path))] == []


@pytest.mark.parametrize("path", sources("tests", *PACKAGES), ids=named)
def test_nothing_is_left_to_do(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    marks = [mark for mark in ("TO" + "DO", "FIX" + "ME", "XX" + "X:") if mark in text]
    assert marks == []


def test_tests_folder_mirrors_the_packages() -> None:
    folders = {each.name for each in (ROOT / "tests").iterdir() if each.is_dir()}
    assert set(PACKAGES) <= folders
