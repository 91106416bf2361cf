"""Texts of a drawing go to the outlines in which they stand, as their name or their storeys."""

import re
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, Final

import shapely

from ingest.classes import guess
from ingest.dxf.cass import BuildingLabel, building_label
from ingest.dxf.entities import Drawn


@cache
def is_building(layer: str) -> bool:
    """Whether the outlines on a layer are of buildings."""
    return guess((layer,), (), ()).area == "Building"


def spread(texts: Sequence[Drawn], things: Sequence[Drawn]) -> list[Drawn]:
    """Give each text to the smallest outline around it; returns those that stand free.

    Outlines on the text's own layer come first, then those of buildings on other layers.
    """
    outlines = [
        each
        for each in things
        if each.shape is not None and shapely.get_dimensions(each.shape) == 2
    ]
    if not texts or not outlines:
        return list(texts)
    given: dict[int, list[Drawn]] = {}
    free = []
    for text, around in zip(texts, _around(texts, outlines), strict=True):
        if around:
            best = min(around, key=partial(_rank, text, outlines))
            given.setdefault(best, []).append(text)
        else:
            free.append(text)
    for at, own in given.items():
        _give(outlines[at], own)
    return free


def _around(texts: Sequence[Drawn], outlines: Sequence[Drawn]) -> list[list[int]]:
    """For each text the outlines around it that it may belong to."""
    tree = shapely.STRtree([each.shape for each in outlines])
    pairs = tree.query([each.shape for each in texts], predicate="within")
    around: list[list[int]] = [[] for _ in texts]
    for at, other in pairs.T.tolist():
        own = outlines[other].layer == texts[at].layer
        if own or is_building(outlines[other].layer):
            around[at].append(other)
    return around


def _rank(text: Drawn, outlines: Sequence[Drawn], at: int) -> tuple[bool, float]:
    """Outlines on the text's own layer come first, the smallest of them before all."""
    return outlines[at].layer != text.layer, outlines[at].shape.area


def _give(outline: Drawn, texts: Sequence[Drawn]) -> None:
    """Attributes that texts give to the outline around them; what they say is kept as it is."""
    ordered = sorted(texts, key=lambda each: (-each.shape.y, each.shape.x))
    words = [each.text for each in ordered]
    outline.said["label"] = " ".join(words)
    building = _building(words) if is_building(outline.layer) else None
    if building is not None:
        outline.said["structure"] = building.structure
        outline.said["storeys_above_ground"] = building.storeys
        outline.said["storeys_below_ground"] = building.below
    names = [each for each in words if building_label(each) is None and not is_number(each)]
    if names:
        outline.said["name"] = " ".join(names)


def _building(words: Sequence[str]) -> BuildingLabel | None:
    """What the words say of a building; structure and storeys may be texts of their own."""
    parts = [each for each in words if is_number(each) or building_label(each)]
    joined = building_label("".join(parts))
    found = [joined, *map(building_label, words)]
    known = [each for each in found if each is not None]
    return next((each for each in known if each.storeys), known[0] if known else None)


def is_number(text: str) -> bool:
    """Whether a text is only a number, as labels of heights are."""
    return _NUMBER.fullmatch(text.strip()) is not None


_NUMBER: Final = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def as_places(texts: Sequence[Drawn]) -> list[Drawn]:
    """Free texts as places with a name."""
    places = []
    for each in texts:
        said: dict[str, Any] = {"name": each.text, **each.said}
        places.append(Drawn(each.layer, each.handle, each.kind, each.shape, said=said))
    return places
