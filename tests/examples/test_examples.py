"""The scripts in examples/ run and print what they promise."""

import os
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from bitsback_lab import digits

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))

if find_spec("torch") is None:
    SCRIPTS = []


FEWER: dict[str, dict[str, float]] = {
    "bit_swap.py": {"epochs": 1, "coded": 20},
    "fine_tune.py": {"taught": 16, "coded": 2, "minutes": 0.01},
    "portable_vae.py": {"epochs": 1, "coded": 100},
    "two_layers.py": {"epochs": 1, "tuning": 1, "coded": 100},
    "vae.py": {"epochs": 1, "coded": 20},
}
"""Arguments for `main` of scripts with long training; they make training short and models poor."""


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script not in FEWER])
def test_it_runs(script: str, tmp_path: Path) -> None:
    assert_restores(tmp_path, str(FOLDER / script))


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script in FEWER])
def test_it_runs_with_less_data(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In this process, which has imported PyTorch, and with few of the digits."""
    import torch

    grey, bits = digits.mnist_test_images()[:1200], digits.binarised_mnist_test_images()[:1200]
    monkeypatch.setattr(digits, "mnist_test_images", lambda: grey)
    monkeypatch.setattr(digits, "binarised_mnist_test_images", lambda: bits)
    monkeypatch.chdir(tmp_path)
    spec = spec_from_file_location(script.removesuffix(".py"), FOLDER / script)
    assert spec is not None and spec.loader is not None
    module, threads = module_from_spec(spec), torch.get_num_threads()
    try:
        spec.loader.exec_module(module)
        module.main(**FEWER[script])
    finally:
        torch.set_num_threads(threads)
    captured = capfd.readouterr()
    assert "restored" in captured.out and not captured.err
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(FEWER))
def test_it_runs_as_it_stands(script: str, tmp_path: Path) -> None:
    assert_restores(tmp_path, str(FOLDER / script))


def assert_restores(tmp_path: Path, *arguments: str) -> None:
    path = os.pathsep.join([str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "restored" in ran.stdout, ran.stdout
    assert not ran.stderr
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_the_page_names_each_of_them() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{script}`" in page for script in SCRIPTS)
