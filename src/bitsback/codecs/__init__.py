"""Codecs: distributions, and the combinators that make one codec of several.

In the order in which to read them:

    codec               the protocol: push, pop and the two laws
    alphabets, categorical, discretised, gaussian_buckets, intervals
                        distributions of symbols
    combinators, conditional, multiset
                        codecs of several parts, independent or not, with an order or without
    bits_back           latent variables: prior, likelihood and posterior; layers of them
    check, push_traces  `check_codec`
"""

from bitsback.codecs.alphabets import Adaptive, Bernoulli, BernoulliTable, Uniform
from bitsback.codecs.bits_back import BitsBack, BitSwap, LatentMixture, TopDown
from bitsback.codecs.categorical import Categorical, CdfTable
from bitsback.codecs.check import check_codec
from bitsback.codecs.codec import Codec, one_form
from bitsback.codecs.combinators import Mapped, Named, OnLanes, Repeat, Serial
from bitsback.codecs.conditional import Autoregressive, ChainRule, Dependent
from bitsback.codecs.discretised import DiscretisedMixture, Logistic, Normal
from bitsback.codecs.gaussian_buckets import GaussianBuckets
from bitsback.codecs.intervals import FromCdf, Interval
from bitsback.codecs.multiset import Multiset

__all__ = [
    "Adaptive",
    "Autoregressive",
    "Bernoulli",
    "BernoulliTable",
    "BitSwap",
    "BitsBack",
    "Categorical",
    "CdfTable",
    "ChainRule",
    "Codec",
    "Dependent",
    "DiscretisedMixture",
    "FromCdf",
    "GaussianBuckets",
    "Interval",
    "LatentMixture",
    "Logistic",
    "Mapped",
    "Multiset",
    "Named",
    "Normal",
    "OnLanes",
    "Repeat",
    "Serial",
    "TopDown",
    "Uniform",
    "check_codec",
    "one_form",
]
