"""Benchmarks still run, on little data: their ratios are not looked at here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FEW = {
    "citygml": "40",
    "store": "2000",
    "tiles": "50",
    "vector": "2000",
    "zonal": "2000",
    "raster": "512",
    "pointcloud": "50000",
}
"""Those that take a size, and a small one."""


@pytest.mark.parametrize("name", FEW)
def test_benchmark_runs(name: str) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / f"bench_{name}.py"), FEW[name]]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=250, check=False, cwd=ROOT
    )
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert any(character.isdigit() for character in done.stdout)


def test_every_benchmark_says_how_to_run_it() -> None:
    for path in sorted((ROOT / "benchmarks").glob("bench_*.py")):
        assert f"python benchmarks/{path.name}" in path.read_text(encoding="utf-8")
