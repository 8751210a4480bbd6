"""The VAE of Townsend, Bird, Barber 2019 (section 3.2: 784-200-50, beta-binomial), in integers,
`mnist-paper`.

    python recipes/mnist_paper.py --data MNIST --out runs/mnist-paper      (about 20 minutes on one
    core) python recipes/mnist_paper.py --data MNIST --out runs/mnist-paper-float --float

Run again, it goes on from its checkpoint. Its sizes are the paper's, so idle latents stay.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.dense import Architecture

RECIPE = Recipe(
    name="mnist-paper",
    architecture=Architecture(
        pixels=784, hidden=(200,), latents=50, bits=8, levels=256, likelihood="beta-binomial"
    ),
    epochs=180,
    quantise_from=100,
)
CARD = Card(
    name="mnist-paper",
    about=(
        "grey handwritten digits of 28x28 pixels, the VAE of Townsend, Bird, Barber 2019"
        " (784-200-50)"
    ),
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=False, float_seed=2)
