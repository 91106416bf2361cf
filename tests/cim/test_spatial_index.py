"""The packed R-tree is one that SQLite itself accepts, searches and changes."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.store import rtree


def packed(boxes: np.ndarray) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE VIRTUAL TABLE r USING rtree(id, minx, maxx, miny, maxy, mint, maxt)")
    rtree.write_packed(connection, "r", np.arange(1, len(boxes) + 1), rtree.rounded_out(boxes))
    return connection


def scattered(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(38e6, 38e6 + 4e4, count), rng.uniform(0, 4e4, count)
    kind = rng.integers(800, 816, count).astype(float)
    return np.column_stack([x, x + 10, y, y + 10, kind, kind])


@pytest.mark.parametrize("count", [0, 1, 50, 51, 52, 2601, 2602, 20_000])
def test_sqlite_accepts_a_packed_tree_of_any_size(count: int) -> None:
    tree = packed(scattered(count))
    assert tree.execute("SELECT rtreecheck('r')").fetchone() == ("ok",)
    assert tree.execute("SELECT count(*) FROM r").fetchone() == (count,)


def test_packed_tree_goes_on_living() -> None:
    tree = packed(scattered(5000))
    for number in range(1, 5000, 3):
        tree.execute("DELETE FROM r WHERE id = ?", (number,))
        tree.execute("INSERT INTO r VALUES (?, 1, 2, 3, 4, 5, 5)", (number + 10_000,))
    assert tree.execute("SELECT rtreecheck('r')").fetchone() == ("ok",)


@given(st.integers(0, 39_000), st.integers(0, 39_000), st.integers(1, 3000))
def test_search_finds_everything_in_the_box(x: int, y: int, side: int) -> None:
    boxes = scattered(3000)
    west, south = 38e6 + x, float(y)
    found = {
        number
        for (number,) in packed(boxes).execute(
            "SELECT id FROM r WHERE minx <= ? AND maxx >= ? AND miny <= ? AND maxy >= ?",
            (west + side, west, south + side, south),
        )
    }
    inside = (boxes[:, 0] <= west + side) & (boxes[:, 1] >= west)
    inside &= (boxes[:, 2] <= south + side) & (boxes[:, 3] >= south)
    assert set((np.flatnonzero(inside) + 1).tolist()) <= found


def test_rounding_never_shrinks_a_box() -> None:
    boxes = scattered(1000)
    rounded = rtree.rounded_out(boxes).astype(np.float64)
    assert (rounded[:, 0::2] <= boxes[:, 0::2]).all()
    assert (rounded[:, 1::2] >= boxes[:, 1::2]).all()


def test_hilbert_keeps_neighbours_together() -> None:
    x, y = np.meshgrid(np.arange(32.0), np.arange(32.0))
    order = np.argsort(rtree.hilbert(x.ravel(), y.ravel()))
    path = np.column_stack([x.ravel()[order], y.ravel()[order]])
    steps = np.abs(np.diff(path, axis=0)).sum(axis=1)
    assert (steps == 1).all()
