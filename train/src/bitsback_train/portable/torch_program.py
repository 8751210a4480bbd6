"""The torch program of a model: variables, networks, and the steps that code an item."""

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bitsback.errors import InputError
from bitsback.models.integer.network import NAME
from bitsback.models.variables import CONTEXT, DATA, FEATURES
from bitsback_train.layers.operations import Rounding
from bitsback_train.portable.distributions import Normal, StandardNormal, Step
from bitsback_train.portable.torch_variables import Data, Latent
from bitsback_train.portable.traced_network import PortableNetwork

_SEED = 1
_TOLERANCE = 1e-3  # relative to the greatest number of an output


class Program(Rounding):
    """Variables, networks, and the steps that code an item, in real numbers and in integers."""

    def __init__(
        self,
        variables: Mapping[str, Data | Latent],
        networks: Mapping[str, nn.Module],
        steps: Sequence[Step],
    ) -> None:
        super().__init__()
        for name, module in networks.items():
            if not isinstance(module, nn.Module):
                raise InputError(f"{name}: must be a torch.nn.Module, not {type(module).__name__}")
        self.variables = dict(variables)
        self.steps = list(steps)
        self.originals = {
            name: copy.deepcopy(module).float().cpu().eval() for name, module in networks.items()
        }
        self.data = _data(self.variables)
        check_steps(self.variables, self.originals, self.steps)
        fixed = {
            step.variable
            for step in self.steps
            if not step.pops and not isinstance(step.distribution, StandardNormal)
        }
        grids: dict[str, int] = {DATA: 1}
        self.networks = nn.ModuleDict()
        for step in self.steps:
            distribution = step.distribution
            if isinstance(distribution, Normal):
                distribution.buckets = step.variable not in fixed
            variable = self.variables[step.variable]
            outputs = distribution.outputs(variable)
            if distribution.network is None:
                continue
            sources = {
                name: _source(name, self.variables[name], fixed) for name in distribution.given
            }
            network = PortableNetwork(
                distribution.network,
                self.originals[distribution.network],
                sources,
                (step.variable, variable),
                outputs,
                distribution.components,
            )
            grid = network.place(grids, grids.get(step.variable), self.data.size)
            if grid is not None:
                grids[step.variable] = grid
            self.networks[distribution.network] = network
        self.grids = grids

    def network(self, step: Step) -> PortableNetwork:
        network = self.networks[str(step.distribution.network)]
        assert isinstance(network, PortableNetwork)
        return network

    def every_network(self) -> list[PortableNetwork]:
        """All networks in the order of the description."""
        return [self.network(step) for step in self.steps if step.distribution.network]

    def real_data(self, symbols: NDArray[Any]) -> Tensor:
        """Symbols [n, elements] as the networks see them, channels last."""
        value = self.data.grid.real(torch.from_numpy(symbols.astype(np.float32)))
        return value.reshape(len(symbols), *self.data.size, self.data.channels)

    def nats(self, x: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """The negative ELBO of each item, [b], by one sample of the latents.

        x: of `real_data`. noise: standard normal, of the shape of each latent.
        """
        values = {DATA: x}
        total = torch.zeros(len(x))
        for step in self.steps:
            distribution, variable = step.distribution, self.variables[step.variable]
            parameters = self.network(step)(values) if distribution.network else []
            if step.pops:
                values[step.variable] = distribution.sample(noise[step.variable], *parameters)
            nats = distribution.nats(variable, values[step.variable], *parameters).flatten(1).sum(1)
            total = total - nats if step.pops else total + nats
        return total

    def noise(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """The noise for `count` items."""
        return {
            name: torch.randn(count, *variable.whole, generator=generator)
            for name, variable in self.variables.items()
            if isinstance(variable, Latent)
        }

    @torch.no_grad()
    def calibrate(self, symbols: NDArray[Any]) -> None:
        """Chooses all steps by the networks' values for these items, [n, elements]."""
        x = self.real_data(symbols)
        noise = self.noise(len(x), torch.Generator().manual_seed(_SEED))
        values = {DATA: x}
        for step in self.steps:
            if not step.distribution.network:
                continue
            network = self.network(step)
            self._compare(step, values)
            network.calibrate(values)
            parameters = network(values)
            if step.pops:
                distribution = step.distribution
                values[step.variable] = distribution.sample(noise[step.variable], *parameters)

    def _compare(self, step: Step, values: Mapping[str, Tensor]) -> None:
        """Raises InputError if the graph does not compute the same as the module."""
        network, original = self.network(step), self.originals[str(step.distribution.network)]
        given = [_as_torch(values[name], self.variables[name]) for name in step.distribution.given]
        returned = original(*given)
        if isinstance(returned, dict):
            returned = tuple(returned.values())
        whole = torch.cat([part.flatten(1) for part in _tensors(returned)], 1)
        outputs = network.parameters_of
        parts = whole.chunk(len(outputs), 1)
        variable = self.variables[step.variable]
        for each, part, mine in zip(outputs, parts, network(values), strict=True):
            theirs = each.function.call(part)
            shape = (variable.shape[0] * network.components, *variable.shape[1:])
            theirs = _as_graph(theirs.reshape(len(theirs), *shape), variable, network.components)
            apart = float((theirs - mine).abs().max())
            reach = float(theirs.abs().max()) + 1e-6
            if not apart <= _TOLERANCE * reach:
                raise InputError(
                    f"{network.name}: the traced network gives another '{each.name}' than the"
                    f" module itself, {apart:.2g} apart of {reach:.2g}: its forward does not do the"
                    " same each time, or gives no finite numbers"
                )


def _as_torch(value: Tensor, variable: Data | Latent) -> Tensor:
    if len(variable.shape) == 3:
        return value.permute(0, 3, 1, 2)
    return value.flatten(1)


def _as_graph(value: Tensor, variable: Data | Latent, components: int) -> Tensor:
    if len(variable.shape) == 3:
        moved = value.permute(0, 2, 3, 1)
        return moved.reshape(*moved.shape[:-1], -1, components)
    made = value.reshape(len(value), -1, components)
    return made[:, None, :, None] if isinstance(variable, Data) else made


def _tensors(returned: Any) -> Iterable[Tensor]:
    return returned if isinstance(returned, list | tuple) else (returned,)


def _source(name: str, variable: Data | Latent, fixed: set[str]) -> Any:
    if isinstance(variable, Data):
        return variable.source(name)
    return variable.source(name, name not in fixed)


def _data(variables: Mapping[str, Data | Latent]) -> Data:
    data = variables.get(DATA)
    if not isinstance(data, Data):
        raise InputError("the variables must have the data under the name 'x', a portable.Data")
    return data


def check_steps(
    variables: Mapping[str, Data | Latent], networks: Collection[str], steps: Sequence[Step]
) -> None:
    """Raises InputError if a name is unknown, or if a variable is not yet known when it is
    needed.
    """
    for name in (*variables, *networks):
        if not NAME.match(name) or name in (CONTEXT, FEATURES):
            raise InputError(f"{name!r} cannot be a name: use a-z, 0-9 and _, a letter first")
    live, gone = {DATA}, set[str]()
    users: dict[str, str] = {}
    for step in steps:
        distribution, line = step.distribution, in_words(step)
        for name in (step.variable, *distribution.given):
            if name not in variables:
                raise InputError(f"{line}: there is no variable '{name}'")
        if step.variable in distribution.given:
            raise InputError(f"{line}: '{step.variable}' is given itself")
        missing = [name for name in distribution.given if name not in live]
        if missing:
            raise InputError(f"{line}: '{missing[0]}' is not known at this step; pop it first")
        if step.pops == (step.variable in live) or step.variable in gone:
            done = "popped" if step.pops else "pushed"
            raise InputError(f"{line}: '{step.variable}' is {done} twice, or out of turn")
        if step.pops:
            live.add(step.variable)
        else:
            live.discard(step.variable)
            gone.add(step.variable)
        if distribution.network is None:
            continue
        if distribution.network not in networks:
            raise InputError(f"{line}: there is no network '{distribution.network}'")
        if distribution.network in users:
            raise InputError(
                f"{line}: the network '{distribution.network}' already gives"
                f" {users[distribution.network]}; each distribution has one of its own, so give the"
                " module under another name too"
            )
        users[distribution.network] = line
    left = [name for name in variables if name not in gone]
    if left:
        raise InputError(f"'{left[0]}' is never pushed: each variable is, once, at the end")
    unused = [name for name in networks if name not in users]
    if unused:
        raise InputError(f"no step uses the network '{unused[0]}'")


def in_words(step: Step) -> str:
    """The step as a line of the code of docs/model-format.md."""
    return f"{'pop' if step.pops else 'push'} {step.variable} ~ {key(step)}"


def key(step: Step) -> str:
    """The key of the step's distribution."""
    given = f"|{','.join(step.distribution.given)}" if step.distribution.given else ""
    return f"{'q' if step.pops else 'p'}({step.variable}{given})"
