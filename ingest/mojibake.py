"""Text that was once read in the wrong encoding and saved so: found, and undone where it can be.

"ÄÏÃÅ" is 南门 in GBK read as Latin-1; "寮€灏" is 开封 in UTF-8 read as GBK. What was lost then
(``?``, U+FFFD, "锟斤拷") does not come back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cim.errors import ParamError
from cim.model import Finding
from ingest.encoding import canonical

_PAIRS: Final = (
    ("latin-1", "GB18030"),
    ("cp1252", "GB18030"),
    ("latin-1", "utf-8"),
    ("cp1252", "utf-8"),
    ("GB18030", "utf-8"),
    ("latin-1", "big5"),
)
"""(encoding it was read in, encoding it was in), the likeliest first."""

_LOST: Final = ("\N{REPLACEMENT CHARACTER}", "锟斤拷")
_LEAST: Final = 3
_SURE: Final = 0.9
_LOOKED_AT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Repair:
    """A wrong reading and how it is undone."""

    read_as: str
    true: str

    @property
    def name(self) -> str:
        """As `ReadOptions.text_repair` has it."""
        return f"{self.read_as}>{self.true}"

    def undone(self, text: str) -> str:
        """The text as it was before; itself where it was not misread."""
        if text.isascii():
            return text
        try:
            return text.encode(self.read_as).decode(self.true)
        except (UnicodeEncodeError, UnicodeDecodeError):
            return text

    def column(self, column: pa.Array) -> pa.Array:
        """A column of text as it was before; others as they are."""
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return column
        coded = pc.dictionary_encode(column)
        words = [
            None if each is None else self.undone(each) for each in coded.dictionary.to_pylist()
        ]
        dictionary = pa.array(words, column.type)
        return pa.DictionaryArray.from_arrays(coded.indices, dictionary).dictionary_decode()

    def table(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A table with the names and texts as they were before."""
        names = [self.undone(name) for name in batch.schema.names]
        if len(set(names)) != len(names):
            names = list(batch.schema.names)
        return pa.RecordBatch.from_arrays([self.column(each) for each in batch.columns], names)

    def frame(self, objects: pd.DataFrame) -> pd.DataFrame:
        """Objects with their texts as they were before, but for identifiers and classes."""
        texts = {
            name: objects[name].map(self._plain, na_action="ignore")
            for name in objects.columns
            if name not in {"object_id", "class", "geometry"}
            and objects[name].dtype.kind not in "biufcM"
        }
        return objects.assign(**texts)

    def _plain(self, value: object) -> object:
        match value:
            case str():
                return self.undone(value)
            case dict():
                return {key: self._plain(each) for key, each in value.items()}
            case _:
                return value


def repair(text: str) -> Repair:
    """The repair under a name such as ``latin-1>GB18030``.

    Raises
    ------
    ParamError
        If it names no two encodings.
    """
    read_as, sign, true = text.partition(">")
    if not sign or not canonical(read_as) or not canonical(true):
        hint = "such as latin-1>GB18030: read as the first, truly the second"
        raise ParamError(f"no repair {text!r}", where="text_repair", hint=hint)
    return Repair(canonical(read_as), canonical(true))


def diagnosis(texts: Iterable[str]) -> list[Finding]:
    """What to say of texts that were misread before they were saved."""
    strange = [each for each in texts if not each.isascii()][:_LOOKED_AT]
    found = []
    lost = [each for each in strange if any(sign in each for sign in _LOST)]
    if lost:
        message = f"{len(lost)} of {len(strange)} texts lost characters before they were saved"
        hint = "nothing here brings them back; get the file again"
        found.append(Finding("warning", "text_lost", message, hint, f"such as {lost[0][:40]!r}"))
    best = _likeliest(strange)
    if best is not None:
        example = next(each for each in strange if best.undone(each) != each)
        message = f"the text was {best.true}, was read as {best.read_as} and saved so"
        evidence = f"{example[:30]!r} should be {best.undone(example)[:30]!r}"
        fix = {"text_repair": best.name}
        found.append(Finding("warning", "mojibake", message, "have it undone", evidence, fix))
    return found


def _likeliest(texts: Sequence[str]) -> Repair | None:
    if len(texts) < _LEAST and sum(map(len, texts)) < 2 * _LEAST:
        return None
    for read_as, true in _PAIRS:
        candidate = Repair(canonical(read_as), canonical(true))
        undone = [candidate.undone(each) for each in texts]
        changed = [(old, new) for old, new in zip(texts, undone, strict=True) if old != new]
        if len(changed) >= _SURE * len(texts) and all(
            _better(old, new, candidate) for old, new in changed
        ):
            return candidate
    return None


def _better(old: str, new: str, candidate: Repair) -> bool:
    """Whether `new` is text where `old` was none."""
    wide = [char for char in new if char > "\x7f"]
    if candidate.true == "utf-8":
        return len(wide) < sum(char > "\x7f" for char in old) and new.isprintable()
    return bool(wide) and all(_usual(char) for char in wide)


def _usual(char: str) -> bool:
    """Whether it is a character of everyday Chinese: one of GB 2312, or punctuation."""
    try:
        raw = char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(raw) == 2 and (0xB0 <= raw[0] <= 0xD7 or 0xA1 <= raw[0] <= 0xA3)
