"""The twin of a VAE with two layers of latents whose posterior goes from the top down: the lower
layer is inferred from the image and from the upper one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bitsback.train.quantise.rounding import HIDDEN, MEAN
from bitsback.train.twins.dense import DensePixelsTwin, LinearTwin, Mlp, normal_kl
from bitsback.train.twins.layered import NormalTwin


@dataclass(frozen=True)
class TopDownArchitecture:
    """Sizes of a dense VAE with the latents z1 and z2: q(z2 | x), q(z1 | x, z2) and
    p(x | z1, z2), with z1 counted in standard deviations of p(z1 | z2) from its mean.
    """

    pixels: int
    hidden: tuple[int, ...]
    """Hidden layers of each posterior; the likelihood has them backwards."""
    lower: int
    """Latents z1."""
    upper: int
    """Latents z2."""
    bits: int = 8
    """Of the buckets of all latents."""
    levels: int = 2
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        if not self.hidden:
            raise ValueError("a VAE needs at least one hidden layer")

    @property
    def latents(self) -> int:
        """Of both layers."""
        return self.lower + self.upper


class LowerTwin(nn.Module):
    """The network of q(z1 | x, z2): what the image makes hidden, and what z2 does, to means and
    scales.
    """

    def __init__(self, image: Mlp, width: int, upper: LinearTwin, latents: int) -> None:
        super().__init__()
        self.image = image
        self.upper = upper
        both = Mlp((width + upper.linear.out_features, width), HIDDEN)
        self.normal = NormalTwin(both, width, latents, MEAN)

    def forward(self, seen: Tensor, z2: Tensor) -> tuple[Tensor, Tensor]:
        """[b, pixels] and [b, upper] to means and log2 of the inverse standard deviations, each
        [b, lower].
        """
        mean, scale = self.normal(torch.cat((self.image(seen), self.upper(z2)), 1))
        return mean, scale


class TopDownTwin(DensePixelsTwin):
    """Posterior q(z2 | x) q(z1 | x, z2), diagonal normal; prior N(0, 1) of z2, and of z1 counted in
    standard deviations of p(z1 | z2) from its mean, which the likelihood p(x | z1, z2) makes of
    both what it likes. So all buckets have equal mass under the conditional prior.

    Source: Townsend et al. 2020 (HiLLoC), section 3.3; Soenderby et al. 2016 (ladder VAEs) for the
    order.
    """

    def __init__(self, architecture: TopDownArchitecture, centre: float = 0.0) -> None:
        super().__init__(architecture.bits)
        a = architecture
        self.architecture = a
        self.centre = centre
        self.see_pixels(a.levels)
        sizes, width = (a.pixels, *a.hidden), a.hidden[-1]
        self.top = NormalTwin(Mlp(sizes, self.pixel_grid, centre), width, a.upper, MEAN)
        self.lower = LowerTwin(
            Mlp(sizes, self.pixel_grid, centre), width,
            LinearTwin(a.upper, width, self.latent_grid, HIDDEN), a.lower,
        )  # fmt: skip
        self.decoder = Mlp((a.latents, *a.hidden[::-1]), self.latent_grid)
        self.make_outputs(a.likelihood, a.hidden[0], a.pixels)

    def held(self, z: Tensor) -> Tensor:
        """What networks are told of latents [b, latents]: the centres of their buckets."""
        return self.bucket(z) if self.quantised else z

    def likelihood(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, ...]:
        """Latents, as networks are told of them, to the outputs that the likelihood is made of,
        each [b, pixels].
        """
        return self.outputs_of(self.decoder(torch.cat((z1, z2), 1)))

    def sample(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z1 and z2 as networks are told of them, and the KL of each latent, [b, lower + upper], in
        nats, the lower ones first.

        x: symbols [b, pixels]. `noise` [b, lower + upper] is standard normal.
        """
        a, seen = self.architecture, self.image(x)
        below, above = torch.split(noise, [a.lower, a.upper], 1)
        mean, log2_inverse = self.top(seen)
        z2 = self.held(mean + torch.exp2(-log2_inverse) * above)
        of_upper = normal_kl(mean, log2_inverse)
        mean, log2_inverse = self.lower(seen, z2)
        z1 = self.held(mean + torch.exp2(-log2_inverse) * below)
        return z1, z2, torch.cat((normal_kl(mean, log2_inverse), of_upper), 1)

    def nats(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the negative ELBO of each item, [b], in nats, for one sample: -log
        p(x | z1, z2), and the KL of the normals themselves, which the buckets only lower.
        """
        z1, z2, kl = self.sample(x, noise)
        return self.pixel_likelihood.nats(x, *self.likelihood(z1, z2)), kl.sum(1)

    def latent_nats(self, x: Tensor) -> Tensor:
        noise = torch.randn(
            len(x), self.architecture.latents, generator=torch.Generator().manual_seed(0)
        )
        return self.sample(x, noise)[2]
