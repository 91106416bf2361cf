"""Faces of solids: blocks raised on footprints, and meshes as nested rings."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cim.model import Mesh

GROUND, ROOF, WALL = 0, 1, 2
Ring = NDArray[np.float64]


def block(rings: list[Ring], ground: float, roof: float) -> tuple[list[list[Ring]], list[int]]:
    """Faces of the block between two heights, seen from outside counter-clockwise.

    `rings` are (n, 2), open, the outer one counter-clockwise and the inner ones clockwise.

    Returns
    -------
    tuple
        A list of rings for each face, and whether it is `GROUND`, `ROOF` or `WALL`.

    """
    below = [_at(ring[::-1], ground) for ring in rings]
    above = [_at(ring, roof) for ring in rings]
    faces, kinds = [below, above], [GROUND, ROOF]
    for ring in rings:
        low, high = _at(ring, ground), _at(ring, roof)
        for start in range(len(ring)):
            end = (start + 1) % len(ring)
            faces.append([np.array([low[start], low[end], high[end], high[start]])])
            kinds.append(WALL)
    return faces, kinds


def _at(ring: Ring, height: float) -> Ring:
    return np.column_stack([ring, np.full(len(ring), height)])


def faces_of(mesh: Mesh, numbers: NDArray[np.int64]) -> list[Any]:
    """Each face of `mesh` as its rings, each ring as the `numbers` of its vertices."""
    indices = numbers[mesh.indices]
    if mesh.kind == "Triangles":
        return [[each] for each in indices.reshape(-1, 3).tolist()]
    ends = np.cumsum(mesh.ring_sizes).tolist()
    flat = indices.tolist()
    rings = [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    tops = np.cumsum(mesh.face_rings).tolist()
    return [rings[start:end] for start, end in zip([0, *tops], tops, strict=False)]
