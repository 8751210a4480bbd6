"""Whether this machine multiplies faster in bfloat16 than in float32."""

import time

import torch
from torch.nn import functional

ROWS, INPUTS, OUTPUTS = 2_048, 144, 64
TRIALS = 5  # of which the first makes things ready
GAIN = 1.5  # of speed, below which bfloat16 is not worth what it rounds away


def faster_in_half() -> bool:
    """By some timed products: several times as fast with AVX512_BF16 or AMX, and slower, or far
    slower, without.
    """
    return _best_seconds(torch.float32) > GAIN * _best_seconds(torch.bfloat16)


def _best_seconds(dtype: torch.dtype) -> float:
    value, weight = torch.ones(ROWS, INPUTS, dtype=dtype), torch.ones(OUTPUTS, INPUTS, dtype=dtype)
    seconds = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        functional.linear(value, weight)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
