"""Work on files that nobody vouches for, in a child process that may crash, hang or swell.

The child is a fork, which starts in milliseconds with everything imported; where other threads
run, whose locks a fork would freeze, it is a fresh interpreter. What comes back is JSON, line by
line: nothing that the child says can run here.
"""

import contextlib
import ctypes
import faulthandler
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

import orjson

from cim import errors
from cim.errors import CimError, ParamError, SourceError
from ingest.processes import available_memory, how_it_ended, resident
from ingest.report import Follow, Progress

TICK: Final = 0.1
"""Seconds between two looks at a child."""

GRACE: Final = 5.0
"""Seconds that a child has to take back what it was doing."""

FINISHING: Final = "finishing"
"""Stage in which only our own code is at work, however long it takes."""

SHARE: Final = 0.75
"""Part of this machine's memory that a child may have."""

MOST_SAID: Final = 1 << 30
"""Bytes of one message."""

_PARENT_DIES: Final = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
_JSON: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
_ADVICE: Final = (
    "the city is as it was; write the file anew with another program, or load its parts"
)


class CancelledError(CimError):
    """Someone told it to stop; nothing half-done was kept."""


def _given(name: str, default: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text or default)
    except ValueError:
        value = -1.0
    if value < 0:
        raise ParamError(f"{text!r} is no amount", where=name, hint="a number, such as 600")
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take before it is ended."""

    memory: float = field(default_factory=lambda: _given("CIM_READER_MEMORY_MB", 0) * 2**20)
    """Bytes held, with all that it starts; 0 stands for three quarters of this machine's."""
    silence: float = field(default_factory=lambda: _given("CIM_READER_SECONDS", 600))
    """Seconds of reading without any progress."""

    @property
    def most(self) -> float:
        """Bytes that it may hold."""
        return self.memory or SHARE * available_memory()


UNLIMITED: Final = Limits(float("inf"), float("inf"))
"""For a child that only looks after others."""


class Work(Protocol):
    """Something to do in a child: can be pickled; gives what can be written as JSON."""

    @property
    def where(self) -> str:
        """The file or files, for messages."""

    def __call__(self, follow: Follow) -> Any:
        """Do it; `follow` hears how far it is."""


def deaf(progress: Progress) -> None:
    """Nobody follows."""


def never() -> bool:
    """Nobody cancels."""
    return False


def run_apart(
    work: Work,
    *,
    limits: Limits | None = None,
    follow: Follow = deaf,
    cancelled: Callable[[], bool] = never,
    interpreter: "Interpreter | None" = None,
) -> Any:
    """What `work` gives, done in another process.

    `cancelled` is asked several times a second. The process is `interpreter`, if one is given.

    Raises
    ------
    CimError
        The one that `work` raised, with its problem, where and hint.
    SourceError
        If the child crashed, took too much memory or made no progress.
    CancelledError
        If `cancelled` said so.
    """
    limits = limits or Limits()
    if interpreter is None and not _alone():
        interpreter = Interpreter()
    number, reading, log = interpreter.begin(work) if interpreter else _fork(work)
    child = _Child(number, reading, log, work.where, limits)
    try:
        return child.listen(follow, cancelled)
    finally:
        child.end()
        os.close(reading)
        os.close(log)


def _alone() -> bool:
    """Whether no other thread holds locks that a fork would freeze."""
    return threading.active_count() == 1


def _fork(work: Work) -> tuple[int, int, int]:
    """The child, where it can be heard, and where what it prints goes."""
    reading, writing = os.pipe()
    log = os.memfd_create("log")
    parent, child = os.getpid(), os.fork()
    if child == 0:
        try:
            _obey(work, writing, log, parent)
        finally:
            os._exit(1)
    os.close(writing)
    return child, reading, log


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A fresh interpreter for one piece of work."""

    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that must be set before anything is imported."""

    def begin(self, work: Work) -> tuple[int, int, int]:
        """Start it: its number, where it can be heard, and where what it prints goes."""
        reading, writing = os.pipe()
        log = os.memfd_create("log")
        code = f"from {__name__} import begin; begin()"
        path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-c", code, str(writing), str(log), str(os.getpid())],
            stdin=subprocess.PIPE, pass_fds=(writing, log), process_group=0,
            env=os.environ | path | dict(self.settings),
        ) as process:  # fmt: skip
            process.returncode = 0  # it is waited for by its number, like a fork
            os.close(writing)
            assert process.stdin is not None  # noqa: S101  it was asked for
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(pickle.dumps(work))
        return process.pid, reading, log


def begin() -> None:
    """What a fresh interpreter does: the work that comes on its standard input."""
    pipe, log, parent = map(int, sys.argv[1:])
    work = pickle.load(sys.stdin.buffer)  # noqa: S301  our own parent wrote it
    _obey(work, pipe, log, parent)


def _obey(work: Work, pipe: int, log: int, parent: int) -> None:
    """Do the work, tell what it gave, and end."""
    try:
        _settle(log, parent)
        told = {"result": work(lambda progress: _say(pipe, {"progress": _parts(progress)}))}
    except CimError as error:
        told = {"error": described(error)}
    except MemoryError:
        lacking = SourceError("it needs more memory than there is", where=work.where)
        told = {"error": described(lacking)}
    except BaseException:  # noqa: BLE001  panics of native code are no Exceptions
        told = {"fault": traceback.format_exc()}
    with contextlib.suppress(BrokenPipeError):
        _say(pipe, told)
    os._exit(0)


def _parts(progress: Progress) -> list[Any]:
    return [progress.file, progress.stage, progress.done, progress.total]


def _say(pipe: int, message: Mapping[str, Any]) -> None:
    left = memoryview(orjson.dumps(message, default=str, option=_JSON))
    while left:
        left = left[os.write(pipe, left) :]


def _settle(log: int, parent: int) -> None:
    """A group of its own, silent, first to go when memory runs out, and never an orphan."""
    with contextlib.suppress(PermissionError):  # a spawned leader of a session
        os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    faulthandler.disable()  # the parent tells of a crash
    ctypes.CDLL(None).prctl(_PARENT_DIES, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise CancelledError("stopped")


def described(error: CimError) -> dict[str, str]:
    """An error as plain values: kind, problem, where, hint."""
    told = {name: str(getattr(error, name)) for name in ("problem", "where", "hint")}
    return {"kind": type(error).__name__, **told}


def rebuilt(told: Mapping[str, str]) -> CimError:
    """The error that `described` gave."""
    kind = getattr(errors, told["kind"], None)
    fits = isinstance(kind, type) and issubclass(kind, CimError)
    made: CimError = (kind if fits else SourceError)(  # type: ignore[misc]
        told["problem"], where=told["where"], hint=told["hint"]
    )
    return made


class _Child:
    """A process at work, seen from its parent."""

    def __init__(self, number: int, pipe: int, log: int, where: str, limits: Limits) -> None:
        self._number, self._pipe, self._log = number, pipe, log
        self._where, self._limits, self._most = where, limits, limits.most
        self._last = Progress("", "starting", 0, None)
        self._heard = self._looked = time.monotonic()
        self._told = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(number, number)

    def listen(self, follow: Follow, cancelled: Callable[[], bool]) -> Any:
        """What the child gives in the end."""
        for message in self._messages(cancelled):
            if "progress" in message:
                self._last = Progress(*message["progress"])
                follow(self._last)
                continue
            self._told = True
            if "error" in message:
                raise rebuilt(message["error"])
            if "fault" in message:
                raise RuntimeError(f"in a child process: {message['fault']}")
            return message["result"]
        raise self._refusal(how_it_ended(self._status()))

    def _messages(self, cancelled: Callable[[], bool]) -> Iterator[Any]:
        received = bytearray()
        while True:
            ready, _, _ = select.select([self._pipe], [], [], TICK)
            if ready:
                part = os.read(self._pipe, 1 << 20)
                if not part:
                    return
                self._heard = time.monotonic()
                received += part
                if b"\n" in part:
                    *lines, rest = received.split(b"\n")
                    received = bytearray(rest)
                    yield from map(orjson.loads, lines)
            if len(received) > MOST_SAID:
                raise self._refusal("the reader does not stop talking")
            self._look(cancelled)

    def _look(self, cancelled: Callable[[], bool]) -> None:
        """End what must not go on."""
        now = time.monotonic()
        if now - self._looked < TICK:
            return
        self._looked = now
        if cancelled():
            raise CancelledError("cancelled", where=self._where, hint="the city is as it was")
        held = resident(self._number)
        if held > self._most:
            self._signal(signal.SIGKILL)
            problem = f"reading it takes more than {self._most / 2**20:,.0f} MB of memory"
            raise SourceError(
                problem, where=self._where, hint="load its parts, or raise --reader-memory"
            )
        if now - self._heard > self._limits.silence and self._last.stage != FINISHING:
            raise self._refusal(f"the reader made no progress for {self._limits.silence:,.0f} s")

    def _refusal(self, problem: str) -> SourceError:
        after = f" after {self._last.done:,} objects" if self._last.done else ""
        said = os.pread(self._log, 4096, max(os.fstat(self._log).st_size - 4096, 0))
        *_, words = ["", *said.decode("utf-8", "replace").strip().splitlines()]
        told = f"; it said: {words.strip()[:200]}" if words else ""
        return SourceError(problem + after + told, where=self._where, hint=_ADVICE)

    def _status(self) -> int:
        """How it ended; it is waited for, but not forgotten yet."""
        found = os.waitid(os.P_PID, self._number, os.WEXITED | os.WNOWAIT)
        if found is None or found.si_code == os.CLD_EXITED:
            return (found.si_status if found else 0) << 8
        return found.si_status

    def end(self) -> None:
        """End it and all that it started, with time to take back what it was doing."""
        if not self._told:
            self._signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self._number, ended) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        self._signal(signal.SIGKILL)
        os.waitpid(self._number, 0)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._number, number)
