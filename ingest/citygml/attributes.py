"""What a CityGML feature says beside its geometry: typed, generic and extended attributes."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ingest.citygml.codelists import Codelists
from ingest.citygml.geometry import HREF, local_name, namespace
from ingest.values import NO_DATA, NotUnderstoodError, number

Attributes = dict[str, Any]

_GENERIC: Final = re.compile(r"(?i)(string|int|double|date|uri|measure|code)Attribute")
_PLAIN: Final = re.compile(r"[+-]?(0|[1-9]\d{0,14})(\.\d+)?([eE][+-]?\d{1,3})?")

_LENGTHS: Final = frozenset({"measuredHeight", "height"})
_UNIT_CODES: Final[Mapping[str, str]] = MappingProxyType({"9001": "m", "9002": "ft", "metre": "m"})
"""Codes of EPSG for units of length → their usual names."""

_ADDRESS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CountryName": "country",
        "Country": "country",
        "AdministrativeAreaName": "state",
        "AdministrativeArea": "state",
        "LocalityName": "city",
        "Locality": "city",
        "DependentLocalityName": "district",
        "SubLocality": "district",
        "ThoroughfareName": "street",
        "Thoroughfare": "street",
        "ThoroughfareNumber": "housenumber",
        "Number": "housenumber",
        "PostalCodeNumber": "postcode",
        "PostCode": "postcode",
        "PostalCode": "postcode",
    }
)
"""Element of xAL 2 or 3 that says something → key of the address."""


def scalar(text: str, *, coded: bool = False) -> str | int | float:
    """A number where the text is plainly one, else the text; codes stay text."""
    if coded or not _PLAIN.fullmatch(text):
        return text
    return float(text) if "." in text or "e" in text.lower() else int(text)


@dataclass(slots=True)
class Reader:
    """Reads attributes; codes get their meaning from the code lists beside the file."""

    codelists: Codelists
    units: Counter[str] = field(default_factory=Counter)
    """Units of heights that nobody knows."""

    def simple(self, element: Any, key: str, into: Attributes) -> None:
        """An element with text only, under `key`; a repeated one makes a list."""
        text = (element.text or "").strip()
        href = element.get(HREF)
        if not text and href:
            text = href.rpartition("#")[2] if href.startswith("#") else href
        if not text:
            return
        uom, listed = element.get("uom"), element.get("codeSpace")
        value: Any = scalar(text, coded=listed is not None)
        if uom is not None:
            value = self._measured(key, text, uom, into)
        elif listed is not None:
            value = self._coded(key, text, listed, into)
        if value is None or (isinstance(value, float) and value in NO_DATA):
            return
        _put(into, key, value)

    def _coded(self, key: str, text: str, listed: str, into: Attributes) -> str:
        meaning = self.codelists.meaning(text, listed)
        if meaning is None:
            into[f"{key}_codeSpace"] = listed
            return text
        _put(into, f"{key}_code", text)
        return meaning

    def _measured(self, key: str, text: str, uom: str, into: Attributes) -> Any:
        bare = re.split(r"[#:/]", uom.strip())[-1]
        unit = _UNIT_CODES.get(bare, bare)
        if key in _LENGTHS:
            try:
                return number(f"{text} {unit}")
            except NotUnderstoodError:
                self.units[uom] += 1
                into[f"{key}_unknown_unit"] = f"{text} {uom}"
                return None
        if unit != "m":
            into[f"{key}_uom"] = unit
        return scalar(text)

    def generic(self, element: Any, into: Attributes, prefix: str = "") -> bool:
        """A generic attribute or a set of them; whether it was one."""
        kind = local_name(element.tag)
        parts = {local_name(each.tag): each for each in element}
        name = element.get("name") or (parts["name"].text if "name" in parts else None)
        if name is None:
            return False
        key = f"{prefix}{name.strip()}"
        if kind.lower().startswith("genericattributeset"):
            for each in element:
                inner = (
                    each[0] if local_name(each.tag) == "genericAttribute" and len(each) else each
                )
                self.generic(inner, into, f"{key}.")
            return True
        if not _GENERIC.fullmatch(kind) or "value" not in parts:
            return False
        text = (parts["value"].text or "").strip()
        own = key if key not in into else f"gen.{key}"
        if kind.lower().startswith(("string", "date", "uri", "code")):
            into[own] = text
        else:
            into[own] = scalar(text)
            uom = parts["value"].get("uom")
            if uom:
                into[f"{own}_uom"] = re.split(r"[#:/]", uom)[-1]
        return True

    def nested(self, element: Any, key: str, into: Attributes) -> None:
        """A structured attribute, each of its fields under ``key.field``.

        The type's name stands for the property's where an extension has both, and a second one
        of a kind is ``key[2]``.
        """
        inner = [each for each in element if local_name(each.tag)]
        if not inner:
            self.simple(element, key, into)
            return
        typed = len(inner) == 1 and local_name(inner[0].tag)[:1].isupper()
        if typed:
            name = f"{prefix_of(inner[0])}{local_name(inner[0].tag)}"
            outer = key.rpartition(".")[0] if key.count(".") > name.count(".") else ""
            self._fields(inner[0], f"{outer}.{name}" if outer else name, into)
        else:
            self._fields(element, key, into)

    def _fields(self, element: Any, key: str, into: Attributes) -> None:
        key = _free(key, into)
        for each in element:
            name = local_name(each.tag)
            if name and len(each):
                self.nested(each, f"{key}.{name}", into)
            elif name:
                self.simple(each, f"{key}.{name}", into)

    def height(self, element: Any, into: Attributes) -> None:
        """CityGML 3's ``con:height``: what it is measured between, and how much it is."""
        for height in element.iterchildren():
            said = {local_name(each.tag): each for each in height}
            high, low = ((said[each].text or "").strip() if each in said else "" for each in _ENDS)
            if "value" not in said:
                continue
            plain = low in _GROUND and high in _TOP and "height" not in into
            key = "height" if plain else _free(f"height.{high}-{low}", into)
            self.simple(said["value"], key, into)
            if "status" in said:
                into[f"{key}_status"] = (said["status"].text or "").strip()


_ENDS: Final = ("highReference", "lowReference")
_GROUND: Final = frozenset({"", "lowestGroundPoint", "bottomOfConstruction", "generalGround"})
_TOP: Final = frozenset({"", "highestRoofEdge", "highestPoint", "topOfConstruction"})


def _put(into: Attributes, key: str, value: Any) -> None:
    if key not in into:
        into[key] = value
    elif isinstance(into[key], list):
        into[key].append(value)
    else:
        into[key] = [into[key], value]


def _free(key: str, into: Attributes) -> str:
    """`key`, or ``key[2]`` … if that is taken."""
    if not any(each == key or each.startswith(f"{key}.") for each in into):
        return key
    times = 2
    while any(each.startswith(f"{key}[{times}]") for each in into):
        times += 1
    return f"{key}[{times}]"


def prefix_of(element: Any) -> str:
    """``uro.`` for an element of an extension, ``""`` for one of CityGML or GML."""
    space = namespace(element.tag)
    own = "opengis.net" in space or "citygml" in space or space.startswith("urn:oasis")
    return "" if own or not element.prefix else f"{element.prefix}."


def address(element: Any) -> Attributes:
    """An xAL address of version 2 or 3, as ``address.street`` …; empty if it says nothing."""
    found: Attributes = {}
    for each in element.iter():
        text = (each.text or "").strip() if local_name(each.tag) else ""
        if not text:
            continue
        key = _ADDRESS.get(local_name(each.tag))
        if key is None and local_name(each.tag) in {"NameElement", "Identifier"}:
            key = _ADDRESS.get(local_name(each.getparent().tag))
        if key is None:
            continue
        known = found.get(f"address.{key}")
        found[f"address.{key}"] = f"{known}, {text}" if known else text
    return found
