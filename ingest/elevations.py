"""Heights of a source brought to the city's height datum, or said to be uncertain."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.geodesy import WGS84, transform
from cim.geodesy.heights import HeightShift, geoid_in, height_shift
from cim.model import Batch, Finding, Mesh
from cim.store import Store

Points = NDArray[np.float64]


@dataclass(slots=True)
class Elevations:
    """Lifts the batches of one source, which are in the city's CRS already."""

    store: Store
    source: str
    """Height datum of the source; ``""`` if nobody knows."""
    outside: int = field(default=0, init=False)
    """Coordinates for which the grid knows nothing."""

    @property
    def shift(self) -> HeightShift | None:
        """What is added; None if nothing has to be."""
        return height_shift(self.source, self.store.height_datum, geoid_in(self.store.folder))

    def batch(self, batch: Batch) -> Batch:
        """The batch with heights above the city's datum, as far as that is known."""
        shift = self.shift
        if shift is None or not shift.known:
            return batch
        objects = batch.objects
        if "geometry" in objects:
            shapes = np.asarray(objects["geometry"], object)
            objects = self._ground(objects, shapes, shift)
            lifted = self._shapes(shapes, shift)
            objects = objects.assign(geometry=pd.Series(lifted, objects.index, dtype=object))
        meshes = [self._mesh(each, shift) for each in batch.meshes]
        return replace(batch, objects=objects, meshes=meshes, nodes=self._nodes(batch.nodes, shift))

    def findings(self) -> list[Finding]:
        """What was done, or how uncertain it is."""
        shift, city = self.shift, self.store.height_datum
        if shift is None:
            return []
        if not shift.known:
            message = f"its heights are above {self.source}, the city's above {city}:"
            hint = "give the city a grid of the quasi-geoid: cim init --geoid FILE"
            evidence = f"they may be off by up to {shift.uncertainty:g} m"
            text = f"{message} they were kept as they are"
            return [Finding("warning", "height_datum", text, hint, evidence)]
        how = f"by the grid {shift.grid.name}" if shift.grid else f"by {shift.constant:+.3f} m"
        evidence = f"to about {shift.uncertainty:g} m"
        text = f"heights were brought from {self.source} to {city} {how}"
        found = [Finding("info", "height_datum_shifted", text, "", evidence)]
        if self.outside:
            text = f"{self.outside} heights lie outside the grid of the quasi-geoid: unknown now"
            found.append(Finding("warning", "outside_geoid", text))
        return found

    def _lift(self, x: Points, y: Points, shift: HeightShift) -> Points:
        lon, lat = transform(self.store.crs_name, WGS84, x, y)
        lift = shift.at(lon, lat)
        self.outside += int(np.isnan(lift).sum())
        return lift

    def _ground(
        self, objects: pd.DataFrame, shapes: NDArray[np.object_], shift: HeightShift
    ) -> pd.DataFrame:
        if "ground_height" not in objects:
            return objects
        own = np.array(pd.to_numeric(objects["ground_height"], errors="coerce"), np.float64)
        known = np.isfinite(own) & ~shapely.is_missing(shapes)
        points = shapely.point_on_surface(shapely.force_2d(shapes[known]))
        own[known] += self._lift(shapely.get_x(points), shapely.get_y(points), shift)
        return objects.assign(ground_height=own)

    def _shapes(self, shapes: NDArray[np.object_], shift: HeightShift) -> NDArray[np.object_]:
        with_z = shapely.has_z(shapes)
        if not with_z.any():
            return shapes
        points = shapely.get_coordinates(shapes[with_z], include_z=True)
        points[:, 2] += self._lift(points[:, 0], points[:, 1], shift)
        lifted = shapes.copy()
        lifted[with_z] = shapely.set_coordinates(lifted[with_z], points)
        return lifted

    def _mesh(self, mesh: Mesh, shift: HeightShift) -> Mesh:
        vertices = np.array(mesh.vertices)
        lift = self._lift(vertices[:, 0], vertices[:, 1], shift)
        vertices[:, 2] += np.where(np.isnan(lift), 0.0, lift)
        return replace(mesh, vertices=vertices)

    def _nodes(self, nodes: pd.DataFrame | None, shift: HeightShift) -> Any:
        if nodes is None or not len(nodes) or "z" not in nodes:
            return nodes
        x, y, z = (pd.to_numeric(nodes[name]).to_numpy(np.float64) for name in ("x", "y", "z"))
        return nodes.assign(z=z + self._lift(x, y, shift))
