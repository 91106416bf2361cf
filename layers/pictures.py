"""Which pictures a city's rasters make: those of one kind and day that lie side by side are one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cim.model import Coverage
from layers.imagery import imagery_by_day
from layers.layer import Layer
from layers.mercator import Bounds

if TYPE_CHECKING:
    from cim.store import Store

SIDE_BY_SIDE: Final = 0.2
"""Share of the smaller raster above which two lie on each other and are two pictures."""

ACRONYMS: Final = ("NDVI", "NDWI", "MNDWI", "NDBI", "EVI", "SAVI")
"""Indices that are known by these letters, in every language."""

INDICES: Final = re.compile(rf"(?<![a-z])({'|'.join(ACRONYMS)}|change)(?![a-z])", re.IGNORECASE)


@dataclass(slots=True)
class Picture:
    """Rasters that are shown together."""

    day: str
    """ISO 8601; ``""`` if unknown."""
    label: str = ""
    """What tells it from other pictures of the layer and day."""
    coverages: list[Coverage] = field(default_factory=list)

    def title(self, of_layer: str) -> str:
        """The layer's title with what tells the picture from others; NDVI says it all."""
        told = "" if self.label in ACRONYMS else of_layer
        return " ".join(each for each in (told, self.label, self.day) if each)


def pictures(store: "Store", layer: Layer, clearance: str) -> dict[str, Picture]:
    """The pictures of a layer of rasters by variant, the part of its name after ``-``."""
    if layer.name == "imagery":
        days = imagery_by_day(store, clearance)
        return {day: Picture(day, coverages=found) for day, found in days.items()}
    of_kind = [each for each in store.coverages(clearance) if each.kind == layer.name]
    groups = _grouped(sorted(of_kind, key=lambda each: each.name))
    same = [(each.label, each.day) for each in groups]
    found: dict[str, Picture] = {}
    for each in groups:
        if same.count((each.label, each.day)) > 1:
            each.label = f"{each.label} {each.coverages[0].name.partition('/')[0]}".strip()
        found[_free_name(each, found)] = each
    return dict(sorted(found.items(), key=lambda each: each[1].day, reverse=True))


def _grouped(coverages: Iterable[Coverage]) -> list[Picture]:
    groups: list[Picture] = []
    for each in coverages:
        label, day = _label(each), each.valid_from.isoformat() if each.valid_from else ""
        beside = (
            group
            for group in groups
            if (group.label, group.day) == (label, day)
            and not any(_overlap(each.bounds, other.bounds) for other in group.coverages)
        )
        picture = next(beside, None)
        if picture is None:
            picture = Picture(day, label)
            groups.append(picture)
        picture.coverages.append(each)
    return groups


def _label(coverage: Coverage) -> str:
    """Which index it is; nothing of other kinds."""
    if coverage.kind != "index":
        return ""
    named = INDICES.search(f"{band_name(coverage)} {coverage.name}")
    if not named:
        return coverage.name.partition("/")[0]
    return "change" if named[0].lower() == "change" else named[0].upper()


def band_name(coverage: Coverage) -> str:
    """What its first band is called."""
    return str(coverage.bands[0].get("name") or "") if coverage.bands else ""


def _overlap(a: Bounds, b: Bounds) -> bool:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((each[2] - each[0]) * (each[3] - each[1]) for each in (a, b))
    return wide > 0 and high > 0 and wide * high > SIDE_BY_SIDE * smaller


def _free_name(picture: Picture, taken: Mapping[str, Picture]) -> str:
    """A name for addresses that no other picture of the layer has."""
    plain = re.sub(r"[^a-z0-9]+", "_", picture.label.lower()).strip("_")
    name = "-".join(each for each in (plain, picture.day) if each)
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}" if name else str(number)
    return free


def layer_id(layer: Layer, variant: str) -> str:
    """Name of the layer of one picture, such as ``imagery-2021-05-01``."""
    return f"{layer.name}-{variant}" if variant else layer.name
