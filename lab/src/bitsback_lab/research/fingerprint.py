"""Fingerprint of an environment: the programs, the processor, the threads and the model that
determine the floats.
"""

import functools
import hashlib
import inspect
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

Fingerprint = dict[str, str]

_LIBRARIES = ("numpy", "scipy", "torch", "jax", "jaxlib", "tensorflow", "numba", "sklearn")
"""Libraries that compute floats, if they are loaded."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "XLA_FLAGS")
_DEPTH = 12  # the depth of nested objects in the digest of a model


def fingerprint(model: Any) -> Fingerprint:
    """The fingerprint, with names for people. It covers what is loaded, and imports nothing."""
    found = {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()} {'-'.join(platform.libc_ver())}",
        "processor": _processor(),
        "number of processors": str(os.cpu_count()),
    }
    for name in _LIBRARIES:
        module = sys.modules.get(name)
        if isinstance(module, ModuleType):
            found[name] = str(getattr(module, "__version__", "of unknown version"))
    found |= {name: os.environ[name] for name in _THREADS if name in os.environ}
    if (torch := sys.modules.get("torch")) is not None:
        found |= _of_torch(torch)
    if (jax := sys.modules.get("jax")) is not None:
        found["devices of JAX"] = ", ".join(str(device.device_kind) for device in jax.devices())
    return found | {
        "source of the model": _source(model),
        "parameters of the model": _digest(model),
    }


def differences(here: Fingerprint, there: Fingerprint) -> list[str]:
    """The differences to the environment where an archive was made, for people. Libraries that are
    loaded on one side only are ignored, since the model does not need them.
    """

    def counts(name: str) -> bool:
        of_library = name in _LIBRARIES or name.endswith((" of PyTorch", " of JAX"))
        return here.get(name) != there.get(name) and (
            not of_library or (name in here and name in there)
        )

    return [
        f"{name} is {here.get(name, 'not set')}, and was {there.get(name, 'not set')}"
        for name in sorted({*here, *there}, key=lambda name: ("model" in name, name))
        if counts(name)
    ]


def made_by(found: Fingerprint) -> str:
    """The fingerprint in a few words."""
    libraries = [f"{name} {found[name]}" for name in _LIBRARIES if name in found]
    return ", ".join([found["Python"], *libraries[:4], found["platform"]])


def _processor() -> str:
    """The name of the processor, and the instructions that NumPy uses."""
    name = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            name = next(
                (line.split(":", 1)[1].strip() for line in file if "model name" in line), name
            )
    except OSError:
        pass
    core = sys.modules.get("numpy._core._multiarray_umath")
    features = getattr(core, "__cpu_features__", {})
    used = " ".join(sorted(key for key, there in features.items() if there))
    return f"{name} ({hashlib.sha256(used.encode()).hexdigest()[:8]})"


def _of_torch(torch: Any) -> Fingerprint:
    found = {
        "threads of PyTorch": str(torch.get_num_threads()),
        "precision of PyTorch": f"{torch.get_default_dtype()},"
        f" {torch.get_float32_matmul_precision()}",
    }
    if torch.cuda.is_initialized():
        found["GPU of PyTorch"] = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    return found


def _functions(model: Any) -> Iterator[Callable[..., Any]]:
    for name in ("prior", "likelihood", "posterior"):
        yield getattr(model, name)


def _source(model: Any) -> str:
    """SHA-256 of the source text of the model's class, or of its functions."""
    state = hashlib.sha256()
    for function in _functions(model):
        definition: Any = type(function.__self__) if isinstance(function, MethodType) else function
        while isinstance(definition, functools.partial):
            definition = definition.func
        try:
            state.update(inspect.getsource(definition).encode())
        except (OSError, TypeError):
            return "unknown"
    return state.hexdigest()[:16]


def _digest(model: Any) -> str:
    """SHA-256 of all numbers, arrays and texts that can be reached from the model's attributes and
    the bound values of its functions.
    """
    state = hashlib.sha256()
    visited: dict[int, Any] = {}
    _add(state, model, visited, 0)
    for function in _functions(model):
        _add(state, function, visited, 0)
    return state.hexdigest()[:16]


def _add(state: Any, value: Any, visited: dict[int, Any], depth: int) -> None:
    if isinstance(value, bool | int | float | complex | str | bytes | None):
        state.update(repr(value).encode())
        return
    if depth > _DEPTH or id(value) in visited or isinstance(value, ModuleType | type):
        return
    visited[id(value)] = value  # keeps the object alive, so that no other gets its id
    array = _as_array(value)
    if array is not None:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
        return
    for name, part in _parts(value):
        state.update(name.encode())
        _add(state, part, visited, depth + 1)


def _as_array(value: Any) -> Any:
    """Arrays of NumPy and JAX and tensors of PyTorch as arrays."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu()
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if not hasattr(value, "__array__"):
        return None
    try:
        array = np.asarray(value)
    except TypeError:  # NumPy lacks the dtype
        array = np.asarray(value.float())
    return None if array.dtype.hasobject else array


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value, in a canonical order."""
    if isinstance(value, dict):
        yield from sorted(
            ((str(key), part) for key, part in value.items()), key=lambda item: item[0]
        )
    elif isinstance(value, set | frozenset):
        yield from ((each, None) for each in sorted(map(repr, value)))
    elif isinstance(value, list | tuple):
        yield from ((str(number), part) for number, part in enumerate(value))
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, MethodType):
        yield "self", value.__self__
    elif isinstance(value, FunctionType):
        bound = inspect.getclosurevars(value)
        yield from sorted({**bound.globals, **bound.nonlocals}.items())
        yield "defaults", value.__defaults__ or ()
        yield "keyword defaults", value.__kwdefaults__ or {}
    elif hasattr(value, "__dict__"):
        yield from sorted(vars(value).items())
