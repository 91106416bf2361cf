"""What a load has done so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from cim.model import Rejection

NAMED: Final = 50
"""Objects of each kind that a load names; of the others it tells how many."""


@dataclass(slots=True)
class LoadCounts:
    """What a load has done so far."""

    new: int = 0
    changed: int = 0
    same: int = 0
    ended: int = 0
    nodes: int = 0
    """Network nodes written or ended; they are no objects, but the city changes with them."""
    datastreams: int = 0
    """Datastreams that are new, changed or ended; they are no objects either."""
    rejected: list[Rejection] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    """``new``, ``changed`` and ``ended`` → identifiers of the first such objects."""

    def note(self, what: str, ids: Iterable[str]) -> None:
        """Notes identifiers, as long as there is room."""
        self.names[what] = list(islice((*self.names.get(what, ()), *ids), NAMED))

    def taken(self) -> dict[str, list[str]]:
        """The identifiers noted since this was last asked."""
        noted, self.names = self.names, {}
        return {what: ids for what, ids in noted.items() if ids}

    @property
    def alters(self) -> bool:
        """Whether the city is another than before."""
        return bool(self.new or self.changed or self.ended or self.nodes or self.datastreams)
