"""From IFC classes to the classes of a city.

The nearest ancestor with an entry decides; what an element is part of decides between a
building's installation and a city's network, a road's layer and a building's slab.
"""

from collections.abc import Sequence

NOT_OBJECTS = frozenset(
    {
        "IfcProject",
        "IfcFeatureElementSubtraction",
        "IfcFeatureElementAddition",
        "IfcVirtualElement",
        "IfcPort",
        "IfcAnnotation",
        "IfcGrid",
        "IfcReferent",
        "IfcLinearElement",
        "IfcStructuralActivity",
        "IfcStructuralItem",
    }
)
"""Products that are openings, drawing or computation, not things in a city."""

_CLASSES = {
    "IfcBuilding": "Building",
    "IfcBuildingStorey": "BuildingStorey",
    "IfcSpace": "BuildingRoom",
    "IfcSpatialZone": "GenericLogicalSpace",
    "IfcExternalSpatialStructureElement": "GenericLogicalSpace",
    "IfcBridge": "Bridge",
    "IfcBridgePart": "Bridge",
    "IfcTunnel": "Tunnel",
    "IfcTunnelPart": "Tunnel",
    "IfcRoad": "Road",
    "IfcRoadPart": "Road",
    "IfcRailway": "Railway",
    "IfcRailwayPart": "Railway",
    "IfcFacility": "OtherConstruction",
    "IfcFacilityPart": "OtherConstruction",
    "IfcAlignment": "Road",
    "IfcDoor": "Door",
    "IfcWindow": "Window",
    "IfcRailing": "BuildingInstallation",
    "IfcElement": "BuildingConstructiveElement",
    "IfcFurnishingElement": "BuildingFurniture",
    "IfcTransportElement": "BuildingInstallation",
    "IfcTransportationDevice": "BuildingInstallation",
    "IfcDistributionElement": "BuildingInstallation",
    "IfcCivilElement": "OtherConstruction",
    "IfcPavement": "Road",
    "IfcCourse": "Road",
    "IfcKerb": "Road",
    "IfcRail": "Railway",
    "IfcTrackElement": "Railway",
    "IfcSign": "CityFurniture",
    "IfcSignal": "CityFurniture",
    "IfcGeographicElement": "TINRelief",
    "IfcGeotechnicalElement": "GenericOccupiedSpace",
    "IfcProxy": "GenericOccupiedSpace",
    "IfcProduct": "GenericOccupiedSpace",
}

_OUTSIDE_BUILDINGS = {
    "IfcPipeSegment": "Pipe",
    "IfcPipeFitting": "UtilityNode",
    "IfcCableSegment": "Cable",
    "IfcCableCarrierSegment": "Canal",
    "IfcDuctSegment": "Canal",
    "IfcFlowSegment": "Pipe",
    "IfcDistributionChamberElement": "Manhole",
    "IfcValve": "Valve",
    "IfcDistributionElement": "UtilityNode",
    "IfcFurnishingElement": "CityFurniture",
}

_IN_FACILITIES = {
    "IfcEarthworksElement": {"Road": "Road", "Railway": "Railway"},
    "IfcSurfaceFeature": {"Road": "Road"},
    "IfcFacilityPart": {
        "Road": "Road",
        "Railway": "Railway",
        "Bridge": "Bridge",
        "Tunnel": "Tunnel",
    },
    "IfcAlignment": {"Railway": "Railway"},
}

_VEGETATION = "VEGETATION"


def city_class_of(
    lineage: Sequence[str],
    facility: str = "",
    type_lineage: Sequence[str] = (),
    predefined: str = "",
) -> str:
    """City class of an IFC product; empty if it is no object of a city.

    Parameters
    ----------
    lineage
        Its IFC class and the ancestors of that, nearest first.
    facility
        City class of the building, road, bridge … it stands in; empty if in none.
    type_lineage
        The same for its type: IFC 2x3 says only there that a flow segment is a pipe.
    predefined
        Its PredefinedType.
    """
    if not lineage or not NOT_OBJECTS.isdisjoint(lineage):
        return ""
    if lineage[0] == "IfcSite":
        return "TINRelief"
    if "IfcGeographicElement" in lineage and predefined == _VEGETATION:
        return "SolitaryVegetationObject"
    if facility != "Building":
        typed = tuple(each.removesuffix("Type") for each in type_lineage)
        found = _nearest(_OUTSIDE_BUILDINGS, typed) or _nearest(_OUTSIDE_BUILDINGS, lineage)
        if found:
            return found
    for name in lineage:
        if facility in _IN_FACILITIES.get(name, {}):
            return _IN_FACILITIES[name][facility]
    return _nearest(_CLASSES, lineage)


def _nearest(table: dict[str, str], lineage: Sequence[str]) -> str:
    return next((table[each] for each in lineage if each in table), "")


def function_of(ifc_class: str) -> str:
    """What an element is, in words, from its class: ``IfcCurtainWall`` → ``curtain wall``."""
    core = ifc_class.removeprefix("Ifc").removesuffix("StandardCase").removesuffix("ElementedCase")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in core)
    return words.strip()
