"""What CityJSON says about each face: semantic surfaces and material colours."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import methodcaller
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from ingest.cityjson.boundaries import Flat, offsets

GROUND: Final = frozenset({"GroundSurface", "WaterGroundSurface"})
"""Surfaces that an object stands on."""

NOTHING: Final[Mapping[str, Any]] = {}
"""The part of faces about which nothing is said."""

Part = Mapping[str, Any]

_TYPE: Final = methodcaller("get", "type")


@dataclass(slots=True, eq=False)
class Surfaces:
    """Parts of many geometries, and which of them each face is."""

    parts: list[Sequence[Part]]
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


def surfaces_of(geometries: Sequence[Mapping[str, Any]], flat: Flat) -> Surfaces:
    """Semantics and colours of `geometries`, whose faces are in `flat`."""
    shells = _Shells(flat)
    found = [_parts(each, number, shells) for number, each in enumerate(geometries)]
    parts: list[Sequence[Part]] = [own for own, _ in found]
    texts = [text for _, text in found]
    if not set(map(type, chain.from_iterable(parts))) <= {dict}:
        odd = [not set(map(type, own)) <= {dict} for own in parts]
        texts = [b"" if bad else text for bad, text in zip(odd, texts, strict=True)]
        parts = [() if bad else own for bad, own in zip(odd, parts, strict=True)]
    faces = flat.shape_faces
    numbers = _numbers(texts, faces)
    if numbers is None:
        texts = [
            text and _expanded(text, each["type"], shells[number])
            for number, (text, each) in enumerate(zip(texts, geometries, strict=True))
        ]
        numbers = _numbers(texts, faces)
    unmatched = [at for at, text in enumerate(texts) if text == b""]
    for at in unmatched:
        parts[at] = ()
    face_part, ground = np.zeros(int(faces.sum()), np.uint16), np.zeros(int(faces.sum()), bool)
    if numbers is not None and len(numbers):
        said = np.repeat(_saying(texts), faces)
        owner = np.repeat(np.arange(len(parts)), faces)[said]
        numbers = _without_gaps(numbers, owner, parts)
        face_part[said], ground[said] = numbers, _standing(parts, owner, numbers)
    return Surfaces(parts, face_part, ground, len(unmatched))


def _without_gaps(
    numbers: NDArray[np.int64], owner: NDArray[np.int64], parts: list[Sequence[Part]]
) -> NDArray[np.int64]:
    """The same, where faces that are none of the parts are one more that says nothing."""
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))[owner]
    unsaid = (numbers < 0) | (numbers >= sizes)
    for at in np.unique(owner[unsaid]).tolist():
        parts[at] = (*parts[at], NOTHING)
    return np.where(unsaid, sizes, numbers)


def _standing(
    parts: Sequence[Sequence[Part]], owner: NDArray[np.int64], numbers: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the faces, parts by number and geometry, are ground surfaces."""
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    kinds = map(_TYPE, chain.from_iterable(parts))
    standing = np.array([kind in GROUND for kind in kinds])
    return standing[numbers + (np.cumsum(sizes) - sizes)[owner]]


def _saying(texts: Sequence[bytes | None]) -> NDArray[np.bool_]:
    return np.fromiter(map(bool, texts), bool, len(texts))


def _numbers(texts: Sequence[bytes | None], faces: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The numbers in JSON arrays, null being -1; None if there is not one for each face.

    Texts that are None or empty say nothing.
    """
    joined = b",".join(filter(None, texts))
    bare = joined.replace(b"null", b"-1").translate(None, b"[] \t\r\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's, when it cannot read on
            found = np.fromstring(bare, np.int64, sep=",") if bare else np.empty(0, np.int64)
    except ValueError:  # NumPy's since 2.4
        return None
    return found if len(found) == int(faces[_saying(texts)].sum()) else None


def said_of(geometry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything in a geometry that has values for its faces."""
    semantics = geometry.get("semantics")
    said = [semantics] if semantics else []
    for theme in ("material", "texture"):
        if theme in geometry:
            said += geometry[theme].values()
    return said


class _Shells:
    """How many faces each shell of a geometry has, by its number."""

    def __init__(self, flat: Flat) -> None:
        self._starts, self._faces = offsets(flat.shape_shells), flat.shell_faces

    def __getitem__(self, number: int) -> list[int]:
        faces: list[int] = self._faces[self._starts[number] : self._starts[number + 1]].tolist()
        return faces


def _parts(
    geometry: Mapping[str, Any], number: int, every_shell: _Shells
) -> tuple[Sequence[Part], bytes | None]:
    """Parts of one geometry, and as JSON the part of each face, null being none of them.

    None says nothing about any face; an empty text, that what is said does not fit.
    """
    semantics, material = geometry.get("semantics"), geometry.get("material")
    if not semantics and not material:
        return (), None
    surfaces, text = _semantics(semantics) if semantics else ((), None)
    theme = _theme(material) if material else None
    known: Sequence[Part] = geometry.get("materials", ())
    if theme is None or not known:
        return surfaces, text
    shells = every_shell[number]
    kind, nothing = geometry["type"], orjson.dumps([None] * sum(shells))
    if theme.get("value") is not None:
        colours = orjson.dumps([theme["value"]] * sum(shells))
    else:
        colours = _expanded(_as_json(theme.get("values")), kind, shells)
    said = text and _expanded(text, kind, shells)
    if colours == b"" or said == b"":
        return (), b""
    return _combined((surfaces, known), orjson.loads(said or nothing), orjson.loads(colours))


def _semantics(semantics: Any) -> tuple[Sequence[Part], bytes | None]:
    """Semantic surfaces, and which of them each face is as JSON."""
    if type(semantics) is not dict:
        return (), b""
    values, surfaces = semantics.get("values"), semantics.get("surfaces")
    if values is None:
        return (), None
    if type(surfaces) is not list:
        surfaces = ()
    return surfaces, _as_json(values)


def _expanded(text: bytes, kind: str, shells: Sequence[int]) -> bytes:
    """The same numbers with one for each face, where null stands for all faces of a shell.

    Empty if they do not fit the shells, which have so many faces.
    """
    try:
        values = orjson.loads(text)
        if not _fits(values, shells) and kind not in {"MultiSurface", "CompositeSurface"}:
            if kind != "Solid":  # a null for a whole solid is one for its only shell
                values = [[None] if each is None else each for each in values]
                values = list(chain.from_iterable(values))
            values = [
                [None] * faces if each is None else each
                for each, faces in zip(values, shells, strict=True)
            ]
            values = list(chain.from_iterable(values))
    except (TypeError, ValueError):
        return b""
    return orjson.dumps(values) if _fits(values, shells) else b""


def _fits(values: Any, shells: Sequence[int]) -> bool:
    """Whether there is a number or null for each face."""
    fits = isinstance(values, list) and len(values) == sum(shells)
    return fits and set(map(type, values)) <= {int, type(None)}


def _as_json(values: Any) -> bytes:
    """What was cut out of a text stays as it is."""
    return values if isinstance(values, bytes) else orjson.dumps(values)


def _theme(material: Any) -> Mapping[str, Any] | None:
    """The first theme of materials; None without any."""
    if not isinstance(material, Mapping) or not material:
        return None
    theme = next(iter(material.values()))
    return theme if isinstance(theme, Mapping) else None


def _at(known: Sequence[Part], number: int | None) -> Part:
    found = NOTHING if number is None or not 0 <= number < len(known) else known[number]
    return found if isinstance(found, Mapping) else NOTHING


def _combined(
    known: tuple[Sequence[Part], Sequence[Part]],
    said: Sequence[int | None],
    colours: Sequence[int | None],
) -> tuple[Sequence[Part], bytes]:
    """One part for each pair of surface and material that occurs."""
    numbers = {pair: at for at, pair in enumerate(dict.fromkeys(zip(said, colours, strict=True)))}
    parts = [{**_at(known[0], one), **_at(known[1], two)} for one, two in numbers]
    return parts, orjson.dumps([numbers[pair] for pair in zip(said, colours, strict=True)])


def materials_of(appearance: Any) -> list[Part]:
    """The materials of a file as ``{"color": [r, g, b, a], "material": {…}}``, 0 to 1."""
    found = appearance.get("materials") if isinstance(appearance, Mapping) else None
    return [_material(each) for each in found] if isinstance(found, list) else []


def _material(material: Any) -> Part:
    """Its colour, and all that the file says of it under ``material``."""
    if not isinstance(material, Mapping):
        return NOTHING
    colour = material.get("diffuseColor")
    if not isinstance(colour, list) or len(colour) != 3:
        return {"material": material}
    opacity = 1 - float(material.get("transparency") or 0)
    return {"color": [*(float(each) for each in colour), opacity], "material": material}
