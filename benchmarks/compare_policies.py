"""The default choice of models beside `--best` and each bundled model that fits, for each file of a
folder and for each of its subfolders: bytes, and seconds of the processor.

    python benchmarks/compare_policies.py FOLDER [--figures FILE] [--before FILE]

An input is an exception if the default is more than 2 % larger than the smallest of the others, or
more than 5 % if only archives by context mixing are smaller.

--figures: keep the figures. Those of models are taken from the file, since they do not depend on
the choice of models; those of the default and of `--best` are measured again. --before: figures of
another version, whose default is compared.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import bitsback

LIMIT, LIMIT_OF_MIXING = 1.02, 1.05
Figure = tuple[int, float, list[str]]
"""The bytes of an archive, the seconds for it, and the models in it."""
Figures = dict[str, Figure]
"""By effort or requested model."""


def names() -> list[str]:
    """The names of the bundled models."""
    command = [sys.executable, "-m", "bitsback", "models"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line and not line.startswith(" ")]


def inputs(folder: Path) -> Iterator[Path]:
    """The files of a folder but texts, and its subfolders that have files."""
    for path in sorted(folder.rglob("*")):
        some = path.iterdir() if path.is_dir() else [path]
        if any(each.is_file() and each.suffix != ".txt" for each in some):
            yield path


def measured(source: Path, models: Iterable[str]) -> Figures:
    """Models that do not fit the source are left out."""
    found: Figures = {}
    for model in models:
        file, start = io.BytesIO(), time.process_time()
        with suppress(bitsback.InputError):
            summary = bitsback.compress(source, file, model=model, embed="never", threads=1)
            used = summary.model.split(", ") if summary.model else []
            found[model] = len(file.getvalue()), time.process_time() - start, used
    return found


def smallest(figures: Figures, mixing: bool = True) -> str:
    """The effort or model, but the default, with the smallest archive.

    mixing: whether archives by context mixing count.
    """
    names = [name for name in figures if name != "auto"]
    if not mixing:
        names = [name for name in names if not any(map(mixes, figures[name][2]))]
    return min(names, key=lambda name: figures[name][0], default="auto")


@cache
def mixes(model: str) -> bool:
    return bitsback.load_model(model).counted


def is_exception(figures: Figures) -> bool:
    size = figures["auto"][0]
    without, least = (figures[smallest(figures, mixing)][0] for mixing in (False, True))
    return size > LIMIT * without or size > LIMIT_OF_MIXING * least


def kept(file: Path | None) -> dict[str, Figures]:
    """The figures in a file, by input."""
    found: dict[str, Figures] = {}
    if file is not None and file.exists():
        found = json.loads(file.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    models = names()
    for name in models:  # not in the first figure
        bitsback.load_model(name)
    known, before = map(kept, (options.figures, options.before))
    found: dict[str, Figures] = {}
    print(f"{'input':44}{'default':>10}{'--best':>10}{'smallest':>10}{'ratio':>7}{'seconds':>9}")
    for path in inputs(options.folder):
        name = str(path.relative_to(options.folder))
        of_models = known[name] if name in known else measured(path, models)
        found[name] = figures = of_models | measured(path, ("auto", "best"))
        size, seconds, _ = figures["auto"]
        best, least = (figures[each][0] for each in ("best", smallest(figures)))
        print(
            f"{name:44}{size:10,}{best:10,}{least:10,}{size / least:7.3f}{seconds:9.2f}"
            f"  {smallest(figures)}{'  exception' * is_exception(figures)}\n    "
            + "; ".join(f"{model} {figures[model][0]:,}" for model in models if model in figures),
            flush=True,
        )
        if options.figures is not None:
            options.figures.write_text(json.dumps(known | found))
    before = {name: before[name] for name in found if name in before}
    for version, every in (("now", found), ("before", before)):
        size = sum(figures["auto"][0] for figures in every.values())
        seconds = sum(figures["auto"][1] for figures in every.values())
        print(f"{version}, the default for {len(every)} inputs: {size:,} bytes, {seconds:.1f} s")
    exceptions = [name for name, figures in found.items() if is_exception(figures)]
    print(f"{len(exceptions)} exceptions: {', '.join(exceptions) or 'none'}")


if __name__ == "__main__":
    main()
