"""Make the conformance files: archives that a decoder must restore, and others that it must refuse.

    PYTHONPATH=tests:lab/src:train/src python conformance/make.py [--changed SECTION... | NAME...]

With names, such as bundled-models.bb, it makes these files of `candidates.always` alone. With
--changed and sections such as A6.2 it renews the files of the index that need these sections, and
the golden archives. It keeps those that come back as before, makes the others again from the
candidates of their names, and prints those that are lost.

The executable specification in tests/reference defines the content of each file, never the
program. The golden archives and those of `candidates.always` are always among the files. An archive
of a random model, or a seed of the fuzz tests, is taken if it reaches a new line or branch of the
specification. For each check of the specification one damaged archive or broken model is taken. At
the end it prints the lines that no file reaches.
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import candidates
from traces import SECTIONS, Trace, unreached

from reference.archive import read_sections
from reference.fields import ArchiveError

FOLDER = Path(__file__).parent
MEMORY = 6 << 30
"""The bytes of memory that the slow specification may take."""
SOURCES = (
    candidates.valid,
    candidates.of_generations,
    candidates.of_broken_models,
    candidates.forged,
    candidates.forged_metadata,
    candidates.of_animations,
)
LARGEST = 150_000  # bytes of a file that is not golden


def matters(data: bytes) -> bool:
    """Whether a block names each model in the file: a reader need not read others."""
    with suppress(ArchiveError):
        sections = read_sections(data)
        blocks = [section.payload for section in sections if section.kind == "B"]
        return all(
            len(section.payload) >= 16 and any(section.payload[:16] in block for block in blocks)
            for section in sections
            if section.kind == "M"
        )
    return True


def file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).replace("-.", ".")


def write(index: list[dict[str, Any]]) -> None:
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n")


def candidates_of(left: dict[str, dict[str, Any]]) -> Iterator[tuple[str, bytes, str]]:
    """The candidates with names that are left, each with the section that it is for."""
    for section, name, data in candidates.always():
        if file_name(name) in left:
            yield file_name(name), data, section
    for source in SOURCES:
        for name, data in source() if left else ():
            if file_name(name) in left and len(data) <= LARGEST:
                yield file_name(name), data, ""


def renew(changed: set[str]) -> None:
    """Renews the files of the index that need these sections, and the golden archives."""
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    golden = {file_name(name): data for name, data in candidates.golden()}
    left: dict[str, dict[str, Any]] = {}
    for entry in index:
        place = FOLDER / entry["file"]
        data = golden.get(place.name, place.read_bytes())
        if not changed & {*entry["sections"]} and data == place.read_bytes():
            continue
        made = Trace(data, watch=False).entry
        if place.name in golden or (
            made.get("refused") == entry.get("refused")
            and made.get("array") == entry.get("array")
            and made.get("files", {}).items() >= entry.get("files", {}).items()
        ):
            place.write_bytes(data)
            entry |= made
        else:
            left[place.name] = entry
    print("made again:", ", ".join(left), flush=True)
    for name, data, section in candidates_of(left):
        entry, trace = left[name], Trace(data)
        rules = entry.get("refused"), trace.entry.get("refused")
        if (rules[0] is None) == (rules[1] is None):
            if rules[0] != rules[1]:
                print(f"{name} breaks another rule: {rules[1]} instead of {rules[0]}")
            (FOLDER / entry["file"]).write_bytes(data)
            sections = sorted({*trace.sections, *section.split()})
            entry |= {"sections": sections, **trace.entry}
            del left[name]
    for name, entry in left.items():
        print(f"lost: {name}, {entry.get('refused', 'which came back')}")
        (FOLDER / entry["file"]).unlink()
        index.remove(entry)
    write(index)


def main() -> None:
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if sys.argv[1:2] == ["--changed"]:
        renew(set(sys.argv[2:]))
        return
    index: list[dict[str, Any]] = []
    arcs = set()
    if wanted := set(sys.argv[1:]):
        known = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
        index += [entry for entry in known if Path(entry["file"]).name not in wanted]
    for folder in () if wanted else ("valid", "refused"):
        shutil.rmtree(FOLDER / folder, ignore_errors=True)
        (FOLDER / folder).mkdir()

    def add(name: str, data: bytes, trace: Trace, section: str = "") -> None:
        folder = "valid" if trace.refusal is None else "refused"
        name = file_name(name)
        while any(f"{folder}/{name}" == entry["file"] for entry in index):
            name = f"another-{name}"  # a seed of the fuzz tests may be called like a golden archive
        place = f"{folder}/{name}"
        (FOLDER / place).write_bytes(data)
        sections = sorted({*trace.sections, *section.split()})
        index.append({"file": place, "sections": sections, **trace.entry})
        arcs.update(trace.arcs)

    for name, data in () if wanted else candidates.golden():
        add(name, data, Trace(data))
        print(name, flush=True)
    for section, name, data in candidates.always():
        if not wanted or file_name(name) in wanted:
            add(name, data, Trace(data), section)
    if wanted:
        write(index)
        return
    refusals = set()
    for source in SOURCES:
        for name, data in source():
            if len(data) > LARGEST:
                continue
            try:
                trace = Trace(data, watch=source is candidates.valid)
            except MemoryError:
                continue
            if trace.refusal is None and trace.arcs - arcs:
                add(name, data, trace)
            elif trace.refusal is not None and trace.refusal not in refusals and matters(data):
                refusals.add(trace.refusal)
                add(name, data, trace)
        print(source.__name__, len(index), flush=True)
    write(index)
    reached = {section for entry in index for section in entry["sections"]}
    print("sections without a file:", {s for of in SECTIONS.values() for s in of.split()} - reached)
    for module, lines in unreached(arcs).items():
        print(f"{module}.py, lines that no file reaches: {lines}")


if __name__ == "__main__":
    main()
