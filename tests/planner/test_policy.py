"""One policy decides what is tried, whatever the size of a job."""

from __future__ import annotations

import io
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsback
from bitsback.coding.block_plan import BlockPlan
from bitsback.format.tiles import Tiles
from bitsback.models import bundled
from bitsback.planner.candidates import candidates_for, fitting_outlines
from bitsback.planner.planner import Planner
from bitsback.planner.policy import BEST, DEFAULT, FAST, Policy
from drawn_letters import lettering


def numbers(policy: Policy) -> list[float]:
    found: list[float] = []
    for field in fields(policy):
        value = getattr(policy, field.name)
        found += value if isinstance(value, tuple) else [value] * (not isinstance(value, str))
    return found


def names(policy: Policy, *shape: int, dtype: str = "u1") -> set[str]:
    tiles = Tiles.stacked(np.zeros((2, *shape), dtype))
    return {outline.name for outline in fitting_outlines(None, policy, tiles)}


def test_a_policy_has_few_numbers() -> None:
    assert len(numbers(DEFAULT)) <= 24


def test_numbers_are_read_from_the_policy_that_is_passed() -> None:
    """A module that read them from a policy of its own would ignore a changed one."""
    source = Path(bitsback.__file__).parent
    files = {path: path.read_text(encoding="utf-8") for path in source.rglob("*.py")}
    own = files[source / "planner" / "policy.py"]
    others = "\n".join(text for text in files.values() if text is not own)
    for field in fields(Policy):
        assert not re.search(rf"\b(DEFAULT|FAST|BEST)\.{field.name}\b", others), field.name
        passed = re.search(rf"\bpolicy\.{field.name}\b", others)
        assert passed or re.search(rf"\bself\.{field.name}\b", own), field.name


def test_models_are_known_by_their_outlines() -> None:
    assert names(FAST, 40, 50, 3) == {"universal-fast", "universal-16", "bilevel"}
    colour, grey = names(BEST, 40, 50, 3), names(BEST, 40, 50)
    assert grey - colour == {"graphics-grey"} and "universal-fast" not in grey
    assert "mnist" not in names(DEFAULT, 28, 28) and "mnist-context" in names(DEFAULT, 28, 28)
    assert {"mnist", "mnist-context"} < names(DEFAULT.for_random_access, 28, 28)
    assert "mnist-context" not in names(FAST, 28, 28)


def test_the_best_policy_tries_models_for_more_levels_too() -> None:
    tiles = Tiles.stacked(lettering(40, 50)[np.newaxis])
    for policy, found in ((DEFAULT, False), (BEST, True)):
        outlines = fitting_outlines(None, policy, tiles)
        candidates = candidates_for(outlines, tiles, policy.exhaustive)
        assert ("universal-deep" in {each.outline.name for each in candidates}) == found


def test_names_of_models_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    outline = bundled.outline

    def renamed(name: str) -> Any:
        return replace(outline(name), name=name[::-1])

    before = names(FAST, 40, 50, 3), names(BEST, 40, 50, 3)
    monkeypatch.setattr(bundled, "outline", renamed)
    after = names(FAST, 40, 50, 3), names(BEST, 40, 50, 3)
    assert after == tuple({name[::-1] for name in each} for each in before)


def letters(count: int) -> NDArray[np.uint8]:
    return np.stack([lettering(28, 28, seed) for seed in range(count)])


def test_the_default_is_as_small_as_the_best_where_much_occurs_again() -> None:
    for array in (letters(300), lettering(200, 300)[..., None].repeat(3, -1)):
        sizes = {
            model: bitsback.compress(array, io.BytesIO(), model=model).bytes_out
            for model in ("auto", "best")
        }
        assert DEFAULT.counting_share * sizes["auto"] <= 1.01 * sizes["best"]


def test_the_summary_names_the_policy() -> None:
    summary = bitsback.compress(lettering(60, 90), io.BytesIO(), model="fast")
    assert summary.policy == "fast" and "chosen by 'fast'" in repr(summary)
    assert bitsback.compress(lettering(60, 90), io.BytesIO(), model="universal").policy is None


def test_a_plan_says_why() -> None:
    plan = Planner().plan(Tiles.stacked(letters(100)))
    assert plan.model is not None and plan.model.name in plan.reason and "trials" in plan.reason
    assert Planner().plan(Tiles.stacked(np.zeros((3, 0)))).reason.startswith("no model")


def shapes_in_pictures() -> NDArray[np.bool_]:
    """A smooth shape in each of many pictures: [400, 105, 105]."""
    rng, (rows, columns) = np.random.default_rng(0), np.indices((105, 105))
    places = rng.integers(30, 75, (400, 2, 1, 1)), rng.integers(80, 900, (400, 2, 1, 1))
    distances = [
        (of - at) ** 2 / size
        for of, at, size in zip(
            (rows, columns), *(np.moveaxis(place, 1, 0) for place in places), strict=True
        )
    ]
    return np.asarray(sum(distances) < 1)


@pytest.mark.parametrize("model", ["universal", "universal-mixed"])
def test_many_pictures_of_few_bytes_are_one_block(model: str) -> None:
    options: dict[str, Any] = {"model": model, "block": 400}
    summary = bitsback.compress(shapes_in_pictures(), io.BytesIO(), **options)
    assert summary.methods["model"] == summary.blocks == 1


def test_a_block_that_costs_a_reader_too_much_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def affordable(plan: BlockPlan, size: int, multiset: bool = False, times: int = 1) -> bool:
        return plan.tiles.count <= 100

    monkeypatch.setattr(BlockPlan, "affordable", affordable)
    array, file = shapes_in_pictures(), io.BytesIO()
    options: dict[str, Any] = {"model": "universal", "block": 400}
    summary = bitsback.compress(array, file, **options)
    assert summary.methods["model"] == summary.blocks == 4
    assert np.array_equal(bitsback.decompress(io.BytesIO(file.getvalue())), array)
    with bitsback.open(io.BytesIO(file.getvalue())) as archive:
        assert np.array_equal(archive[121], array[121])
