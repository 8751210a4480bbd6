"""A model for 28x28 grey digits with four layers of latents, `mnist-four-layers`.

    python recipes/mnist_four_layers.py --data MNIST --out runs/mnist-four-layers

It starts from the model with two layers, as far as the first part of its training goes, which is
done first unless its checkpoint lies in the folder: six minutes on one core after that. Run again,
it goes on from its checkpoint.
"""

from mnist_layers import ONE_LAYER
from mnist_layers import RECIPE as TWO_LAYERS

from bitsback.train.export.exporter import Card
from bitsback.train.fit.recipe import Recipe
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.layered import LayeredArchitecture

RECIPE = Recipe(
    name="mnist-four-layers",
    architecture=LayeredArchitecture(
        pixels=784,
        hidden=(256, 128),
        layers=(32, 16, 12, 8),
        levels=256,
        likelihood="exponential",
    ),
    epochs=36,
    quantise_from=18,
    learning_rate=1e-3,
    warm_up=0,
    validate_every=4,
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
