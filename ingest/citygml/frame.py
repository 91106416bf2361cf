"""What all objects of a CityGML file share, and what is noted while they are read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from cim.geodesy import horizontal, named_crs
from cim.model import Finding, Rejection
from ingest.citygml.place import Srs


@dataclass(slots=True)
class Frame:
    """What all objects of a file share."""

    srs: Srs
    srs_name: str
    rename: Mapping[str, str]
    defaults: Mapping[str, Any]
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)

    @property
    def geographic(self) -> bool:
        """Whether coordinates are degrees."""
        return bool(self.srs.crs) and horizontal(named_crs(self.srs.crs)).is_geographic

    def note(self, code: str, count: int, example: str) -> None:
        """Count something odd, and keep the first example."""
        if count:
            self.counts[code] += count
            self.examples.setdefault(code, example)

    def findings(self) -> Iterator[Finding]:
        """What was noted, once for each kind."""
        for code, (severity, text) in _SAID.items():
            if self.counts[code]:
                example = self.examples.get(code, "")
                said = text.format(count=self.counts[code], example=example)
                yield Finding(severity, code, said, evidence=example)


_SAID: Final[Mapping[str, tuple[Literal["info", "warning"], str]]] = {
    "hulls": ("warning", "{count} objects have no surface with an area in plan, such as {example}"),
    "degenerate": ("warning", "{count} rings with fewer than three corners were left out"),
    "ring_not_closed": (
        "warning",
        "{count} rings do not end where they begin and were closed, such as in {example}",
    ),
    "face_not_planar": (
        "info",
        "{count} faces have corners more than 10 cm outside their plane, such as in {example}",
    ),
    "missing_reference": (
        "warning",
        "{count} geometries that are referred to are not in the file, such as {example}",
    ),
    "own_system": (
        "info",
        "geometries with a coordinate system of their own were brought into the file's: {example}",
    ),
    "library_object": (
        "warning",
        "{count} objects are drawn from files elsewhere, which are not read",
    ),
    "terrain_intersection": (
        "info",
        "{count} curves where objects meet the terrain were left out",
    ),
    "id_from_number": (
        "info",
        "{count} objects have no gml:id and are named by their place in the file",
    ),
    "unknown_unit": ("warning", "{count} heights are in a unit nobody knows: {example}"),
    "codelist_missing": (
        "info",
        "{count} code lists are not beside the file, so that codes stay codes: {example}",
    ),
}
