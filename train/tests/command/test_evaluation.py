"""The table's arithmetic, the measurements, and the verdict."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bitsback.models import load_model
from bitsback_lab.digits import binarised_mnist_test_images
from bitsback_train.job import evaluation
from bitsback_train.job.evaluation import (
    Contender,
    Evaluation,
    break_even,
    evaluate_whole,
    table,
    verdict_of_whole,
)
from bitsback_train.peers.measure import Measurement, Peer
from bitsback_train.peers.measure import measure as really_measure
from bitsback_train.peers.units import Images


def row(name: str, size: int, unit: str = "each", whole: int | None = None) -> Contender:
    return Contender(name, unit, size, images=10, pixels=10 * 64, whole=whole)


def test_rates_are_bits_per_pixel_and_bytes_an_image() -> None:
    made = row("x", 160)
    assert made.rate == 2.0 and made.bytes_an_image == 16.0


def test_the_break_even_is_the_first_number_of_images_that_pays() -> None:
    ours, peer, model = row("ours", 100), row("peer", 150), 1000
    point = break_even(ours, peer, model)
    assert point is not None
    assert model + point * 10 < point * 15
    assert model + (point - 1) * 10 >= (point - 1) * 15


def test_a_smaller_peer_is_never_beaten() -> None:
    assert break_even(row("ours", 100), row("peer", 100), 1) is None
    assert break_even(row("ours", 100), row("peer", 90), 1) is None


def test_the_verdict_names_those_that_are_not_beaten() -> None:
    ours = row("ours", 100, whole=11_000)
    beaten, worse = row("PNG", 300, whole=30_000), row("xz", 110, whole=11_000)
    better = row("JPEG XL", 90, whole=9_000)
    all_of_them = verdict_of_whole(Evaluation(ours, [beaten], 1000, []), 1000, False, "context")
    assert "11,000 bytes" in all_of_them and "smaller than what any of these" in all_of_them
    few = verdict_of_whole(Evaluation(ours, [beaten, worse], 1000, []), 1000, False, "context")
    assert "xz" in few and "PNG" not in few and "too few" in few
    lost = Evaluation(ours, [beaten, better], 1000, [])
    settled, falling = (verdict_of_whole(lost, 500, state, "dense") for state in (False, True))
    for never in (settled, falling):
        assert "JPEG XL" in never and "PNG" not in never and "never" in never
    assert "--minutes" in falling and "--minutes" not in settled
    assert "--arch context" in settled and "--arch context" not in verdict_of_whole(
        lost, 500, False, "context"
    )


def test_the_verdict_claims_nothing_of_the_collection_that_was_not_measured_on_it() -> None:
    """This holds whatever the held-out images suggest."""
    ours, beaten, unknown = (
        row("ours", 100, whole=11_000),
        row("PNG", 300, whole=30_000),
        row("xz", 999),
    )
    said = verdict_of_whole(Evaluation(ours, [beaten, unknown], 1, []), 10**6, False, "context")
    assert "any of these" not in said and "that were measured on them" in said
    said = verdict_of_whole(
        Evaluation(replace(ours, whole=None), [beaten], 1, []), 10**6, False, "context"
    )
    assert "was not measured" in said and "smaller" not in said


@pytest.fixture
def digits() -> Images:
    return binarised_mnist_test_images()[:120]


def test_all_are_measured_on_the_whole_collection(digits: Images) -> None:
    measured = evaluate_whole(load_model("mnist-binary"), digits[:60], digits, seconds=1.0)
    for each in (measured.ours, *measured.peers):
        assert each.whole is not None and each.whole > each.bytes
    assert measured.ours.whole is not None
    assert measured.ours.whole > measured.ours.bytes + measured.model_bytes


@pytest.mark.parametrize(("seconds", "on_all"), [(30, False), (70, True)])
def test_who_would_take_longer_than_the_training_is_left_out(
    digits: Images, monkeypatch: pytest.MonkeyPatch, seconds: float, on_all: bool
) -> None:
    """Here xz takes half a second per image, and PNG, in parts, ten times as long."""

    def slowly(times: dict[str, float]) -> Callable[[Peer, Images], Measurement]:
        def measured(peer: Peer, images: Images) -> Measurement:
            made = really_measure(peer, images)
            spent = times.get(peer.title, 0.0) * len(images)
            return replace(made, encode_seconds=spent, decode_seconds=0.0)

        return measured

    monkeypatch.setattr(evaluation, "measure", slowly({"xz -9e, stream": 0.5, "PNG, each": 5.0}))
    made = evaluate_whole(load_model("mnist-binary"), digits[:50], digits, seconds)
    by_name = {(each.name, each.unit): each for each in made.peers}
    assert ("PNG", evaluation.UNITS["each"]) not in by_name
    assert (by_name["xz -9e", evaluation.UNITS["stream"]].whole is not None) == on_all
    assert any("PNG, each" in line and "longer than the training" in line for line in made.missing)
    assert any("xz -9e" in line for line in made.missing) != on_all


def test_the_table_has_a_line_for_each() -> None:
    lines = table(
        Evaluation(row("bitsback", 100), [row("PNG", 300), row("WebP", 90)], 1000, []), "rate", True
    )
    assert len(lines) == 4
    assert "1.250" in lines[1] and "51 images" in lines[2] and lines[3].endswith("never")
