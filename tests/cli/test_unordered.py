"""`compress --unordered`: messages about the order that is not kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from .conftest import Run, assert_one_line_error


def test_a_set_of_digits(folder: Path, run: Run, digits: NDArray[np.bool_]) -> None:
    made = run("compress", "digits.npy", "--unordered", "-o", "set.bb")
    assert made.exit_code == 0
    assert "the order of the items is not kept; it would have taken 34 bytes" in made.stderr
    assert run("decompress", "set.bb").exit_code == 0
    found = [item.tobytes() for item in np.load("set.npy")]
    assert found == sorted(item.tobytes() for item in digits)
    assert run("verify", "set.bb").exit_code == 0
    assert "order     not kept\n" in run("info", "set.bb").stdout
    assert "order" not in run("info", "digits.bb").stdout
    info = json.loads(run("info", "set.bb", "--json").stdout)
    assert (info["unordered"], info["multisets"], info["blocks"]) == (True, 1, 1)
    told = json.loads(run("compress", "digits.npy", "--unordered", "-fo", "x.bb", "--json").stdout)
    assert told["order_bits"] == pytest.approx(272.1, abs=0.1)
    assert (
        json.loads(run("compress", "digits.npy", "-fo", "x.bb", "--json").stdout)["order_bits"]
        is None
    )


def test_blocks_that_do_not_save_the_order(folder: Path, run: Run) -> None:
    np.save("numbers.npy", np.arange(90).reshape(30, 3))
    assert run("compress", "numbers.npy", "--unordered").exit_code == 0
    assert "order     not kept; no model codes it without" in run("info", "numbers.bb").stdout


def test_sets_are_merged(folder: Path, run: Run, digits: NDArray[np.bool_]) -> None:
    for number in range(2):
        np.save(f"{number}.npy", digits[30 * number :][:30])
        run("compress", f"{number}.npy", "--unordered")
    assert run("merge", "0.bb", "1.bb", "-o", "both.bb").exit_code == 0
    info = json.loads(run("info", "both.bb", "--json").stdout)
    assert (info["unordered"], info["multisets"], info["blocks"]) == (True, 2, 2)
    assert run("decompress", "both.bb").exit_code == 0
    found = [item.tobytes() for item in np.load("both.npy")]
    assert sorted(found) == sorted(item.tobytes() for item in digits)


def test_what_does_not_go_together(folder: Path, run: Run) -> None:
    for others, said in (
        (("--rm",), "--rm would remove the order"),
        (("--stack",), "the slices of a stack have an order"),
    ):
        assert_one_line_error(run("compress", "digits.npy", "--unordered", *others), said)
    alone = run("compress", ".", "--keep-names")
    assert_one_line_error(alone, "keep_names (--keep-names) needs unordered (--unordered)")
