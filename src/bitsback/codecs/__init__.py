"""Codecs: a distribution each, and the combinators that make one of several."""

from bitsback.codecs.adaptive import Adaptive
from bitsback.codecs.autoregressive import Autoregressive
from bitsback.codecs.base import Codec
from bitsback.codecs.bernoulli import Bernoulli, BernoulliTable
from bitsback.codecs.beta_binomial import BetaBinomial
from bitsback.codecs.bit_swap import BitSwap
from bitsback.codecs.bits_back import BitsBack
from bitsback.codecs.categorical import Categorical
from bitsback.codecs.chain_rule import ChainRule
from bitsback.codecs.check import check_codec
from bitsback.codecs.dependent import Dependent
from bitsback.codecs.forms import one_form
from bitsback.codecs.from_cdf import FromCdf
from bitsback.codecs.gaussian import Gaussian
from bitsback.codecs.hidden_markov import HiddenMarkov
from bitsback.codecs.interval import Interval
from bitsback.codecs.laplace import Laplace
from bitsback.codecs.latent_mixture import LatentMixture
from bitsback.codecs.logistic import Logistic
from bitsback.codecs.mapped import Mapped
from bitsback.codecs.mixture import Mixture
from bitsback.codecs.multiset import Multiset
from bitsback.codecs.named import Named
from bitsback.codecs.negative_binomial import NegativeBinomial
from bitsback.codecs.normal import Normal
from bitsback.codecs.on_lanes import OnLanes
from bitsback.codecs.poisson import Poisson
from bitsback.codecs.repeat import Repeat
from bitsback.codecs.rows import Rows
from bitsback.codecs.serial import Serial
from bitsback.codecs.top_down import TopDown
from bitsback.codecs.uniform import Uniform

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
