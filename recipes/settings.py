"""The settings of all recipes, by name. `run.py` runs one.

The times are those of one core. The same machine and the same PyTorch give the same weights.
"""

from dataclasses import dataclass, replace

from crops import VOLUME, Crop, Kind
from gate import Gate
from material import Cifar, Folders, Material, Pages, Sampled

from bitsback_train.export.exporter import Card
from bitsback_train.fit.pixel_training import pixel_recipe
from bitsback_train.fit.training import Recipe, last_part
from bitsback_train.network.context import ContextArchitecture
from bitsback_train.network.dense import Architecture
from bitsback_train.network.pixel_predictor import LinearPredictor, Places, PredictiveArchitecture

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


@dataclass(frozen=True)
class SizeAgnostic:
    """A model of pixels, for images of any size."""

    about: str
    licence: str
    parts: tuple[Recipe, ...]
    """The parts in turn; each starts from the averaged weights of the one before it."""
    material: Material
    levels: int = 65_536
    weights_seed: int | None = None
    """Seed for the initial weights; None for the seed of the recipe."""
    last_weights: bool = False
    """Whether the model has the last weights rather than those with the least validation loss."""

    def card(self, name: str) -> Card:
        return Card(name, self.about, self.licence)


# Dense VAEs of digits. The -paper ones have the paper's sizes, so unused latents stay.

MNIST = Recipe(
    "mnist", Architecture(784, (256, 128), 32, 8, 256, "exponential"), epochs=180, quantise_from=100
)
MNIST_BINARY = Recipe(
    "mnist-binary", Architecture(784, (256, 128), 32, 8), epochs=350, quantise_from=200
)
MNIST_PAPER = replace(
    MNIST, name="mnist-paper", architecture=Architecture(784, (200,), 50, 8, 256, "beta-binomial")
)
MNIST_BINARY_PAPER = replace(
    MNIST_BINARY, name="mnist-binary-paper", architecture=Architecture(784, (100,), 40, 8)
)

# Context VAEs.

CONTEXT = ContextArchitecture(
    DIGITS, latents=32, bits=8, levels=256, above=4, side=4, features=72, hidden=64, residuals=6,
    components=8,
)  # fmt: skip
CONTEXT_FIRST = Recipe(
    "mnist-context-first", replace(CONTEXT, residuals=3), epochs=30, quantise_from=24, batch=50,
    kl_warm_up=8, validate_every=2,
)  # fmt: skip
CONTEXT_SECOND = replace(
    CONTEXT_FIRST, name="mnist-context-second", architecture=CONTEXT, epochs=22, quantise_from=None,
    learning_rate=1.5e-3, kl_warm_up=0,
)  # fmt: skip
CONTEXT_LAST = replace(CONTEXT_SECOND, name="mnist-context", epochs=16, muon=True)
CONTEXT_SMALL = Recipe(
    "mnist-context-small",
    ContextArchitecture(
        DIGITS, latents=8, bits=8, levels=256, above=5, side=5, features=12, hidden=64, residuals=5,
        components=8, channels=(4, 8), dense=12,
    ),
    epochs=14, quantise_from=None, batch=50, kl_warm_up=5, validate_every=2, muon=True,
)  # fmt: skip
FASHION_FIRST = replace(
    CONTEXT_FIRST, name="fashion-mnist-context-first", epochs=26, quantise_from=None
)
FASHION = replace(
    FASHION_FIRST, name="fashion-mnist-context", architecture=replace(CONTEXT, residuals=5),
    epochs=14, learning_rate=1.5e-3, kl_warm_up=0, muon=True,
)  # fmt: skip
BINARY_CONTEXT_FIRST = Recipe(
    "mnist-binary-context-first",
    ContextArchitecture(
        DIGITS, latents=32, bits=8, levels=2, above=7, side=7, features=36, hidden=96, residuals=4,
        encoder_residuals=1, decoder_residuals=2,
    ),
    epochs=60, quantise_from=None, batch=50, kl_warm_up=8, validate_every=2, muon=True,
)  # fmt: skip
BINARY_CONTEXT = replace(
    BINARY_CONTEXT_FIRST, name="mnist-binary-context", epochs=32, learning_rate=1.5e-3,
    constant=0.25, kl_warm_up=0,
)  # fmt: skip

# 60 more epochs from mnist-binary-context-float.safetensors, since the loss of training images had
# fallen below that of validation images.
BINARY_CONTEXT_SHIFTED = replace(
    BINARY_CONTEXT, name="mnist-binary-context-shifted", epochs=60, constant=0.6, shifted=0.5,
    learning_rate=1e-3,
)  # fmt: skip


def context(about: str, *parts: Recipe, licence: str = "CC-BY-SA-3.0") -> Vae:
    """A context VAE that ends with a little rounding."""
    return Vae(
        about, parts, last_part(parts[-1]), licence, validation=2_000, drop_idle_latents=True,
        gate=Gate(),
    )  # fmt: skip


# Size-agnostic models.

UNIVERSAL = PredictiveArchitecture()
SMALL, LARGE, TINY = Crop(6, 96), Crop(10, 128), Crop(1, 96)
UNIVERSAL_FOLDERS = Folders(
    photos=tuple(f"patches_{number:02}.webp" for number in range(1, 12)),
    photo_part=0.3,
    photo_share=0.6,
    others=(
        Sampled(
            (
                Kind("med16", 3, LARGE),
                Kind("micro16", 6, LARGE),
                Kind("grey8", 3, LARGE),
                Kind(VOLUME, 8, LARGE),
                Kind("multi", 6, LARGE),
            ),
            pixels=15_000,
            part=0.5,
            rounds=2,
        ),
        Sampled((Kind("graphics", 3, TINY), Kind("aerial", 10, TINY)), pixels=3_000, part=0.5),
    ),
    start_photos="patches_00.webp",
    start_others=tuple(
        Kind(name, 1, SMALL) for name in ("med16", "micro16", "grey8", VOLUME, "multi")
    ),
    validation_photos="val_00.webp",
    validation_part=0.15,
    validated={
        "med16": Sampled((Kind("med16", 2, Crop(10, 256)),), 60_000),
        "grey8": Sampled((Kind("grey8", 2, Crop(10, 256)),), 60_000),
        "volume": Sampled((Kind(VOLUME, 2, Crop(10, 256)),), 60_000),
        "graphics": Sampled((Kind("graphics", 2, Crop(1, 128)),), 10_000),
    },
)
FAST = PredictiveArchitecture(
    predictors=(
        LinearPredictor(
            Places(
                own=((-1, 0), (0, -1), (-1, -1), (-1, 1), (-2, 0), (0, -2), (-2, 1), (-1, -2),
                     (-1, 2)),
                first=((0, 0), (-1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1)),
                second=((0, 0), (-1, 0), (0, -1)),
            ),
            8,
            (80, 66, 66),
            256,
        ),
    ),
    window=Places.nearest(16, 10, 6),
    hidden=80,
    residuals=0,
    components=3,
)  # fmt: skip
"""The inputs of its least squares are those of more that help most. Contexts have 48 bytes."""
FAST_FOLDERS = replace(
    UNIVERSAL_FOLDERS,
    photos=tuple(f"patches_{number:02}.webp" for number in range(1, 20)),
    photo_part=0.1,
    others=(
        Sampled(
            (
                Kind("med16", 2, LARGE),
                Kind("micro16", 10, LARGE),
                Kind("grey8", 6, LARGE),
                Kind(VOLUME, 4, LARGE),
                Kind("multi", 3, LARGE),
            ),
            pixels=12_000,
            part=0.5,
        ),
        Sampled((Kind("graphics", 4, TINY), Kind("aerial", 16, TINY)), pixels=3_000, part=0.5),
    ),
    validated={
        name: Sampled((Kind(name, 2, Crop(10, 256)),), 40_000)
        for name in ("med16", "micro16", "grey8", VOLUME, "multi")
    }
    | {"graphics": UNIVERSAL_FOLDERS.validated["graphics"]},
)
BILEVEL = PredictiveArchitecture(
    predictors=(LinearPredictor(Places.nearest(4, 1, 1), 16, (86, 72, 72)),),
    window=Places.nearest(64, 5, 1),
    hidden=48,
    residuals=2,
    components=2,
)
CIFAR = PredictiveArchitecture(hidden=192, residuals=4)
"""Larger than `universal-16`: 32 x 32 pixels are few for least squares to adapt to, so the network
must know more in advance.
"""

RECIPES: dict[str, Vae | SizeAgnostic] = {
    "mnist": Vae(  # 25 minutes; so does its float model take
        "grey handwritten digits of 28x28 pixels, a fast dense VAE trained on MNIST",
        (MNIST,), float_seed=2, drop_idle_latents=True,
    ),
    "mnist-paper": Vae(  # 20 minutes
        "grey handwritten digits of 28x28 pixels, the VAE of Townsend, Bird, Barber 2019"
        " (784-200-50)",
        (MNIST_PAPER,), float_seed=2,
    ),
    "mnist-binary": Vae(  # 15 minutes
        "bilevel handwritten digits of 28x28 pixels, a fast dense VAE trained on binarised MNIST",
        (MNIST_BINARY,), drop_idle_latents=True,
    ),
    "mnist-binary-paper": Vae(  # 8 minutes
        "bilevel handwritten digits of 28x28 pixels, the VAE of Townsend, Bird, Barber 2019"
        " (784-100-40)",
        (MNIST_BINARY_PAPER,),
    ),
    "mnist-binary-context": context(  # 110 minutes on two cores, with --threads 2
        "bilevel handwritten digits of 28x28 pixels, a context VAE trained on MNIST binarised at"
        " random",
        BINARY_CONTEXT_FIRST, BINARY_CONTEXT,
    ),
    "mnist-binary-context-shifted": context(  # two minutes an epoch on a core; see QUEUE.md
        "bilevel handwritten digits of 28x28 pixels, a context VAE trained on MNIST binarised at"
        " random",
        BINARY_CONTEXT_SHIFTED,
    ),
    "mnist-context": context(  # two hours
        "grey handwritten digits of 28x28 pixels, a context VAE trained on MNIST",
        CONTEXT_FIRST, CONTEXT_SECOND, CONTEXT_LAST,
    ),
    "mnist-context-small": context(  # 30 minutes
        "grey handwritten digits of 28x28 pixels, a small context VAE trained on MNIST, to put into"
        " archives",
        CONTEXT_SMALL,
    ),
    "fashion-mnist-context": context(  # 70 minutes
        "grey pictures of clothes of 28x28 pixels, a context VAE trained on Fashion-MNIST",
        FASHION_FIRST, FASHION, licence="MIT",
    ),
    "universal-16": SizeAgnostic(  # an hour, beside minutes for looking at the pixels, in 8 GB
        "images, stacks and volumes of any size, kind and depth, trained on photographs, medical"
        " images, microscopy, satellite images and graphics",
        "CC-BY-SA-4.0",
        (
            pixel_recipe("universal-16-first", UNIVERSAL, 22_540, 22_540, 2_254, constant=1.0),
            pixel_recipe(
                "universal-16-second", UNIVERSAL, 71_441, 62_900, 2_900, learning_rate=1.6e-3,
                constant=0.1,
            ),
            pixel_recipe(
                "universal-16-third", UNIVERSAL, 14_792, 0, 1_600, learning_rate=4e-4, constant=0.0
            ),
            pixel_recipe(
                "universal-16", UNIVERSAL, 11_000, 0, 1_200, learning_rate=1e-4, constant=0.0,
                batch=4_096, muon=False, half=False,
            ),
        ),
        UNIVERSAL_FOLDERS,
    ),
    "universal-fast-16": SizeAgnostic(  # half an hour
        "images, stacks and volumes of any size, kind and depth, twice as fast as"
        " universal",
        "CC-BY-SA-4.0",
        (
            pixel_recipe("universal-fast-16-first", FAST, 80_000, 80_000, 4_000, constant=0.25),
            pixel_recipe(
                "universal-fast-16", FAST, 12_000, 0, 1_000, learning_rate=3e-4, constant=0.0,
                muon=False, half=False,
            ),
        ),
        FAST_FOLDERS, last_weights=True,
    ),
    "universal-bilevel": SizeAgnostic(  # 30 minutes
        "bilevel images of any size, trained on scanned pages",
        "CC-BY-SA-4.0",
        # A page takes a twentieth of a bit, and the clip is for bits.
        (
            pixel_recipe(
                "universal-bilevel", BILEVEL, 24_000, 14_000, 1_000, constant=0.0, warm_up=1,
                seed=0, half=False, scale=20.0,
            ),
        ),
        Pages(), levels=2, weights_seed=1, last_weights=True,
    ),
    "cifar10": SizeAgnostic(  # an hour and a half, and 10 GB for looking at the pixels
        "photographs of things, 32x32 pixels in colour, trained on CIFAR-10",
        "as CIFAR-10's, which names none",
        (
            pixel_recipe("cifar10-first", CIFAR, 60_000, 52_000, 2_000, constant=0.25),
            pixel_recipe(
                "cifar10", CIFAR, 4_000, 0, 500, learning_rate=1e-4, constant=0.0, batch=4_096,
                muon=False, half=False,
            ),
        ),
        Cifar(),
    ),
}  # fmt: skip
