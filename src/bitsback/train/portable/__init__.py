"""Models of your own: `torch.nn.Module`s become a model file that needs no torch.

`build` traces the modules, puts their layers on integers by calibration data, and writes a model;
its `check` says what that costs, `fine_tune` trains with the rounding in the loop, and `save`
writes the file that `bitsback compress -m` takes. docs/own-model.md is the walk through it.
"""

from bitsback.train.portable.build import LayerCost, PortableModel, Report, build
from bitsback.train.portable.distributions import (
    Bernoulli,
    Logistic,
    LogisticMixture,
    Normal,
    StandardNormal,
    Step,
    pop,
    push,
)
from bitsback.train.portable.torch_variables import Data, Latent

__all__ = [
    "Bernoulli",
    "Data",
    "Latent",
    "LayerCost",
    "Logistic",
    "LogisticMixture",
    "Normal",
    "PortableModel",
    "Report",
    "StandardNormal",
    "Step",
    "build",
    "pop",
    "push",
]
