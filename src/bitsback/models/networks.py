"""Read the networks of a model, as distributions need them."""

from collections.abc import Mapping

from bitsback.errors import ModelError
from bitsback.models.integer import ITEM, Activations, Network, Size
from bitsback.models.integer.fields import Fields, TensorReader
from bitsback.models.integer.network import NAME


class NetworkReader:
    """Reads each network of a description once, with the sources from its distribution."""

    def __init__(
        self, fields: Fields, tensors: TensorReader, size: Size | None, test_size: Size
    ) -> None:
        self._entries: dict[str, Fields] = {}
        for name in fields.names():
            if not NAME.match(name):
                raise ModelError(f"networks: {name!r} is not a valid name of a network")
            self._entries[name] = fields.object(name)
        self._tensors = tensors
        self._size = size
        self._test_size = test_size
        self._known: dict[str, Network] = {}
        self._outputs: dict[str, list[str]] = {name: [] for name in self._entries}
        self._of_a_pixel: set[str] = set()

    def of_variables(
        self, name: str, sources: Mapping[str, Activations], outputs: list[str]
    ) -> Network:
        """The network with these sources. outputs: the layers that a distribution reads.

        Raises ModelError.
        """
        if name in self._of_a_pixel:
            raise ModelError(f"networks: {name!r} belongs to a group of autoregressive pixels")
        return self._get(name, sources, outputs)

    def of_pixel(self, name: str, source: str, values: Activations, outputs: list[str]) -> Network:
        """The network of one group of autoregressive pixels. Its values have one place."""
        if name in self._known:
            raise ModelError(f"networks: {name!r} is named by more than one group or distribution")
        self._of_a_pixel.add(name)
        network = self._get(name, {source: values}, outputs)
        if any(values.grid != ITEM for values in network.known.values()):
            raise ModelError(f"networks: the values of {name!r} must have one place for the item")
        return network

    def _get(self, name: str, sources: Mapping[str, Activations], outputs: list[str]) -> Network:
        if name not in self._entries:
            raise ModelError(f"networks: there is no {name!r}")
        if name not in self._known:
            fields = self._entries[name]
            named = fields.texts("sources", range(1, 18))
            if named != list(sources):
                raise ModelError(
                    f"{name}: its sources must be {', '.join(sources)}, not {', '.join(named)!r}"
                )
            self._known[name] = Network.read(
                name, fields, self._tensors, sources, self._size, self._test_size
            )
            fields.done()
        network = self._known[name]
        if list(network.sources) != list(sources):
            raise ModelError(f"{name}: it does not have the sources {', '.join(sources)}")
        for output in outputs:
            if output not in network.layers:
                raise ModelError(f"{name}: there is no layer {output!r}")
            if output not in self._outputs[name]:
                self._outputs[name].append(output)
        return network

    def done(self) -> tuple[dict[str, Network], dict[str, tuple[str, ...]]]:
        """All networks, in the order of the description, and the outputs that are read.

        Raises ModelError if no distribution names a network, or nothing reads a part of it.
        """
        for name in self._entries:
            if name not in self._known:
                raise ModelError(f"networks: no distribution names {name!r}")
            self._known[name].check_read(set(self._outputs[name]))
        return (
            {name: self._known[name] for name in self._entries},
            {name: tuple(self._outputs[name]) for name in self._entries},
        )
