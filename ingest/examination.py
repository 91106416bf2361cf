"""The doctor in a child process: what makes a reader crash is a finding too."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cim.errors import SourceError
from cim.model import Finding
from cim.store import open_city
from ingest.doctor import examine
from ingest.isolation import Limits, never, run_apart
from ingest.reader import ReadOptions
from ingest.report import Follow, Progress


@dataclass(frozen=True, slots=True)
class ExamineWork:
    """A file to be examined in a process of its own."""

    path: Path
    options: ReadOptions
    city: str = ""
    """Location of the city it is for, if it is for one."""
    dataset: str = ""

    @property
    def where(self) -> str:
        """The file."""
        return self.path.name

    def __call__(self, follow: Follow) -> dict[str, Any]:
        """The doctor's report."""
        follow(Progress(self.path.name, "examining", 0, None))
        if not self.city:
            return examine(self.path, self.options)
        with open_city(self.city) as store:
            return examine(self.path, self.options, store=store, dataset=self.dataset)


def examine_apart(
    work: ExamineWork,
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
    try:
        found: dict[str, Any] = run_apart(work, limits=limits, cancelled=cancelled)
    except SourceError as error:
        report = examine(work.path, readers=())
        finding = Finding("error", "reader_crashed", error.problem, error.hint)
        return report | {"findings": [asdict(finding)], "loadable": False}
    return found
