"""A model for 28x28 bilevel digits with two layers of latents and a posterior from the top down,
`mnist-binary-top-down`.

    python recipes/mnist_binary_top_down.py --data MNIST --out runs/mnist-binary-top-down

Some five minutes on one core. Run again, it goes on from its checkpoint.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.layered import TopDownArchitecture

RECIPE = Recipe(
    name="mnist-binary-top-down",
    architecture=TopDownArchitecture(pixels=784, hidden=(256, 128), lower=24, upper=12),
    epochs=36,
    quantise_from=22,
    warm_up=12,
)
CARD = Card(
    name="mnist-binary-top-down",
    about="bilevel handwritten digits of 28x28 pixels, a dense VAE with a top-down posterior",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=False, float_seed=1)
