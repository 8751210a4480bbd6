"""A model for 28x28 bilevel digits with two layers of latents, `mnist-binary-layers`.

    python recipes/mnist_binary_layers.py --data MNIST --out runs/mnist-binary-layers

About 15 minutes on one core. Run again, it goes on from its checkpoint.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.layered import LayeredArchitecture

RECIPE = Recipe(
    name="mnist-binary-layers",
    architecture=LayeredArchitecture(pixels=784, hidden=(256, 128), layers=(32, 16)),
    epochs=180,
    quantise_from=110,
)
CARD = Card(
    name="mnist-binary-layers",
    about="bilevel handwritten digits of 28x28 pixels, a dense VAE with two layers of latents",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=False, float_seed=1, step_bits=5)
