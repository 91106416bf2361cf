"""Which class of the data dictionary each class of CityGML 1.0 to 3.0 and of PLATEAU's ADE is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cim.schema import CLASSES
from ingest.cityjson.objects import CLASS_OF, PARTS

OBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in CLASSES}
    | dict(CLASS_OF)
    | {
        "IntBuildingInstallation": "BuildingInstallation",
        "IntBridgeInstallation": "BuildingInstallation",
        "IntTunnelInstallation": "BuildingInstallation",
        "Room": "BuildingRoom",
        "HollowSpace": "BuildingRoom",
        "Storey": "BuildingStorey",
        "DoorSurface": "Door",
        "WindowSurface": "Window",
        "TransportationComplex": "Road",
        "ReliefFeature": "CityObjectGroup",
        "MassPointRelief": "TINRelief",
        "BreaklineRelief": "TINRelief",
        "RasterRelief": "TINRelief",
        "GenericUnoccupiedSpace": "GenericOccupiedSpace",
        "GenericThematicSurface": "GenericOccupiedSpace",
        "Handhole": "Manhole",
        "Appurtenance": "UtilityNode",
        "Duct": "Canal",
        "UndergroundBuilding": "Building",
    }
)
"""Local name of a feature → class; what is not a class of that name keeps it beside."""

SECTIONS: Final = frozenset(
    {"Section", "Intersection", "TrafficSpace", "AuxiliaryTrafficSpace", "ClearanceSpace"}
)
"""Pieces of a road, railway, square, track or waterway, and of the same class as it."""

TRANSPORT: Final = frozenset({"Road", "Railway", "Square", "Track", "Waterway"})

WHOLES: Final = frozenset(
    {*PARTS, "Section", "Intersection", "TrafficSpace", "AuxiliaryTrafficSpace", "Storey"}
    | {"BuildingUnit", "TINRelief", "MassPointRelief", "BreaklineRelief"}
)
"""Features that together cover what the one above them covers."""

SURFACES: Final = frozenset(
    {"TrafficArea", "AuxiliaryTrafficArea", "Marking", "Hole", "HoleSurface", "ClosureSurface"}
    | {"RoofSurface", "WallSurface", "GroundSurface", "FloorSurface", "CeilingSurface"}
    | {"InteriorWallSurface", "OuterCeilingSurface", "OuterFloorSurface", "OtherFillingSurface"}
    | {"WaterSurface", "WaterGroundSurface", "WaterClosureSurface"}
)
"""Thematic surfaces: parts of the mesh of the object they bound."""

_PLANNING: Final = "/urf/"
_ENDINGS: Final = (("Pipe", "Pipe"), ("Cable", "Cable"), ("Duct", "Canal"))


def class_of(name: str, namespace: str, parent: str) -> str:
    """The class of the feature `name`, whose parent is of the class `parent` (or ``""``)."""
    if name in SECTIONS:
        return parent if parent in TRANSPORT else "Road"
    found = OBJECTS.get(name)
    if found is not None:
        return CLASS_OF.get(found, found)
    if _PLANNING in namespace:
        return "GenericLogicalSpace"
    for ending, kind in _ENDINGS:
        if name.endswith(ending):
            return kind
    return "GenericOccupiedSpace"
