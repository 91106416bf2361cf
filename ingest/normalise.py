"""Between reader and store: one CRS, sound geometries, sane numbers, nothing silently lost.

What cannot be mended is rejected with its reason; what is mended is counted and said.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim import geodesy
from cim.meshes import Meshes
from cim.model import Batch, Finding, Mesh, Rejection
from cim.volumes import measured
from ingest.area import Bounds, reach

Shapes = NDArray[np.object_]
Flags = NDArray[np.bool_]

PLAUSIBLE: Final = MappingProxyType(
    {
        "height": (0.0, 1000.0),
        "ground_height": (-12_000.0, 9_000.0),
        "storeys_above_ground": (0.0, 250.0),
        "storeys_below_ground": (0.0, 60.0),
    }
)
"""Least and most that can be; the Earth's surface lies between -11 and 9 km."""
HIGHEST: Final = 20_000.0
"""Metres above or below the datum beyond which a Z is no height on Earth."""
FARTHEST: Final = 1e8
"""Metres from the origin of a projection beyond which nothing is on Earth, zone prefix and all."""

_POINT, _RAW = 0, 200
_AREAL: Final = (3, 6)


@dataclass(slots=True)
class Normaliser:
    """Brings the batches of one source into a city, and remembers what it had to do."""

    source_crs: str
    city_crs: str
    rejected: list[Rejection] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    _reach: Bounds | None = None

    def __post_init__(self) -> None:
        self._reach = reach(self.city_crs)

    def batch(self, batch: Batch) -> Batch:
        """`batch` in the city's CRS, without what cannot be kept."""
        objects = batch.objects.reset_index(drop=True)
        lost = np.zeros(len(objects), bool)
        if "geometry" in objects:
            given = np.asarray(objects["geometry"], object)
            shapes, lost = self._shapes(given, objects, valid=batch.valid)
            objects = objects.assign(geometry=pd.Series(shapes, dtype=object))
        if lost.any():
            objects = self._without(objects, lost)
        for name, limits in PLAUSIBLE.items():
            objects = self._plausible(objects, name, limits)
        meshes = self._meshes(batch.meshes)
        return replace(
            batch,
            objects=objects,
            meshes=_first_meshes(meshes, objects["object_id"]),
            nodes=self._nodes(batch.nodes),
            edges=self._edges(batch.edges, objects),
        )

    def findings(self) -> list[Finding]:
        """What had to be mended, once for each kind."""
        return [
            Finding("warning", code, f"{_MENDED[code]}: {count}, such as {self.examples[code]}")
            for code, count in sorted(self.mended.items())
        ]

    def _without(self, objects: pd.DataFrame, lost: Flags) -> pd.DataFrame:
        """The objects that are kept; none of them is part of one that is not."""
        kept = objects[~lost].reset_index(drop=True)
        if "parent_id" in kept:
            orphaned = kept["parent_id"].isin(objects["object_id"][lost]).to_numpy(bool)
            if orphaned.any():
                self._count("parent_rejected", orphaned, kept["object_id"])
                parents = kept["parent_id"].where(~orphaned, None)
                kept = kept.assign(
                    parent_id=parents, parent_in_source=kept["parent_id"].where(orphaned, None)
                )
        return kept

    def _reject(self, shapes: Shapes, bad: Flags, ids: Any, why: tuple[str, str]) -> None:
        for at in np.flatnonzero(bad):
            with np.errstate(all="ignore"):
                raw = shapely.to_wkt(shapes[at], rounding_precision=6)[:_RAW]
            self.rejected.append(Rejection(str(ids.iloc[at]), *why, raw=raw))

    def _count(self, code: str, bad: Flags, ids: Any) -> None:
        if bad.any():
            self.mended[code] += int(bad.sum())
            self.examples.setdefault(code, str(ids.iloc[int(np.flatnonzero(bad)[0])]))

    def _shapes(
        self, shapes: Shapes, objects: pd.DataFrame, *, valid: bool
    ) -> tuple[Shapes, Flags]:
        """Transformed and valid; the second array marks the objects to be left out."""
        ids = objects["object_id"]
        there = ~shapely.is_missing(shapes)
        empty = there & shapely.is_empty(shapes)
        self._reject(shapes, empty, ids, ("empty_geometry", "the geometry has no coordinates"))
        broken = there & ~empty & ~_finite(shapes)
        self._reject(
            shapes, broken, ids, ("coordinates_not_finite", "a coordinate is NaN or infinite")
        )
        wrong = empty | broken
        good = there & ~wrong
        moved = shapes.copy()
        moved[good] = transformed(shapes[good], self.source_crs, self.city_crs)
        outside = good & ~self._within_reach(moved)
        why = f"it lies outside the area of {self.city_crs[:40]}: wrong coordinates, or wrong CRS?"
        self._reject(shapes, outside, ids, ("outside_crs", why))
        wrong |= outside
        good &= ~outside
        moved = self._earthly(moved, good, ids)
        if valid and self.source_crs == self.city_crs:
            return moved, wrong
        moved, collapsed = self._valid(moved, good, ids)
        why = "nothing is left of it when it is repaired: it has no length or no area"
        self._reject(shapes, collapsed, ids, ("no_extent", why))
        return moved, wrong | collapsed

    def _within_reach(self, shapes: Shapes) -> Flags:
        """Which of the shapes, in the city's CRS, have coordinates and lie where it is used."""
        bounds = shapely.bounds(shapes)
        sound: Flags = np.asarray((np.abs(bounds) < FARTHEST).all(axis=1), bool)
        if self.source_crs != self.city_crs:
            sound &= _finite(shapes)
        if self._reach is not None:
            west, south, east, north = self._reach
            sound &= (bounds[:, 2] >= west) & (bounds[:, 0] <= east)
            sound &= (bounds[:, 3] >= south) & (bounds[:, 1] <= north)
        return sound

    def _earthly(self, shapes: Shapes, good: Flags, ids: Any) -> Shapes:
        """The same shapes; a Z that is no height on Earth is unknown."""
        with_z = good & shapely.has_z(shapes)
        if not with_z.any():
            return shapes
        coordinates, owner = shapely.get_coordinates(
            shapes[with_z], include_z=True, return_index=True
        )
        absurd = np.abs(coordinates[:, 2]) > HIGHEST
        if not absurd.any():
            return shapes
        bad = np.zeros(len(shapes), bool)
        bad[np.flatnonzero(with_z)[owner[absurd]]] = True
        self._count("absurd_z", bad, ids)
        coordinates[absurd, 2] = np.nan
        mended = shapes.copy()
        mended[with_z] = shapely.set_coordinates(mended[with_z], coordinates)
        return mended

    def _valid(self, shapes: Shapes, good: Flags, ids: Any) -> tuple[Shapes, Flags]:
        extended = good & (shapely.get_type_id(shapes) != _POINT)
        bad = np.zeros(len(shapes), bool)
        bad[extended] = ~shapely.is_valid(shapes[extended])
        if not bad.any():
            return shapes, bad
        mended = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
        shapes[bad] = [
            _of_kind(each, kind)
            for each, kind in zip(mended, shapely.get_type_id(shapes[bad]), strict=True)
        ]
        areal = np.isin(shapely.get_type_id(shapes), _AREAL)
        collapsed = bad & (shapely.is_empty(shapes) | areal & ~(shapely.area(shapes) > 0))
        self._count("repaired", bad & ~collapsed, ids)
        return shapes, collapsed

    def _plausible(
        self, objects: pd.DataFrame, name: str, limits: tuple[float, float]
    ) -> pd.DataFrame:
        """A number that cannot be is unknown; the source's value stays as an attribute."""
        if name not in objects:
            return objects
        values = pd.to_numeric(objects[name], errors="coerce").to_numpy(float, na_value=np.nan)
        absurd = (values < limits[0]) | (values > limits[1])
        if not absurd.any():
            return objects
        self._count(f"absurd_{name}", absurd, objects["object_id"])
        mended = objects.assign(**{name: np.where(absurd, np.nan, values)})
        mended[f"{name}_in_source"] = np.where(absurd, values, np.nan)
        return mended

    def _meshes(self, given: Sequence[Mesh]) -> Meshes:
        """Those whose vertices have a place in the city, there."""
        meshes = Meshes.of(given)
        vertices = meshes.vertices.values
        if self.source_crs != self.city_crs and len(vertices):
            x, y = geodesy.transform(self.source_crs, self.city_crs, vertices[:, 0], vertices[:, 1])
            vertices = np.column_stack([x, y, vertices[:, 2]])
            meshes = meshes.moved(vertices)
        counts = meshes.vertices.counts
        held = counts > 0
        lost = np.flatnonzero(~self._hold(vertices))
        held[np.searchsorted(meshes.vertices.starts, lost, side="right") - 1] = False
        for at in np.flatnonzero(~held).tolist():
            self.mended["mesh_left_out"] += 1
            example = f"{meshes.object_ids[at]} at LoD {meshes.lods[at]}"
            self.examples.setdefault("mesh_left_out", example)
        return measured(meshes.only(held))

    def _hold(self, vertices: NDArray[np.float64]) -> Flags:
        """Which vertices are where a city in this CRS can have them."""
        x, y, z = vertices.T  # column by column: NumPy is slow along rows of three
        good: Flags = np.isfinite(x) & np.isfinite(y) & (np.abs(z) <= HIGHEST)
        if self._reach is not None:
            west, south, east, north = self._reach
            good &= (x >= west) & (x <= east) & (y >= south) & (y <= north)
        return good

    def _nodes(self, nodes: pd.DataFrame | None) -> pd.DataFrame | None:
        if nodes is None or not len(nodes):
            return None
        x, y = geodesy.transform(
            self.source_crs, self.city_crs, nodes["x"].to_numpy(float), nodes["y"].to_numpy(float)
        )
        placed = nodes.assign(x=x, y=y)
        return placed[np.isfinite(x) & np.isfinite(y)]

    def _edges(self, edges: pd.DataFrame | None, objects: pd.DataFrame) -> pd.DataFrame | None:
        """Lengths in metres along the line as it lies in the city."""
        if edges is None or not len(edges):
            return None
        length = pd.Series(
            shapely.length(np.asarray(objects["geometry"], object)), objects["object_id"]
        )
        again = length.index.duplicated()
        kept = edges[edges["object_id"].isin(length.index)]
        if again.any():  # the objects that come second are rejected, their edges go with them
            of_second = kept["object_id"].isin(length.index[again])
            kept = kept[~(of_second & kept["object_id"].duplicated())]
        length = length[~again]
        return kept.assign(length=length.reindex(kept["object_id"]).to_numpy())


_MENDED: Final = MappingProxyType(
    {
        "repaired": "geometries crossed themselves or had pieces without extent and were repaired",
        "parent_rejected": "objects lost the one they are part of, which was rejected",
        "absurd_z": "geometries had a Z that is no height on Earth; it is unknown now",
        "mesh_left_out": "surfaces have no place in the city; their objects are kept without them",
        **{
            f"absurd_{name}": f"values of {name.replace('_', ' ')} outside {low:g} to {high:g}"
            " were taken as unknown"
            for name, (low, high) in PLAUSIBLE.items()
        },
    }
)


def _first_meshes(meshes: Meshes, ids: "pd.Series[str]") -> Meshes:
    """Without those of objects that come a second time and are rejected therefore."""
    again = set(ids[ids.duplicated()]) if len(meshes) else set()
    if not again:
        return meshes
    seen: set[tuple[str, str, str]] = set()
    first = np.ones(len(meshes), bool)
    keys = zip(meshes.object_ids, meshes.lods, meshes.kinds, strict=True)
    for at, key in enumerate(keys):
        first[at] = key[0] not in again or key not in seen
        seen.add(key)
    return meshes.only(first)


def _finite(shapes: Shapes) -> Flags:
    coordinates, index = shapely.get_coordinates(shapes, return_index=True)
    good = np.ones(len(shapes), bool)
    finite = np.isfinite(coordinates)
    if not finite.all():
        good[index[~finite.all(axis=1)]] = False
    return good


def transformed(shapes: Shapes, source: str, target: str) -> Shapes:
    """Geometries of one CRS in another, Z untouched; inf where there is no answer."""
    if source == target or not len(shapes):
        return shapes
    moved = shapes.copy()
    with_z = shapely.has_z(shapes)
    for include_z in (False, True):
        chosen = with_z == include_z
        if not chosen.any():
            continue
        coordinates = shapely.get_coordinates(shapes[chosen], include_z=include_z)
        x, y = geodesy.transform(source, target, coordinates[:, 0], coordinates[:, 1])
        coordinates[:, 0], coordinates[:, 1] = x, y
        moved[chosen] = shapely.set_coordinates(shapes[chosen], coordinates)
    return moved


_SAME_KIND: Final = MappingProxyType({1: "LineString", 5: "LineString", 3: "Polygon", 6: "Polygon"})


def _of_kind(mended: Any, kind: int) -> Any:
    """Of a repaired shape, the parts that are what it was before: lines or areas."""
    name = _SAME_KIND.get(int(kind))
    if name is None or mended.geom_type.endswith(name):
        return mended
    parts = [each for each in shapely.get_parts(mended) if each.geom_type.endswith(name)]
    return shapely.union_all(parts) if parts else shapely.Polygon()
