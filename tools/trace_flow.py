"""Traces the flow of data: the files that the calls of functions pass when a folder is packed and
restored.

    python tools/trace_flow.py FOLDER    prints them in order, and their numbers

It works in one thread. A first round, which imports modules and loads models, is not counted.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import FrameType

import bitsback

SOURCES = Path(bitsback.__file__).parent
PACKING = {
    "files/file_lists.py list_folder": "scan",
    "files/picture_files.py split": "split",
    "planner/pictures.py pixel_cost": "try",
    "archive/inputs/folders.py _DecidedFiles.as_input": "lay out",
    "archive/inputs/part_reader.py PartReader.plan": "plan",
    "coding/encoding.py encode": "encode",
    "archive/writing/generation.py Generation.add_block": "write",
    "archive/writing/generation.py Generation.finish": "finish",
}
RESTORING = {
    "archive/container/directory.py scan": "scan",
    "coding/block_reader.py decode": "decode",
    "archive/files/file_writer.py FileWriter.drawing": "draw",
    "archive/restoring/staging.py _Target.take": "finish",
}
"""The functions with which stages of the flow begin, and the stages (docs/architecture.md)."""


@dataclass
class Trace:
    """The calls of functions of the package, in order."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    """The file, without its folder src/bitsback, and the function."""

    @property
    def files(self) -> list[str]:
        """The file of each step: of each call in another file than that of the call before."""
        return [file for file, _ in groupby(file for file, _ in self.calls)]

    def stages(self, begins: dict[str, str]) -> list[str]:
        found = (begins.get(f"{file} {function}") for file, function in self.calls)
        return [stage for stage, _ in groupby(stage for stage in found if stage is not None)]

    def count(self, function: str) -> int:
        """The calls of a function, such as "planner/planner.py Planner.plan"."""
        return sum(f"{file} {name}" == function for file, name in self.calls)


def traced(work: Callable[[], object]) -> Trace:
    """The trace of the current thread."""
    trace, start = Trace(), f"{SOURCES}/"

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(start):
            trace.calls.append((code.co_filename.removeprefix(start), code.co_qualname))

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return trace


def trace_folder(folder: Path) -> tuple[Trace, Trace]:
    """The traces of packing a folder and of restoring it."""
    with tempfile.TemporaryDirectory() as made:
        for number in range(2):
            archive, restored = Path(made, f"{number}.bb"), Path(made, str(number))
            packing = traced(lambda: bitsback.compress(folder, archive, threads=1))  # noqa: B023
            restoring = traced(lambda: bitsback.decompress(archive, restored, threads=1))  # noqa: B023
    return packing, restoring


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    for trace, begins in zip(trace_folder(folder), (PACKING, RESTORING), strict=True):
        for file, calls in groupby(trace.calls, lambda call: call[0]):
            print(file, *dict.fromkeys(name for _, name in calls))
        files = set(trace.files)
        print(f"{len(set(trace.calls))} functions in {len(files)} files, {len(trace.files)} steps")
        print("stages:", ", ".join(trace.stages(begins)), end="\n\n")


if __name__ == "__main__":
    main()
