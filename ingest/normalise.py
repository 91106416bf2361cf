"""From a reader's batch to what a store takes: the city's CRS, finite, valid, plausible.

What cannot be mended is rejected with its reason; what is mended is counted and said.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim import geodesy
from cim.errors import SourceError
from cim.model import Batch, Finding, Mesh, Rejection

Shapes = NDArray[np.object_]

TALLEST: Final = 1000.0
"""Metres; no building on Earth reaches it."""
OUTSIDE_DEGREES: Final = 3.0
"""How far beyond its CRS's area of use a city may still take objects."""

_AREAL: Final = (3, 6)
_RAW: Final = 200


@dataclass(slots=True)
class Normaliser:
    """Brings the batches of one source into a city, and remembers what it had to do."""

    source_crs: str
    city_crs: str
    rejected: list[Rejection] = field(default_factory=list)
    mended: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def batch(self, batch: Batch) -> Batch:
        """`batch` in the city's CRS, without what cannot be kept."""
        objects = batch.objects.reset_index(drop=True)
        if "geometry" in objects:
            shapes = np.asarray(objects["geometry"], object)
            keep = ~shapely.is_missing(shapes)
            shapes, wrong = self._shapes(shapes, objects["object_id"])
            lost = keep & shapely.is_missing(shapes) | wrong
            objects = objects.assign(geometry=pd.Series(shapes, dtype=object))
            objects = objects[~lost].reset_index(drop=True) if lost.any() else objects
        objects = self._numbers(objects)
        return replace(
            batch,
            objects=objects,
            meshes=[mesh for mesh in map(self._mesh, batch.meshes) if mesh is not None],
            nodes=self._nodes(batch.nodes),
            edges=self._edges(batch.edges, objects),
        )

    def findings(self) -> list[Finding]:
        """What had to be mended, once for each kind."""
        return [
            Finding("warning", code, f"{count} {_MENDED[code]}, such as {self.examples[code]}")
            for code, count in sorted(self.mended.items())
        ]

    def _reject(
        self, shapes: Shapes, bad: NDArray[np.bool_], ids: Any, why: tuple[str, str]
    ) -> None:
        for at in np.flatnonzero(bad):
            with np.errstate(all="ignore"):
                raw = shapely.to_wkt(shapes[at], rounding_precision=6)[:_RAW]
            self.rejected.append(Rejection(str(ids.iloc[at]), *why, raw=raw))

    def _count(self, code: str, bad: NDArray[np.bool_], ids: Any) -> None:
        if bad.any():
            self.mended[code] += int(bad.sum())
            self.examples.setdefault(code, str(ids.iloc[int(np.flatnonzero(bad)[0])]))

    def _shapes(self, shapes: Shapes, ids: Any) -> tuple[Shapes, NDArray[np.bool_]]:
        """Transformed and valid; the second array marks those to be left out."""
        there = ~shapely.is_missing(shapes)
        empty = there & shapely.is_empty(shapes)
        self._reject(shapes, empty, ids, ("empty_geometry", "the geometry has no coordinates"))
        broken = there & ~empty & ~_finite(shapes)
        self._reject(
            shapes, broken, ids, ("coordinates_not_finite", "a coordinate is NaN or infinite")
        )
        wrong = empty | broken
        moved = shapes.copy()
        good = there & ~wrong
        moved[good] = transformed(shapes[good], self.source_crs, self.city_crs)
        outside = good & ~_finite(moved)
        self._reject(
            shapes,
            outside,
            ids,
            ("outside_crs", f"{self.city_crs[:40]} is not defined there: wrong CRS?"),
        )
        wrong |= outside
        good &= ~outside
        moved, collapsed = self._valid(moved, good, ids)
        self._reject(
            shapes,
            collapsed,
            ids,
            ("no_area", "nothing is left of the polygon when it is repaired"),
        )
        return moved, wrong | collapsed

    def _valid(
        self, shapes: Shapes, good: NDArray[np.bool_], ids: Any
    ) -> tuple[Shapes, NDArray[np.bool_]]:
        areal = np.isin(shapely.get_type_id(shapes), _AREAL)
        bad = np.zeros(len(shapes), bool)
        bad[good & areal] = ~shapely.is_valid(shapes[good & areal])
        if not bad.any():
            return shapes, bad
        mended = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
        shapes[bad] = [_only_polygons(each) for each in mended]
        collapsed = bad & (shapely.is_empty(shapes) | ~(shapely.area(shapes) > 0))
        self._count("repaired", bad & ~collapsed, ids)
        return shapes, collapsed

    def _numbers(self, objects: pd.DataFrame) -> pd.DataFrame:
        """A height that cannot be is unknown; the source's value stays as an attribute."""
        if "height" not in objects:
            return objects
        heights = pd.to_numeric(objects["height"], errors="coerce").to_numpy(float)
        absurd = np.isfinite(heights) & ((heights < 0) | (heights > TALLEST))
        if not absurd.any():
            return objects
        self._count("absurd_height", absurd, objects["object_id"])
        kept = np.where(absurd, heights, np.nan)
        return objects.assign(height=np.where(absurd, np.nan, heights), height_in_source=kept)

    def _mesh(self, mesh: Mesh) -> Mesh | None:
        x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
        if self.source_crs != self.city_crs:
            x, y = geodesy.transform(self.source_crs, self.city_crs, x, y)
        vertices = np.column_stack([x, y, mesh.vertices[:, 2]])
        if not len(vertices) or not np.isfinite(vertices).all():
            self.rejected.append(
                Rejection(
                    mesh.object_id,
                    "mesh_not_finite",
                    f"the surface at LoD {mesh.lod} has no place in {self.city_crs[:40]};"
                    " the object is kept without it",
                )
            )
            return None
        return replace(mesh, vertices=vertices)

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
        length = length[~length.index.duplicated()]
        kept = edges[edges["object_id"].isin(length.index)]
        return kept.assign(length=length.reindex(kept["object_id"]).to_numpy())


_MENDED: Final = {
    "repaired": "polygons crossed themselves and were repaired",
    "absurd_height": f"heights below 0 or above {TALLEST:g} m were taken as unknown",
}


def _finite(shapes: Shapes) -> NDArray[np.bool_]:
    coordinates, index = shapely.get_coordinates(shapes, return_index=True)
    good = np.ones(len(shapes), bool)
    finite = np.isfinite(coordinates).all(axis=1)
    if not finite.all():
        good[index[~finite]] = False
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


def _only_polygons(shape: Any) -> Any:
    if shape.geom_type in {"Polygon", "MultiPolygon"}:
        return shape
    parts = [each for each in shapely.get_parts(shape) if each.geom_type.endswith("Polygon")]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def refuse_far_away(
    bounds: tuple[float, float, float, float], source_crs: str, city_crs: str, where: str
) -> None:
    """Refuse a source that lies outside the area for which the city's CRS is made.

    `bounds` are in `source_crs`.

    Raises
    ------
    SourceError
        With where the source is and what to do.
    """
    area = geodesy.named_crs(city_crs).area_of_use
    if area is None:
        return
    try:
        west, south, east, north = geodesy.bounds_between(source_crs, geodesy.WGS84, bounds)
    except SourceError:
        return  # the objects themselves will say what is wrong
    margin = OUTSIDE_DEGREES
    if (
        east < area.west - margin
        or west > area.east + margin
        or north < area.south - margin
        or south > area.north + margin
    ):
        raise SourceError(
            f"it lies at {(west + east) / 2:.3f}°, {(south + north) / 2:.3f}°, outside the area of"
            f" {city_crs[:40]} ({area.west:g}° to {area.east:g}°, {area.south:g}° to"
            f" {area.north:g}°)",
            where=where,
            hint="if the file's CRS is wrong say the true one with --crs;"
            " if it is right, make a city there with a CRS of its own",
        )


def total_bounds(batches: Iterable[Batch]) -> tuple[float, float, float, float] | None:
    """Box around all geometries of some batches, or None."""
    boxes = [
        shapely.total_bounds(np.asarray(each.objects["geometry"], object))
        for each in batches
        if "geometry" in each.objects
    ]
    good = np.array([box for box in boxes if np.isfinite(box).all()]).reshape(-1, 4)
    if not len(good):
        return None
    low, high = good.min(axis=0), good.max(axis=0)
    return (float(low[0]), float(low[1]), float(high[2]), float(high[3]))
