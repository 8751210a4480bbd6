"""For random models, the program and the specification code the same bits."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agreement import Pair, a_message
from networks import SIMD_PATHS
from random_programs import CODES, DATA, OF_LATENTS, Program, programs, random_program
from reference.model import Model as SpecModel
from reference.outputs import COUPLED

SEEDS = range(60)
SLOW = pytest.mark.slow


def check_program(program: Program, lanes: int, path: str | None = None) -> None:
    pair = Pair.of(program.to_bytes(), program.size, path)
    pair.check_codec(pair.items(2, lanes), a_message(lanes, lanes))
    pair.check_random_bits(2, a_message(lanes, lanes, words=1000))
    pair.check_chain(pair.items(6), lanes)
    pair.check_set(pair.items(7, seed=lanes), lanes, pair.theirs.levels == 2 and lanes % 2 == 0)


@pytest.mark.parametrize(
    "seed", [seed if seed % 2 == 0 else pytest.param(seed, marks=SLOW) for seed in SEEDS]
)
def test_programs_from_a_seed(seed: int) -> None:
    check_program(random_program(seed), 1 + seed % 5, SIMD_PATHS[seed % len(SIMD_PATHS)])


@given(programs(), st.sampled_from([1, 2, 3, 8]))
def test_programs_that_hypothesis_draws(program: Program, lanes: int) -> None:
    check_program(program, lanes)


@settings(max_examples=10)
@given(programs(), st.integers(1, 30), st.integers(1, 30))
def test_models_without_a_size_code_images_of_any(
    program: Program, rows: int, columns: int
) -> None:
    pair = Pair.of(program.to_bytes(), program.size)
    if pair.theirs.size is None:
        pair = Pair(pair.ours, pair.theirs, (rows, columns))
        pair.check_codec(pair.items(1), a_message(0, 2))


def test_programs_of_every_kind_are_among_them() -> None:
    seen: Counter[Any] = Counter()
    for seed in SEEDS:
        about = SpecModel.from_bytes(random_program(seed).to_bytes()).about
        seen[tuple(about["code"])] += 1
        seen["size" in about["variables"]["x"]] += 1
        seen.update("grid" in latent for latent in about["variables"].values())
        seen.update(of["codec"] for of in about["distributions"].values())
        seen.update(
            f"{of['codec']} of a latent"
            for key, of in about["distributions"].items()
            if not key.startswith("p(x")
        )
        for network in about["networks"].values():
            seen.update(layer["op"] for layer in network["layers"])
        seen["coupled"] += any(
            of["codec"] == "normal" and len(of["outputs"]) == COUPLED
            for of in about["distributions"].values()
        )
        seen["autoregressive without features"] += "groups" in about["distributions"].get(
            "p(x)", {}
        )
    wanted: list[Any] = [tuple(code) for code in CODES.values()]
    wanted += ["autoregressive", *DATA, *(f"{codec} of a latent" for codec in OF_LATENTS)]
    wanted += ["linear", "lookup_table", "conv", "add", "concat", "pixel_shuffle", "flatten"]
    wanted += ["image", "broadcast"]
    wanted += [True, False, "autoregressive without features", "coupled"]
    assert [kind for kind in wanted if not seen[kind]] == []
