"""Imports go one way: webapp → layers | ingest → cim, and only webapp knows the web."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def lint_imports() -> str:
    beside = Path(sys.executable).with_name("lint-imports")
    program = str(beside) if beside.exists() else shutil.which("lint-imports")
    if program is None:
        reason = "import-linter is missing: pip install -e '.[lint]'"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return str(program)


def test_import_contracts_are_kept(lint_imports: str, root: Path) -> None:
    done = subprocess.run(
        [lint_imports, "--no-cache"], cwd=root, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", ["cim", "ingest", "layers"])
def test_package_is_imported_without_the_web(package: str, root: Path) -> None:
    code = f"import sys, {package}; print(*{{'flask', 'waitress'}} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == []
