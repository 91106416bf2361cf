"""Time series to the city objects that the user names."""

from dataclasses import dataclass, field, replace

from cim.errors import ConflictError, NotFoundError, ParamError
from cim.model import Batch, Finding
from cim.series import Series
from cim.store import Store

EACH = "*"
"""Stands for the identifier by which the source itself names an object."""


@dataclass(slots=True)
class Attachment:
    """Hands series to objects that the city has already, instead of stations of their own."""

    store: Store
    named: str
    """``ID``, ``DATASET/ID`` or ``DATASET/*``; ``""`` leaves all as it is."""
    observations: int = 0
    """How many have passed."""
    _seen: set[str] = field(default_factory=set)
    _found: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def batch(self, batch: Batch) -> Batch:
        """The batch with its series where they belong, without the stations that they leave.

        Raises
        ------
        ParamError
            If the one object that is named is not there, or several are called so.
        """
        self._seen.update(each.datastream.datastream_id for each in batch.series)
        self.observations += sum(map(len, batch.series))
        if not self.named or not batch.series:
            return batch
        series = tuple(map(self._attached, batch.series))
        ids = batch.objects["object_id"]
        stay = ids.map(lambda each: self._owner(each) is None).astype(bool)
        return replace(batch, objects=batch.objects[stay].reset_index(drop=True), series=series)

    @property
    def datastreams(self) -> int:
        """How many have passed."""
        return len(self._seen)

    def findings(self) -> list[Finding]:
        """That objects which the source names are not there."""
        missing = [name for name, owner in self._found.items() if owner is None]
        if not missing:
            return []
        shown = ", ".join(missing[:5])
        message = f"{len(missing)} stations are no objects of {self.named[:-2]}, such as {shown}"
        hint = "they are kept as places of their own"
        return [Finding("warning", "object_unknown", message, hint)]

    def _attached(self, series: Series) -> Series:
        owner = self._owner(series.datastream.object_id)
        if owner is None:
            return series
        dataset, object_id = owner
        return series.of(object_id, dataset)

    def _owner(self, station: str) -> tuple[str, str] | None:
        """(data set, identifier) of the object to which the series of a station belong."""
        each = self.named.endswith(f"/{EACH}")
        key = station if each else ""
        if key not in self._found:
            name = f"{self.named[: -len(EACH)]}{station}" if each else self.named
            try:
                row = self.store.describe(self.store.find(name))
                self._found[key] = (row["dataset"], row["object_id"])
            except (NotFoundError, ConflictError) as error:
                if not each:
                    raise ParamError(error.problem, where="object", hint=error.hint) from error
                self._found[key] = None
        return self._found[key]
