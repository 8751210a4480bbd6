"""A model for 28x28 bilevel digits with four layers of latents, `mnist-binary-four-layers`.

    python recipes/mnist_binary_four_layers.py --data MNIST --out runs/mnist-binary-four-layers

It starts from the model with two layers, which is trained first unless the checkpoint of its recipe
lies in the folder: five minutes on one core after that. Run again, it goes on from its checkpoint.
"""

from mnist_binary_layers import RECIPE as TWO_LAYERS

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.layered import LayeredArchitecture

RECIPE = Recipe(
    name="mnist-binary-four-layers",
    architecture=LayeredArchitecture(pixels=784, hidden=(256, 128), layers=(32, 16, 12, 8)),
    epochs=30,
    quantise_from=18,
    learning_rate=1e-3,
    warm_up=0,
)
CARD = Card(
    name="mnist-binary-four-layers",
    about="bilevel handwritten digits of 28x28 pixels, a dense VAE with four layers of latents",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=False, float_seed=1, before=(TWO_LAYERS,), step_bits=5)
