"""A model for 28x28 grey digits with two layers of latents, `mnist-layers`.

    python recipes/mnist_layers.py --data MNIST --out runs/mnist-layers

It starts from the float twin of `mnist`, as it lies beside this script: about 16 minutes on one
core after those of that twin. Run again, it goes on from its checkpoint.
"""

from dataclasses import replace
from pathlib import Path

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe, last_part
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.layered import LayeredArchitecture

ONE_LAYER = Path(__file__).resolve().parent / "mnist-float.safetensors"
ARCHITECTURE = LayeredArchitecture(
    pixels=784, hidden=(256, 128), layers=(32, 16), levels=256, likelihood="exponential"
)
RECIPE = Recipe(
    name="mnist-layers",
    architecture=ARCHITECTURE,
    epochs=40,
    quantise_from=24,
    learning_rate=1e-3,
    warm_up=0,
    validate_every=4,
)
LAST = replace(last_part(RECIPE), epochs=16, learning_rate=6e-4, validate_every=4)
CARD = Card(
    name="mnist-layers",
    about="grey handwritten digits of 28x28 pixels, a dense VAE with two layers of latents",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(
        RECIPE,
        CARD,
        drop_idle_latents=False,
        float_seed=2,
        start=ONE_LAYER,
        step_bits=6,
        last=LAST,
    )
