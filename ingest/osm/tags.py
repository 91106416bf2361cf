"""What OpenStreetMap's tags mean in a city model: class, function and the other columns."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ingest import values
from ingest.values import NotUnderstoodError

Tags = Mapping[str, str]

NO: Final = frozenset({"no", "none", "false", "0"})

PATHS: Final = frozenset(
    "path footway cycleway steps bridleway track corridor pedestrian via_ferrata".split()  # noqa: SIM905
)
"""Values of ``highway`` that carry no ordinary vehicles."""

NOT_OPEN: Final = frozenset(
    "proposed construction razed abandoned platform elevator rest_area services bus_stop".split()  # noqa: SIM905
)
"""Values of ``highway`` and ``railway`` over which nothing can travel now."""

TRACKS: Final = frozenset(
    "rail tram subway light_rail narrow_gauge monorail funicular preserved".split()  # noqa: SIM905
)
"""Values of ``railway`` that are tracks in use."""

WATER_AREAS: Final[Mapping[str, frozenset[str]]] = {
    "natural": frozenset({"water", "bay", "strait", "spring"}),
    "waterway": frozenset({"riverbank", "dock", "boatyard"}),
    "landuse": frozenset({"reservoir", "basin", "salt_pond"}),
    "leisure": frozenset({"swimming_pool", "marina"}),
}

GREEN_AREAS: Final[Mapping[str, frozenset[str]]] = {
    "leisure": frozenset({"park", "garden", "nature_reserve", "common"}),
    "natural": frozenset(
        {"wood", "scrub", "grassland", "heath", "wetland", "fell", "tundra", "shrubbery"}
    ),
    "landuse": frozenset(
        {"forest", "grass", "meadow", "orchard", "vineyard", "village_green", "flowerbed"}
    ),
}

PLACE_KEYS: Final = (
    "amenity",
    "healthcare",
    "emergency",
    "social_facility",
    "shop",
    "office",
    "craft",
    "tourism",
    "leisure",
    "historic",
    "public_transport",
    "aeroway",
    "place",
)
"""Keys whose value says what a place is for, the most telling first."""

FURNITURE: Final = frozenset(
    {
        "bench", "waste_basket", "bicycle_parking", "post_box", "telephone", "vending_machine",
        "recycling", "drinking_water", "fountain", "clock", "hydrant", "fire_hydrant",
        "street_lamp", "parking_meter", "charging_station", "atm",
    }
)  # fmt: skip
"""Values of ``amenity``, ``emergency`` and ``highway`` that are things in the street."""

_STATIONS: Final = frozenset({"station", "halt", "tram_stop", "subway_entrance"})


def area_class(tags: Tags) -> str:
    """Class of a polygon with these tags; empty if they do not make it a city object."""
    for key, name in (("building:part", "BuildingPart"), ("building", "Building")):
        if tags.get(key, "no") not in NO:
            return name
    if "highway" in tags or "area:highway" in tags or tags.get("place") == "square":
        return "Square" if is_paved_area(tags) else ""
    for groups, name in ((WATER_AREAS, "WaterBody"), (GREEN_AREAS, "PlantCover")):
        if any(tags.get(key) in known for key, known in groups.items()):
            return name
    if "landuse" in tags or "natural" in tags or "leisure" in tags:
        return "LandUse"
    return _built_class(tags)


def is_always_area(tags: Tags) -> bool:
    """Whether a way with these tags makes no sense unless it is closed."""
    return any(key in tags for key in ("building", "building:part", "landuse", "area:highway"))


def is_paved_area(tags: Tags) -> bool:
    """Whether a closed way with a highway tag is a surface and not a ring road."""
    if "area:highway" in tags or tags.get("place") == "square":
        return True
    return "highway" in tags and tags.get("area") == "yes"


def _built_class(tags: Tags) -> str:
    if tags.get("man_made") == "bridge":
        return "Bridge"
    if "man_made" in tags or tags.get("power") in {"substation", "plant", "generator"}:
        return "OtherConstruction"
    if any(key in tags for key in PLACE_KEYS) or tags.get("railway") in _STATIONS:
        return "GenericLogicalSpace"
    return ""


def line_class(tags: Tags) -> str:
    """Class of a line with these tags; empty if they do not make it a city object."""
    highway = tags.get("highway")
    if highway is not None:
        return "" if is_paved_area(tags) else "Track" if highway in PATHS else "Road"
    if tags.get("railway") in TRACKS | {"construction", "proposed", "disused"}:
        return "Railway"
    if "waterway" in tags and tags["waterway"] not in WATER_AREAS["waterway"]:
        return "Waterway"
    return "PlantCover" if tags.get("natural") == "tree_row" else ""


def point_class(tags: Tags) -> str:
    """Class of a node with these tags; empty if they do not make it a city object."""
    if tags.get("natural") == "tree":
        return "SolitaryVegetationObject"
    if any(tags.get(key) in FURNITURE for key in ("amenity", "emergency", "highway")):
        return "CityFurniture"
    if any(key in tags for key in PLACE_KEYS) or tags.get("railway") in _STATIONS:
        return "GenericLogicalSpace"
    return ""


def network(tags: Tags) -> str:
    """The network whose edges a line with these tags are; empty if nothing travels on it."""
    if "highway" in tags:
        return "" if is_paved_area(tags) or tags["highway"] in NOT_OPEN else "road"
    return "rail" if tags.get("railway") in TRACKS else ""


_FUNCTION_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "Building": (*PLACE_KEYS[:-1], "building:use", "building"),
    "BuildingPart": ("building:part",),
    "Road": ("highway",),
    "Track": ("highway",),
    "Square": ("highway", "area:highway", "place"),
    "Railway": ("railway",),
    "Waterway": ("waterway",),
    "WaterBody": ("water", "waterway", "landuse", "leisure", "natural"),
    "PlantCover": ("leisure", "landuse", "natural"),
    "LandUse": ("landuse", "leisure", "amenity", "natural"),
    "CityFurniture": ("amenity", "emergency", "highway"),
    "OtherConstruction": ("man_made", "power"),
    "GenericLogicalSpace": (*PLACE_KEYS, "railway"),
}

_STATUS_KEYS: Final = ("building", "highway", "railway", "landuse")
_STATUSES: Final[Mapping[str, str]] = {
    "construction": "under construction",
    "proposed": "planned",
    "razed": "demolished",
    "demolished": "demolished",
}

_COLUMNS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[str], Any]]]] = {
    "height": (("height", "building:height"), values.number),
    "storeys_above_ground": (("building:levels",), values.count),
    "storeys_below_ground": (("building:levels:underground",), values.count),
    "valid_from": (("start_date", "opening_date"), values.day),
    "valid_to": (("end_date",), values.day),
}


def columns(class_name: str, tags: Tags) -> dict[str, Any]:
    """Columns of the data dictionary that the tags of an object of that class state."""
    found: dict[str, Any] = {
        "name": tags.get("name") or tags.get("name:zh") or tags.get("name:en"),
        "function": _function(class_name, tags),
        "status": next(
            (_STATUSES[tags[key]] for key in _STATUS_KEYS if tags.get(key) in _STATUSES), None
        ),
    }
    for column, (keys, convert) in _COLUMNS.items():
        for key in keys:
            if key in tags:
                found[column] = _converted(convert, tags[key])
                break
    return found


def _function(class_name: str, tags: Tags) -> str | None:
    for key in _FUNCTION_KEYS.get(class_name, ()):
        if key in tags and tags[key] not in NO and tags[key] != "yes":
            return values.function(tags[key])
    return None


def _converted(convert: Callable[[str], Any], text: str) -> Any:
    try:
        return convert(text)
    except NotUnderstoodError:
        return None
