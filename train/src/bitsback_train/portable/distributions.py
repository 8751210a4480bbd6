"""A user's description of a model's distributions: the network of their parameters, and the meaning
of these.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from bitsback.errors import InputError
from bitsback_train.layers.network_writer import Tensors
from bitsback_train.layers.operations import Function, scaling
from bitsback_train.layers.rounding import LOGIT, MEAN, SCALE, Grid
from bitsback_train.network import mixtures
from bitsback_train.network.exact_tables import (
    PROBABILITY_BITS,
    exponentials,
    inverse_scales,
    probabilities,
)
from bitsback_train.network.likelihoods import LN2
from bitsback_train.network.mixtures import PRECISION
from bitsback_train.portable.torch_variables import Data, Latent

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)

Spread = Literal["log_scale", "log_variance", "scale"]


@dataclass(frozen=True)
class Output:
    """One of the parameters. `function`: from the output of the user's network to the parameter of
    the format; `grid`: of the latter. `relative`: only differences matter, so the greatest of the
    calibration data becomes 0. `constant`: it is no output of the user's network, but always 0.
    """

    name: str
    function: Function
    grid: Grid
    relative: bool = False
    constant: bool = False


def log2_inverse(spread: Spread, shift: float = 0.0) -> Function:
    """log2 of the inverse of the scale, plus `shift`."""
    if spread == "scale":
        return Function(lambda value: shift - torch.log2(value.clamp(min=1e-12)))
    if spread not in ("log_scale", "log_variance"):
        raise InputError(f"spread is 'log_scale', 'log_variance' or 'scale', not {spread!r}")
    return scaling(-1 / (LN2 if spread == "log_scale" else 2 * LN2), shift)


Variable = Data | Latent


class Distribution:
    """A distribution of a variable, given others through a network."""

    network: str | None
    given: tuple[str, ...]
    components = 1

    @abstractmethod
    def outputs(self, variable: Variable) -> list[Output]:
        """The parameters, in the order in which the network returns them. Raises InputError for a
        variable that cannot have this distribution.
        """

    @abstractmethod
    def nats(self, variable: Variable, value: Tensor, *parameters: Tensor) -> Tensor:
        """-log p of real values [b, ...], of their shape. parameters: after `function`, [b, ...,
        components].
        """

    @abstractmethod
    def described(self, variable: Variable) -> dict[str, Any]:
        """Its codec in the description."""

    def tensors(self, variable: Variable) -> Tensors:
        """The tensors, by their names without that of the network."""
        return {}

    def sample(self, noise: Tensor, *parameters: Tensor) -> Tensor:
        """A latent, for standard normal noise."""
        raise InputError(f"a latent cannot be popped with {type(self).__name__}; use Normal")


@dataclass(frozen=True)
class StandardNormal(Distribution):
    """N(0, 1) for each number of a latent, as its prior.

    >>> from bitsback_train import portable
    >>> portable.push("z", portable.StandardNormal()).variable
    'z'
    """

    network: None = None
    given: tuple[str, ...] = ()

    def outputs(self, variable: Variable) -> list[Output]:
        if isinstance(variable, Data):
            raise InputError("StandardNormal is for latents, not for the data")
        return []

    def nats(self, variable: Variable, value: Tensor, *parameters: Tensor) -> Tensor:
        return 0.5 * value.square() + _HALF_LOG_TAU

    def described(self, variable: Variable) -> dict[str, Any]:
        return {"codec": "uniform"}


class Conditional(Distribution):
    """A distribution with parameters from a network."""

    def __init__(self, network: str, given: str | tuple[str, ...]) -> None:
        self.network = network
        self.given = (given,) if isinstance(given, str) else tuple(given)


class Normal(Conditional):
    """A diagonal normal for a latent, or a discretised one for the data.

    The network returns the mean and a spread: two tensors, or one with twice the channels. `spread`
    says whether that is the logarithm of the standard deviation or of the variance, or the standard
    deviation itself.

    `given`: the variables that the network reads, in the order of its arguments. For a latent the
    standard deviation is clamped to 2^-7 ... 2. The mean is clamped to -8 ... 8, or -4 ... 4 on a
    fixed grid.

    >>> from bitsback_train import portable
    >>> portable.Normal("encoder", given="x", spread="log_variance").network
    'encoder'
    """

    buckets = True
    """Whether the latent has buckets of N(0, 1) or lies on a fixed grid, which its prior
    determines.
    """

    def __init__(
        self, network: str, given: str | tuple[str, ...], spread: Spread = "log_scale"
    ) -> None:
        super().__init__(network, given)
        self.spread = spread

    def outputs(self, variable: Variable) -> list[Output]:
        if isinstance(variable, Data):
            return of_symbols(variable, self.spread)
        mean = MEAN if self.buckets else replace(MEAN, zero=1024, lo=0)
        return [
            Output("mean", scaling(1.0, 0.0), mean),
            Output("scale", log2_inverse(self.spread), SCALE),
        ]

    def nats(self, variable: Variable, value: Tensor, *parameters: Tensor) -> Tensor:
        mean, log2_inverse = (each[..., 0] for each in parameters)
        if isinstance(variable, Latent):
            apart = (value - mean) * torch.exp2(log2_inverse)
            return 0.5 * apart.square() + _HALF_LOG_TAU - LN2 * log2_inverse
        return discretised(variable, value, torch.special.ndtr, *parameters)

    def sample(self, noise: Tensor, *parameters: Tensor) -> Tensor:
        mean, log2_inverse = (each[..., 0] for each in parameters)
        return mean + torch.exp2(-log2_inverse) * noise

    def described(self, variable: Variable) -> dict[str, Any]:
        if isinstance(variable, Data):
            return {"codec": "normal", "precision": PRECISION, "mean_shift": mean_shift(variable)}
        if self.buckets:
            return {"codec": "gaussian", "precision": PRECISION}
        return {"codec": "normal", "precision": PRECISION, "mean_shift": variable.mean_shift}

    def tensors(self, variable: Variable) -> Tensors:
        if isinstance(variable, Data):
            return {"inverse_scale": inverse_scales(scale_zero(variable), 16)}
        if self.buckets:
            return {"inverse_scale": inverse_scales()}
        return {"inverse_scale": inverse_scales(unit=16 - variable.mean_shift)}


class Bernoulli(Conditional):
    """Data of two levels. The network returns the logit of a one, or with parameter='probability'
    its probability.

    >>> from bitsback_train import portable
    >>> portable.push("x", portable.Bernoulli("decoder", given="z")).distribution.given
    ('z',)
    """

    def __init__(
        self,
        network: str,
        given: str | tuple[str, ...],
        parameter: Literal["logit", "probability"] = "logit",
    ) -> None:
        super().__init__(network, given)
        self.parameter = parameter

    def outputs(self, variable: Variable) -> list[Output]:
        if isinstance(variable, Latent) or variable.levels != 2:
            raise InputError("Bernoulli is for data of two levels")
        function = Function(_logit) if self.parameter == "probability" else scaling(1.0, 0.0)
        return [Output("logit", function, LOGIT)]

    def nats(self, variable: Variable, value: Tensor, *parameters: Tensor) -> Tensor:
        assert isinstance(variable, Data)
        logit = parameters[0][..., 0]
        one = symbols(variable, value).to(logit.dtype)
        return functional.binary_cross_entropy_with_logits(logit, one, reduction="none")

    def described(self, variable: Variable) -> dict[str, Any]:
        return {"codec": "bernoulli", "precision": PROBABILITY_BITS}

    def tensors(self, variable: Variable) -> Tensors:
        return {"probability": probabilities()}


class Logistic(Conditional):
    """A discretised logistic for the data, in their real numbers. The network returns the mean and,
    depending on `spread`, the scale: two tensors, or one with twice the channels. The mean is
    clamped to four times the range of the data on either side, or to 65,536 symbols for more than
    16,384 levels.

    Source: Kingma et al. 2016 (IAF), section 6.1.

    >>> from bitsback_train import portable
    >>> portable.Logistic("decoder", given="z").spread
    'log_scale'
    """

    def __init__(
        self, network: str, given: str | tuple[str, ...], spread: Spread = "log_scale"
    ) -> None:
        super().__init__(network, given)
        self.spread = spread

    def outputs(self, variable: Variable) -> list[Output]:
        weight = Output("weight", scaling(1.0, 0.0), mixtures.WEIGHT, constant=True)
        return [weight, *of_symbols(variable, self.spread)]

    def nats(self, variable: Variable, value: Tensor, *parameters: Tensor) -> Tensor:
        assert isinstance(variable, Data)
        return discretised(variable, value, torch.sigmoid, *parameters[-2:])

    def described(self, variable: Variable) -> dict[str, Any]:
        assert isinstance(variable, Data)
        return {"codec": "mixture", "precision": PRECISION, "mean_shift": mean_shift(variable)}

    def tensors(self, variable: Variable) -> Tensors:
        assert isinstance(variable, Data)
        return {
            "exponential": exponentials(),
            "inverse_scale": inverse_scales(scale_zero(variable), 16),
        }


class LogisticMixture(Logistic):
    """A mixture of discretised logistics.

    The network returns logits of the weights, means, and scales. They are three tensors with
    `components` channels for each channel of the data, in the order of these. Or they are one
    tensor with the channels of all three.

    Source: Salimans et al. 2017 (PixelCNN++), section 2.1.

    >>> from bitsback_train import portable
    >>> portable.LogisticMixture("decoder", given="z", components=5).components
    5
    """

    def __init__(
        self,
        network: str,
        given: str | tuple[str, ...],
        components: int,
        spread: Spread = "log_scale",
    ) -> None:
        super().__init__(network, given, spread)
        if not 1 <= components <= 32:
            raise InputError(f"a mixture has 1 to 32 components, not {components}")
        self.components = components

    def outputs(self, variable: Variable) -> list[Output]:
        weight = Output("weight", scaling(1.0, 0.0), mixtures.WEIGHT, relative=True)
        return [weight, *of_symbols(variable, self.spread)]

    def nats(self, variable: Variable, value: Tensor, *parameters: Tensor) -> Tensor:
        assert isinstance(variable, Data)
        weight, mean, log2_inverse = parameters
        return discretised(variable, value, torch.sigmoid, mean, log2_inverse, weight)


@dataclass(frozen=True)
class Step:
    """One line of a model's code, made by `pop` or `push`.

    >>> from bitsback_train import portable
    >>> portable.Step("z", portable.StandardNormal()) == portable.push(
    ...     "z", portable.StandardNormal()
    ... )
    True
    """

    variable: str
    distribution: Distribution
    pops: bool = field(default=False)


def pop(variable: str, distribution: Distribution) -> Step:
    """Pops a latent under its posterior.

    >>> from bitsback_train import portable
    >>> portable.pop("z", portable.Normal("encoder", given="x")).pops
    True
    """
    return Step(variable, distribution, True)


def push(variable: str, distribution: Distribution) -> Step:
    """Pushes the data under their likelihood, or a latent under its prior.

    >>> from bitsback_train import portable
    >>> portable.push("z", portable.StandardNormal()).pops
    False
    """
    return Step(variable, distribution, False)


def _logit(probability: Tensor) -> Tensor:
    return torch.logit(probability, eps=1e-7)


_LEAST_ZERO, _MOST_ZERO = 96, 240  # keeps the inverse scales of a symbol within 2^-15 ... 2^10


def of_symbols(variable: Data | Latent, spread: Spread) -> list[Output]:
    """Mean and scale of a distribution over symbols, in units of these."""
    if isinstance(variable, Latent):
        raise InputError("logistics are for the data; use Normal for a latent")
    unit = (variable.high - variable.low) / (variable.levels - 1)
    mean = Grid(2.0 ** (8 - mean_shift(variable)), 0, -(2**15), 2**15 - 1)
    scale = replace(mixtures.SCALE, zero=scale_zero(variable))
    return [
        Output("mean", scaling(1 / unit, -variable.low / unit), mean),
        Output("scale", log2_inverse(spread, math.log2(unit)), scale),
    ]


def mean_shift(variable: Data) -> int:
    """The shift of means: as fine as 16 bits allow for four times the range of the data on either
    side.

    A network expresses certainty of the end of the range by a mean far beyond it.
    """
    return next(n for n in range(10) if n == 9 or 4 * variable.levels <= 2 ** (7 + n))


def scale_zero(variable: Data) -> int:
    """The zero of scales: the index whose inverse scale is one symbol."""
    return min(max(16 * (round(math.log2(variable.levels)) + 1), _LEAST_ZERO), _MOST_ZERO)


def symbols(variable: Data, value: Tensor) -> Tensor:
    return variable.grid.integers(value)


def discretised(
    variable: Data,
    value: Tensor,
    cumulative: Any,
    mean: Tensor,
    log2_inverse: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """The probability with the codec's floor of 2^-24, and the tails at the ends of the range."""
    x = symbols(variable, value)[..., None]
    inverse = torch.exp2(log2_inverse)
    above, below = (x + 0.5 - mean) * inverse, (x - 0.5 - mean) * inverse
    # above 0, the difference of upper tails avoids cancellation
    flip = (above + below) > 0
    above, below = torch.where(flip, -below, above), torch.where(flip, -above, below)
    first, last = x <= 0, x >= variable.levels - 1
    tail_above = torch.where(flip, first, last)
    tail_below = torch.where(flip, last, first)
    up = torch.where(tail_above, torch.ones_like(above), cumulative(above))
    low = torch.where(tail_below, torch.zeros_like(below), cumulative(below))
    p = up - low
    if weight is not None:
        p = p * torch.softmax(weight, -1)
    whole = p.sum(-1).clamp(min=0.0)
    return -torch.log(whole * (1 - variable.levels * 2.0**-PRECISION) + 2.0**-PRECISION)
