"""IFC schemas: what inherits from what, the names of attributes, and which schema stands in.

ifcopenshell ships three schemas; drafts and addenda are read with the nearest of them.
"""

from functools import cache

from ifcopenshell import ifcopenshell_wrapper

SHIPPED = ("IFC4X3_ADD2", "IFC4", "IFC2X3")

RENAMED = {
    "IFCSOLIDSTRATUM": "IFCGEOTECHNICALSTRATUM",
    "IFCVOIDSTRATUM": "IFCGEOTECHNICALSTRATUM",
    "IFCWATERSTRATUM": "IFCGEOTECHNICALSTRATUM",
    "IFCBUILDINGELEMENT": "IFCBUILTELEMENT",
    "IFCROADPARTCOMMON": "IFCROADPART",
    "IFCTRIANGULATEDIRREGULARNETWORK": "IFCTRIANGULATEDFACESET",
}
"""Types of draft schemas → what the published schema calls them."""


def nearest_schema(name: str) -> str:
    """The shipped schema to read `name` with; empty if it is no IFC schema in STEP form.

    The 4.1 and 4.2 drafts are read as 4.3, which took over what they had introduced.
    """
    upper = name.upper()
    for start, shipped in (
        ("IFC4X", "IFC4X3_ADD2"),
        ("IFC4", "IFC4"),
        ("IFC2X", "IFC2X3"),
    ):
        if upper.startswith(start):
            return shipped
    return ""


@cache
def ancestors(schema: str, name: str) -> tuple[str, ...]:
    """`name` (any case) and what it inherits from, nearest first, as ``IfcWall``.

    A type that the schema does not know is looked up under its published name and in the
    other schemas; empty if none knows it.
    """
    wanted = RENAMED.get(name.upper(), name)
    for each in (schema, *SHIPPED):
        found = _chain(each, wanted)
        if found:
            return found
    return ()


def _chain(schema: str, name: str) -> tuple[str, ...]:
    entity = _entity(schema, name)
    names = []
    while entity is not None:
        names.append(entity.name())
        entity = entity.supertype()
    return tuple(names)


@cache
def attributes(schema: str, name: str) -> tuple[str, ...]:
    """Names of the attributes of a type in order; empty if no schema knows it."""
    wanted = RENAMED.get(name.upper(), name)
    for each in (schema, *SHIPPED):
        entity = _entity(each, wanted)
        if entity is not None:
            return tuple(attribute.name() for attribute in entity.all_attributes())
    return ()


@cache
def _declarations(schema: str) -> ifcopenshell_wrapper.schema_definition:
    return ifcopenshell_wrapper.schema_by_name(schema)


def _entity(schema: str, name: str) -> ifcopenshell_wrapper.entity | None:
    try:
        return _declarations(schema).declaration_by_name(name).as_entity()
    except RuntimeError:
        return None


def position(schema: str, name: str, attribute: str) -> int:
    """Where an attribute stands among the arguments; -1 if the type has none of that name."""
    names = attributes(schema, name)
    return names.index(attribute) if attribute in names else -1
