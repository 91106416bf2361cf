"""Small IFC models written as ifcXML of IFC 2x3 (ISO 10303-28)."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import ifcopenshell

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<ex:iso_10303_28 version="2.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:ex="urn:iso.org:standard:10303:part(28):version(2):xmlschema:common">
<uos id="uos_1" configuration="i_ifc2x3" xmlns="http://www.iai-tech.org/ifcXML/IFC2x3/FINAL">
"""
FOOT = "</uos>\n</ex:iso_10303_28>\n"


def as_xml(step: Path) -> str:
    """A STEP file of schema IFC2X3 as ifcXML."""
    model = ifcopenshell.open(str(step))
    return HEAD + "".join(_entity(each) for each in model) + FOOT


def _entity(entity: Any) -> str:
    kind = entity.is_a()
    inside = ""
    for place in range(len(entity)):
        value = entity[place]
        if value is not None and entity.attribute_type(place) != "DERIVED":
            name = entity.attribute_name(place)
            inside += f"<{name}>{_value(value)}</{name}>"
    return f'<{kind} id="i{entity.id()}">{inside}</{kind}>\n'


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "".join(_member(each) for each in value)
    return _member(value) if isinstance(value, ifcopenshell.entity_instance) else _plain(value)


def _member(value: Any) -> str:
    if isinstance(value, ifcopenshell.entity_instance):
        kind = value.is_a()
        if value.id():
            return f'<{kind} ref="i{value.id()}" xsi:nil="true" />'
        return f"<{kind}>{_plain(value[0])}</{kind}>"
    kind = {bool: "boolean", int: "long", float: "double"}.get(type(value), "string")
    return f"<ex:{kind}-wrapper>{_plain(value)}</ex:{kind}-wrapper>"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
