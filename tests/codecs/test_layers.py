"""Combinators of layers of latents and the core's programs give the same message for the same
items, in either order.
"""

from typing import Any

import numpy as np
import pytest

from agreement import a_message
from bitsback import Message
from bitsback.codecs import BitsBack, BitSwap, ChainRule, Codec
from bitsback.errors import MessageError
from bitsback.models import Model
from hierarchies import NAMES, bit_swap, hierarchy, plain

ITEMS = 5


def data(model: Model) -> Any:
    return np.random.default_rng(0).integers(0, model.levels, (ITEMS, model.pixels), np.uint8)


def of(model: Model, key: str) -> Any:
    """The function from the given symbols to the codec of a distribution."""

    def codec(*given: Any) -> Codec[Any]:
        values = dict(zip(model.keys[key].given, given, strict=True))
        return model.step_codec(key, values, ITEMS)

    return codec


@pytest.mark.parametrize("names", NAMES.values(), ids=list(NAMES))
def test_bit_swap_is_the_program_in_its_order(names: list[str]) -> None:
    model = Model.from_bytes(hierarchy(names, bit_swap(names)))
    pairs = list(zip(["x", *names], names, strict=False))
    codec = BitSwap(
        posteriors=[of(model, f"q({above}|{below})") for below, above in pairs],
        likelihoods=[of(model, f"p({below}|{above})") for below, above in pairs],
        prior=of(model, f"p({names[-1]})")(),
    )
    same(model, codec)


def test_bits_back_over_pairs_is_the_program_in_plain_order() -> None:
    names = NAMES["two"]
    model = Model.from_bytes(hierarchy(names, plain(names)))
    codec: BitsBack[Any, Any] = BitsBack(
        prior=ChainRule(of(model, "p(y)")(), of(model, "p(z|y)"), swapped=True),
        likelihood=lambda latents: of(model, "p(x|z)")(latents[0]),
        posterior=lambda x: ChainRule(of(model, "q(z|x)")(x), of(model, "q(y|z)")),
    )
    same(model, codec)


def test_bits_are_what_the_message_grows_by() -> None:
    """All latents are popped before anything is pushed, so that both draw the same ones."""
    names = NAMES["two"]
    model = Model.from_bytes(hierarchy(names, plain(names)))
    x, message = data(model), Message.random()
    codec = model.codec(ITEMS)
    codec.push(message, x)
    assert codec.bits(x).shape == (ITEMS,)
    assert abs(message.net_bits - codec.bits(x).sum()) < 0.1
    bound = model.bind([(ITEMS, model.shape_of())])
    assert bound.bits(x.reshape(-1)) == pytest.approx(codec.bits(x).sum(), abs=1e-9)


def same(model: Model, codec: Codec[Any]) -> None:
    x = data(model)
    ours, core = a_message(3, 4), a_message(3, 4)
    codec.push(ours, x)
    model.push(core, x, [(ITEMS, 1)])
    assert ours == core
    np.testing.assert_array_equal(codec.pop(ours), x)
    assert ours == a_message(3, 4)


def test_bit_swap_needs_no_more_than_the_first_layer_to_begin() -> None:
    """The bits popped for the layers above come from the bits pushed for the layers below."""
    names = NAMES["four"]
    code = {order: order(names) for order in (bit_swap, plain)}
    models = {order: Model.from_bytes(hierarchy(names, of)) for order, of in code.items()}
    lowest = {}
    for order, model in models.items():
        x, message = data(model), Message([2**32], depth=0)
        model.push(message, x, [(ITEMS, 1)])
        lowest[order] = message.depth
    assert (lowest[bit_swap] or 0) < (lowest[plain] or 0)


def test_a_layer_without_a_likelihood_is_refused() -> None:
    prior = of(Model.from_bytes(hierarchy(NAMES["two"], plain(NAMES["two"]))), "p(y)")()
    with pytest.raises(MessageError, match="each layer of latents, not 1 and 0"):
        BitSwap([lambda x: prior], [], prior)
