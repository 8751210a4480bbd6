"""Codecs: a distribution each, and the combinators that make one of several."""

from bitsback.codecs.alphabets import Adaptive, Bernoulli, BernoulliTable, Uniform
from bitsback.codecs.bits_back import BitsBack, BitSwap, LatentMixture, TopDown
from bitsback.codecs.categorical import Categorical, Rows
from bitsback.codecs.check import check_codec
from bitsback.codecs.codec import Codec, one_form
from bitsback.codecs.combinators import Mapped, Named, OnLanes, Repeat, Serial
from bitsback.codecs.conditional import Autoregressive, ChainRule, Dependent
from bitsback.codecs.counts import BetaBinomial, NegativeBinomial, Poisson
from bitsback.codecs.discretised import Laplace, Logistic, Mixture, Normal
from bitsback.codecs.gaussian_buckets import Gaussian
from bitsback.codecs.hidden_markov import HiddenMarkov
from bitsback.codecs.intervals import FromCdf, Interval
from bitsback.codecs.multiset import Multiset

__all__ = [
    "Adaptive",
    "Autoregressive",
    "Bernoulli",
    "BernoulliTable",
    "BetaBinomial",
    "BitSwap",
    "BitsBack",
    "Categorical",
    "ChainRule",
    "Codec",
    "Dependent",
    "FromCdf",
    "Gaussian",
    "HiddenMarkov",
    "Interval",
    "Laplace",
    "LatentMixture",
    "Logistic",
    "Mapped",
    "Mixture",
    "Multiset",
    "Named",
    "NegativeBinomial",
    "Normal",
    "OnLanes",
    "Poisson",
    "Repeat",
    "Rows",
    "Serial",
    "TopDown",
    "Uniform",
    "check_codec",
    "one_form",
]
