"""Count the files of a folder that one bad sector costs without parity, for sizes of blocks.

    python benchmarks/damage.py FOLDER ...
    python benchmarks/damage.py FOLDER --elements 65536 262144 --model fast

For each size of blocks: the bytes of the archive, and how many files are lost if one sector of 4 kB
is, on average over all sectors and at worst. A sector in what describes all files, such as their
names, is counted apart: it loses their names, not their content.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import report

import bitsback
from bitsback.archive.container.damage import Owners
from bitsback.archive.reader import ArchiveReader
from bitsback.planner.policy import POLICIES, Effort

_SECTOR = 1 << 12


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument(
        "--elements", nargs="+", type=int, default=[1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 21],
        help="elements of a block, about",
    )  # fmt: skip
    parser.add_argument("--model", default="auto", choices=POLICIES, help="a policy")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for folder in options.folders:
        rows = [_row(folder, elements, options.model) for elements in options.elements]
        for row in rows:
            row["bytes_over_the_last"] = row["bytes"] / rows[-1]["bytes"]
        report(str(folder), rows, [], options.json)


def _row(folder: Path, elements: int, model: Effort) -> dict[str, Any]:
    POLICIES[model] = replace(POLICIES[model], folder_elements=elements)
    file = io.BytesIO()
    summary = bitsback.compress(folder, file, model=model)
    lost, apart = [], 0
    with ArchiveReader(file) as archive:
        owners = Owners(archive.files)
        of_blocks = [
            (block.offset, block.end, block.first, block.first + block.items)
            for block in archive.blocks
        ]
        for start in range(0, archive.file_bytes, _SECTOR):
            gaps = [
                (first, last)
                for offset, end, first, last in of_blocks
                if offset < start + _SECTOR and end > start
            ]
            found = sum(map(len, owners.with_tiles(gaps)))
            apart += not gaps
            lost.append(found)
        files = len(archive.files)
    return {
        "elements": elements,
        "bytes": summary.bytes_out,
        "blocks": summary.blocks,
        "files": files,
        "lost_on_average": sum(lost) / len(lost),
        "at_worst": max(lost),
        "sectors": len(lost),
        "of_names_alone": apart,
    }


if __name__ == "__main__":
    main()
