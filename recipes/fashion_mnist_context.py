"""The context model for grey 28x28 pictures of clothes, `fashion-mnist-context`.

    python recipes/fashion_mnist_context.py --data FASHION-MNIST --out runs/fashion-mnist-context

About 70 minutes on one core.

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
    residuals=5,
    components=8,
)
FIRST = Recipe(
    name="fashion-mnist-context-first",
    architecture=replace(ARCHITECTURE, residuals=3),
    epochs=26,
    quantise_from=None,
    batch=50,
    warm_up=8,
    validate_every=2,
)
RECIPE = replace(
    FIRST,
    name="fashion-mnist-context",
    architecture=ARCHITECTURE,
    epochs=14,
    learning_rate=1.5e-3,
    warm_up=0,
    muon=True,
)
CARD = Card(
    name="fashion-mnist-context",
    about="grey pictures of clothes of 28x28 pixels, a context VAE trained on Fashion-MNIST",
    licence="MIT",
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
