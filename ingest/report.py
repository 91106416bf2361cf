"""What is told of a load: how far it is, what became of each file, what was refused."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from cim.errors import CimError, InputError
from cim.model import Finding, Rejection


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is."""

    file: str
    stage: str
    """``reading`` or ``finishing``."""
    done: int
    total: int | None


Follow = Callable[[Progress], None]


@dataclass(slots=True)
class LoadReport:
    """What became of one file."""

    file: str
    dataset: str
    reader: str = ""
    load: int | None = None
    """None if nothing had to be changed, or it was a dry run."""
    read: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    ended: int = 0
    datastreams: int = 0
    """Time series that it brought."""
    observations: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    crs: str = ""
    crs_source: str = ""
    encoding: str = ""
    height_datum: str = ""
    length_unit: str = "m"
    findings: list[Finding] = field(default_factory=list)
    dry_run: bool = False
    names: dict[str, list[str]] = field(default_factory=dict)
    """``new``, ``changed``, ``ended`` → identifiers of the first such objects."""

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values; ``warnings`` are the findings as sentences."""
        plain = asdict(self)
        plain["warnings"] = [str(each) for each in self.findings if each.severity != "info"]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The report that `as_dict` gave."""
        told = {key: value for key, value in plain.items() if key != "warnings"}
        rejected = [Rejection(**each) for each in told.pop("rejected")]
        findings = [Finding(**each) for each in told.pop("findings")]
        return cls(**told, rejected=rejected, findings=findings)


class PartlyLoadedError(InputError):
    """Of several data sets some could not be loaded; the others were, and stay."""

    reports: Sequence[LoadReport] = ()
    """Of the data sets that were loaded."""
    failures: Mapping[str, CimError]
    """Data set → why it was not."""


def partly(reports: Sequence[LoadReport], failures: Mapping[str, CimError]) -> PartlyLoadedError:
    """The error that names every failure and says how many data sets were loaded."""
    loaded = {each.dataset for each in reports}
    total = len(loaded) + len(failures)
    told = "; ".join(str(each) for each in failures.values())
    error = PartlyLoadedError(f"{len(failures)} of {total} data sets were not loaded: {told}")
    error.reports, error.failures = tuple(reports), dict(failures)
    return error


def write_rejects(reports: Iterable[LoadReport], path: Path) -> None:
    """All that was rejected as CSV: file, object, code, reason, and how it began."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "object", "code", "reason", "raw"])
        for report in reports:
            for each in report.rejected:
                writer.writerow([report.file, each.object, each.code, each.reason, each.raw])
