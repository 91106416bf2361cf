"""A delivery: which files make which data sets, as a TOML file beside them says."""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any

from cim.declare import did_you_mean
from cim.errors import CimError, ParamError, SourceError
from cim.model import Finding
from cim.schema import ACCESS_LEVELS, COVERAGE_KINDS, NETWORKS, city_class
from cim.series import instant
from ingest import values
from ingest.amend import anchor
from ingest.attributes import OWN_TARGETS, network_named
from ingest.encoding import canonical
from ingest.meanings import factor
from ingest.mojibake import repair
from ingest.normalise import HIGHEST
from ingest.reader import ReadOptions
from ingest.referencing import named
from ingest.series.times import zone

PROFILE = ".profile.toml"
"""How the names of mapping profiles end."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file on its way into one data set."""

    file: Path
    dataset: str
    options: ReadOptions = field(default_factory=ReadOptions)
    licence: str = ""
    title: str = ""
    notes: tuple[Finding, ...] = ()
    """What was found out before it is read, such as that a profile is used."""


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
        if file.name.lower().endswith(PROFILE) and len(files) > 1:
            continue  # it lies beside the file that it is for
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
    try:
        return options_from(given, where)
    except CimError as error:
        if not error.where.startswith(where):
            error.where = ": ".join(each for each in (where, error.where) if each)
        raise


def options_from(given: Any, where: str) -> ReadOptions:
    """What a table of a delivery or a profile says about a file.

    Raises
    ------
    SourceError
        If it says what is not known, or says it in another kind of value.
    CimError
        As `check_options`.
    """
    if not isinstance(given, dict):
        raise SourceError(f"{given!r} is no table", where=where, hint="key = value, line by line")
    kinds = {each.name: each.type for each in fields(ReadOptions)}
    _check_keys(given, kinds, where)
    for name, value in given.items():
        _check_kind(name, value, where)
    return check_options(replace(ReadOptions(), **given))


_TABLES = frozenset({"fields", "units"})


def _check_kind(name: str, value: Any, where: str) -> None:
    """Refuse a value that is not of the kind of its field of `ReadOptions`."""
    default = getattr(ReadOptions(), name)
    if name == "values":
        good = isinstance(value, dict) and all(_is_text_table(each) for each in value.values())
        hint = 'values = {function = {R = "residential"}}'
    elif name in _TABLES:
        good, hint = _is_text_table(value), f'{name} = {{E = "x"}}'
        if not good:
            raise SourceError(f"{name} is no table of texts", where=where, hint=hint)
    elif isinstance(default, bool):
        good, hint = isinstance(value, bool), f"{name} = true"
    elif isinstance(default, float):
        good = isinstance(value, int | float) and not isinstance(value, bool)
        hint = f"{name} = -12.5"
    else:
        good, hint = isinstance(value, str), f'{name} = "{value}"'
        if not good:
            raise SourceError(f"{name} = {value!r} is no text", where=where, hint=hint)
    if not good:
        raise SourceError(f"{name} = {value!r} cannot be meant", where=where, hint=hint)


def _is_text_table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


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
    if options.access and options.access not in ACCESS_LEVELS:
        hint = did_you_mean(options.access, ACCESS_LEVELS)
        raise ParamError(f"no level of access {options.access!r}", where="access", hint=hint)
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
    _check_new(options)
    _check_times(options)
    return replace(
        options,
        crs=crs_text(options.crs),
        network=network,
        valid_from=day,
        fields=dict(options.fields),
        units=dict(options.units),
        values={column: dict(each) for column, each in options.values.items()},
    )


def _check_times(options: ReadOptions) -> None:
    """Zone and start of time series that can be meant."""
    if options.time_zone:
        zone(options.time_zone)
    if options.start:
        instant(options.start, "start")


def crs_text(given: str) -> str:
    """A CRS as it can be kept: a local grid's file is replaced by what it defines."""
    return named(given) if given.lower().endswith(".toml") else given


def _check_new(options: ReadOptions) -> None:
    """Units, heights, places and columns that can be meant."""
    if options.length_unit:
        factor(options.length_unit, "length_unit")
    for name, unit in options.units.items():
        factor(unit, f"units: {name}")
    if not isfinite(options.height_offset) or abs(options.height_offset) > HIGHEST:
        hint = "metres to add, such as -12.4"
        raise ParamError(f"{options.height_offset} is no offset", where="height_offset", hint=hint)
    if options.anchor:
        anchor(options.anchor)
    if options.text_repair:
        repair(options.text_repair)
    for column in options.values:
        if column not in OWN_TARGETS:
            hint = did_you_mean(column, sorted(OWN_TARGETS))
            raise ParamError(f"no column {column!r}", where="values", hint=hint)
