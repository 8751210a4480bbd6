"""Whether training pays: the arithmetic, and what is said of it."""

import numpy as np
import pytest

from bitsback.models import load_model
from bitsback_train.job.evaluation import Evaluation, archive_bytes, as_inputs
from bitsback_train.job.plan import PATIENCE, stalled


def evaluated(trained: int, untrained: int, model: int = 1_000) -> Evaluation:
    return Evaluation(1_000, 100, 6_400, trained, untrained, model)


def test_rates_are_bits_per_pixel() -> None:
    assert evaluated(1_600, 1_700).rate(1_600) == 2.0


def test_it_pays_from_the_first_number_of_images_that_are_smaller_with_the_model() -> None:
    point = evaluated(1_000, 1_500, 1_003).pays_from
    assert point is not None
    assert 1_003 + point * 10 < point * 15
    assert 1_003 + (point - 1) * 10 >= (point - 1) * 15
    assert evaluated(1_000, 1_000).pays_from is None


@pytest.mark.parametrize(
    ("evaluation", "parts"),
    [
        (evaluated(1_600, 1_200), ["does not pay for these images", "2.000", "1.500"]),
        (evaluated(1_200, 1_600), ["Training pays:", "13,000 bytes", "16,000 by"]),
        (
            evaluated(1_200, 1_250),
            ["an archive of its own", "13,000 bytes", "12,500 by", "from 2,001 images on"],
        ),
    ],
)
def test_the_verdict_has_the_figures(evaluation: Evaluation, parts: list[str]) -> None:
    for part in parts:
        assert part in evaluation.verdict(still_falling=False), evaluation.verdict(False)


def test_only_more_time_helps_while_the_rate_falls() -> None:
    lost = evaluated(1_600, 1_200)
    assert "--minutes" in lost.verdict(True) and "--minutes" not in lost.verdict(False)


def test_pictures_of_a_kind_share_an_archive_and_stacks_have_their_own() -> None:
    images = [np.zeros((1, 8, 9, 1), np.uint8) for _ in range(3)]
    images += [np.zeros((1, 8, 9, 3), np.uint8), np.zeros((4, 8, 9, 1), np.uint16)]
    assert [array.shape for array in as_inputs(images)] == [(3, 8, 9), (1, 8, 9, 3), (4, 8, 9)]


def test_archives_are_decoded_and_the_model_is_not_counted() -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 4, (1, 30, 40, 1), dtype=np.uint8) for _ in range(20)]
    model = load_model("universal-16")
    assert 6_000 < archive_bytes(images, model) < 8_000
    assert 6_000 < archive_bytes(images, "best") <= archive_bytes(images, model) + 64


def test_training_has_stalled_when_no_validation_of_the_last_ten_was_the_best() -> None:
    def rows(*losses: float) -> list[dict[str, float]]:
        return [{"validation": loss, "quantised": 1} for loss in losses]

    falling = [3 - 0.1 * step for step in range(12)]
    assert not stalled(rows(*falling))
    assert not stalled(rows(*falling, *[2.0] * (PATIENCE - 1)))
    assert stalled(rows(*falling, *[2.0] * PATIENCE))
    assert not stalled([{"validation": 2.0, "quantised": 0}] * 20)
