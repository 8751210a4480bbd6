"""The long run: python tests/fuzz/run.py --mutations 100000

Each finding is printed with the number of its case: --first NUMBER --mutations 1 runs it again.
"""

import argparse
import faulthandler
import importlib
import sys
from pathlib import Path

TOGETHER = 200  # cases
HANG = 300  # seconds for them, with sanitizers too; then the process prints where it is, and ends


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Mutate small archives and model files, and read them in every way."
    )
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument(
        "--differential", action="store_true", help="compare with the second decoder"
    )
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    campaign = importlib.import_module("fuzz.campaign")
    differential = importlib.import_module("fuzz.differential")
    end = arguments.first + arguments.mutations
    total = campaign.Counter()
    for first in range(arguments.first, end, TOGETHER):
        faulthandler.dump_traceback_later(HANG, exit=True)
        count = min(TOGETHER, end - first)
        if arguments.differential:
            total += differential.run(arguments.seed, first, count)
        else:
            total += campaign.run(campaign.cases(arguments.seed, first, count))
        print(first, dict(total), flush=True)
    faulthandler.cancel_dump_traceback_later()
    print(f"at most {campaign.peak_memory() >> 20} MiB of memory")


if __name__ == "__main__":
    main()
