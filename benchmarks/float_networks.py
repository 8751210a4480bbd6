"""The float module of a bundled model of zeros and ones, computed in PyTorch or in NumPy."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors
import torch
from float_bb_ans import STEP, Floats, Pixels
from torch import Tensor, nn

from bitsback_train.layers.rounding import HIDDEN, LOGIT, MEAN, SCALE, Grid


class FloatVae(nn.Module):
    """A VAE with the weights of a file NAME-float.safetensors in recipes/, clamped as in
    training.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        with safetensors.safe_open(path, "pt") as file:
            build = json.loads(file.metadata()["bitsback-twin"])
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (no mapping)
        architecture, self.centre = build["architecture"], build["centre"]
        self.pixels, self.latents = architecture["pixels"], architecture["latents"]
        hidden = range(len(architecture["hidden"]))
        self.encoder = nn.Sequential(
            *(_layer(weights, f"encoder.layers.{i}", HIDDEN) for i in hidden)
        )
        self.decoder = nn.Sequential(
            *(_layer(weights, f"decoder.layers.{i}", HIDDEN) for i in hidden)
        )
        self.mean, self.scale = _layer(weights, "mean", MEAN), _layer(weights, "scale", SCALE)
        self.logit = _layer(weights, "logit", LOGIT)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each latent, [n, latents], for pixels [n, pixels]."""
        h = self.encoder(x - self.centre)
        return self.mean(h), torch.exp2(-self.scale(h))

    def likelihood(self, z: Tensor) -> Tensor:
        """The probability of a one for each pixel, [n, pixels], for latents [n, latents]."""
        return torch.sigmoid(self.logit(self.decoder(z)))


def _layer(weights: dict[str, Tensor], name: str, grid: Grid) -> nn.Sequential:
    weight, bias = weights[f"{name}.linear.weight"], weights[f"{name}.linear.bias"]
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": bias})
    return nn.Sequential(linear, nn.Hardtanh(grid.real_lo, grid.real_hi))


class TorchNetworks:
    """The networks in PyTorch, for some images at a time, by torch.compile if wanted."""

    def __init__(
        self,
        vae: FloatVae,
        dtype: torch.dtype = torch.float32,
        at_a_time: int = STEP,
        compiled: bool = False,
    ) -> None:
        vae = copy.deepcopy(vae).to(dtype)
        self.dtype, self.at_a_time = dtype, at_a_time
        self.posterior_network, self.likelihood_network = vae.posterior, vae.likelihood
        if compiled:
            self.posterior_network = torch.compile(vae.posterior)
            self.likelihood_network = torch.compile(vae.likelihood)

    @torch.inference_mode()
    def posterior(self, x: Pixels) -> tuple[Floats, Floats]:
        means, deviations = zip(
            *(self.posterior_network(part) for part in self._parts(x)), strict=True
        )
        return _array(means), _array(deviations)

    @torch.inference_mode()
    def likelihood(self, z: Floats) -> Floats:
        return _array(self.likelihood_network(part) for part in self._parts(z))

    def _parts(self, rows: Floats | Pixels) -> Iterable[Tensor]:
        return torch.split(torch.from_numpy(rows).to(self.dtype), self.at_a_time)


def _array(parts: Iterable[Tensor]) -> Floats:
    whole = torch.cat(list(parts))
    array: Floats = (
        whole.float() if whole.dtype == torch.bfloat16 else whole
    ).numpy()  # NumPy has no bfloat16
    return array


class NumpyNetworks:
    """The same weights and the same float32 operations in NumPy."""

    def __init__(self, vae: FloatVae) -> None:
        self.vae = vae

    def posterior(self, x: Pixels) -> tuple[Floats, Floats]:
        h = _in_numpy(self.vae.encoder, x.astype(np.float32) - np.float32(self.vae.centre))
        return _in_numpy(self.vae.mean, h), np.exp2(-_in_numpy(self.vae.scale, h))

    def likelihood(self, z: Floats) -> Floats:
        h = _in_numpy(self.vae.decoder, z.astype(np.float32))
        p: Floats = 1 / (1 + np.exp(-_in_numpy(self.vae.logit, h)))
        return p


def _in_numpy(layers: nn.Module, value: Floats) -> Floats:
    for layer in layers.modules():
        if isinstance(layer, nn.Linear):
            value = value @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        elif isinstance(layer, nn.Hardtanh):
            value = np.clip(value, np.float32(layer.min_val), np.float32(layer.max_val))
    return value
