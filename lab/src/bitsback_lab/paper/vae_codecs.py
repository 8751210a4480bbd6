"""The posterior and the likelihood of a VAE as public codecs, whose parameters can be changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Model
from bitsback.codecs import BernoulliTable, CdfTable, GaussianBuckets
from bitsback.models.distributions.elements import ElementDistribution

_MEAN_SHIFT = 8  # the network's means are in units of 2^-8, those of the codec in 2^-16


def posterior(model: Model, x: NDArray[Any]) -> GaussianBuckets:
    """q(z|x) of x [n, pixels], for a model with one latent."""
    mean, scale = model.posterior_parameters(x)
    fields: Any = _distribution(model, model.latent.name, "x").fields
    return GaussianBuckets(
        mean.astype(np.int32) << _MEAN_SHIFT,
        fields["inverse_scale"][scale],
        model.bits,
        fields["precision"],
    )


def likelihood(model: Model, z: NDArray[Any]) -> BernoulliTable | CdfTable:
    """p(x|z) of z [n, latents], for pixels of two levels or of a grid of distributions."""
    parameters = model.likelihood_parameters(z)
    family = _distribution(model, "x", model.latent.name).family
    assert family is not None
    precision = family.fields["precision"]
    if family.kind == "bernoulli":
        return BernoulliTable(family.fields["table"], parameters[0], precision)
    starts = family.fields["starts"]
    first, second = parameters
    index = first.astype(np.uint16) * np.uint16(starts.shape[1]) + second
    return CdfTable(starts.reshape(-1, starts.shape[2]), index, precision)


def _distribution(model: Model, variable: str, given: str) -> ElementDistribution:
    key = next(
        key
        for key, distribution_key in model.keys.items()
        if (distribution_key.variable, distribution_key.given) == (variable, (given,))
    )
    distribution = model.distributions[key]
    assert isinstance(distribution, ElementDistribution)
    return distribution
