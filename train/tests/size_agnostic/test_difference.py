"""A model stored as the difference from another one stays the same and is far smaller."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from bitsback.errors import ArchiveError, ModelError
from bitsback.models import Model, bundled
from bitsback.models.embed import pack_model, unpack_model
from bitsback_train.export.exporter import Card
from bitsback_train.export.wavefronts import distribution_of, trained_model
from bitsback_train.network.wavefront import PixelNetwork
from reference.embedded import read_model
from reference.model import Model as Specified

Pair = tuple[Model, Model]


@pytest.fixture
def models(networks: tuple[PixelNetwork, ...], model: Model) -> Pair:
    """A base model and a slightly trained variant of it."""
    torch.manual_seed(1)
    with torch.no_grad():
        for network in networks:
            for parameter in network.parameters():
                parameter.add_(0.001 * torch.randn_like(parameter))
    start = distribution_of(model, "base").start
    other = np.where(start, start + np.int32(1), start)
    card = Card("tuned", "for tests too", "CC0-1.0")
    return model, trained_model(model, card, dict(enumerate(networks)), other)


def only(base: Model) -> Callable[[bytes], Model | None]:
    return lambda prefix: base if base.identity.startswith(prefix) else None


def test_it_comes_back_and_is_small(models: Pair) -> None:
    base, tuned = models
    whole, packed = pack_model(tuned, []), pack_model(tuned, [base])
    assert len(packed) < 0.5 * len(whole)
    assert unpack_model(packed, only(base)).identity == tuned.identity
    assert unpack_model(whole).identity == tuned.identity
    same = pack_model(base, [base])
    assert unpack_model(same, only(base)).identity == base.identity
    assert len(same) < 0.4 * len(whole)


def test_the_specification_reads_it(models: Pair) -> None:
    base, tuned = models
    specified = Specified.from_bytes(base.to_bytes())
    read = read_model(pack_model(tuned, [base]), [specified])
    assert read.identity == tuned.identity


def test_without_its_base_it_is_refused(models: Pair) -> None:
    base, tuned = models
    packed = pack_model(tuned, [base])
    with pytest.raises(ArchiveError, match=base.identity[:16].hex()):
        unpack_model(packed, lambda prefix: None)
    with pytest.raises((ArchiveError, ModelError)):
        unpack_model(packed, lambda prefix: tuned)


def test_damage_is_told(models: Pair) -> None:
    base, tuned = models
    packed = pack_model(tuned, [base])
    random = np.random.default_rng(0)
    for at in random.integers(0, len(packed), 60):
        damaged = bytearray(packed)
        damaged[at] ^= 1 << int(random.integers(8))
        with pytest.raises((ArchiveError, ModelError)):
            unpack_model(bytes(damaged), only(base))
    for size in range(0, len(packed), 97):
        with pytest.raises((ArchiveError, ModelError)):
            unpack_model(packed[:size], only(base))


def test_a_bundled_model_is_the_base_where_one_is_alike(
    models: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tuned = models
    monkeypatch.setattr(bundled, "_NAMES", ("base",))
    monkeypatch.setattr(bundled, "outline", lambda name: base)
    monkeypatch.setattr(bundled, "identity", lambda name: base.identity)
    monkeypatch.setattr(bundled, "load", lambda name: base)
    assert bundled.alike(tuned) == [base]
    assert bundled.alike(base) == []
    assert pack_model(tuned) == pack_model(tuned, [base])
    assert unpack_model(pack_model(tuned)).identity == tuned.identity
