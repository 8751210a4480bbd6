"""Models are pickled as their files, and a copy is the model itself."""

import copy
import pickle

import pytest

import bitsback


@pytest.mark.parametrize("name", ["mnist-binary-paper", "bilevel"])
def test_a_model_comes_back(name: str) -> None:
    model = bitsback.load_model(name)
    again = pickle.loads(pickle.dumps(model))
    assert again.identity == model.identity
    assert again.name == name
    assert copy.copy(model) is model
    assert copy.deepcopy([model]) == [model]
