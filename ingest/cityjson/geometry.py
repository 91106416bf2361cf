"""What the surfaces of city objects amount to: meshes, footprints, heights.

A batch of objects is a handful of long arrays, and a mesh is a slice of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.meshes import Meshes, Runs
from ingest.cityjson.boundaries import Flat, Shape, flattened, offsets, summed
from ingest.cityjson.surfaces import Surfaces, surfaces_of
from ingest.footprints import Rings, outlines, signed_areas

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

STEEP: Final = 1e-6
"""A face whose area in plan is a smaller share of its squared width counts as vertical."""

WATERTIGHT: Final = 0.99
"""Share of the area facing up that must face down for a surface to have a bottom."""


ROUNDS: Final = 3
"""Shapes of a vertex that are told apart without sorting."""


@dataclass(slots=True, eq=False)
class Bodies:
    """What the surfaces of a batch amount to."""

    meshes: Meshes = field(default_factory=lambda: Meshes.of(()))
    footprints: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, object))
    """(rows,) Polygon, MultiPolygon or None."""
    low: Floats = field(default_factory=lambda: np.empty(0))
    """(rows,) lowest z of the best level of detail; NaN without surfaces."""
    high: Floats = field(default_factory=lambda: np.empty(0))
    lods: list[str | None] = field(default_factory=list)
    """(rows,) best level of detail."""
    hulls: int = 0
    """Footprints that are only a convex hull."""
    degenerate: int = 0
    """Rings left out because they have fewer than three corners."""
    unmatched: int = 0
    """Geometries whose semantics or materials do not match their faces."""


def bodies(shapes: Sequence[Shape], pool: Floats, ids: Sequence[str]) -> Bodies:
    """Meshes, footprints and height ranges of `shapes`; row numbers point into `ids`.

    Raises
    ------
    TypeError, ValueError, IndexError
        As `flattened`.
    """
    flat = flattened(shapes)
    surfaces = surfaces_of([shape.source for shape in shapes], flat)
    degenerate = _cleaned(flat, surfaces)
    if not flat.shape_corners.all():
        kept = flat.shape_corners > 0
        flat.shell_faces = flat.shell_faces[np.repeat(kept, flat.shape_shells)]
        flat.shape_shells = flat.shape_shells[kept]
        shapes = [shape for shape, keep in zip(shapes, kept, strict=True) if keep]
        surfaces = surfaces.only(kept)
    found = Bodies(
        footprints=np.full(len(ids), None, object),
        low=np.full(len(ids), np.nan),
        high=np.full(len(ids), np.nan),
        lods=[None] * len(ids),
        degenerate=degenerate,
        unmatched=surfaces.unmatched,
    )
    if shapes:
        _Model(shapes, flat, surfaces, pool).into(found, ids)
    return found


def _cleaned(flat: Flat, surfaces: Surfaces) -> int:
    """Drop repeated last corners, rings below three corners and their faces; how many rings."""
    first = offsets(flat.ring_sizes)
    if (flat.ring_sizes > 1).any():
        last = first[1:] - 1
        longer = np.flatnonzero(flat.ring_sizes > 1)
        again = longer[flat.corners[first[longer]] == flat.corners[last[longer]]]
        if len(again):
            flat.corners = np.delete(flat.corners, last[again])
            flat.ring_sizes[again] -= 1
    short = flat.ring_sizes < 3
    empty = flat.face_rings == 0
    if not (short.any() or empty.any()):
        return 0
    face = np.repeat(np.arange(len(flat.face_rings)), flat.face_rings)
    outer = offsets(flat.face_rings)[:-1][~empty]
    lost = empty.copy()
    lost[~empty] = short[outer]
    gone = short | lost[face]
    flat.corners = flat.corners[np.repeat(~gone, flat.ring_sizes)]
    flat.ring_sizes = flat.ring_sizes[~gone]
    flat.face_rings = np.bincount(face[~gone], minlength=len(lost))[~lost]
    shell = np.repeat(np.arange(len(flat.shell_faces)), flat.shell_faces)
    flat.shell_faces = np.bincount(shell[~lost], minlength=len(flat.shell_faces))
    surfaces.drop(lost)
    return int(short.sum())


class _Model:
    """Flattened shapes with their points, from which meshes are cut."""

    def __init__(
        self, shapes: Sequence[Shape], flat: Flat, surfaces: Surfaces, pool: Floats
    ) -> None:
        self.shapes, self.flat, self.surfaces = shapes, flat, surfaces
        self.slot, vertices, self.points_of = _own_points(flat.corners, flat.shape_corners)
        self.points = pool.take(vertices, axis=0)  # twice as fast as an index
        for shape, begin, count in zip(
            shapes, offsets(self.points_of).tolist(), self.points_of.tolist(), strict=False
        ):
            if shape.placement is not None:
                matrix, reference = shape.placement
                part = self.points[begin : begin + count]
                part[:] = part @ matrix[:3, :3].T + matrix[:3, 3] + reference

        self.plan = np.ascontiguousarray(self.points[:, :2])

    def into(self, found: Bodies, ids: Sequence[str]) -> None:
        """Add everything to `found`."""
        starts = offsets(self.points_of)[:-1]
        z = np.ascontiguousarray(self.points[:, 2])
        low = np.minimum.reduceat(z, starts).tolist()
        high = np.maximum.reduceat(z, starts).tolist()
        for number, shape in enumerate(self.shapes):
            known = found.lods[shape.row]
            if known is None or shape.lod > known:
                found.lods[shape.row] = shape.lod
                found.low[shape.row], found.high[shape.row] = low[number], high[number]
        found.meshes = self._meshes(ids)
        self._outline(found)

    def _meshes(self, ids: Sequence[str]) -> Meshes:
        flat, faces = self.flat, self.flat.shape_faces
        parts, face_part = self.surfaces.parts, self.surfaces.face_part
        several = np.fromiter(map(len, parts), np.int64, len(parts)) > 1
        hollow = flat.shape_shells > 1
        local = self.slot - np.repeat(offsets(self.points_of)[:-1], flat.shape_corners)
        unknown = [None] * len(parts)
        return Meshes(
            [ids[shape.row] for shape in self.shapes],
            [shape.lod for shape in self.shapes],
            [shape.kind for shape in self.shapes],
            Runs.counted(self.points, self.points_of),
            Runs.counted(local.astype(np.uint32), flat.shape_corners),
            Runs.counted(flat.ring_sizes.astype(np.uint32), flat.shape_rings),
            Runs.counted(flat.face_rings.astype(np.uint32), faces),
            Runs.counted(face_part[np.repeat(several, faces)], np.where(several, faces, 0)),
            Runs.counted(
                flat.shell_faces[np.repeat(hollow, flat.shape_shells)].astype(np.uint32),
                np.where(hollow, flat.shape_shells, 0),
            ),
            parts,
            unknown,
            unknown,
        )

    def _outline(self, found: Bodies) -> None:
        """Footprints: of LoD 0, else of ground surfaces, else of what faces down (or up)."""
        flat = self.flat
        faces = flat.shape_faces
        ground = self.surfaces.ground
        grounded = summed(ground.astype(np.int64), faces) > 0
        chosen = self._chosen(grounded.tolist())
        flat_lod = np.array([shape.lod == "0" for shape in self.shapes])
        taken = np.repeat(chosen & flat_lod, faces)
        taken |= np.repeat(chosen & ~flat_lod & grounded, faces) & ground
        rest = np.repeat(chosen & ~flat_lod & ~grounded, faces)
        if rest.any():
            taken |= self._turned(rest)
        ring_face = np.repeat(np.arange(len(taken)), flat.face_rings)
        kept = taken[ring_face]
        rows = np.array([shape.row for shape in self.shapes])
        face_row = np.repeat(rows, faces)
        rings = Rings(
            self.plan,
            self.slot[np.repeat(kept, flat.ring_sizes)],
            flat.ring_sizes[kept],
            ring_face[kept],
            face_row[ring_face[kept]],
        )
        found.footprints = outlines(rings, len(found.footprints))
        starts = offsets(self.points_of).tolist()
        for number in np.flatnonzero(chosen).tolist():
            row = self.shapes[number].row
            if found.footprints[row] is None:
                points = self.points[starts[number] : starts[number + 1], :2]
                found.footprints[row] = shapely.convex_hull(shapely.multipoints(points))
                found.hulls += 1

    def _chosen(self, grounded: Iterable[bool]) -> NDArray[np.bool_]:
        """(s,) whether a shape gives its object's footprint; one for each object."""
        best: dict[int, tuple[int, str]] = {}
        pick: dict[int, int] = {}
        for number, (shape, has_ground) in enumerate(zip(self.shapes, grounded, strict=True)):
            preference = 2 if shape.lod == "0" else int(has_ground)
            # ground surfaces are best in the finest model; a plain one is best in the coarsest
            order = shape.lod if has_ground else "".join(chr(255 - ord(c)) for c in shape.lod)
            if shape.row not in best or (preference, order) > best[shape.row]:
                best[shape.row] = (preference, order)
                pick[shape.row] = number
        chosen = np.zeros(len(self.shapes), bool)
        chosen[list(pick.values())] = True
        return chosen

    def _turned(self, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(f,) of the faces in `among`, those facing down where they close a shape, else up."""
        flat = self.flat
        outer = offsets(flat.face_rings)[:-1]
        every = np.zeros(len(flat.ring_sizes), np.int64)
        rings = Rings(self.plan, self.slot, flat.ring_sizes, every, every)
        plan = np.where(among, signed_areas(rings, STEEP)[outer], 0.0)
        shape = np.repeat(np.arange(len(self.shapes)), flat.shape_faces)
        down = np.bincount(shape, np.maximum(-plan, 0), len(self.shapes))
        up = np.bincount(shape, np.maximum(plan, 0), len(self.shapes))
        bottom = (down >= up * WATERTIGHT)[shape]
        return np.asarray(np.where(bottom, plan < 0, plan > 0))


def _own_points(corners: Ints, counts: Ints) -> tuple[Ints, Ints, Ints]:
    """Give each shape vertices of its own: (k,) slot, (m,) vertex in each slot, (s,) slots.

    A shape's vertices come in the order in which it names them, so that neither the numbers in
    the file nor its other objects matter.
    """
    shape = np.repeat(np.arange(len(counts)), counts)
    first = _first_named(corners - corners.min(), shape)
    named = np.zeros(len(corners), bool)
    named[first] = True
    rank = np.cumsum(named) - 1
    return rank[first], corners[named], np.bincount(shape[named], minlength=len(counts))


def _first_named(vertices: Ints, shapes: Ints) -> Ints:
    """(k,) where the same shape names the same vertex for the first time.

    Each round serves, for every vertex, the last of the shapes that still name it: no sorting,
    and most vertices belong to one shape or two.
    """
    first = np.empty(len(vertices), np.int64)
    holder, earliest = (np.zeros(int(vertices.max()) + 1, np.int64) for _ in range(2))
    waiting = np.arange(len(vertices))
    for _ in range(ROUNDS):
        vertex, shape = vertices[waiting], shapes[waiting]
        holder[vertex] = shape
        served = holder[vertex] == shape
        mine, at = vertex[served], waiting[served]
        earliest[mine[::-1]] = at[::-1]
        first[at] = earliest[mine]
        waiting = waiting[~served]
    keys = shapes[waiting] * len(holder) + vertices[waiting]
    _, leader, member = np.unique(keys, return_index=True, return_inverse=True)
    first[waiting] = waiting[leader[member]]
    return first
