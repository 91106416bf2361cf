"""Code lists beside a CityGML file: what a code in an attribute means."""

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from ingest.citygml.source import Source


@dataclass(slots=True)
class Codelists:
    """Meanings by code of every list that a text refers to; each is read once."""

    source: Source
    lists: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def meaning(self, code: str, reference: str) -> str | None:
        """What `code` means in the list that `reference` names; None if nobody knows."""
        found = self.lists.get(reference)
        if found is None:
            data = self.source.codelist(reference)
            found = self.lists[reference] = {} if data is None else meanings(data)
            if not found:
                self.missing.add(re.split(r"[/\\]", reference)[-1])
        return found.get(code)


def meanings(data: bytes) -> dict[str, str]:
    """Code → meaning of a ``gml:Dictionary``; empty if it is none.

    PLATEAU has the code as name and the meaning as description; SIG 3D has two names, of which
    the one with a code space is the code; GML 3.2 lists have an identifier and a name.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return {}
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return {}
    found = (_entry(each) for each in root.iter("{*}Definition"))
    return {code: meaning for code, meaning in found if code and meaning}


def _entry(definition: Any) -> tuple[str, str]:
    texts: dict[str, list[str]] = {"identifier": [], "name": [], "description": []}
    codes = []
    for each in definition.iterchildren("{*}identifier", "{*}name", "{*}description"):
        text = (each.text or "").strip()
        texts[etree.QName(each).localname].append(text)
        if each.get("codeSpace"):
            codes.append(text)
    names, described = texts["name"], texts["description"]
    if len(names) > 1:
        code = next((each for each in names if each in codes), names[0])
        return code, next((each for each in names if each != code), "")
    code = (names or texts["identifier"] or [""])[0]
    if described:
        return code, described[0]
    return (texts["identifier"] or [""])[0], (names or [""])[0]
