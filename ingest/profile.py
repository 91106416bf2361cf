"""Mapping profiles: what a source's fields, codes, units and places mean, kept for the next time.

A profile is a TOML or YAML file whose keys are the fields of `ingest.reader.ReadOptions`. One that
lies beside a file under its name with ``.profile.toml`` behind it is used for it; what a data set
was loaded with is used again when a file of the same format comes under its name and the user
says nothing. What the user says stands above the profile.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import tomli_w
import yaml

from cim.errors import NotFoundError, SourceError
from cim.model import Finding
from cim.store import Store
from ingest.delivery import PROFILE, options_from
from ingest.reader import ReadOptions
from ingest.remedies import said, with_fix

_SUFFIXES: Final = (PROFILE, ".profile.yaml", ".profile.yml")
_ROUNDS: Final = 3
_OF_ONE_DELIVERY: Final = frozenset({"valid_from"})
"""Options that hold for one delivery and not for the next."""


def beside(path: Path) -> Path | None:
    """The profile that lies beside a file, or None."""
    found = (path.with_name(path.name + suffix) for suffix in _SUFFIXES)
    return next((each for each in found if each.is_file()), None)


def read_profile(path: Path) -> ReadOptions:
    """What the profile at `path` says.

    Raises
    ------
    SourceError
        If it cannot be read, or says what is not known.
    """
    hint = 'key = value, such as crs = "EPSG:4547"'
    try:
        text = path.read_text(encoding="utf-8")
        is_yaml = path.suffix.lower() in {".yaml", ".yml"}
        content = yaml.safe_load(text) if is_yaml else tomllib.loads(text)
    except OSError as error:
        raise SourceError(f"no profile: {error.strerror}", where=str(path)) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(f"not a profile: {reason}", where=path.name, hint=hint) from None
    return options_from(content or {}, path.name)


def merged(options: ReadOptions, known: ReadOptions) -> ReadOptions:
    """`options` on top of what is `known` otherwise."""
    return with_fix(options, said(known))


def profile_text(options: ReadOptions, about: str) -> str:
    """A profile as TOML; `about` names what it is for."""
    return f"# Mapping profile of {about}\n\n{tomli_w.dumps(said(options))}"


def write_profile(path: Path, options: ReadOptions, about: str) -> None:
    """Write a profile.

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    try:
        path.write_text(profile_text(options, about), encoding="utf-8")
    except OSError as error:
        hint = "name another file with --profile"
        raise SourceError(
            f"cannot write the profile: {error.strerror}", where=str(path), hint=hint
        ) from None


def stored(store: Store, dataset: str) -> tuple[ReadOptions, str]:
    """(options, reader) that a data set of a city was loaded with.

    Raises
    ------
    NotFoundError
        If there is no such data set.
    """
    entry = next((each for each in store.datasets() if each["dataset"] == dataset), None)
    if entry is None:
        raise NotFoundError(f"no data set {dataset!r}", hint="cim datasets lists them")
    kept = {
        name: value
        for name, value in entry.get("options", {}).items()
        if name not in _OF_ONE_DELIVERY and hasattr(ReadOptions(), name)
    }
    return options_from(kept, dataset), str(entry.get("reader", ""))


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is to be taken for a file, and where that comes from."""

    options: ReadOptions
    source: str = ""
    """The profile's file, the data set, or ``""``."""
    findings: tuple[Finding, ...] = ()


def resolved(
    path: Path, options: ReadOptions, reader: str, store: Store | None = None, dataset: str = ""
) -> Resolved:
    """The options for a file: the user's, on top of its profile or its data set's.

    Raises
    ------
    SourceError
        If the profile beside the file cannot be understood.
    """
    found = beside(path)
    if found is not None:
        known = read_profile(found)
        told = f"the profile {found.name} lies beside the file and was used: {_named(known)}"
        note = Finding("info", "profile_used", told)
        return Resolved(merged(options, known), found.name, (note,))
    if store is None or not dataset or said(options):
        return Resolved(options)
    try:
        known, before = stored(store, dataset)
    except NotFoundError:
        return Resolved(options)
    if before != reader or not said(known):
        return Resolved(options)
    told = f"the data set {dataset} was loaded so before, and is again: {_named(known)}"
    note = Finding("info", "profile_reused", told, "say something else to change it")
    return Resolved(known, dataset, (note,))


def _named(options: ReadOptions) -> str:
    return ", ".join(
        name if isinstance(value, dict) else f"{name} {str(value)[:40]}"
        for name, value in said(options).items()
    )


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a file by its unambiguous fixes."""

    options: ReadOptions
    applied: tuple[Mapping[str, Any], ...]
    """The fixes, as the doctor's report has them."""
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    """The doctor's reports."""


def mend(look: Callable[[ReadOptions], dict[str, Any]], given: ReadOptions) -> Mended:
    """Applies every fix that is sure, and looks again, until nothing more is to be mended.

    `look` is the doctor; `given` is what the user said, which no fix changes. Fixes after which
    the file could no longer be loaded are not kept.
    """
    first = last = look(given)
    applied: list[Mapping[str, Any]] = []
    mended = options_from(first["options"], first["file"])
    for _ in range(_ROUNDS):
        fresh = [each for each in last["fixes"] if each["sure"]]
        changed = _with(mended, fresh, given)
        if changed == mended:
            break
        again = look(changed)
        if last["loadable"] and not again["loadable"]:
            break
        applied += [each for each in fresh if _with(mended, [each], given) != mended]
        mended, last = changed, again
    return Mended(mended, tuple(applied), first, last)


def _with(options: ReadOptions, fixes: list[Mapping[str, Any]], given: ReadOptions) -> ReadOptions:
    """`options` with fixes; of several for the same thing the first counts."""
    fresh = ReadOptions()
    for each in fixes:
        fresh = with_fix(fresh, each["fix"])
    changes = {
        name: value
        for name, value in said(fresh).items()
        if getattr(given, name) == getattr(ReadOptions(), name) or isinstance(value, dict)
    }
    tables = {
        name: {**getattr(options, name), **value}
        for name, value in changes.items()
        if isinstance(value, dict)
    }
    return replace(options, **(changes | tables))
