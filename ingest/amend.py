"""A source as the user says it is: axes, lengths, heights, codes, and where a local model stands.

Every reader's batches pass here on their way, so that what the user says holds for all formats.
Fields, units and codes of tables are understood earlier, where their columns are made.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cim.errors import ParamError
from cim.model import Batch, Finding, Mesh
from ingest.meanings import factor
from ingest.mojibake import Repair, repair
from ingest.planned import PlannedReading
from ingest.reader import Reader, Reading, ReadOptions

Points = NDArray[np.float64]

PLACED_BY_READER: Final = frozenset({"ifc"})
"""Readers that put a model at the anchor themselves."""

SCALED_BY_READER: Final = PLACED_BY_READER | {"dxf"}
"""Readers that heed the user's unit of lengths themselves."""

_HEIGHTS: Final = ("height", "ground_height")


def opened(reader: Reader, path: Path, options: ReadOptions, work: Path) -> Reading:
    """The reading of `path`, with what the user says about it applied to every batch.

    Raises
    ------
    SourceError
        If the reader refuses the file.
    ParamError
        If an option cannot be meant.
    """
    reading = reader.open(path, options, work)
    change = _change(reader, reading, options)
    if change == _Change(measured=change.measured):
        return reading
    if change.anchor is not None and not reading.crs:
        reading.crs, reading.crs_source = change.anchor.crs, "user"
        reading.findings[:] = [each for each in reading.findings if each.code != "crs_missing"]
    if options.length_unit:
        reading.length_unit = options.length_unit
    reading.batches = _amended(reading, reading.batches, change)
    return reading


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the origin of a local model stands."""

    lon: float
    lat: float
    height: float
    turn: float
    """Degrees clockwise that the model's y axis points away from north."""

    @property
    def crs(self) -> str:
        """A transverse Mercator around the anchor: metres east and north of it."""
        return f"+proj=tmerc +lat_0={self.lat!r} +lon_0={self.lon!r} +k=1 +ellps=WGS84 +type=crs"


def anchor(text: str) -> Anchor:
    """``lon,lat``, ``lon,lat,height`` or ``lon,lat,height,clockwise degrees``.

    Raises
    ------
    ParamError
        If it is none of them.
    """
    hint = "longitude,latitude,height,clockwise degrees, such as 114.34,34.79,72.5,0"
    try:
        given = [float(each) for each in text.split(",")]
    except ValueError:
        raise ParamError(f"{text[:60]!r} is no place", where="anchor", hint=hint) from None
    if not 2 <= len(given) <= 4 or not all(map(math.isfinite, given)):
        raise ParamError(f"{text[:60]!r} is no place", where="anchor", hint=hint)
    lon, lat, height, turn = (*given, *[0.0] * (4 - len(given)))
    if abs(lon) > 180 or abs(lat) >= 90:
        raise ParamError(f"{lon:g}, {lat:g} is not on Earth", where="anchor", hint=hint)
    return Anchor(lon, lat, height, turn)


@dataclass(frozen=True, slots=True)
class _Change:
    """What has to be done to every batch."""

    swap: bool = False
    scale: float = 1.0
    lift: float = 0.0
    anchor: Anchor | None = None
    measured: tuple[str, ...] = _HEIGHTS
    """Columns of heights that are in the unit."""
    meanings: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    undo: Repair | None = None
    """How texts that were misread before are mended."""

    @property
    def moves(self) -> bool:
        """Whether coordinates change."""
        plain = _Change(meanings=self.meanings, measured=self.measured, undo=self.undo)
        return self != plain


def _change(reader: Reader, reading: Reading, options: ReadOptions) -> _Change:
    planned = isinstance(reading, PlannedReading)
    unit = options.length_unit
    place = None
    if options.anchor and reader.name not in PLACED_BY_READER and not options.crs:
        place = anchor(options.anchor)
    given = {} if planned else options.values
    return _Change(
        swap=options.swap_axes and not planned,
        scale=factor(unit, "length_unit") if unit and reader.name not in SCALED_BY_READER else 1.0,
        lift=options.height_offset,
        measured=tuple(each for each in _HEIGHTS if each not in _with_own_unit(reading, options)),
        anchor=place,
        undo=repair(options.text_repair) if options.text_repair and not planned else None,
        meanings=tuple((name, tuple(sorted(each.items()))) for name, each in given.items()),
    )


def _with_own_unit(reading: Reading, options: ReadOptions) -> set[str]:
    """Columns whose fields have a unit that the user gave for them alone."""
    if not isinstance(reading, PlannedReading):
        return set()
    plans = [layer.plan for layer in reading.layers]
    return {plan.fields[name] for plan in plans for name in options.units if name in plan.fields}


def _amended(reading: Reading, batches: Iterable[Batch], change: _Change) -> Iterator[Batch]:
    for batch in batches:
        yield _changed(batch, change)
    if change.swap:
        message = "x and y were exchanged, as the user said"
        reading.findings.append(Finding("info", "axes_swapped", message))


def _changed(batch: Batch, change: _Change) -> Batch:
    objects = batch.objects if change.undo is None else change.undo.frame(batch.objects)
    for name, pairs in change.meanings:
        objects = _spoken(objects, name, dict(pairs))
    if not change.moves:
        return replace(batch, objects=objects)
    if "geometry" in objects:
        shapes = _moved_shapes(np.asarray(objects["geometry"], object), change)
        objects = objects.assign(geometry=pd.Series(shapes, objects.index, dtype=object))
    for name in _HEIGHTS:
        if name in objects:
            scale = change.scale if name in change.measured else 1.0
            lift = change.lift if name == "ground_height" else 0.0
            measured = pd.to_numeric(objects[name], errors="coerce").astype(float)
            objects = objects.assign(**{name: measured * scale + lift})
    meshes = [_moved_mesh(each, change) for each in batch.meshes]
    return replace(batch, objects=objects, meshes=meshes, nodes=_moved_nodes(batch.nodes, change))


def _spoken(objects: pd.DataFrame, name: str, meanings: dict[str, str]) -> pd.DataFrame:
    """A column with the user's meanings; what the source said becomes an attribute."""
    if name not in objects:
        return objects
    own = objects[name]
    said = own.map(lambda each: meanings.get(str(each), each), na_action="ignore")
    differs = (said != own) & own.notna()
    if not differs.any():
        return objects
    return objects.assign(**{name: said, f"{name}_in_source": own.where(differs, None)})


def _moved_mesh(mesh: Mesh, change: _Change) -> Mesh:
    times = change.scale**3 if change.anchor is not None else change.scale
    volume = None if mesh.volume is None else mesh.volume * times
    return replace(mesh, vertices=_moved(mesh.vertices, change), volume=volume)


def _moved(points: Points, change: _Change) -> Points:
    """(n, 2 or 3) coordinates after the change."""
    moved = np.array(points, np.float64)
    if change.swap:
        moved[:, [0, 1]] = moved[:, [1, 0]]
    place = change.anchor
    if place is not None:  # all of a local model is in its unit; a map has that of its CRS
        moved[:, :2] *= change.scale
    if place is not None and place.turn:
        turn = math.radians(place.turn)
        x, y = moved[:, 0].copy(), moved[:, 1].copy()
        moved[:, 0] = x * math.cos(turn) + y * math.sin(turn)
        moved[:, 1] = y * math.cos(turn) - x * math.sin(turn)
    if moved.shape[1] > 2:
        moved[:, 2] = moved[:, 2] * change.scale + change.lift
        moved[:, 2] += place.height if place is not None else 0.0
    return moved


def _moved_shapes(shapes: NDArray[np.object_], change: _Change) -> NDArray[np.object_]:
    moved = shapes.copy()
    with_z = shapely.has_z(shapes)
    for include_z in (False, True):
        chosen = (with_z == include_z) & ~shapely.is_missing(shapes)
        if chosen.any():
            coordinates = shapely.get_coordinates(shapes[chosen], include_z=include_z)
            moved[chosen] = shapely.set_coordinates(shapes[chosen], _moved(coordinates, change))
    return moved


def _moved_nodes(nodes: pd.DataFrame | None, change: _Change) -> Any:
    if nodes is None or not len(nodes):
        return nodes
    z = nodes["z"] if "z" in nodes else pd.Series(np.nan, nodes.index)
    points = np.column_stack([nodes["x"], nodes["y"], pd.to_numeric(z, errors="coerce")])
    x, y, z = _moved(points.astype(np.float64), change).T
    return nodes.assign(x=x, y=y, z=z)
