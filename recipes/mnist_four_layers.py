"""A model for 28x28 grey digits with four layers of latents, `mnist-four-layers`.

    python recipes/mnist_four_layers.py --data MNIST --out runs/mnist-four-layers

It starts from the model with two layers, as far as the first part of its training goes, which is
done first unless its checkpoint lies in the folder: six minutes on one core after that. Run again,
it goes on from its checkpoint.
"""

from dataclasses import replace

from mnist_layers import ARCHITECTURE, ONE_LAYER
from mnist_layers import RECIPE as TWO_LAYERS

from bitsback.train.export.exporter import Card
from bitsback.train.job.recipe_command import run

RECIPE = replace(
    TWO_LAYERS,
    name="mnist-four-layers",
    architecture=replace(ARCHITECTURE, layers=(32, 16, 12, 8)),
    epochs=36,
    quantise_from=18,
)
CARD = Card(
    name="mnist-four-layers",
    about="grey handwritten digits of 28x28 pixels, a dense VAE with four layers of latents",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(
        RECIPE,
        CARD,
        drop_idle_latents=False,
        float_seed=2,
        before=(TWO_LAYERS,),
        start=ONE_LAYER,
        step_bits=6,
    )
