"""What a file reaches of the executable specification, and what that makes of the file."""

from __future__ import annotations

import ast
import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
from bundled_models import spec_models
from reference import alone, archive, container_metadata
from reference.fields import ArchiveError
from reference.model import Model

SPECIFICATION = str(Path(reference.__file__).parent)
ASKING = {"fields", "rules"}  # the modules whose functions other modules ask

SECTIONS = {
    "message": "A1", "codecs": "A2", "chain": "A3", "picks": "A4", "archive": "A5",
    "archive.read_index": "A5.11", "archive.read_files": "A5.12", "archive.check_labels": "A5.14",
    "archive.with_stats": "A5.15", "archive.check_digests": "A5.16", "fields": "A5",
    "collection": "A5.1 A5.2 A5.3", "blocks": "A5.5 A5.6 A5.7 A5.10",
    "blocks.decode_fallback": "A5.8", "blocks.decode_adaptive": "A5.9", "rows": "A5.8",
    "labels.read_names": "A5.12", "labels.read_unnamed": "A5.13", "labels.read_pairs": "A5.14",
    "labels": "A5.12", "container_metadata": "A6", "container_metadata.frame": "A6.1",
    "container_metadata.frame_row": "A6.1", "container_metadata.png": "A6.2",
    "container_metadata.samples_of_png": "A6.2", "container_metadata.Deflater": "A6.2",
    "container_metadata.tiff": "A6.3", "container_metadata.tiff_file": "A6.3",
    "container_metadata.check_places": "A6.3", "container_metadata.check_samples": "A6.3",
    "container_metadata.rows_of": "A6.3",
    "container_metadata.choices_of": "A6.3", "container_metadata.lzw_of_tiff": "A6.3",
    "group4": "A6.3",
    "container_metadata.gif": "A6.5", "container_metadata.lzw": "A6.5",
    "container_metadata.webp": "A6.6", "container_metadata.animated_png": "A6.7",
    "container_metadata.animated_frames": "A6.7", "container_metadata.animated_file": "A6.7",
    "container_metadata.frames_of": "A6.5", "container_metadata.in_streams": "A6.9",
    "container_metadata.byte_runs": "A6.10", "container_metadata.lossless_jpeg": "A6.11 J7",
    "container_metadata.shuffled": "A6.4",
    "entries": "A5.19", "alone": "A7", "embedded": "A8",
    "model_file": "M1", "model": "M2 M8", "rules": "M2",
    "variables": "M2.1", "steps": "M2.2", "distributions": "M2.3", "outputs": "M2.3",
    "coupled": "M2.3", "grids": "M2.3", "logits": "M2.3", "autoregressive": "M3", "planes": "M4",
    "jpeg_colours": "M4.1", "series": "M5", "least_squares": "M5.1", "counted": "M6",
    "counted.FlatDecision.probability": "M6.3", "counted_rules": "M6",
    "counted_rules.CountedRules.read_flat": "M6.3", "candidates": "M6.1", "blending": "M6.2",
    "network": "M7", "layers": "M7", "values": "M7", "item_vectors": "M8",
    "wavefront": "M10 M10.4", "wavefront_rules": "M10 M10.1 M10.2",
    "wavefront_plane": "M10.1 M10.2 M10.3", "wavefront_bins": "M10.3",
    "wavefront_contexts": "M10.5", "deflate_tokens": "A6.8", "zlib_choice": "A6.8",
    "cost": "M9", "program": "M2",
    "inflated": "A5.20", "parity": "A5.18", "jpeg_streams": "J1 J3 J4", "jpeg_markers": "J2",
    "jpeg_arithmetic": "J4", "jpeg_mixing.Decisions": "J5", "jpeg_mixing": "J6.3",
    "jpeg_coefficients": "J6 J6.1 J6.2", "decoded": "J8", "jpeg_symbols": "J9 J9.2",
    "jpeg_symbols.Symbols": "J9.1", "jpeg_symbols.Symbols.by": "J9.2",
    "jpeg_symbols.Symbols.alone": "J9.2", "jpeg_symbols.Symbols.blend": "J9.2",
    "jpeg_symbols.related": "J9.3", "jpeg_symbols.BlockCoder.pop_last": "J9.3",
    "jpeg_symbols.BlockCoder.pop_coefficient": "J9.4", "jpeg_symbols.BlockCoder.pop_dc": "J9.5",
    "jpeg_symbols.BlockCoder.put": "J9.6", "jpeg_symbols.Coefficients.value": "J9.6",
}  # fmt: skip
"""The sections of docs/format.md (A), docs/model-format.md (M) and docs/jpeg-format.md (J) that a
module, or a function or a class in it, follows.
"""

OF_KINDS = {"M": "A5.4", "v": "A5.17", "p": "A5.18"}
"""The sections of the specification that a kind of section of an archive needs."""

WATCHED, SEEN = 1_000_000, 24_000_000
"""Calls whose lines are recorded, and all calls that are traced: tracing is slow."""

Arc = tuple[str, int, int]
"""A module, a line in it, and the line that ran before it in the same call, 0 for none."""


def _array_entry(array: NDArray[Any]) -> dict[str, Any]:
    content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "sha256": content}


def restored(data: bytes, models: tuple[Model, ...]) -> dict[str, Any]:
    """What the specification makes of an archive, or of a block alone. Raises its errors."""
    if data[:1] == b"\xbb":
        return {"array": _array_entry(alone.decode(data, models))}
    if archive.read_collection(archive.read_sections(data)[0].payload)[0] is None:
        return {"array": _array_entry(archive.decode(data, models))}
    files = {}
    for file in archive.decode_files(data, models):
        if file.held:
            files[file.name] = _bytes_entry(file.array.tobytes())
            continue
        files[f"{file.name}.npy"] = _array_entry(file.array)
        made = container_metadata.restore(file.array, file.metadata) if file.metadata else None
        if made is not None and container_metadata.promises_bytes(file.metadata):
            files[file.name] = _bytes_entry(made)
    return {"files": files}


def _bytes_entry(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest()}


class Trace:
    """The specification reads a file while each of its lines that runs is noted.

    entry: what it makes of it, or `refused` and the rule that the file breaks. refusal: the check
    that refused it, or None. arcs: the lines.
    """

    def __init__(self, data: bytes, *, watch: bool = True) -> None:
        self.arcs: set[Arc] = set()
        self._functions: set[tuple[str, str]] = set()
        self._kinds = _kinds_of(data)
        models = spec_models(data)
        self._calls = 0
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
            module, function = self.refusal[:2]
            return _sections_of(module, function).split()
        reached = {section for one in self._functions for section in _sections_of(*one).split()}
        return sorted(reached | self._kinds)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._calls += 1
        if self._calls > SEEN:
            sys.settrace(None)
        if not frame.f_code.co_filename.startswith(SPECIFICATION):
            return None
        module, last = Path(frame.f_code.co_filename).stem, 0
        self._functions.add((module, frame.f_code.co_qualname))
        if self._calls > WATCHED:
            return None

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                self.arcs.add((module, frame.f_lineno, last))
                last = frame.f_lineno
            return line

        return line


def _sections_of(module: str, function: str) -> str:
    """function: with its class, if it is a method."""
    names = (f"{module}.{function}", f"{module}.{function.partition('.')[0]}", module)
    return next((SECTIONS[name] for name in names if name in SECTIONS), "")


def _kinds_of(data: bytes) -> set[str]:
    with suppress(ArchiveError):
        return {OF_KINDS[s.kind] for s in archive.read_sections(data) if s.kind in OF_KINDS}
    return set()


def _place_of(error: BaseException) -> tuple[Any, ...]:
    """The module, the function and the line of the check that failed, and the line of the question
    that it asks.
    """
    module, function, line, asked, place = "", "", 0, 0, error.__traceback__
    while place is not None:
        where = Path(place.tb_frame.f_code.co_filename)
        if str(where.parent) == SPECIFICATION:
            if where.stem in ASKING:
                asked = place.tb_lineno
            else:
                code = place.tb_frame.f_code
                module, function, line, asked = where.stem, code.co_qualname, place.tb_lineno, 0
        place = place.tb_next
    return module, function, line, asked


def unreached(arcs: set[Arc]) -> dict[str, list[int]]:
    """The lines of statements in functions of the specification that none of the arcs reaches."""
    found = {}
    for module in sorted({name.split(".")[0] for name in SECTIONS}):
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
