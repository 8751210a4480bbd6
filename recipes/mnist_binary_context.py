"""The context model for bilevel 28x28 digits, `mnist-binary-context`.

    python recipes/mnist_binary_context.py --data MNIST --out runs/mnist-binary-context --threads 2

About 110 minutes on two cores.

Run again, it goes on from its checkpoint. With --float it trains the float twin.
"""

from dataclasses import replace

from bitsback.train.export.exporter import Card
from bitsback.train.fit.gate import Gate
from bitsback.train.fit.recipe import Recipe, last_part
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.context import ContextArchitecture

FIRST = Recipe(
    name="mnist-binary-context-first",
    architecture=ContextArchitecture(
        shape=(28, 28),
        latents=32,
        bits=8,
        levels=2,
        above=7,
        side=7,
        features=36,
        hidden=96,
        residuals=4,
        encoder_residuals=1,
        decoder_residuals=2,
    ),
    epochs=60,
    quantise_from=None,
    batch=50,
    warm_up=8,
    validate_every=2,
    muon=True,
)
RECIPE = replace(
    FIRST, name="mnist-binary-context", epochs=32, learning_rate=1.5e-3, constant=0.25, warm_up=0
)
CARD = Card(
    name="mnist-binary-context",
    about=(
        "bilevel handwritten digits of 28x28 pixels, a context VAE trained on MNIST binarised at"
        " random"
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
        before=(FIRST,),
        last=last_part(RECIPE),
        gate=Gate(),
    )
