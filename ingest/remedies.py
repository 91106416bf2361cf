"""The fixes that findings propose: what each does, which may be applied unasked, and applying."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any, Final

from cim.model import Finding
from ingest.previews import Preview, box
from ingest.reader import ReadOptions

UNAMBIGUOUS: Final = frozenset(
    {
        ("error", "crs_missing"),
        ("error", "crs_contradicted"),
        ("error", "axis_order"),
        ("error", "coordinate_unit"),
        ("error", "unit_contradicted"),
        ("warning", "crs_by_fit"),
        ("warning", "encoding_contradicted"),
        ("warning", "height_offset"),
        ("warning", "length_unit"),
        ("warning", "mojibake"),
        ("info", "codes_recognised"),
    }
)
"""Findings (severity, code) whose fix is the only one that makes sense; others are to be chosen."""

_TABLES: Final = frozenset({"fields", "units", "values"})


def is_sure(finding: Finding) -> bool:
    """Whether the fix of a finding may be applied unasked."""
    return bool(finding.fix) and (finding.severity, finding.code) in UNAMBIGUOUS


def with_fix(options: ReadOptions, fix: Mapping[str, Any]) -> ReadOptions:
    """`options` with a fix; what the user said stands above it."""
    usual = ReadOptions()
    changes: dict[str, Any] = {}
    for name, value in fix.items():
        own = getattr(options, name)
        if name in _TABLES:
            changes[name] = {**value, **own}
        elif own == getattr(usual, name):
            changes[name] = value
    return replace(options, **changes)


def said(options: ReadOptions) -> dict[str, Any]:
    """The options that say something, as plain values."""
    usual = asdict(ReadOptions())
    return {name: value for name, value in asdict(options).items() if value != usual[name]}


def fixes(findings: Iterable[Finding], preview: Preview, crs: str) -> list[dict[str, Any]]:
    """Every proposed fix as the doctor's report has it; `crs` is the source's as understood."""
    now = preview.placed(crs)
    before, told = box(now), []
    for finding in findings:
        if not finding.fix:
            continue
        then = now
        swap = bool(finding.fix.get("swap_axes"))
        if swap or "crs" in finding.fix:
            then = preview.placed(str(finding.fix.get("crs", crs)), swap=swap)
        told.append(
            {
                "code": finding.code,
                "title": title(finding.fix),
                "fix": dict(finding.fix),
                "sure": is_sure(finding),
                "before": before,
                "after": box(then),
                "preview": preview.geojson(then) if then is not now else None,
            }
        )
    return told


def title(fix: Mapping[str, Any]) -> str:
    """What a fix does, in a few words."""
    return "; ".join(_title(name, value) for name, value in fix.items())


_TITLES: Final = MappingProxyType(
    {
        "crs": "take it as {}",
        "swap_axes": "exchange x and y",
        "encoding": "read the text as {}",
        "text_repair": "undo the misreading of the text ({})",
        "length_unit": "take lengths as {}",
        "height_offset": "add {:+.2f} m to heights",
        "time_zone": "take times as {}",
        "height_datum": "take heights as above {}",
    }
)
"""Option → what setting it does."""


def _title(name: str, value: Any) -> str:
    if name in _TABLES:
        return ", ".join(f"{source} is {_named(each)}" for source, each in value.items())
    shown = value[:60] if isinstance(value, str) else value
    return _TITLES.get(name, f"set {name.replace('_', ' ')} to {{}}").format(shown)


def _named(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"as listed ({len(value)} codes)"
