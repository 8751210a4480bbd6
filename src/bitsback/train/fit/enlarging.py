"""A larger twin that starts as what a smaller one has learned: the idea of Net2Net (Chen et al.
2016).
"""

import torch
from torch import Tensor, nn

from bitsback.train.twins.convolutions import ResidualTwin

LOWEST = {"encoder.": "up.0.hidden.", "mean.": "up.0.mean.", "scale.": "up.0.scale."}
"""How the names of parameters begin in a twin with one layer of latents, and in one with several,
where they are of that next to the image.
"""


def as_lowest(learned: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of a twin with one layer of latents by their names in one with several; those of
    the latter as they are.
    """
    renamed = {}
    for name, parameter in learned.items():
        for start, other in LOWEST.items():
            if name.startswith(start):
                name = other + name.removeprefix(start)
                break
        renamed[name] = parameter
    return renamed


@torch.no_grad()
def grow(twin: nn.Module, learned: dict[str, Tensor]) -> None:
    """Give `twin` the parameters `learned` by one of the same kind with fewer channels or residual
    layers.

    Both then compute the same: what is new reads what was there, and nothing that was there reads
    what is new. A residual layer that only `twin` has adds zeros.
    """
    for module in twin.modules():
        if isinstance(module, ResidualTwin):
            for parameter in module.parameters():
                parameter.zero_()
    for name, parameter in twin.named_parameters():
        if name not in learned:
            continue
        old = learned[name]
        if parameter.ndim == 2:
            parameter[: old.shape[0], old.shape[1] :] = 0
        parameter[tuple(slice(size) for size in old.shape)] = old
