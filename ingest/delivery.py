"""A delivery: which files make which data sets, as a TOML file beside them says."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from cim import geodesy
from cim.errors import SourceError
from cim.schema import city_class
from ingest.reader import ReadOptions


@dataclass(frozen=True, slots=True)
class Item:
    """One file on its way into one data set."""

    file: Path
    dataset: str
    options: ReadOptions = field(default_factory=ReadOptions)
    licence: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class CityPlan:
    """The city that a delivery is for, as far as it says."""

    name: str = ""
    crs: str = ""
    height_datum: str = ""


def items(files: Sequence[Path], name: str, options: ReadOptions) -> list[Item]:
    """What to load: each file a data set of its own unless `name` says otherwise.

    A ``.toml`` file stands for the data sets it lists.

    Raises
    ------
    SourceError
        If a file is not there, or a delivery cannot be understood.
    """
    found: list[Item] = []
    for file in files:
        if not file.exists():
            raise SourceError("no such file", where=str(file), hint="check the path")
        if file.suffix.lower() == ".toml":
            found += delivery(file)[1]
        else:
            found.append(Item(file, name or dataset_name(file), options))
    return found


def dataset_name(file: Path) -> str:
    """The name a file gives its data set: its own, without any suffix."""
    stem = file.name
    while Path(stem).suffix and len(Path(stem).suffix) <= 9 and not Path(stem).suffix[1:].isdigit():
        stem = Path(stem).stem
    return stem or file.name


def delivery(file: Path) -> tuple[CityPlan, list[Item]]:
    """The city and the data sets that a delivery file lists.

    Raises
    ------
    SourceError
        If it is no TOML, misses something, or says what is not known.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"not a delivery: {error}", where=file.name) from None
    plan = CityPlan(**_known(content.get("city", {}), CityPlan, file))
    listed = content.get("dataset", [])
    if not listed:
        raise SourceError("it lists no data set", where=file.name, hint="[[dataset]] file = …")
    return plan, [_item(entry, file) for entry in listed]


def _item(entry: dict[str, Any], file: Path) -> Item:
    if "file" not in entry:
        raise SourceError("a data set without `file`", where=file.name)
    path = (file.parent / entry["file"]).resolve()
    if not path.is_relative_to(file.parent.resolve()):
        raise SourceError(
            f"{entry['file']} leaves the delivery's folder", where=file.name, hint="copy it there"
        )
    if not path.exists():
        raise SourceError(f"{entry['file']} is not there", where=file.name)
    options = ReadOptions(**_known(entry.get("options", {}), ReadOptions, file))
    return Item(
        file=path,
        dataset=entry.get("name") or dataset_name(path),
        options=replace(options, fields=dict(options.fields)),
        licence=entry.get("licence", ""),
        title=entry.get("title", ""),
    )


def _known(given: dict[str, Any], kind: type, file: Path) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    for name in given:
        if name not in names:
            raise SourceError(
                f"unknown key {name!r}", where=file.name, hint=f"one of {', '.join(sorted(names))}"
            )
    return given


def check_options(options: ReadOptions) -> None:
    """Refuse options that name what does not exist, before anything is read.

    Raises
    ------
    SchemaError
        If the class is unknown.
    SourceError
        If the CRS is unknown.
    """
    if options.class_name:
        city_class(options.class_name)
    if options.crs:
        geodesy.named_crs(options.crs)
