"""Outline, height and storeys of buildings, from the elements that stand in them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from ingest.ifc.meshes import Shape
from ingest.ifc.outlines import footprint, height_ranges, hulls
from ingest.ifc.placement import world_matrix
from ingest.ifc.products import Product, Products
from ingest.ifc.step import StepFile

_STRUCTURE = ("IfcWall", "IfcSlab", "IfcRoof", "IfcColumn", "IfcCurtainWall", "IfcPlate", "IfcBeam")
_STOREY_MARKS = ("IfcSpace", "IfcWall", "IfcColumn", "IfcCurtainWall")
"""What makes a level a storey that counts; a level without any is a mark, such as a ridge."""
_AT_GROUND = 0.6  # metres below zero where a storey still counts as the one at the ground
_ROOFS = frozenset({"IfcSlab", "IfcRoof"})


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of an object in space; None where it is not."""

    geometry: shapely.Geometry | None = None
    ground_height: float | None = None
    height: float | None = None
    storeys_above_ground: int | None = None
    storeys_below_ground: int | None = None


@dataclass(frozen=True, slots=True)
class _Storey:
    number: int
    elevation: float
    """Metres in the height system of the result."""
    nominal: float
    """Metres above the building's own zero."""
    counts: bool


class Extents:
    """Extent of every object that has a shape, and of buildings, storeys and rooms."""

    def __init__(
        self,
        step: StepFile,
        products: Products,
        shapes: Mapping[int, Shape],
        length: float,
        lift: float,
    ) -> None:
        """`shapes` are in the result's CRS; `lift` is what was added to heights in metres."""
        self._step, self._products, self._shapes = step, products, shapes
        self._length, self._lift = length, lift
        numbers = list(shapes)
        given = list(shapes.values())
        self._hulls = dict(zip(numbers, hulls(given), strict=True)) if given else {}
        ranges = height_ranges(given).tolist() if given else []
        self._ranges = dict(zip(numbers, ranges, strict=True))
        self._members: dict[int, list[int]] = defaultdict(list)
        for number in [each.number for each in products.objects]:
            for above in products.hierarchy.chain(number):
                self._members[above].append(number)

    def all(self) -> dict[int, Extent]:
        """Extents by STEP number."""
        found = {number: self._element(number) for number in self._shapes}
        by_class = defaultdict(list)
        for product in self._products.objects:
            by_class[product.city_class].append(product)
        for room in by_class["BuildingRoom"]:
            if room.number in self._shapes:
                found[room.number] = self._room(room.number)
        for building in by_class["Building"]:
            found |= self._building(building)
        return found

    def _element(self, number: int) -> Extent:
        low, high = self._ranges[number]
        return Extent(self._hulls[number], low, high - low)

    def _room(self, number: int) -> Extent:
        low, high = self._ranges[number]
        return Extent(self._outline([number]), low, high - low)

    def _outline(self, numbers: Sequence[int]) -> shapely.Geometry | None:
        around = [self._hulls[each] for each in numbers]
        exact = footprint([self._shapes[each] for each in numbers], np.array(around, object))
        if exact is not None or not around:
            return exact
        return shapely.convex_hull(shapely.union_all(around))

    def _building(self, building: Product) -> dict[int, Extent]:
        members = [each for each in self._members[building.number] if each in self._shapes]
        shown = [each for each in members if not self._products.is_a(each, "IfcSpace")] or members
        if building.number in self._shapes:
            shown.append(building.number)
        storeys = self._storeys(building.number)
        if not shown:
            return {building.number: Extent()}
        low = min(self._ranges[each][0] for each in shown)
        high = max(self._ranges[each][1] for each in shown)
        ground = self._ground(building.number, storeys, low, high)
        found = self._storey_extents(storeys, high)
        counting = [each.elevation for each in storeys if each.counts]
        found[building.number] = Extent(
            self._building_outline(shown),
            ground,
            high - ground,
            sum(each >= ground - _AT_GROUND for each in counting) or None,
            sum(each < ground - _AT_GROUND for each in counting) if counting else None,
        )
        return found

    def _building_outline(self, shown: list[int]) -> shapely.Geometry | None:
        outline = self._outline(self._structural(shown) or shown)
        if outline is None or any(self._is_any(each, _ROOFS) for each in shown):
            return outline
        # walls alone leave the floor open
        rings = [
            shapely.Polygon(each.exterior)
            for each in shapely.get_parts(outline)
            if each.geom_type == "Polygon"
        ]
        return shapely.union_all(rings) if rings else outline

    def _structural(self, numbers: list[int]) -> list[int]:
        return [each for each in numbers if self._is_any(each, _STRUCTURE)]

    def _is_any(self, number: int, classes: Sequence[str] | frozenset[str]) -> bool:
        return any(self._products.is_a(number, each) for each in classes)

    def _storeys(self, building: int) -> list[_Storey]:
        found = []
        for number in self._members[building]:
            if not self._products.is_a(number, "IfcBuildingStorey"):
                continue
            nominal = self._products.elevation(number)
            matrix = world_matrix(self._step, self._step.arg(number, 5))
            elevation = nominal if matrix is None else float(matrix[2, 3]) * self._length
            if elevation is None:
                continue
            counts = any(self._is_any(each, _STOREY_MARKS) for each in self._members[number])
            zero = elevation if nominal is None else nominal
            found.append(_Storey(number, elevation + self._lift, zero, counts))
        return sorted(found, key=lambda each: each.elevation)

    def _ground(self, building: int, storeys: list[_Storey], low: float, high: float) -> float:
        terrain = self._products.elevation(building)
        if terrain and low - 1 <= terrain <= high:
            return terrain
        at_zero = (each.elevation for each in storeys if each.nominal >= -_AT_GROUND)
        return min(max(next(at_zero, low), low), high)

    def _storey_extents(self, storeys: list[_Storey], high: float) -> dict[int, Extent]:
        found = {}
        above = [each.elevation for each in storeys[1:]] + [high]
        for storey, ceiling in zip(storeys, above, strict=True):
            members = [each for each in self._members[storey.number] if each in self._shapes]
            around = [self._hulls[each] for each in self._structural(members) or members]
            outline = shapely.convex_hull(shapely.geometrycollections(around)) if around else None
            height = ceiling - storey.elevation
            found[storey.number] = Extent(outline, storey.elevation, height if height > 0 else None)
        return found
