"""CQL2 text as SQL: parsed by pygeofilter, values always bound, never pasted in.

Columns of the data dictionary are compared as such; any other name is an attribute of the
source. A comparison with an unknown value is not true, as in SQL.
"""

import logging
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import shapely
from pygeofilter import ast
from shapely.geometry import shape

from cim import geodesy
from cim.errors import InputError
from cim.schema import ACCESS_LEVELS, CLASSES, STATUSES
from cim.store.dialect import Dialect

Sql = tuple[str, list[Any]]

_PLAIN: Final = frozenset(
    {
        "object_id", "name", "parent_id", "function", "height", "ground_height", "lod",
        "storeys_above_ground", "storeys_below_ground", "valid_from", "valid_to",
        "cim_level", "version",
    }
)  # fmt: skip
_CODED: Final[dict[str, Callable[[str], int]]] = {
    "class": lambda word: CLASSES[word].code if word in CLASSES else -1,
    "status": lambda word: STATUSES.index(word) if word in STATUSES else -1,
    "access": lambda word: ACCESS_LEVELS.index(word) if word in ACCESS_LEVELS else -1,
}
_COMPARISONS: Final = {
    ast.Equal: "=",
    ast.NotEqual: "<>",
    ast.LessThan: "<",
    ast.LessEqual: "<=",
    ast.GreaterThan: ">",
    ast.GreaterEqual: ">=",
}


def _parsed(text: str) -> Any:
    """The tree of a filter."""
    from pygeofilter.parsers.cql2_text import parse  # noqa: PLC0415  builds a grammar: a second

    # the parser's module sets lark to DEBUG, which prints grammars on the user's screen
    logging.getLogger("lark").setLevel(logging.CRITICAL)
    try:
        return parse(text)
    except Exception as error:  # noqa: BLE001  the parser raises whatever its grammar does
        first = str(error).strip().splitlines()[0]
        raise InputError(
            f"not a filter: {first}",
            where=text,
            hint="CQL2 such as height > 20 AND function = 'residential'",
        ) from None


def compiled(text: str, db: Dialect, city_crs: str) -> Sql:
    """The condition that CQL2 `text` states, and its values.

    Raises
    ------
    InputError
        If the text is no CQL2, or says something that is not supported.

    """
    return _Compiler(text, db, city_crs).sql(_parsed(text))


class _Compiler:
    def __init__(self, text: str, db: Dialect, city_crs: str) -> None:
        self.text, self.db, self.city_crs = text, db, city_crs

    def sql(self, node: Any) -> Sql:
        """One node of the tree as SQL."""
        if isinstance(node, ast.And | ast.Or):
            return self._joined(node)
        if isinstance(node, ast.Not):
            inner, values = self.sql(node.sub_node)
            return f"NOT ({inner})", values
        if type(node) in _COMPARISONS:
            return self._comparison(node)
        handler = {
            ast.Like: self._like,
            ast.In: self._in,
            ast.Between: self._between,
            ast.IsNull: self._is_null,
            ast.GeometryIntersects: self._intersects,
            ast.BBox: self._bbox,
        }.get(type(node))
        if handler is None:
            raise self._error(f"{type(node).__name__} is not supported")
        return handler(node)

    def _error(self, problem: str) -> InputError:
        return InputError(
            problem,
            where=self.text,
            hint="AND OR NOT, = <> < <= > >=, LIKE, IN, BETWEEN, IS NULL, S_INTERSECTS",
        )

    def _joined(self, node: Any) -> Sql:
        left, left_values = self.sql(node.lhs)
        right, right_values = self.sql(node.rhs)
        word = "AND" if isinstance(node, ast.And) else "OR"
        return f"({left} {word} {right})", left_values + right_values

    def _column(self, node: Any, example: Any) -> Sql:
        """SQL for an attribute, as a number where it is compared with one."""
        if not isinstance(node, ast.Attribute):
            raise self._error("a name must stand on the left")
        if node.name in _PLAIN or node.name in _CODED:
            return node.name, []
        number = isinstance(example, int | float) and not isinstance(example, bool)
        return self.db.json_number(node.name) if number else self.db.json_text(node.name)

    def _value(self, node: Any, value: Any) -> Any:
        if isinstance(value, ast.Attribute) or type(value) in _COMPARISONS:
            raise self._error("a value must stand on the right")
        name = getattr(node, "name", "")
        if name in _CODED:
            return _CODED[name](str(value))
        if isinstance(value, date | datetime):
            return value.isoformat()
        return str(value).lower() if isinstance(value, bool) else value

    def _comparison(self, node: Any) -> Sql:
        column, values = self._column(node.lhs, node.rhs)
        return (
            f"{column} {_COMPARISONS[type(node)]} ?",
            [*values, self._value(node.lhs, node.rhs)],
        )

    def _like(self, node: Any) -> Sql:
        column, values = self._column(node.lhs, node.pattern)
        word = "NOT LIKE" if node.not_ else "LIKE"
        if node.nocase:
            return f"lower({column}) {word} lower(?)", [*values, node.pattern]
        return f"{column} {word} ?", [*values, node.pattern]

    def _in(self, node: Any) -> Sql:
        column, values = self._column(node.lhs, node.sub_nodes[0])
        marks = ", ".join("?" * len(node.sub_nodes))
        given = [self._value(node.lhs, each) for each in node.sub_nodes]
        return f"{column} {'NOT IN' if node.not_ else 'IN'} ({marks})", values + given

    def _between(self, node: Any) -> Sql:
        column, values = self._column(node.lhs, node.low)
        word = "NOT BETWEEN" if node.not_ else "BETWEEN"
        ends = [self._value(node.lhs, each) for each in (node.low, node.high)]
        return f"{column} {word} ? AND ?", values + ends

    def _is_null(self, node: Any) -> Sql:
        column, values = self._column(node.lhs, "")
        return f"{column} IS {'NOT NULL' if node.not_ else 'NULL'}", values

    def _bbox(self, node: Any) -> Sql:
        return self._box((node.minx, node.miny, node.maxx, node.maxy))

    def _intersects(self, node: Any) -> Sql:
        """By bounding box in SQL; the exact test follows on the rows (`exact`)."""
        return self._box(shape(node.rhs.geometry).bounds)

    def _box(self, degrees: tuple[float, float, float, float]) -> Sql:
        bounds = geodesy.bounds_between(geodesy.WGS84, self.city_crs, degrees)
        return self.db.in_box("city_object", bounds, ())


def exact(text: str, city_crs: str) -> Any | None:
    """The polygon of an S_INTERSECTS that the whole filter requires, in the city's CRS."""
    found = _required_geometry(_parsed(text))
    if found is None:
        return None
    given = shape(found)
    placed = shapely.get_coordinates(given)
    x, y = geodesy.transform(geodesy.WGS84, city_crs, placed[:, 0], placed[:, 1])
    return shapely.set_coordinates(given, np.column_stack([x, y]))


def _required_geometry(node: Any) -> Any | None:
    if isinstance(node, ast.GeometryIntersects):
        return node.rhs.geometry
    if isinstance(node, ast.And):
        return _required_geometry(node.lhs) or _required_geometry(node.rhs)
    return None
