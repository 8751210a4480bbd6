"""`bitsback bench` on the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import bitsback
from bitsback.cli.main import bitsback as command
from bitsback_lab.bench import comparison
from bitsback_lab.bench.subject import read
from bitsback_lab.peers.measure import Peer
from waiting import PATIENCE, running, until

Run = Callable[..., Result]

PEERS = [
    Peer("zlib", "stream", zlib.compress, zlib.decompress, version="zlib 1"),
    Peer("slow", "stream", zlib.compress, zlib.decompress, version="zlib 1", slow=True),
    Peer("lossy", "each", bytes, bytes, version="1"),
]


@pytest.fixture
def run(calls: list[str], digits: NDArray[np.bool_], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `bitsback bench` beside a file of digits, with three other compressors, one of which
    restores wrongly.
    """
    np.save("digits.npy", digits)
    monkeypatch.setattr(comparison, "all_peers", lambda: (PEERS, ["zpaq is not installed"]))

    def invoke(*arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(command, ["bench", *arguments], input=stdin)

    return invoke


def refused(result: Result) -> str:
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    assert result.stderr.startswith("bitsback: error: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_the_table(run: Run) -> None:
    result = run("digits.npy")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert (
        lines[0]
        == "digits.npy: 40 bilevel images of 28 x 28 pixels; 3,920 bytes, eight pixels to the byte"
    )
    assert max(map(len, lines)) <= 110
    table = {line[:36].strip(): line[36:].split() for line in lines[4 : lines.index("", 4)]}
    assert set(table) >= {
        "bitsback mnist-binary",
        "bitsback mnist-binary-paper",
        "zlib, stream",
        "slow, stream",
    }
    assert len(table["bitsback mnist-binary"]) == 6
    assert len(table["zlib, stream"]) == 5  # there is no model
    assert "zpaq is not installed" in lines
    assert any(line.startswith("left out: lossy, each: ") for line in lines)
    assert "*" not in result.stdout


def test_the_second_time_it_says_what_is_not_new(run: Run) -> None:
    some = ("digits.npy", "--codecs", "zlib, slow")
    run(*some)
    text = run(*some).stdout
    assert "slow, stream *" in text
    assert (
        "*: from an earlier measurement, on a processor of the tests (2026-01-02); --remeasure"
        in text
    )
    assert "*" not in run(*some, "--remeasure").stdout


def test_json(run: Run, digits: NDArray[np.bool_]) -> None:
    found = json.loads(run("digits.npy", "--json").stdout)
    assert found["data"] == {
        "name": "digits.npy", "sha256": found["data"]["sha256"], "images": 40, "images_in_all": 40,
        "height": 28, "width": 28, "channels": 1, "levels": 2, "raw_bytes": 3920,
    }  # fmt: skip
    assert found["missing"] == ["zpaq is not installed"]
    assert len(found["failed"]) == 1
    kinds: dict[str, Any] = {
        "codec": str, "unit": str, "version": str, "ours": bool, "bytes": int,
        "bits_per_pixel": float,
        "ratio": float, "model_bytes": int | None, "bits_per_pixel_with_model": float | None,
        "ratio_with_model": float | None, "compress_seconds": float, "decompress_seconds": float,
        "compress_MB_per_second": float, "decompress_MB_per_second": float,
        "peak_memory_bytes": int | None,
        "memory_before_bytes": int | None, "cached": bool, "processor": str, "date": str,
    }  # fmt: skip
    for row in found["rows"]:
        assert list(row) == list(kinds)
        assert all(isinstance(row[name], kind) for name, kind in kinds.items()), row
        assert row["bits_per_pixel"] == 8 * row["bytes"] / digits.size
        assert row["ratio"] == 3920 / row["bytes"]
        if row["ours"]:
            assert (
                row["bits_per_pixel_with_model"]
                == 8 * (row["bytes"] + row["model_bytes"]) / digits.size
            )
        else:
            assert (
                row["model_bytes"]
                is row["bits_per_pixel_with_model"]
                is row["ratio_with_model"]
                is None
            )


def test_some_codecs_and_some_images(run: Run) -> None:
    text = run("digits.npy", "--sample", "10", "--codecs", "zlib, mnist-binary-paper").stdout
    assert text.startswith("digits.npy: 10 bilevel images (of 40, evenly spaced)")
    assert "zlib, stream" in text and "bitsback mnist-binary-paper" in text
    assert "slow" not in text and "zpaq" not in text
    quick = run("digits.npy", "--quick").stdout
    assert "zlib, stream" in quick and "slow, stream" not in quick


def test_a_model_of_ones_own(run: Run, folder: Path) -> None:
    model = bitsback.load_model("mnist-binary-paper")
    description = json.loads(model.description) | {"name": "mine"}
    (folder / "mine.safetensors").write_bytes(
        bitsback.Model.build(json.dumps(description), model.tensors).to_bytes()
    )
    text = run("digits.npy", "-m", "mine.safetensors", "--codecs", "bitsback").stdout
    assert "bitsback mine" in text and "bitsback mnist-binary-paper" in text
    assert "mine.safetensors" not in text
    unfit = run("digits.npy", "-m", "mnist", "--codecs", "bitsback").stdout
    assert "left out: bitsback mnist, archive: " in unfit


def test_other_inputs(run: Run) -> None:
    piped = run("-", "--codecs", "zlib", stdin=Path("digits.npy").read_bytes())
    assert piped.stdout.startswith("-: 40 bilevel images")
    assert run("mnist-binary", "--sample", "5", "--codecs", "zlib").stdout.startswith(
        "mnist-binary: 5 bilevel images (of 10,000,"
    )
    for name in "ab":
        Image.new("L", (9, 8), 7).save(f"{name}.png")
    pictures = run("a.png", "b.png").stdout
    assert pictures.startswith("2 files: 2 bilevel images of 8 x 9 pixels")
    assert "bitsback universal" in pictures


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_picture(run: Run, ending: str) -> None:
    result = run("digits.npy", "--codecs", "zlib", "--plot", f"picture.{ending}")
    assert result.exit_code == 0, result.output
    assert f"picture.{ending}" in result.stderr
    data = Path(f"picture.{ending}").read_bytes()
    assert data.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending])


def test_the_picture_names_every_codec_twice(run: Run) -> None:
    run("digits.npy", "--plot", "picture.svg")
    texts = re.findall(
        "<!-- (.*?) -->", Path("picture.svg").read_text(encoding="utf-8")
    )  # the letters are shapes
    for name in ("bitsback mnist-binary", "bitsback mnist-binary-paper", "zlib", "slow"):
        assert texts.count(name) == 2, name
    for text in (
        "bits per pixel",
        "compressing, MB/s (a pixel is a byte)",
        "decompressing, MB/s (a pixel is a byte)",
    ):
        assert texts.count(text) == 1


def test_the_picture_of_one_codec(run: Run) -> None:
    assert run("digits.npy", "--plot", "one.png", "--codecs", "zlib").exit_code == 0


def test_the_picture_is_asked_for_in_vain(run: Run, calls: list[str]) -> None:
    Path("there.png").touch()
    assert "there.png: exists already" in refused(run("digits.npy", "--plot", "there.png"))
    assert ".png, .svg, .pdf" in refused(run("digits.npy", "--plot", "picture.jpg"))
    assert "no folder" in refused(run("digits.npy", "--plot", "nowhere/picture.png"))
    assert calls == []


def test_unsuitable_data(run: Run) -> None:
    np.save("flat.npy", np.zeros(4, np.uint8))
    assert "flat.npy: its shape is (4,)" in refused(run("flat.npy"))
    Path("text.npy").write_text("no array")
    assert "text.npy: " in refused(run("text.npy"))
    assert "absent.npy: " in refused(run("absent.npy"))
    assert "no codec 'nothing'" in refused(run("digits.npy", "--codecs", "nothing"))
    assert "absent.safetensors" in refused(run("digits.npy", "-m", "absent.safetensors"))
    assert "lossy" in refused(run("digits.npy", "--codecs", "lossy"))


def test_an_interruption_says_that_it_can_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "measure_apart", interrupted)
    result = run("digits.npy")
    assert result.exit_code == 130
    assert "the same command goes on from there" in result.stderr
    assert "Traceback" not in result.stderr


def test_colour_of_several_sizes(run: Run, folder: Path) -> None:
    (folder / "colour").mkdir()
    for i in range(3):
        Image.new("RGB", (4 + i, 9 - i), (i, 2, 3)).save(folder / f"colour/{i}.png")
    lines = run("colour").stdout.splitlines()
    assert lines[0] == "colour: 3 RGB images of 9 x 4 to 7 x 6 pixels; 354 bytes"
    assert "sub-pixel" in lines[3]
    data = json.loads(run("colour", "--json").stdout)["data"]
    assert data["height"] is data["width"] is data["channels"] is data["levels"] is None
    assert data["raw_bytes"] == 354


def test_several_named_sets_are_one_picture(run: Run, folder: Path) -> None:
    result = run("mnist", "mnist-binary", "--sample", "5", "--codecs", "zlib", "--plot", "two.svg")
    assert result.exit_code == 0, result.output
    heads = [line for line in result.stdout.splitlines() if line.startswith("mnist")]
    assert [head.partition(":")[0] for head in heads] == ["mnist", "mnist-binary"]
    assert (folder / "two.svg").stat().st_size > 1000
    several = run("mnist", "mnist-binary", "--sample", "5", "--codecs", "zlib", "--json")
    assert [one["data"]["name"] for one in json.loads(several.stdout)] == ["mnist", "mnist-binary"]


def test_quiet(run: Run) -> None:
    result = run("digits.npy", "-q", "--codecs", "zlib", "--plot", "picture.png")
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_it_says_that_it_reads_as_long_as_it_waits_for_images() -> None:
    import pty

    master, terminal = pty.openpty()
    os.set_blocking(master, False)
    said = b""

    def reading() -> bool:
        nonlocal said
        with suppress(BlockingIOError):
            said += os.read(master, 1000)
        return b"reading ... " in said

    with running(
        [sys.executable, "-m", "bitsback", "bench", "-"], stdin=subprocess.PIPE, stderr=terminal
    ) as process:
        until(reading, process)
        process.terminate()
        assert process.wait(PATIENCE) == 130
    os.close(master)
    os.close(terminal)


def test_images_are_counted_while_they_are_read(digits: NDArray[np.bool_]) -> None:
    large = np.tile(digits, (1, 30, 30))
    calls: list[tuple[int, int]] = []
    read(large, "large", 3, lambda done, total: calls.append((done, total)))
    assert len(calls) > 1 and calls[-1] == (40, 40) and calls == sorted(calls)
