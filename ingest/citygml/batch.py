"""From the rows and faces of some members to a batch: coordinates, meshes, footprints, heights."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.geodesy import transform
from cim.model import Batch, Mesh, Rejection
from cim.schema import CLASSES
from ingest.citygml.assembly import Draft, Rows
from ingest.citygml.classes import WHOLES
from ingest.citygml.faces import Faces
from ingest.citygml.frame import Frame
from ingest.citygml.geometry import Run
from ingest.citygml.place import Srs, understood
from ingest.cityjson.boundaries import KINDS, Shape
from ingest.cityjson.geometry import Bodies, bodies
from ingest.cityjson.objects import Objects, table
from ingest.footprints import only_areas

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLANAR: Final = 0.1
"""Metres that a corner may lie outside the plane of its face before it is said."""

_EQUATOR: Final = 6_378_137.0
_SQUARED_ECCENTRICITY: Final = 0.00669438


def batch_of(rows: Rows, faces: Faces, frame: Frame) -> Batch:
    """The batch that `rows` make, whose geometries are `faces`."""
    placed = _Placed.of(faces, frame)
    objects = Objects(rows.ids, rows.objects)
    lost = _unusable(rows, faces, placed, frame)
    for draft in rows.drafts:
        if draft.row not in lost:
            objects.shapes.append(placed.shape(draft, frame))
    found = bodies(objects.shapes, placed.pool, rows.ids)
    frame.note("degenerate", found.degenerate, "")
    _add_plain(rows, placed, objects, found, lost)
    _gather(rows, found)
    _about_hulls(rows, found, frame)
    built = table(objects, found, frame.rename, frame.defaults)
    _coded_functions(built)
    triangles = {(rows.ids[each.row], each.lod) for each in rows.drafts if each.triangles}
    meshes = [
        _triangulated(mesh) if (mesh.object_id, mesh.lod) in triangles else mesh
        for mesh in found.meshes
        if np.isfinite(mesh.vertices[:, 2]).all()
    ]
    if lost:
        gone = {rows.ids[row] for row in lost}
        built = built[~built["object_id"].isin(gone)].reset_index(drop=True)
        built.loc[built["parent_id"].isin(gone), "parent_id"] = None
    return Batch(built, meshes)


def _about_hulls(rows: Rows, found: Bodies, frame: Frame) -> None:
    """Say which footprints are none; of an upright door nobody expects one."""
    for row in {draft.row for draft in rows.drafts}:
        shape, kind = found.footprints[row], rows.objects[row]["type"]
        if shape is not None and "Polygon" not in shape.geom_type:
            frame.note("hulls", CLASSES[kind].theme != "element", rows.ids[row])


def _coded_functions(built: pd.DataFrame) -> None:
    """A code such as ``1`` is a function even where, as a word, it would say nothing."""
    values = built["function"].tolist()
    for at, (value, attributes) in enumerate(zip(values, built["attributes"], strict=True)):
        code = attributes.get("function")
        if value is None and isinstance(code, str) and "function_codeSpace" in attributes:
            values[at] = code
            del attributes["function"]
    built["function"] = pd.Series(values, built.index, dtype=object)


def _unusable(rows: Rows, faces: Faces, placed: "_Placed", frame: Frame) -> set[int]:
    """Rows with a face that makes no sense; each is rejected with the reason."""
    reasons = dict(faces.bad) | placed.bad
    lost: set[int] = set()
    used = [(each.row, each.shells) for each in rows.drafts]
    used += [(row, [lines, points]) for row, (_, lines, points) in rows.plain.items()]
    for row, runs in used:
        bad = (
            next((f for run in runs for f in run if max(f, ~f) in reasons), None)
            if reasons
            else None
        )
        if bad is not None and row not in lost:
            lost.add(row)
            name = faces.names[max(bad, ~bad)]
            raw = f"gml:id {name}" if name else ""
            reason = reasons[max(bad, ~bad)]
            frame.rejected.append(Rejection(rows.ids[row], "bad_geometry", reason, raw))
        else:
            _look_over(runs, rows.ids[row], placed, frame)
    return lost


def _look_over(runs: list[Run], name: str, placed: "_Placed", frame: Frame) -> None:
    for code, odd in placed.odd.items():
        count = sum(max(face, ~face) in odd for run in runs for face in run) if odd else 0
        frame.note(code, count, name)


@dataclass(slots=True, eq=False)
class _Placed:
    """Faces with their coordinates in the frame's system, x east."""

    pool: Floats
    """(n, 3) places, each once."""
    corners: list[int]
    """Place of every corner, ring after ring."""
    ring_starts: list[int]
    faces: Faces
    bad: dict[int, str]
    odd: dict[str, set[int]]
    """Code of a finding → faces."""

    @classmethod
    def of(cls, faces: Faces, frame: Frame) -> "_Placed":
        """Split numbers into points, bring them into one system, find places that are one."""
        sizes, bad = _points(faces, frame.srs.dimension)
        starts = np.concatenate(([0], np.cumsum(sizes)))
        points = _spread(faces, frame, starts)
        bad |= _not_finite(faces, points, starts)
        pool, corners = _welded(points)
        odd = _odd(faces, points, corners, starts, frame)
        return cls(pool, corners.tolist(), starts.tolist(), faces, bad, odd)

    def face(self, number: int) -> list[list[int]]:
        """The rings of a face as places, turned round for ``~n``."""
        starts, corners = self.ring_starts, self.corners
        own = self.faces.rings(max(number, ~number))
        rings = [corners[starts[ring] : starts[ring + 1]] for ring in own]
        return rings if number >= 0 else [ring[::-1] for ring in rings]

    def shape(self, draft: Draft, frame: Frame) -> Shape:
        """What `bodies` makes a mesh of."""
        shells = [[self.face(each) for each in shell] for shell in draft.shells]
        pool = (0, len(self.pool))
        placement = None
        if draft.placement is not None:
            matrix, at = draft.placement
            reference = self.points([at])[0]
            placement = (_in_degrees(matrix, reference) if frame.geographic else matrix), reference
        kind = KINDS[draft.kind]
        boundaries: Any = {"MultiSurface": shells[0], "Solid": shells}.get(kind, [shells])
        return Shape(draft.row, kind, draft.lod, boundaries, draft.source, pool, placement)

    def points(self, run: Run) -> Floats:
        """(n, 3) points of lines or points."""
        return self.pool[[place for face in run for ring in self.face(face) for place in ring]]


def _points(faces: Faces, usual: int) -> tuple[Ints, dict[int, str]]:
    """(r,) points of each ring, and faces whose numbers do not make whole points."""
    ends = np.array(faces.ring_ends, np.int64)
    counts = np.diff(ends, prepend=0)
    dimensions = np.array(faces.dimensions, np.int64)
    for face, (_, size) in faces.special.items():
        if size:
            for ring in faces.rings(face):
                dimensions[ring] = dimensions[ring] or size
    dimensions[dimensions == 0] = usual
    flat = (counts % dimensions != 0) & (counts % 2 == 0) & (np.array(faces.dimensions) == 0)
    dimensions[flat] = 2
    faces.dimensions = dimensions.tolist()
    uneven = np.flatnonzero(counts % dimensions)
    face_of = np.searchsorted(np.array(faces.face_ends), uneven, side="right")
    bad = {
        int(face): f"{counts[ring]} numbers do not make points of {dimensions[ring]} coordinates"
        for ring, face in zip(uneven.tolist(), face_of.tolist(), strict=True)
    }
    return counts // dimensions, bad


def _spread(faces: Faces, frame: Frame, starts: Ints) -> Floats:
    """(n, 3) points in the frame's system; the height of those that have none is NaN."""
    numbers = np.frombuffer(faces.numbers, np.float64) if len(faces.numbers) else np.empty(0)
    dimensions = np.array(faces.dimensions, np.int64)
    sizes = np.diff(starts)
    if (dimensions == 3).all() and len(numbers) == 3 * starts[-1]:
        points = numbers.reshape(-1, 3).copy()
    else:
        begins = np.repeat(np.array([0, *faces.ring_ends], np.int64)[:-1], sizes)
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
        size = np.repeat(dimensions, sizes)
        at = begins + within * size
        third = np.where(size == 3, at + 2, at)
        points = np.stack([numbers[at], numbers[at + 1], numbers[third]], axis=1)
        points[size != 3, 2] = np.nan
    local = _rows_of(faces, faces.local, starts)
    _turn(points, frame.srs, ~local)
    for system in {each for each, _ in faces.special.values() if each and each != frame.srs_name}:
        those = {face for face, (each, _) in faces.special.items() if each == system}
        _moved(points, understood(system), frame, _rows_of(faces, those - faces.local, starts))
    return points


def _turn(points: Floats, srs: Srs, chosen: NDArray[np.bool_]) -> None:
    if any(srs.shift):
        points[chosen] += srs.shift
    if srs.north_first:
        points[chosen, :2] = points[chosen, 1::-1]


def _moved(points: Floats, own: Srs, frame: Frame, chosen: NDArray[np.bool_]) -> None:
    """Bring points that are in a system of their own into the frame's."""
    if own.crs == frame.srs.crs or not own.crs or not frame.srs.crs:
        return
    if own.north_first != frame.srs.north_first:
        points[chosen, :2] = points[chosen, 1::-1]
    x, y = transform(own.crs, frame.srs.crs, points[chosen, 0], points[chosen, 1])
    points[chosen, 0], points[chosen, 1] = x, y
    frame.note("own_system", 1, own.crs)


def _rows_of(faces: Faces, chosen: set[int], starts: Ints) -> NDArray[np.bool_]:
    """(n,) which points belong to these faces."""
    found = np.zeros(int(starts[-1]), bool)
    for face in chosen:
        rings = faces.rings(face)
        found[starts[rings.start] : starts[rings.stop]] = True
    return found


def _not_finite(faces: Faces, points: Floats, starts: Ints) -> dict[int, str]:
    wrong = np.flatnonzero(~np.isfinite(points[:, :2]).all(axis=1) | np.isinf(points[:, 2]))
    rings = np.searchsorted(starts, wrong, side="right") - 1
    face = np.searchsorted(np.array(faces.face_ends), rings, side="right")
    return dict.fromkeys(face.tolist(), "a coordinate is NaN or infinite")


def _welded(points: Floats) -> tuple[Floats, Ints]:
    """Places, in the order in which they first occur, and the place of each point."""
    if not len(points):
        return points, np.empty(0, np.int64)
    bits = np.ascontiguousarray(points + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
    mixed = bits[:, 0] * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29)) ^ bits[:, 1]) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(32)) ^ bits[:, 2]) * np.uint64(0x94D049BB133111EB)
    _, first, place = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(bits[first][place], bits):  # two places under one hash
        _, first, place = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return points[first[order]], rank[place.ravel()]


def _odd(
    faces: Faces, points: Floats, corners: Ints, starts: Ints, frame: Frame
) -> dict[str, set[int]]:
    """Faces that can be used but are not as they should be."""
    sizes = np.diff(starts)
    outer = np.concatenate(([0], np.array(faces.face_ends, np.int64)))[:-1]
    outer = outer[np.diff(np.array([0, *faces.face_ends])) > 0] if len(faces) else outer
    held = np.flatnonzero(sizes > 2)
    open_rings = held[corners[starts[held]] != corners[starts[held + 1] - 1]]
    ends = np.array(faces.face_ends, np.int64)
    bent = outer[_bent(points, starts, outer, frame)]
    return {
        "ring_not_closed": set(np.searchsorted(ends, open_rings, side="right").tolist()),
        "face_not_planar": set(np.searchsorted(ends, bent, side="right").tolist()),
    }


def _bent(points: Floats, starts: Ints, rings: Ints, frame: Frame) -> NDArray[np.bool_]:
    """(r,) which rings have a corner more than `PLANAR` outside their mean plane."""
    sizes = starts[rings + 1] - starts[rings]
    found = np.zeros(len(rings), bool)
    many = np.flatnonzero(sizes > 4)  # three corners and the first again are always plane
    if not len(many):
        return found
    sizes = sizes[many]
    begin = np.cumsum(sizes) - sizes
    at = np.repeat(starts[rings[many]] - begin, sizes) + np.arange(int(sizes.sum()))
    own = points[at]
    own = own - np.repeat(np.add.reduceat(own, begin) / sizes[:, None], sizes, axis=0)
    if frame.geographic:
        own[:, :2] *= _EQUATOR * np.pi / 180
        own[:, 0] *= np.cos(np.radians(points[at, 1]))
    after = np.arange(len(own)) + 1
    after[begin + sizes - 1] = begin
    normal = np.add.reduceat(np.cross(own, own[after]), begin)
    length = np.linalg.norm(normal, axis=1)
    normal /= np.where(length > 0, length, np.inf)[:, None]
    away = np.abs(np.einsum("ij,ij->i", own, np.repeat(normal, sizes, axis=0)))
    found[many] = np.maximum.reduceat(away, begin) > PLANAR
    return found


def _in_degrees(matrix: Floats, reference: Floats) -> Floats:
    """A transformation in metres as one to degrees around a reference point."""
    latitude = np.radians(reference[1])
    root = np.sqrt(1 - _SQUARED_ECCENTRICITY * np.sin(latitude) ** 2)
    east = np.degrees(root / (_EQUATOR * np.cos(latitude)))
    north = np.degrees(root**3 / (_EQUATOR * (1 - _SQUARED_ECCENTRICITY)))
    return np.asarray(np.diag([east, north, 1.0, 1.0]) @ matrix)


def _add_plain(
    rows: Rows, placed: _Placed, objects: Objects, found: Bodies, lost: set[int]
) -> None:
    """Lines and points of objects without surfaces."""
    for row, (lod, lines, points) in rows.plain.items():
        if row in lost or found.footprints[row] is not None:
            continue
        shapes: list[Any] = [
            shapely.LineString(own) for face in lines if len(own := placed.points([face])) > 1
        ]
        if not shapes:
            shapes = [shapely.Point(each) for each in placed.points(points)]
        if shapes:
            many = shapely.MultiLineString if lines else shapely.MultiPoint
            objects.plain[row] = shapes[0] if len(shapes) == 1 else many(shapes)
            found.lods[row] = found.lods[row] or lod


def _gather(rows: Rows, found: Bodies) -> None:
    """Give a parent without surfaces what its parts cover together, from below upwards."""
    together: dict[int, list[Any]] = {}
    for row in reversed(range(len(rows))):
        parts = together.pop(row, None)
        if parts and found.footprints[row] is None:
            union = parts[0] if len(parts) == 1 else only_areas(shapely.union_all(parts))
            found.footprints[row] = union
        parent = rows.parents[row]
        if parent < 0 or rows.kinds[row] not in WHOLES or found.footprints[row] is None:
            continue
        together.setdefault(parent, []).append(found.footprints[row])
        if found.lods[parent] in {None, "0"}:
            found.low[parent] = np.fmin(found.low[parent], found.low[row])
            found.high[parent] = np.fmax(found.high[parent], found.high[row])


def _triangulated(mesh: Mesh) -> Mesh:
    """A mesh of triangles without what tells other faces apart."""
    if mesh.kind != "MultiSurface" or (mesh.ring_sizes != 3).any() or (mesh.face_rings != 1).any():
        return mesh
    none = np.empty(0, np.uint32)
    return replace(mesh, kind="Triangles", ring_sizes=none, face_rings=none)
