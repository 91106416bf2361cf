"""The features in a member of CityGML: rows with attributes, parents, surfaces and geometries."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.citygml.assembly import Assembly, Own, Rows
from ingest.citygml.attributes import Attributes, Reader, address, prefix_of
from ingest.citygml.classes import OBJECTS, SECTIONS, SURFACES, class_of
from ingest.citygml.faces import gml_id
from ingest.citygml.geometry import HREF, Form, Geometries, local_name, namespace

Floats = NDArray[np.float64]

_LOD: Final = re.compile(r"lod([0-4])")
_FORMS: Final = frozenset(
    {"tin", "reliefPoints", "ridgeOrValleyLines", "breaklines", "geometry", "multiCurve"}
)
"""Geometry properties without a level of detail in their name."""


@dataclass(frozen=True, slots=True)
class Tag:
    """What the name of a property says about it."""

    local: str
    role: str
    """``geometry``, ``skip``, ``name``, ``address``, ``generic``, ``height`` or ``""``."""
    lod: str
    """``0`` to ``4``, or ``""``."""


@lru_cache(maxsize=4096)
def tag_of(tag: Any) -> Tag:
    """What is known of a property by its name."""
    local, space = local_name(tag), namespace(tag)
    lod = _LOD.match(local)
    if not local:
        role = "skip"
    elif space.startswith("http://www.opengis.net/gml"):
        role = {"name": "name", "description": "", "identifier": ""}.get(local, "skip")
    elif lod or local in _FORMS:
        role = "skip" if local.endswith("TerrainIntersection") else "geometry"
    elif local in {"Envelope", "appearance", "appearanceMember", "extent"}:
        role = "skip"
    elif "/generics/" in space or local.lower().startswith("genericattribute"):
        role = "generic"
    else:
        role = local if local in {"address", "height"} else ""
    return Tag(local, role, lod[1] if lod else "")


@dataclass(slots=True, eq=False)
class Walker:
    """Reads members into rows."""

    geometries: Geometries
    attributes: Reader
    assembly: Assembly
    counts: Counter[str] = field(default_factory=Counter)
    unnamed: int = 0
    """Top-level features without an id so far."""
    _children: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Children without an id, by the parent's row and their kind."""

    @property
    def rows(self) -> Rows:
        """What has been read since the last batch."""
        return self.assembly.rows

    def next_batch(self) -> None:
        """Begin with no rows."""
        self.assembly.rows = Rows()
        self.geometries.face_looks.clear()
        self._children.clear()

    def top(self, element: Any) -> None:
        """A feature that a member holds, with all below it."""
        name = gml_id(element)
        if name is None:
            self.unnamed += 1
            self.counts["id_from_number"] += 1
            name = f"{local_name(element.tag)}-{self.unnamed}"
        self._object(element, name, -1)

    def _object(self, element: Any, name: str, parent: int) -> None:
        row, kind = len(self.rows), local_name(element.tag)
        rows = self.rows
        above = rows.objects[parent]["type"] if parent >= 0 else ""
        mapped = class_of(kind, namespace(element.tag), above)
        attributes: Attributes = {}
        each: dict[str, Any] = {"type": mapped, "attributes": attributes}
        if mapped != kind:
            attributes["citygml_class"] = f"{prefix_of(element)}{kind}"
        if parent >= 0:
            each["parents"] = [rows.ids[parent]]
        rows.ids.append(name)
        rows.objects.append(each)
        rows.kinds.append(kind)
        rows.parents.append(parent)
        own = Own()
        for prop in element:
            self._property(prop, attributes, own, row)
        if "usage" in attributes:
            attributes.setdefault("function", attributes["usage"])
        self.assembly.of(row, own)

    def _property(self, prop: Any, into: Attributes, own: Own, row: int) -> None:
        tag = tag_of(prop.tag)
        if tag.role == "skip":
            if tag.local.endswith("TerrainIntersection"):
                self.counts["terrain_intersection"] += 1
        elif tag.role == "geometry" and (len(prop) or prop.get(HREF) is not None):
            self._geometry(prop, tag, own)
        elif tag.role == "generic":
            inner = prop[0] if tag.local == "genericAttribute" and len(prop) else prop
            self.attributes.generic(inner, into)
        elif tag.role == "address":
            into |= {key: each for key, each in address(prop).items() if key not in into}
        elif tag.role == "height" and len(prop):
            self.attributes.height(prop, into)
        else:
            self._other(prop, tag, into, own, row)

    def _other(self, prop: Any, tag: Tag, into: Attributes, own: Own, row: int) -> None:
        """A nested feature, a thematic surface or an attribute."""
        inner = prop[0] if len(prop) else None
        name = local_name(inner.tag) if inner is not None else ""
        if inner is None:
            if tag.local == "lod":
                own.lod = (prop.text or "").strip()
            own_kind = namespace(prop.tag) == namespace(prop.getparent().tag)
            key = tag.local if own_kind else f"{prefix_of(prop)}{tag.local}"
            self.attributes.simple(prop, key, into)
        elif name in OBJECTS or name in SECTIONS:
            self._nested(prop, row)
        elif name in SURFACES or (name.endswith("Surface") and _is_theme(inner)):
            for each in prop:
                self._surface(each, own, row)
        elif namespace(inner.tag).startswith("http://www.opengis.net/gml"):
            own.forms.append(("", tag.local, self.geometries.form(prop), None))
        else:
            self.attributes.nested(prop, f"{prefix_of(prop)}{tag.local}", into)

    def _nested(self, prop: Any, row: int) -> None:
        for each in prop:
            kind = local_name(each.tag)
            name = gml_id(each) if kind else None
            if kind and name is None:
                self._children[row, kind] += 1
                name = f"{self.rows.ids[row]}/{kind}-{self._children[row, kind]}"
            if name is not None:
                self._object(each, name, row)

    def _surface(self, element: Any, own: Own, row: int) -> None:
        """A thematic surface, its attributes and its openings, which are objects."""
        kind = local_name(element.tag)
        if not kind:
            return
        part: Attributes = {"type": kind}
        name = gml_id(element)
        if name is not None:
            part["id"] = name
        number = len(own.parts)
        own.parts.append(part)
        for prop in element:
            tag = tag_of(prop.tag)
            if tag.role == "geometry" and tag.lod and (len(prop) or prop.get(HREF) is not None):
                faces = self.geometries.form(prop).faces
                self.geometries.look(element, faces)
                own.surfaces.setdefault(tag.lod, []).append((number, faces))
            else:
                self._property(prop, part, own, row)

    def _geometry(self, prop: Any, tag: Tag, own: Own) -> None:
        inner = prop[0] if len(prop) else None
        if inner is not None and local_name(inner.tag) == "ImplicitGeometry":
            self._implicit(inner, tag, own)
            return
        form = self.geometries.form(prop)
        own.forms.append((tag.lod, tag.local, form, None))

    def _implicit(self, element: Any, tag: Tag, own: Own) -> None:
        """A template in its place."""
        form, matrix, at, faces = Form(), np.eye(4), -1, self.geometries.faces
        for prop in element:
            name = local_name(prop.tag)
            if name in {"relativeGMLGeometry", "relativeGeometry"}:
                form = self._template(prop)
            elif name == "transformationMatrix":
                matrix = _matrix(prop.text or "")
            elif name == "referencePoint":
                at = faces.line(prop)
                inner = prop[0] if len(prop) else prop
                self.geometries.mark(inner, [at])
            elif name == "libraryObject" and (prop.text or "").strip():
                own.parts.append({"type": "", "library_object": (prop.text or "").strip()})
                self.counts["library_object"] += 1
        if form.shells and at >= 0:
            own.forms.append((tag.lod, tag.local, form, (matrix, at)))
        elif at >= 0:
            own.forms.append((tag.lod, tag.local, Form(points=[at]), None))

    def _template(self, prop: Any) -> Form:
        form = self.geometries.form(prop)
        every = {max(face, ~face) for face in form.faces}
        self.geometries.faces.local |= every
        if len(prop) and (name := gml_id(prop[0])):
            self.geometries.kept(name, form)
        return form


def _is_theme(element: Any) -> bool:
    return not namespace(element.tag).startswith("http://www.opengis.net/gml")


def _matrix(text: str) -> Floats:
    try:
        found = np.array([float(each) for each in text.split()], np.float64)
    except ValueError:
        return np.eye(4)
    return found.reshape(4, 4) if found.size == 16 else np.eye(4)
