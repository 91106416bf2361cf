"""GML geometries of one member as shells of numbered faces, references resolved."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ingest.citygml.faces import FACES, Faces, Loose, gml_id

HREF: Final = "{http://www.w3.org/1999/xlink}href"

_SOLIDS: Final = frozenset({"MultiSolid", "CompositeSolid"})
_LINES: Final = frozenset({"LineString", "Curve", "CompositeCurve", "Ring", "LinearRing"})
_POINTS: Final = frozenset({"Point", "MultiPoint"})
_GATHERED: Final = _SOLIDS | {"MultiGeometry", "GeometricComplex", "MultiCurve"}

Run = list[int]
"""Faces; ``~n`` is the face n turned round."""


@lru_cache(maxsize=4096)
def local_name(tag: Any) -> str:
    """``Building`` of ``{http://…}Building``; empty for comments and instructions."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


@lru_cache(maxsize=4096)
def namespace(tag: Any) -> str:
    """``http://…`` of ``{http://…}Building``; empty without one."""
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag[:1] == "{" else ""


@dataclass(slots=True)
class Form:
    """A geometry property: its surfaces, or else its lines or points."""

    kind: str = "MultiSurface"
    shells: list[Run] = field(default_factory=list)
    lines: Run = field(default_factory=list)
    points: Run = field(default_factory=list)

    @property
    def faces(self) -> Run:
        """The faces of all shells."""
        return [face for shell in self.shells for face in shell]


@dataclass(slots=True, eq=False)
class Geometries:
    """Reads the geometries of one member after another."""

    faces: Faces
    library: dict[str, Loose] = field(default_factory=dict)
    """Geometries of other members, by id."""
    looks: dict[str, int] = field(default_factory=dict)
    """Targets of appearances: id → number of what is said about its look."""
    face_looks: dict[int, int] = field(default_factory=dict)
    unresolved: set[str] = field(default_factory=set)
    """Ids that the current member refers to and that are not in it."""
    member: Any = None
    _elements: dict[str, Any] | None = None
    _visiting: set[str] = field(default_factory=set)

    def next_member(self, member: Any) -> None:
        """Begin with another member."""
        self.member, self._elements = member, None
        self.unresolved = set()
        self._visiting.clear()

    def form(self, prop: Any) -> Form:
        """The geometry in a property such as ``lod2Solid``."""
        found = Form()
        self._member(prop, found)
        return found

    def _member(self, prop: Any, found: Form) -> None:
        """Add what a property holds or refers to."""
        href = prop.get(HREF)
        if href is not None and not len(prop):
            self._referred(href, found)
        for each in prop:
            self._any(each, found)

    def _any(self, element: Any, found: Form) -> None:
        name = local_name(element.tag)
        if name == "Solid":
            found.kind = "Solid" if found.kind != "CompositeSolid" else found.kind
            self._solid(element, found)
        elif name in _GATHERED:
            found.kind = "CompositeSolid" if name in _SOLIDS else found.kind
            for member in element:
                self._member(member, found)
        elif name in _LINES:
            found.lines.append(self.faces.line(element))
        elif name in _POINTS:
            found.points.append(self.faces.line(element))
        elif name:
            self._surface(element, found)

    def _surface(self, element: Any, found: Form) -> None:
        run = self.run(element)
        if found.kind == "MultiSurface" and found.shells:
            found.shells[0] += run
        elif run or found.kind == "MultiSurface":
            found.shells.append(run)

    def _solid(self, element: Any, found: Form) -> None:
        for side in element:
            if local_name(side.tag) in {"exterior", "interior"}:
                found.shells.append(self._inside(side))
        self.mark(element, found.faces)

    def run(self, element: Any) -> Run:
        """The faces of a surface of any kind."""
        name = local_name(element.tag)
        if name in FACES:
            found = [int(element.text)] if element.text else []
        elif name == "OrientableSurface":
            found = [face for side in element for face in self._inside(side)]
            if element.get("orientation") == "-":
                found = [~face for face in found]
        else:
            found = []
            for member in element:
                patches = self.faces.patches.get(member) if self.faces.patches else None
                found += self._inside(member) if patches is None else patches
        self.mark(element, found)
        return found

    def _inside(self, member: Any) -> Run:
        """The faces of what a property such as ``surfaceMember`` holds or refers to."""
        href = member.get(HREF)
        if href is None:
            return [face for each in member if local_name(each.tag) for face in self.run(each)]
        face = self.faces.by_id.get(href[1:])
        if face is not None and not len(member):
            return [face]
        found = Form()
        self._member(member, found)
        return found.faces

    def mark(self, element: Any, found: Run) -> None:
        """Note what an element says about all faces below it."""
        if not element.attrib:
            return
        srs, size = element.get("srsName"), element.get("srsDimension")
        if srs is not None or size == "2":
            said = (srs or "", int(size) if size in {"2", "3"} else 0)
            for face in found:
                self.faces.special.setdefault(max(face, ~face), said)
        self.look(element, found)

    def look(self, element: Any, found: Run) -> None:
        """Give the faces of an element the look that an appearance gives to it."""
        if self.looks and (look := self.looks.get(gml_id(element) or "")) is not None:
            for face in found:
                self.face_looks.setdefault(max(face, ~face), look)

    def _referred(self, href: str, found: Form) -> None:
        name = href.rpartition("#")[2]
        face = self.faces.by_id.get(name)
        if face is not None:
            found.shells.append([face])
            return
        element = self._element(name)
        if element is not None:
            if name not in self._visiting:
                self._visiting.add(name)
                self._any(element, found)
                self._visiting.discard(name)
        elif name in self.library:
            kept = self.library[name]
            found.kind = kept.kind
            found.shells += [[self.faces.again(face) for face in shell] for shell in kept.shells]
        else:
            self.unresolved.add(name)

    def _element(self, name: str) -> Any:
        if self._elements is None:
            named = ((gml_id(each), each) for each in self.member.iter() if each.attrib)
            self._elements = {each: element for each, element in named if each}
        return self._elements.get(name)

    def keep(self, name: str) -> bool:
        """Put a geometry of the current member into the library; whether it is there."""
        found = Form()
        if name in self.faces.by_id:
            found.shells.append([self.faces.by_id[name]])
        elif (element := self._element(name)) is not None:
            self._any(element, found)
        else:
            return False
        self.kept(name, found)
        return True

    def kept(self, name: str, found: Form) -> None:
        """Put a geometry into the library."""
        shells = tuple(
            tuple(self.faces.loose(max(face, ~face)) for face in shell) for shell in found.shells
        )
        self.library[name] = Loose(found.kind, shells)
