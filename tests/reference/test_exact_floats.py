"""The source file whose floats decide bytes refuses wrong compiler flags."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "core" / "series" / "least_squares.cpp"
COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]
COMPILER = os.environ.get("CXX", COMPILERS[0] if COMPILERS else "c++")
ON_X86 = platform.machine() in ("x86_64", "AMD64")


def compiled(*flags: str, compiler: str = COMPILER) -> subprocess.CompletedProcess[str]:
    """The compiled instructions, as text."""
    given = ["-std=c++20", "-O3", "-DBITSBACK_KERNELS=least_squares_plain", *flags]
    command = [compiler, *given, "-S", "-o", "-", str(SOURCE)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-ffinite-math-only"])
def test_fast_math_is_refused(flag: str) -> None:
    refused = compiled(flag)
    assert refused.returncode != 0
    assert "archives could not be read elsewhere" in refused.stderr


@pytest.mark.skipif(not ON_X86, reason="x86-64 has a wider format")
def test_a_wider_format_is_refused() -> None:
    refused = compiled("-mfpmath=387")
    assert refused.returncode != 0
    assert "wider format" in refused.stderr


@pytest.mark.skipif(not ON_X86, reason="the names of instructions are those of x86-64")
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("arch", ["-mfma", "-mavx2 -mfma", "-mavx512f"])
def test_nothing_is_contracted_whatever_the_command_line_says(arch: str, compiler: str) -> None:
    # Clang's pragmas do not hold against fast, which CMakeLists.txt overrides.
    contract = "fast" if compiler == "g++" else "on"
    flags = (*arch.split(), f"-ffp-contract={contract}")
    right = compiled(*flags, compiler=compiler)
    assert right.returncode == 0, right.stderr
    assert "mulpd" in right.stdout and "fmadd" not in right.stdout and "fnmadd" not in right.stdout
    wrong = compiled(*flags, "-DBITSBACK_CONTRACTED", compiler=compiler)
    assert "fmadd" in wrong.stdout, "the same words are looked for"
