"""A model for 28x28 bilevel digits with four layers of latents, `mnist-binary-four-layers`.

    python recipes/mnist_binary_four_layers.py --data MNIST --out runs/mnist-binary-four-layers

About 10 minutes on one core. Run again, it goes on from its checkpoint.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.layered import LayeredArchitecture

RECIPE = Recipe(
    name="mnist-binary-four-layers",
    architecture=LayeredArchitecture(pixels=784, hidden=(256, 128), layers=(32, 24, 16, 8)),
    epochs=80,
    quantise_from=50,
)
CARD = Card(
    name="mnist-binary-four-layers",
    about="bilevel handwritten digits of 28x28 pixels, a dense VAE with four layers of latents",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=False, float_seed=1)
