"""The small context model for grey 28x28 digits, `mnist-context-small`, for archives that have
their model inside.

    python recipes/mnist_context_small.py --data MNIST --out runs/mnist-context-small

About 30 minutes on one core.

Run again, it goes on from its checkpoint. With --float it trains the float twin.
"""

from bitsback.train.export.exporter import Card
from bitsback.train.fit.gate import Gate
from bitsback.train.fit.recipe import Recipe, last_part
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.context import ContextArchitecture

RECIPE = Recipe(
    name="mnist-context-small",
    architecture=ContextArchitecture(
        shape=(28, 28),
        latents=8,
        bits=8,
        levels=256,
        above=5,
        side=5,
        features=12,
        hidden=64,
        residuals=5,
        components=8,
        channels=(4, 8),
        dense=12,
    ),
    epochs=14,
    quantise_from=None,
    batch=50,
    warm_up=5,
    validate_every=2,
    muon=True,
)
CARD = Card(
    name="mnist-context-small",
    about=(
        "grey handwritten digits of 28x28 pixels, a small context VAE trained on MNIST, to put into"
        " archives"
    ),
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(
        RECIPE,
        CARD,
        drop_idle_latents=True,
        float_seed=1,
        validation=2_000,
        last=last_part(RECIPE),
        gate=Gate(),
    )
