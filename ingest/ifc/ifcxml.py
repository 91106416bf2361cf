"""ifcXML (ISO 10303-28) as the same model in STEP text (ISO 10303-21), which everything else reads.

Read is the form of IFC 2x3: an element for every entity, with an ``id`` where it is defined and a
``ref`` where it is used, and an element in it for every attribute.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ifcopenshell import ifcopenshell_wrapper

from ingest.ifc.schema import nearest_schema
from ingest.reader import refuse

Element = ElementTree.Element

_HEAD = (
    "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');"
)
_NAMED = re.compile(r"ifc\d+x?\d*(?:_?(?:add|tc|rc)\d+)*", re.IGNORECASE)
_DEEPEST = 200
_REMEDY = "export the model as .ifc"


def looks_like_xml(data: bytes) -> bool:
    """Whether a file may be ifcXML."""
    return data.lstrip()[:1] == b"<"


def as_step(path: Path, data: bytes) -> bytes:
    """The model in ifcXML text `data` as STEP text; `path` is for messages.

    Raises
    ------
    SourceError
        If it is no XML, no ifcXML, or of a form that is not read.
    """
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise refuse(path, "declares XML entities, which no ifcXML needs", _REMEDY)
    try:
        return _Writer(path).text(data)
    except ElementTree.ParseError as error:
        raise refuse(path, f"is no sound XML: {error}", "copy or export it again") from error


class _Writer:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: dict[str, int] = {}
        self._lines: list[str] = []
        self._schema: Any = None

    def text(self, data: bytes) -> bytes:
        """The whole model."""
        level = 0
        parent: Element | None = None
        name = ""
        events = ElementTree.iterparse(io.BytesIO(data), ("start", "end"))  # noqa: S314 - no entities
        for event, element in events:
            level += 1 if event == "start" else -1
            if event == "start" and level <= 2 and not name and _local(element) == "uos":
                parent, name = element, self._schema_name(element)
            elif event == "start" and level == 1 and _local(element) == "ifcXML":
                raise refuse(self._path, "is ifcXML of IFC 4, which is not read", _REMEDY)
            elif event == "end" and level == 2 and parent is not None:
                if _is_entity(element):
                    self._entity(element, 0)
                parent.clear()
        if not name:
            raise refuse(self._path, "is XML, but no ifcXML: it has no element uos", _REMEDY)
        body = "\n".join(self._lines)
        head = f"{_HEAD}\nFILE_SCHEMA(('{name}'));\nENDSEC;\nDATA;\n"
        return f"{head}{body}\nENDSEC;\nEND-ISO-10303-21;\n".encode("ascii")

    def _schema_name(self, uos: Element) -> str:
        said = f"{uos.get('configuration', '')} {uos.tag}"
        found = _NAMED.search(said)
        name = found[0].upper() if found else ""
        shipped = nearest_schema(name)
        if not shipped:
            raise refuse(self._path, "does not say of which IFC schema it is", _REMEDY)
        self._schema = ifcopenshell_wrapper.schema_by_name(shipped)
        return name

    def _entity(self, element: Element, depth: int) -> str:
        """Reference to an entity; it is written where it is defined."""
        used = element.get("ref") or element.get("href")
        number = self._number(used or element.get("id"))
        if used:
            return f"#{number}"
        if depth > _DEEPEST:
            raise refuse(self._path, "nests its entities without end", _REMEDY)
        kind = _local(element)
        values = self._arguments(element, kind, depth)
        self._lines.append(f"#{number}={kind.upper()}({','.join(values)});")
        return f"#{number}"

    def _number(self, name: str | None) -> int:
        if name is None:
            name = f" {len(self._numbers)}"
        return self._numbers.setdefault(name, len(self._numbers) + 1)

    def _arguments(self, element: Element, kind: str, depth: int) -> Iterator[str]:
        declared = self._declaration(kind)
        given = {_local(each): each for each in element}
        if declared is None or declared.as_entity() is None:
            raise refuse(self._path, f"holds {kind}, which its schema does not know", _REMEDY)
        entity = declared.as_entity()
        for attribute, derived in zip(entity.all_attributes(), entity.derived(), strict=True):
            found = given.get(attribute.name())
            if derived:
                yield "*"
            elif found is None:
                yield "$"
            else:
                yield self._value(found, attribute.type_of_attribute(), depth + 1)

    def _declaration(self, name: str) -> Any:
        try:
            return self._schema.declaration_by_name(name)
        except RuntimeError:
            return None

    def _value(self, element: Element, kind: Any, depth: int) -> str:
        """What stands in `element`, an attribute or a member of a list of type `kind`."""
        if kind.as_aggregation_type() is not None:
            return self._list(element, kind.as_aggregation_type().type_of_element(), depth)
        named = kind.as_named_type()
        declared = None if named is None else named.declared_type()
        defined = None if declared is None else declared.as_type_declaration()
        children = list(element)
        if defined is not None and not (children and _local(children[0]) == defined.name()):
            return self._value(element, defined.declared_type(), depth)
        if children:
            return self._member(children[0], declared, depth)
        text = element.text or ""
        if declared is not None and declared.as_enumeration_type() is not None:
            return f".{text.strip().upper()}." if text.strip() else "$"
        if declared is not None:
            return "$"
        return _simple(text, kind.as_simple_type().declared_type())

    def _member(self, child: Element, declared: Any, depth: int) -> str:
        """An entity or a value of a named type, in an attribute or a list."""
        if child.get("ref") or child.get("href") or _is_entity(child):
            known = self._declaration(_local(child))
            if known is not None and known.as_entity() is not None:
                return self._entity(child, depth)
        known = self._declaration(_local(child))
        if known is None:
            return _simple(child.text or "", _local(child).removesuffix("-wrapper"))
        inner = known.as_type_declaration()
        if inner is None:
            return f".{(child.text or '').strip().upper()}."
        value = self._value(child, inner.declared_type(), depth)
        chosen = declared is not None and declared.as_select_type() is not None
        return f"{_local(child).upper()}({value})" if chosen else value

    def _list(self, element: Element, kind: Any, depth: int) -> str:
        children = list(element)
        if not children:
            words = (element.text or "").split()
            return "(" + ",".join(words) + ")" if words else "$"
        named = kind.as_named_type()
        declared = None if named is None else named.declared_type()
        if kind.as_aggregation_type() is not None:
            return "(" + ",".join(self._value(each, kind, depth) for each in children) + ")"
        return "(" + ",".join(self._member(each, declared, depth) for each in children) + ")"


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _is_entity(element: Element) -> bool:
    return element.get("id") is not None or element.get("ref") is not None


_NUMBERS = frozenset({"real", "integer", "number", "double", "long", "decimal", "int", "float"})
_TRUTHS = {"true": ".T.", "1": ".T.", "false": ".F.", "0": ".F."}


def _simple(text: str, kind: str) -> str:
    bare = text.strip()
    if kind in _NUMBERS:
        return bare if re.fullmatch(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", bare) else "$"
    if kind in {"boolean", "logical"}:
        return _TRUTHS.get(bare.lower(), ".U.")
    return f"'{_escaped(text)}'"


def _escaped(text: str) -> str:
    """A string as STEP has it, in ASCII."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    if quoted.isascii() and quoted.isprintable():
        return quoted
    return "".join(
        each if " " <= each <= "~" else f"\\X4\\{ord(each):08X}\\X0\\" for each in quoted
    )
