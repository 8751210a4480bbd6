"""The same weights in another order give the same information and another start."""

import numpy as np
from code_length import code
from layers import changed, in_plain_order

from bitsback.models import Model
from hierarchies import NAMES, bit_swap, hierarchy


def test_both_orders_of_the_same_weights() -> None:
    names = NAMES["four"]
    swap = Model.from_bytes(hierarchy(names, bit_swap(names)))
    plain = in_plain_order(swap)
    assert [step.pops for step in plain.code] == [True] * 4 + [False] * 5
    assert {str(step) for step in plain.code} == {str(step) for step in swap.code}
    assert plain.tensors is swap.tensors


def test_what_is_counted_is_what_the_message_holds() -> None:
    """In a long block of batches of one item, start-up costs little in any order."""
    names = NAMES["two"]
    swap = Model.from_bytes(hierarchy(names, bit_swap(names), channels=1))
    x = np.random.default_rng(0).integers(0, swap.levels, (60, swap.pixels), np.uint8)
    for model in (swap, in_plain_order(swap)):
        coded = code(changed(model, growth=1), x, lanes=1)
        assert 0 <= coded.start_up < 200
        assert coded.information > 8 * coded.message_bytes - 500
