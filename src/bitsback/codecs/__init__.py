"""Codecs: a distribution each, and the combinators that make one of several."""

from bitsback.codecs.autoregressive import Autoregressive
from bitsback.codecs.base import Codec
from bitsback.codecs.bernoulli import Bernoulli, BernoulliTable
from bitsback.codecs.bit_swap import BitSwap
from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.categorical import Categorical
from bitsback.codecs.chain_rule import ChainRule
from bitsback.codecs.gaussian import Gaussian
from bitsback.codecs.mixture import Mixture
from bitsback.codecs.multiset import Multiset
from bitsback.codecs.rows import Rows
from bitsback.codecs.serial import Serial
from bitsback.codecs.uniform import Uniform

__all__ = [
    "Autoregressive",
    "Bernoulli",
    "BernoulliTable",
    "BitSwap",
    "BitsBack",
    "Categorical",
    "ChainRule",
    "Codec",
    "Gaussian",
    "Mixture",
    "Multiset",
    "Rows",
    "Serial",
    "Uniform",
]
