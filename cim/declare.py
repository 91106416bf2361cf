"""One declaration, three faces: what a parameter and a catalogue are.

A typed function with ``Annotated[float, Param("Level of the water", "m", ge=0)]`` is the only
place where a parameter is stated; the shell option, the JSON Schema, the web form, the check
and the reference page come from it.
"""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from cim.errors import NotFoundError, ParamError

JSON_TYPES: Mapping[type, str] = {float: "number", int: "integer", bool: "boolean", str: "string"}

MISSING: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: its meaning, unit and limits; the rest is filled in from the signature."""

    help: str
    unit: str = ""
    ge: float | None = None
    le: float | None = None
    help_zh: str = ""
    name: str = ""
    kind: type = str
    choices: tuple[str, ...] = ()
    default: Any = field(default=MISSING)

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING

    def convert(self, value: object) -> Any:
        """`value`, text or JSON, as what the function takes.

        Raises
        ------
        ParamError
            If it is no such value, or outside the limits.

        """
        if value is None and not self.required:
            return self.default
        converted = self._typed(value)
        if self.choices and converted not in self.choices:
            raise self._error(f"{value!r} is none of {', '.join(self.choices)}")
        if isinstance(converted, float) and math.isnan(converted):
            raise self._error("a number is needed")
        if self.ge is not None and converted < self.ge:
            raise self._error(f"{value} is below {self.ge:g} {self.unit}".rstrip())
        if self.le is not None and converted > self.le:
            raise self._error(f"{value} is above {self.le:g} {self.unit}".rstrip())
        return converted

    def _typed(self, value: object) -> Any:
        if self.kind is bool:
            if isinstance(value, bool):
                return value
            text = str(value).lower()
            if text in {"true", "yes", "1", "false", "no", "0"}:
                return text in {"true", "yes", "1"}
            raise self._error(f"{value!r} is neither true nor false")
        if isinstance(value, bool) or (self.kind is str and not isinstance(value, str)):
            raise self._error(f"{value!r} is not {_ARTICLE[self.kind]}")
        try:
            return self.kind(value)  # type: ignore[call-arg]
        except (TypeError, ValueError):
            raise self._error(f"{value!r} is not {_ARTICLE[self.kind]}") from None

    def _error(self, problem: str) -> ParamError:
        return ParamError(problem, where=self.name, hint=self.help)

    def json_schema(self) -> dict[str, Any]:
        """The parameter as JSON Schema, as OGC API – Processes wants it."""
        schema: dict[str, Any] = {"type": JSON_TYPES[self.kind], "description": self.help}
        optional = {
            "minimum": self.ge,
            "maximum": self.le,
            "x-unit": self.unit or None,
            "enum": list(self.choices) or None,
            "default": None if self.required else self.default,
        }
        return schema | {key: value for key, value in optional.items() if value is not None}


_ARTICLE = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}


def parameters(function: Callable[..., Any]) -> tuple[Param, ...]:
    """Every parameter of `function` that is annotated with a `Param`, completed."""
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, argument in inspect.signature(function).parameters.items():
        hint = hints[name]
        if get_origin(hint) is not Annotated:
            continue
        base, param = get_args(hint)[:2]
        kind, choices = _kind(base)
        found.append(
            replace(param, name=name, kind=kind, choices=choices, default=argument.default)
        )
    return tuple(found)


def _kind(base: Any) -> tuple[type, tuple[str, ...]]:
    if get_origin(base) in {Union, UnionType}:
        base = next(each for each in get_args(base) if each is not NoneType)
    if get_origin(base) is Literal:
        return str, get_args(base)
    if base not in JSON_TYPES:
        raise ParamError(f"a parameter cannot be a {base}", hint="float, int, bool, str or Literal")
    return base, ()


@dataclass(frozen=True)
class Declared:
    """A function with a title; name, summary and parameters are derived, never stated twice."""

    function: Callable[..., Any]
    title: str
    title_zh: str = ""

    @property
    def name(self) -> str:
        """The function's name: shell command, process id and URL."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """The docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def params(self) -> tuple[Param, ...]:
        """The declared parameters."""
        return parameters(self.function)

    def parse(self, raw: Mapping[str, object]) -> dict[str, Any]:
        """Values for every parameter, defaults included, converted and checked.

        Raises
        ------
        ParamError
            If one is unknown, missing or out of range.

        """
        known = {param.name: param for param in self.params}
        for name in raw:
            if name not in known:
                raise ParamError(
                    f"no parameter {name!r}", where=self.name, hint=did_you_mean(name, known)
                )
        values = {}
        for name, param in known.items():
            if name not in raw and param.required:
                raise ParamError("a value is needed", where=name, hint=param.help)
            values[name] = param.convert(raw[name]) if name in raw else param.default
        return values


class Named(Protocol):
    """Anything a catalogue can hold."""

    @property
    def name(self) -> str:
        """Its unique name."""


T = TypeVar("T", bound=Named)


class Catalogue(Mapping[str, T], Generic[T]):
    """Things by name, in the order given; an unknown name says what it may have meant."""

    def __init__(self, what: str, entries: Iterable[T]) -> None:
        self.what = what
        self._entries = {each.name: each for each in entries}

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise NotFoundError(
                f"no {self.what} {name!r}", hint=did_you_mean(name, self._entries)
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest of the known names, or all of them if they are few."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names[:12])}" if names else "there are none"
