"""The products of an IFC file as objects of a city: class, identity, place in the hierarchy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cim.model import Finding, Rejection
from ingest.ifc.classes import city_class_of, function_of
from ingest.ifc.properties import PropertyReader
from ingest.ifc.schema import ancestors, attributes, position
from ingest.ifc.step import Enum, Ref, StepFile, Typed
from ingest.ifc.units import Units, scaled

_DEEPEST = 200  # a longer chain of parents is a loop
_LENGTHS = frozenset(
    {
        "OverallHeight",
        "OverallWidth",
        "Elevation",
        "ElevationOfRefHeight",
        "ElevationOfTerrain",
        "ElevationWithFlooring",
        "RefElevation",
        "NominalDiameter",
        "NominalLength",
        "BarLength",
    }
)
_AREAS = frozenset({"CrossSectionArea"})
_NOT_BODIES = frozenset({"Axis", "Box", "FootPrint", "Annotation", "Plan", "Reference", "CoG"})
_NO_TEXT = frozenset(bytes([each]) for each in b"#(.*+-0123456789") | {b""}
"""How the arguments begin of what has no GlobalId and therefore is no product."""
_SPATIAL = frozenset({"IfcSpatialStructureElement", "IfcSpatialElement"})
_FACILITIES = ("Building", "Bridge", "Tunnel", "Road", "Railway", "OtherConstruction")


@dataclass(frozen=True, slots=True)
class Product:
    """An IFC product that is an object of a city."""

    number: int
    """STEP number."""
    ifc_class: str
    city_class: str
    global_id: str
    name: str | None
    function: str | None
    parent: int | None
    """STEP number of the next object above it."""
    has_shape: bool
    """Whether the file describes a body or a surface for it."""


class Hierarchy:
    """What is part of what: aggregation, nesting, containment, and fillings of openings."""

    def __init__(self, step: StepFile) -> None:
        self.above: dict[int, int] = {}
        self.fills: dict[int, int] = {}
        """Doors and windows → the wall whose opening they fill."""
        for relation in step.of_type("IFCRELAGGREGATES", "IFCRELNESTS", "IFCRELADHERESTOELEMENT"):
            self._add(step, relation, above=4, below=5)
        for relation in step.of_type("IFCRELCONTAINEDINSPATIALSTRUCTURE"):
            self._add(step, relation, above=5, below=4)
        hosts = {
            opening: host
            for relation in step.of_type("IFCRELVOIDSELEMENT", "IFCRELPROJECTSELEMENT")
            for host in step.refs(relation, 4)
            for opening in step.refs(relation, 5)
        }
        for relation in step.of_type("IFCRELFILLSELEMENT"):
            for opening in step.refs(relation, 4):
                for filling in step.refs(relation, 5):
                    if opening in hosts:
                        self.fills[filling] = hosts[opening]
        for below, host in (hosts | self.fills).items():
            self.above.setdefault(below, host)

    def _add(self, step: StepFile, relation: int, *, above: int, below: int) -> None:
        for parent in step.refs(relation, above):
            for child in step.refs(relation, below):
                if child != parent:
                    self.above.setdefault(child, parent)

    def chain(self, number: int) -> list[int]:
        """What is above a product, nearest first; ends where a loop would begin."""
        found: list[int] = []
        seen = {number}
        above = self.above.get(number)
        while above is not None and above not in seen and len(found) < _DEEPEST:
            found.append(above)
            seen.add(above)
            above = self.above.get(above)
        return found


class Products:
    """Every product of a file: those that become objects, those that are rejected, the rest."""

    def __init__(
        self, step: StepFile, schema: str, units: Units, properties: PropertyReader
    ) -> None:
        self._step, self._schema, self._units = step, schema, units
        self._properties = properties
        self.hierarchy = Hierarchy(step)
        self.rejected: list[Rejection] = []
        self.findings: list[Finding] = []
        self._lineage = {
            number: lineage
            for name in step.types
            if (lineage := self._lineage_of(name))
            for number in step.of_type(name)
        }
        self._facility: dict[int, str] = {}
        self.classes = {number: self._class(number) for number in self._lineage}
        """City class by STEP number; empty text for what is no object."""
        self.objects = self._objects()

    def _lineage_of(self, name: str) -> tuple[str, ...]:
        first = next(self._step.of_type(name))
        if self._step.raw(first).lstrip()[:1] in _NO_TEXT:
            return ()
        lineage = ancestors(self._schema, name)
        if not lineage and any(self._looks_like_product(n) for n in self._step.of_type(name)):
            message = f"{name} is in no IFC schema; its instances are generic objects"
            self.findings.append(Finding("warning", "unknown_class", message))
            return ("Ifc" + name[3:].capitalize(), "IfcProduct")
        return lineage if "IfcProduct" in lineage else ()

    def _looks_like_product(self, number: int) -> bool:
        shape = self._step.arg(number, 6)
        return isinstance(shape, Ref) and self._step.type(shape) == "IFCPRODUCTDEFINITIONSHAPE"

    def _class(self, number: int) -> str:
        lineage = self._lineage[number]
        type_object = self._properties.type_of(number)
        typed = () if type_object is None else self._type_lineage(type_object)
        predefined = self._attribute(number, "PredefinedType")
        if lineage[0] == "IfcSite" and not self._has_shape(number):
            return ""
        if "IfcGeotechnicalStratum" in lineage and self._is_terrain(number):
            return "TINRelief"
        return city_class_of(lineage, self.facility(number), typed, str(predefined or ""))

    def _type_lineage(self, type_object: int) -> tuple[str, ...]:
        return ancestors(self._schema, self._step.type(type_object))

    def _is_terrain(self, number: int) -> bool:
        return any(
            self._step.type(item) == "IFCTRIANGULATEDIRREGULARNETWORK"
            for _, items in self._representations(number)
            for item in items
        )

    def facility(self, number: int) -> str:
        """City class of the building, road, bridge … that a product stands in; empty if in none."""
        found = self._facility.get(number)
        if found is None:
            classes = (self._lineage.get(each) for each in self.hierarchy.chain(number))
            named = (city_class_of(each) for each in classes if each and each[0] != "IfcSite")
            found = next((each for each in named if each in _FACILITIES), "")
            self._facility[number] = found
        return found

    def _objects(self) -> list[Product]:
        found: dict[str, Product] = {}
        for number in sorted(self._lineage, key=self._spatial_first):
            if not self.classes[number]:
                continue
            product = self._product(number)
            earlier = found.get(product.global_id)
            if earlier is not None:
                reason = f"#{number} has the GlobalId of #{earlier.number}"
                self.rejected.append(Rejection(product.global_id, "duplicate_id", reason))
                continue
            found[product.global_id] = product
        return list(found.values())

    def _spatial_first(self, number: int) -> tuple[bool, int]:
        return ("IfcSpatialStructureElement" not in self._lineage[number], number)

    def _product(self, number: int) -> Product:
        step = self._step
        ifc_class = self._lineage[number][0]
        name, given = step.arg(number, 2), step.arg(number, 0)
        kept = (n for n in self.hierarchy.chain(number) if self._may_be_parent(n))
        spatial = not _SPATIAL.isdisjoint(self._lineage[number])
        return Product(
            number,
            ifc_class,
            self.classes[number],
            given if isinstance(given, str) and given else f"#{number}",
            name if isinstance(name, str) and name else None,
            None if spatial else function_of(ifc_class),
            next(kept, None),
            self._has_shape(number),
        )

    def _may_be_parent(self, number: int) -> bool:
        return bool(self.classes.get(number)) and self._lineage[number][0] != "IfcSite"

    def _has_shape(self, number: int) -> bool:
        return any(
            name not in _NOT_BODIES and items for name, items in self._representations(number)
        )

    def _representations(self, number: int) -> list[tuple[str, tuple[Ref, ...]]]:
        step = self._step
        place = position(self._schema, self._lineage[number][0], "Representation")
        shape = step.arg(number, place if place >= 0 else 6)
        found = step.refs(shape, 2) if isinstance(shape, Ref) else ()
        return [(str(step.arg(each, 1) or ""), step.refs(each, 3)) for each in found]

    def outline_count(self) -> dict[str, int]:
        """How many products of each IFC class are no objects, openings and sites left out."""
        counts: dict[str, int] = {}
        for number, city_class in self.classes.items():
            lineage = self._lineage[number]
            if not city_class and not {"IfcFeatureElement", "IfcSite"} & set(lineage):
                counts[lineage[0]] = counts.get(lineage[0], 0) + 1
        return counts

    def _attribute(self, number: int, name: str) -> Any:
        place = position(self._schema, self._lineage[number][0], name)
        return self._step.arg(number, place) if place >= 0 else None

    def elevation(self, number: int) -> float | None:
        """Elevation of a storey or of a building's terrain in metres; None if unsaid."""
        attribute = "Elevation" if self.is_a(number, "IfcBuildingStorey") else "ElevationOfTerrain"
        value = self._attribute(number, attribute)
        return float(value) * (self._units.length or 1) if isinstance(value, int | float) else None

    def is_a(self, number: int, ifc_class: str) -> bool:
        """Whether a product is of that class or one that inherits from it."""
        return ifc_class in self._lineage.get(number, ())

    def attributes(self, product: Product) -> dict[str, Any]:
        """Everything a file says about a product: attributes, property sets, type, materials."""
        number, reader = product.number, self._properties
        found: dict[str, Any] = {"ifc_class": product.ifc_class}
        names = attributes(self._schema, product.ifc_class)
        for name, value in zip(names[3:], self._step.args(number)[3:], strict=False):
            if value is not None and not isinstance(value, Ref | tuple):
                found[name] = self._plain(name, value)
        found |= reader.sets(number)
        extras: Mapping[str, Any] = {
            "type": reader.type_summary(number),
            "materials": reader.materials(number),
            "classification": reader.classification(number),
            "groups": reader.groups(number),
            "fills": self._step.arg(self.hierarchy.fills.get(number, -1), 0),
        }
        return found | {name: value for name, value in extras.items() if value}

    def _plain(self, name: str, value: Any) -> Any:
        if isinstance(value, Enum):
            return str(value)
        if isinstance(value, Typed):
            return self._units.convert(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            length = self._units.length or 1
            power = 1 if name in _LENGTHS else 2 if name in _AREAS else 0
            return scaled(value, length**power)
        return value
