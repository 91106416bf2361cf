"""A shape for every product that has one, and an account of those that have none."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from cim.model import Finding
from ingest.ifc.limits import Report
from ingest.ifc.meshes import Floats, Shape, ThoroughKernel, fast_shapes, solids
from ingest.ifc.products import Product
from ingest.ifc.source import Model

FAST = "meshing with ifclite-geom"
THOROUGH = "meshing with ifcopenshell"
"""Stages that may crash; each can be skipped when reading is tried again."""

_LISTED = 5  # GlobalIds named in a message


@dataclass(slots=True)
class Shapes:
    """Shapes and axes by STEP number, in project axes and metres."""

    meshes: dict[int, Shape] = field(default_factory=dict)
    closed: dict[int, bool] = field(default_factory=dict)
    volume: dict[int, float] = field(default_factory=dict)
    curves: dict[int, Floats] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be meshed."""

    products: tuple[Product, ...]
    scale: float
    """Metres in one unit of length."""
    stretch: float = 1.0
    """What the user says of the unit against what the file says of it."""
    harmless: bool = False
    """Whether no kernel can come to grief over it."""


def gather(
    model: Model, wanted: Wanted, skip: frozenset[str], work: Path, report: Report
) -> Shapes:
    """Shapes of products, from the fast kernel and then, where it has none, from the thorough.

    `skip` are stages that are left out because they did not end well.
    """
    found = Shapes()
    by_number = {each.number: each for each in wanted.products}
    lines = [n for n, each in by_number.items() if each.ifc_class == "IfcAlignment"]
    bodies = [n for n, each in by_number.items() if each.has_shape and n not in set(lines)]
    if bodies and FAST not in skip:
        report(FAST)
        found.meshes = _finite(fast_shapes(model.data, bodies, wanted.scale))
    missing = [each for each in bodies if each not in found.meshes]
    empty: set[int] = set()
    if (missing or lines) and THOROUGH not in skip:
        report(THOROUGH)
        empty = _thorough(model, missing, lines, found, work)
    _account(found, by_number, bodies, empty)
    found.findings += [_skipped(each) for each in sorted(skip)]
    if wanted.stretch != 1:
        _stretch(found, wanted.stretch)
    _examine(found)
    return found


def _thorough(
    model: Model, missing: list[int], lines: list[int], found: Shapes, work: Path
) -> set[int]:
    try:
        kernel = ThoroughKernel(model.data, model.readable_as, work)
    except Exception as error:  # noqa: BLE001 - it raises its own, RuntimeError and OSError
        message = f"ifcopenshell cannot open it: {error}"
        found.findings.append(Finding("warning", "no_second_kernel", message))
        return set()
    shapes, empty = kernel.shapes(missing)
    found.meshes |= _finite(shapes)
    for number in lines:
        curve = kernel.curve(number)
        if curve is not None and np.isfinite(curve).all():
            found.curves[number] = curve
    return empty


def _skipped(stage: str) -> Finding:
    message = f"left out after it failed: {stage}"
    return Finding("warning", "kernel_failed", message, hint="shapes may be missing")


def _finite(shapes: dict[int, Shape]) -> dict[int, Shape]:
    return {number: each for number, each in shapes.items() if np.isfinite(each.vertices).all()}


def _account(
    found: Shapes, by_number: dict[int, Product], wanted: list[int], empty: set[int]
) -> None:
    lost = [each for each in wanted if each not in found.meshes and each not in empty]
    if empty:
        message = f"{len(empty)} elements have an empty shape: openings cut all of it away"
        found.findings.append(Finding("info", "empty_shape", message))
    if lost:
        names = ", ".join(by_number[each].global_id for each in lost[:_LISTED])
        more = ", …" if len(lost) > _LISTED else ""
        message = f"{len(lost)} elements are kept without shape, no kernel could make it: "
        found.findings.append(
            Finding("warning", "no_shape", message + names + more, hint="repair them and reload")
        )


def _stretch(found: Shapes, factor: float) -> None:
    for number, each in found.meshes.items():
        found.meshes[number] = replace(each, vertices=each.vertices * factor)
    for number, curve in found.curves.items():
        found.curves[number] = curve * factor


def _examine(found: Shapes) -> None:
    """Adds closedness and volume, and turns closed shapes outside out."""
    if not found.meshes:
        return
    numbers = list(found.meshes)
    result = solids(list(found.meshes.values()))
    found.closed = dict(zip(numbers, result.closed.tolist(), strict=True))
    found.volume = dict(zip(numbers, result.volume.tolist(), strict=True))
    for place in np.flatnonzero(~result.outward):
        shape = found.meshes[numbers[place]]
        turned = np.ascontiguousarray(shape.faces[:, [0, 2, 1]])
        found.meshes[numbers[place]] = replace(shape, faces=turned)


def middle(shapes: Shapes) -> Floats:
    """(3,) a point in the middle of everything; the origin if nothing has a shape."""
    corners = [each.vertices[0] for each in shapes.meshes.values()]
    corners += [each[0] for each in shapes.curves.values()]
    return np.median(np.array(corners), axis=0) if corners else np.zeros(3)
