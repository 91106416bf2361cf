"""Property sets, quantities, types, materials and classifications of IFC products."""

from collections import defaultdict
from typing import Any

from ingest.ifc.schema import ancestors, attributes
from ingest.ifc.step import Ref, StepFile, Typed
from ingest.ifc.units import Units, scaled

_QUANTITIES = {
    "IFCQUANTITYLENGTH": "LENGTHUNIT",
    "IFCQUANTITYAREA": "AREAUNIT",
    "IFCQUANTITYVOLUME": "VOLUMEUNIT",
    "IFCQUANTITYWEIGHT": "MASSUNIT",
    "IFCQUANTITYTIME": "TIMEUNIT",
    "IFCQUANTITYCOUNT": "",
    "IFCQUANTITYNUMBER": "",
}
_DEEPEST = 8  # levels of complex properties, materials of materials, and classification references
_MATERIAL_PARTS = {
    "IFCMATERIALLAYERSETUSAGE": 0,
    "IFCMATERIALPROFILESETUSAGE": 0,
    "IFCMATERIALLAYERSET": 0,
    "IFCMATERIALLAYER": 0,
    "IFCMATERIALLAYERWITHOFFSETS": 0,
    "IFCMATERIALLIST": 0,
    "IFCMATERIALPROFILESET": 2,
    "IFCMATERIALPROFILE": 2,
    "IFCMATERIALPROFILEWITHOFFSETS": 2,
    "IFCMATERIALCONSTITUENTSET": 2,
    "IFCMATERIALCONSTITUENT": 2,
}
"""Where each kind of material definition refers to what it is made of."""

Properties = dict[str, Any]
Sets = dict[str, Properties]


def related(step: StepFile, *types: str, one: int = 5, many: int = 4) -> dict[int, list[Ref]]:
    """For every object of a relationship, what it is related to, in file order."""
    found: dict[int, list[Ref]] = defaultdict(list)
    for relation in step.of_type(*types):
        for target in step.refs(relation, one):
            for each in step.refs(relation, many):
                found[each].append(target)
    return found


class PropertyReader:
    """What a file says about its products beyond their shape, with units in SI."""

    def __init__(self, step: StepFile, units: Units, schema: str) -> None:
        self._step, self._units, self._schema = step, units, schema
        self._values: dict[tuple[str, bytes], tuple[str, Any]] = {}
        self._sets: dict[int, tuple[str, Properties]] = {}
        self._type_sets: dict[int, Sets] = {}
        self._own = related(step, "IFCRELDEFINESBYPROPERTIES")
        self._types = related(step, "IFCRELDEFINESBYTYPE")
        self._material = related(step, "IFCRELASSOCIATESMATERIAL")
        self._classes = related(step, "IFCRELASSOCIATESCLASSIFICATION")
        self._groups = related(step, "IFCRELASSIGNSTOGROUP", one=6)

    def type_of(self, product: int) -> Ref | None:
        """The type object of a product, such as its IfcDoorType."""
        return next(iter(self._types.get(product, ())), None)

    def sets(self, product: int) -> Sets:
        """Property and quantity sets by name; those of its type where it has none of its own."""
        own: Sets = {}
        for definition in self._own.get(product, ()):
            for each in self._definitions(definition):
                name, values = self._set(each)
                own[name] = own[name] | values if name in own else values
        type_object = self.type_of(product)
        if type_object is None:
            return own
        inherited = self._sets_of_type(type_object)
        merged = inherited | own
        for name in inherited.keys() & own.keys():
            merged[name] = inherited[name] | own[name]
        return merged

    def _definitions(self, definition: Ref) -> list[Ref]:
        if self._step.type(definition) == "IFCPROPERTYSETDEFINITIONSET":
            return list(self._step.refs(definition, 0))
        return [definition] if definition in self._step else []

    def _sets_of_type(self, type_object: Ref) -> Sets:
        found = self._type_sets.get(type_object)
        if found is None:
            found = self._type_sets[type_object] = {}
            for each in self._step.refs(type_object, 5):
                if each in self._step:
                    name, values = self._set(each)
                    found[name] = found.get(name, {}) | values
        return found

    def _set(self, number: Ref) -> tuple[str, Properties]:
        found = self._sets.get(number)
        if found is None:
            found = self._sets[number] = self._read_set(number)
        return found

    def _read_set(self, number: Ref) -> tuple[str, Properties]:
        kind = self._step.type(number)
        name = str(self._step.arg(number, 2) or kind)
        if kind in {"IFCPROPERTYSET", "IFCELEMENTQUANTITY"}:
            members = self._step.refs(number, 4 if kind == "IFCPROPERTYSET" else 5)
            return name, self._members(members)
        values = dict(zip(attributes(self._schema, kind), self._step.args(number), strict=False))
        return name, {
            key: plain(value, self._units)
            for key, value in list(values.items())[4:]
            if value is not None and not isinstance(value, Ref)
        }

    def _members(self, members: tuple[Ref, ...], depth: int = 0) -> Properties:
        found: Properties = {}
        for each in members:
            kind = self._step.type(each)
            key = (kind, self._step.raw(each))
            entry = self._values.get(key)
            if entry is None:
                entry = self._values[key] = self._property(each, kind, depth)
            found[entry[0]] = entry[1]
        found.pop("", None)
        return found

    def _property(self, number: Ref, kind: str, depth: int) -> tuple[str, Any]:
        values = self._step.args(number)
        if len(values) < 3:
            return "", None
        name, value = str(values[0]), values[2]
        if kind == "IFCPROPERTYSINGLEVALUE":
            return name, plain(value, self._units, self._step.arg(number, 3))
        if kind in _QUANTITIES:
            amount = self._step.arg(number, 3)
            scale = self._units.scale(_QUANTITIES[kind], value) if _QUANTITIES[kind] else 1
            return name, scaled(amount, scale) if isinstance(amount, int | float) else None
        if kind in {"IFCCOMPLEXPROPERTY", "IFCPHYSICALCOMPLEXQUANTITY"} and depth < _DEEPEST:
            place = 3 if kind == "IFCCOMPLEXPROPERTY" else 2
            return name, self._members(self._step.refs(number, place), depth + 1)
        return name, self._several(kind, values)

    def _several(self, kind: str, values: tuple[Any, ...]) -> Any:
        def of(place: int, unit: int) -> Any:
            given = values[place] if place < len(values) else None
            return plain(given, self._units, values[unit] if unit < len(values) else None)

        if kind == "IFCPROPERTYBOUNDEDVALUE":
            return {"lower": of(3, 4), "upper": of(2, 4)}
        if kind == "IFCPROPERTYTABLEVALUE":
            return {"defining": of(2, 5), "defined": of(3, 6)}
        if kind == "IFCPROPERTYREFERENCEVALUE":
            target = next((each for each in values[2:] if isinstance(each, Ref)), None)
            return None if target is None else self._name(target)
        return of(2, 3)

    def _name(self, number: Ref) -> str | None:
        return next((each for each in self._step.args(number) if isinstance(each, str)), None)

    def type_summary(self, product: int) -> Properties | None:
        """Class, GlobalId and name of a product's type; None if it has none."""
        number = self.type_of(product)
        if number is None or number not in self._step:
            return None
        lineage = ancestors(self._schema, self._step.type(number))
        ifc_class = lineage[0] if lineage else self._step.type(number)
        named = {"ifc_class": ifc_class, "GlobalId": self._step.arg(number, 0)}
        return named | {"name": self._step.arg(number, 2)}

    def materials(self, product: int) -> list[str]:
        """Names of what a product, or else its type, is made of; each once, in order."""
        found = self._material.get(product) or self._material.get(self.type_of(product) or -1, [])
        names: dict[str, None] = {}
        for each in found:
            self._collect_materials(each, names, 0)
        return list(names)

    def _collect_materials(self, number: Ref, names: dict[str, None], depth: int) -> None:
        kind = self._step.type(number)
        if kind == "IFCMATERIAL":
            names[str(self._step.arg(number, 0) or "")] = None
        elif kind in _MATERIAL_PARTS and depth < _DEEPEST:
            for part in self._step.refs(number, _MATERIAL_PARTS[kind]):
                self._collect_materials(part, names, depth + 1)

    def classification(self, product: int) -> list[Properties]:
        """Codes from classification systems, such as Uniclass, of a product."""
        found = []
        for number in self._classes.get(product, ()):
            if self._step.type(number) != "IFCCLASSIFICATIONREFERENCE":
                continue
            location, code, name = (self._step.arg(number, place) for place in range(3))
            entry = {"system": self._system(number), "code": code, "name": name}
            found.append({key: value for key, value in entry.items() if value} or {"uri": location})
        return found

    def _system(self, number: Ref) -> str | None:
        source: Any = number
        for _ in range(_DEEPEST):
            if self._step.type(source) != "IFCCLASSIFICATIONREFERENCE":
                break
            source = self._step.arg(source, 3)
        name = self._step.arg(source, 3) if isinstance(source, Ref) else None
        return name if isinstance(name, str) else None

    def groups(self, product: int) -> list[str]:
        """Names of the systems, zones and groups that a product belongs to."""
        names = (self._step.arg(each, 2) for each in self._groups.get(product, ()))
        return [name for name in names if isinstance(name, str)]


def plain(value: Any, units: Units, unit: Any = None) -> Any:
    """A STEP value as JSON knows it, measures in SI; references and infinite numbers are None."""
    if isinstance(value, Typed):
        return plain(units.convert(value, unit), units)
    if isinstance(value, tuple):
        return [plain(each, units, unit) for each in value]
    if isinstance(value, Ref):
        return None
    if isinstance(value, float):
        return scaled(value, 1.0)
    return str(value) if isinstance(value, str) else value
