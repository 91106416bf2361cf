"""The names, units and meanings of what is known of pipes, cables and their nodes.

The data dictionary has no column for them, because only utility networks have them. Readers
write them, analyses read them; a name ends with its unit, text has none. Terms follow the
UtilityNetwork ADE and CJJ 61-2017.
"""

from types import MappingProxyType
from typing import Final

from cim.schema import Column

_IDENTITY: Final = (
    Column("source_id", "text", "", "Identifier in the source, which may repeat among classes"),
    Column("network", "text", "", "Network it belongs to, one of `schema.NETWORKS`"),
    Column("cjj61", "text", "", "Kind of line by CJJ 61-2017, such as JS, YS or TR"),
    Column("owner", "text", "", "Who owns or runs it"),
    Column("year_built", "int", "1", "Year in which it was laid"),
)

_SECTION: Final = (
    Column("section", "text", "", "Shape of the cross-section: circular, rectangular, egg …"),
    Column("section_source", "text", "", "Size as the source writes it"),
    Column("diameter_m", "real", "m", "Diameter of a circular section, as the source counts it"),
    Column("diameter_kind", "text", "", "nominal, inner or outer; nominal is not wall to wall"),
    Column("section_width_m", "real", "m", "Width of a section that is not circular"),
    Column("section_height_m", "real", "m", "Height of a section that is not circular"),
    Column("barrels", "int", "1", "Equal pipes side by side"),
    Column("holes", "int", "1", "Holes of a duct bank"),
    Column("holes_used", "int", "1", "Holes that hold a cable"),
    Column("cables", "int", "1", "Cables in it"),
    Column("material", "text", "", "Material as the source names it"),
    Column("embedding", "text", "", "How it lies in the ground: direct burial, duct, trench …"),
    Column("roughness", "real", "1", "By the method beside it; Darcy-Weisbach in mm"),
    Column("roughness_method", "text", "", "Hazen-Williams, Darcy-Weisbach or Manning"),
)  # fmt: skip

_PLACE: Final = (
    Column("z_reference", "text", "", "What the Z of its geometry is: axis, crown or invert"),
    Column("invert_start_m", "real", "m", "Lowest inside point where it starts, above the datum"),
    Column("invert_end_m", "real", "m", "Lowest inside point where it ends"),
    Column("axis_start_m", "real", "m", "Axis where it starts, above the datum"),
    Column("axis_end_m", "real", "m", "Axis where it ends"),
    Column("crown_start_m", "real", "m", "Highest point of the pipe where it starts"),
    Column("crown_end_m", "real", "m", "Highest point of the pipe where it ends"),
    Column("depth_start_m", "real", "m", "Ground to its surveyed point where it starts"),
    Column("depth_end_m", "real", "m", "Ground to its surveyed point where it ends"),
    Column("length_m", "real", "m", "Length that the source states"),
    Column("invert_m", "real", "m", "Lowest inside point of a node, above the datum"),
    Column("crown_m", "real", "m", "Highest point of the pipe at a node, above the datum"),
    Column("depth_m", "real", "m", "Ground to the bottom of a manhole, or to the pipe at a node"),
    Column("elevation_m", "real", "m", "Elevation of a node, of which point is not said"),
)  # fmt: skip

_SERVICE: Final = (
    Column("pressure", "text", "", "Pressure or pressure class as the source names it"),
    Column("voltage", "text", "", "Voltage as the source names it"),
    Column("flow_direction", "text", "", "Direction of flow as the source writes it"),
    Column("service_status", "text", "", "in use, abandoned, empty or other"),
    Column("initial_status", "text", "", "open, closed, active or check valve when a run begins"),
    Column("demand_m3_s", "real", "m3/s", "Water taken at a node, before patterns in time"),
    Column("head_m", "real", "m", "Hydraulic head of a reservoir"),
)

UTILITY_ATTRIBUTES: Final = MappingProxyType(
    {each.name: each for each in (*_IDENTITY, *_SECTION, *_PLACE, *_SERVICE)}
)
"""Attribute name → what it holds."""
