"""The command `bitsback reproduce`: its files, output and errors."""

from __future__ import annotations

import bz2
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from bitsback_lab import digits
from bitsback_lab.datasets import TEST_IMAGES
from bitsback_lab.paper import (
    compressors,
    model_cost,
    page,
    sets,
    start,
    table2,
    table3,
)
from bitsback_lab.paper.exhibits import ENTRIES, NAMES, Conditions, find
from bitsback_lab.peers.measure import Peer
from paper.conftest import assert_one_line_error

Invoke = Callable[..., Result]
GOOD = Peer("bz2 -9", "stream", bz2.compress, bz2.decompress, version="bz2 1")
BAD = Peer("mangler", "stream", bz2.compress, zlib.decompress, version="mangler 2")
ABSENT = "zpaq is not installed; it is a program"


@pytest.fixture
def some_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three peers: one works, one fails, and one is missing."""
    monkeypatch.setattr(compressors, "all_peers", lambda: ([GOOD, BAD], [ABSENT]))


def test_help_lists_every_exhibit(run: Invoke) -> None:
    text = run("reproduce", "--help").stdout
    for entry in ENTRIES:
        assert f"{entry.name} " in text
        assert entry.about in text
    assert max(map(len, text.splitlines())) <= 80


def test_every_exhibit_is_there() -> None:
    for name in NAMES:
        entry, exhibit = find(name)
        assert entry.name == name
        assert callable(exhibit.measure) and callable(exhibit.text)


def test_unknown_names_are_refused(run: Invoke) -> None:
    assert_one_line_error(run("reproduce", "figure9"), "figure9", "figure3")


def test_numbers_and_pictures_are_written(run: Invoke, apart: Path) -> None:
    result = run("reproduce", "figure4", "-o", "made")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in Path("made/paper").iterdir()) == [
        "figure4.json",
        "figure4.png",
    ]
    assert "| bucket | probability |" in result.stdout
    assert "figure4.png" in result.stderr
    first = Path("made/paper/figure4.png").read_bytes()
    run("reproduce", "figure4", "-o", "made")
    assert first == Path("made/paper/figure4.png").read_bytes()


def test_json_is_what_was_written(run: Invoke, apart: Path) -> None:
    result = run("reproduce", "table1", "--json")
    found = json.loads(result.stdout)
    assert found == json.loads(Path("paper/table1.json").read_text())
    assert [model["model"] for model in found["models"]] == ["mnist-binary-paper", "mnist-paper"]


def test_quiet_says_only_the_numbers(run: Invoke, apart: Path) -> None:
    result = run("reproduce", "figure5", "-q")
    assert (result.stdout, result.stderr) == ("", "")
    assert run("reproduce", "figure5", "-q", "--json").stderr == ""


def test_check_compares_with_earlier_numbers(run: Invoke, apart: Path) -> None:
    run("reproduce", "figure4", "-o", "made")
    assert run("reproduce", "figure4", "--check", "made/paper").exit_code == 0
    path = Path("made/paper/figure4.json")
    numbers = json.loads(path.read_text())
    numbers["frequency"][3] += 1
    path.write_text(json.dumps(numbers))
    result = run("reproduce", "figure4", "--check", "made/paper")
    assert_one_line_error(result, "1 numbers differ")
    assert "figure4: frequency[3]" in result.stderr
    assert_one_line_error(
        run("reproduce", "figure4", "--check", "nowhere"), "nowhere", "bitsback reproduce figure4"
    )


def test_bundled_images_that_cannot_be_read(run: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> None:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    monkeypatch.setattr(digits, "mnist_test_images", damaged)
    assert_one_line_error(
        run("reproduce", "table1"), "come with bitsback-lab", "install bitsback-lab again"
    )


def test_fashion_mnist_is_read_where_it_is_named(
    apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sets.fashion() is None
    images = np.zeros((2, 28, 28), np.uint8)
    file = apart / "fashion-mnist" / TEST_IMAGES
    file.parent.mkdir()
    file.write_bytes(
        gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + images.tobytes())
    )
    monkeypatch.setenv(sets.ENVIRONMENT, str(apart))
    monkeypatch.setattr(sets, "COUNT", 2)
    monkeypatch.setattr(sets, "FASHION_PIXELS", sets.pixels_digest(images))
    found = sets.fashion()
    assert found is not None and np.array_equal(found, images)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "no such file"),
        (b"not a gzip file", "cannot be read"),
        (
            gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7]), mtime=0)[
                :-12
            ],
            "cannot be read",
        ),
        (
            gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7]), mtime=0),
            "ends too early",
        ),
        (gzip.compress(b"hello", mtime=0), "no idx file"),
    ],
    ids=["none", "not gzip", "cut short", "too short", "no idx"],
)
def test_an_unreadable_data_set_says_what_to_do(
    run: Invoke, apart: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, part: str
) -> None:
    monkeypatch.setenv(sets.ENVIRONMENT, str(apart))
    if content is not None:
        (apart / "fashion-mnist").mkdir()
        (apart / "fashion-mnist" / TEST_IMAGES).write_bytes(content)
    assert_one_line_error(
        run("reproduce", "table3"), TEST_IMAGES, part, f"unset {sets.ENVIRONMENT}"
    )


def test_another_data_set_is_not_taken_for_fashion_mnist(
    run: Invoke, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(sets.ENVIRONMENT, str(apart))
    monkeypatch.setattr(sets, "COUNT", 1)
    file = apart / TEST_IMAGES
    file.write_bytes(gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7])))
    assert_one_line_error(run("reproduce", "table3"), str(file), "other images")


def test_table2_goes_on_without_peers_that_fail_or_are_absent(
    some_peers: None, few: Callable[[str], None]
) -> None:
    few("table2")
    numbers = table2.EXHIBIT.measure(Conditions())
    rows = {row["name"]: row for row in numbers["peers"]}
    assert rows["bz2 -9"]["2"]["bytes"] > 0
    assert rows["bz2 -9"]["256"]["rate"] > rows["bz2 -9"]["2"]["rate"]
    assert rows["mangler"]["2"]["bytes"] is None and "mangler" in rows["mangler"]["2"]["problem"]
    assert rows["gzip -9"]["2"] == {"problem": "not installed"}
    assert numbers["missing"] == [ABSENT]
    assert {model["model"] for model in numbers["models"]} >= {"mnist-binary", "mnist-paper"}
    text = table2.EXHIBIT.text(numbers)
    assert f"not measured: {ABSENT}" in text
    assert "not measured: mangler, one stream, MNIST: mangler" in text
    assert "| mangler | one stream | mangler 2 | - | - |" in text


def test_table2_draws_what_there_is(
    some_peers: None, few: Callable[[str], None], apart: Path
) -> None:
    few("table2")
    assert table2.EXHIBIT.draw is not None
    numbers = json.loads(json.dumps(table2.EXHIBIT.measure(Conditions())))
    assert all(path.exists() for path in table2.EXHIBIT.draw(numbers, apart))


def test_known_peers_are_looked_up(some_peers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    images = sets.mnist(2)[:5]
    found = compressors.on(images, GOOD, Conditions())
    monkeypatch.setattr(
        "bitsback_lab.bench.peer_cache.measure_apart",
        lambda peer, images: pytest.fail("measured again"),
    )
    assert compressors.on(images, GOOD, Conditions()) == found
    with pytest.raises(pytest.fail.Exception):
        compressors.on(images, GOOD, Conditions(remeasure=True))


def test_model_cost_goes_on_without_a_peer(monkeypatch: pytest.MonkeyPatch, apart: Path) -> None:
    xz = Peer("xz -9e", "stream", bz2.compress, bz2.decompress)
    monkeypatch.setattr(compressors, "all_peers", lambda: ([xz], []))
    monkeypatch.setattr(model_cost, "COUNTS", (1, 5))
    numbers = json.loads(json.dumps(model_cost.EXHIBIT.measure(Conditions())))
    first = numbers["panels"][0]
    assert first["models"][0]["bytes_with_model"][0] > 300_000 > first["models"][0]["bytes"][0]
    assert [peer["problem"] for peer in first["peers"]] == [None, "not installed"]
    assert first["models"][0]["pays_from"][1] is None
    assert "JPEG XL e10, mosaic (not installed)" in model_cost.EXHIBIT.text(numbers)
    assert model_cost.EXHIBIT.draw is not None and len(model_cost.EXHIBIT.draw(numbers, apart)) == 1


def test_table3_fills_itself(monkeypatch: pytest.MonkeyPatch, few: Callable[[str], None]) -> None:
    few("table3")
    stand_ins = {
        "mnist-binary-context": "mnist-binary",
        "mnist-context": "mnist",
        "fashion-mnist-context": "mnist",
    }
    load = compressors.shipped
    monkeypatch.setattr(compressors, "shipped", lambda name: load(stand_ins[name]))
    identity = load("mnist").identity.hex()  # type: ignore[union-attr]
    known = {"identity": identity, "negative_elbo": 2.5, "net": 2.51, "archive": 2.6}
    monkeypatch.setattr(table3, "committed", lambda: {identity: known})
    rows = table3.EXHIBIT.text(table3.EXHIBIT.measure(Conditions())).splitlines()
    assert any(
        row.startswith("| binarised MNIST | 0.15 | `mnist-binary-context` | 0.1") for row in rows
    )
    assert any(
        row.startswith("| Fashion-MNIST | - | `fashion-mnist-context` (committed figures)")
        for row in rows
    )
    assert any(
        row.startswith("| ImageNet 64 x 64 | 3.66 (WebP 4.64, PNG 5.71) | not yet | - |")
        for row in rows
    )
    monkeypatch.setattr(table3, "committed", dict)
    text = table3.EXHIBIT.text(table3.EXHIBIT.measure(Conditions()))
    assert f"not measured: set {sets.ENVIRONMENT}" in text


def test_start_is_drawn(
    few: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, apart: Path
) -> None:
    few("start")
    monkeypatch.setattr(start, "COUNTS", (1, 5))
    numbers = json.loads(json.dumps(start.EXHIBIT.measure(Conditions())))
    assert start.EXHIBIT.draw is not None and len(start.EXHIBIT.draw(numbers, apart)) == 1
    assert "images in the chain" in start.EXHIBIT.text(numbers)


def test_the_page_shows_each_exhibit_with_its_command(run: Invoke, apart: Path) -> None:
    run("reproduce", "figure4")
    run("reproduce", "figure5")
    results = {
        name: json.loads(Path(f"paper/{name}.json").read_text()) for name in ("figure5", "figure4")
    }
    text = page.markdown(results, Path("paper"))
    assert text.index("bitsback reproduce figure4") < text.index("bitsback reproduce figure5")
    assert "(figure4.png)" in text and "class BitsBack" in text
    assert "Exactness" not in text


def test_the_page_is_made_of_numbers_that_are_there(
    run: Invoke, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bitsback_lab.commands.reproduce.NAMES", ("figure5",))
    assert_one_line_error(run("reproduce", "page"), "figure5.json", "bitsback reproduce figure5")
    run("reproduce", "figure5", "-q")
    assert run("reproduce", "page").stderr.split() == ["paper/README.md"]
    assert Path("paper/README.md").read_text().startswith("# The paper, reproduced")


def test_the_page_takes_in_how_floats_fail(apart: Path) -> None:
    path = apart / page.FLOAT_DECODING
    path.write_text(
        json.dumps(
            [{"change": "two threads", "float": "wrong after 30", "bitsback": "the same bits"}]
        )
    )
    text = page.markdown({}, apart)
    assert "| two threads | wrong after 30 | the same bits |" in text
    assert "python benchmarks/float_decoding.py" in text
    path.write_text("[{}]")
    with pytest.raises(Exception, match=r"float_decoding\.py"):
        page.markdown({}, apart)
