"""Damaged and forged files give the right pixels or an error of bitsback's own, soon and with
little memory.
"""

import pytest

from fuzz.campaign import cases, run


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]
)
def test_mutations(seed: int) -> None:
    outcomes = run(cases(seed, 0, 320))
    assert outcomes["damage, refused"] > 50
    assert outcomes["forgery, refused"] > 50
    assert outcomes["metadata, refused"] > 10 and outcomes["metadata, whole"] > 4
    assert outcomes["model, refused"] > 30
    assert outcomes["repaired model, refused"] > 30
    assert outcomes["repaired model, whole"] > 0
