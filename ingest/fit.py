"""How a source fits what the city holds: whether it is where it says, or there already.

A sample of the source's outlines is laid over the city under several hypotheses (as it is,
GCJ-02, BD-09, axes exchanged, other zones) and the distance from each of its points to the nearest
outline of the same theme is taken. The median of those distances tells the hypotheses apart, also
where the two were drawn by different hands.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.errors import CimError
from cim.geodesy import OFFSET_SYSTEMS, WGS84, horizontal, named_crs
from cim.model import Batch, Finding
from cim.schema import CLASSES
from cim.store import ObjectRows, Store
from ingest.candidates import candidates
from ingest.elevation_fit import height_findings
from ingest.normalise import transformed
from ingest.reader import Reading
from ingest.referencing import exchanged

Shapes = NDArray[np.object_]

LOOKED_AT: Final = 20_000
"""Objects of the batch among which the sample is chosen."""
SAMPLE: Final = 300
"""Objects in the sample: neighbours, so that the city is asked about a small area."""
_LEAST: Final = 5
_POINTS: Final = 1_500
_SEGMENTS: Final = 60_000
_MARGIN: Final = 300.0
"""Metres around the sample in which the city is asked, at least."""
_CLOSER: Final = 0.5
"""What the median distance must shrink to before another hypothesis is proposed."""
_SURE: Final = 0.4
_NOTICEABLE: Final = 1.5
"""Metres that it must shrink by."""
_SAME: Final = 0.9
"""Share of the area that two polygons have in common before they are the same."""
_RANKS: Final = (320.0, 160.0, 80.0, 40.0, 20.0, 10.0, 5.0)
"""Sizes in metres that the store ranks objects by."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A way to understand the source's coordinates."""

    title: str
    fix: Mapping[str, Any]
    crs: str
    swap: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """How well a hypothesis fits."""

    hypothesis: Hypothesis
    distance: float
    """Median distance in metres; inf if the city holds nothing there."""
    against: int
    """Objects of the city that it was held against."""


def city_findings(store: Store, reading: Reading, batch: Batch, dataset: str = "") -> list[Finding]:
    """What the city knows about the first batch of a source that becomes the data set `dataset`.

    The batch is as the reader gives it, in the CRS of the reading. Bounded: a few hundred objects
    are looked at. Nothing is found where the city holds nothing of the same theme nearby.
    """
    if "geometry" not in batch.objects or not len(batch):
        return []
    try:
        sample = _sample(batch.objects.head(LOOKED_AT))
        if len(sample) == 0:
            return []
        found = list(height_findings(store, reading, batch))
        if store.bounds() is None:
            return found
        found += _duplicates(store, reading, sample, dataset)
        return [*_placing(store, reading, sample), *found]
    except CimError:
        return []  # what is wrong with the coordinates is told where they are transformed


def _sample(objects: pd.DataFrame) -> pd.DataFrame:
    """Neighbours around the middle of the objects."""
    shapes = np.asarray(objects["geometry"], object)
    bounds = shapely.bounds(shapes)
    sound = np.flatnonzero(np.isfinite(bounds).all(axis=1))
    if not len(sound):
        return objects.iloc[:0]
    centres = (bounds[sound, :2] + bounds[sound, 2:]) / 2
    away = np.abs(centres - np.median(centres, axis=0)).max(axis=1)
    seed = centres[int(np.argmin(away))]
    near = np.abs(centres - seed).max(axis=1)
    chosen = sound[np.argsort(near, kind="stable")[:SAMPLE]]
    return objects.iloc[np.sort(chosen)]


def _hypotheses(crs: str, shapes: Shapes) -> Iterator[Hypothesis]:
    bounds = shapely.bounds(shapes)
    if not crs:
        for each in candidates(bounds):
            swap = bool(each.fix.get("swap_axes"))
            yield Hypothesis(f"taken as {each.title}", each.fix, str(each.fix["crs"]), swap)
        return
    yield Hypothesis("as it is", {}, crs)
    yield Hypothesis("with x and y exchanged", {"swap_axes": True}, crs, swap=True)
    degrees = crs in OFFSET_SYSTEMS or horizontal(named_crs(crs)).is_geographic
    others = ["GCJ-02", "BD-09"] if degrees else []
    others += [WGS84] if crs in OFFSET_SYSTEMS else []
    listed = [Hypothesis(f"taken as {each}", {"crs": each}, each) for each in others]
    if not degrees:
        listed = [
            Hypothesis(f"taken as {each.fix['crs']}", each.fix, str(each.fix["crs"]))
            for each in candidates(bounds)
            if not each.fix.get("swap_axes")
        ]
    yield from (each for each in listed if each.crs != crs)


def _placing(store: Store, reading: Reading, sample: pd.DataFrame) -> Iterator[Finding]:
    """Whether the source lies better under another hypothesis than its own."""
    shapes = np.asarray(sample["geometry"], object)
    theme = _theme(sample)
    fitted = []
    for each in _hypotheses(reading.crs, shapes):
        fitted.append(_fitted(store, each, shapes, theme))
        if not each.fix and fitted[-1].distance < _NOTICEABLE:
            return  # nothing could lie noticeably better
    known = [each for each in fitted if np.isfinite(each.distance)]
    if not known:
        return
    best = min(known, key=lambda each: each.distance)
    now = next((each for each in fitted if not each.hypothesis.fix), None)
    before = now.distance if now is not None else np.inf
    if best is now or not best.hypothesis.fix:
        return
    if best.distance > _CLOSER * before or before - best.distance < _NOTICEABLE:
        return
    others = [each.distance for each in known if each not in (best, now)]
    alone = best.distance < _CLOSER * min(others, default=np.inf)
    sure = alone and best.distance <= _SURE * before
    told = ", ".join(f"{_metres(each.distance)} {each.hypothesis.title}" for each in fitted)
    evidence = f"median distance to {best.against:,} objects of the city ({theme}): {told}"
    title = best.hypothesis.title
    yield Finding(
        "warning",
        "crs_by_fit" if sure else "crs_likely",
        f"it fits what the city holds {title}" + ("" if sure else ", as far as can be told"),
        "have it understood so, and look at the map",
        evidence,
        best.hypothesis.fix,
    )


def _metres(distance: float) -> str:
    if not np.isfinite(distance):
        return "nothing near"
    return f"{distance:.1f} m" if distance < 100 else f"{distance:,.0f} m"


def _theme(sample: pd.DataFrame) -> str:
    common = Counter(sample["class"].astype(str).tolist()).most_common(1)[0][0]
    return CLASSES[common].theme


def _in_city(store: Store, hypothesis: Hypothesis, shapes: Shapes) -> Shapes:
    """The shapes that have a place in the city under that hypothesis, there."""
    turned = exchanged(shapes) if hypothesis.swap else shapes
    placed = transformed(shapely.force_2d(turned), hypothesis.crs, store.crs_name)
    kept: Shapes = placed[np.isfinite(shapely.bounds(placed)).all(axis=1)]
    return kept


def _around(store: Store, placed: Shapes, themes: tuple[str, ...]) -> ObjectRows:
    """What the city holds where the sample is, as large as its objects or larger."""
    west, south, east, north = shapely.total_bounds(placed)
    margin = max(_MARGIN, 0.05 * max(east - west, north - south))
    sizes = shapely.bounds(placed)
    diagonal = np.hypot(sizes[:, 2] - sizes[:, 0], sizes[:, 3] - sizes[:, 1])
    least = float(np.quantile(diagonal, 0.1))
    rank = sum(least < each for each in _RANKS)
    box = (west - margin, south - margin, east + margin, north + margin)
    return store.rows(box, themes, max_rank=min(7, rank + 2))


def _fitted(store: Store, hypothesis: Hypothesis, shapes: Shapes, theme: str) -> Fitted:
    nothing = Fitted(hypothesis, float("inf"), 0)
    placed = _in_city(store, hypothesis, shapes)
    if len(placed) < max(1, 0.5 * len(shapes)):
        return nothing
    rows = _around(store, placed, (theme,))
    alike = rows.geometry[_dimension(rows.geometry) == _dimension(placed).max()]
    if not len(alike) or (len(placed) < _LEAST and len(_corners(placed)) < 4 * _LEAST):
        return nothing
    distances = _distances(_corners(placed), _outlines(alike))
    return Fitted(hypothesis, float(np.median(distances)), len(alike))


def _dimension(shapes: Shapes) -> NDArray[np.int_]:
    found: NDArray[np.int_] = np.asarray(shapely.get_dimensions(shapes))
    return found


def _corners(shapes: Shapes) -> NDArray[np.float64]:
    """Points of the outlines, at most a few, evenly chosen."""
    points: NDArray[np.float64] = shapely.get_coordinates(shapes)
    step = max(1, len(points) // _POINTS)
    return points[::step]


def _outlines(shapes: Shapes) -> Shapes:
    """Outlines as single segments, which a tree finds quickly; points as they are."""
    if _dimension(shapes).max() == 0:
        return shapes
    parts = shapely.get_parts(shapes)
    rings = np.concatenate([shapely.get_rings(parts), parts[_dimension(parts) == 1]])
    points, ring = shapely.get_coordinates(rings, return_index=True)
    joined = np.flatnonzero(ring[1:] == ring[:-1])
    step = max(1, len(joined) // _SEGMENTS)
    if step > 1:  # so many segments are short: two of three may go
        return rings
    ends = np.stack([points[joined], points[joined + 1]], axis=1)
    return np.asarray(shapely.linestrings(ends), object)


def _distances(points: NDArray[np.float64], outlines: Shapes) -> NDArray[np.float64]:
    tree = shapely.STRtree(outlines)
    dots = shapely.points(points)
    found: NDArray[np.float64] = shapely.distance(dots, outlines[tree.nearest(dots)])
    return found


def _duplicates(
    store: Store, reading: Reading, sample: pd.DataFrame, dataset: str
) -> Iterator[Finding]:
    """Whether the objects are in the city already, in another data set."""
    if not reading.crs:
        return
    shapes = np.asarray(sample["geometry"], object)
    placed = _in_city(store, Hypothesis("", {}, reading.crs), shapes)
    if len(placed) != len(shapes):
        return
    rows = _around(store, placed, (_theme(sample),))
    left, right, shares = _same(placed, rows.geometry)
    if len(np.unique(left)) < max(1, 0.5 * len(placed)):
        return
    oids = [int(rows.oid[at]) for at in right[:20].tolist()]
    numbers = Counter(store.stored(oid)["dataset_id"] for oid in oids)
    names = {store.stored(oid)["dataset_id"]: oid for oid in oids}
    named = {store.describe(oid)["dataset"]: numbers[number] for number, oid in names.items()}
    others = Counter({name: count for name, count in named.items() if name != dataset})
    if not others:
        return
    name = others.most_common(1)[0][0]
    ids = sample["object_id"].astype(str).to_numpy()
    same_ids = int((ids[left] == rows.object_id[right]).sum())
    first = f"{ids[left[0]]} is {rows.object_id[right[0]]} there"
    yield Finding(
        "warning",
        "already_loaded",
        f"{len(np.unique(left))} of {len(placed)} objects looked at are in the city already,"
        f" in the data set {name}",
        f"load it under the name {name} to bring that up to date, or leave one of them out",
        f"they share {np.median(shares):.0%} of their area or length; {same_ids} have the same"
        f" id; {first}",
    )


def _same(
    left: Shapes, right: Shapes
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of shapes that are the same, and the share that they have in common."""
    nothing = np.empty(0, np.int64)
    if not len(right):
        return nothing, nothing, np.empty(0)
    usable = shapely.is_valid(left)
    near, far = shapely.STRtree(right).query(left, predicate=None)
    kept = usable[near] & (_dimension(left)[near] == _dimension(right)[far])
    near, far = near[kept], far[kept]
    kinds = _dimension(left)[near]
    shares = np.zeros(len(near))
    areal = kinds == 2
    a, b = left[near[areal]], right[far[areal]]
    common = shapely.area(shapely.intersection(a, shapely.make_valid(b)))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares[areal] = common / (shapely.area(a) + shapely.area(b) - common)
    boxes = np.abs(shapely.bounds(left[near[~areal]]) - shapely.bounds(right[far[~areal]]))
    lengths = shapely.length(left[near[~areal]]), shapely.length(right[far[~areal]])
    alike = (boxes.max(axis=1, initial=0.0) < 0.1) & (np.abs(lengths[0] - lengths[1]) < 0.1)
    shares[~areal] = alike.astype(np.float64)
    same = np.nan_to_num(shares) > _SAME
    return near[same], far[same], shares[same]
