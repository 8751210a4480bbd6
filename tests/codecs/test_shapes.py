"""All codecs of arrays take a shape, to which their parameters broadcast."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitsback import Message, MessageError
from bitsback.codecs import (
    Bernoulli,
    BernoulliTable,
    Categorical,
    CdfTable,
    DiscretisedMixture,
    GaussianBuckets,
    Logistic,
    Normal,
    Serial,
    check_codec,
)

SHAPED: dict[str, Callable[..., Any]] = {
    "bernoulli": lambda **of: Bernoulli(5, **of),
    "bernoulli of a probability": lambda **of: Bernoulli.from_probability([0.5, 0.25], **of),
    "bernoulli of a logit": lambda **of: Bernoulli.from_logits(0.5, **of),
    "bernoulli table": lambda **of: BernoulliTable(np.arange(1, 257), [[7], [9], [8]], **of),
    "categorical": lambda **of: Categorical([3, 1], 2, **of),
    "categorical of logits": lambda **of: Categorical.from_logits([[0.5, 1], [0, 2]], **of),
    "gaussian": lambda **of: GaussianBuckets(5, 2**16, 8, **of),
    "gaussian of floats": lambda **of: GaussianBuckets.from_float([0.1, 0.2], 0.5, 8, **of),
    "normal": lambda **of: Normal(5, 2**16, 9, **of),
    "logistic": lambda **of: Logistic.from_float(5, 2, 9, **of),
    "mixture": lambda **of: DiscretisedMixture([2**15, 2**15], [0, 500], 2**16, 9, **of),
    "mixture of floats": lambda **of: DiscretisedMixture.from_float(
        [1, 2], [0, 5], [1, 2], 9, **of
    ),
    "rows": lambda **of: CdfTable([[0, 1, 16], [0, 8, 16]], [0, 1], 4, **of),
}


@pytest.mark.parametrize("name", SHAPED)
def test_every_codec_of_arrays_takes_a_shape(name: str) -> None:
    codec = SHAPED[name](shape=(3, 2))
    assert (
        codec.shape == codec.pop(Message.random()).shape == codec.bits(np.zeros((3, 2), int)).shape
    )
    check_codec(codec, np.zeros((3, 2), int))
    other = SHAPED[name](shape=[3, 2])
    assert other == codec and isinstance(other.shape, tuple)


@pytest.mark.parametrize("name", [name for name in SHAPED if name != "categorical"])
def test_a_shape_that_does_not_fit_is_refused(name: str) -> None:
    given = np.shape(SHAPED[name]().pop(Message.random()))
    if given == ():
        return
    with pytest.raises(MessageError, match=r"shape \(5, 7\)|fit symbols of shape \(5, 7\)"):
        SHAPED[name](shape=(5, 7))


def test_a_shape_stays_when_none_is_given() -> None:
    assert Bernoulli(5).shape == () and Serial().codecs == ()
