"""The context model for grey 28x28 digits, `mnist-context`.

    python recipes/mnist_context.py --data MNIST --out runs/mnist-context

About two hours on one core.

Run again, it goes on from its checkpoint. With --float it trains the float twin.
"""

from dataclasses import replace

from bitsback.train.export.exporter import Card
from bitsback.train.fit.gate import Gate
from bitsback.train.fit.recipe import Recipe, last_part
from bitsback.train.job.recipe_command import run
from bitsback.train.twins.context import ContextArchitecture

ARCHITECTURE = ContextArchitecture(
    shape=(28, 28),
    latents=32,
    bits=8,
    levels=256,
    above=4,
    side=4,
    features=72,
    hidden=64,
    residuals=6,
    components=8,
)
FIRST = Recipe(
    name="mnist-context-first",
    architecture=replace(ARCHITECTURE, residuals=3),
    epochs=30,
    quantise_from=24,
    batch=50,
    warm_up=8,
    validate_every=2,
)
SECOND = replace(
    FIRST,
    name="mnist-context-second",
    architecture=ARCHITECTURE,
    epochs=22,
    quantise_from=None,
    learning_rate=1.5e-3,
    warm_up=0,
)
RECIPE = replace(SECOND, name="mnist-context", epochs=16, muon=True)
CARD = Card(
    name="mnist-context",
    about="grey handwritten digits of 28x28 pixels, a context VAE trained on MNIST",
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
        before=(FIRST, SECOND),
        last=last_part(RECIPE),
        gate=Gate(),
    )
