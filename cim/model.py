"""What a city is in memory, and what readers and stores hand to one another.

Tables, not object graphs: a city is a few data frames in one metric CRS, a hierarchy is the
column ``parent_id``. Nothing here changes in place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import CRS

from cim.errors import InputError
from cim.schema import ACCESS_LEVELS
from cim.series import Series

MeshKind = Literal["MultiSurface", "Solid", "CompositeSolid", "Triangles"]
SurfacePart = Mapping[str, Any]
"""A semantic surface ``{"type": "RoofSurface", …}`` or a material ``{"color": [r, g, b, a]}``."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """The surface of one object at one level of detail: polygons or triangles.

    A face is one outer ring and any number of inner ones. ``Triangles`` leave `ring_sizes`
    and `face_rings` empty: every three indices are a face.
    """

    object_id: str
    lod: str
    kind: MeshKind
    vertices: NDArray[np.float64]
    """(n, 3) metres: x east, y north, z up; in the source's CRS until the load transforms it."""
    indices: NDArray[np.uint32]
    """(k,) vertex numbers, ring after ring, without repeating the first vertex."""
    ring_sizes: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    """(r,) vertices in each ring."""
    face_rings: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    """(f,) rings in each face, the outer one first."""
    face_part: NDArray[np.uint16] = field(default_factory=lambda: np.empty(0, np.uint16))
    """(f,) which entry of `parts` each face is; empty if there is at most one."""
    parts: tuple[SurfacePart, ...] = ()
    """Semantic surfaces ``{"type": "RoofSurface", …}`` or materials with a name and
    ``"color": [r, g, b, a]``, components 0–1."""
    shells: tuple[int, ...] = ()
    """Faces in each shell of a solid, the outer shell first; empty if there is only one."""
    closed: bool | None = None
    """Whether each edge has as many faces along it one way as the other; None if not examined."""
    volume: float | None = None
    """Enclosed volume in m³; None unless closed."""

    @property
    def face_count(self) -> int:
        """How many faces there are."""
        return len(self.face_rings) if self.kind != "Triangles" else len(self.indices) // 3


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some objects on their way from a reader to a store.

    `objects` has a RangeIndex and the columns of `schema.OBJECT_COLUMNS`, of which only
    ``object_id`` and ``class`` must be there. A column outside the dictionary is an attribute
    under its own name; ``attributes`` may hold a dict per row, which is merged with those.
    ``geometry`` is a plain object column of shapely geometries (None where there is none).
    """

    objects: pd.DataFrame
    meshes: Sequence[Mesh] = ()
    """One by one, or as the columns of `cim.meshes.Meshes`, which take far less time."""
    nodes: pd.DataFrame | None = None
    """`schema.NODE_COLUMNS`, or None."""
    edges: pd.DataFrame | None = None
    """`schema.EDGE_COLUMNS`, or None."""
    series: Sequence[Series] = ()
    """Observations, of these objects or of others."""
    valid: bool = False
    """Whether the reader has made sure that all geometries are valid and finite."""

    def __len__(self) -> int:
        return len(self.objects)


@dataclass(frozen=True, slots=True)
class Coverage:
    """A raster on its way into a store, or one that a store holds."""

    name: str
    kind: str
    """One of `schema.COVERAGE_KINDS`."""
    path: Path
    """A Cloud-Optimized GeoTIFF."""
    crs: str
    bounds: tuple[float, float, float, float]
    """West, south, east, north in WGS 84 degrees."""
    width: int
    height: int
    bands: tuple[Mapping[str, Any], ...]
    """Per band: name, dtype, nodata, minimum, maximum."""
    valid_from: date | None = None
    sha256: str = ""
    access: str = "public"
    """One of `schema.ACCESS_LEVELS`."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One object of a source that was not loaded, and why."""

    object: str
    code: str
    """Short and stable, such as ``duplicate_id`` or ``coordinates_not_finite``."""
    reason: str
    raw: str = ""
    """The start of what the source said, so that it can be found and mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed about a source that its user should know."""

    severity: Literal["info", "warning", "error"]
    code: str
    message: str
    hint: str = ""
    evidence: str = ""
    """What was measured: numbers with units, or the text found."""
    fix: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `ingest.reader.ReadOptions` that would mend it; empty if nothing there does."""

    def __str__(self) -> str:
        return self.message + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file or service before reading: enough to credit it, to check it and to read it again."""

    name: str
    uri: str = ""
    sha256: str = ""
    reader: str = ""
    licence: str = ""
    attribution: str = ""
    crs: str = ""
    """As understood, such as ``EPSG:4490``."""
    crs_source: str = ""
    """Where that came from: ``file``, ``user``, ``default of the format`` …"""
    encoding: str = ""
    height_datum: str = ""
    length_unit: str = "m"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class CityModel:
    """A selection of a city at one moment: tables in one projected CRS in metres.

    `objects` is indexed by ``oid``, the store's number of the object, and carries
    `schema.OBJECT_COLUMNS` and `schema.KEPT_COLUMNS`; its geometry is the footprint.
    """

    name: str
    version: int
    objects: gpd.GeoDataFrame
    nodes: pd.DataFrame
    edges: pd.DataFrame
    coverages: tuple[Coverage, ...]
    height_datum: str = ""
    meshes: Mapping[int, tuple[Mesh, ...]] = field(default_factory=dict)
    """By oid; filled only when asked for."""

    @property
    def crs(self) -> CRS:
        """The city's projected CRS, x east, y north, metres."""
        return CRS(self.objects.crs)

    def of_class(self, *classes: str) -> "CityModel":
        """The same city with only the objects of these classes."""
        return replace(self, objects=self.objects[self.objects["class"].isin(classes)])

    def coverage(self, kind: str) -> Coverage | None:
        """The most recent coverage of that kind, or None."""
        found = [each for each in self.coverages if each.kind == kind]
        return max(found, key=lambda each: each.valid_from or date.min, default=None)


def access_rank(level: str) -> int:
    """0 for public … 3 for secret.

    Raises
    ------
    InputError
        If there is no such level: to guess would open or close too much.
    """
    if level not in ACCESS_LEVELS:
        raise InputError(f"no level of access {level!r}", hint=", ".join(ACCESS_LEVELS))
    return ACCESS_LEVELS.index(level)


MANUFACTURER_PSETS: Final = (
    "Pset_ManufacturerTypeInformation",
    "Pset_ManufacturerOccurrence",
    "Pset_Warranty",
)


def cim_levels(
    themes: NDArray[np.object_],
    lods: NDArray[np.object_],
    heights: NDArray[np.float64],
    properties: Sequence[str | None],
) -> NDArray[np.int64]:
    """CIM1 to CIM7 of (n,) objects from what is really there, never from what someone typed.

    `properties` are attributes as JSON text; a BIM element needs property sets for CIM6 and
    manufacturer's ones for CIM7.
    """
    major = np.array([0 if not lod else int(lod[0]) for lod in lods], np.int64)
    levels = np.where(heights > 0, 2, 1)  # NaN is unknown and compares false
    levels[(themes == "utility") & (major >= 1)] = 2
    levels[major == 2] = 3
    levels[major >= 3] = 4
    levels[themes == "interior"] = 5
    for at in np.flatnonzero((themes == "element") & (major >= 3)):
        text = properties[int(at)] or ""
        levels[at] = 6 if '"Pset_' in text or '"Qto_' in text else 5
        if any(f'"{name}"' in text for name in MANUFACTURER_PSETS):
            levels[at] = 7
    return levels
