"""The optimiser: Adam, and in some recipes Muon (Jordan et al. 2024) for the matrices of hidden
layers.
"""

from typing import Any

import torch
from torch import nn

OUTPUT_LAYERS = (
    "outputs.",
    "mean.",
    "mean_context.",
    "scale.",
)  # by the start of their names; they stay with Adam


class Optimiser:
    """Both take steps of similar size: Muon's are scaled to those of Adam (Liu et al. 2025)."""

    def __init__(self, module: nn.Module, rate: float, muon: bool) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in module.named_parameters():
            hidden = parameter.ndim == 2 and not name.startswith(OUTPUT_LAYERS)
            (matrices if muon and hidden else others).append(parameter)
        self.parts: list[torch.optim.Optimizer] = [torch.optim.Adam(others, lr=rate)]
        if matrices:
            muon_part = torch.optim.Muon(
                matrices, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
            )
            self.parts.append(muon_part)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.parts[0].param_groups[0]["lr"])

    def step(self, rate: float) -> None:
        """One step down the gradients, at this learning rate."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        for part, one in zip(self.parts, state, strict=True):
            part.load_state_dict(one)
