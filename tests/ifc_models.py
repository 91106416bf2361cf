"""Small IFC files written line by line, so that tests know every number in them."""

from dataclasses import dataclass, field
from typing import Any

HEADER = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION(('ViewDefinition [CoordinationView]'),'2;1');
FILE_NAME('house.ifc','2024-01-01T00:00:00',(''),(''),'','','');
FILE_SCHEMA(('{schema}'));
ENDSEC;
DATA;
"""
FOOTER = "ENDSEC;\nEND-ISO-10303-21;\n"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$"


def guid(number: int) -> str:
    """A GlobalId that is valid and always the same for the same number."""
    text = ""
    for _ in range(22):
        number, digit = divmod(number, 64)
        text = DIGITS[digit] + text
    return text


def text(value: Any) -> str:
    """A Python value as STEP: None is $, lists are in brackets, ready-made text stays."""
    if value is None:
        return "$"
    if isinstance(value, bool):
        return ".T." if value else ".F."
    if isinstance(value, float):
        return repr(value).replace("e", "E")
    if isinstance(value, list | tuple):
        return "(" + ",".join(map(text, value)) + ")"
    return str(value)


@dataclass
class IfcText:
    """A file under construction; `add` returns the reference to what it wrote."""

    schema: str = "IFC4"
    lines: list[str] = field(default_factory=list)
    roots: int = 0

    def add(self, kind: str, *arguments: Any) -> str:
        number = len(self.lines) + 1
        self.lines.append(f"#{number}={kind}({','.join(map(text, arguments))});")
        return f"#{number}"

    def root(self, kind: str, name: str | None, *arguments: Any) -> str:
        """An entity with GlobalId, owner history and name in front of its arguments."""
        self.roots += 1
        named = None if name is None else f"'{name}'"
        return self.add(kind, f"'{guid(self.roots)}'", None, named, *arguments)

    def __str__(self) -> str:
        return HEADER.format(schema=self.schema) + "\n".join(self.lines) + "\n" + FOOTER

    def encode(self, encoding: str = "utf-8") -> bytes:
        return str(self).encode(encoding)


@dataclass
class House:
    """One storey of 10 m × 6 m: a wall with a window, a slab, a room, and what describes them.

    All lengths are given in metres and written in `unit`, metres in one unit of the project.
    """

    schema: str = "IFC4"
    unit: float = 1.0
    name: str = "South wall"
    site: str = "$,$"
    """Latitude and longitude as STEP."""
    site_elevation: float = 0.0
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the site's placement is, in metres."""
    true_north: tuple[float, float] = (0.0, 1.0)
    conversion: dict[str, Any] | None = None
    """Arguments of an IfcMapConversion, with CRS."""
    esets: dict[str, Any] | None = None
    """Values of an ePSet_MapConversion on the site, with CRS."""
    units: bool = True
    file: IfcText = field(init=False)

    def __post_init__(self) -> None:
        self.file = IfcText(self.schema)
        self._context()
        self._spatial()
        self._elements()
        self._descriptions()
        if self.conversion is not None:
            self._map_conversion(self.conversion)
        if self.esets is not None:
            self._map_sets(self.esets)

    def __str__(self) -> str:
        return str(self.file)

    def encode(self) -> bytes:
        return self.file.encode()

    def lengths(self, *values: float) -> list[float]:
        return [value / self.unit for value in values]

    def _context(self) -> None:
        add = self.file.add
        origin = add("IFCCARTESIANPOINT", [0.0, 0.0, 0.0])
        self.axes = add("IFCAXIS2PLACEMENT3D", origin, None, None)
        north = add("IFCDIRECTION", list(self.true_north))
        self.context = add(
            "IFCGEOMETRICREPRESENTATIONCONTEXT", None, "'Model'", "3", 1e-5, self.axes, north
        )
        metre = add("IFCSIUNIT", "*", ".LENGTHUNIT.", None, ".METRE.")
        units = [self._length_unit(metre)] if self.units else []
        units += [add("IFCSIUNIT", "*", ".AREAUNIT.", None, ".SQUARE_METRE.")]
        units += [add("IFCSIUNIT", "*", ".PLANEANGLEUNIT.", None, ".RADIAN.")]
        assignment = add("IFCUNITASSIGNMENT", units)
        self.project = self.file.root(
            "IFCPROJECT", "Project", None, None, None, None, [self.context], assignment
        )

    def _length_unit(self, metre: str) -> str:
        if self.unit == 1.0:
            return metre
        if self.unit == 0.001:
            return self.file.add("IFCSIUNIT", "*", ".LENGTHUNIT.", ".MILLI.", ".METRE.")
        size = self.file.add("IFCMEASUREWITHUNIT", f"IFCLENGTHMEASURE({self.unit})", metre)
        none = self.file.add("IFCDIMENSIONALEXPONENTS", *"1000000")
        return self.file.add("IFCCONVERSIONBASEDUNIT", none, ".LENGTHUNIT.", "'FOOT'", size)

    def placement(self, above: str | None, *where: float) -> str:
        point = self.file.add("IFCCARTESIANPOINT", self.lengths(*where))
        axes = self.file.add("IFCAXIS2PLACEMENT3D", point, None, None)
        return self.file.add("IFCLOCALPLACEMENT", above, axes)

    def box(self, x: float, y: float, z: float) -> str:
        """Shape of a box with a corner at the origin."""
        add = self.file.add
        x, y, z = self.lengths(x, y, z)
        middle = add("IFCCARTESIANPOINT", [x / 2, y / 2])
        profile_axes = add("IFCAXIS2PLACEMENT2D", middle, None)
        profile = add("IFCRECTANGLEPROFILEDEF", ".AREA.", None, profile_axes, x, y)
        up = add("IFCDIRECTION", [0.0, 0.0, 1.0])
        solid = add("IFCEXTRUDEDAREASOLID", profile, self.axes, up, z)
        body = add("IFCSHAPEREPRESENTATION", self.context, "'Body'", "'SweptSolid'", [solid])
        return add("IFCPRODUCTDEFINITIONSHAPE", None, None, [body])

    def _spatial(self) -> None:
        root = self.file.root
        self.site_place = self.placement(None, *self.origin)
        elevation = self.site_elevation / self.unit
        latitude_longitude = self.site
        self.site_ref = root(
            "IFCSITE", "Site", None, None, self.site_place, None, None, ".ELEMENT.",
            latitude_longitude, elevation, None, None,
        )  # fmt: skip
        self.building = root(
            "IFCBUILDING", "House", None, None, self.site_place, None, None, ".ELEMENT.",
            None, None, None,
        )  # fmt: skip
        self.level = self.placement(self.site_place, 0.0, 0.0, 0.2)
        self.storey = root(
            "IFCBUILDINGSTOREY", "Ground", None, None, self.level, None, None, ".ELEMENT.",
            0.2 / self.unit,
        )  # fmt: skip
        root("IFCRELAGGREGATES", None, None, self.project, [self.site_ref])
        root("IFCRELAGGREGATES", None, None, self.site_ref, [self.building])
        root("IFCRELAGGREGATES", None, None, self.building, [self.storey])

    def element(self, kind: str, name: str, place: str, shape: str | None, *more: Any) -> str:
        return self.file.root(kind, name, None, None, place, shape, f"'tag {name}'", *more)

    def _elements(self) -> None:
        root = self.file.root
        old = self.schema == "IFC2X3"
        kind = [] if old else [".NOTDEFINED."]
        wall_place = self.placement(self.level, 0.0, 0.0, 0.0)
        self.wall = self.element("IFCWALL", self.name, wall_place, self.box(10, 0.3, 3), *kind)
        slab_place = self.placement(self.level, 0.0, 0.0, -0.2)
        self.slab = self.element("IFCSLAB", "Floor", slab_place, self.box(10, 6, 0.2), ".FLOOR.")
        hole_place = self.placement(wall_place, 2.0, 0.0, 1.0)
        hole = self.element("IFCOPENINGELEMENT", "Hole", hole_place, self.box(1.5, 0.3, 1), *kind)
        size = self.lengths(1.0, 1.5)
        self.window = self.element(
            "IFCWINDOW", "Window", hole_place, self.box(1.5, 0.1, 1), *size,
            *([] if old else [".WINDOW.", None, None]),
        )  # fmt: skip
        self.room = root(
            "IFCSPACE", "1.01", None, None, self.level, self.box(9, 5, 2.8), "'Kitchen'",
            ".ELEMENT.", ".INTERNAL.", None,
        )  # fmt: skip
        root("IFCRELVOIDSELEMENT", None, None, self.wall, hole)
        root("IFCRELFILLSELEMENT", None, None, hole, self.window)
        root("IFCRELAGGREGATES", None, None, self.storey, [self.room])
        root("IFCRELCONTAINEDINSPATIALSTRUCTURE", None, None, [self.wall, self.slab], self.storey)

    def _descriptions(self) -> None:
        add, root = self.file.add, self.file.root
        height = f"IFCPOSITIVELENGTHMEASURE({3.0 / self.unit})"
        values = [
            add("IFCPROPERTYSINGLEVALUE", "'IsExternal'", None, "IFCBOOLEAN(.T.)", None),
            add("IFCPROPERTYSINGLEVALUE", "'ClearHeight'", None, height, None),
            add("IFCPROPERTYSINGLEVALUE", "'Reference'", None, "IFCIDENTIFIER('W-1')", None),
            add("IFCPROPERTYENUMERATEDVALUE", "'Status'", None, ["IFCLABEL('NEW')"], None),
        ]
        common = root("IFCPROPERTYSET", "Pset_WallCommon", None, values)
        root("IFCRELDEFINESBYPROPERTIES", None, None, [self.wall], common)
        amounts = [
            add("IFCQUANTITYLENGTH", "'Length'", None, None, 10.0 / self.unit, None),
            add("IFCQUANTITYAREA", "'NetSideArea'", None, None, 28.5, None),
        ]
        quantities = root("IFCELEMENTQUANTITY", "Qto_WallBaseQuantities", None, None, amounts)
        root("IFCRELDEFINESBYPROPERTIES", None, None, [self.wall], quantities)
        typed = [
            add("IFCPROPERTYSINGLEVALUE", "'FireRating'", None, "IFCLABEL('REI 60')", None),
            add("IFCPROPERTYSINGLEVALUE", "'Reference'", None, "IFCIDENTIFIER('T-1')", None),
        ]
        type_set = root("IFCPROPERTYSET", "Pset_WallCommon", None, typed)
        wall_type = root(
            "IFCWALLTYPE", "Brick 300", None, None, [type_set], None, None, None, ".STANDARD."
        )
        root("IFCRELDEFINESBYTYPE", None, None, [self.wall], wall_type)
        more = [] if self.schema == "IFC2X3" else [None, None]
        brick, wool = (add("IFCMATERIAL", f"'{each}'", *more) for each in ("Brick", "Wool"))
        layer_more = [] if self.schema == "IFC2X3" else [None, None, None, None]
        layers = [
            add("IFCMATERIALLAYER", each, 0.15 / self.unit, None, *layer_more)
            for each in (brick, wool)
        ]
        layer_set = add("IFCMATERIALLAYERSET", layers, None, *more[:1])
        root("IFCRELASSOCIATESMATERIAL", None, None, [self.wall], layer_set)

    def _map_conversion(self, values: dict[str, Any]) -> None:
        add = self.file.add
        metre = add("IFCSIUNIT", "*", ".LENGTHUNIT.", None, ".METRE.")
        crs = values.get("crs", ("'EPSG:25832'", None, None, None, None, None))
        target = add("IFCPROJECTEDCRS", *crs, metre)
        add(
            "IFCMAPCONVERSION", self.context, target, values["east"], values["north"],
            values.get("height", 0.0), values.get("x"), values.get("y"), values.get("scale"),
        )  # fmt: skip

    def _map_sets(self, values: dict[str, Any]) -> None:
        for name, members in values.items():
            properties = [
                self.file.add("IFCPROPERTYSINGLEVALUE", f"'{key}'", None, value, None)
                for key, value in members.items()
            ]
            given = self.file.root("IFCPROPERTYSET", name, None, properties)
            self.file.root("IFCRELDEFINESBYPROPERTIES", None, None, [self.site_ref], given)
