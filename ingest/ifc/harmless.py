"""Whether a small model can do a geometry kernel any harm, seen before any kernel reads it.

Kernels crash on references that go in circles, hang where copies of copies multiply, and trip
over numbers without end. A model of simple shapes in which none of that occurs needs no child
process around the kernel.
"""

import re
from collections.abc import Iterable, Iterator

from ingest.ifc.step import SMALL, StepFile

_MOST_STEPS = 50_000  # entities met on all ways down from the products together
_DEEPEST = 64
_REFERENCE = re.compile(rb"#(\d+)")
_EXTREME = re.compile(rb"\.\d*[eE](?:\+?[1-9]\d|-\d{3})|[(,.+-]\d{20}")
_SIMPLE = frozenset(
    {
        "IFCACTORROLE",
        "IFCAPPLICATION",
        "IFCARBITRARYCLOSEDPROFILEDEF",
        "IFCARBITRARYPROFILEDEFWITHVOIDS",
        "IFCAXIS2PLACEMENT2D",
        "IFCAXIS2PLACEMENT3D",
        "IFCBOOLEANCLIPPINGRESULT",
        "IFCBOOLEANRESULT",
        "IFCBOUNDINGBOX",
        "IFCCARTESIANPOINT",
        "IFCCARTESIANPOINTLIST2D",
        "IFCCARTESIANPOINTLIST3D",
        "IFCCARTESIANTRANSFORMATIONOPERATOR3D",
        "IFCCIRCLE",
        "IFCCIRCLEHOLLOWPROFILEDEF",
        "IFCCIRCLEPROFILEDEF",
        "IFCCLOSEDSHELL",
        "IFCCOLOURRGB",
        "IFCCOMPOSITECURVE",
        "IFCCOMPOSITECURVESEGMENT",
        "IFCCONNECTEDFACESET",
        "IFCCSGSOLID",
        "IFCDIRECTION",
        "IFCEXTRUDEDAREASOLID",
        "IFCFACE",
        "IFCFACEBASEDSURFACEMODEL",
        "IFCFACEBOUND",
        "IFCFACEOUTERBOUND",
        "IFCFACETEDBREP",
        "IFCGEOMETRICCURVESET",
        "IFCGEOMETRICREPRESENTATIONCONTEXT",
        "IFCGEOMETRICREPRESENTATIONSUBCONTEXT",
        "IFCGEOMETRICSET",
        "IFCHALFSPACESOLID",
        "IFCINDEXEDPOLYCURVE",
        "IFCINDEXEDPOLYGONALFACE",
        "IFCISHAPEPROFILEDEF",
        "IFCLINE",
        "IFCLOCALPLACEMENT",
        "IFCLSHAPEPROFILEDEF",
        "IFCMAPPEDITEM",
        "IFCOPENSHELL",
        "IFCORGANIZATION",
        "IFCOWNERHISTORY",
        "IFCPERSON",
        "IFCPERSONANDORGANIZATION",
        "IFCPLANE",
        "IFCPOLYGONALBOUNDEDHALFSPACE",
        "IFCPOLYGONALFACESET",
        "IFCPOLYLINE",
        "IFCPOLYLOOP",
        "IFCPOSTALADDRESS",
        "IFCPRESENTATIONSTYLEASSIGNMENT",
        "IFCPRODUCTDEFINITIONSHAPE",
        "IFCRECTANGLEHOLLOWPROFILEDEF",
        "IFCRECTANGLEPROFILEDEF",
        "IFCREPRESENTATIONMAP",
        "IFCSHAPEREPRESENTATION",
        "IFCSHELLBASEDSURFACEMODEL",
        "IFCSTYLEDITEM",
        "IFCSURFACESTYLE",
        "IFCSURFACESTYLERENDERING",
        "IFCTELECOMADDRESS",
        "IFCTRIANGULATEDFACESET",
        "IFCTRIANGULATEDIRREGULARNETWORK",
        "IFCTRIMMEDCURVE",
        "IFCTSHAPEPROFILEDEF",
        "IFCUSHAPEPROFILEDEF",
        "IFCVECTOR",
    }
)
"""What shapes of products may be made of: kernels spend a bounded effort on each."""


def harmless(data: bytes, step: StepFile, products: Iterable[int]) -> bool:
    """Whether kernels can be let loose on `data` in this process.

    `products` are the STEP numbers of all that a kernel may look at, openings included.
    """
    if len(data) > SMALL or _EXTREME.search(data) or step.damage or step.repeated:
        return False
    return _hierarchy_ends(step) and _Walk(step).ends(products)


def _hierarchy_ends(step: StepFile) -> bool:
    """Whether no product is part of itself."""
    above: dict[int, int] = {}
    for relation in step.of_type("IFCRELAGGREGATES", "IFCRELNESTS", "IFCRELVOIDSELEMENT"):
        for whole in step.refs(relation, 4):
            for part in step.refs(relation, 5):
                if above.setdefault(part, whole) != whole:
                    return False
    for start in above:
        current: int | None = start
        for _ in range(_DEEPEST):
            current = above.get(current) if current is not None else None
        if current is not None:
            return False
    return True


class _Walk:
    """Down from products through all that they refer to."""

    def __init__(self, step: StepFile) -> None:
        self._step = step
        self._steps: dict[int, int] = {}
        """Entities on all ways down from one, itself included."""
        self._open: set[int] = set()

    def ends(self, products: Iterable[int]) -> bool:
        """Whether there are no circles, no multitudes, no gaps and only simple shapes."""
        total = 0
        for product in products:
            for each in self._below(product):
                steps = self._count(each, 0)
                if not steps:
                    return False
                total += steps
        return total <= _MOST_STEPS

    def _below(self, number: int) -> Iterator[int]:
        return map(int, _REFERENCE.findall(self._step.raw(number)))

    def _count(self, number: int, depth: int) -> int:
        """Entities on all ways down; 0 if that is no good."""
        known = self._steps.get(number)
        if known is not None:
            return known
        if depth > _DEEPEST or number in self._open or self._step.type(number) not in _SIMPLE:
            return 0
        self._open.add(number)
        total = 1
        for each in self._below(number):
            steps = self._count(each, depth + 1)
            if not steps:
                return 0
            total += steps
        self._open.discard(number)
        self._steps[number] = min(total, _MOST_STEPS + 1)
        return self._steps[number]
