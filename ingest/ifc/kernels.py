"""Where the geometry kernels run: in a child process with limits, or here if nothing can happen."""

import os
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

from cim.errors import CimError, SourceError
from ingest.ifc.limits import ChildError, Limits, Report, run_limited
from ingest.ifc.shapes import FAST, THOROUGH, Shapes, Wanted, gather
from ingest.ifc.source import Model
from ingest.reader import refuse

_used_by: list[int] = []
"""The process that ran the fast kernel first, which a fork inherits without its threads."""


@dataclass(frozen=True, slots=True)
class MeshJob:
    """Meshes what is wanted of `model`; leaves the `Shapes`, pickled, in `result`."""

    model: Model
    wanted: Wanted
    result: Path
    skip: frozenset[str] = frozenset()
    """Stages that ended badly before."""

    def __call__(self, report: Report) -> None:
        """Do it; `report` hears of each stage."""
        shapes = gather(self.model, self.wanted, self.skip, self.result.parent, report)
        with self.result.open("wb") as stream:
            pickle.dump(shapes, stream, protocol=5)


def shapes_of(path: Path, model: Model, wanted: Wanted, work: Path, limits: Limits) -> Shapes:
    """Shapes of what is wanted of the model in `path`.

    A kernel that crashes or hangs is left out at the second try, and what it alone could mesh
    stays without shape.

    Raises
    ------
    SourceError
        If not even that succeeds.
    """
    if wanted.harmless and _used_by in ([], [os.getpid()]):
        found = _here(model, wanted, work)
        if found is not None:
            return found
    job = MeshJob(model, wanted, work / "shapes.pickle")
    for _ in (FAST, THOROUGH, ""):
        try:
            run_limited(job, limits, work / "kernel.log", fresh=bool(_used_by))
            break
        except ChildError as error:
            if error.stage not in {FAST, THOROUGH} - job.skip:
                raise _failed(path, error) from error
            job = replace(job, skip=job.skip | {error.stage})
            last = error
    else:
        raise _failed(path, last)
    with job.result.open("rb") as stream:
        shapes: Shapes = pickle.load(stream)  # noqa: S301 - written by our own child
    job.result.unlink()
    return shapes


def _here(model: Model, wanted: Wanted, work: Path) -> Shapes | None:
    """The same without a child, which costs more than a small model itself; None if it fails."""
    _used_by[:] = [os.getpid()]
    try:
        return gather(model, wanted, frozenset(), work, lambda stage: None)  # noqa: ARG005
    except (KeyboardInterrupt, SystemExit, MemoryError, CimError):
        raise
    except BaseException:  # noqa: BLE001 - panics of native code are no Exceptions
        return None


def _failed(path: Path, error: ChildError) -> SourceError:
    stage = f" while {error.stage}" if error.stage else ""
    return refuse(path, f"reading it {error.problem}{stage}", "repair or split the model")
