"""What a file reaches of the executable specification, and what that makes of the file."""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
from bundled_models import spec_models
from reference import alone, archive
from reference.model import Model

SPECIFICATION = str(Path(reference.__file__).parent)
ASKING = {"fields", "rules"}  # the modules whose functions other modules ask

SECTIONS = {
    "message": "A1", "codecs": "A2", "chain": "A3", "picks": "A4", "archive": "A5",
    "fields": "A5", "collection": "A5.1 A5.2 A5.3", "blocks": "A5.5 A5.6 A5.7 A5.10",
    "rows": "A5.8", "labels": "A5.12 A5.13 A5.14", "container_metadata": "A6", "alone": "A7",
    "embedded": "A8", "model_file": "M1", "model": "M2 M8", "rules": "M2", "variables": "M2.1",
    "steps": "M2.2", "distributions": "M2.3", "outputs": "M2.3", "coupled": "M2.3",
    "grids": "M2.3", "logits": "M2.3", "autoregressive": "M3", "planes": "M4",
    "predictive": "M4", "predictive_rules": "M4", "predicted_plane": "M4 M4.2", "units": "M4",
    "least_squares": "M4.1", "jpeg_colours": "M4.3", "series": "M5", "counted": "M6",
    "counted_rules": "M6", "candidates": "M6.1", "blending": "M6.2", "mixed": "M6.4",
    "network": "M7", "layers": "M7", "values": "M7", "item_vectors": "M8", "cost": "M9",
    "program": "M2",
}  # fmt: skip
"""The sections of docs/format.md (A) and docs/model-format.md (M) that a module follows."""

WATCHED = 6.0
"""The seconds for which a file is watched, since that is slow."""

Arc = tuple[str, int, int]
"""A module, a line in it, and the line that ran before it in the same call, 0 for none."""


def _array_entry(array: NDArray[Any]) -> dict[str, Any]:
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": content}


def restored(data: bytes, models: tuple[Model, ...]) -> dict[str, Any]:
    """What the specification makes of an archive, or of a block alone. Raises its errors."""
    if data[:1] == b"\xbb":
        return {"array": _array_entry(alone.decode(data, models))}
    kind, _, _ = archive.read_collection(archive.read_sections(data)[0].payload)
    if kind is None:
        return {"array": _array_entry(archive.decode(data, models))}
    files = {}
    for number, file in enumerate(archive.decode_files(data, models)):
        if file.held:
            files[str(file.name)] = {"sha256": hashlib.sha256(file.array.tobytes()).hexdigest()}
        else:
            name = str(number) if file.name is None else file.name
            files[f"{name}.npy"] = _array_entry(file.array)
    return {"files": files}


class Trace:
    """The specification reads a file while each of its lines that runs is noted.

    entry: what it makes of it, or `refused` and the rule that the file breaks. refusal: the check
    that refused it, or None. arcs: the lines.
    """

    def __init__(self, data: bytes, *, watch: bool = True) -> None:
        self.arcs: set[Arc] = set()
        models = spec_models(data)
        self._end = monotonic() + WATCHED
        self.refusal: tuple[Any, ...] | None = None
        sys.settrace(self._called if watch else None)
        try:
            self.entry = restored(data, models)
        except Exception as error:
            sys.settrace(None)
            self.entry = {"refused": str(error) or "the message is exhausted"}
            self.refusal = _place_of(error)
        finally:
            sys.settrace(None)

    @property
    def sections(self) -> list[str]:
        """The sections whose rules the file needs, or, of a refused one, of the broken rule."""
        if self.refusal is not None:
            return SECTIONS.get(self.refusal[0], "").split()
        return sorted({s for module, _, _ in self.arcs for s in SECTIONS.get(module, "").split()})

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(SPECIFICATION):
            return None
        if monotonic() > self._end:
            sys.settrace(None)
            return None
        module, last = Path(frame.f_code.co_filename).stem, 0

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                self.arcs.add((module, frame.f_lineno, last))
                last = frame.f_lineno
            return line

        return line


def _place_of(error: BaseException) -> tuple[Any, ...]:
    """The module and line of the check that failed, and the line of the question that it asks."""
    module, line, asked, place = "", 0, 0, error.__traceback__
    while place is not None:
        where = Path(place.tb_frame.f_code.co_filename)
        if str(where.parent) == SPECIFICATION:
            if where.stem in ASKING:
                asked = place.tb_lineno
            else:
                module, line, asked = where.stem, place.tb_lineno, 0
        place = place.tb_next
    return module, line, asked


def unreached(arcs: set[Arc]) -> dict[str, list[int]]:
    """The lines of statements in functions of the specification that none of the arcs reaches."""
    found = {}
    for module in SECTIONS:
        tree = ast.parse((Path(SPECIFICATION) / f"{module}.py").read_text(encoding="utf-8"))
        lines = {
            statement.lineno
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef)
            for statement in ast.walk(function)
            if isinstance(statement, ast.stmt)
            and statement is not function
            and not isinstance(statement, ast.FunctionDef)
            and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        }
        left = lines - {line for name, line, _ in arcs if name == module}
        if left:
            found[module] = sorted(left)
    return found
