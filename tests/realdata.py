"""The real files that tests read where they are at hand, and the facts known about them.

They are not part of the repository. ``CIM_TEST_DATA`` names their folder (default: ``shared/data``
beside the checkout); a test that needs one is skipped where the folder is absent.
"""

import csv
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("CIM_TEST_DATA") or ROOT.parent / "shared" / "data")

real = pytest.mark.skipif(
    not (FOLDER / "MANIFEST.tsv").is_file(), reason=f"no real data in {FOLDER}: set CIM_TEST_DATA"
)
"""Marks a test that needs the real files."""


def path(name: str) -> Path:
    """The real file `name`, such as ``ifc/duplex/Duplex_A_20110907.ifc``; skips if absent."""
    found = FOLDER / name
    if not found.exists():
        pytest.skip(f"no {name} in {FOLDER}")
    return found


@cache
def manifest() -> Mapping[str, Mapping[str, str]]:
    """Rows of MANIFEST.tsv by path: crs, contents, expected_facts, licence …; empty if absent."""
    table = FOLDER / "MANIFEST.tsv"
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["path"]: row for row in rows}


def below(folder: str, *suffixes: str) -> list[str]:
    """Names of the listed files below `folder` that end so; empty without the real data."""
    return [
        name
        for name in manifest()
        if name.startswith(folder.rstrip("/") + "/") and name.lower().endswith(suffixes or ("",))
    ]
