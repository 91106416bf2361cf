"""CityJSON's city objects as rows: classes, ids, hierarchy and attributes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import shapely

from cim.model import Rejection
from cim.schema import CLASSES, LODS, OBJECT_COLUMNS
from ingest import values
from ingest.cityjson.boundaries import KINDS, Shape
from ingest.cityjson.geometry import Bodies
from ingest.footprints import only_areas
from ingest.own_exports import own_names, unstamped
from ingest.values import NotUnderstoodError

CityObject = dict[str, Any]

CLASS_OF: Final[Mapping[str, str]] = {name: name for name in CLASSES} | {
    "BridgePart": "Bridge",
    "TunnelPart": "Tunnel",
    "TransportSquare": "Square",
    "GenericCityObject": "GenericOccupiedSpace",
    "BridgeInstallation": "BuildingInstallation",
    "TunnelInstallation": "BuildingInstallation",
    "BridgeConstructionElement": "BuildingConstructiveElement",
    "BridgeConstructiveElement": "BuildingConstructiveElement",
    "TunnelConstructiveElement": "BuildingConstructiveElement",
    "BridgeFurniture": "BuildingFurniture",
    "TunnelFurniture": "BuildingFurniture",
    "BridgeRoom": "BuildingRoom",
    "TunnelHollowSpace": "BuildingRoom",
}
"""CityJSON type → class of the data dictionary; a class that is wider keeps the type beside it."""

PARTS: Final = frozenset({"BuildingPart", "BridgePart", "TunnelPart"})
"""Types that together make up their parent."""

_FLAT: Final = frozenset(
    name
    for name, each in CLASSES.items()
    if each.theme in {"transportation", "water", "land_use", "relief"} or name == "PlantCover"
)
"""Classes that lie on the ground: how far their surface rises is not their height."""

PROMOTED: Final[Mapping[str, str]] = {
    "measuredHeight": "height",
    "height": "height",
    "storeysAboveGround": "storeys_above_ground",
    "storeysBelowGround": "storeys_below_ground",
    "function": "function",
    "name": "name",
    "status": "status",
    "yearOfConstruction": "valid_from",
    "dateOfConstruction": "valid_from",
    "yearOfDemolition": "valid_to",
    "dateOfDemolition": "valid_to",
} | {
    each.name: each.name
    for each in OBJECT_COLUMNS
    if each.name not in {"object_id", "class", "geometry", "parent_id", "lod", "attributes"}
}
"""CityJSON attribute → column of the data dictionary."""

_CONVERT: Final[Mapping[str, Callable[[str], Any]]] = {
    "status": values.status,
    "function": values.function,
    "access": values.access,
    "storeys_above_ground": values.count,
    "storeys_below_ground": values.count,
    "valid_from": values.day,
    "valid_to": values.day,
}
_NUMBERS: Final = frozenset(each.name for each in OBJECT_COLUMNS if each.dtype in {"real", "int"})
_OWN_KEYS: Final = frozenset(
    {"type", "attributes", "geometry", "parents", "children", "geographicalExtent"}
)


def lod_of(stated: Any) -> str:
    """A level of detail of the data dictionary from ``2``, ``2.0``, ``"2.2"`` or nothing."""
    if type(stated) is str and stated in LODS:
        return stated
    text = str(stated) if stated is not None else "1"
    text = text[:-2] if text.endswith(".0") else text
    if text in LODS:
        return text
    return "3" if text[:1] == "4" else text[:1] if text[:1] in LODS else "1"


MALFORMED: Final = (TypeError, KeyError, ValueError, IndexError, AttributeError)
"""What happens to those who take a file's word for its structure."""


@dataclass(slots=True)
class Shared:
    """What the geometries of a file refer to beside vertices."""

    materials: Sequence[Mapping[str, Any]] = ()
    templates: Sequence[dict[str, Any]] = ()
    pool: tuple[int, int] = (0, 0)
    """First and number of the templates' vertices."""

    def mend(self, geometry: dict[str, Any]) -> None:
        """Let a geometry know the materials that it names by number."""
        if self.materials and "material" in geometry:
            geometry["materials"] = self.materials

    def shape(self, row: int, geometry: dict[str, Any], pool: tuple[int, int]) -> Shape:
        """A geometry with surfaces of its own."""
        self.mend(geometry)
        kind, lod = KINDS[geometry["type"]], lod_of(geometry.get("lod"))
        return Shape(row, kind, lod, geometry["boundaries"], geometry, pool)

    def instance(
        self, row: int, geometry: Mapping[str, Any], vertices: np.ndarray[Any, Any]
    ) -> Shape:
        """A template in its place; the reference point is a row of `vertices`."""
        template = self.templates[_index(geometry["template"], len(self.templates))]
        point = _index(_lists(geometry["boundaries"])[0], len(vertices))
        given = geometry.get("transformationMatrix")
        matrix = np.eye(4) if given is None else np.array(given, np.float64).reshape(4, 4)
        return Shape(
            row,
            KINDS[template["type"]],
            lod_of(template.get("lod")),
            template["boundaries"],
            template,
            self.pool,
            (matrix, vertices[point]),
        )


def _lists(boundaries: list[Any] | bytes) -> list[Any]:
    lists: list[Any] = orjson.loads(boundaries) if isinstance(boundaries, bytes) else boundaries
    return lists


def _index(number: Any, size: int) -> int:
    if not isinstance(number, int) or not 0 <= number < size:
        raise IndexError(f"{number!r} is outside 0 … {size - 1}")
    return number


@dataclass(slots=True)
class Objects:
    """City objects of a batch, in the order of their rows."""

    ids: list[str]
    objects: list[CityObject]
    shapes: list[Shape] = field(default_factory=list)
    plain: dict[int, shapely.Geometry] = field(default_factory=dict)
    """Points and lines by row."""
    broken: dict[int, str] = field(default_factory=dict)
    """Why a row cannot be used."""

    def collect(
        self, row: int, vertices: np.ndarray[Any, Any], pool: tuple[int, int], shared: Shared
    ) -> None:
        """Take the geometries of one row, whose indices count from `pool` in `vertices`."""
        themes: list[str] = []
        for geometry in self.objects[row].get("geometry") or ():
            try:
                themes += geometry.pop("texture", ())
                if geometry["type"] in KINDS:
                    self.shapes.append(shared.shape(row, geometry, pool))
                else:
                    self._collect_other(row, geometry, vertices[pool[0] : sum(pool)], shared)
            except MALFORMED as error:
                self.broken[row] = f"unusable geometry: {type(error).__name__} {error}"
        if themes:
            named = list(dict.fromkeys(themes))
            self.objects[row].setdefault("attributes", {})["texture_themes"] = named

    def _collect_other(
        self, row: int, geometry: dict[str, Any], vertices: np.ndarray[Any, Any], shared: Shared
    ) -> None:
        if geometry["type"] == "GeometryInstance":
            self.shapes.append(shared.instance(row, geometry, vertices))
        else:
            boundaries = _lists(geometry["boundaries"])
            self.plain[row] = _plain(geometry["type"], boundaries, vertices)


def _plain(kind: str, boundaries: Any, vertices: np.ndarray[Any, Any]) -> shapely.Geometry:
    numbers = boundaries if kind == "MultiPoint" else list(chain(*boundaries))
    for number in numbers:
        _index(number, len(vertices))
    if kind == "MultiPoint":
        points = vertices[numbers]
        return shapely.Point(points[0]) if len(numbers) == 1 else shapely.MultiPoint(points)
    if kind != "MultiLineString":
        raise ValueError(f"no such type {kind!r}")
    lines = [shapely.LineString(vertices[line]) for line in boundaries]
    return lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)


def families(objects: Mapping[str, CityObject]) -> Iterator[list[str]]:
    """Ids, parents with all below them, so that a family is never divided between batches."""
    seen: set[str] = set()
    for root, each in objects.items():
        if each.get("parents") or root in seen:
            continue
        family, waiting = [], [root]
        while waiting:
            name = waiting.pop()
            if name in seen or name not in objects:
                continue
            seen.add(name)
            family.append(name)
            waiting.extend(objects[name].get("children") or ())
        yield family
    for name in objects:  # children whose parent does not know them, or is missing
        if name not in seen:
            yield [name]


def table(
    rows: Objects, bodies: Bodies, rename: Mapping[str, str], defaults: Mapping[str, Any]
) -> pd.DataFrame:
    """One row per object, with the columns of the data dictionary that are known.

    `rename` leads from attributes to columns, `defaults` fill what an object does not say.
    """
    count = len(rows.ids)
    columns: dict[str, list[Any]] = {"class": [], "parent_id": [], "attributes": []}
    known: dict[str, list[Any]] = {
        name: [None] * count for name in sorted({*rename.values(), *defaults})
    }
    own = [_is_own(each) for each in rows.objects]
    for row, (each, is_own) in enumerate(zip(rows.objects, own, strict=True)):
        columns["class"].append(_class_of(each, is_own=is_own))
        parents = each.get("parents")
        columns["parent_id"].append(parents[0] if parents else None)
        columns["attributes"].append(_attributes(each, row, rename, known, is_own=is_own))
    for name, value in defaults.items():
        known[name] = [value if each is None else each for each in known[name]]
    columns["class"] = known.pop("class", columns["class"])
    _heights(rows, bodies, columns["class"], known, np.array(own, bool))
    data = {"object_id": rows.ids} | columns | {"lod": bodies.lods} | known
    frame = pd.DataFrame({name: _series(name, each) for name, each in data.items()})
    frame["geometry"] = pd.Series(_geometries(rows, bodies, own), dtype=object)
    return frame


def _is_own(each: CityObject) -> bool:
    given = each.get("attributes")
    return isinstance(given, dict) and bool(own_names(given))


def _class_of(each: CityObject, *, is_own: bool) -> str:
    """By its type; by the attribute that our exports add where no type says the class."""
    if is_own and each["attributes"].get("class") in CLASSES:
        return str(each["attributes"]["class"])
    return CLASS_OF.get(each["type"], "GenericOccupiedSpace")


def _series(name: str, column: list[Any]) -> pd.Series:
    if name in _NUMBERS:
        return pd.Series(np.array(column, np.float64))
    return pd.Series(np.fromiter(column, object, len(column)), dtype=object)


def _attributes(
    each: CityObject,
    row: int,
    rename: Mapping[str, str],
    known: Mapping[str, list[Any]],
    *,
    is_own: bool,
) -> dict[str, Any]:
    given = each.get("attributes")
    attributes: dict[str, Any] = given if isinstance(given, dict) else {}
    for name in [each for each in rename if each in attributes]:  # the first counts most
        column = rename[name]
        value = _converted(column, attributes[name])
        if value is not None and known[column][row] is None:
            known[column][row] = value
            if str(value) == str(attributes[name]) or column in _NUMBERS:
                del attributes[name]
    if is_own:
        attributes = unstamped(attributes)
        attributes.pop("class", None)
    elif each["type"] not in CLASSES:
        attributes["cityjson_type"] = each["type"]
    for name in each:
        if name not in _OWN_KEYS:
            attributes[name] = each[name]
    return attributes


def _converted(column: str, value: Any) -> Any:
    if value is None or isinstance(value, dict | bool):
        return None
    if isinstance(value, list):
        value = "; ".join(str(each) for each in value)
    if column in _NUMBERS and isinstance(value, int | float):
        return float(value) if np.isfinite(value) else None
    return _understood(column, str(value)) if value != "" else None


@lru_cache(maxsize=65_536)
def _understood(column: str, text: str) -> Any:
    """What `text` means in that column; None if nothing."""
    convert = _CONVERT.get(column, values.number if column in _NUMBERS else str)
    try:
        return convert(text)
    except NotUnderstoodError:
        return None


def _heights(
    rows: Objects,
    bodies: Bodies,
    classes: Sequence[str],
    known: dict[str, list[Any]],
    own: np.ndarray[Any, Any],
) -> None:
    """Fill ``height`` and ``ground_height`` from the surfaces, a parent's from its parts'.

    Objects of our `own` exports say all that is known of them.
    """
    at = {name: row for row, name in enumerate(rows.ids)}
    low, high = bodies.low.copy(), bodies.high.copy()
    for row, parent in _parts_of(rows, at):
        if not bodies.lods[parent] or bodies.lods[parent] == "0":
            low[parent] = np.nanmin([bodies.low[row], low[parent]], initial=np.inf)
            high[parent] = np.nanmax([bodies.high[row], high[parent]], initial=-np.inf)
    low[own], high[own] = np.nan, np.nan
    tall = [name not in _FLAT for name in classes]
    span = np.where(np.isfinite(high - low) & (high > low) & tall, high - low, np.nan)
    for name, found in (
        ("height", span),
        ("ground_height", np.where(np.isfinite(low), low, np.nan)),
    ):
        given = np.array(known.get(name, [None] * len(rows.ids)), np.float64)
        known[name] = np.where(np.isnan(given), found, given).tolist()


def _parts_of(rows: Objects, at: Mapping[str, int]) -> Iterable[tuple[int, int]]:
    for row, each in enumerate(rows.objects):
        if each["type"] in PARTS and each.get("parents"):
            parent = at.get(each["parents"][0])
            if parent is not None:
                yield row, parent


def _geometries(rows: Objects, bodies: Bodies, own: Sequence[bool]) -> np.ndarray[Any, Any]:
    """Footprints; a parent without surfaces has what its parts cover together.

    Not so in our `own` exports, where a parent without a place has none.
    """
    found = bodies.footprints.copy()
    at = {name: row for row, name in enumerate(rows.ids)}
    together: dict[int, list[shapely.Geometry]] = {}
    for row, parent in _parts_of(rows, at):
        if found[row] is not None and bodies.footprints[parent] is None and not own[parent]:
            together.setdefault(parent, []).append(found[row])
    for parent, parts in together.items():
        found[parent] = parts[0] if len(parts) == 1 else only_areas(shapely.union_all(parts))
    for row, geometry in rows.plain.items():
        if found[row] is None:
            found[row] = geometry
    return found


def rejected(rows: Objects, code: str, reasons: Mapping[int, str]) -> list[Rejection]:
    """One rejection for each row that has a reason."""
    return [
        Rejection(rows.ids[row], code, reason, repr(rows.objects[row])[:200])
        for row, reason in reasons.items()
    ]
