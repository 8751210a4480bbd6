"""Data flow in one direction: through the stages in docs/architecture.md, each once."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from docs.blocks import ROOT

sys.path.insert(0, str(ROOT / "tools"))

from trace_flow import PACKING, RESTORING, Trace, trace_folder


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Trace]:
    """Of packing and restoring a folder with one PNG."""
    folder = tmp_path_factory.mktemp("folder")
    y, x, channel = np.mgrid[:96, :128, :3]
    noise = np.random.default_rng(0).integers(0, 9, y.shape)
    pixels = 120 + 60 * np.sin(x / 17 + channel) + 50 * np.cos(y / 13) + noise
    Image.fromarray(pixels.astype(np.uint8)).save(folder / "a.png")
    return trace_folder(folder)


def test_packing_passes_each_stage_once(traces: tuple[Trace, Trace]) -> None:
    block = ["plan", "encode", "write"]  # of the container metadata, and of the picture
    assert traces[0].stages(PACKING) == ["scan", "split", "try", "lay out", *2 * block, "finish"]


def test_restoring_passes_each_stage_once(traces: tuple[Trace, Trace]) -> None:
    assert traces[1].stages(RESTORING) == ["scan", "decode", "draw", "finish"]


def test_steps_from_file_to_file_are_few(traces: tuple[Trace, Trace]) -> None:
    packing, restoring = (len(trace.files) for trace in traces)
    assert packing <= 1500 and restoring <= 700


def test_what_a_trial_has_found_is_not_computed_again(traces: tuple[Trace, Trace]) -> None:
    """The plan of the picture goes on where the trial ended."""
    packing, _ = traces
    for function in ("_try", "_fast_estimate"):
        assert packing.count(f"coding/fallback.py {function}") == 2, "of the metadata, the picture"
    assert packing.count("planner/pictures.py pixel_cost") == 1


def test_each_block_is_decoded_once(traces: tuple[Trace, Trace]) -> None:
    assert traces[1].count("coding/block_reader.py decode") == 2
