"""CityJSON boundaries as arrays: every surface of many objects flattened in one go.

Nested lists are walked by `itertools` and NumPy, never corner by corner in Python; boundaries
that were cut out of the text are arrays already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.model import MeshKind
from ingest.cityjson.text import Tokens, UnevenError, tokens

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

KINDS: Final[Mapping[str, MeshKind]] = {
    "MultiSurface": "MultiSurface",
    "CompositeSurface": "MultiSurface",
    "Solid": "Solid",
    "MultiSolid": "CompositeSolid",
    "CompositeSolid": "CompositeSolid",
}

DEPTHS: Final[Mapping[MeshKind, int]] = {"MultiSurface": 3, "Solid": 4, "CompositeSolid": 5}
"""Brackets around the vertex numbers of a ring."""


@dataclass(slots=True)
class Shape:
    """One geometry with surfaces, before its boundaries are flattened."""

    row: int
    """Object it belongs to."""
    kind: MeshKind
    lod: str
    boundaries: list[Any] | bytes
    """As in the file, parsed or still JSON."""
    source: Mapping[str, Any]
    """The geometry as in the file, with its semantics and materials."""
    pool: tuple[int, int]
    """First vertex and number of vertices that its indices refer to."""
    placement: tuple[Floats, Floats] | None = None
    """(4, 4) matrix and (3,) reference point of an instance of a template."""


@dataclass(slots=True, eq=False)
class Flat:
    """Boundaries of many shapes, flattened."""

    corners: Ints
    """(k,) vertex in the pool."""
    ring_sizes: Ints
    face_rings: Ints
    shell_faces: Ints
    shape_shells: Ints

    @property
    def shape_faces(self) -> Ints:
        """(s,) faces of each shape."""
        return summed(self.shell_faces, self.shape_shells)

    @property
    def shape_rings(self) -> Ints:
        """(s,) rings of each shape."""
        return summed(self.face_rings, self.shape_faces)

    @property
    def shape_corners(self) -> Ints:
        """(s,) corners of each shape."""
        return summed(self.ring_sizes, self.shape_rings)


def _lengths(lists: Sequence[Any]) -> Ints:
    return np.fromiter(map(len, lists), np.int64, len(lists))


def offsets(counts: Ints) -> Ints:
    """(n + 1,) where groups of these sizes begin, and where the last one ends."""
    return np.concatenate(([0], np.cumsum(counts)))


def summed(values: Ints, groups: Ints) -> Ints:
    """Sum of `values` over consecutive groups of these sizes, of which some may be empty."""
    total = offsets(values)
    ends = np.cumsum(groups)
    return np.asarray(total[ends] - total[ends - groups])


def flattened(shapes: Sequence[Shape]) -> Flat:
    """The boundaries of all shapes as arrays; corners count from the start of the pool.

    Raises
    ------
    TypeError, ValueError, IndexError
        If some boundaries are not lists of the right depth, or name a missing vertex.
    """
    texts = [shape.boundaries for shape in shapes if isinstance(shape.boundaries, bytes)]
    try:
        flat = _from_text(shapes, tokens(texts)) if len(texts) == len(shapes) else None
    except UnevenError:
        flat = None
    if flat is None:
        flat = _from_lists([_shells(shape) for shape in shapes])
    bases, limits = np.array([shape.pool for shape in shapes], np.int64).reshape(-1, 2).T
    counts = flat.shape_corners
    limit = limits[0] if len(limits) and (limits == limits[0]).all() else np.repeat(limits, counts)
    if ((flat.corners < 0) | (flat.corners >= limit)).any():
        raise IndexError("a boundary names a vertex that does not exist")
    if bases.any():
        flat.corners = flat.corners + np.repeat(bases, counts)
    return flat


def _shells(shape: Shape) -> list[Any]:
    """The shells of a shape as lists, a MultiSurface being a single one."""
    text = shape.boundaries
    boundaries = orjson.loads(text) if isinstance(text, bytes) else text
    if not isinstance(boundaries, list):
        raise TypeError("boundaries are not a list")
    if shape.kind == "MultiSurface":
        return [boundaries]
    return boundaries if shape.kind == "Solid" else list(chain.from_iterable(boundaries))


def _from_lists(lists: Sequence[list[Any]]) -> Flat:
    shells = list(chain.from_iterable(lists))
    faces = list(chain.from_iterable(shells))
    rings = list(chain.from_iterable(faces))
    holes = len(rings) != len(faces) or not all(faces)
    sizes = _lengths(rings)
    return Flat(
        np.fromiter(chain.from_iterable(rings), np.int64, int(sizes.sum())),
        sizes,
        _lengths(faces) if holes else np.ones(len(faces), np.int64),
        _lengths(shells),
        _lengths(lists),
    )


def _from_text(shapes: Sequence[Shape], chosen: Tokens) -> Flat:
    depths = np.array([DEPTHS[shape.kind] for shape in shapes], np.int64)
    levels = depths[chosen.array] - chosen.depth
    if ((levels < 0) | ((levels > 0) & (chosen.sizes > 0))).any():
        raise TypeError("boundaries of another depth")
    ring, face, shell = (levels == level for level in range(3))
    return Flat(
        chosen.values,
        chosen.sizes[ring],
        _inside(ring, face),
        _inside(face, shell),
        np.bincount(chosen.array[shell], minlength=len(shapes)),
    )


def _inside(inner: NDArray[np.bool_], outer: NDArray[np.bool_]) -> Ints:
    """How many brackets of one level lie in each bracket of the level above."""
    before = np.cumsum(inner)
    return np.diff(before[outer], append=before[-1:] if len(before) else 0)


def split(shapes: Sequence[Shape]) -> tuple[list[Shape], dict[int, str]]:
    """The shapes that can be flattened, and by row why others cannot."""
    good, bad = [], {}
    for shape in shapes:
        try:
            flattened([shape])
        except (TypeError, ValueError, OverflowError):
            bad[shape.row] = f"boundaries of a {shape.kind} are not nested as they must be"
        except IndexError as error:
            bad[shape.row] = str(error)
        else:
            good.append(shape)
    return good, bad
