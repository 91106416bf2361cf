"""What the doctor sees while it looks at the objects of a source."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.model import Batch, Finding
from ingest.faults import Faults
from ingest.previews import Preview
from ingest.reader import Reading

LOOKED_AT: Final = 200_000
"""Objects after which the doctor has seen enough."""

SAMPLE: Final = 5
"""Rows that are shown."""

TALLEST: Final = 1_000.0
"""Metres above which a building's height is not believed."""

_TEXTS: Final = 4_000
_SOLID: Final = frozenset({"Building", "BuildingPart", "LandUse"})
"""Classes whose areas do not overlap."""
_INFORMATIVE: Final = frozenset({"winding", "duplicate_nodes"})

_UNITS: Final[Mapping[str, tuple[float, float]]] = {
    "ft": (7.5, 16.0),
    "cm": (200.0, 600.0),
    "mm": (2000.0, 6000.0),
}
"""Unit → heights of a storey, median, that tell it; in metres they are 2 to 6."""
_LEAST: Final = 5


@dataclass(slots=True)
class Visit:
    """What was seen so far."""

    ringed: bool = False
    """Whether the format prescribes in which sense outlines run."""
    seen: int = 0
    complete: bool = False
    classes: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    troubles: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    preview: Preview = field(default_factory=Preview)
    texts: list[str] = field(default_factory=list)
    """Some of the texts, for those who want to know whether they can be read."""
    storeys: list[NDArray[np.float64]] = field(default_factory=list)
    """Heights of storeys, as height by number."""
    heights: list[NDArray[np.float64]] = field(default_factory=list)
    first: Batch | None = None

    @property
    def total(self) -> int | None:
        """How many objects there are, if all were seen."""
        return self.seen if self.complete else None

    @property
    def bbox(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of what was seen, in its CRS."""
        finite = [box for box in self.boxes if np.isfinite(box).all()]
        if not finite:
            return None
        boxes = np.array(finite)
        west, south = boxes[:, :2].min(axis=0).tolist()
        east, north = boxes[:, 2:].max(axis=0).tolist()
        return west, south, east, north

    def look(self, reading: Reading) -> None:
        """Looks at objects until enough were seen."""
        batches = iter(reading)
        for batch in batches:
            self._look_at(batch)
            if self.seen >= LOOKED_AT:
                break
        else:
            self.complete = True
        close = getattr(batches, "close", None)
        if close is not None:
            close()

    def _look_at(self, batch: Batch) -> None:
        objects = batch.objects
        self.first = self.first or batch
        self.seen += len(objects)
        self.classes.update(objects["class"].astype(str).tolist())
        if len(self.sample) < SAMPLE:
            rows = objects.head(SAMPLE - len(self.sample))
            self.sample += [shown(row) for row in rows.to_dict("records")]
        ids = objects["object_id"].astype(str)
        names = ids.tolist()
        again = ids.duplicated().to_numpy(bool)
        if not self.ids.isdisjoint(names):
            again |= np.fromiter((each in self.ids for each in names), bool, len(names))
        self._trouble("duplicate_id", "objects have an id that came before", again, ids)
        self.ids.update(names)
        if "geometry" in objects:
            self._look_at_shapes(np.asarray(objects["geometry"], object), objects, ids)
        self._look_at_heights(objects, ids)
        self._look_at_texts(objects)

    def _look_at_heights(self, objects: pd.DataFrame, ids: "pd.Series[str]") -> None:
        if "height" not in objects:
            return
        heights = pd.to_numeric(objects["height"], errors="coerce").astype(float)
        self._trouble("implausible_height", "heights are below 0 m", heights < 0, ids)
        high = heights > TALLEST
        self._trouble("implausible_height", f"heights are above {TALLEST:.0f} m", high, ids)
        self.heights.append(np.asarray(heights[heights > 0], np.float64))
        if "storeys_above_ground" in objects:
            column = pd.to_numeric(objects["storeys_above_ground"], errors="coerce").astype(float)
            known = (heights > 0) & (column > 0)
            self.storeys.append(np.asarray(heights[known] / column[known], np.float64))

    def _look_at_texts(self, objects: pd.DataFrame) -> None:
        """Names of fields count as texts too."""
        if not self.texts:
            self.texts += [str(name) for name in objects.columns]
        for name in objects.columns:
            if name in {"object_id", "class", "geometry"} or len(self.texts) > _TEXTS:
                continue
            column = objects[name]
            if column.dtype.kind not in "biufcM":
                words = column.dropna().head(_TEXTS)
                self.texts += [each for each in words.tolist() if isinstance(each, str)]

    def _look_at_shapes(
        self, shapes: NDArray[np.object_], objects: pd.DataFrame, ids: "pd.Series[str]"
    ) -> None:
        present = ~shapely.is_missing(shapes)
        kinds, counts = np.unique(shapely.get_type_id(shapes[present]), return_counts=True)
        for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self.shapes[shapely.GeometryType(kind).name.lower()] += count
        bounds = shapely.bounds(shapes[present])
        unending = np.zeros(len(shapes), bool)
        unending[present] = ~np.isfinite(bounds).all(axis=1)
        text = "geometries have coordinates that are no numbers"
        self._trouble("coordinates_not_finite", text, unending, ids)
        sound = bounds[np.isfinite(bounds).all(axis=1)]
        if len(sound):
            self.boxes.append(np.concatenate([sound[:, :2].min(axis=0), sound[:, 2:].max(axis=0)]))
        usable = present & ~unending
        names = ids[usable].reset_index(drop=True)
        solid = bool(objects["class"].isin(_SOLID).mean() > 0.5)
        self.faults.look(shapes[usable], names, ringed=self.ringed, solid=solid)
        self.preview.take(shapes[usable], objects[usable].reset_index(drop=True))

    def _trouble(self, code: str, text: str, where: Any, ids: "pd.Series[str]") -> None:
        bad = np.asarray(where, bool)
        if bad.any():
            self.troubles[code, text] += int(bad.sum())
            self.examples.setdefault((code, text), str(ids.iloc[int(np.flatnonzero(bad)[0])]))

    def findings(self) -> Iterator[Finding]:
        """What was wrong with the objects."""
        for (code, text), count in self.troubles.items():
            example = self.examples[code, text]
            yield Finding("warning", code, f"{count} {text}, such as {example}")
        for code, text in self.faults.told():
            yield Finding("info" if code in _INFORMATIVE else "warning", code, text)
        yield from self._units()

    def _units(self) -> Iterator[Finding]:
        """Whether heights look like another unit than metres."""
        joined = np.concatenate(self.storeys) if self.storeys else np.empty(0)
        if len(joined) >= _LEAST:
            middle = float(np.median(joined))
            for unit, (low, high) in _UNITS.items():
                if low <= middle < high:
                    yield _unit(unit, f"the median of height by storeys is {middle:.1f}", joined)
            return
        heights = np.concatenate(self.heights) if self.heights else np.empty(0)
        if len(heights) >= _LEAST and float(np.median(heights)) > TALLEST:
            yield _unit("mm", f"the median height is {np.median(heights):,.0f}", heights)


def _unit(unit: str, evidence: str, seen: NDArray[np.float64]) -> Finding:
    return Finding(
        "warning",
        "length_unit",
        f"heights look like {unit}, not metres",
        f"take lengths as {unit}",
        f"{evidence} ({len(seen):,} buildings)",
        {"length_unit": unit},
    )


def shown(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row as plain values, without what is unknown."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, shapely.Geometry):
            text = shapely.to_wkt(value, rounding_precision=7)
            plain[str(name)] = text if len(text) <= 100 else f"{text[:99]}…"
        elif isinstance(value, (dict, list)):
            plain[str(name)] = value
        elif not pd.isna(value):
            bare = value.item() if isinstance(value, np.generic) else value
            plain[str(name)] = bare if isinstance(bare, (str, int, float, bool)) else str(bare)
    return plain
