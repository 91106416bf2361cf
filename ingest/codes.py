"""Code lists of Chinese standards: what a source's codes and words mean in the dictionary.

They are TOML files beside this module. A value is looked up as a code and as a name; what a list
does not know stays as it is and is counted.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from ingest.attributes import plain_name

LEAST_SHARE: Final = 0.7
"""Share of a field's values that a list must know to be proposed for it."""


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list."""

    name: str
    title: str
    source: str
    column: str
    """Column or attribute of the dictionary that its meanings are for."""
    fields: tuple[str, ...]
    """Names of fields that hold it, plain."""
    meanings: Mapping[str, str]
    """Code or name, plain → meaning."""
    titles: Mapping[str, str]
    """Code or name, plain → the name in the list."""

    def meaning(self, value: str) -> str:
        """What `value` means; ``""`` if the list does not know it."""
        return self.meanings.get(plain_code(value), "")

    def share(self, counts: Mapping[str, int]) -> float:
        """Share of the values, by how often each comes, that the list knows."""
        total = sum(counts.values())
        known = sum(count for value, count in counts.items() if self.meaning(value))
        return known / total if total else 0.0


def plain_code(value: str) -> str:
    """A code without case, blanks and the decimals that spreadsheets add."""
    return re.sub(r"\.0+$", "", value.strip()).upper()


@cache
def code_lists() -> tuple[CodeList, ...]:
    """Every list, in the order of their names."""
    folder = resources.files("ingest") / "code_lists"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".toml")), key=_name)
    return tuple(_read(each.name[:-5], tomllib.loads(each.read_text("utf-8"))) for each in files)


@cache
def code_list(name: str) -> CodeList:
    """The list called `name`, such as ``cjj61_kind``."""
    return next(each for each in code_lists() if each.name == name)


def _name(file: Any) -> str:
    return str(file.name)


def _read(name: str, content: Mapping[str, Any]) -> CodeList:
    meanings, titles = {}, {}
    for code, (meaning, title) in content["codes"].items():
        for word in (code, title):
            meanings[plain_code(word)] = meaning
            titles[plain_code(word)] = title
    return CodeList(
        name,
        content["title"],
        content["source"],
        content["column"],
        tuple(plain_name(each) for each in content["fields"]),
        meanings,
        titles,
    )


def list_for(
    field: str, counts: Mapping[str, int], column: str = "", classes: Iterable[str] = ()
) -> CodeList | None:
    """The list that the values of a field are in: named for it, or knowing most of them.

    `counts` are its values and how often each comes; `column` is what the field is mapped to, if
    it is; `classes` are those of the objects, which tell lists apart that know the same codes.
    """
    if not counts:
        return None
    own = plain_name(field)
    wanted = {"LandUse": "land_use", "Building": "building_use", "Road": "road_class"}
    hinted = {wanted[each] for each in classes if each in wanted}
    best: tuple[float, CodeList] | None = None
    for each in code_lists():
        named = own in each.fields
        if not named and not (column and each.column == column and each.name in hinted):
            continue
        share = each.share(counts)
        rank = share + (0.1 if each.name in hinted else 0.0)
        if share >= LEAST_SHARE and (best is None or rank > best[0]):
            best = rank, each
    return best[1] if best is not None else None
