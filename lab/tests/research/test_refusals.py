"""A research archive describes itself and is refused where it might decode to other data."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bitsback
from bitsback import ArchiveError
from bitsback_lab import research
from bitsback_lab.research import float_file
from bitsback_lab.research.fingerprint import differences, fingerprint
from research.models import Network, Steps, digits, linear, values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.bb"
    research.compress(digits(), linear(), path)
    return path


def elsewhere(path: Path, **others: str) -> None:
    """Makes the archive look as if another environment had written it."""
    with path.open("rb") as file:
        header = float_file.read_header(file, "x")
        blocks = file.read()
    path.write_bytes(replace(header, fingerprint=header.fingerprint | others).pack() + blocks)


def test_elsewhere_it_is_refused_with_the_reasons_unless_forced(path: Path) -> None:
    elsewhere(path, numpy="1.0", processor="Z80")
    with pytest.raises(research.OtherEnvironment) as caught:
        research.decompress(path, linear())
    assert caught.value.differences == [
        f"numpy is {np.__version__}, and was 1.0",
        f"processor is {fingerprint(linear())['processor']}, and was Z80",
    ]
    assert "and was Z80" in str(caught.value)
    assert "force=True" in str(caught.value)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(research.decompress(path, linear(), force=True), digits())


def test_another_model_is_another_environment(path: Path) -> None:
    with pytest.raises(research.OtherEnvironment, match="parameters of the model is"):
        research.decompress(path, linear(1))
    with pytest.raises(research.OtherEnvironment, match="source of the model is"):
        research.decompress(path, research.Functions(*Steps(3.0).functions()))


def test_what_is_forced_and_comes_out_wrong_is_an_error_that_says_why(path: Path) -> None:
    with pytest.raises(
        ArchiveError, match=r"block 0: its bytes are whole, .* other floats"
    ) as caught:
        research.decompress(path, linear(1), force=True)
    assert caught.value.block == 0
    with pytest.raises(ArchiveError, match="other floats, or is another"):
        research.decompress(path, Network(), force=True)


def test_one_unit_of_a_float_is_seen() -> None:
    """A change of one last bit that changes a single probability is enough."""
    model, file = linear(), io.BytesIO()
    research.compress(digits(), model, file)
    model.weights[0, 0] += 1e-6
    with pytest.raises(ArchiveError, match="other floats"):
        research.decompress(file, model, force=True)


def test_fingerprints_follow_what_decides_floats() -> None:
    here = fingerprint(Network())
    assert here == fingerprint(Network())
    assert {"Python", "platform", "processor", "numpy", "torch", "threads of PyTorch"} <= set(here)
    other = Network()
    with torch.no_grad():
        other.up[2].bias[3] += 1e-3
    assert [of.split(" is ")[0] for of in differences(fingerprint(other), here)] == [
        "parameters of the model"
    ]
    assert differences({"a": "1"}, {"b": "2"}) == [
        "a is 1, and was not set",
        "b is not set, and was 2",
    ]


def test_a_library_that_is_loaded_on_one_side_alone_does_not_matter() -> None:
    here = fingerprint(linear())
    less = {name: value for name, value in here.items() if "orch" not in name}
    assert less != here
    assert differences(less, here) == differences(here, less) == []
    assert differences(here, less | {"torch": "0.1"}) == [
        f"torch is {torch.__version__}, and was 0.1"
    ]


def test_what_functions_have_bound_is_part_of_the_model() -> None:
    def of(spread: float) -> str:
        return fingerprint(research.Functions(*Steps(spread).functions()))[
            "parameters of the model"
        ]

    assert of(3.0) == of(3.0) != of(4.0)


def test_threads_of_torch_are_part_of_it() -> None:
    threads = torch.get_num_threads()
    here = fingerprint(Network())
    try:
        torch.set_num_threads(threads + 1)
        found = differences(fingerprint(Network()), here)
    finally:
        torch.set_num_threads(threads)
    assert found == [f"threads of PyTorch is {threads + 1}, and was {threads}"]


def test_other_readers_say_what_it_is(path: Path) -> None:
    for read in (bitsback.open, bitsback.decompress):
        for given in (path, io.BytesIO(path.read_bytes())):
            with pytest.raises(ArchiveError, match="this is a research archive, which only"):
                read(given)
    with pytest.raises(ArchiveError, match=r"use bitsback_lab\.research\.decompress\(path"):
        bitsback.decompress(path)


def bitsback_says(*arguments: Any, given: bytes = b"") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "bitsback", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, input=given)
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


def test_it_is_described(path: Path) -> None:
    said = research.describe(path)
    assert said.startswith("90 x 4 x 4 uint8, made by ")
    assert f"numpy {np.__version__}" in said


def test_the_command_says_what_it_is_and_refuses_to_decode(path: Path) -> None:
    for command in ("decompress", "verify", "list", "info"):
        code, _, err = bitsback_says(command, path)
        assert code == 2
        assert "this is a research archive" in err
        assert len(err.strip().splitlines()) == 1
    code, _, err = bitsback_says("decompress", "-", given=path.read_bytes())
    assert code == 2
    assert "this is a research archive" in err
    assert [each.name for each in path.parent.iterdir()] == ["x.bb"]


def test_other_archives_are_not_research_archives(tmp_path: Path) -> None:
    bitsback.compress(digits(), tmp_path / "x.bb")
    with pytest.raises(ArchiveError, match=r"x\.bb: this is no research archive: use bitsback\."):
        research.decompress(tmp_path / "x.bb", linear())
    (tmp_path / "y.bb").write_bytes(b"no archive")
    with pytest.raises(ArchiveError, match="no bitsback archive"):
        research.decompress(tmp_path / "y.bb", linear())


def test_damage_of_every_byte_is_found(tmp_path: Path) -> None:
    file = io.BytesIO()
    images, model = values(4), Network()
    research.compress(images, model, file, block=2)
    data = file.getvalue()
    for at in range(len(data)):
        for damaged in (
            data[:at],
            data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :],
            data[:at] + data[at + 1 :],
        ):
            with pytest.raises(ArchiveError):
                research.decompress(io.BytesIO(damaged), model)
    with pytest.raises(ArchiveError, match="something follows"):
        research.decompress(io.BytesIO(data + b"\0"), model)


def hostile(**others: Any) -> bytes:
    file = io.BytesIO()
    research.compress(digits(4), linear(), file)
    file.seek(0)
    header = float_file.read_header(file, "x")
    return replace(header, **others).pack() + file.read()


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"shape": (2**60, 4, 4)}, "not have as many images"),
        ({"shape": (2**40, 4, 4), "blocks": ((2**40, 60),)}, "too large"),
        ({"shape": ()}, "not one of images"),
        ({"dtype": np.dtype("<f4")}, "not one of images"),
        ({"growth": 0}, "not one of images"),
        ({"batch": 2**17}, "not one of images"),
        ({"blocks": ((4, 2**40),)}, "too large"),
        ({"blocks": ((4, 0),)}, "not have as many images"),
        ({"fingerprint": {}}, "is not told"),
        ({"shape": (4, 2**30, 2**30)}, "block 0: .* other floats"),
    ],
)
def test_lies_are_errors(others: Any, why: str) -> None:
    with pytest.raises(ArchiveError, match=why):
        research.decompress(io.BytesIO(hostile(**others)), linear())


def test_a_refusal_goes_to_other_processes(path: Path) -> None:
    import pickle

    error = research.OtherEnvironment("no", ["a is 1, and was 2"])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.differences) == ("no", ["a is 1, and was 2"])
