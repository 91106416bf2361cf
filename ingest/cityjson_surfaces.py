"""What CityJSON says about each face: semantic surfaces and material colours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import methodcaller
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

GROUND: Final = frozenset({"GroundSurface", "WaterGroundSurface"})
"""Surfaces that an object stands on."""

NOTHING: Final[Mapping[str, Any]] = {}
"""The part of faces about which nothing is said."""

Part = Mapping[str, Any]

_TYPE: Final = methodcaller("get", "type")


@dataclass(slots=True, eq=False)
class Surfaces:
    """Parts of many geometries, and which of them each face is."""

    parts: list[tuple[Part, ...]]
    """Per geometry."""
    face_part: NDArray[np.uint16]
    """(f,) entry of its geometry's parts."""
    ground: NDArray[np.bool_]
    """(f,) whether the face is a ground surface."""
    unmatched: int
    """Geometries whose semantics or materials do not match their faces."""

    def drop(self, lost: NDArray[np.bool_]) -> None:
        """Forget the faces that are lost."""
        self.face_part, self.ground = self.face_part[~lost], self.ground[~lost]

    def only(self, kept: NDArray[np.bool_]) -> "Surfaces":
        """The same without some geometries, which have no faces."""
        parts = [each for each, keep in zip(self.parts, kept, strict=True) if keep]
        return Surfaces(parts, self.face_part, self.ground, self.unmatched)


def surfaces_of(geometries: Sequence[Mapping[str, Any]], faces: NDArray[np.int64]) -> Surfaces:
    """Semantics and colours of `geometries` that have `faces` faces each."""
    parts: list[tuple[Part, ...]] = []
    values: list[Sequence[int | None]] = []
    unmatched = 0
    for geometry, count in zip(geometries, faces.tolist(), strict=True):
        own, value, matched = _parts(geometry, count)
        parts.append(own)
        if own:
            values.append(value)
        unmatched += not matched
    total = int(faces.sum())
    face_part, ground = np.zeros(total, np.uint16), np.zeros(total, bool)
    if values:
        sizes = np.fromiter(map(len, parts), np.int64, len(parts))
        said = np.repeat(sizes > 0, faces)
        last = np.repeat(sizes - 1, faces)[said]
        raw = np.array(list(chain.from_iterable(values)), np.float64)  # None becomes NaN
        number = np.where((raw >= 0) & (raw <= last), raw, last).astype(np.int64)
        face_part[said] = number
        kinds = map(_TYPE, chain.from_iterable(parts))
        standing = np.array([kind in GROUND for kind in kinds])
        ground[said] = standing[number + np.repeat(np.cumsum(sizes) - sizes, faces)[said]]
    return Surfaces(parts, face_part, ground, unmatched)


def said_of(geometry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything in a geometry that has values for its faces."""
    semantics = geometry.get("semantics")
    if semantics:
        yield semantics
    for theme in ("material", "texture"):
        if theme in geometry:
            yield from geometry[theme].values()


def _parts(
    geometry: Mapping[str, Any], count: int
) -> tuple[tuple[Part, ...], Sequence[int | None], bool]:
    """Parts of one geometry, the part of each face (None: the last), and whether it fits."""
    semantics, material = geometry.get("semantics"), geometry.get("material")
    if not semantics and not material:
        return (), (0,) * count, True
    said, fits = _semantics(semantics, count, geometry["type"])
    surfaces = tuple(semantics.get("surfaces") or ()) if said and semantics else ()
    if not set(map(type, surfaces)) <= {dict}:
        said, surfaces, fits = None, (), False
    colours = _colours(material, geometry)
    if colours is None:
        if said is None:
            return (), (0,) * count, fits
        return ((*surfaces, NOTHING) if None in said else surfaces), said, fits
    if len(colours) == 1 and count != 1:
        colours = colours * count
    if len(colours) != count:
        return (), (0,) * count, False
    return *_combined(surfaces, said or [None] * count, colours), fits


def _semantics(semantics: Any, count: int, kind: str) -> tuple[Sequence[int | None] | None, bool]:
    """Semantic surface of each face, None where there is none; and whether that fits."""
    values = semantics.get("values") if isinstance(semantics, Mapping) else None
    if values is None:
        return None, not semantics or isinstance(semantics, Mapping)
    flat = unnested(values, kind)
    if flat is None or len(flat) != count:
        return None, False
    return flat, True


def unnested(values: Any, kind: str) -> list[int | None] | None:
    """One entry per face of values nested like the boundaries of a `kind`; None if they are not."""
    depth = {"MultiSurface": 0, "CompositeSurface": 0, "Solid": 1}.get(kind, 2)
    try:
        for _ in range(depth):
            values = list(chain.from_iterable(values))
    except TypeError:
        return None
    if not isinstance(values, list):
        return None
    if not set(map(type, values)) <= {int, type(None)}:
        return None
    return values


def _colours(material: Any, geometry: Mapping[str, Any]) -> list[Part | None] | None:
    """Material of each face (or a single one for all) in the first theme; None without any."""
    if not isinstance(material, Mapping) or not material:
        return None
    theme = next(iter(material.values()))
    known: Sequence[Part] = geometry.get("materials", ())
    if not isinstance(theme, Mapping) or not known:
        return None
    single = theme.get("value")
    if single is not None:
        return [_at(known, single)]
    numbers = unnested(theme.get("values"), geometry["type"])
    return None if numbers is None else [_at(known, each) for each in numbers]


def _at(known: Sequence[Part], number: int | None) -> Part | None:
    if number is None or not 0 <= number < len(known):
        return None
    return known[number]


def _combined(
    surfaces: Sequence[Part], said: Sequence[int | None], colours: Sequence[Part | None]
) -> tuple[tuple[Part, ...], list[int]]:
    """One part for each pair of surface and material that occurs."""
    numbers: dict[tuple[int | None, int], int] = {}
    parts: list[Part] = []
    faces = []
    for surface, colour in zip(said, colours, strict=True):
        key = surface, id(colour)
        if key not in numbers:
            numbers[key] = len(parts)
            parts.append({**(_at(surfaces, surface) or NOTHING), **(colour or NOTHING)})
        faces.append(numbers[key])
    return tuple(parts), faces


def materials_of(appearance: Any) -> list[Part]:
    """The materials of a file as ``{"color": [r, g, b, a]}``, 0 to 1, with their names."""
    found = appearance.get("materials") if isinstance(appearance, Mapping) else None
    return [_material(each) for each in found] if isinstance(found, list) else []


def _material(material: Any) -> Part:
    if not isinstance(material, Mapping):
        return NOTHING
    colour = material.get("diffuseColor")
    if not isinstance(colour, list) or len(colour) != 3:
        return NOTHING
    opacity = 1 - float(material.get("transparency") or 0)
    return {"color": [*(float(each) for each in colour), opacity]}
