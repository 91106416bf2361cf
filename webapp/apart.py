"""What is done with uploaded files, in a process that GDAL cannot lead elsewhere.

That process looks after others: every data set is read in a child of its own, with limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ingest.choice import DELIVERY, loadable
from ingest.delivery import Item, dataset_name, items
from ingest.examination import ExamineWork, examine_apart
from ingest.isolation import described
from ingest.load import load_apart
from ingest.one_dataset import Manner
from ingest.reader import ReadOptions
from ingest.report import Follow, LoadReport, PartlyLoadedError, Progress

KINDS = ("examination", "dry_run", "load")
"""What can be done with an upload."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user says of one file."""

    dataset: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)
    skip: bool = False
    """Whether it is not to be loaded."""


@dataclass(frozen=True, slots=True)
class UploadWork:
    """One thing to be done with the files of an upload."""

    kind: str
    location: str
    folder: Path
    files: tuple[Path, ...]
    """Everything that came, sidecars included."""
    asked: Mapping[str, Asked]
    """By the path of the file below the folder."""
    keep_absent: bool = False

    @property
    def where(self) -> str:
        """The files."""
        return ", ".join(each.name for each in self.files[:5])

    def __call__(self, follow: Follow) -> dict[str, Any]:
        """Do it; ``files`` of an examination, ``loads`` and ``failed`` of a load."""
        listed = self._items()
        if self.kind == "examination":
            return {"files": list(self._examined(listed, follow))}
        manner = Manner(self.kind == "dry_run", self.keep_absent, follow)
        try:
            reports: Sequence[LoadReport] = load_apart(self.location, listed, manner=manner)
        except PartlyLoadedError as error:
            failed = [{"dataset": name, **described(why)} for name, why in error.failures.items()]
            return {"loads": [each.as_dict() for each in error.reports], "failed": failed}
        return {"loads": [each.as_dict() for each in reports], "failed": []}

    def _items(self) -> list[Item]:
        """What is to be loaded, as the files or the user says."""
        found: list[Item] = []
        for path in loadable(self.files):
            if path.name == DELIVERY:
                found += items([path], "", ReadOptions())
                continue
            asked = self.asked.get(self._name(path), Asked())
            if not asked.skip:
                dataset = asked.dataset or dataset_name(path)
                found += items([path], dataset, asked.options)
        return found

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    def _examined(self, listed: Sequence[Item], follow: Follow) -> Any:
        for at, item in enumerate(listed):
            follow(Progress(item.file.name, "examining", at, len(listed)))
            work = ExamineWork(item.file, item.options, self.location, item.dataset)
            report = examine_apart(work)
            yield report | {
                "path": self._name(item.file),
                "dataset": item.dataset,
                "options": {key: value for key, value in asdict(item.options).items() if value},
            }
