"""The default choice is near the smallest archive that the bundled models make."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.archive.inputs.opening import open_input
from bitsback.archive.inputs.part_reader import part_readers
from bitsback.archive.inputs.request import Request
from bitsback.coding import chain
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.encoding import smallest_coding
from bitsback.coding.fallback import encode_fallback
from bitsback.coding.plan import Plan
from bitsback.format.tiles import Tiles
from bitsback.models import bundled
from bitsback.summary import Compressed
from drawn_letters import lettering


def compressed(source: Any, model: str = "auto") -> Compressed:
    return bitsback.compress(source, io.BytesIO(), model=model)


def photograph(noise: float = 1) -> NDArray[np.uint8]:
    """Waves and noise in three channels: [200, 220, 3]. Context mixing gains 2.6 %."""
    random = np.random.default_rng(0)
    rows, columns = np.indices((200, 220))
    light = 128 + 40 * np.sin(rows / 9) + 30 * np.sin(columns / 13)
    slow = 0.8 * noise * random.normal(0, 1, light.shape).cumsum(1)[..., None]
    pixels = (
        light[..., None] * [0.9, 0.7, 0.5] + slow + random.normal(0, 3 * noise, (*light.shape, 3))
    )
    found: NDArray[np.uint8] = np.clip(pixels, 0, 255).astype(np.uint8)
    return found


def half_drawn() -> NDArray[np.uint8]:
    """The photograph with a part of it repeated. Context mixing without a network is best."""
    pixels = photograph(0.2)
    pixels[:60, :80] = pixels[100:160, 100:180]
    return pixels


def cards(folder: Path) -> Path:
    """Pictures of playing cards with the same frame and ornament."""
    random = np.random.default_rng(0)
    suit, ornament = random.random((9, 9)) < 0.5, random.integers(0, 200, (14, 40, 3))
    frame = np.full((64, 48, 4), 255, np.uint8)
    frame[4:-4, 4:-4, :3] = (230, 240, 250)
    frame[6:20, 4:-4, :3] = ornament
    for number in range(24):
        card = frame.copy()
        for place in range(number % 9 + 1):
            top, left = 24 + 10 * (place // 4), 6 + 9 * (place % 4)
            card[top : top + 9, left : left + 9][suit] = (200, 20 * (number % 5), 0, 255)
        Image.fromarray(card).save(folder / f"{number:02}.png")
    return folder


def refuse(monkeypatch: pytest.MonkeyPatch, refused: Callable[[BlockPlan, int], bool]) -> None:
    """Makes readers refuse the blocks of some plans."""

    def affordable(plan: BlockPlan, size: int, multiset: bool = False, times: int = 1) -> bool:
        return not refused(plan, times)

    monkeypatch.setattr(BlockPlan, "affordable", affordable)


def test_a_photograph_has_no_context_mixing_that_gains_little() -> None:
    pixels = photograph()
    default, best = compressed(pixels), compressed(pixels, "best")
    assert (default.model, best.model) == ("universal", "universal-mixed")
    assert 1.01 * best.bytes_out < default.bytes_out < 1.05 * best.bytes_out


def test_a_small_picture_of_few_values_has_context_mixing() -> None:
    random = np.random.default_rng(0)
    rows, columns = np.indices((100, 120))
    light = 128 + 50 * np.sin(rows / 17) + 40 * np.cos(columns / 23)
    light += random.normal(0, 2, light.shape)
    shuffled = (5 * np.clip(light, 0, 255).astype(int) // 4 % 256).astype(np.uint8)
    default = compressed(shuffled)
    assert default.model == "universal-mixed"
    assert default.bytes_out < 0.95 * compressed(shuffled, "universal").bytes_out


def test_a_folder_of_similar_drawings_is_a_stack(tmp_path: Path) -> None:
    default = compressed(cards(tmp_path))
    assert default.model == "graphics"
    assert default.bytes_out <= 1.02 * compressed(tmp_path, "graphics").bytes_out


def test_a_model_that_a_reader_would_refuse_is_no_candidate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels, refused = half_drawn(), set[str]()
    refuse(monkeypatch, lambda plan, times: plan.model.name in refused)
    for model in ("graphics", "universal-mixed", "universal"):
        summary = compressed(pixels)
        assert (summary.model, summary.outdone, summary.refused) == (model, 0, 0)
        refused.add(model)
    refused.update(bundled.names())
    summary = compressed(pixels)
    assert (summary.model, summary.outdone, summary.refused) == (None, 0, 0)


def test_a_block_that_is_refused_after_all_has_another_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawing = lettering(700, 800)
    first = compressed(drawing)
    assert first.model is not None
    refuse(monkeypatch, lambda plan, times: times == 1 and plan.model.name == first.model)
    second = compressed(drawing)
    assert second.model not in (None, first.model)
    assert (second.outdone, second.refused) == (0, 0)


def test_the_summary_tells_refused_blocks_of_a_requested_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse(monkeypatch, lambda plan, times: True)
    summary = compressed(np.zeros((700, 700), np.uint8), "universal-mixed")
    assert (summary.model, summary.outdone, summary.refused) == (None, 0, 1)


def test_a_general_compressor_is_taken_unless_context_mixing_saves_enough() -> None:
    tiles, model = Tiles.stacked(lettering(120, 160)[np.newaxis]), bundled.load("graphics-grey")
    trial = BlockPlan.for_model(model, tiles)
    general = encode_fallback(tiles, "lzma")
    assert trial is not None and general is not None and trial.cost < len(general)
    for more, models in ((1.1, (model,)), (0.9, ())):
        plan = Plan(model, share=min(more * trial.cost / len(general), 1))
        assert smallest_coding(tiles, plan, "lzma").coding.models == models


@pytest.mark.parametrize(("side", "tried"), [(300, True), (900, False)])
def test_each_small_block_is_coded_by_rivals_too(side: int, tried: bool) -> None:
    pages = np.zeros((3, side, side), np.uint8)
    request = Request.from_options(bitsback.CompressOptions(block=1))
    plan = Plan(bundled.load("graphics-grey"), rivals=(Plan(bundled.load("universal-mixed")),))
    with open_input(pages, request) as content:
        (reader,) = part_readers(content, request)
        first, *others = reader.tasks(0, plan, request.policy)
    assert first.plan.rivals
    assert all(bool(block.plan.rivals) == tried for block in others)


def test_a_block_that_is_its_own_sample_is_coded_once_by_each_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Image.fromarray(half_drawn()).save(tmp_path / "a.png")
    encode, coded = chain.encode, []

    def counting(parts: chain.Stretches, *others: Any) -> bytes:
        coded.append((parts[0].model.name, sum(part.elements for part in parts)))
        return encode(parts, *others)

    monkeypatch.setattr(chain, "encode", counting)
    assert compressed(tmp_path).methods["model"] == 1
    whole = [name for name, elements in coded if elements == math.prod(half_drawn().shape)]
    assert len(whole) == len(set(whole)) == 3
