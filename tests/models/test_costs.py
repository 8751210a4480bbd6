"""Models and blocks that need far more memory or time than their bytes warrant are refused before
anything runs.
"""

import io
import resource

import numpy as np
import pytest

import bitsback
from bitsback.coding import block, block_reader, chain
from bitsback.errors import ArchiveError, ModelError
from bitsback.format.array_part import ArrayPart
from bitsback.format.runs import Run, pack_runs
from bitsback.models import Model
from bitsback.wire import varint
from model_parts import Parts
from random_models import random_context_model, random_model


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_test_vectors_that_take_far_more_than_the_file() -> None:
    parts = Parts(0, (4, 4))
    parts.data(1, 256)
    net = parts.net("posterior", ["x"])
    wide = net.grow("broadcast", net.linear(net.grow("flatten", "x"), 1), grid=1)
    parts.latent("z", 1, 8)
    parts.distribution(
        "q(z|x)", "gaussian", 24, net, net.linear(net.grow("flatten", wide), 2), 1, 256
    )
    parts.distributions["p(z)"] = {"codec": "uniform"}
    parts.distributions["p(x)"] = {"codec": "uniform"}
    code = ["pop z ~ q(z|x)", "push x ~ p(x)", "push z ~ p(z)"]
    description, tensors = parts.model(code)
    Model.build(description, tensors)
    # The same layers on a larger image: no tensor grows but the flattened ones.
    huge = description.replace('"size": [4, 4]', '"size": [4096, 4096]')
    before = peak()
    with pytest.raises(ModelError):
        Model.build(huge, tensors)
    assert peak() - before < 30_000_000


def test_a_batch_whose_windows_take_all_memory() -> None:
    description, tensors = random_context_model(
        shape=(1, 1024), window=(8, 8), planes=8, batch=8, codec="bernoulli"
    )
    Model.build(description, tensors)
    with pytest.raises(ModelError, match="smaller 'batch'"):
        Model.build(description.replace('"batch": 8', '"batch": 4096'), tensors)


def archive_of(model: Model, items: int, data: bytes) -> tuple[ArrayPart, bytes]:
    """A collection of bilevel items of the model, and a block that claims them."""
    shape = model.item_shape
    assert shape is not None
    run = pack_runs([Run(items, np.dtype(np.uint8), shape, (b"\0", b"\1"))])
    payload = varint(0) + run + bytes([block.MODEL]) + model.identity[: block.PREFIX_SIZE] + data
    return ArrayPart.of_items("|u1", shape, items), payload


def test_a_block_of_many_batches_for_few_bytes() -> None:
    """Items of one pixel, coded in turn: each batch takes time but no memory."""
    model = Model.build(*random_model(shape=(1, 1), latents=1, growth=1, batch=1))
    data = chain.initial(bytes(range(32)), 1).to_bytes() + bytes(11_500)
    items = 40_000_000
    collection, payload = archive_of(model, items, data)
    before = peak()
    with pytest.raises(ArchiveError, match=f"claims {items} items"):
        block_reader.decode(memoryview(payload), collection, 0, items, lambda _: model)
    assert peak() - before < 30_000_000


def test_what_a_model_may_not_code_is_stored_in_another_way() -> None:
    """Black images take hardly a bit each, so a reader would refuse so many in one block."""
    model = bitsback.load_model("mnist-binary-context")
    images = np.zeros((2_000, 28, 28), bool)
    buffer = io.BytesIO()
    bitsback.compress(images, buffer, model=model)
    buffer.seek(0)
    assert (bitsback.decompress(buffer) == images).all()
