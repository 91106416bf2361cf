"""Makes the sample city: a delivery of files, or a benchmark city of any size.

python data/make_city.py OUT [--seed 1]
python data/make_city.py OUT --buildings 1000000 [--change 0.05]
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from kaifeng.bench import write_benchmark
from kaifeng.delivery import deliver


def make(out: Path, seed: int = 1) -> dict[str, Any]:
    """Write the sample city into the folder `out`; the totals that a right loader must find."""
    return deliver(Path(out), seed)


def make_benchmark(out: Path, count: int, seed: int = 1, change: float = 0.0) -> dict[str, Any]:
    """Write `count` buildings into `out`, and with `change` a later state into ``out/changed``.

    The totals of the first delivery, and under ``changed`` those of the second.
    """
    found = write_benchmark(Path(out), count, seed)
    if change:
        found["changed"] = write_benchmark(Path(out) / "changed", count, seed, change)
    return found


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--buildings", type=int, default=0, help="make a benchmark city this big")
    parser.add_argument(
        "--change",
        type=float,
        default=0.0,
        help="also write a second delivery with this share of changed buildings",
    )
    options = parser.parse_args()
    if options.buildings:
        found = make_benchmark(options.out, options.buildings, options.seed, options.change)
    else:
        found = make(options.out, options.seed)
    print(f"{options.out}: {', '.join(sorted(found))}; see expected.json")


if __name__ == "__main__":
    main()
