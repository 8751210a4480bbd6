"""Models of your own: turn `torch.nn.Module`s into a model file that needs no torch.

`build` traces the modules, quantises their layers by calibration data, and returns a model. Its
method `check` measures the cost, and `fine_tune` trains with rounding in the loop. `save` writes
the file that `bitsback compress -m` takes. docs/own-model.md explains it step by step.
"""

from bitsback_train.portable.build import LayerCost, PortableModel, Report, build
from bitsback_train.portable.distributions import (
    Bernoulli,
    Logistic,
    LogisticMixture,
    Normal,
    StandardNormal,
    Step,
    pop,
    push,
)
from bitsback_train.portable.torch_variables import Data, Latent

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
