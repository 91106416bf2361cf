"""STEP physical files (ISO 10303-21), read as far as the meaning of an IFC file needs.

Geometry is left to the geometry kernels. Reading the rest here is several times cheaper than
asking a kernel attribute by attribute, keeps names that a kernel drops (raw non-ASCII bytes),
knows every schema, and sees what is damaged instead of skipping it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import chardet

_ENTITY = re.compile(rb"#(\d+)\s*=\s*([A-Za-z0-9_]+)\s*\(([^';]*+(?:'[^']*+'[^';]*+)*+);")
_COMMENT = re.compile(rb"'[^']*'|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:'((?:[^']|'')*)'|\#(\d+)|\.(\w+)\.|([-+]?\d[\d.]*(?:[eE][-+]?\d+)?)"
    r"|([A-Za-z]\w*)\s*(?=\()|([$*])|\"([0-9A-Fa-f]*)\"|([(),]))"
)
_ESCAPE = re.compile(
    r"\\X2\\([0-9A-Fa-f]*)\\X0\\|\\X4\\([0-9A-Fa-f]*)\\X0\\|\\X\\([0-9A-Fa-f]{2})"
    r"|\\S\\(.)|\\P([A-I])\\|\\\\"
)
SMALL = 100_000
"""Bytes of a file all of whose entities are kept, those of geometry included."""
_NOT_NEEDED = frozenset(
    {
        "IFCPOLYLOOP",
        "IFCFACE",
        "IFCFACEBOUND",
        "IFCFACEOUTERBOUND",
        "IFCFACESURFACE",
        "IFCADVANCEDFACE",
        "IFCORIENTEDEDGE",
        "IFCEDGECURVE",
        "IFCEDGELOOP",
        "IFCVERTEXPOINT",
        "IFCINDEXEDPOLYGONALFACE",
        "IFCCARTESIANPOINTLIST3D",
        "IFCCARTESIANPOINTLIST2D",
    }
)
_BETWEEN = re.compile(rb"(?:\s|ENDSEC\s*;|DATA\s*(?:\([^;]*\))?\s*;)*")
_PAGES = "ABCDEFGHI"  # \PA\ is ISO 8859-1 … \PI\ is ISO 8859-9


class Ref(int):
    """The number of another entity."""


class Enum(str):
    """An enumeration value, without its dots."""

    __slots__ = ()


class Typed(NamedTuple):
    """A value with its type, such as ``IFCLENGTHMEASURE(2.5)``."""

    type: str
    value: Any


class Damage(NamedTuple):
    """Text between two entities that is no entity."""

    after: int
    """Number of the last entity before it."""
    text: str


class StepFile:
    """The entities of a STEP file by number and by type; arguments are parsed when asked for."""

    def __init__(self, data: bytes, encoding: str = "") -> None:
        self.encoding = encoding or guess_encoding(data)
        self.damage: list[Damage] = []
        self.repeated = 0
        """Entities whose number another entity has already."""
        self._raw: dict[int, tuple[str, bytes]] = {}
        self._parsed: dict[int, tuple[Any, ...]] = {}
        self._of_type: dict[str, list[int]] = {}
        self._index(without_comments(data))

    def _index(self, data: bytes) -> None:
        names: dict[bytes, str] = {}
        dropped = _NOT_NEEDED if len(data) > SMALL else frozenset()
        start = max(data.find(b"DATA"), 0)
        end = data.find(b";", start) + 1
        number = 0
        for match in _ENTITY.finditer(data, end):
            begin = match.start()
            if begin - end > 2:
                self._notice(data, end, begin, number)
            end = match.end()
            key = match[2]
            name = names.get(key)
            if name is None:
                name = names[key] = key.decode("ascii").upper()
            number = int(match[1])
            if number in self._raw:
                self.repeated += 1
                continue
            self._raw[number] = (name, b"" if name in dropped else match[3])
            self._of_type.setdefault(name, []).append(number)
        closing = data.rfind(b"END-ISO-10303-21")
        self._notice(data, end, closing if closing > end else len(data), number)

    def _notice(self, data: bytes, begin: int, end: int, after: int) -> None:
        if not _BETWEEN.fullmatch(data, begin, end):
            text = data[begin:end].strip()[:200].decode("latin-1")
            self.damage.append(Damage(after, text))

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, number: object) -> bool:
        return number in self._raw

    @property
    def types(self) -> Iterator[str]:
        """Every type that occurs, in capitals."""
        return iter(self._of_type)

    def of_type(self, *types: str) -> Iterator[int]:
        """Numbers of the entities of exactly these types (capitals), in file order."""
        for each in types:
            yield from self._of_type.get(each, ())

    def type(self, number: Any) -> str:
        """Type of an entity in capitals; empty if there is none (a dangling reference)."""
        return self._raw[number][0] if number in self._raw else ""

    def raw(self, number: int) -> bytes:
        """Arguments as they stand in the file, for looking something up without parsing."""
        return self._raw[number][1] if number in self._raw else b""

    def args(self, number: Any) -> tuple[Any, ...]:
        """Arguments of an entity: text, numbers, `Ref`, `Enum`, `Typed`, tuples, None for $ and *.

        A dangling reference has no arguments.
        """
        found = self._parsed.get(number)
        if found is None:
            found = self._parsed[number] = self.parse(self.raw(number))
        return found

    def arg(self, number: Any, position: int) -> Any:
        """One argument of an entity; None where it has none."""
        values = self.args(number)
        return values[position] if position < len(values) else None

    def refs(self, number: Any, position: int) -> tuple[Ref, ...]:
        """The references in one argument, whether it is one or a list of them."""
        value = self.arg(number, position)
        if isinstance(value, Ref):
            return (value,)
        return tuple(each for each in value if isinstance(each, Ref)) if _is_list(value) else ()

    def parse(self, raw: bytes) -> tuple[Any, ...]:
        """Arguments from text that ends with the closing bracket of the entity."""
        stack: list[list[Any]] = [[]]
        types: list[str] = []
        pending = ""
        for match in _TOKEN.finditer(raw.decode(self.encoding, "replace")):
            kind, text = match.lastindex or 0, match[match.lastindex or 0]
            if kind == _TYPE:
                pending = text.upper()
            elif text == "(" and kind == _PUNCTUATION:
                stack.append([])
                types.append(pending)
                pending = ""
            elif text == ")" and kind == _PUNCTUATION:
                if len(stack) == 1:
                    break
                _close(stack, types.pop())
            elif kind != _PUNCTUATION:
                stack[-1].append(_VALUES[kind](text))
        while len(stack) > 1:
            _close(stack, types.pop())
        return tuple(stack[0])


def _close(stack: list[list[Any]], name: str) -> None:
    values = stack.pop()
    stack[-1].append(Typed(name, values[0] if values else None) if name else tuple(values))


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple) and not isinstance(value, Typed)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text) if text.count(".") < 2 else float("nan")


_LOGICAL = {"T": True, "F": False, "U": None}


def _enumeration(text: str) -> Any:
    return _LOGICAL[text] if text in _LOGICAL else Enum(text)


def decode(text: str) -> str:
    """A STEP string as text: doubled quotes and backslash escapes (X2, X4, X, S) resolved."""
    if "''" in text:
        text = text.replace("''", "'")
    if "\\" not in text:
        return text
    page = "A"
    result, end = [], 0
    for match in _ESCAPE.finditer(text):
        result.append(text[end : match.start()])
        end = match.end()
        if match[5]:
            page = match[5]
        else:
            result.append(_unescape(match, page))
    return "".join(result) + text[end:]


def _unescape(match: re.Match[str], page: str) -> str:
    wide, wider, byte, shifted = match[1], match[2], match[3], match[4]
    try:
        if wide is not None:
            return _without_nul(bytes.fromhex(wide).decode("utf-16-be", "replace"))
        if wider is not None:
            return _without_nul(bytes.fromhex(wider).decode("utf-32-be", "replace"))
    except ValueError:
        return "\N{REPLACEMENT CHARACTER}"
    if byte is not None:
        return _without_nul(chr(int(byte, 16)))
    if shifted is not None:
        code = (ord(shifted) + 128) & 0xFF
        return bytes([code]).decode(f"iso8859-{_PAGES.index(page) + 1}", "replace")
    return "\\"


def _without_nul(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # no PostgreSQL text can hold it


_TYPE, _PUNCTUATION = 5, 8
_VALUES: tuple[Callable[[str], Any], ...] = (
    lambda text: None,  # noqa: ARG005
    decode,
    Ref,
    _enumeration,
    _number,
    str,
    lambda text: None,  # noqa: ARG005
    str,
)


def without_comments(data: bytes) -> bytes:
    """The same text without ``/* … */``; quotes inside comments and comments inside text count."""
    if b"/*" not in data:
        return data
    return _COMMENT.sub(lambda match: match[0] if match[0][:1] == b"'" else b" ", data)


def guess_encoding(data: bytes) -> str:
    """Encoding of the raw bytes above 127, which the standard forbids and exporters write.

    Empty text cannot happen: plain files are ``ascii``, and what nobody recognises is GB 18030.
    """
    if data.isascii():
        return "ascii"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        lines = b"\n".join(line for line in data[:4_000_000].split(b"\n") if not line.isascii())
        found = str(chardet.detect(lines[:100_000])["encoding"] or "gb18030").lower()
        chinese = found.startswith(("gb", "hz", "ascii", "utf"))
        return "gb18030" if chinese else found
    return "utf-8"
