"""The doctor in a child process: what makes a reader crash is a finding too."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cim.errors import SourceError
from cim.model import Finding
from ingest.doctor import examine
from ingest.isolation import Limits, never, run_apart
from ingest.reader import ReadOptions
from ingest.report import Follow, Progress


@dataclass(frozen=True, slots=True)
class ExamineWork:
    """A file to be examined in a process of its own."""

    path: Path
    options: ReadOptions

    @property
    def where(self) -> str:
        """The file."""
        return self.path.name

    def __call__(self, follow: Follow) -> dict[str, Any]:
        """The doctor's report."""
        follow(Progress(self.path.name, "examining", 0, None))
        return examine(self.path, self.options)


def examine_apart(
    path: Path,
    options: ReadOptions | None = None,
    *,
    limits: Limits | None = None,
    cancelled: Callable[[], bool] = never,
) -> dict[str, Any]:
    """What `ingest.doctor.examine` says of a file, found out in a child process.

    A file at which the reader crashes, hangs or takes too much memory has that as its finding.

    Raises
    ------
    CancelledError
        If `cancelled` says so.
    """
    work = ExamineWork(path, options or ReadOptions())
    try:
        found: dict[str, Any] = run_apart(work, limits=limits, cancelled=cancelled)
    except SourceError as error:
        report = examine(path, readers=())
        finding = Finding("error", "reader_crashed", error.problem, error.hint)
        return report | {"findings": [asdict(finding)], "loadable": False}
    return found
