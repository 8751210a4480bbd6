"""A distribution of a model: over one variable, given others."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .autoregressive import Autoregressive, AutoregressiveCodec
from .codecs import Array, Codec, Uniform
from .counted import CountedCodec
from .counted_rules import CountedRules
from .coupled import CoupledCodec
from .network import Network
from .outputs import COUPLED, MEANINGS, Meaning, Normal, check_coupled
from .planes import ItemShape
from .rules import NAME, check_keys, check_names, check_text, require
from .series import SeriesCodec, SeriesRules
from .values import Ints, Size, Tensors, places
from .variables import Variable
from .wavefront import WavefrontCodec
from .wavefront_rules import WavefrontRules

Prediction = SeriesRules | CountedRules | WavefrontRules
"""What codes x alone, in the order of its pixels or steps."""

KEY = re.compile(rf"[pq]\(({NAME})(?:\|({NAME}(?:,{NAME})*))?\)")


@dataclass
class Distribution:
    key: str
    variable: Variable
    given: list[str]
    about: dict[str, Any]
    network: str | None = None
    outputs: list[str] = field(default_factory=list)
    meaning: Meaning | None = None
    autoregressive: Autoregressive | None = None
    series: SeriesRules | None = None
    counted: CountedRules | None = None
    wavefront: WavefrontRules | None = None
    coupled: bool = False

    @property
    def prediction(self) -> Prediction | None:
        return self.series or self.counted or self.wavefront

    def bind(self, networks: Mapping[str, Network], tensors: Tensors) -> None:
        """With the networks of the model."""
        self.networks = networks
        if self.network is None:
            return
        network = networks[self.network]
        require(list(network.sources) == self.given, "the sources are what is given, in order")
        require(all(name in network.layers for name in self.outputs), "outputs are layers")
        if self.autoregressive:
            require(len(self.outputs) == 1, "autoregressive pixels have one output, the features")
            return
        kind = MEANINGS[self.about["codec"]]
        self.coupled = kind is Normal and len(self.outputs) == COUPLED
        require(self.coupled or len(self.outputs) == len(kind.OUTPUTS), "the outputs of the codec")
        values = [network.values[name] for name in self.outputs]
        require(
            all(value.where == self.variable.where for value in values),
            "outputs have the places of the variable",
        )
        self.meaning = kind(
            self.about, self.variable, self.variable.channels, self.network, tensors
        )
        if self.coupled:
            assert isinstance(self.meaning, Normal)
            check_coupled(self.meaning, self.variable, *values)
        else:
            self.meaning.check(*values)

    def codec(self, values: Mapping[str, Ints], size: Size, items: int) -> Codec:
        """The codec of `items` images of this size, as flat lists of elements, given the values of
        variables [items, rows, columns, channels].
        """
        outputs: list[Ints] = []
        if self.network is not None and not self.prediction:
            of = self.networks[self.network].run(size, {name: values[name] for name in self.given})
            outputs = [of[name] for name in self.outputs]
        if self.prediction:
            shapes = [ItemShape(1, *size, self.variable.channels, self.variable.levels)] * items
            return prediction_codec(self.prediction, shapes)
        if self.autoregressive:
            features = outputs[0] if outputs else np.zeros((items, *size, 0), np.int64)
            return AutoregressiveCodec(self.autoregressive, features, size)
        if self.coupled:
            assert isinstance(self.meaning, Normal)
            return CoupledCodec(self.meaning, *outputs)
        if self.meaning:
            return Array(self.meaning.intervals(*outputs))
        count = items * math.prod(places(self.variable.where, size)) * self.variable.channels
        return Array([Uniform(self.variable.levels)] * count)

    def named(self) -> list[tuple[str, list[str]]]:
        """The networks that it names, with their outputs."""
        own = [] if self.network is None else [(self.network, self.outputs)]
        groups = self.autoregressive.heads() if self.autoregressive else []
        return own + [(head.name, head.outputs) for head in groups]

    def tensor_names(self) -> set[str]:
        names = set()
        if self.autoregressive:
            names |= {"x.planes"} | ({"x.flat"} if self.autoregressive.has_flat else set())
            for group, meaning in zip(
                self.autoregressive.groups, self.autoregressive.meanings, strict=True
            ):
                names |= {f"{group.own.name}.{tensor}" for tensor in meaning.TENSORS}
        if self.wavefront:
            names |= self.wavefront.tensor_names
        if self.meaning:
            names |= {f"{self.network}.{tensor}" for tensor in self.meaning.TENSORS}
        return names


def prediction_codec(of: Prediction, shapes: Sequence[ItemShape]) -> Any:
    """The codec of a batch of items of these shapes."""
    if isinstance(of, CountedRules):
        return CountedCodec(of, shapes)
    if isinstance(of, SeriesRules):
        return SeriesCodec(of, shapes)
    return WavefrontCodec(of, shapes)


def read_distribution(
    key: str, about: Any, variables: Mapping[str, Variable], tensors: Tensors
) -> Distribution:
    match = KEY.fullmatch(key)
    require(match is not None, "a distribution is called L(V) or L(V|G,...)")
    assert match is not None
    variable, given = match[1], match[2].split(",") if match[2] else []
    names = [variable, *given]
    require(all(name in variables for name in names), "a distribution is of variables")
    require(len(set(names)) == len(names), "a variable is given once, and not its own")
    of = Distribution(key, variables[variable], given, about)
    require(type(about) is dict and "codec" in about, "a distribution has a codec")
    predicts = about["codec"] in ("series", "counted", "wavefront")
    require(predicts or not of.variable.of_planes, "x of any planes is predicted")
    require(not predicts or (of.variable.is_data and not given), "they are for x, given nothing")
    if about["codec"] == "series":
        of.series = SeriesRules(about, of.variable)
    elif about["codec"] == "counted":
        of.counted = CountedRules(about, of.variable)
    elif about["codec"] == "wavefront":
        of.wavefront = WavefrontRules(about, of.variable, tensors)
    elif about["codec"] == "uniform":
        check_keys(about, "codec")
        require(not given, "uniform is given nothing")
    elif about["codec"] == "autoregressive":
        require(of.variable.is_data, "autoregressive pixels are those of x")
        check_keys(about, "codec order window groups" + (" network outputs" if given else ""))
        of.autoregressive = Autoregressive(about, of.variable, tensors)
    else:
        require(about["codec"] in list(MEANINGS), "a codec of the list")
        check_keys(about, f"codec precision network outputs {MEANINGS[about['codec']].KEYS}")
        require(len(given) > 0, "something is given to a network")
    if "network" in about:
        of.network = check_text(about["network"], ".*")
        of.outputs = check_names(about["outputs"])
    return of
