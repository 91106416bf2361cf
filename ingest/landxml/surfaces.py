"""Triangulated surfaces of LandXML, point by point, so that their size does not matter much."""

from array import array
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cim.model import Mesh, Rejection
from ingest.footprints import Rings, outlines

NONE: Final = np.empty(0, np.uint32)


@dataclass(slots=True, eq=False)
class Surface:
    """The points and faces of the surface that is being read."""

    numbers: "array[float]" = field(default_factory=lambda: array("d"))
    names: list[str] = field(default_factory=list)
    corners: list[str] = field(default_factory=list)
    """Names of points, three for each face."""
    hidden: int = 0
    """Faces that the file says not to show."""
    faults: list[str] = field(default_factory=list)

    def point(self, element: Any) -> None:
        """A ``P``: north, east and elevation under an id."""
        try:
            north, east, z = (float(each) for each in (element.text or "").split())
        except ValueError:
            self.faults.append(f"point {element.get('id')}: {(element.text or '')[:60]!r}")
            return
        self.names.append(element.get("id") or str(len(self.names) + 1))
        self.numbers.extend((east, north, z))

    def face(self, element: Any) -> None:
        """An ``F``: the ids of three points."""
        ids = (element.text or "").split()
        if element.get("i") == "1":
            self.hidden += 1
        elif len(ids) == 3:
            self.corners += ids
        else:
            self.faults.append(f"face {element.text!r} does not have three points")

    def mesh(self, name: str, scale: tuple[float, float]) -> tuple[Mesh, Any] | Rejection:
        """The surface and its outline; or why it is none.

        `scale` is what a unit of length and one of elevation are in metres.
        """
        at = {each: number for number, each in enumerate(self.names)}
        missing = next((each for each in self.corners if each not in at), None)
        if missing is not None:
            self.faults.append(f"a face names the point {missing!r}, which is not there")
        if self.faults:
            more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
            return Rejection(name, "bad_geometry", self.faults[0] + more)
        points = np.array(self.numbers, np.float64).reshape(-1, 3)
        points = points * [scale[0], scale[0], scale[1]]
        corners = np.fromiter((at[each] for each in self.corners), np.int64, len(self.corners))
        if not len(corners):
            return Rejection(name, "no_faces", "the surface has no faces that are shown")
        if not np.isfinite(points).all():
            return Rejection(name, "coordinates_not_finite", "a coordinate is NaN or infinite")
        used, corners = np.unique(corners, return_inverse=True)
        points = points[used]
        mesh = Mesh(name, "2", "Triangles", points, corners.astype(np.uint32), NONE, NONE)
        return mesh, _outline(points, corners)


def _outline(points: NDArray[np.float64], corners: NDArray[np.int64]) -> Any:
    faces = np.arange(len(corners) // 3)
    sizes, owner = np.full(len(faces), 3), np.zeros(len(faces), np.int64)
    plan = np.ascontiguousarray(points[:, :2])
    return outlines(Rings(plan, corners, sizes, faces, owner), 1)[0]
