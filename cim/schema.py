"""The data dictionary: what every table, column, class and code of a city means.

Validation, the stores, the API, legends and the reference pages read it; nothing restates it.
Class names are CityGML 3.0's; utility names follow its UtilityNetwork ADE.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cim.errors import SchemaError

UNITS: Final = frozenset(
    {"", "1", "m", "m2", "m3", "m3/s", "s", "a", "deg", "Cel", "%", "mm", "us"}
)
"""UCUM codes in use; text has the unit ``""``, a pure number ``"1"``."""

DTYPES: Final = frozenset({"text", "int", "real", "date", "time", "json", "geometry", "bytes"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, in which unit, and what it means.

    Raises
    ------
    SchemaError
        If the dtype or the unit is not in the vocabulary.

    """

    name: str
    dtype: str
    unit: str
    meaning: str
    required: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise SchemaError(f"unknown dtype {self.dtype!r}", where=self.name)
        if self.unit not in UNITS:
            raise SchemaError(f"unknown unit {self.unit!r}", where=self.name, hint="UCUM codes")


@dataclass(frozen=True, slots=True)
class CityClass:
    """A class of city objects: its number in the store never changes."""

    code: int
    name: str
    theme: str
    title: str
    title_zh: str


_CLASSES = (
    CityClass(100, "Building", "building", "Building", "建筑"),
    CityClass(101, "BuildingPart", "building", "Building part", "建筑部分"),
    CityClass(110, "BuildingStorey", "interior", "Storey", "楼层"),
    CityClass(111, "BuildingRoom", "interior", "Room", "房间"),
    CityClass(112, "BuildingUnit", "interior", "Building unit", "建筑单元"),
    CityClass(120, "BuildingConstructiveElement", "element", "Constructive element", "建筑构件"),
    CityClass(121, "BuildingInstallation", "element", "Building installation", "建筑设施"),
    CityClass(122, "BuildingFurniture", "element", "Furniture", "家具"),
    CityClass(123, "Door", "element", "Door", "门"),
    CityClass(124, "Window", "element", "Window", "窗"),
    CityClass(150, "Bridge", "construction", "Bridge", "桥梁"),
    CityClass(151, "Tunnel", "construction", "Tunnel", "隧道"),
    CityClass(152, "OtherConstruction", "construction", "Other construction", "其他构筑物"),
    CityClass(200, "Road", "transportation", "Road", "道路"),
    CityClass(201, "Railway", "transportation", "Railway", "铁路"),
    CityClass(202, "Square", "transportation", "Square", "广场"),
    CityClass(203, "Track", "transportation", "Path", "小路"),
    CityClass(204, "Waterway", "transportation", "Waterway", "航道"),
    CityClass(300, "WaterBody", "water", "Water body", "水体"),
    CityClass(400, "LandUse", "land_use", "Land use", "土地利用"),
    CityClass(500, "PlantCover", "vegetation", "Plant cover", "植被"),
    CityClass(501, "SolitaryVegetationObject", "vegetation", "Tree", "树木"),
    CityClass(600, "CityFurniture", "furniture", "City furniture", "城市部件"),
    CityClass(700, "TINRelief", "relief", "Terrain surface", "地形"),
    CityClass(800, "CityObjectGroup", "group", "Group", "对象组"),
    CityClass(900, "GenericOccupiedSpace", "generic", "Other object", "其他对象"),
    CityClass(901, "GenericLogicalSpace", "generic", "Place or zone", "地点或区域"),
    CityClass(1000, "Pipe", "utility", "Pipe", "管道"),
    CityClass(1001, "Cable", "utility", "Cable", "电缆"),
    CityClass(1002, "Canal", "utility", "Duct or culvert", "管沟"),
    CityClass(1010, "Manhole", "utility", "Manhole", "检查井"),
    CityClass(1011, "Valve", "utility", "Valve", "阀门"),
    CityClass(1012, "UtilityNode", "utility", "Network node", "管点"),
)

CLASSES: Final = MappingProxyType({each.name: each for each in _CLASSES})
"""Every class by its name."""

CLASS_BY_CODE: Final = MappingProxyType({each.code: each for each in _CLASSES})

THEMES: Final = tuple(dict.fromkeys(each.theme for each in _CLASSES))


def city_class(name: str) -> CityClass:
    """The class called `name`.

    Raises
    ------
    SchemaError
        If no class has that name.

    """
    try:
        return CLASSES[name]
    except KeyError:
        raise SchemaError(
            f"no class {name!r}", where="class", hint=f"one of {', '.join(CLASSES)}"
        ) from None


STATUSES: Final = ("planned", "approved", "under construction", "existing", "demolished")
"""Lifecycle of a city object, in order."""

ACCESS_LEVELS: Final = ("public", "internal", "sensitive", "secret")
"""Level of access, from open to closed; a reader sees its own level and those before it."""

LODS: Final = ("0", "1", "1.1", "1.2", "1.3", "2", "2.1", "2.2", "2.3", "3", "3.1", "3.2", "3.3")
"""Levels of detail (CityJSON's refined ones); text, never a number."""

NETWORKS: Final = MappingProxyType(
    {
        "road": "Road centre lines",
        "rail": "Railway tracks",
        "water": "Water supply (CJJ 61: JS)",
        "storm": "Storm drainage (CJJ 61: YS)",
        "sewer": "Foul sewer (CJJ 61: WS)",
        "gas": "Gas (CJJ 61: RQ)",
        "heat": "District heating (CJJ 61: RL)",
        "power": "Electric power (CJJ 61: DL)",
        "telecom": "Telecommunication (CJJ 61: DX)",
        "other": "Other utility",
    }
)

OBJECT_COLUMNS: Final = (
    Column("object_id", "text", "", "Identifier in its data set", required=True),
    Column("class", "text", "", "CityGML 3.0 class", required=True),
    Column("geometry", "geometry", "", "Footprint, centre line or point; Z is kept where given"),
    Column("name", "text", "", "Name people use"),
    Column("parent_id", "text", "", "object_id of the object it is part of, same data set"),
    Column("status", "text", "", "Lifecycle: " + ", ".join(STATUSES)),
    Column("function", "text", "", "What it is for, as a lower-case English word or code"),
    Column("height", "real", "m", "From the ground to the highest point"),
    Column("ground_height", "real", "m", "Lowest ground point above the city's height datum"),
    Column("storeys_above_ground", "int", "1", "Storeys above ground"),
    Column("storeys_below_ground", "int", "1", "Storeys below ground"),
    Column("lod", "text", "", "Best level of detail of its geometry"),
    Column("valid_from", "date", "", "First day it is true in the city (ISO 8601)"),
    Column("valid_to", "date", "", "First day it is no longer true in the city (ISO 8601)"),
    Column("access", "text", "", "Level of access: " + ", ".join(ACCESS_LEVELS)),
    Column("attributes", "json", "", "Every other property, as the source gave it"),
)
"""What a reader gives for one object; all but the required ones may be missing (unknown)."""

KEPT_COLUMNS: Final = (
    Column("dataset", "text", "", "Data set it came from", required=True),
    Column("cim_level", "int", "1", "CIM1 to CIM7, computed from evidence", required=True),
    Column("version", "int", "1", "1 for the first version of the object", required=True),
    Column("load", "int", "1", "Load that wrote this version", required=True),
    Column("recorded_from", "time", "", "When this version became known", required=True),
    Column("recorded_to", "time", "", "When it was superseded; unknown while current"),
)
"""What the store adds to each object."""

MESH_COLUMNS: Final = (
    Column("object_id", "text", "", "Object whose surface this is", required=True),
    Column("lod", "text", "", "Level of detail", required=True),
    Column("kind", "text", "", "MultiSurface, Solid, CompositeSolid or Triangles", required=True),
    Column("closed", "int", "1", "1 if every edge has two faces, so that a volume exists"),
    Column("volume", "real", "m3", "Enclosed volume; unknown unless closed"),
    Column("parts", "json", "", "Semantic surfaces or materials that faces refer to"),
    Column("body", "bytes", "", "Vertices and faces; see cim.store.meshes", required=True),
)

NODE_COLUMNS: Final = (
    Column("network", "text", "", "Network: " + ", ".join(NETWORKS), required=True),
    Column("node_id", "text", "", "Identifier in its data set and network", required=True),
    Column("x", "real", "m", "Easting in the city's CRS", required=True),
    Column("y", "real", "m", "Northing in the city's CRS", required=True),
    Column("z", "real", "m", "Height above the city's datum"),
    Column("object_id", "text", "", "City object at the node, such as a Manhole"),
)

EDGE_COLUMNS: Final = (
    Column("network", "text", "", "Network: " + ", ".join(NETWORKS), required=True),
    Column("object_id", "text", "", "City object of the edge, such as a Pipe", required=True),
    Column("start_node", "text", "", "node_id where it starts", required=True),
    Column("end_node", "text", "", "node_id where it ends", required=True),
    Column("length", "real", "m", "Length along the edge", required=True),
)

COVERAGE_KINDS: Final = (
    "terrain",
    "surface",
    "imagery",
    "land_cover",
    "population",
    "night_lights",
    "index",
    "hazard",
    "other",
)
"""What a raster shows; an index is made of bands, a hazard is a depth or a class of danger."""

COVERAGE_COLUMNS: Final = (
    Column("name", "text", "", "Name of the coverage; its data set's", required=True),
    Column("kind", "text", "", "One of " + ", ".join(COVERAGE_KINDS), required=True),
    Column("file", "text", "", "File in the city's coverages folder (COG)", required=True),
    Column("sha256", "text", "", "Checksum of that file", required=True),
    Column("crs", "text", "", "Its own CRS; coverages are not resampled on loading"),
    Column("west", "real", "deg", "Bounds in WGS 84"),
    Column("south", "real", "deg", "Bounds in WGS 84"),
    Column("east", "real", "deg", "Bounds in WGS 84"),
    Column("north", "real", "deg", "Bounds in WGS 84"),
    Column("width", "int", "1", "Columns of the grid"),
    Column("height", "int", "1", "Rows of the grid"),
    Column("bands", "json", "", "Per band: name, dtype, nodata, minimum, maximum"),
    Column("valid_from", "date", "", "Day it shows, such as the day of the satellite scene"),
    Column("access", "text", "", "Level of access: " + ", ".join(ACCESS_LEVELS)),
)

DATASTREAM_COLUMNS: Final = (
    Column("datastream_id", "text", "", "Identifier in its data set", required=True),
    Column("observed_property", "text", "", "What is observed", required=True),
    Column("unit", "text", "", "UCUM code of the results; 1 for numbers, empty if unknown"),
    Column("object_id", "text", "", "City object that it belongs to"),
    Column("object_dataset", "text", "", "Data set of that object; empty for its own"),
    Column("title", "text", "", "Name people use"),
    Column("categories", "json", "", "If results are words: what each number stands for, from 0"),
    Column("access", "text", "", "Level of access: " + ", ".join(ACCESS_LEVELS)),
    Column("attributes", "json", "", "Every other property, as the source gave it"),
    Column("first", "time", "", "Phenomenon time of the first observation"),
    Column("last", "time", "", "Phenomenon time of the last observation"),
    Column("count", "int", "1", "Observations"),
)

OBSERVATION_COLUMNS: Final = (
    Column("first", "int", "us", "Phenomenon time of the block's first, since 1970 (UTC)"),
    Column("last", "int", "us", "Phenomenon time of the block's last, since 1970 (UTC)"),
    Column("count", "int", "1", "Observations in the block"),
    Column("digest", "int", "1", "What tells these observations from others"),
    Column("body", "bytes", "", "Times and results; see cim.store.observations"),
)
"""Blocks: stretches of time of one datastream, which do not overlap."""

TABLES: Final = MappingProxyType(
    {
        "objects": OBJECT_COLUMNS + KEPT_COLUMNS,
        "meshes": MESH_COLUMNS,
        "nodes": NODE_COLUMNS,
        "edges": EDGE_COLUMNS,
        "coverages": COVERAGE_COLUMNS,
        "datastreams": DATASTREAM_COLUMNS,
        "observations": OBSERVATION_COLUMNS,
    }
)
"""Every table of a city and its columns."""

CIM_LEVELS: Final = MappingProxyType(
    {
        1: "Surface model: outline or symbol",
        2: "Framework: footprint with height",
        3: "Standard: roof and wall surfaces (LoD2)",
        4: "Fine: openings and surface detail (LoD3)",
        5: "Functional: rooms and function zones (BIM)",
        6: "Component: elements with geometry and properties (BIM)",
        7: "Part: elements with manufacturer's or as-built data (BIM)",
    }
)
"""CIM1 to CIM7 in the sense of CJJ/T 315-2022."""
