"""Runs a decoder over the conformance files, and prints which it does not decode as it should.

    python conformance/run.py [PART OF A NAME...] -- COMMAND [OPTION...]

COMMAND is called as COMMAND IN OUT, as README.md says. The exit code is 1 if a file is not right.
"""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SECONDS = 600
"""The most time for a file."""
KILLED = 100
"""Exit codes above this one report a crash."""

Run = subprocess.CompletedProcess[bytes]


def main() -> None:
    if "--" not in sys.argv or sys.argv[-1] == "--":
        sys.exit(__doc__)
    at = sys.argv.index("--")
    names, command = sys.argv[1:at], sys.argv[at + 1 :]
    if Path(command[0]).is_file():
        command[0] = str(Path(command[0]).resolve())
    index = json.loads((HERE / "index.json").read_text(encoding="utf-8"))
    entries = [
        entry for entry in index if not names or any(name in entry["file"] for name in names)
    ]
    right = 0
    for entry in entries:
        faults = list(_faults(entry, command))
        right += not faults
        if faults:
            print(f"{entry['file']}: {'; '.join(faults)}", flush=True)
    print(f"{right} of {len(entries)} right")
    sys.exit(right < len(entries))


def _faults(entry: dict[str, Any], command: list[str]) -> Iterator[str]:
    """What the decoder does wrong with a file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        try:
            run = subprocess.run(
                [*command, HERE / entry["file"], out], capture_output=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            yield f"took more than {SECONDS} s"
            return
        yield from _refusal(run, out) if "refused" in entry else _result(entry, run, out)


def _refusal(run: Run, out: Path) -> Iterator[str]:
    lines = run.stderr.decode(errors="replace").splitlines()
    if run.returncode == 0:
        yield "was not refused"
    elif not 0 < run.returncode <= KILLED:
        yield f"ended with {run.returncode}"
    elif len(lines) != 1:
        yield f"{len(lines)} lines of errors"
    if out.exists():
        yield "something is at OUT"


def _result(entry: dict[str, Any], run: Run, out: Path) -> Iterator[str]:
    if run.returncode:
        yield f"exit {run.returncode}: {run.stderr.decode(errors='replace').strip()[-500:]}"
        return
    wanted = {"": entry["array"]} if "array" in entry else entry["files"]
    files = [path for path in out.rglob("*") if path.is_file()]
    for name in sorted({path.relative_to(out).as_posix() for path in files} - wanted.keys()):
        yield f"{name} is too much"
    for name, of in wanted.items():
        difference = _difference(out / name, of)
        if difference is not None:
            yield f"{name}: {difference}"


def _difference(path: Path, wanted: dict[str, Any]) -> str | None:
    if not path.is_file():
        return "is missing"
    try:
        found = _array(path) if "dtype" in wanted else {"sha256": _sha256(path.read_bytes())}
    except (ValueError, SyntaxError, KeyError) as error:
        return str(error)
    different = [
        f"{key} {found[key]} in place of {wanted[key]}"
        for key in wanted
        if found[key] != wanted[key]
    ]
    return ", ".join(different) or None


def _array(path: Path) -> dict[str, Any]:
    """dtype, shape, and the SHA-256 of the elements of a .npy file in C order."""
    content = path.read_bytes()
    if content[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("no .npy file of the version 1.0")
    start = 10 + int.from_bytes(content[8:10], "little")
    header = ast.literal_eval(content[10:start].decode("latin-1"))
    if header["fortran_order"]:
        raise ValueError("not in C order")
    shape, digest = list(header["shape"]), _sha256(content[start:])
    return {"dtype": header["descr"], "shape": shape, "sha256": digest}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()
