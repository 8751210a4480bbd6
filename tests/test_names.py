"""The public names: each addition or removal is a decision."""

import importlib
import inspect
import subprocess
import sys

import pytest

import bitsback
from bitsback import codecs

CODECS = [
    "Adaptive", "Autoregressive", "Bernoulli", "BernoulliTable", "BitSwap",
    "BitsBack", "Categorical", "ChainRule", "Codec", "Dependent", "FromCdf", "GaussianBuckets",
    "Interval", "LatentMixture", "Logistic", "Mapped",
    "DiscretisedMixture", "Multiset", "Named", "Normal", "OnLanes",
    "Repeat", "CdfTable", "Serial", "TopDown", "Uniform", "check_codec", "one_form",
]  # fmt: skip

OTHERS = [
    "Archive", "ArchiveError", "BitsbackError", "CodecError", "CompressOptions",
    "DecompressOptions", "InputError", "InputWarning", "Message", "MessageError",
    "MessageExhausted", "MissingExtra", "Model", "ModelError", "ModelWarning", "add", "add_parity",
    "codecs", "compress", "decode", "decompress", "diff", "embed", "encode", "load_model", "merge",
    "open", "register_model", "remove", "repair",
]  # fmt: skip


def test_the_names_are_these() -> None:
    assert sorted(codecs.__all__) == sorted(CODECS)
    assert sorted(bitsback.__all__) == sorted(OTHERS)


def test_each_is_there_once() -> None:
    assert not set(CODECS) & set(dir(bitsback))
    assert bitsback.codecs is importlib.import_module("bitsback.codecs")
    assert set(bitsback.__all__) <= set(dir(bitsback))


def test_each_codec_has_the_protocol() -> None:
    for name in CODECS:
        codec = getattr(codecs, name)
        if inspect.isclass(codec):
            assert all(callable(getattr(codec, method)) for method in ("push", "pop", "bits")), name


def test_codecs_are_loaded_when_their_name_is_asked_for() -> None:
    code = (
        "import bitsback, sys; print('bitsback.codecs' in sys.modules);"
        " print(bitsback.codecs is sys.modules['bitsback.codecs'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


INTEGRATIONS = ["dask", "hdf5", "numcodecs", "torch", "xarray", "zarr"]


@pytest.mark.parametrize("name", [*INTEGRATIONS, "pillow"])
def test_an_integration_is_an_attribute(name: str) -> None:
    """`import bitsback` loads none of them; the first use of one does."""
    code = (
        f"import bitsback, sys; print('bitsback.{name}' in sys.modules, {name!r} in dir(bitsback),"
        f" bitsback.{name} is sys.modules['bitsback.{name}'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.split() == ["False", "True", "True"], ran.stderr


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_an_integration_that_is_not_installed_says_what_to_install(name: str) -> None:
    package = {"hdf5": "h5py"}.get(name, name)
    extra = "zarr" if name == "numcodecs" else name
    code = (
        f"import sys; sys.modules[{package!r}] = None; import bitsback\n"
        f"assert {name!r} not in dir(bitsback)\n"
        f"try: bitsback.{name}\n"
        "except bitsback.MissingExtra as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"pip install '.[{extra}]'" in ran.stdout, ran.stderr
