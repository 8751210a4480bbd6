from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Shape: TypeAlias = tuple[int, ...]
_Weights: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_Rows = TypeVar("_Rows", NDArray[np.uint8], NDArray[np.uint16])

class Message:
    def __init__(
        self,
        heads: ArrayLike | None = None,
        tail: ArrayLike = (),
        depth: int | None = None,
        *,
        lanes: int | None = None,
    ) -> None: ...
    @staticmethod
    def random(seed: int = 0, lanes: int = 1) -> Message: ...
    @staticmethod
    def from_bytes(data: bytes) -> Message: ...
    def to_bytes(self) -> bytes: ...
    def copy(self) -> Message: ...
    def __copy__(self) -> Message: ...
    def __deepcopy__(self, memo: object) -> Message: ...
    def __getstate__(self) -> bytes: ...
    def __setstate__(self, data: bytes) -> None: ...
    def __enter__(self) -> Message: ...
    def __exit__(self, kind: object, error: object, trace: object) -> None: ...
    @property
    def lanes(self) -> int: ...
    @property
    def depth(self) -> int | None: ...
    @property
    def heads(self) -> NDArray[np.uint64]: ...
    @property
    def tail(self) -> NDArray[np.uint32]: ...
    @property
    def bits(self) -> float: ...
    @property
    def net_bits(self) -> float: ...

class Categorical:
    def __init__(self, frequencies: NDArray[np.uint32], precision: int) -> None: ...
    def push(self, message: Message, symbols: NDArray[np.uint32]) -> None: ...
    def pop(self, message: Message, shape: _Shape) -> NDArray[np.uint32]: ...
    def push_one(self, message: Message, symbol: int) -> None: ...
    def pop_one(self, message: Message) -> int: ...

class Linear:
    def __init__(
        self,
        weight: NDArray[np.int8],
        bias: NDArray[np.int32],
        multiplier: NDArray[np.int32],
        shift: int,
        low: int,
        high: int,
        input_top: int,
    ) -> None: ...
    @property
    def outputs(self) -> int: ...
    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...
    def __call__(self, x: NDArray[np.uint8]) -> NDArray[Any]: ...
    def run_sum(
        self, x: NDArray[np.uint8], other: NDArray[np.uint8], low: int, high: int
    ) -> NDArray[np.uint8]: ...

_Source: TypeAlias = tuple[int, int, int, int, int]  # rows, columns, channels, low, high

class Network:
    def __init__(self, sources: Sequence[_Source]) -> None: ...
    def add(self, op: str, inputs: Sequence[int], fields: Mapping[str, Any]) -> int: ...
    def __call__(
        self, sources: Sequence[NDArray[np.uint16]], wanted: Sequence[int]
    ) -> list[NDArray[Any]]: ...

class Conditional:
    def __init__(
        self, network: Network, sources: Sequence[int], outputs: Sequence[int]
    ) -> None: ...

class Family: ...
class Distribution: ...

def family(kind: str, **fields: object) -> Family: ...
def distribution(kind: str, variable: int, **fields: object) -> Distribution: ...

class Multiset:
    def __init__(self) -> None: ...
    def add(self, keys: Sequence[bytes] | NDArray[np.uint8]) -> None: ...
    def pop(self, message: Message, count: int) -> NDArray[np.uint32]: ...
    def sorted(self) -> NDArray[np.uint8]: ...
    def push(self, message: Message, keys: Sequence[bytes] | NDArray[np.uint8]) -> None: ...

_Offsets: TypeAlias = Sequence[tuple[int, int]]
_ItemShape: TypeAlias = tuple[int, int, int, int, int, bool]  # models.item_shape.ItemShape
_ShapeRun: TypeAlias = tuple[int, _ItemShape]  # items, the shape of each
_Batches: TypeAlias = tuple[int, int]  # items of a batch, batches
_Variable: TypeAlias = tuple[int, int]  # elements, levels
_Step: TypeAlias = tuple[bool, Distribution]  # whether it pops

class Program:
    def __init__(self, variables: Sequence[_Variable], steps: Sequence[_Step]) -> None: ...
    def push(
        self,
        message: Message,
        x: NDArray[Any],
        shapes: Sequence[_ShapeRun],
        batches: Sequence[_Batches],
        kept: bool = True,
    ) -> None: ...
    def pop(
        self,
        message: Message,
        shapes: Sequence[_ShapeRun],
        batches: Sequence[_Batches],
        kept: bool = True,
    ) -> NDArray[Any]: ...
    def push_step(
        self,
        message: Message,
        step: int,
        items: int,
        shape: _ItemShape,
        values: Mapping[int, NDArray[Any]],
    ) -> None: ...
    def pop_step(
        self,
        message: Message,
        step: int,
        items: int,
        shape: _ItemShape,
        values: Mapping[int, NDArray[Any]],
        variable: int,
    ) -> NDArray[Any]: ...

class Wavefront:
    def __init__(
        self,
        decay: tuple[int, int, int],
        ridge: int,
        start: NDArray[np.int32],
        networks: Sequence[Sequence[tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]]],
        cdf: NDArray[np.int32],
        stretch: NDArray[np.int32],
        contexts: int,
    ) -> None: ...
    def features(
        self,
        symbols: NDArray[np.uint8] | NDArray[np.uint16],
        shapes: Sequence[_ItemShape],
        references: int,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]: ...

def recorder() -> Message: ...
def push_uniform(message: Message, n: int, symbols: NDArray[np.uint32]) -> None: ...
def pop_uniform(message: Message, n: int, shape: _Shape) -> NDArray[np.uint32]: ...
def push_adaptive(message: Message, levels: int, symbols: NDArray[np.uint32]) -> None: ...
def pop_adaptive(message: Message, levels: int, shape: _Shape) -> NDArray[np.uint32]: ...
def push_hidden_markov(
    message: Message,
    initial: NDArray[np.uint32],
    transition: NDArray[np.uint32],
    emission: NDArray[np.uint32],
    symbols: NDArray[np.uint32],
    lengths: Sequence[int],
) -> None: ...
def pop_hidden_markov(
    message: Message,
    initial: NDArray[np.uint32],
    transition: NDArray[np.uint32],
    emission: NDArray[np.uint32],
    lengths: Sequence[int],
) -> NDArray[np.uint32]: ...
def hidden_markov_evidence(
    initial: NDArray[np.uint32],
    transition: NDArray[np.uint32],
    emission: NDArray[np.uint32],
    symbols: NDArray[np.uint32],
    lengths: Sequence[int],
) -> NDArray[np.uint64]: ...
def push_bernoulli(
    message: Message, frequencies: NDArray[np.uint32], precision: int, symbols: NDArray[np.uint8]
) -> None: ...
def pop_bernoulli(
    message: Message, frequencies: NDArray[np.uint32], precision: int
) -> NDArray[np.uint8]: ...
def push_bernoulli_table(
    message: Message,
    table: NDArray[np.uint32],
    index: NDArray[np.uint8],
    precision: int,
    symbols: NDArray[np.uint8],
) -> None: ...
def pop_bernoulli_table(
    message: Message, table: NDArray[np.uint32], index: NDArray[np.uint8], precision: int
) -> NDArray[np.uint8]: ...
def push_rows(
    message: Message,
    starts: NDArray[np.uint32],
    index: NDArray[np.uint16],
    precision: int,
    symbols: NDArray[np.uint8],
) -> None: ...
def pop_rows(
    message: Message, starts: NDArray[np.uint32], index: NDArray[np.uint16], precision: int
) -> NDArray[np.uint8]: ...
def push_mixture(
    message: Message,
    cdf: NDArray[np.int32],
    reach_bits: int,
    weight: NDArray[np.uint32],
    mean: NDArray[np.int32],
    inverse_scale: NDArray[np.uint32],
    levels: int,
    precision: int,
    symbols: NDArray[np.uint16],
) -> None: ...
def pop_mixture(
    message: Message,
    cdf: NDArray[np.int32],
    reach_bits: int,
    weight: NDArray[np.uint32],
    mean: NDArray[np.int32],
    inverse_scale: NDArray[np.uint32],
    levels: int,
    precision: int,
) -> NDArray[np.uint16]: ...
def push_gaussian(
    message: Message,
    quantile: NDArray[np.int32],
    cdf: NDArray[np.int32],
    mean: NDArray[np.int32],
    inverse_scale: NDArray[np.uint32],
    bits: int,
    precision: int,
    symbols: NDArray[np.uint16],
) -> None: ...
def pop_gaussian(
    message: Message,
    quantile: NDArray[np.int32],
    cdf: NDArray[np.int32],
    mean: NDArray[np.int32],
    inverse_scale: NDArray[np.uint32],
    bits: int,
    precision: int,
) -> NDArray[np.uint16]: ...
def frequencies_of(weights: NDArray[np.float64], precision: int) -> NDArray[np.uint32]: ...
def check_own_categorical(frequencies: NDArray[np.uint32], precision: int) -> None: ...
def push_own_categorical(
    message: Message, frequencies: NDArray[np.uint32], precision: int, symbols: NDArray[np.uint32]
) -> None: ...
def pop_own_categorical(
    message: Message, frequencies: NDArray[np.uint32], precision: int
) -> NDArray[np.uint32]: ...
def look_at_weights(
    weights: _Weights, precision: int
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]: ...
def push_own_weights(
    message: Message,
    weights: _Weights,
    precision: int,
    scales: NDArray[np.float64],
    ends: NDArray[np.uint64],
    symbols: NDArray[np.uint32],
) -> None: ...
def pop_own_weights(
    message: Message,
    weights: _Weights,
    precision: int,
    scales: NDArray[np.float64],
    ends: NDArray[np.uint64],
) -> NDArray[np.uint32]: ...
def push_intervals(
    message: Message,
    starts: NDArray[np.uint32],
    frequencies: NDArray[np.uint32],
    precision: int,
) -> None: ...
def pop_intervals(
    message: Message,
    starts: NDArray[np.uint32],
    frequencies: NDArray[np.uint32],
    precision: int,
) -> None: ...
def push_interval(message: Message, start: int, frequency: int, precision: int) -> None: ...
def peek(message: Message, precision: int, count: int) -> NDArray[np.uint32]: ...
def on_lanes(message: Message, lanes: Sequence[int], run: Callable[[Message], object]) -> None: ...
def push_poisson(
    message: Message,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    levels: int,
    precision: int,
    symbols: NDArray[np.uint16],
) -> None: ...
def pop_poisson(
    message: Message,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    levels: int,
    precision: int,
) -> NDArray[np.uint16]: ...
def push_negative_binomial(
    message: Message,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    levels: int,
    precision: int,
    symbols: NDArray[np.uint16],
) -> None: ...
def pop_negative_binomial(
    message: Message,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    levels: int,
    precision: int,
) -> NDArray[np.uint16]: ...
def push_beta_binomial(
    message: Message,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    levels: int,
    precision: int,
    symbols: NDArray[np.uint16],
) -> None: ...
def pop_beta_binomial(
    message: Message,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
    levels: int,
    precision: int,
) -> NDArray[np.uint16]: ...
def simd_paths() -> tuple[str, ...]: ...
def simd() -> str: ...
def set_simd(name: str) -> None: ...
def are_jpeg_colours(colours: NDArray[np.uint8]) -> bool: ...
def crc32c(data: bytes, crc: int = 0) -> int: ...
def pack_jpeg_streams(
    bytes: NDArray[np.uint8], threads: int, stretch: NDArray[np.int32], cdf: NDArray[np.int32]
) -> tuple[int, bytes, bytes, bytes]: ...
def find_jpeg_streams(bytes: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]: ...
def tell_jpeg_streams(
    rounds: int, rest: NDArray[np.uint8], size: int
) -> list[tuple[int, int, int, int]]: ...
def unpack_jpeg_streams(
    rounds: int,
    rest: NDArray[np.uint8],
    strips: NDArray[np.uint8],
    coded: NDArray[np.uint8],
    size: int,
    threads: int,
    stretch: NDArray[np.int32],
    cdf: NDArray[np.int32],
) -> bytes: ...
def jpeg_sample_runs(bytes: NDArray[np.uint8]) -> list[tuple[int, int]]: ...
def take_jpeg_samples(
    bytes: NDArray[np.uint8], begin: int
) -> tuple[bytes, NDArray[np.uint16], int, int]: ...
def put_jpeg_samples(
    rest: NDArray[np.uint8], values: NDArray[np.uint16], is_signed: bool
) -> bytes: ...
def jpeg_pixels(bytes: NDArray[np.uint8]) -> bytes: ...

class JpegBehind:
    @property
    def sampling(self) -> tuple[int, int]: ...
    @property
    def place(self) -> tuple[int, int]: ...
    @property
    def steps(self) -> list[list[int]]: ...

def find_jpeg_behind(
    pixels: NDArray[np.uint8], rows: int, columns: int, channels: int
) -> JpegBehind | None: ...
def pack_jpeg_pictures(
    behind: list[JpegBehind],
    shapes: list[tuple[int, int, int]],
    pixels: NDArray[np.uint8],
    stretch: NDArray[np.int32],
    cdf: NDArray[np.int32],
) -> bytes: ...
def unpack_jpeg_pictures(
    shapes: list[tuple[int, int, int]],
    coded: NDArray[np.uint8],
    stretch: NDArray[np.int32],
    cdf: NDArray[np.int32],
) -> bytes: ...

class DeflateEncoder:
    def __init__(self, stretch: NDArray[np.int32], cdf: NDArray[np.int32]) -> None: ...
    def add(self, stream: bytes | memoryview, most: int) -> tuple[bytes, int]: ...
    def end(self) -> bytes: ...

class DeflateDecoder:
    def __init__(
        self, coded: bytes | memoryview, stretch: NDArray[np.int32], cdf: NDArray[np.int32]
    ) -> None: ...
    def stream(self, plaintext: bytes | bytearray, size: int) -> bytes: ...
    def end(self) -> None: ...

class DeflateInflater:
    def __init__(self, stretch: NDArray[np.int32], cdf: NDArray[np.int32]) -> None: ...
    def take(self, bytes: NDArray[np.uint8], files: list[tuple[int, int]], most: int) -> bytes: ...
    def tokens(self) -> bytes: ...

def has_deflate_stream(bytes: bytes | NDArray[np.uint8]) -> bool: ...
def deflate_streams(
    rounds: int,
    rest: NDArray[np.uint8],
    tokens: NDArray[np.uint8],
    files: NDArray[np.uint8],
    size: int,
    stretch: NDArray[np.int32],
    cdf: NDArray[np.int32],
) -> bytes: ...
def lzw_unpack(
    stream: bytes | NDArray[np.uint8], bits: int, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint32], bool, int] | None: ...
def lzw_pack(
    pixels: NDArray[np.uint8], bits: int, clears: NDArray[np.uint32], ended: bool, single: bool
) -> bytes: ...
def lzw_pack_tiff(bytes: bytes | NDArray[np.uint8], between: int) -> bytes: ...
def splitmix64(seed: int, first: int, count: int) -> NDArray[np.uint64]: ...
def filter_rows(pixels: _Rows, filters: NDArray[np.uint8], stride: int) -> _Rows: ...
def unfilter_rows(residuals: _Rows, filters: NDArray[np.uint8], stride: int) -> _Rows: ...
def choose_filters(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], stride: int
) -> NDArray[np.uint8]: ...
