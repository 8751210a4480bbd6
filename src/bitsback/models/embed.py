"""A model in an archive: the payload of an `M` section, a third to three quarters of the model
file's size.

docs/format.md, An embedded model, is normative.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError, MessageError, ModelError
from bitsback.message import Message
from bitsback.models import tensor_code
from bitsback.models.model import Model
from bitsback.models.tensor_code import PLAIN, TOKENS, Codec, Form, Step
from bitsback.wire import Cursor, varint

_PREFIX_SIZE = 16
_DTYPES = tuple(np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4"))
_LEVEL_CHOICES = ((False, False), (True, False), (False, True), (True, True))
_LANES = 1
_FEW_ROWS = 8


def pack_model(model: Model) -> bytes:
    """The payload of an `M` section. Raises ModelError if the model cannot be embedded."""
    steps: list[Step] = []
    heads = []
    for name in sorted(model.tensors, key=str.encode):
        tensor = model.tensors[name]
        form, tensor_steps = _encode(tensor, model)
        steps += tensor_steps
        shape = bytes([tensor.ndim]) + b"".join(map(varint, tensor.shape))
        method = bytes([PLAIN]) if form is None else bytes([TOKENS]) + form.pack()
        heads.append(_pack_text(name) + bytes([_DTYPES.index(tensor.dtype)]) + shape + method)
    message = _start()
    for codec, symbols in reversed(steps):
        codec.push(message, symbols)
    payload = b"".join(
        [
            model.identity[:_PREFIX_SIZE],
            _pack_text(model.description),
            varint(len(heads)),
            *heads,
            message.to_bytes(),
        ]
    )
    if sum(tensor.size for tensor in model.tensors.values()) > _most_elements(len(payload)):
        raise ModelError(f"the model {model.name} is too regular to be embedded; use embed='never'")
    return payload


def unpack_model(payload: bytes | memoryview) -> Model:
    """The model in the payload of an `M` section. Raises ArchiveError or ModelError if it is
    damaged.
    """
    cursor = Cursor(payload)
    prefix = cursor.take(_PREFIX_SIZE)
    description = _take_text(cursor)
    heads = [_read_head(cursor) for _ in range(cursor.varint())]
    names = [name.encode() for name, *_ in heads]
    if names != sorted(set(names)):
        raise ArchiveError("the tensors of a model are not in order")
    elements = sum(int(np.prod(shape, dtype=object)) for _, _, shape, _ in heads)
    if elements > _most_elements(len(payload)):
        raise ArchiveError(
            f"a model claims {elements} elements in {len(payload)} bytes, which no writer would"
        )
    tensors: dict[str, NDArray[Any]] = {}
    try:
        message = Message.from_bytes(bytes(payload[cursor.at :]))

        def pop(codec: Codec) -> NDArray[np.uint32]:
            return codec.pop(message)

        for name, dtype, shape, form in heads:
            if form is None:
                tensors[name] = tensor_code.decode_plain(pop, dtype, shape)
            else:
                tensors[name] = tensor_code.decode_tokens(form, pop, dtype, shape)
        if message != _start():
            raise ArchiveError("the tensors of a model leave something of its message over")
    except MessageError as error:
        raise ArchiveError(f"the message of a model: {error}") from None
    model = Model.build(description, tensors)
    if not model.identity.startswith(prefix):
        raise ArchiveError("a model is not the one that it says it is")
    return model


def _start() -> Message:
    """The message before the first push: the smallest that there is."""
    return Message(np.full(_LANES, 1 << 32, np.uint64))


def _most_elements(size: int) -> int:
    """How many elements a payload of this many bytes may claim, so that a few bytes cannot claim
    all memory.
    """
    return (1 << 16) + (size << 4)


def _encode(tensor: NDArray[Any], model: Model) -> tuple[Form | None, list[Step]]:
    """The smallest of some forms."""
    best: tuple[Form | None, list[Step]] = None, tensor_code.encode_plain(tensor)
    bits = tensor_code.cost(best[1])
    for transposed, lags in _prediction_choices(tensor, model):
        for by in _LEVEL_CHOICES if tensor.ndim > 1 else _LEVEL_CHOICES[:1]:
            form, steps = tensor_code.encode_tokens(tensor, lags, transposed, by)
            size = 8 * len(form.pack()) + tensor_code.cost(steps)
            if size < bits:
                best, bits = (form, steps), size
    return best


def _prediction_choices(tensor: NDArray[Any], model: Model) -> list[tuple[bool, tuple[int, ...]]]:
    """Whether to transpose, and the lags to predict from: for pixels those to the left, above, and
    above left.

    Between the weights of a convolution, or of a layer that reads one, prediction saves 1 % and is
    not tried.
    """
    if not tensor.size:
        return []
    pixels, width = (model.pixels, model.whole_size()[1]) if model.size else (0, 0)
    above = (1, width, width + 1) if 1 < width < pixels else (1,)
    choices: list[tuple[bool, tuple[int, ...]]] = [(False, ())]
    if tensor.ndim == 1:
        choices += [(False, (1,)), (False, (1, 2))]
    if pixels and tensor.shape[0] == pixels:
        choices.append((False, above))
    if pixels and tensor.ndim == 2 and tensor.shape[1] == pixels:
        choices.append((True, above))
    if (
        tensor.ndim == 2 and len(tensor) <= _FEW_ROWS
    ):  # such as what is seen of symbols: functions of their columns
        choices += [(True, (1,)), (True, (1, 2))]
    return [
        choice
        for choice in choices
        if not choice[1] or max(tensor.shape) <= tensor_code.MOST_PREDICTED_ROWS
    ]


def _read_head(cursor: Cursor) -> tuple[str, np.dtype[Any], tuple[int, ...], Form | None]:
    name = _take_text(cursor)
    dtype, dimensions = cursor.byte(), cursor.byte()
    if dtype >= len(_DTYPES) or not 1 <= dimensions <= 4:
        raise ArchiveError("a tensor has a dtype or a number of dimensions that none can have")
    shape = tuple(cursor.varint() for _ in range(dimensions))
    method = cursor.byte()
    if method > TOKENS or 0 in shape:
        raise ArchiveError("a tensor is coded with a method that does not exist")
    return name, _DTYPES[dtype], shape, Form.unpack(cursor) if method == TOKENS else None


def _pack_text(text: str) -> bytes:
    octets = text.encode()
    return varint(len(octets)) + octets


def _take_text(cursor: Cursor) -> str:
    try:
        return cursor.take(cursor.varint()).decode()
    except UnicodeDecodeError:
        raise ArchiveError("a text is not UTF-8") from None
