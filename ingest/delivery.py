"""A delivery: which files make which data sets, as a TOML file beside them says."""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from cim.declare import did_you_mean
from cim.errors import CimError, ParamError, SourceError
from cim.schema import COVERAGE_KINDS, NETWORKS, city_class
from ingest import values
from ingest.attributes import network_named
from ingest.encoding import canonical
from ingest.reader import ReadOptions
from ingest.referencing import named


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
        If files are not there, all of which are named, or a delivery cannot be understood.
    ParamError
        If an option cannot be meant.
    """
    options = check_options(options)
    _refuse_missing([str(each) for each in files if not each.exists()])
    found: list[Item] = []
    for file in files:
        if file.suffix.lower() == ".toml":
            found += delivery(file)[1]
        else:
            _refuse_garbled(file.name)
            found.append(Item(file, name or dataset_name(file), options))
    return found


def _refuse_missing(names: Sequence[str], where: str = "") -> None:
    if not names:
        return
    if where:
        problem = f"{', '.join(names)}: not there"
        raise SourceError(problem, where=where, hint="paths count from the delivery's folder")
    raise SourceError("no such file", where=", ".join(names), hint="check the path")


def _refuse_garbled(name: str) -> None:
    """Refuse a name whose bytes are not UTF-8: no database and no driver takes it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = name.encode("utf-8", "surrogateescape")
        raise SourceError(
            "its name is not written in UTF-8",
            where=raw.decode("gb18030", "replace"),
            hint="rename it (convmv -f gbk -t utf8 does many at once)",
        ) from None


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
        hint = "a delivery is a UTF-8 text file with [[dataset]] tables"
        raise SourceError(f"not a delivery: {error}", where=file.name, hint=hint) from None
    _check_keys(content, {"city", "dataset"}, file.name)
    plan = CityPlan(**_texts(content.get("city", {}), CityPlan, file.name))
    listed = content.get("dataset", [])
    if not listed or not _is_list_of_tables(listed):
        raise SourceError("it lists no data set", where=file.name, hint="[[dataset]] file = …")
    found = [_item(entry, file) for entry in listed]
    folder = file.parent
    absent = [each.file for each in found if not each.file.exists()]
    _refuse_missing([str(each.relative_to(folder.resolve())) for each in absent], file.name)
    return plan, found


def _is_list_of_tables(listed: Any) -> bool:
    return isinstance(listed, list) and all(isinstance(each, dict) for each in listed)


def _item(entry: Mapping[str, Any], file: Path) -> Item:
    place = entry.get("file")
    if not isinstance(place, str) or not place:
        raise SourceError("a data set without `file`", where=file.name, hint='file = "roads.shp"')
    where = f"{file.name}: {place}"
    told = {key: value for key, value in entry.items() if key not in {"file", "options"}}
    told = _check_texts(told, {"name", "licence", "title"}, where)
    path = (file.parent / place).resolve()
    if not path.is_relative_to(file.parent.resolve()):
        raise SourceError(
            f"{place} leaves the delivery's folder", where=file.name, hint="copy it there"
        )
    options = _options(entry.get("options", {}), where)
    return Item(
        file=path,
        dataset=told.get("name") or dataset_name(path),
        options=options,
        licence=told.get("licence", ""),
        title=told.get("title", ""),
    )


def _options(given: Any, where: str) -> ReadOptions:
    mapped = given.get("fields", {}) if isinstance(given, dict) else {}
    if not isinstance(mapped, dict) or not all(isinstance(each, str) for each in mapped.values()):
        raise SourceError("fields is no table of texts", where=where, hint='E = "x"')
    if isinstance(given, dict):
        given = {key: value for key, value in given.items() if key != "fields"}
    options = replace(ReadOptions(), **_texts(given, ReadOptions, where), fields=mapped)
    try:
        return check_options(options)
    except CimError as error:
        error.where = ": ".join(each for each in (where, error.where) if each)
        raise


def _texts(given: Any, kind: type, where: str) -> dict[str, str]:
    return _check_texts(given, {each.name for each in fields(kind)}, where)


def _check_texts(given: Any, known: Collection[str], where: str) -> dict[str, str]:
    """`given`, if it is a table of texts under known names."""
    if not isinstance(given, dict):
        raise SourceError(f"{given!r} is no table", where=where, hint="key = value, line by line")
    _check_keys(given, known, where)
    for name, value in given.items():
        if not isinstance(value, str):
            raise SourceError(
                f"{name} = {value!r} is no text", where=where, hint=f'{name} = "{value}"'
            )
    return given


def _check_keys(given: Iterable[str], known: Collection[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise SourceError(
                f"unknown key {name!r}", where=where, hint=did_you_mean(name, sorted(known))
            )


def check_options(options: ReadOptions) -> ReadOptions:
    """The same options, if they name what exists; a day is written as the store writes it.

    Raises
    ------
    SchemaError
        If the class is unknown.
    SourceError
        If the CRS is unknown.
    ParamError
        If the encoding, the network, the kind of raster or the day is.
    """
    if options.class_name:
        city_class(options.class_name)
    if options.crs:
        named(options.crs)
    if options.encoding and not canonical(options.encoding):
        raise ParamError(
            f"no encoding {options.encoding!r}", where="encoding", hint="such as UTF-8 or GB18030"
        )
    if options.kind and options.kind not in COVERAGE_KINDS:
        hint = did_you_mean(options.kind, COVERAGE_KINDS)
        raise ParamError(f"no kind of raster {options.kind!r}", where="kind", hint=hint)
    try:
        network = network_named(options.network) if options.network else ""
    except values.NotUnderstoodError:
        hint = did_you_mean(options.network, NETWORKS)
        raise ParamError(f"no network {options.network!r}", where="network", hint=hint) from None
    try:
        day = values.day(options.valid_from) if options.valid_from else ""
    except values.NotUnderstoodError:
        raise ParamError(
            f"{options.valid_from!r} is no day", where="valid_from", hint="such as 2024-05-31"
        ) from None
    return replace(options, network=network, valid_from=day, fields=dict(options.fields))
