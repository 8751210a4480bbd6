"""A VAE of your own PyTorch modules, made portable: any machine reads its archives without torch.

A convolutional VAE is trained as usual, in floats, on most of the digits that ship with the lab.
`bitsback_train.portable` traces its networks, quantises them, reports the cost layer by layer, and
saves a model file. The other digits are compressed with it, and a process that cannot import torch
decodes them.

    python examples/portable_vae.py
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import bitsback
from bitsback_lab.digits import binarised_mnist_test_images
from bitsback_train import portable

LATENTS = 20


class Vae(nn.Module):
    """x: one channel of 28 x 28 pixels, 0 or 1. z: 20 numbers, each with the prior N(0, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(8, 16, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 2 * LATENTS),
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENTS, 16 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (16, 7, 7)),
            nn.ConvTranspose2d(16, 16, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(16, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def negative_elbo(self, x: Tensor) -> Tensor:
        """The negative ELBO of each image, in nats."""
        mean, log_scale = self.encoder(x).chunk(2, 1)
        scale = log_scale.exp()
        logits = self.decoder(mean + scale * torch.randn_like(scale))
        pixels = binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
        return pixels + ((mean**2 + scale**2 - 1) / 2 - log_scale).sum(1)


def train(images: NDArray[np.bool_], epochs: int) -> Vae:
    """Trains the VAE as usual, without any bitsback code."""
    vae = Vae()
    adam = torch.optim.Adam(vae.parameters(), lr=3e-3)
    x = torch.as_tensor(images, dtype=torch.float32)[:, None]
    steps = epochs * len(x.split(100))
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(epochs):
        for batch in x[torch.randperm(len(x))].split(100):
            adam.zero_grad()
            vae.negative_elbo(batch).mean().backward()
            adam.step()
            falling.step()
    return vae


def make_portable(vae: Vae, images: NDArray[np.bool_]) -> portable.PortableModel:
    """Describes the model: networks, variables, and the three steps of bits back."""
    return portable.build(
        networks={"encoder": vae.encoder, "decoder": vae.decoder},
        variables={
            "x": portable.Data((1, 28, 28), levels=2),
            "z": portable.Latent((LATENTS,)),
        },
        steps=[
            portable.pop("z", portable.Normal("encoder", given="x", spread="log_scale")),
            portable.push("x", portable.Bernoulli("decoder", given="z")),
            portable.push("z", portable.StandardNormal()),
        ],
        calibration=images,
    )


# The part of a machine without PyTorch.
READER = """
import sys
sys.modules["torch"] = None  # importing it fails from here on
import bitsback, numpy
numpy.save(sys.argv[2], bitsback.decompress(sys.argv[1]))
"""


def main(epochs: int = 8, coded: int = 2000) -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    images = binarised_mnist_test_images()
    taught, others = images[:-coded], images[-coded:]

    model = make_portable(train(taught, epochs), taught[:500])
    report = model.check(others)
    print(report)
    model.fine_tune(taught, steps=100)
    tuned = model.check(others, layers=False)

    with TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder / "own.safetensors")
        # On the command line:  bitsback compress digits.npy -m own.safetensors --embed always
        made = bitsback.compress(
            others, folder / "digits.bb", model=folder / "own.safetensors", embed="always"
        )
        paths = str(folder / "digits.bb"), str(folder / "back.npy")
        subprocess.run([sys.executable, "-c", READER, *paths], check=True)
        restored = np.load(folder / "back.npy")
    assert restored.dtype == others.dtype and np.array_equal(restored, others)

    rate = 8 * (made.bytes_out - made.model_bytes) / others.size
    print(f"\n{coded} digits that the model has not seen, restored bit for bit without torch")
    print(f"negative ELBO, floats    {report.float_elbo:.4f} bits per pixel")
    print(f"integers                 {report.code_length:.4f}")
    print(f"after fine-tuning        {tuned.code_length:.4f}")
    print(f"archive                  {rate:.4f}, and {made.model_bytes:,} bytes of model inside")


if __name__ == "__main__":
    main()
