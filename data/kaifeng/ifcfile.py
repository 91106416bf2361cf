"""Writes IFC entities one by one, for IFC4 and IFC2X3, in metres or millimetres.

Everything that would differ between two runs (GlobalIds, dates, versions) is fixed.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import ifcopenshell
import ifcopenshell.guid

_SPACE: Final = uuid.UUID("6f0b7a52-8b1e-5d0c-9c55-4b61696b6667")
_WHEN: Final = 1_735_689_600
"""Seconds since 1970 of the creation date in every file: 2025-01-01."""

Entity = Any
Schema = Literal["IFC2X3", "IFC4"]
Colour = tuple[float, float, float, float]
"""Red, green, blue, transparency from 0 to 1."""
Xyz = tuple[float, float, float]


class IfcFile:
    """An IFC file with one project; lengths are given in metres, whatever the file's unit is."""

    def __init__(self, schema: Schema, name: str, per_metre: float) -> None:
        self.file = ifcopenshell.file(schema=schema)
        self.schema, self.per_metre = schema, per_metre
        self._name, self._roots = name, 0
        self._styles: dict[str, Entity] = {}
        self._contained: dict[Entity, list[Entity]] = {}
        self._history = self._owner()
        self.context, self.body = self._contexts()
        self.project = self.rooted("IfcProject", Name=name)
        self.project.RepresentationContexts = [self.context]
        self.project.UnitsInContext = self._units()

    def make(self, kind: str, **values: Any) -> Entity:
        """An entity without identity."""
        return self.file.create_entity(kind, **values)

    def rooted(self, kind: str, **values: Any) -> Entity:
        """An entity with a GlobalId that depends on the file's name and the order only."""
        self._roots += 1
        guid = ifcopenshell.guid.compress(uuid.uuid5(_SPACE, f"{self._name}/{self._roots}").hex)
        return self.make(kind, GlobalId=guid, OwnerHistory=self._history, **values)

    def length(self, metres: float) -> float:
        """A length in the file's unit."""
        return round(metres * self.per_metre, 6)

    def _owner(self) -> Entity:
        person = self.make("IfcPerson", FamilyName="示范")
        body = self.make("IfcOrganization", Name="Demo district")
        both = self.make("IfcPersonAndOrganization", ThePerson=person, TheOrganization=body)
        tool = self.make(
            "IfcApplication",
            ApplicationDeveloper=body,
            Version="1",
            ApplicationFullName="Sample city",
            ApplicationIdentifier="sample-city",
        )
        return self.make("IfcOwnerHistory", OwningUser=both, OwningApplication=tool,
                         ChangeAction="NOCHANGE", CreationDate=_WHEN)  # fmt: skip

    def _contexts(self) -> tuple[Entity, Entity]:
        origin = self.make("IfcAxis2Placement3D", Location=self.point((0, 0, 0)))
        context = self.make(
            "IfcGeometricRepresentationContext", ContextType="Model", CoordinateSpaceDimension=3,
            Precision=1e-5 * self.per_metre, WorldCoordinateSystem=origin,
        )  # fmt: skip
        body = self.make(
            "IfcGeometricRepresentationSubContext", ContextIdentifier="Body", ContextType="Model",
            ParentContext=context, TargetView="MODEL_VIEW",
        )  # fmt: skip
        return context, body

    def _units(self) -> Entity:
        prefix = "MILLI" if self.per_metre == 1000 else None
        units = [
            self.make("IfcSIUnit", UnitType=kind, Name=name, Prefix=prefix if first else None)
            for first, kind, name in (
                (True, "LENGTHUNIT", "METRE"),
                (False, "AREAUNIT", "SQUARE_METRE"),
                (False, "VOLUMEUNIT", "CUBIC_METRE"),
                (False, "PLANEANGLEUNIT", "RADIAN"),
            )
        ]
        return self.make("IfcUnitAssignment", Units=units)

    def point(self, metres: Sequence[float]) -> Entity:
        """A point in two or three dimensions."""
        return self.make("IfcCartesianPoint", Coordinates=[self.length(each) for each in metres])

    def direction(self, ratios: Sequence[float]) -> Entity:
        """A direction in two or three dimensions."""
        return self.make("IfcDirection", DirectionRatios=[float(each) for each in ratios])

    def placement(self, parent: Entity, at: Xyz, x_axis: Xyz = (1, 0, 0)) -> Entity:
        """A placement relative to another product's, or to the world if `parent` is None."""
        axes = self.make(
            "IfcAxis2Placement3D", Location=self.point(at), Axis=self.direction((0, 0, 1)),
            RefDirection=self.direction(x_axis),
        )  # fmt: skip
        relative = parent.ObjectPlacement if parent is not None else None
        return self.make("IfcLocalPlacement", PlacementRelTo=relative, RelativePlacement=axes)

    def box(self, size: Xyz, at: Xyz = (0, 0, 0)) -> Entity:
        """A box from its corner `at`, by extrusion."""
        middle = self.make("IfcAxis2Placement2D", Location=self.point((size[0] / 2, size[1] / 2)))
        profile = self.make(
            "IfcRectangleProfileDef", ProfileType="AREA", Position=middle,
            XDim=self.length(size[0]), YDim=self.length(size[1]),
        )  # fmt: skip
        return self._extruded(profile, size[2], self.make("IfcAxis2Placement3D",
                                                          Location=self.point(at)))  # fmt: skip

    def prism(self, corners: Iterable[tuple[float, float]], width: float) -> Entity:
        """A polygon in the local y-z plane, extruded along x."""
        ring = [self.point(each) for each in corners]
        outline = self.make("IfcPolyline", Points=[*ring, ring[0]])
        profile = self.make("IfcArbitraryClosedProfileDef", ProfileType="AREA", OuterCurve=outline)
        upright = self.make(
            "IfcAxis2Placement3D", Location=self.point((0, 0, 0)),
            Axis=self.direction((1, 0, 0)), RefDirection=self.direction((0, 1, 0)),
        )  # fmt: skip
        return self._extruded(profile, width, upright)

    def _extruded(self, profile: Entity, depth: float, position: Entity) -> Entity:
        return self.make(
            "IfcExtrudedAreaSolid", SweptArea=profile, Position=position,
            ExtrudedDirection=self.direction((0, 0, 1)), Depth=self.length(depth),
        )  # fmt: skip

    def shape(self, solid: Entity, style: tuple[str, Colour] | None) -> Entity:
        """The body of a product, in a colour."""
        if style is not None:
            self.make("IfcStyledItem", Item=solid, Styles=[self._style(*style)])
        body = self.make(
            "IfcShapeRepresentation", ContextOfItems=self.body, RepresentationIdentifier="Body",
            RepresentationType="SweptSolid", Items=[solid],
        )  # fmt: skip
        return self.make("IfcProductDefinitionShape", Representations=[body])

    def _style(self, name: str, colour: Colour) -> Entity:
        if name not in self._styles:
            rgb = self.make("IfcColourRgb", Red=colour[0], Green=colour[1], Blue=colour[2])
            shading = self.make(
                "IfcSurfaceStyleRendering", SurfaceColour=rgb, Transparency=colour[3],
                ReflectanceMethod="FLAT",
            )  # fmt: skip
            style = self.make("IfcSurfaceStyle", Name=name, Side="BOTH", Styles=[shading])
            if self.schema == "IFC2X3":
                style = self.make("IfcPresentationStyleAssignment", Styles=[style])
            self._styles[name] = style
        return self._styles[name]

    def contain(self, storey: Entity, element: Entity) -> None:
        """Put an element into a storey; written by `close`."""
        self._contained.setdefault(storey, []).append(element)

    def aggregate(self, whole: Entity, parts: Sequence[Entity]) -> None:
        """Say what a thing consists of."""
        self.rooted("IfcRelAggregates", RelatingObject=whole, RelatedObjects=list(parts))

    def properties(self, owner: Entity, name: str, values: Mapping[str, Any]) -> None:
        """A property set; values are str, bool, int, float or a ready IfcValue."""
        singles = [
            self.make("IfcPropertySingleValue", Name=key, NominalValue=self.value(value))
            for key, value in values.items()
        ]
        pset = self.rooted("IfcPropertySet", Name=name, HasProperties=singles)
        self._define(owner, pset)

    def measure(self, kind: str, value: float) -> Entity:
        """An IfcValue of a named measure, in the unit that the measure has in this file."""
        return self.file.create_entity(kind, value)

    def value(self, value: Any) -> Entity:
        """An IfcValue of the Python value's type."""
        if isinstance(value, ifcopenshell.entity_instance):
            return value
        kinds = {bool: "IfcBoolean", int: "IfcInteger", float: "IfcReal", str: "IfcLabel"}
        return self.file.create_entity(kinds[type(value)], value)

    def quantities(self, owner: Entity, name: str, values: Mapping[str, tuple[str, float]]) -> None:
        """Quantities in metres, square and cubic metres: name to (Length|Area|Volume, value)."""
        each = []
        for key, (kind, number) in values.items():
            scaled = self.length(number) if kind == "Length" else round(number, 4)
            each.append(self.make(f"IfcQuantity{kind}", Name=key, **{f"{kind}Value": scaled}))
        title = name if self.schema != "IFC2X3" else "BaseQuantities"
        self._define(owner, self.rooted("IfcElementQuantity", Name=title, Quantities=each))

    def _define(self, owner: Entity, definition: Entity) -> None:
        self.rooted("IfcRelDefinesByProperties", RelatedObjects=[owner],
                    RelatingPropertyDefinition=definition)  # fmt: skip

    def material(self, name: str, elements: Sequence[Entity]) -> None:
        """What these elements are made of."""
        substance = self.make("IfcMaterial", Name=name)
        self.rooted("IfcRelAssociatesMaterial", RelatedObjects=list(elements),
                    RelatingMaterial=substance)  # fmt: skip

    def write(self, path: Path) -> None:
        """Close the relations and write the file."""
        for storey, elements in self._contained.items():
            self.rooted("IfcRelContainedInSpatialStructure", RelatedElements=elements,
                        RelatingStructure=storey)  # fmt: skip
        header = self.file.header
        header.file_description.description = ("ViewDefinition [CoordinationView]",)
        header.file_name.name = path.name
        header.file_name.time_stamp = "2025-01-01T00:00:00"
        header.file_name.preprocessor_version = "sample city"
        header.file_name.originating_system = "sample city"
        text: str = self.file.to_string()  # type: ignore[no-untyped-call]
        path.write_text(text, encoding="ascii")
