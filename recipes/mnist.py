"""The fast model for 28x28 grey digits, `mnist`.

    python recipes/mnist.py --data MNIST --out runs/mnist              (about 25 minutes on one
    core) python recipes/mnist.py --data MNIST --out runs/mnist-float --float

Run again, it goes on from its checkpoint.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.dense import Architecture

RECIPE = Recipe(
    name="mnist",
    architecture=Architecture(
        pixels=784, hidden=(256, 128), latents=32, bits=8, levels=256, likelihood="exponential"
    ),
    epochs=180,
    quantise_from=100,
)
CARD = Card(
    name="mnist",
    about="grey handwritten digits of 28x28 pixels, a fast dense VAE trained on MNIST",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=True, float_seed=2)
