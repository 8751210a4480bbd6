"""The long run: python tests/fuzz/run.py --mutations 100000

Each finding is printed with the number of its case: --first NUMBER --mutations 1 runs it again.
"""

import argparse
import faulthandler
import importlib
import sys
from pathlib import Path

HANG = 300  # seconds for a case, with sanitizers too; then the process prints where it is, and ends
TOGETHER = 200  # cases between two lines


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
    parser.add_argument(
        "--jpeg", action="store_true", help="the same of JPEG streams, coded and before it"
    )
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    campaign = importlib.import_module("fuzz.campaign")
    differential = importlib.import_module("fuzz.differential")
    kinds = differential.JPEG_KINDS if arguments.jpeg else differential.KINDS
    differs = arguments.differential or arguments.jpeg
    if not differs:
        campaign.warm_up()  # which takes minutes with sanitizers
    end = arguments.first + arguments.mutations
    total = campaign.Counter()
    for first in range(arguments.first, end):
        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            if differs:
                total += differential.run(arguments.seed, first, 1, kinds)
            else:
                total += campaign.run(campaign.cases(arguments.seed, first, 1))
        except Exception as error:
            print(f"case {first}: {error!r}", flush=True)
            total["findings"] += 1
        if (first + 1) % TOGETHER == 0:
            print(first + 1, dict(total), flush=True)
    faulthandler.cancel_dump_traceback_later()
    print(f"{dict(total)}, at most {campaign.peak_memory() >> 20} MiB of memory")
    sys.exit(1 if total["findings"] else 0)


if __name__ == "__main__":
    main()
