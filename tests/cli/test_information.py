"""`info`, `verify`, `models` and the help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

import bitsback
from bitsback.models import bundled

from .conftest import COUNT, Run


def test_info(run: Run, folder: Path) -> None:
    result = run("info", "digits.bb")
    assert result.exit_code == 0
    for part in ("60 x 28 x 28", "bool", "mnist-binary", "3 blocks"):
        assert part in result.stdout
    information = json.loads(run("info", "digits.bb", "--json").stdout)
    assert information["shape"] == [COUNT, 28, 28]


def test_verify(run: Run, folder: Path) -> None:
    result = run("verify", "digits.bb")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "60 items in 3 blocks" in result.stdout
    assert run("verify", "digits.bb", "--quiet").output == ""
    assert json.loads(run("verify", "digits.bb", "--json").stdout)["problems"] == []


def test_models(run: Run) -> None:
    result = run("models")
    assert result.exit_code == 0
    rows = json.loads(run("models", "--json").stdout)
    assert [row["name"] for row in rows] == list(bundled.names())
    for row in rows:
        model = bitsback.load_model(row["name"])
        assert row["identity"] == model.identity.hex()
        assert row["identity"] in result.stdout
        assert row["name"] in result.stdout


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"bitsback {bitsback.__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom bitsback.cli import main\ntry:\n    main()\nexcept SystemExit:\n   "
        " print([name for name in ('numpy', 'torch', 'PIL', 'safetensors') if name in"
        " sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("[]\n")


def test_compressing_and_decompressing_do_not_import_torch(folder: Path) -> None:
    program = (
        "import sys\n"
        "from bitsback.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as exit:\n"
        "    print(exit.code, 'torch' in sys.modules)\n"
    )
    for arguments in (["compress", "-q", "digits.npy", "-o", "x.bb"], ["decompress", "-q", "x.bb"]):
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
        )
        assert result.stdout == "0 False\n"


def test_where_models_lose_it_is_told(run: Run, folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 128, (30, 28, 28), np.uint8)
    np.save("noise.npy", noise)
    for choice in (["--fast"], ["-m", "mnist"], []):
        result = run("compress", "noise.npy", "-f", "--block", "10", *choice)
        assert result.exit_code == 0
        told = "3 blocks of 3: a general compressor was used, since no model saved enough"
        assert told in result.stderr
    numbers = json.loads(run("compress", "noise.npy", "-f", "--block", "10", "--json").stdout)
    assert numbers["outdone"] == 3 and not numbers["refused"]
    assert "general compressor" not in run("compress", "digits.npy", "-f").stderr


def test_what_a_reader_would_refuse_is_told(run: Run, folder: Path) -> None:
    np.save(folder / "blank.npy", np.zeros((700, 700), np.uint8))
    result = run("compress", "blank.npy", "-m", "universal-deep")
    assert "1 block of 1: a general compressor was used, since readers refuse" in result.stderr
    assert "saved enough" not in result.stderr
