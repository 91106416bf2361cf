"""From what an object has gathered to meshes: every face once, with the part it is."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.citygml.appearance import Looks
from ingest.citygml.attributes import Attributes
from ingest.citygml.geometry import Form, Geometries, Run

Floats = NDArray[np.float64]

MOST_PARTS: Final = 65_535
"""Parts that a mesh can tell apart."""


@dataclass(slots=True)
class Draft:
    """One mesh to be: faces of an object at a level of detail, and which part each one is."""

    row: int
    kind: str
    lod: str
    shells: list[Run]
    source: dict[str, Any]
    placement: tuple[Floats, int] | None = None
    """Matrix and the face that is the reference point."""
    triangles: bool = False


@dataclass(slots=True)
class Own:
    """What one object has gathered."""

    forms: list[tuple[str, str, Form, tuple[Floats, int] | None]] = field(default_factory=list)
    """LoD, property, geometry, placement."""
    parts: list[Attributes] = field(default_factory=list)
    """Thematic surfaces."""
    surfaces: dict[str, list[tuple[int, Run]]] = field(default_factory=dict)
    """LoD → surface and its faces."""
    lod: str = ""
    """That of a relief feature, which says it once."""


@dataclass(slots=True, eq=False)
class Rows:
    """The objects of a batch."""

    ids: list[str] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    """Local names as in the file."""
    parents: list[int] = field(default_factory=list)
    """Row of the parent; -1 if none."""
    drafts: list[Draft] = field(default_factory=list)
    plain: dict[int, tuple[str, Run, Run]] = field(default_factory=dict)
    """Row → LoD, lines, points."""

    def __len__(self) -> int:
        return len(self.ids)

    def cut(self, rows: int, drafts: int) -> None:
        """Forget all from `rows` and `drafts` on."""
        for each in (self.ids, self.objects, self.kinds, self.parents):
            del each[rows:]
        del self.drafts[drafts:]
        self.plain = {row: each for row, each in self.plain.items() if row < rows}


@dataclass(slots=True, eq=False)
class Assembly:
    """Makes the drafts of objects."""

    geometries: Geometries
    looks: Looks
    rows: Rows = field(default_factory=Rows)

    def of(self, row: int, own: Own) -> None:
        """Turn what an object has gathered into meshes, every face once."""
        libraries = [each["library_object"] for each in own.parts if "library_object" in each]
        if libraries:
            self.rows.objects[row]["attributes"]["library_object"] = libraries[0]
        stated = own.lod if own.lod in {"0", "1", "2", "3", "4"} else ""
        owned: set[int] = set()
        finest = "4" in own.surfaces or any(form[0] == "4" for form in own.forms)
        for lod, label, form, placement in sorted(own.forms, key=_footprint_last):
            level = _level(lod or stated or "1", finest and self._has_third(own))
            if form.shells:
                parts = dict(self._parts_at(own, lod))
                if not owned.intersection(max(face, ~face) for face in form.faces):
                    parts |= self._copies(own, lod, form)
                owned.update(parts.keys() & {max(face, ~face) for face in form.faces})
                owned.update(face for face in parts if face < 0)
                draft = self._draft(row, level, form, parts, own)
                draft.placement, draft.triangles = placement, label == "tin"
                if label.endswith("RoofEdge"):
                    draft.source["semantics"] = _all_of({"type": "RoofEdge"}, draft)
                self.rows.drafts.append(draft)
            elif (form.lines or form.points) and row not in self.rows.plain:
                self.rows.plain[row] = (level, form.lines, form.points)
        self._leftover(row, own, owned, finest)

    @staticmethod
    def _has_third(own: Own) -> bool:
        return "3" in own.surfaces or any(form[0] == "3" for form in own.forms)

    @staticmethod
    def _parts_at(own: Own, lod: str) -> Any:
        for number, faces in own.surfaces.get(lod, ()):
            for face in faces:
                yield max(face, ~face), number

    def _copies(self, own: Own, lod: str, form: Form) -> dict[int, int]:
        """The parts of faces that are there twice: in the solid, and again in the surfaces.

        A negative key, ``-1 - face``, is a face of a surface that the solid has a copy of.
        """
        surfaces = own.surfaces.get(lod)
        every = {max(face, ~face) for face in form.faces}
        if not surfaces or any(max(f, ~f) in every for _, faces in surfaces for f in faces):
            return {}
        corners = self.geometries.faces.corners
        known = {
            corners(max(face, ~face)): (max(face, ~face), number)
            for number, faces in surfaces
            for face in faces
        }
        found: dict[int, int] = {}
        for face in every:
            copy = known.get(corners(face))
            if copy is not None:
                found[face] = copy[1]
                found[-1 - copy[0]] = copy[1]
        return found

    def _leftover(self, row: int, own: Own, owned: set[int], finest: bool) -> None:
        """Surfaces that no solid of the object refers to are a mesh of their own."""
        for lod in own.surfaces:
            parts = {
                face: number
                for face, number in self._parts_at(own, lod)
                if face not in owned and -1 - face not in owned
            }
            if parts:
                form = Form(shells=[list(parts)])
                level = _level(lod, finest and self._has_third(own))
                self.rows.drafts.append(self._draft(row, level, form, parts, own))

    def _draft(self, row: int, lod: str, form: Form, parts: dict[int, int], own: Own) -> Draft:
        face_looks = self.geometries.face_looks
        names = self.geometries.faces.names
        if self.looks.targets:
            for face in {max(each, ~each) for each in form.faces}:
                look = self.looks.targets.get(names[face] or "")
                if look is not None:
                    face_looks[face] = look
        said: dict[tuple[int | None, int | None], int] = {}
        values: list[list[int | None]] = []
        for shell in form.shells:
            numbers: list[int | None] = []
            for each in shell:
                face = max(each, ~each)
                key = parts.get(face), face_looks.get(face) if face_looks else None
                numbers.append(None if key == (None, None) else said.setdefault(key, len(said)))
            values.append(numbers)
        source: dict[str, Any] = {"type": form.kind}
        if said:
            surfaces = [self._part(own, key, row) for key in said]
            if len(surfaces) > MOST_PARTS:
                surfaces, values = _fewer(surfaces, values)
            nested: Any = {"MultiSurface": values[0], "Solid": values}.get(form.kind, [values])
            source["semantics"] = {"surfaces": surfaces, "values": nested}
        return Draft(row, form.kind, lod, form.shells, source)

    def _part(self, own: Own, key: tuple[int | None, int | None], row: int) -> Attributes:
        """The part that a surface and a look make together; pictures are noted with the object."""
        part = dict(own.parts[key[0]]) if key[0] is not None else {}
        if key[1] is not None:
            look = self.looks.said[key[1]]
            if look.colour is not None:
                part["color"] = list(look.colour)
            if look.image:
                part["texture"] = look.image
                into = self.rows.objects[row]["attributes"]
                for name, value in (("texture_themes", look.theme), ("textures", look.image)):
                    listed = into.setdefault(name, [])
                    if value and value not in listed:
                        listed.append(value)
        return part


def _footprint_last(form: tuple[str, str, Form, Any]) -> bool:
    """Roof edges come after footprints, of which the first gives the outline."""
    return form[1].endswith("RoofEdge")


def _level(lod: str, both: bool) -> str:
    """CityGML's level as one of `schema.LODS`; 4 is 3.3 where there is a 3 beside it, else 3."""
    return ("3.3" if both else "3") if lod == "4" else lod


def _all_of(part: Attributes, draft: Draft) -> dict[str, Any]:
    values: Any = [[0] * len(shell) for shell in draft.shells]
    nested = {"MultiSurface": values[0], "Solid": values}.get(draft.kind, [values])
    return {"surfaces": [part], "values": nested}


def _fewer(
    surfaces: list[Attributes], values: list[list[int | None]]
) -> tuple[list[Attributes], list[list[int | None]]]:
    """One part for each type of surface, where there are too many surfaces."""
    kinds: dict[str, int] = {}
    number = [kinds.setdefault(each.get("type", ""), len(kinds)) for each in surfaces]
    fewer = [[None if each is None else number[each] for each in shell] for shell in values]
    return [{"type": kind} for kind in kinds], fewer
