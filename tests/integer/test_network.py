"""Networks from a description: ownership, inputs and strictness."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bitsback import ModelError
from bitsback.models.integer import Network
from networks import random_linear, read_network
from reference import network as spec
from reference.values import ITEM, Value

Tensors = dict[str, NDArray[Any]]
SIZE = (1, 1)
SOURCES = {"x": Value(30, ITEM, (0, 3))}


def a_network(seed: int = 0) -> tuple[list[Any], Tensors]:
    """x -> hidden -> (mean -> squashed, scale): linear layers with bytes and words, and tables over
    both.
    """
    rng = np.random.default_rng(seed)
    tensors: Tensors = {}
    layers: list[Any] = []

    def linear(
        name: str, of: str, inputs: int, outputs: int, clamp: tuple[int, int], top: int
    ) -> None:
        layer = random_linear(rng, inputs, outputs, clamp, top=top)
        layers.append(
            {"op": "linear", "name": name, "input": of, "shift": layer.shift, "clamp": list(clamp)}
        )
        for part, dtype in (("weight", np.int8), ("bias", np.int32), ("multiplier", np.int32)):
            tensors[f"net.{name}.{part}"] = getattr(layer, part).astype(dtype)

    def table(name: str, of: str, values: NDArray[Any]) -> None:
        layers.append({"op": "lookup_table", "name": name, "input": of})
        tensors[f"net.{name}.table"] = values

    table("spread", "x", np.array([0, 7, 100, 255], np.uint8))
    linear("hidden", "spread", 30, 65, (0, 255), 255)
    linear("mean", "hidden", 65, 9, (-300, 20000), 255)
    table("squashed", "mean", rng.integers(-2000, 2000, 20301).astype(np.int16))
    linear("scale", "hidden", 65, 9, (10, 255), 255)
    table("logit", "scale", rng.integers(0, 256, 246).astype(np.uint8))
    return layers, tensors


OUTPUTS = ["squashed", "logit"]


def build(layers: list[Any], tensors: Tensors, outputs: list[str] = OUTPUTS) -> Network:
    network = read_network(layers, tensors, SOURCES, None, SIZE)
    network.check_read(set(outputs))
    return network


@given(st.integers(-32768, 32767), st.integers(-32768, 32767), st.booleans())
def test_a_table_over_any_range(one: int, other: int, narrow: bool) -> None:
    """Ranges may be wider than 2^15, where value - low exceeds 16 bits. A linear layer of biases
    makes the values.
    """
    low, high = (one, other) if one < other else (min(other, 32766), min(other, 32766) + 1)
    rng = np.random.default_rng(0)
    entries = rng.integers(0, 256, high - low + 1).astype(np.uint8 if narrow else np.int16)
    if not narrow:
        entries -= 128
    values = np.array([low, high, (low + high) // 2, *rng.integers(low, high + 1, 50)])
    layers = [
        {"op": "linear", "name": "value", "input": "x", "shift": 1, "clamp": [low, high]},
        {"op": "lookup_table", "name": "out", "input": "value"},
    ]
    tensors: Tensors = {
        "net.value.weight": np.zeros((53, 1), np.int8),
        "net.value.bias": values.astype(np.int32),
        "net.value.multiplier": np.full(53, 2, np.int32),
        "net.out.table": entries,
    }
    sources = {"x": Value(1, ITEM, (0, 1))}

    def build_it() -> Network:
        return read_network(layers, tensors, sources, None, SIZE)

    (out,) = build_it().at(SIZE)(np.zeros((1, 1), np.uint8), outputs=["out"])
    assert out.tolist() == [entries[values - low].tolist()]
    theirs = spec.build("net", layers, sources, tensors, None)
    assert (out == theirs.run(SIZE, {"x": np.zeros((1, 1, 1, 1))})["out"].reshape(1, -1)).all()
    tensors["net.out.table"] = entries[:-1]
    with pytest.raises(ModelError, match="entries"):
        build_it()


@pytest.mark.parametrize("top", [1, 255, 256, 1023, 4095, 65535])
def test_a_source_out_of_its_range_is_refused(top: int) -> None:
    entries = np.arange(top + 1).astype(np.int16)
    layers = [{"op": "lookup_table", "name": "out", "input": "x"}]
    sources = {"x": Value(2, ITEM, (0, top))}
    network = read_network(layers, {"net.out.table": entries}, sources, None, SIZE).at(SIZE)
    (out,) = network(np.array([[0, top], [top, 0]]), outputs=["out"])
    assert out.tolist() == entries[[[0, top], [top, 0]]].tolist()
    for source in ([[0, top + 1]], [[-1, 0]], [[2**16, 0]], [[0, 0, 0]], [0, 0]):
        with pytest.raises(ValueError, match="source"):
            network(np.array(source), outputs=["out"])


def broken(change: str) -> tuple[list[Any], Tensors, list[str]]:
    layers, tensors = a_network()
    outputs = list(OUTPUTS)
    match change:
        case "unknown op":
            layers[1]["op"] = "convolution"
        case "unknown key":
            layers[1]["padding"] = 0
        case "missing key":
            del layers[1]["shift"]
        case "shift is a bool":
            layers[1]["shift"] = True
        case "shift is a float":
            layers[1]["shift"] = 24.0
        case "clamp of three":
            layers[1]["clamp"] = [0, 1, 255]
        case "name used twice":
            layers[4]["name"] = "mean"
        case "name of the source":
            layers[0]["name"] = "x"
        case "name with a dot":
            layers[0]["name"] = "a.b"
        case "name that is too long":
            layers[0]["name"] = "a" * 65
        case "reads a later layer":
            layers[1]["input"] = "mean"
        case "reads itself":
            layers[1]["input"] = "hidden"
        case "missing tensor":
            del tensors["net.mean.bias"]
        case "weight of another type":
            tensors["net.mean.weight"] = tensors["net.mean.weight"].astype(np.int16)
        case "weight of another width":
            tensors["net.mean.weight"] = tensors["net.mean.weight"][:, :-1]
        case "weight of one axis":
            tensors["net.mean.weight"] = tensors["net.mean.weight"].ravel()
        case "bias too short":
            tensors["net.mean.bias"] = tensors["net.mean.bias"][:-1]
        case "bias of two axes":
            tensors["net.mean.bias"] = tensors["net.mean.bias"].reshape(3, 3)
        case "multiplier of two axes":
            tensors["net.mean.multiplier"] = tensors["net.mean.multiplier"].reshape(9, 1)
        case "table too long":
            tensors["net.spread.table"] = np.zeros(5, np.uint8)
        case "table of two axes":
            tensors["net.spread.table"] = np.zeros((2, 2), np.uint8)
        case "table of another type":
            tensors["net.logit.table"] = tensors["net.logit.table"].astype(np.uint16)
        case "linear over words":
            layers[4]["input"] = "squashed"
            tensors["net.scale.weight"] = tensors["net.scale.weight"][:, :9]
        case "a convolution at the item":
            layers[1] |= {"op": "conv", "kernel": 1, "stride": 1}
        case "a layer that nothing reads":
            outputs.remove("logit")
    return layers, tensors, outputs


CHANGES = re.findall('case "([a-z ]+)":', Path(__file__).read_text("utf-8"))


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_format_does_not_allow_is_refused(change: str) -> None:
    with pytest.raises(ModelError):
        build(*broken(change))


def test_the_network_that_the_broken_ones_are_made_from_is_whole() -> None:
    build(*broken("nothing"))
