"""Runs the benchmarks, one after the other, each in a process of its own.

    python benchmarks/run.py [store] [tiles] …

Without names it runs all of them (about half an hour, several GB of disk). Each prints its ratios
to a peer that is measured in the same run on the same data, and its peak memory. The end is 1 if
one of them failed.
"""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def main(names: list[str]) -> int:
    """Run the named benchmarks; the number of those that failed, at most 1."""
    known = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    failed = []
    for name in names or known:
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        done = subprocess.run([sys.executable, str(known[name])], check=False)
        print(f"-- {name}: {time.monotonic() - start:.0f} s, rc {done.returncode}", flush=True)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
