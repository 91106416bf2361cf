"""Where the placement of an IFC product puts its origin, in project units."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.ifc.step import Ref, StepFile

Matrix = NDArray[np.float64]
_DEEPEST = 100  # a longer chain of placements is a loop


def world_matrix(step: StepFile, placement: Any) -> Matrix | None:
    """4 × 4 matrix from the product's coordinates to the project's; None if it is broken.

    A placement on a grid has no matrix; one along an alignment uses the position that the
    exporter computed.
    """
    matrix = np.eye(4)
    for _ in range(_DEEPEST):
        kind = step.type(placement)
        if kind == "IFCLOCALPLACEMENT":
            own = axis_placement(step, step.arg(placement, 1))
        elif kind == "IFCLINEARPLACEMENT":
            own = axis_placement(step, step.arg(placement, 2))
        else:
            return None
        if own is None:
            return None
        matrix = own @ matrix
        placement = step.arg(placement, 0)
        if not isinstance(placement, Ref):
            return matrix
    return None


def axis_placement(step: StepFile, number: Any) -> Matrix | None:
    """Matrix of an IfcAxis2Placement2D or 3D; None if it is something else or not finite."""
    kind = step.type(number)
    if kind not in {"IFCAXIS2PLACEMENT3D", "IFCAXIS2PLACEMENT2D"}:
        return None
    flat = kind.endswith("2D")
    origin = _vector(step, step.arg(number, 0), 0)
    z = None if flat else _vector(step, step.arg(number, 1), 0)
    x = _vector(step, step.arg(number, 1 if flat else 2), 0)
    if origin is None:
        return None
    axis = _unit(z, np.array([0.0, 0.0, 1.0]))
    forward = np.array([1.0, 0.0, 0.0]) if x is None else x
    forward = forward - axis * (forward @ axis)
    if not np.linalg.norm(forward) > 1e-9:
        forward = np.cross([0.0, 1.0, 0.0] if abs(axis[1]) < 0.9 else [0.0, 0.0, 1.0], axis)
    forward = _unit(forward, forward)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = forward, np.cross(axis, forward), axis
    matrix[:3, 3] = origin
    return matrix if np.isfinite(matrix).all() else None


def _vector(step: StepFile, number: Any, place: int) -> Matrix | None:
    values = step.arg(number, place) if isinstance(number, Ref) else None
    if not isinstance(values, tuple) or not all(isinstance(v, int | float) for v in values):
        return None
    return np.array([*values, 0.0, 0.0, 0.0][:3], float)


def _unit(vector: Matrix | None, otherwise: Matrix) -> Matrix:
    length = 0.0 if vector is None else float(np.linalg.norm(vector))
    return otherwise if vector is None or not length > 1e-12 else vector / length
