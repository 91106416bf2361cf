"""Running native code that may crash, hang or eat all memory, without harm to this process."""

import contextlib
import faulthandler
import json
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cim.errors import SourceError

_OUT_OF_MEMORY = "MemoryError"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a child process may take, and how much memory on top of what it starts with."""

    seconds: float
    memory: int
    """Bytes."""


class ChildError(Exception):
    """The child did not finish; `stage` is what it was doing."""

    def __init__(self, problem: str, stage: str) -> None:
        super().__init__(problem)
        self.problem, self.stage = problem, stage


Report = Callable[[str], None]


class Job(Protocol):
    """Work for a child: can be pickled, calls `report` at each stage, leaves results in files."""

    def __call__(self, report: Report) -> None:
        """Do it."""


def run_limited(job: Job, limits: Limits, log: Path, *, fresh: bool = False) -> None:
    """`job` in a child process; what native code prints goes to `log`.

    The child is a fork, which starts in milliseconds with everything imported; where other
    threads run, whose locks a fork would freeze, it is a fresh interpreter, as it is if `fresh`.

    Raises
    ------
    SourceError
        The one that `job` raised.
    ChildError
        If it crashed, took too long or too much memory, or raised anything else.
    """
    reading, writing = os.pipe()
    start = _spawn if fresh or threading.active_count() > 1 else _fork
    child = start(job, limits, log, writing)
    os.close(writing)
    try:
        messages = _listen(reading, limits.seconds)
    finally:
        os.close(reading)
        status = _end(child)
    _judge(messages, status, limits)


def _fork(job: Job, limits: Limits, log: Path, pipe: int) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = obey(job, limits, log, pipe)
        finally:
            os._exit(status)
    return child


def _spawn(job: Job, limits: Limits, log: Path, pipe: int) -> int:
    task = log.with_suffix(".job")
    task.write_bytes(pickle.dumps((job, limits, log, pipe)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", __name__, str(task)], pass_fds=(pipe,), env=environment
    )
    process.returncode = 0  # it is waited for by its number, like a fork
    return process.pid


def obey(job: Job, limits: Limits, log: Path, pipe: int) -> int:
    """What the child does: limit itself, silence itself, do the job; 0 if that went well."""
    _limit(limits)
    with log.open("w", encoding="utf-8") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        sys.stdout = sys.stderr = output
        faulthandler.enable(output)
        return _do(job, pipe)


def _do(job: Job, pipe: int) -> int:
    def report(stage: str) -> None:
        _say(pipe, stage=stage)

    try:
        job(report)
    except SourceError as error:
        _say(pipe, problem=error.problem, where=error.where, hint=error.hint)
    except MemoryError:
        _say(pipe, failure=_OUT_OF_MEMORY)
    except BaseException as error:  # noqa: BLE001 - panics of native code are no Exceptions
        _say(pipe, failure=f"{type(error).__name__}: {error}")
    else:
        return 0
    return 1


def _limit(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + limits.memory
    seconds = int(limits.seconds) + 1
    for what, amount in (
        (resource.RLIMIT_AS, most),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        bounded = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(what, (bounded, hard))


def _say(pipe: int, **message: str) -> None:
    os.write(pipe, json.dumps(message).encode() + b"\n")


def _listen(pipe: int, seconds: float) -> list[dict[str, Any]]:
    """Messages until the child closes the pipe; the last is a failure if it did not in time."""
    end = time.monotonic() + seconds
    received = b""
    late = False
    while not late:
        ready, _, _ = select.select([pipe], [], [], max(end - time.monotonic(), 0))
        late = not ready
        part = os.read(pipe, 65_536) if ready else b""
        if ready and not part:
            break
        received += part
    messages = [json.loads(line) for line in received.splitlines() if line.endswith(b"}")]
    return [*messages, {"failure": f"took longer than {seconds:.0f} s"}] if late else messages


def _end(child: int) -> int:
    if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        _stop_unless_ending(child)
    return os.waitpid(child, 0)[1]


def _stop_unless_ending(child: int) -> None:
    for _ in range(20):  # the pipe closes a moment before the process is gone
        time.sleep(0.005)
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _judge(messages: list[dict[str, Any]], status: int, limits: Limits) -> None:
    stage = next((each["stage"] for each in reversed(messages) if "stage" in each), "")
    last = messages[-1] if messages else {}
    if "problem" in last:
        raise SourceError(last["problem"], where=last["where"], hint=last["hint"])
    failure = last.get("failure")
    if failure == _OUT_OF_MEMORY:
        raise ChildError(f"needs more than {limits.memory >> 20} MiB of memory", stage)
    if failure is not None:
        raise ChildError(failure, stage)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number in {signal.SIGXCPU, signal.SIGKILL}:
            raise ChildError(f"took longer than {limits.seconds:.0f} s", stage)
        raise ChildError(f"crashed with {signal.Signals(number).name}", stage)
    if status != 0:
        raise ChildError("ended without a result", stage)


if __name__ == "__main__":
    sys.exit(obey(*pickle.loads(Path(sys.argv[1]).read_bytes())))  # noqa: S301 - written by _spawn
