"""The faces of a batch of CityGML: rings of numbers, taken out of the XML as soon as they end.

What stays in the tree of a polygon is its name and its number here, so that a member with a
million polygons takes little more memory than its coordinates.
"""

from array import array
from dataclasses import dataclass, field
from typing import Any, Final

IDS: Final = ("{http://www.opengis.net/gml}id", "{http://www.opengis.net/gml/3.2}id")

FACES: Final = ("Polygon", "PolygonPatch", "Triangle", "Rectangle")
"""Local names of what has one outer ring and perhaps inner ones."""

_PATCHES: Final = ("patches", "trianglePatches", "polygonPatches")
_NUMBERS: Final = ("{*}posList", "{*}pos", "{*}coordinates")


def gml_id(element: Any) -> str | None:
    """The ``gml:id`` of an element in any version of GML, or None."""
    found = element.get(IDS[0]) or element.get(IDS[1])
    if found is None and element.attrib:
        return next((text for name, text in element.attrib.items() if name.endswith("}id")), None)
    return found or None


@dataclass(frozen=True, slots=True)
class Loose:
    """A geometry apart from any batch, for those who refer to it."""

    kind: str
    shells: "tuple[tuple[tuple[tuple[array[float], int], ...], ...], ...]"
    """Shells of faces of rings, a ring being its numbers and their dimension (0: unsaid)."""


@dataclass(slots=True, eq=False)
class Faces:
    """Rings of numbers and the faces they make; lines and points count as faces of one ring."""

    numbers: "array[float]" = field(default_factory=lambda: array("d"))
    ring_ends: list[int] = field(default_factory=list)
    """Numbers before the end of each ring."""
    dimensions: list[int] = field(default_factory=list)
    """Of each ring; 0 if it does not say."""
    face_ends: list[int] = field(default_factory=list)
    """Rings before the end of each face."""
    names: list[str | None] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    """Why a face cannot be used."""
    special: dict[int, tuple[str, int]] = field(default_factory=dict)
    """srsName (or ``""``) and dimension (or 0) of faces that have their own."""
    local: set[int] = field(default_factory=set)
    """Faces in coordinates of a template."""
    by_id: dict[str, int] = field(default_factory=dict)
    """Faces of the current member."""
    patches: dict[Any, list[int]] = field(default_factory=dict)
    """Element of the current member → faces that were in it."""

    def __len__(self) -> int:
        return len(self.face_ends)

    def next_member(self) -> None:
        """Forget the names of a member that has been read."""
        self.by_id.clear()
        self.patches.clear()

    def take(self, element: Any) -> None:
        """A polygon or patch that has just ended; its rings leave the tree."""
        face = len(self.face_ends)
        for side in element:
            for ring in side:
                if isinstance(ring.tag, str):
                    self._ring(face, ring)
        del element[:]
        name = gml_id(element)
        if name:
            self.by_id[name] = face
        self._own_system(face, element)
        self._close(name)
        parent = element.getparent()
        if parent is not None and parent.tag.endswith(_PATCHES):
            self.patches.setdefault(parent, []).append(face)
            before = element.getprevious()
            if before is not None:
                parent.remove(before)
        else:
            element.text = str(face)

    def line(self, element: Any) -> int:
        """A line, or one or more points: everything with positions below `element`."""
        face = len(self.face_ends)
        self._ring(face, element)
        self._own_system(face, element)
        self._close(None)
        return face

    def again(self, rings: "tuple[tuple[array[float], int], ...]") -> int:
        """A face that is kept elsewhere."""
        for numbers, dimension in rings:
            self.numbers.extend(numbers)
            self.ring_ends.append(len(self.numbers))
            self.dimensions.append(dimension)
        self._close(None)
        return len(self.face_ends) - 1

    def loose(self, face: int) -> "tuple[tuple[array[float], int], ...]":
        """The rings of a face, to be kept."""
        own = self.special.get(face, ("", 0))[1]
        rings = []
        for ring in self.rings(face):
            start = self.ring_ends[ring - 1] if ring else 0
            dimension = self.dimensions[ring] or own
            rings.append((self.numbers[start : self.ring_ends[ring]], dimension))
        return tuple(rings)

    def rings(self, face: int) -> range:
        """The rings of a face, the outer one first."""
        return range(self.face_ends[face - 1] if face else 0, self.face_ends[face])

    def corners(self, face: int) -> frozenset[tuple[float, ...]]:
        """What the outer ring of a face goes through."""
        ring = self.rings(face)[:1]
        if not ring:
            return frozenset()
        start = self.ring_ends[ring[0] - 1] if ring[0] else 0
        own = self.numbers[start : self.ring_ends[ring[0]]]
        return frozenset(zip(own[::3], own[1::3], own[2::3], strict=False))

    def _close(self, name: str | None) -> None:
        self.face_ends.append(len(self.ring_ends))
        self.names.append(name)

    def _own_system(self, face: int, element: Any) -> None:
        srs, dimension = element.get("srsName"), element.get("srsDimension")
        if srs is not None or dimension not in {None, "3"}:
            self.special[face] = (srs or "", int(dimension) if dimension in {"2", "3"} else 0)

    def _ring(self, face: int, ring: Any) -> None:
        dimension = 0
        for leaf in ring.iter(*_NUMBERS):
            text = leaf.text if not len(leaf) else "".join(leaf.itertext())
            if leaf.tag.endswith("coordinates"):
                text, dimension = _from_coordinates(leaf, text or "")
            elif leaf.get("srsDimension") in {"2", "3"}:
                dimension = int(leaf.get("srsDimension"))
            elif leaf.tag.endswith("}pos"):
                dimension = min(len((text or "").split()), 3)
            try:
                self.numbers.extend(map(float, (text or "").split()))
            except ValueError as error:
                self.bad[face] = f"{str(error).rpartition(': ')[2][:60]} is no coordinate"
        self.ring_ends.append(len(self.numbers))
        self.dimensions.append(dimension)


def _from_coordinates(leaf: Any, text: str) -> tuple[str, int]:
    """Blank-separated numbers of GML 2's ``x,y,z x,y,z`` and how many make a point."""
    between = leaf.get("cs") or ","
    tuples = text.replace(leaf.get("ts") or " ", " ").split()
    if leaf.get("decimal", ".") != ".":
        tuples = [each.replace(leaf.get("decimal"), ".") for each in tuples]
    size = len(tuples[0].split(between)) if tuples else 0
    return " ".join(tuples).replace(between, " "), size if size in {2, 3} else 0
