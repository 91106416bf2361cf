"""Made-up cities, small enough that every expected number can be worked out by hand.

All of them are in `CRS` (CGCS2000 / 3-degree Gauss-Kruger CM 114E), around `ORIGIN`.
"""

import numpy as np
import pandas as pd
from shapely import LineString, Point, Polygon, box

from cim.model import Batch, Mesh

CRS = "EPSG:4547"
ORIGIN = (531_000.0, 3_852_000.0)
"""East and north of the first house's south-west corner: Kaifeng, about 114.339 E, 34.796 N."""
SIDE = 10.0
"""Length and width of a house in metres."""
GAP = 20.0
"""From one house's west wall to the next one's."""


def square(index: int, side: float = SIDE) -> Polygon:
    """Footprint of house `index`: its area is `side`²."""
    east, north = ORIGIN[0] + GAP * index, ORIGIN[1]
    return box(east, north, east + side, north + side)


def street(count: int = 3, prefix: str = "b") -> Batch:
    """Houses ``b0``, ``b1`` … in a row; house i: 10 m square, 3·(i+1) m high, on ground at i m."""
    numbers = np.arange(count)
    objects = pd.DataFrame(
        {
            "object_id": [f"{prefix}{each}" for each in numbers],
            "class": "Building",
            "name": [f"{each + 1} East Street" for each in numbers],
            "status": "existing",
            "function": ["residential" if each % 2 == 0 else "retail" for each in numbers],
            "height": 3.0 * (numbers + 1),
            "ground_height": numbers.astype(np.float64),
            "storeys_above_ground": numbers + 1,
            "attributes": [{"year": 1990 + int(each), "owner": "城市"} for each in numbers],
        }
    )
    objects["geometry"] = pd.Series([square(int(each)) for each in numbers], dtype=object)
    return Batch(objects)


def unknown_house() -> Batch:
    """One house of which nothing is known but its footprint."""
    objects = pd.DataFrame({"object_id": ["u0"], "class": ["Building"]})
    objects["geometry"] = pd.Series([square(9)], dtype=object)
    return Batch(objects)


def cube(object_id: str = "c0", side: float = SIDE) -> Batch:
    """A house with a closed LoD2 solid: six square faces, volume `side`³, ground at 0 m."""
    east, north = ORIGIN[0], ORIGIN[1] + 100
    corners = [
        (0, 0, 0),
        (1, 0, 0),
        (1, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 0, 1),
        (1, 1, 1),
        (0, 1, 1),
    ]
    faces = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    mesh = Mesh(
        object_id=object_id,
        lod="2",
        kind="Solid",
        vertices=np.array(corners, np.float64) * side + (east, north, 0.0),
        indices=np.array(faces, np.uint32).ravel(),
        ring_sizes=np.full(6, 4, np.uint32),
        face_rings=np.ones(6, np.uint32),
        face_part=np.array([0, 1, 2, 2, 2, 2], np.uint16),
        parts=({"type": "GroundSurface"}, {"type": "RoofSurface"}, {"type": "WallSurface"}),
    )
    objects = pd.DataFrame(
        {"object_id": [object_id], "class": ["Building"], "height": [side], "ground_height": [0.0],
         "lod": ["2"]}
    )  # fmt: skip
    objects["geometry"] = pd.Series([box(east, north, east + side, north + side)], dtype=object)
    return Batch(objects, meshes=(mesh,))


def water_main(pipes: int = 2, depth: float = 1.5) -> Batch:
    """Water pipes of 20 m each under the street, end to end, with a manhole at every joint."""
    joints = [(ORIGIN[0] + GAP * each, ORIGIN[1] - 5.0, -depth) for each in range(pipes + 1)]
    names = [f"n{each}" for each in range(pipes + 1)]
    objects = pd.DataFrame(
        {
            "object_id": [f"p{each}" for each in range(pipes)]
            + [f"m{n}" for n in range(pipes + 1)],
            "class": ["Pipe"] * pipes + ["Manhole"] * (pipes + 1),
            "attributes": [{"diameter": 0.3, "material": "cast iron"}] * pipes + [{}] * (pipes + 1),
        }
    )
    lines = [LineString(joints[each : each + 2]) for each in range(pipes)]
    objects["geometry"] = pd.Series([*lines, *map(Point, joints)], dtype=object)
    nodes = pd.DataFrame(joints, columns=["x", "y", "z"]).assign(
        network="water", node_id=names, object_id=[f"m{n}" for n in range(pipes + 1)]
    )
    edges = pd.DataFrame(
        {
            "network": "water",
            "object_id": [f"p{each}" for each in range(pipes)],
            "start_node": names[:-1],
            "end_node": names[1:],
            "length": GAP,
        }
    )
    return Batch(objects, nodes=nodes, edges=edges)


def bowtie() -> Polygon:
    """A self-crossing polygon: repaired, it is two triangles of 25 m² each."""
    east, north = ORIGIN
    return Polygon([(east, north), (east + 10, north + 10), (east + 10, north), (east, north + 10)])
