"""The context model for bilevel 28x28 digits, `mnist-binary-context`.

    python recipes/mnist_binary_context.py --data MNIST --out runs/mnist-binary-context

About 55 minutes on one core.

Run again, it goes on from its checkpoint. With --float it trains the float twin.
"""

from dataclasses import replace

from bitsback.train.command import run
from bitsback.train.context import ContextArchitecture
from bitsback.train.export import Card
from bitsback.train.recipe import Recipe

ARCHITECTURE = ContextArchitecture(
    shape=(28, 28), latents=32, bits=8, levels=2, above=5, side=5, features=36, hidden=96, residuals=4
)
FIRST = Recipe(
    name="mnist-binary-context-first",
    architecture=replace(ARCHITECTURE, hidden=64, residuals=2),
    epochs=34,
    quantise_from=27,
    batch=50,
    warm_up=8,
    validate_every=2,
)
RECIPE = Recipe(
    name="mnist-binary-context",
    architecture=ARCHITECTURE,
    epochs=24,
    quantise_from=19,
    batch=50,
    learning_rate=1.5e-3,
    warm_up=0,
    validate_every=2,
)
CARD = Card(
    name="mnist-binary-context",
    about="bilevel handwritten digits of 28x28 pixels, a context VAE trained on MNIST binarised at random",
    licence="CC-BY-SA-3.0",
    item_shape=(28, 28),
)

if __name__ == "__main__":
    run(RECIPE, CARD, drop_idle_latents=True, float_seed=1, validation=2_000, first=FIRST)
