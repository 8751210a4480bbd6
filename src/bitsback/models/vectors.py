"""Test vectors of networks (docs/model-format.md). Every machine must reproduce them."""

import hashlib
from collections.abc import Mapping

import numpy as np

from bitsback import _core
from bitsback.errors import ModelError
from bitsback.models.integer import Network, Size
from bitsback.models.integer.fields import Fields

Named = Mapping[str, Network]
OutputNames = Mapping[str, tuple[str, ...]]


def check(
    name: str,
    fields: Fields,
    seed: int,
    count: int,
    networks: Named,
    outputs: OutputNames,
    size: Size,
) -> None:
    """Compares the outputs of networks with the field `sha256` of the field `test`.

    name: the name of the model. outputs: for each network, the layers that distributions read.
    size: rows and columns of the test's images. Raises ModelError.
    """
    digests = fields.object("sha256")
    expected = {key: digests.text(key) for key in _keys(outputs)}
    digests.done()
    if digest_outputs(networks, outputs, size, seed, count) != expected:
        raise ModelError(
            f"the model {name} fails its test on this machine: the file is damaged, or please"
            " report this with the output of  python -m platform"
        )


def digest_outputs(
    networks: Named, outputs: OutputNames, size: Size, seed: int, count: int
) -> dict[str, str]:
    """The SHA-256 (hex) of outputs, for `count` items drawn from `seed`.

    Its keys have the form `network.output`.
    """
    digests: dict[str, str] = {}
    taken = 0
    for name, network in networks.items():
        sources = []
        for values in network.sources.values():
            width = values.elements(size)
            words = _core.splitmix64(seed, taken, count * width) >> np.uint64(32)
            taken += count * width
            levels = np.uint64(values.high - values.low + 1)
            source = (words % levels).astype(np.uint16) + np.uint16(values.low)
            sources.append(source.reshape(count, width))
        arrays = network.at(size)(*sources, outputs=outputs[name])
        for output, array in zip(outputs[name], arrays, strict=True):
            digest = hashlib.sha256(array.astype("<i4").tobytes())
            digests[f"{name}.{output}"] = digest.hexdigest()
    return digests


def _keys(outputs: OutputNames) -> list[str]:
    return [f"{name}.{output}" for name, names in outputs.items() for output in names]
