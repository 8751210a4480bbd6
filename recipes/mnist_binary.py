"""The fast model for 28x28 bilevel digits, `mnist-binary`.

    python recipes/mnist_binary.py --data MNIST --out runs/mnist-binary              (about 15
    minutes on one core) python recipes/mnist_binary.py --data MNIST --out runs/mnist-binary-float
    --float

Run again, it goes on from its checkpoint.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.dense import Architecture

RECIPE = Recipe(
    name="mnist-binary",
    architecture=Architecture(pixels=784, hidden=(256, 128), latents=32, bits=8),
    epochs=350,
    quantise_from=200,
)
CARD = Card(
    name="mnist-binary",
    about="bilevel handwritten digits of 28x28 pixels, a fast dense VAE trained on binarised MNIST",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=True, float_seed=1)
