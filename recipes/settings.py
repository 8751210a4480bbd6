"""The settings of the recipes of VAEs, by name. `run.py` runs one.

The times are those of one core. The same machine and the same PyTorch give the same weights.
"""

from dataclasses import dataclass, replace

from gate import Gate

from bitsback_train.export.exporter import Card
from bitsback_train.fit.training import Recipe, last_part
from bitsback_train.network.context import ContextArchitecture
from bitsback_train.network.dense import Architecture

DIGITS = (28, 28)


@dataclass(frozen=True)
class Vae:
    """A VAE of digits. Its data are MNIST's files, or similar ones, in the folder --data."""

    about: str
    parts: tuple[Recipe, ...]
    """The parts of the training, in order; each starts from the best weights of the one before it,
    grown if it is larger.
    """
    last: Recipe | None = None
    """Continues the training of the parts with rounding; the float model skips it."""
    licence: str = "CC-BY-SA-3.0"
    validation: int = 5_000
    """The number of validation images, the last ones, which no training uses and which decide all
    choices.
    """
    float_seed: int = 1
    drop_idle_latents: bool = False
    gate: Gate | None = None
    """Flat contexts have a network of their own, which is trained at the end."""

    def card(self, name: str) -> Card:
        return Card(name, self.about, self.licence, DIGITS)


# Dense VAEs of digits. The -paper ones have the paper's sizes, so unused latents stay.

MNIST_PAPER = Recipe(
    "mnist-paper", Architecture(784, (200,), 50, 8, 256, "beta-binomial"), epochs=180,
    quantise_from=100,
)  # fmt: skip
MNIST_BINARY_PAPER = Recipe(
    "mnist-binary-paper", Architecture(784, (100,), 40, 8), epochs=350, quantise_from=200
)
MNIST_FIRST = replace(
    MNIST_PAPER, name="mnist-first", quantise_from=None,
    architecture=Architecture(784, (256, 128), 32, 8, 256, "exponential"),
)  # fmt: skip
MNIST = replace(
    MNIST_FIRST, name="mnist", epochs=270, quantise_from=220, constant=0.5, shifted=0.5,
    learning_rate=1e-3, kl_warm_up=0,
)  # fmt: skip
MNIST_BINARY_FIRST = replace(
    MNIST_BINARY_PAPER, name="mnist-binary-first", quantise_from=None,
    architecture=Architecture(784, (256, 128), 32, 8),
)  # fmt: skip
MNIST_BINARY_SECOND = replace(
    MNIST_BINARY_FIRST, name="mnist-binary-second", epochs=300, constant=1.0, shifted=0.5,
    learning_rate=1e-3, kl_warm_up=0,
)  # fmt: skip
MNIST_BINARY = replace(
    MNIST_BINARY_SECOND, name="mnist-binary", quantise_from=150, constant=0.0, shifted=0.0
)

# Context VAEs.

CONTEXT_SMALL_FIRST = Recipe(
    "mnist-context-small-first",
    ContextArchitecture(
        DIGITS, latents=8, bits=8, levels=256, above=5, side=5, features=12, hidden=64, residuals=5,
        components=8, channels=(4, 8), dense=12,
    ),
    epochs=14, quantise_from=None, batch=50, kl_warm_up=5, validate_every=2, muon=True,
)  # fmt: skip
CONTEXT_SMALL = replace(
    CONTEXT_SMALL_FIRST, name="mnist-context-small", epochs=22, constant=0.5, shifted=0.5,
    learning_rate=1e-3, kl_warm_up=0,
)  # fmt: skip
CONTEXT_GREY = Recipe(
    "mnist-context",
    ContextArchitecture(
        DIGITS, latents=10, bits=8, levels=256, above=6, side=6, features=16, hidden=96,
        residuals=6, components=8, channels=(6, 12), dense=16,
    ),
    epochs=30, quantise_from=None, batch=50, kl_warm_up=5, validate_every=2, muon=True,
    constant=0.6, shifted=0.5, learning_rate=1.5e-3,
)  # fmt: skip
FASHION_SIZES = ContextArchitecture(
    DIGITS, latents=32, bits=8, levels=256, above=4, side=4, features=72, hidden=64, residuals=3,
    components=8,
)  # fmt: skip
FASHION_FIRST = Recipe(
    "fashion-mnist-context-first", FASHION_SIZES, epochs=26, quantise_from=None, batch=50,
    kl_warm_up=8, validate_every=2,
)  # fmt: skip
FASHION_SECOND = replace(
    FASHION_FIRST, name="fashion-mnist-context-second",
    architecture=replace(FASHION_SIZES, residuals=5), epochs=14, learning_rate=1.5e-3, kl_warm_up=0,
    muon=True,
)  # fmt: skip
FASHION = replace(
    FASHION_SECOND, name="fashion-mnist-context", epochs=24, constant=0.5, shifted=0.5,
    learning_rate=1e-3,
)  # fmt: skip
BINARY_CONTEXT_FIRST = Recipe(
    "mnist-binary-context-first",
    ContextArchitecture(
        DIGITS, latents=32, bits=8, levels=2, above=7, side=7, features=36, hidden=96, residuals=4,
        encoder_residuals=1, decoder_residuals=2,
    ),
    epochs=60, quantise_from=None, batch=50, kl_warm_up=8, validate_every=2, muon=True,
)  # fmt: skip
BINARY_CONTEXT_SECOND = replace(
    BINARY_CONTEXT_FIRST, name="mnist-binary-context-second", epochs=32, learning_rate=1.5e-3,
    constant=0.25, kl_warm_up=0,
)  # fmt: skip
BINARY_CONTEXT_THIRD = replace(
    BINARY_CONTEXT_SECOND, name="mnist-binary-context-third", epochs=36, constant=1.0, shifted=0.5,
    learning_rate=1e-3,
)  # fmt: skip
BINARY_CONTEXT = replace(
    BINARY_CONTEXT_THIRD, name="mnist-binary-context", epochs=24, constant=0.0, shifted=0.0
)


def context(about: str, *parts: Recipe, licence: str = "CC-BY-SA-3.0") -> Vae:
    """A context VAE that ends with a little rounding."""
    return Vae(
        about, parts, last_part(parts[-1]), licence, validation=2_000, drop_idle_latents=True,
        gate=Gate(),
    )  # fmt: skip


RECIPES: dict[str, Vae] = {
    "mnist": Vae(  # 75 minutes
        "grey handwritten digits of 28x28 pixels, a fast dense VAE trained on MNIST",
        (MNIST_FIRST, MNIST), float_seed=2, drop_idle_latents=True,
    ),
    "mnist-paper": Vae(  # 20 minutes
        "grey handwritten digits of 28x28 pixels, the VAE of Townsend, Bird, Barber 2019"
        " (784-200-50)",
        (MNIST_PAPER,), float_seed=2,
    ),
    "mnist-binary": Vae(  # 55 minutes
        "bilevel handwritten digits of 28x28 pixels, a fast dense VAE trained on binarised MNIST",
        (MNIST_BINARY_FIRST, MNIST_BINARY_SECOND, MNIST_BINARY), drop_idle_latents=True,
    ),
    "mnist-binary-paper": Vae(  # 8 minutes
        "bilevel handwritten digits of 28x28 pixels, the VAE of Townsend, Bird, Barber 2019"
        " (784-100-40)",
        (MNIST_BINARY_PAPER,),
    ),
    "mnist-binary-context": context(  # 110 minutes on two cores, with --threads 2, then 120
        "bilevel handwritten digits of 28x28 pixels, a context VAE trained on MNIST binarised at"
        " random",
        BINARY_CONTEXT_FIRST, BINARY_CONTEXT_SECOND, BINARY_CONTEXT_THIRD, BINARY_CONTEXT,
    ),
    "mnist-context": context(  # 75 minutes
        "grey handwritten digits of 28x28 pixels, a context VAE trained on MNIST", CONTEXT_GREY,
    ),
    "mnist-context-small": context(  # 70 minutes
        "grey handwritten digits of 28x28 pixels, a small context VAE trained on MNIST, to put into"
        " archives",
        CONTEXT_SMALL_FIRST, CONTEXT_SMALL,
    ),
    "fashion-mnist-context": context(  # two hours
        "grey pictures of clothes of 28x28 pixels, a context VAE trained on Fashion-MNIST",
        FASHION_FIRST, FASHION_SECOND, FASHION, licence="MIT",
    ),
}  # fmt: skip
