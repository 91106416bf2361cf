"""Many meshes as a few long arrays: the usual batch has tens of thousands of small ones.

What works on all of them at once (transforming, packing into bytes) takes the columns; what
works on one takes it as a `Mesh`, whose arrays are slices of the columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import compress
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from cim.model import Mesh, MeshKind, SurfacePart

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Arrays of different lengths, one after another in a single one."""

    values: NDArray[Any]
    starts: Ints
    """(m + 1,) where each begins in `values`, and where the last one ends."""

    @classmethod
    def of(cls, arrays: Sequence[NDArray[Any]], empty: NDArray[Any]) -> "Runs":
        """These arrays joined; `empty` gives type and shape where there are none."""
        counts = np.fromiter(map(len, arrays), np.int64, len(arrays))
        filled = [each for each in arrays if len(each)]
        return cls.counted(np.concatenate(filled) if filled else empty, counts)

    @classmethod
    def counted(cls, values: NDArray[Any], counts: Ints) -> "Runs":
        """`values` divided into runs of these lengths."""
        starts = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        return cls(values, starts)

    @property
    def counts(self) -> Ints:
        """(m,) length of each run."""
        return np.diff(self.starts)

    def __getitem__(self, number: int) -> NDArray[Any]:
        return self.values[self.starts[number] : self.starts[number + 1]]

    def only(self, kept: Flags) -> "Runs":
        """The runs that are kept, (m,) flags."""
        counts = self.counts
        return Runs.counted(self.values[np.repeat(kept, counts)], counts[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Meshes(Sequence[Mesh]):
    """m meshes, column by column; `Mesh` documents the columns."""

    object_ids: Sequence[str]
    lods: Sequence[str]
    kinds: Sequence[MeshKind]
    vertices: Runs
    indices: Runs
    ring_sizes: Runs
    face_rings: Runs
    face_part: Runs
    shells: Runs
    parts: Sequence[Sequence[SurfacePart]]
    closed: Sequence[bool | None]
    volumes: Sequence[float | None]

    @classmethod
    def of(cls, meshes: Sequence[Mesh]) -> "Meshes":
        """These meshes; the same object if they are columns already."""
        if isinstance(meshes, Meshes):
            return meshes
        return cls(
            [each.object_id for each in meshes],
            [each.lod for each in meshes],
            [each.kind for each in meshes],
            Runs.of([each.vertices for each in meshes], np.empty((0, 3))),
            Runs.of([each.indices for each in meshes], np.empty(0, np.uint32)),
            Runs.of([each.ring_sizes for each in meshes], np.empty(0, np.uint32)),
            Runs.of([each.face_rings for each in meshes], np.empty(0, np.uint32)),
            Runs.of([each.face_part for each in meshes], np.empty(0, np.uint16)),
            Runs.of([np.array(each.shells, np.uint32) for each in meshes], np.empty(0, np.uint32)),
            [each.parts for each in meshes],
            [each.closed for each in meshes],
            [each.volume for each in meshes],
        )

    def __len__(self) -> int:
        return len(self.object_ids)

    @overload
    def __getitem__(self, number: int) -> Mesh: ...
    @overload
    def __getitem__(self, number: slice) -> "Meshes": ...
    def __getitem__(self, number: int | slice) -> "Mesh | Meshes":
        if isinstance(number, slice):
            return Meshes.of([self[each] for each in range(*number.indices(len(self)))])
        at = range(len(self))[number]
        return Mesh(
            self.object_ids[at],
            self.lods[at],
            self.kinds[at],
            self.vertices[at],
            self.indices[at],
            self.ring_sizes[at],
            self.face_rings[at],
            self.face_part[at],
            tuple(self.parts[at]),
            tuple(self.shells[at].tolist()),
            self.closed[at],
            self.volumes[at],
        )

    def __iter__(self) -> Iterator[Mesh]:
        return (self[number] for number in range(len(self)))

    def only(self, kept: Flags) -> "Meshes":
        """The meshes that are kept, (m,) flags."""
        if kept.all():
            return self
        flags = kept.tolist()
        columns: dict[str, Any] = {}
        for each in fields(self):
            column = getattr(self, each.name)
            runs = isinstance(column, Runs)
            columns[each.name] = column.only(kept) if runs else list(compress(column, flags))
        return Meshes(**columns)

    def moved(self, vertices: NDArray[np.float64]) -> "Meshes":
        """The same with other coordinates, (n, 3) for all vertices."""
        return replace(self, vertices=Runs(vertices, self.vertices.starts))

    def renamed(self, object_ids: Iterable[str]) -> "Meshes":
        """The same, belonging to objects of other names."""
        return replace(self, object_ids=list(object_ids))
