"""The benchmark's table agrees with its runs."""

import json
import os
from functools import partial
from pathlib import Path

import float_decoding
import numpy as np
import pytest
import torch
from float_bb_ans import FloatBitsBack
from float_decoding import (
    CHANGES,
    Change,
    Coded,
    Decoded,
    decode_floats,
    encode,
    in_new_process,
    row,
    verdict,
)
from float_networks import FloatVae, TorchNetworks

from bitsback_lab.digits import binarised_mnist_test_images

MODEL = "mnist-binary-paper"
RIGHT = "same bytes, all images right"


@pytest.fixture(scope="module")
def coded() -> Coded:
    """Encoded with one thread, as it is decoded without a change."""
    x = binarised_mnist_test_images()[:100].reshape(100, -1).view(np.uint8)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return encode(MODEL, x)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("decoded", "text"),
    [
        (Decoded(2000, 0, 0, None), "all 2,000 images right"),
        (Decoded(1500, 500, 499, None), "1,500 images right, 99 % of the rest wrong, no error"),
        (
            Decoded(0, 40, 20, "EOFError after 40"),
            "0 images right, 50 % of the rest wrong, EOFError after 40",
        ),
        (Decoded(30, 0, 0, "EOFError after 30"), "30 images right, EOFError after 30"),
    ],
)
def test_how_decoding_went(decoded: Decoded, text: str) -> None:
    assert str(decoded) == text


def test_a_failure_of_bitsback_would_be_seen() -> None:
    assert verdict(True, True) == RIGHT
    assert verdict(False, True) == "OTHER BYTES, all images right"
    assert verdict(True, False) == "same bytes, WRONG IMAGES"


def test_nothing_changes(coded: Coded) -> None:
    assert row(coded, CHANGES[0]) == {
        "change": "nothing",
        "float": "all 100 images right",
        "bitsback": f"{RIGHT} (nothing)",
    }


def test_far_fewer_digits_give_wrong_images_and_no_error(coded: Coded) -> None:
    vae = FloatVae(float_decoding.RECIPES / f"{MODEL}-float.safetensors")
    coder = FloatBitsBack(TorchNetworks(vae, torch.bfloat16), vae.latents, vae.pixels)
    decoded = decode_floats(coder, coded.message, coded.x)
    assert decoded.right + decoded.rest == 100
    assert decoded.right < 50
    assert decoded.wrong > decoded.rest / 2
    assert decoded.error is None


def test_an_error_is_told(coded: Coded) -> None:
    vae = FloatVae(float_decoding.RECIPES / f"{MODEL}-float.safetensors")
    coder = FloatBitsBack(TorchNetworks(vae), vae.latents, vae.pixels)
    message = coder.encode(coded.x)
    message.words = message.words[-200:]
    decoded = decode_floats(coder, message, coded.x)
    assert decoded == Decoded(decoded.right, 0, 0, f"EOFError after {decoded.right}")
    assert 0 < decoded.right < 100


@pytest.mark.parametrize(
    "change",
    [
        Change("", "1 at a time", at_a_time=1),
        Change("", "float64", dtype=torch.float64),
        Change("", "NumPy", library="numpy"),
        Change("", "2 threads", threads=2),
    ],
)
def test_bitsback_is_indifferent(coded: Coded, change: Change) -> None:
    before = torch.get_num_threads()
    assert row(coded, change)["bitsback"] == f"{RIGHT} ({change.bitsback})"
    assert torch.get_num_threads() == before


def test_a_new_process_has_the_environment() -> None:
    assert in_new_process({"BITSBACK_TEST": "here"}, partial(os.getenv, "BITSBACK_TEST")) == "here"
    assert "BITSBACK_TEST" not in os.environ


def test_the_rows_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = Change("a processor of another make", "", environment={"BITSBACK_SIMD": "none"})
    monkeypatch.setattr(
        float_decoding,
        "CHANGES",
        (CHANGES[0], Change("bfloat16", "", dtype=torch.bfloat16), elsewhere),
    )
    monkeypatch.setattr(
        "sys.argv", ["float_decoding.py", "--images", "20", "--json", str(tmp_path / "rows.json")]
    )
    float_decoding.main()
    first, second = json.loads((tmp_path / "rows.json").read_text())
    assert first == {
        "change": "nothing",
        "float": "all 20 images right",
        "bitsback": f"{RIGHT} (nothing)",
    }
    assert (second["change"], second["bitsback"]) == ("bfloat16", "has no floats")
    printed = capsys.readouterr().out
    assert first["float"] in printed
    assert "cannot be changed on this machine: a processor of another make" in printed
