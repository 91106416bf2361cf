"""What the system knows of processes: how much memory they hold, and how they ended."""

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
HELD: Final = ("RssAnon:", "RssShmem:")
"""Memory that is not the pages of a file, which the system may drop at any time."""


def available_memory() -> int:
    """Bytes of memory that this machine, or the container around this process, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        return min(total, int(CGROUP.read_text("ascii")))
    return total


def resident(process: int) -> int:
    """Bytes that a process and all that it started hold; 0 for one that is gone."""
    return sum(_held(each) for each in [process, *_descendants(process)])


def _held(process: int) -> int:
    try:
        status = (PROC / str(process) / "status").read_text("ascii", "replace")
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith(HELD))
    return sum(int(words[1]) << 10 for words in lines)


def _descendants(process: int) -> list[int]:
    try:
        threads = list((PROC / str(process) / "task").iterdir())
        texts = [(each / "children").read_text("ascii") for each in threads]
    except OSError:
        return []
    children = [int(each) for text in texts for each in text.split()]
    return [*children, *(each for child in children for each in _descendants(child))]


def how_it_ended(status: int) -> str:
    """What a wait status says of a process that gave no result."""
    if not os.WIFSIGNALED(status):
        return f"the reader ended without a result (status {os.waitstatus_to_exitcode(status)})"
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return "the system killed the reader, most likely because memory ran out"
    names = {each.value: each.name for each in signal.Signals}
    return f"the reader crashed ({names.get(number, f'signal {number}')})"
