"""The table of the specification that says which conformance files a decoder restores after each
step.
"""

from __future__ import annotations

import json

from docs.blocks import ROOT

STEPS = {
    "container, methods raw and packed": "A5 A5.1 A5.2 A5.3 A5.11 A5.5 A5.6 A5.7",
    "method fallback": "A5.8",
    "messages, digests, networks, latent variables": "A1 A2 A3 M1 M2 M2.1 M2.2 M7 M2.3",
    "multisets": "A4",
    "autoregressive pixels": "M3",
    "wavefronts": "M4 M4.1 M10 M10.1 M10.2 M10.3 M10.4",
    "counted contexts": "M6 M6.1 M6.2 M6.3",
    "wavefronts with contexts": "M10.5",
    "series": "M5 M5.1",
    "embedded models": "A5.4 A8",
    "blocks alone": "A7",
    "files": "A5.12 A5.13 A5.9 A5.14 A5.15 A5.16 A5.19 A5.17",
    "container metadata": "A6 A6.1 A6.2 A6.3 A6.4 A6.5 A6.6 A6.7 A6.10",
    "deflate streams": "J5 A6.8 A6.9 A5.20",
    "JPEG": "J1 J2 J3 J4 J6 J6.1 J6.2 J6.3 J7 A6.11 J8 J9 J9.1 J9.2 J9.3 J9.4 J9.5 J9.6",
    "parity and damage": "A5.18 A9",
}
CHECKS = {"A5.10", "M8", "M9"}
"""A decoder restores valid files without these."""


def needed(sections: list[str]) -> set[str]:
    """Varints alone do not need the message, in whose module the specification reads them."""
    found = {*sections} - CHECKS
    return found if found & {"A2", "A3"} else found - {"A1"}


def valid_files() -> list[set[str]]:
    """The sections that each valid conformance file needs."""
    index = json.loads((ROOT / "conformance" / "index.json").read_text("utf-8"))
    return [needed(entry["sections"]) for entry in index if "refused" not in entry]


def steps() -> str:
    """A row for each step: its sections, and the files that pass after it."""
    files = valid_files()
    rows, known = ["| step | sections | files |", "| --- | --- | --- |"], set[str]()
    for step, sections in STEPS.items():
        known |= {*sections.split()}
        count = sum(file <= known for file in files)
        rows.append(f"| {step} | {sections.replace(' ', ', ')} | {count} |")
    return "\n".join(rows)
