"""Commands about files before they are loaded, and how they were: doctor, profile."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from cim.store import open_city
from ingest.delivery import PROFILE, dataset_name
from ingest.examination import ExamineWork, examine_apart
from ingest.profile import Mended, mend, profile_text, stored, write_profile
from ingest.reader import ReadOptions
from ingest.remedies import said
from webapp.cli.files import files_argument, read_options, reading_options
from webapp.cli.location import city_argument
from webapp.cli.output import Command, Refusal, emit, fields, say, table

SHOWN: Final = {
    "layers": ("name", "features", "geometry_type", "crs", "class", "class_reason", "id_field"),
    "fields": ("layer", "name", "type", "column", "confidence", "samples"),
    "coverages": ("name", "kind", "crs", "bounds"),
    "rejections": ("object", "code", "reason"),
    "faults": ("code", "count", "message"),
    "findings": ("severity", "code", "message", "evidence", "hint"),
    "fixes": ("code", "title", "sure", "before", "after"),
}
"""Lists of the report → the columns that are shown of each."""
_HIDDEN: Final = frozenset({"preview", "sample", "options"})


@click.command(
    cls=Command,
    examples=(
        "cim doctor buildings.shp",
        "cim doctor *.ifc --json",
        "cim doctor 房屋.shp --city Kaifeng.city --fix",
    ),
)
@files_argument
@click.option("--city", default="", metavar="CITY", help="Hold them against what is there.")
@click.option("--name", default="", help="Name of the data set that they would become.")
@click.option("--fix", is_flag=True, help="Mend what is unambiguous; keep it as a profile.")
@reading_options
def doctor(files: tuple[Path, ...], as_json: bool, **asked: Any) -> None:
    """Examine files before loading them.

    What each is, its coordinate system, encoding, units and height datum as understood, what it
    holds, what is wrong with it and how that is mended. With --city also whether it lies where
    the city's other data are (or is GCJ-02, in another zone …), at which height, and whether it
    is there already. Changes nothing; with --fix every unambiguous fix is written beside the file
    as FILE.profile.toml (or to --profile), which cim load uses. Ends with 1 if a file cannot be
    read.
    """
    city, name, fix = (asked.pop(each) for each in ("city", "name", "fix"))
    profile = asked["profile"]
    if fix and profile is not None and not profile.exists():
        asked["profile"] = None  # it is to be written
    options = read_options(asked)
    reports = []
    for path in files:
        ward = _Ward(path, city, name or dataset_name(path))
        reports.append(ward.mended(options, profile) if fix else ward.look(options))
        if not as_json:
            say([*diagnosis(reports[-1]), ""])
    if as_json:
        emit({"files": reports})
    refused = [_refused(each) for each in reports if not each["loadable"]]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise Refusal(refused[0] + more)


class _Ward:
    """A file in the doctor's care."""

    def __init__(self, path: Path, city: str, dataset: str) -> None:
        self.path, self.city, self.dataset = path, city, dataset

    def look(self, options: ReadOptions) -> dict[str, Any]:
        """The doctor's report."""
        return examine_apart(ExamineWork(self.path, options, self.city, self.dataset))

    def mended(self, options: ReadOptions, profile: Path | None) -> dict[str, Any]:
        """The report with the fixes applied; what they were, and where they were written."""
        found = mend(self.look, options)
        report = dict(found.after)
        report["mended"] = [
            {name: each[name] for name in ("code", "title", "before", "after")}
            for each in found.applied
        ]
        if found.applied:
            target = profile or self.path.with_name(self.path.name + PROFILE)
            write_profile(target, found.options, self.path.name)
            report["written"] = str(target)
        report["was"] = _summary(found)
        return report


def _summary(found: Mended) -> dict[str, Any]:
    before = found.before
    codes = [each["code"] for each in before["findings"] if each["severity"] != "info"]
    return {name: before[name] for name in ("crs", "encoding", "bbox_wgs84")} | {"troubles": codes}


def _refused(report: Mapping[str, Any]) -> str:
    """Why a file cannot be loaded, in one sentence."""
    first = next((each for each in report["findings"] if each["severity"] == "error"), None)
    if first is None:
        return f"{report['file']}: cannot be loaded"
    hint = f" ({first['hint']})" if first["hint"] else ""
    return f"{report['file']}: {first['message']}{hint}"


def diagnosis(report: Mapping[str, Any]) -> list[str]:
    """The report for people: plain facts first, then each list of things as a table of its own."""
    plain = {key: value for key, value in report.items() if not _rows(value) and key not in _HIDDEN}
    lines = fields(plain)
    for key, value in report.items():
        if _rows(value) and key not in _HIDDEN:
            columns = SHOWN.get(key) or tuple(dict.fromkeys(_names(value)))
            lines += ["", f"{key}:", *(f"  {line}" for line in table(value, columns))]
    return lines


def _names(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return (name for row in rows for name in row)


def _rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


@click.command(
    cls=Command,
    examples=("cim profile Kaifeng.city 房屋", "cim profile Kaifeng.city roads > roads.toml"),
)
@city_argument
@click.argument("dataset")
def profile(city: str, dataset: str, as_json: bool) -> None:
    """What a data set was loaded with, as a mapping profile.

    Fields, codes, units, class, coordinate system: what was said, and what a profile said. The
    same is used again when a file of the same format is loaded under that name.
    """
    with open_city(city) as store:
        options, reader = stored(store, dataset)
    if as_json:
        emit({"dataset": dataset, "reader": reader, "options": said(options)})
    else:
        say(profile_text(options, f"data set {dataset}").rstrip().split("\n"))
