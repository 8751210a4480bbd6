"""The VAE of Townsend, Bird, Barber 2019 (section 3.1: 784-100-40), in integers,
`mnist-binary-paper`.

    python recipes/mnist_binary_paper.py --data MNIST --out runs/mnist-binary-paper      (about 8
    minutes on one core) python recipes/mnist_binary_paper.py --data MNIST --out
    runs/mnist-binary-paper-float --float

Run again, it goes on from its checkpoint. Its sizes are the paper's, so idle latents stay.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.dense import Architecture

RECIPE = Recipe(
    name="mnist-binary-paper",
    architecture=Architecture(pixels=784, hidden=(100,), latents=40, bits=8),
    epochs=350,
    quantise_from=200,
)
CARD = Card(
    name="mnist-binary-paper",
    about=(
        "bilevel handwritten digits of 28x28 pixels, the VAE of Townsend, Bird, Barber 2019"
        " (784-100-40)"
    ),
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=False, float_seed=1)
