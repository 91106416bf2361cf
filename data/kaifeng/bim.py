"""Two buildings in full: an office block in IFC4 and a school in IFC2X3.

Rooms lie on both sides of a corridor. Both files are small in local coordinates and say where
they are with a map conversion; the IFC2X3 one in millimetres, in property sets at the site.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from shapely import Polygon

from kaifeng.blocks import Site
from kaifeng.frame import CRS
from kaifeng.ifcfile import Colour, Entity, IfcFile, Schema, Xyz

_WALL: Final = 0.24
_PARTITION: Final = 0.12
_SLAB: Final = 0.15
_DOOR: Final = (1.0, 2.1)
_CORRIDOR: Final = 2.4

_STYLES: Final[dict[str, tuple[str, Colour]]] = {
    "brick": ("青砖", (0.52, 0.53, 0.55, 0.0)),
    "plaster": ("抹灰", (0.93, 0.91, 0.86, 0.0)),
    "stone": ("米黄石材", (0.86, 0.78, 0.64, 0.0)),
    "concrete": ("混凝土", (0.66, 0.66, 0.64, 0.0)),
    "glass": ("玻璃", (0.45, 0.66, 0.80, 0.55)),
    "wood": ("木", (0.55, 0.36, 0.20, 0.0)),
    "tile": ("灰瓦", (0.30, 0.31, 0.33, 0.0)),
    "space": ("空间", (0.75, 0.85, 0.95, 0.8)),
}


@dataclass(frozen=True, slots=True)
class Design:
    """What is built; lengths in metres."""

    schema: Schema
    per_metre: float
    name: str
    function: str
    size: tuple[float, float]
    storeys: int
    storey_height: float
    bay: float
    rooms: tuple[str, ...]
    facade: str
    year: int
    pitched: bool


OFFICE: Final = Design("IFC4", 1.0, "开封云创科技办公楼", "office", (48.0, 16.8), 6, 3.9, 8.0,
                       ("开放办公区", "会议室", "经理室", "档案室", "设备间", "茶水间"),
                       "stone", 2021,
                       pitched=False)  # fmt: skip
SCHOOL: Final = Design(
    "IFC2X3",
    1000.0,
    "文庙街小学教学楼",
    "school",
    (45.0, 15.0),
    4,
    3.6,
    9.0,
    ("普通教室", "音乐教室", "教师办公室", "图书阅览室", "卫生间"),
    "brick",
    1998,
    pitched=True,
)


@dataclass(slots=True)
class _Build:
    """A building while it is being written."""

    ifc: IfcFile
    design: Design
    counts: dict[str, int] = field(default_factory=dict)
    by_material: dict[str, list[Entity]] = field(default_factory=dict)

    def product(self, kind: str, name: str, place: Entity, shape: Entity, **more: Any) -> Entity:
        """An element with a shape; counted."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        tagged = kind not in {"IfcSpace", "IfcOpeningElement"}
        tag = {"Tag": f"T{sum(self.counts.values()):05d}"} if tagged else {}
        return self.ifc.rooted(kind, Name=name, ObjectPlacement=place, Representation=shape,
                               **tag, **more)  # fmt: skip

    def of(self, material: str, element: Entity) -> None:
        """Say what an element is made of; written at the end."""
        self.by_material.setdefault(material, []).append(element)

    def predefined(self, value: str, old: str | None = None) -> dict[str, str]:
        """PredefinedType where the schema has it."""
        if self.ifc.schema == "IFC2X3":
            return {} if old is None else {"PredefinedType": old}
        return {"PredefinedType": value}


@dataclass(frozen=True, slots=True)
class _Line:
    """A wall's corner, direction, length and thickness; the wall lies to the left of the line."""

    start: tuple[float, float]
    along: tuple[float, float]
    length: float
    thickness: float
    height: float
    style: str
    external: bool


def _wall(build: _Build, storey: Entity, line: _Line, name: str) -> Entity:
    ifc = build.ifc
    place = ifc.placement(storey, (*line.start, 0.0), (*line.along, 0.0))
    solid = ifc.box((line.length, line.thickness, line.height))
    shape = ifc.shape(solid, _STYLES[line.style])
    wall = build.product("IfcWall", name,
                         place, shape, **build.predefined("STANDARD" if line.external
                                                          else "PARTITIONING"))  # fmt: skip
    ifc.contain(storey, wall)
    ifc.properties(wall, "Pset_WallCommon", {
        "IsExternal": line.external, "LoadBearing": line.external,
        "FireRating": "3.0h" if line.external else "1.0h",
        "ThermalTransmittance": ifc.measure("IfcThermalTransmittanceMeasure",
                                         0.45 if line.external else 2.1),
    })  # fmt: skip
    gross = line.length * line.height
    ifc.quantities(wall, "Qto_WallBaseQuantities", {
        "Length": ("Length", line.length), "Width": ("Length", line.thickness),
        "Height": ("Length", line.height), "GrossSideArea": ("Area", gross),
        "GrossVolume": ("Volume", gross * line.thickness),
    })  # fmt: skip
    build.of("蒸压加气混凝土砌块" if line.external else "轻钢龙骨石膏板", wall)
    return wall


def _opening(build: _Build, wall: Entity, at: Xyz, size: Xyz) -> Entity:
    ifc = build.ifc
    place = ifc.placement(wall, (at[0], at[1] - 0.05, at[2]))
    shape = ifc.shape(ifc.box((size[0], size[1] + 0.1, size[2])), None)
    opening = build.product(
        "IfcOpeningElement", "洞口", place, shape, **build.predefined("OPENING")
    )
    ifc.rooted("IfcRelVoidsElement", RelatingBuildingElement=wall, RelatedOpeningElement=opening)
    return opening


def _fill(build: _Build, storey: Entity, wall: Entity, kind: str, at: Xyz, size: Xyz) -> Entity:
    """A door or a window with its opening; `size` is width, wall thickness, height."""
    ifc = build.ifc
    opening = _opening(build, wall, at, size)
    leaf = 0.06
    place = ifc.placement(opening, (0.0, 0.05 + (size[1] - leaf) / 2, 0.0))
    style = "glass" if kind == "IfcWindow" else "wood"
    shape = ifc.shape(ifc.box((size[0], leaf, size[2])), _STYLES[style])
    word = "窗" if kind == "IfcWindow" else "门"
    name = f"{word} {size[0] * 1000:.0f}×{size[2] * 1000:.0f}"
    filler = build.product(
        kind, name, place, shape, OverallWidth=ifc.length(size[0]),
        OverallHeight=ifc.length(size[2]),
        **build.predefined("WINDOW" if kind == "IfcWindow" else "DOOR"),
    )  # fmt: skip
    ifc.rooted("IfcRelFillsElement", RelatingOpeningElement=opening, RelatedBuildingElement=filler)
    ifc.contain(storey, filler)
    values: dict[str, Any] = {"IsExternal": size[1] > 0.2}
    if kind == "IfcWindow":
        values["ThermalTransmittance"] = ifc.measure("IfcThermalTransmittanceMeasure", 2.2)
    else:
        values["FireRating"] = "乙级"
    ifc.properties(filler, f"Pset_{kind[3:]}Common", values)
    ifc.quantities(filler, f"Qto_{kind[3:]}BaseQuantities", {
        "Width": ("Length", size[0]), "Height": ("Length", size[2]),
        "Area": ("Area", size[0] * size[2]),
    })  # fmt: skip
    build.of("断桥铝合金中空玻璃" if kind == "IfcWindow" else "木质防火门", filler)
    return filler


def _facades(build: _Build, storey: Entity, ground_floor: bool) -> None:
    design = build.design
    width, depth = design.size
    height = design.storey_height - _SLAB
    sides = (
        ((0.0, 0.0), (1.0, 0.0), width, "南墙"), ((width, 0.0), (0.0, 1.0), depth, "东墙"),
        ((width, depth), (-1.0, 0.0), width, "北墙"), ((0.0, depth), (0.0, -1.0), depth, "西墙"),
    )  # fmt: skip
    for start, along, length, name in sides:
        # the long walls run through, the short ones fit between them
        inset = 0.0 if length == width else _WALL
        corner = (start[0] + along[0] * inset, start[1] + along[1] * inset)
        line = _Line(corner, along, length - 2 * inset, _WALL, height, design.facade, external=True)
        wall = _wall(build, storey, line, name)
        entrance = ground_floor and name == "南墙"
        for at in _window_places(design, length == width):
            if entrance and abs(at - width / 2) < design.bay / 2:
                continue
            _fill(build, storey, wall, "IfcWindow", (at - 0.9 - inset, 0.0, 0.9), (1.8, _WALL, 1.8))
        if entrance:
            door = _fill(build, storey, wall, "IfcDoor", (width / 2 - 1.2, 0.0, 0.0),
                         (2.4, _WALL, 2.6))  # fmt: skip
            build.ifc.properties(door, "Pset_ManufacturerTypeInformation",
                                 {"Manufacturer": "汴梁门业", "ModelLabel": "BL-2426"})  # fmt: skip


def _window_places(design: Design, long_side: bool) -> list[float]:
    width, depth = design.size
    if not long_side:
        return [depth * 0.5]
    bays = round(width / design.bay)
    half = design.bay / 4
    middle = (np.arange(bays) + 0.5) * design.bay
    return sorted([*(middle - half).tolist(), *(middle + half).tolist()])


def _rooms(design: Design) -> Iterator[tuple[tuple[float, float], tuple[float, float], str]]:
    """Corner, size and side of each room; the sides are 南 and 北."""
    width, depth = design.size
    bays = round(width / design.bay)
    room = (depth - _CORRIDOR) / 2
    for bay in range(bays):
        left = bay * design.bay + (_WALL if bay == 0 else _PARTITION / 2)
        right = (bay + 1) * design.bay - (_WALL if bay == bays - 1 else _PARTITION / 2)
        for side, low in (("南", _WALL), ("北", depth - room + _PARTITION)):
            high = room - _PARTITION if side == "南" else depth - _WALL
            yield (left, low), (right - left, high - low), side


def _interior(build: _Build, storey: Entity, number: int) -> list[Entity]:
    design = build.design
    width, depth = design.size
    height = design.storey_height - _SLAB
    room = (depth - _CORRIDOR) / 2
    spaces = []
    for side, y in (("南", room - _PARTITION), ("北", depth - room)):
        line = _Line((_WALL, y), (1.0, 0.0), width - 2 * _WALL, _PARTITION, height, "plaster",
                     external=False)  # fmt: skip
        wall = _wall(build, storey, line, f"走廊{side}墙")
        for bay in range(round(width / design.bay)):
            at = (bay + 0.5) * design.bay - _WALL - _DOOR[0] / 2
            _fill(build, storey, wall, "IfcDoor", (at, 0.0, 0.0), (_DOOR[0], _PARTITION, _DOOR[1]))
        low, high = (_WALL, room - _PARTITION) if side == "南" else (depth - room + _PARTITION,
                                                                    depth - _WALL)  # fmt: skip
        for bay in range(1, round(width / design.bay)):
            x = bay * design.bay + _PARTITION / 2
            cross = _Line((x, low), (0.0, 1.0), high - low, _PARTITION, height, "plaster",
                          external=False)  # fmt: skip
            _wall(build, storey, cross, f"{side}侧隔墙{bay}")
    for i, (corner, size, side) in enumerate(_rooms(design), 1):
        name = design.rooms[(i * 7 + number) % len(design.rooms)]
        label = f"{number}{i:02d}"
        spaces.append(_space(build, storey, (label, f"{name}({side})"), corner, size))
    inner = (width - 2 * _WALL, _CORRIDOR)
    spaces.append(_space(build, storey, (f"{number}00", "走廊"), (_WALL, room), inner))
    return spaces


def _space(build: _Build, storey: Entity, label: tuple[str, str], corner: tuple[float, float],
           size: tuple[float, float]) -> Entity:  # fmt: skip
    ifc = build.ifc
    height = build.design.storey_height - _SLAB
    place = ifc.placement(storey, (*corner, 0.0))
    shape = ifc.shape(ifc.box((*size, height)), _STYLES["space"])
    kind = {"InteriorOrExteriorSpace": "INTERNAL"} if ifc.schema == "IFC2X3" else {
        "PredefinedType": "INTERNAL"}  # fmt: skip
    space = build.product("IfcSpace", label[0], place, shape, LongName=label[1],
                          CompositionType="ELEMENT", **kind)  # fmt: skip
    area = size[0] * size[1]
    ifc.properties(space, "Pset_SpaceCommon", {"Reference": label[0], "PubliclyAccessible": False})
    ifc.quantities(space, "Qto_SpaceBaseQuantities", {
        "NetFloorArea": ("Area", area), "Height": ("Length", height),
        "NetVolume": ("Volume", area * height),
    })  # fmt: skip
    return space


def _slab(build: _Build, storey: Entity, name: str, z: float, kind: str) -> None:
    ifc, (width, depth) = build.ifc, build.design.size
    place = ifc.placement(storey, (0.0, 0.0, z))
    shape = ifc.shape(ifc.box((width, depth, _SLAB)), _STYLES["concrete"])
    slab = build.product("IfcSlab", name, place, shape, **build.predefined(kind, kind))
    ifc.contain(storey, slab)
    ifc.properties(slab, "Pset_SlabCommon", {"IsExternal": kind == "ROOF", "LoadBearing": True})
    ifc.quantities(slab, "Qto_SlabBaseQuantities", {
        "Width": ("Length", _SLAB), "GrossArea": ("Area", width * depth),
        "GrossVolume": ("Volume", width * depth * _SLAB),
    })  # fmt: skip
    build.of("C30钢筋混凝土", slab)


def _roof(build: _Build, storey: Entity) -> None:
    ifc, design = build.ifc, build.design
    width, depth = design.size
    if design.pitched:
        solid = ifc.prism([(0.0, 0.0), (depth, 0.0), (depth / 2, depth * 0.28)], width)
    else:
        solid = ifc.box((width, depth, 0.25))
    place = ifc.placement(storey, (0.0, 0.0, 0.0))
    shape = ifc.shape(solid, _STYLES["tile" if design.pitched else "concrete"])
    form = "GABLE_ROOF" if design.pitched else "FLAT_ROOF"
    more = {"ShapeType": form} if ifc.schema == "IFC2X3" else {"PredefinedType": form}
    roof = build.product("IfcRoof", "屋面", place, shape, **more)
    ifc.contain(storey, roof)
    ifc.properties(roof, "Pset_RoofCommon", {"IsExternal": True})
    build.of("灰瓦" if design.pitched else "保温屋面", roof)


def _georeference(ifc: IfcFile, site: Entity, at: Xyz, angle: float) -> None:
    axis = {"XAxisAbscissa": float(np.cos(angle)), "XAxisOrdinate": float(np.sin(angle))}
    if ifc.schema != "IFC2X3":
        metre = ifc.make("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
        target = ifc.make(
            "IfcProjectedCRS", Name=CRS, GeodeticDatum="China 2000", VerticalDatum="EPSG:5737",
            Description="CGCS2000 / 3-degree Gauss-Kruger CM 114E", MapUnit=metre,
            MapProjection="Gauss-Kruger",
        )  # fmt: skip
        ifc.make("IfcMapConversion", SourceCRS=ifc.context, TargetCRS=target, Eastings=at[0],
                 Northings=at[1], OrthogonalHeight=at[2], **axis, Scale=1.0)  # fmt: skip
        return
    ifc.properties(site, "ePSet_MapConversion", {
        "Eastings": ifc.measure("IfcLengthMeasure", at[0]),
        "Northings": ifc.measure("IfcLengthMeasure", at[1]),
        "OrthogonalHeight": ifc.measure("IfcLengthMeasure", at[2]), **axis, "Scale": 0.001,
    })  # fmt: skip
    ifc.properties(site, "ePSet_ProjectedCRS", {
        "Name": CRS, "Description": "CGCS2000 / 3-degree Gauss-Kruger CM 114E",
        "VerticalDatum": "EPSG:5737", "MapProjection": "Gauss-Kruger", "MapUnit": "METRE",
    })  # fmt: skip


def corner_of(site: Site, design: Design) -> tuple[float, float]:
    """Easting and northing of the building's south-western corner, millimetres rounded."""
    half = np.array(design.size) / 2
    cos, sin = np.cos(site.angle), np.sin(site.angle)
    turned = np.array([half[0] * cos - half[1] * sin, half[0] * sin + half[1] * cos])
    x, y = np.array(site.centre) - turned
    return round(float(x), 3), round(float(y), 3)


def footprint(site: Site, design: Design) -> Polygon:
    """Where the outer walls stand, EPSG:4547."""
    return Site(site.name, site.centre, site.angle, design.size).outline


def floor_area(design: Design) -> float:
    """Net floor area of all rooms and corridors in m²."""
    rooms = sum(size[0] * size[1] for _, size, _ in _rooms(design))
    corridor = (design.size[0] - 2 * _WALL) * _CORRIDOR
    return design.storeys * (rooms + corridor)


def write_building(path: Path, design: Design, site: Site, level: float) -> dict[str, int]:
    """Write the building with its ground floor at `level`; elements by IFC class."""
    ifc = IfcFile(design.schema, design.name, design.per_metre)
    build = _Build(ifc, design)
    world = ifc.placement(None, (0.0, 0.0, 0.0))
    plot = ifc.rooted("IfcSite", Name=f"{design.name}场地", ObjectPlacement=world,
                      CompositionType="ELEMENT", RefElevation=ifc.length(level))  # fmt: skip
    house = ifc.rooted(
        "IfcBuilding",
        Name=design.name,
        ObjectPlacement=ifc.placement(plot, (0, 0, 0)),
        CompositionType="ELEMENT",
    )
    ifc.aggregate(ifc.project, [plot])
    ifc.aggregate(plot, [house])
    ifc.properties(house, "Pset_BuildingCommon", {
        "NumberOfStoreys": design.storeys, "OccupancyType": design.function,
        "YearOfConstruction": str(design.year),
    })  # fmt: skip
    _georeference(ifc, plot, (*corner_of(site, design), level), site.angle)
    storeys = []
    for number in range(1, design.storeys + 2):
        z = (number - 1) * design.storey_height
        name = f"{number}层" if number <= design.storeys else "屋面层"
        storey = ifc.rooted("IfcBuildingStorey", Name=name, CompositionType="ELEMENT",
                            Elevation=ifc.length(z),
                            ObjectPlacement=ifc.placement(house, (0.0, 0.0, z)))  # fmt: skip
        storeys.append(storey)
        _furnish(build, storey, number)
    ifc.aggregate(house, storeys)
    for material, elements in build.by_material.items():
        ifc.material(material, elements)
    ifc.write(path)
    return {**build.counts, "IfcBuildingStorey": len(storeys), "IfcBuilding": 1, "IfcSite": 1,
            "IfcProject": 1}  # fmt: skip


def _furnish(build: _Build, storey: Entity, number: int) -> None:
    """Fill a storey, or put the roof on if it is the one above the last."""
    if number > build.design.storeys:
        _slab(build, storey, "屋面板", -_SLAB, "ROOF")
        _roof(build, storey)
        return
    _slab(build, storey, f"{number}层楼板", -_SLAB, "BASESLAB" if number == 1 else "FLOOR")
    _facades(build, storey, number == 1)
    build.ifc.aggregate(storey, _interior(build, storey, number))
