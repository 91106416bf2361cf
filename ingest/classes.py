"""Which class the objects of a layer are, guessed from its name, its fields and its shapes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from cim.schema import city_class
from ingest.attributes import plain_name

Shape = Literal["area", "line", "point"]

OTHER: Final = "GenericOccupiedSpace"
PLACE: Final = "GenericLogicalSpace"


@dataclass(frozen=True, slots=True)
class Guess:
    """A class for each kind of shape of a layer, and why."""

    area: str
    line: str
    point: str
    reason: str

    def of(self, shape: Shape) -> str:
        """The class of features of that shape."""
        return {"area": self.area, "line": self.line, "point": self.point}[shape]


NOTHING_KNOWN: Final = Guess(OTHER, OTHER, OTHER, "neither the name nor the fields tell more")


@dataclass(frozen=True, slots=True)
class _Rule:
    """Words in a layer's name and the classes they tell."""

    words: str
    """A regular expression; ``<`` stands for the beginning of an English word."""
    area: str
    line: str
    point: str


_RULES: Final = (
    _Rule("manhole|inspection_?(well|chamber)|窨井|检查井|井盖|井点", "Manhole", "Pipe", "Manhole"),
    _Rule("<valve|阀门|阀", "Valve", "Pipe", "Valve"),
    _Rule(
        "<cable|power_?line|electric|telecom|电缆|电力|通信|通讯|电信|供电",
        "UtilityNode",
        "Cable",
        "UtilityNode",
    ),
    _Rule(
        "<pipe|<conduit|sewer|<(water|gas)_?mains?|管线|管道|管段|给水|排水|供水|雨水|污水|燃气|热力|供热",
        "Canal",
        "Pipe",
        "UtilityNode",
    ),
    _Rule("<junctions?|<hydrants?|<pumps?|<reservoirs?|管点|消火栓", OTHER, "Pipe", "UtilityNode"),
    _Rule("<gxyz(?![a-z])", "Canal", "Pipe", "UtilityNode"),
    _Rule("<bridge|桥", "Bridge", "Bridge", "Bridge"),
    _Rule("<tunnel|隧道", "Tunnel", "Tunnel", "Tunnel"),
    _Rule(
        "building|<bldg|footprint|<extrusion|<houses?|建筑|房屋|楼栋|楼宇|<pand",
        "Building",
        "OtherConstruction",
        "Building",
    ),
    _Rule("<jmd(?![a-z])|居民地", "Building", "OtherConstruction", PLACE),
    _Rule("<dldw(?![a-z])|独立地物", "OtherConstruction", "OtherConstruction", "CityFurniture"),
    _Rule("<(sjw|tin)(?![a-z])|三角网", "TINRelief", OTHER, OTHER),
    _Rule("<stops?|<stations?|bus_?stop|站点|公交站", PLACE, OTHER, PLACE),
    _Rule("<rail|<tram|<metro|<subway|<transit|铁路|轨道|地铁", "Railway", "Railway", PLACE),
    _Rule(
        "<poi|<places?|<address|<door_?plates?|兴趣点|地名|门牌|地址|<amenit", PLACE, PLACE, PLACE
    ),
    _Rule("<square|<plaza|广场", "Square", "Square", PLACE),
    _Rule("<land_?use|<zoning|<parcel|<plots?|<cadast|用地|地块|宗地", "LandUse", OTHER, PLACE),
    _Rule(
        "<trees?(?![a-z])|树", "PlantCover", "SolitaryVegetationObject", "SolitaryVegetationObject"
    ),
    _Rule(
        "<dlss(?![a-z])|<roads?|<street|<highway|<carriageway|道路|路网|街|公路|中心线",
        "Road",
        "Road",
        PLACE,
    ),
    _Rule("<waterways?|航道", "WaterBody", "WaterBody", PLACE),
    _Rule(
        "<sxss(?![a-z])|<water|<river|<lake|<canal|<stream|<hydro|水系|水体|河|湖|水域",
        "WaterBody",
        "WaterBody",
        PLACE,
    ),
    _Rule("<zbtz(?![a-z])", "PlantCover", "PlantCover", "SolitaryVegetationObject"),
    _Rule(
        "<parks?(?![a-z])|<green|<forest|<wood|<grass|<vegetation|绿地|绿化|公园|植被|林地|草地",
        "PlantCover",
        "PlantCover",
        PLACE,
    ),
    _Rule(
        "<street_?(light|furniture)|<lamp|<bench|<furniture|路灯|部件|市政设施",
        "CityFurniture",
        "CityFurniture",
        "CityFurniture",
    ),
    _Rule(
        "<jj(?![a-z])|<labels?(?![a-z])|注记|<district|<count(y|ies)|<boundar|<border|<admin|<zones?|<tracts?|区划|行政|境界|街道办|社区",
        PLACE,
        PLACE,
        PLACE,
    ),
)

_FIELD_RULES: Final = (
    ("highway", "Road", ("line",)),
    ("railway", "Railway", ("line",)),
    ("waterway", "WaterBody", ("line",)),
    ("building", "Building", ("area",)),
    ("landuse", "LandUse", ("area",)),
)

_NETWORK_CLASSES: Final = {
    "road": ("Road", PLACE),
    "rail": ("Railway", PLACE),
    "power": ("Cable", "UtilityNode"),
    "telecom": ("Cable", "UtilityNode"),
}


def guess(
    names: Iterable[str], fields: Iterable[str], columns: Iterable[str], network: str = ""
) -> Guess:
    """The classes of a layer.

    `names` are the layer's and the file's, the best first; `fields` the source's field names and
    `columns` what of the data dictionary they became.
    """
    if network:
        line, point = _NETWORK_CLASSES.get(network, ("Pipe", "UtilityNode"))
        return Guess(OTHER, line, point, f"they are in a network ({network})")
    for name in names:
        for rule in _RULES:
            if found := _search(rule.words, name):
                return Guess(rule.area, rule.line, rule.point, f"{found!r} is in the name {name!r}")
    return _by_fields({plain_name(each) for each in fields}, set(columns))


def _search(words: str, name: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()
    found = re.search(words.replace("<", r"(?<![a-z])"), spaced)
    return found[0] if found else ""


def _by_fields(fields: set[str], columns: set[str]) -> Guess:
    if {"height", "storeys_above_ground"} & columns:
        return Guess("Building", OTHER, OTHER, "they have a height or storeys")
    telling = [rule for rule in _FIELD_RULES if rule[0] in fields]
    if len(telling) == 1:
        field, name, shapes = telling[0]
        area, line = (name if shape in shapes else OTHER for shape in ("area", "line"))
        return Guess(area, line, OTHER, f"they have the field {field!r}")
    return NOTHING_KNOWN


def shapes(geometry: NDArray[np.object_]) -> NDArray[np.int_]:
    """(n,) 0 for points, 1 for lines, 2 for areas; collections count as their largest."""
    dimensions: NDArray[np.int_] = np.maximum(shapely.get_dimensions(geometry), 0)
    return dimensions


SHAPES: Final[tuple[Shape, ...]] = ("point", "line", "area")
"""Shape by dimension."""


def check_class(name: str) -> str:
    """`name`, if it is a class of the data dictionary; the empty name passes.

    Raises
    ------
    SchemaError
        If no class has that name.
    """
    return city_class(name).name if name else ""
