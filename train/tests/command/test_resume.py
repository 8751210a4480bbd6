"""A run interrupted anywhere ends with the same bytes as an uninterrupted one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsback.errors import InputError
from bitsback.models import load_model
from bitsback_train.export.exporter import Card
from bitsback_train.fit.training import Point
from bitsback_train.job.job import Outcome, Settings, no_better, train
from bitsback_train.job.one_shape import one_shape
from bitsback_train.job.presets import Kind
from bitsback_train.job.vae_job import MOST_EPOCHS, VaeJob, VaePlan
from bitsback_train.network.dense import Architecture
from bitsback_train.report import replanned

CARD = Card("stripes", "for tests", "CC0-1.0", (8, 10))
EPOCHS = 5  # three of them in floats


@pytest.fixture(scope="module", autouse=True)
def in_full() -> Iterator[None]:
    """Fixes float32: the choice of bfloat16 depends on timings, which vary on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bitsback_train.job.vae_job.faster_in_half", lambda: False)
        yield


@pytest.fixture(scope="module")
def job(stripes: NDArray[np.uint8]) -> VaeJob:
    return VaeJob(one_shape(stripes, "stripes", 1))


def settings(folder: Path, kind: Kind = "dense") -> Settings:
    return Settings(folder / "m.safetensors", minutes=10, seed=1, epochs=EPOCHS, kind=kind)


def ignore(done: int, total: int, rate: float | None) -> None:
    pass


@pytest.fixture(scope="module")
def whole(
    request: pytest.FixtureRequest,
    job: VaeJob,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Kind, bytes]:
    """A kind of model and the file from an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    train(job, CARD, settings(folder, kind=request.param), ignore)
    assert sorted(path.name for path in folder.iterdir()) == ["m.safetensors"]
    return request.param, (folder / "m.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("whole", "last"),
    [
        *[("dense", last) for last in (1, 3, 4)],
        ("context", 3),
        *[pytest.param("context", last, marks=pytest.mark.slow) for last in (1, 4)],
    ],
    indirect=["whole"],
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    job: VaeJob, tmp_path: Path, last: int, whole: tuple[Kind, bytes]
) -> None:
    kind, expected = whole

    def interrupt(done: int, total: int, rate: float | None) -> None:
        assert total == EPOCHS
        if done == last:
            raise KeyboardInterrupt

    parted = settings(tmp_path, kind=kind)
    with pytest.raises(KeyboardInterrupt):
        train(job, CARD, parted, interrupt)
    assert not parted.output.exists()
    done = []
    train(
        job,
        CARD,
        replace(parted, resume=True),
        lambda at, total, rate: done.append(at),
    )
    assert done[:2] == [last, last + 1]
    assert parted.output.read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.safetensors"]


def interrupted(job: VaeJob, tmp_path: Path) -> Settings:
    """The settings of a run interrupted after its first epoch."""

    def interrupt(done: int, total: int, rate: float | None) -> None:
        if done:
            raise KeyboardInterrupt

    chosen = settings(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(job, CARD, chosen, interrupt)
    return chosen


def test_a_checkpoint_is_neither_lost_nor_taken_for_another(
    job: VaeJob, stripes: NDArray[np.uint8], tmp_path: Path
) -> None:
    chosen = interrupted(job, tmp_path)
    with pytest.raises(InputError, match="--resume"):
        train(job, CARD, chosen, ignore)
    other = VaeJob(one_shape(stripes[::-1], "other", 1))
    with pytest.raises(InputError, match="other data"):
        train(other, CARD, replace(chosen, resume=True), ignore)
    train(job, CARD, replace(chosen, force=True), ignore)
    assert chosen.output.exists()


def test_a_damaged_checkpoint_is_an_error(job: VaeJob, tmp_path: Path) -> None:
    chosen = interrupted(job, tmp_path)
    checkpoint = chosen.folder / "floats" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        train(job, CARD, replace(chosen, resume=True), ignore)


def test_there_must_be_something_to_resume(job: VaeJob, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        train(job, CARD, replace(settings(tmp_path), resume=True), ignore)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("last", [None, 1, 2])
def test_a_run_that_is_slower_than_planned_has_half_of_the_epochs(
    job: VaeJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last: int | None,
) -> None:
    """No epoch is as fast as in this plan, and fewer than half are not worth while. Wherever the
    run is interrupted, it continues with the remaining epochs.
    """
    architecture = Architecture(80, (16,), 8, 10, 16, "exponential")
    hopeful = VaePlan(
        architecture, images=320, batch=20, epochs=10, seed=1, threads=1, seconds=(1e-9, 1e-9)
    )
    monkeypatch.setattr("bitsback_train.job.vae_job.plan", lambda *_: hopeful)
    calls = 0

    def interrupt(done: int, total: int, rate: float | None) -> None:
        nonlocal calls
        calls += done > 0
        if calls == last:
            raise KeyboardInterrupt

    chosen = replace(settings(tmp_path), epochs=None)
    if last is not None:
        with pytest.raises(KeyboardInterrupt):
            train(job, CARD, chosen, interrupt)
        chosen = replace(chosen, resume=True)
    outcome = train(job, CARD, chosen, ignore)
    assert outcome.plan == hopeful
    assert "5 epochs in place of the 10 planned" in replanned(outcome)
    assert outcome.rows[-1]["epoch"] == outcome.epochs == 5
    assert {row["quantised"] for row in outcome.rows} == {0, 1}


def test_training_has_stalled_when_no_validation_of_the_last_ten_was_the_best() -> None:
    falling = [Point(i, 0, 1.0, 3 - 0.1 * i) for i in range(12)]
    assert not no_better(falling)
    assert not no_better([*falling, *[Point(13, 0, 1.0, 2.0)] * 9])
    assert no_better([*falling, *[Point(13, 0, 1.0, 2.0)] * 10])


@pytest.mark.parametrize(
    ("losses", "epochs", "falling"),
    [
        ([3.0, 2.9, 2.8], 50, True),
        ([3.0, 2.8, 2.9], 50, False),
        ([3.0, 2.9, 2.8], MOST_EPOCHS, False),
        ([3.0], 50, True),
    ],
)
def test_more_time_would_help_if_the_last_validation_was_the_best(
    stripes: NDArray[np.uint8], losses: list[float], epochs: int, falling: bool
) -> None:
    architecture = Architecture(80, (16,), 8, 10, 16, "exponential")
    rows = [
        {"epoch": 1.0, "quantised": 1.0, "train_bpd": 2.0, "validation_bpd": loss}
        for loss in losses
    ]
    plan = VaePlan(architecture, images=320, batch=20, epochs=epochs, seed=1, threads=1)
    outcome = Outcome(load_model("mnist-binary"), plan, rows, losses[-1], 1.0, epochs)
    assert outcome.still_falling == falling
