"""What is being done with uploads: one after the other, followed, cancelled, remembered.

A job is a JSON file below the city's folder; what was at work when the server ended is found
interrupted when it starts again.
"""

import logging
import os
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from cim.errors import CimError, ConflictError, NotFoundError
from ingest.isolation import UNLIMITED, CancelledError, Interpreter, described, run_apart
from ingest.report import Progress
from webapp.apart import UploadWork
from webapp.confinement import SETTINGS

LOG: Final = logging.getLogger(__name__)

KEPT: Final = 200
"""Jobs that are remembered."""

MOST_WAITING: Final = 50
EXAMINERS: Final = 2
"""Examinations at once; there is one load at a time, since a city has one writer."""

ENDED: Final = frozenset({"done", "failed", "cancelled", "interrupted"})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Job:
    """One thing done with an upload."""

    job: str
    kind: str
    upload: str
    files: list[str]
    state: str = "waiting"
    """``waiting``, ``running``, ``done``, ``failed``, ``cancelled`` or ``interrupted``."""
    progress: dict[str, Any] | None = None
    """``file``, ``stage``, ``done`` and ``total`` of what is at work."""
    created: str = field(default_factory=_now)
    started: str | None = None
    ended: str | None = None
    result: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    server: int = field(default_factory=os.getpid)


class Jobs:
    """The jobs of one city, and the threads that see to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "runs"
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._stopped: dict[str, threading.Event] = {}
        self._queues: dict[bool, queue.Queue[Callable[[], None]]] = {}
        self._read()

    def _read(self) -> None:
        found = [_job(each) for each in self._folder.glob("job-*.json")]
        for job in sorted((each for each in found if each), key=lambda each: each.created):
            self._jobs[job.job] = job
            if job.state not in ENDED and not _serves(job.server):
                job.state, job.progress, job.ended = "interrupted", None, _now()
                self._write(job)

    def start(self, work: UploadWork, upload: str, after: Callable[[Job], None]) -> Job:
        """Put `work` at the end of the queue; `after` hears when it is done.

        Raises
        ------
        ConflictError
            If too much is waiting, or something is being done with that upload.
        """
        names = [str(each.relative_to(work.folder)) for each in work.files]
        job = Job(secrets.token_hex(8), work.kind, upload, names)
        with self._lock:
            active = [each for each in self._jobs.values() if each.state not in ENDED]
            if any(each.upload == upload for each in active):
                hint = "wait for it, or cancel it"
                raise ConflictError("something is being done with it", where=upload, hint=hint)
            if len(active) >= MOST_WAITING:
                raise ConflictError("too many jobs are waiting", hint="try again later")
            self._jobs[job.job], self._stopped[job.job] = job, threading.Event()
        self._write(job)
        self._queue(work.kind != "examination").put(lambda: self._do(job, work, after))
        return job

    def _queue(self, writes: bool) -> "queue.Queue[Callable[[], None]]":
        """Where work of that sort waits; its threads end with the server."""
        with self._lock:
            if writes not in self._queues:
                waiting = self._queues[writes] = queue.Queue()
                for _ in range(1 if writes else EXAMINERS):
                    threading.Thread(target=_see_to, args=(waiting,), daemon=True).start()
            return self._queues[writes]

    def _do(self, job: Job, work: UploadWork, after: Callable[[Job], None]) -> None:
        stopped = self._stopped[job.job]
        if stopped.is_set():
            return
        job.state, job.started = "running", _now()
        self._write(job)

        def follow(progress: Progress) -> None:
            job.progress = asdict(progress)

        try:
            job.result = run_apart(
                work,
                limits=UNLIMITED,
                follow=follow,
                cancelled=stopped.is_set,
                interpreter=Interpreter(SETTINGS),
            )
            state = "done"
        except CancelledError:
            state = "cancelled"
        except CimError as error:
            job.error, state = described(error), "failed"
        except Exception:
            job.error, state = (
                described(CimError("a fault in the program; the log tells")),
                "failed",
            )
            raise
        finally:
            self._finish(job, state)
        after(job)

    def _finish(self, job: Job, state: str) -> None:
        ended = _now()
        self._write(replace(job, progress=None, ended=ended, state=state))
        job.progress, job.ended, job.state = None, ended, state
        self._prune()

    def cancel(self, name: str) -> Job:
        """Stop a job; what it had not committed is as if it had never begun."""
        job = self.find(name)
        with self._lock:
            stopped = self._stopped.get(name)
            waiting = job.state == "waiting"
        if stopped is not None:
            stopped.set()
        if waiting:
            self._finish(job, "cancelled")
        return job

    def find(self, name: str) -> Job:
        """The job of that name.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        with self._lock:
            if name not in self._jobs:
                raise NotFoundError("no such job", where=name[:40], hint="GET /api/jobs")
            return self._jobs[name]

    def all(self) -> list[Job]:
        """Every job that is remembered, the latest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda each: each.created, reverse=True)

    def _prune(self) -> None:
        for job in self.all()[KEPT:]:
            if job.state in ENDED:
                with self._lock:
                    self._jobs.pop(job.job, None)
                    self._stopped.pop(job.job, None)
                self._path(job).unlink(missing_ok=True)

    def _path(self, job: Job) -> Path:
        return self._folder / f"job-{job.job}.json"

    def _write(self, job: Job) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._path(job).with_suffix(".new")
        written.write_bytes(orjson.dumps(asdict(job), default=str))
        written.replace(self._path(job))


def _see_to(waiting: "queue.Queue[Callable[[], None]]") -> None:
    while True:
        do = waiting.get()
        try:
            do()
        except Exception:
            LOG.exception("a job failed")


def _serves(process: int) -> bool:
    """Whether another server, still at work, has that number."""
    return process != os.getpid() and Path(f"/proc/{process}").exists()


def _job(path: Path) -> Job | None:
    try:
        return Job(**orjson.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
