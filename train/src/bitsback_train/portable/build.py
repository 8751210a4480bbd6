"""Build a model of a user's torch modules: traced, quantised, checked, fine-tuned, saved."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback.errors import InputError
from bitsback.io.output import open_output
from bitsback.models import Model
from bitsback_train.export.code_lengths import code_lengths
from bitsback_train.export.exporter import Card
from bitsback_train.fit.training import Descent, Recipe
from bitsback_train.network.likelihoods import LN2
from bitsback_train.portable.distributions import Step
from bitsback_train.portable.torch_program import Program
from bitsback_train.portable.torch_variables import Data, Latent
from bitsback_train.portable.writing import write

_MOST_CALIBRATION = 1024
_LAYER_ITEMS = 256
_BATCH = 256
_LONGEST_GRADIENT = 1.4  # the bound of the gradient of an item's mean bits per dimension
_WARM_UP = 0.05


@dataclass(frozen=True)
class LayerCost:
    """The bits per dimension that rounding this layer alone adds; below 0 if it happens to help.

    >>> from bitsback_train import portable
    >>> portable.LayerCost("decoder.2", "linear", 0.0003).place
    'decoder.2'
    """

    place: str
    """The place in the user's modules."""
    what: str
    bits_per_dimension: float


@dataclass(frozen=True)
class Report:
    """Rates of a portable model on some images, all in bits per dimension, by one sample of the
    latents of each.

    >>> from bitsback_train import portable
    >>> print(portable.Report(0.2, 0.201, 0.2012, ()))
    float model, negative ELBO      0.2000 bits per dimension
    every layer rounded             0.2010 (+0.0010)
    integers, exact code length     0.2012 (+0.0012)
    """

    float_elbo: float
    """The negative ELBO of the user's modules, unchanged."""
    rounded_elbo: float
    """The negative ELBO with every layer rounded."""
    code_length: float
    """The net bits of the integer model, from the frequencies of its codecs."""
    layers: tuple[LayerCost, ...]

    @property
    def cost(self) -> float:
        """The cost of the integers over the float model."""
        return self.code_length - self.float_elbo

    def __str__(self) -> str:
        def more(rate: float) -> str:
            return f"{rate:.4f} ({rate - self.float_elbo:+.4f})"

        lines = [
            f"float model, negative ELBO      {self.float_elbo:.4f} bits per dimension",
            f"every layer rounded             {more(self.rounded_elbo)}",
            f"integers, exact code length     {more(self.code_length)}",
        ]
        if self.layers:
            lines.append("rounding one layer alone:")
            width = max(len(f"{each.place} {each.what}") for each in self.layers)
            lines += [
                f"  {f'{each.place} {each.what}':{width}}  {each.bits_per_dimension:+.5f}"
                for each in self.layers
            ]
        return "\n".join(lines)


class PortableModel:
    """The result of `build`: a model file, and the torch program from which it was written.

    `bitsback.compress` takes it as its `model`; the attribute `model` is its `bitsback.Model`.

    >>> import io
    >>> import bitsback, numpy as np, torch
    >>> from torch import Tensor, nn
    >>> from bitsback_train import portable
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
    >>> made = portable.build(
    ...     networks={"q": nn.Sequential(nn.Flatten(), nn.Linear(16, 4)), "p": nn.Linear(2, 32)},
    ...     variables={"x": portable.Data((1, 4, 4)), "z": portable.Latent((2,))},
    ...     steps=[
    ...         portable.pop("z", portable.Normal("q", given="x")),
    ...         portable.push("x", portable.Logistic("p", given="z")),
    ...         portable.push("z", portable.StandardNormal()),
    ...     ],
    ...     calibration=images,
    ... )
    >>> file = io.BytesIO()
    >>> summary = bitsback.compress(images, file, model=made)
    >>> np.array_equal(bitsback.decompress(file), images)
    True
    """

    def __init__(self, program: Program, card: Card, symbols: NDArray[Any]) -> None:
        self._program, self._card, self._symbols = program, card, symbols
        self.model: Model = write(program, card, symbols)

    def __repr__(self) -> str:
        return f"<PortableModel: {self.model!r}>"

    def save(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Writes the model file, which `bitsback compress -m` and `load_model` take. force: replace
        an existing file. Raises InputError if it cannot be written.
        """
        with open_output(path, force) as file:
            file.write(self.model.to_bytes())

    def check(self, images: NDArray[Any], layers: bool = True, seed: int = 0) -> Report:
        """Measures the cost of quantisation on these images, in the form for `compress`: [n, rows,
        columns], [n, rows, columns, channels] or [n, size].

        layers: whether to try each layer alone, on at most 256 of the images. `seed` draws the
        sample of the latents, the same for the float model and for all its roundings.
        """
        symbols = self._program.data.symbols(images, "the images")
        dimensions = self._program.data.dimensions * LN2
        rates = {}
        for rounded in (False, True):
            self._program.quantise(rounded)
            rates[rounded] = self._nats(symbols, seed) / dimensions
        costs = self._layer_costs(symbols[:_LAYER_ITEMS], seed) if layers else ()
        exact = float(code_lengths(self.model, symbols, seed).net.mean())
        return Report(rates[False], rates[True], exact / self._program.data.dimensions, costs)

    def fine_tune(
        self,
        images: NDArray[Any],
        steps: int,
        rate: float = 1e-4,
        batch: int = 64,
        seed: int = 0,
        progress: Callable[[int, float], None] | None = None,
    ) -> None:
        """Trains all weights on these images with rounding in the loop (straight-through gradients,
        Adam), and writes a new model. The given modules do not change.

        rate: of Adam, which falls to 0 by a cosine. progress: called with the number of the step
        and the bits per dimension of its batch.
        """
        symbols = self._program.data.symbols(images, "the images")
        if steps < 1 or batch < 1:
            raise InputError(
                f"fine-tuning takes at least one step of one item, not {steps} of {batch}"
            )
        recipe = Recipe(
            "fine-tuning", None, steps, quantise_from=0, batch=batch, learning_rate=rate,
            constant=0.0, warm_up=max(1, round(_WARM_UP * steps)), clip=_LONGEST_GRADIENT,
            average=1.0, seed=seed,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            training = _FineTuning(recipe, self._program, symbols)
            for step in range(1, steps + 1):
                training.run_epoch()
                if progress is not None:
                    progress(step, training.losses[-1])
        self._program.load_state_dict(training.average.state_dict())
        self.model = write(self._program, self._card, self._symbols)

    @torch.no_grad()
    def _nats(self, symbols: NDArray[Any], seed: int) -> float:
        """The mean of an item."""
        generator = torch.Generator().manual_seed(seed)
        total = 0.0
        for start in range(0, len(symbols), _BATCH):
            part = symbols[start : start + _BATCH]
            noise = self._program.noise(len(part), generator)
            total += float(self._program.nats(self._program.real_data(part), noise).sum())
        return total / len(symbols)

    def _layer_costs(self, symbols: NDArray[Any], seed: int) -> tuple[LayerCost, ...]:
        self._program.quantise(False)
        base = self._nats(symbols, seed)
        costs = []
        for network in self._program.every_network():
            for place, operations in network.by_place().items():
                for operation in operations:
                    operation.rounded = True
                nats = self._nats(symbols, seed)
                for operation in operations:
                    operation.rounded = False
                what = "+".join(dict.fromkeys(each.word for each in operations))
                apart = (nats - base) / (self._program.data.dimensions * LN2)
                costs.append(LayerCost(place, what, apart))
        return tuple(costs)


def build(
    networks: Mapping[str, nn.Module],
    variables: Mapping[str, Data | Latent],
    steps: Sequence[Step],
    calibration: NDArray[Any],
    name: str = "own-model",
    about: str = "",
    licence: str = "",
) -> PortableModel:
    """A portable model of trained torch modules.

    networks: by name, each traced by torch.fx, in eval mode and float32. variables: the data under
    the name `x`, and latents. steps: the code of an item, as in docs/model-format.md.
    calibration: some hundred items of the data, in the form for `compress`; only the first 1,024
    are used. name, about, licence: texts for the description of the model. Raises InputError, which
    names the layer, for anything that cannot be made portable.

    >>> import numpy as np, torch
    >>> from torch import Tensor, nn
    >>> from bitsback_train import portable
    >>> generator = torch.manual_seed(0)
    >>> encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 8))
    >>> decoder = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 64))
    >>> images = np.random.default_rng(0).integers(0, 2, (50, 8, 8), np.uint8)
    >>> made = portable.build(
    ...     networks={"encoder": encoder, "decoder": decoder},
    ...     variables={"x": portable.Data((1, 8, 8), levels=2), "z": portable.Latent((4,))},
    ...     steps=[
    ...         portable.pop("z", portable.Normal("encoder", given="x")),
    ...         portable.push("x", portable.Bernoulli("decoder", given="z")),
    ...         portable.push("z", portable.StandardNormal()),
    ...     ],
    ...     calibration=images,
    ... )
    >>> made.model.code[0].variable
    'z'
    >>> abs(made.check(images).cost) < 0.01
    True
    """
    with torch.random.fork_rng(devices=[]):
        program = Program(variables, networks, steps)
        symbols = program.data.symbols(calibration, "the calibration images")[:_MOST_CALIBRATION]
        program.calibrate(symbols)
        return PortableModel(program, Card(name, about, licence), symbols)


class _FineTuning(Descent[Program, tuple[Tensor, dict[str, Tensor]]]):
    """The negative ELBO of rounded networks, a batch an epoch. symbols: [n, elements]."""

    def __init__(self, recipe: Recipe, program: Program, symbols: NDArray[Any]) -> None:
        super().__init__(recipe, program, 1)
        self.symbols = symbols

    def _batches(self) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.epoch)
        index = torch.randint(len(self.symbols), (self.recipe.batch,), generator=generator)
        x = self.module.real_data(self.symbols[index.numpy()])
        yield x, self.module.noise(len(x), generator)

    def _loss(self, batch: tuple[Tensor, dict[str, Tensor]], done: int) -> tuple[Tensor, Tensor]:
        bits = self.module.nats(*batch).mean() / (self.module.data.dimensions * LN2)
        if not bool(torch.isfinite(bits)):
            raise InputError(f"fine-tuning: the loss of step {done + 1} is no finite number")
        return bits, bits.detach()
