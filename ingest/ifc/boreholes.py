"""Boreholes and the layers of soil that they met, with their depths."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import shapely

from ingest.ifc.buildings import Extent
from ingest.ifc.products import Product, Products


class Boreholes:
    """Depths below the ground, in metres, and where boreholes without a body of their own are."""

    def __init__(self, products: Products, extents: Mapping[int, Extent]) -> None:
        self.attributes: dict[int, dict[str, Any]] = {}
        """``depth_top_m`` and ``depth_bottom_m`` of a stratum, ``depth_m`` of a borehole."""
        self.extents: dict[int, Extent] = {}
        """Points at the ground for boreholes, by STEP number."""
        strata: dict[int, list[Product]] = defaultdict(list)
        for each in products.objects:
            if each.parent is not None and products.is_a(each.parent, "IfcBorehole"):
                strata[each.parent].append(each)
        for borehole, layers in strata.items():
            self._measure(borehole, [each for each in layers if each.number in extents], extents)

    def _measure(self, borehole: int, layers: list[Product], extents: Mapping[int, Extent]) -> None:
        spans = {each.number: _span(extents[each.number]) for each in layers}
        known = {number: span for number, span in spans.items() if span is not None}
        if not known:
            return
        ground = max(top for top, _ in known.values())
        for number, (top, bottom) in known.items():
            depths = {"depth_top_m": ground - top, "depth_bottom_m": ground - bottom}
            self.attributes[number] = {name: round(each, 6) for name, each in depths.items()}
        lowest = min(bottom for _, bottom in known.values())
        self.attributes[borehole] = {"depth_m": round(ground - lowest, 6)}
        if borehole not in extents:
            outlines = [extents[number].geometry for number in known]
            middle = shapely.centroid(shapely.geometrycollections(outlines))
            self.extents[borehole] = Extent(shapely.Point(middle.x, middle.y, ground), ground)


def _span(extent: Extent) -> tuple[float, float] | None:
    """Top and bottom."""
    if extent.ground_height is None or extent.height is None:
        return None
    return extent.ground_height + extent.height, extent.ground_height
