"""The errors and warnings of bitsback.

Their messages say what was wrong, where, and what to do.
"""

from typing import Any


class BitsbackError(Exception):
    """The base class of all errors of bitsback.

    The command prints its message in one line and exits with 2.

    >>> import bitsback, io
    >>> try:
    ...     bitsback.decompress(io.BytesIO(b"no archive"))
    ... except bitsback.BitsbackError as error:
    ...     print(type(error).__name__)
    ArchiveError
    """


class InputError(BitsbackError):
    """Input data or arguments cannot be used.

    >>> import bitsback, io
    >>> bitsback.compress("nowhere.npy", io.BytesIO())
    Traceback (most recent call last):
    bitsback.errors.InputError: nowhere.npy: cannot be read: No such file or directory
    """


class InputWarning(UserWarning):
    """The data can be used, but some of their properties will not be restored.

    To lose nothing, turn these warnings into errors:

    >>> import bitsback, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", bitsback.InputWarning)
    ...     warnings.warn("2 files with EXIF data", bitsback.InputWarning)
    Traceback (most recent call last):
    bitsback.errors.InputWarning: 2 files with EXIF data
    """


class ModelWarning(UserWarning):
    """A requested model does badly on these images.

    Another model or compressor, which the warning names, would take far fewer bytes.

    >>> import bitsback, io, warnings
    >>> import numpy as np
    >>> slopes = np.add.outer(np.arange(40), np.arange(784)).reshape(-1, 28, 28) % 256
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", bitsback.ModelWarning)
    ...     _ = bitsback.compress(slopes.astype(np.uint8), io.BytesIO(), model="mnist")
    >>> caught[0].category.__name__
    'ModelWarning'
    """


class ModelError(BitsbackError):
    """A model file is damaged, exceeds a bound of docs/model-format.md, or fails its test vectors.

    >>> import bitsback
    >>> bitsback.load_model(bitsback.__file__)
    Traceback (most recent call last):
    bitsback.errors.ModelError: ...
    """


class ArchiveError(BitsbackError):
    """A file is no archive, is damaged, or needs a newer version.

    `block` is the number of the damaged block; None if the damage is elsewhere. `file` is the name
    of a file that cannot be restored although its blocks are undamaged; otherwise None.

    >>> import bitsback, io
    >>> bitsback.open(io.BytesIO(b"no archive"))
    Traceback (most recent call last):
    bitsback.errors.ArchiveError: ...
    """

    def __init__(self, message: str, block: int | None = None, file: str | None = None) -> None:
        super().__init__(message)
        self.block, self.file = block, file


class MessageError(BitsbackError):
    """Bytes are not a message, or a message cannot code these symbols.

    >>> import bitsback
    >>> bitsback.Message([1])
    Traceback (most recent call last):
    bitsback.errors.MessageError: ...
    """


class MessageExhausted(MessageError):
    """A pop needed more words than a finite tail has. The message is unchanged.

    >>> import bitsback
    >>> from bitsback.codecs import Uniform
    >>> message = bitsback.Message([1 << 63])
    >>> Uniform(256, shape=(100,)).pop(message)
    Traceback (most recent call last):
    bitsback.errors.MessageExhausted: ...
    """


class CodecError(BitsbackError):
    """`check_codec` found that a codec breaks a law of codecs.

    >>> import bitsback
    >>> class Forgetful(bitsback.codecs.Uniform):
    ...     def pop(self, message):
    ...         return super().pop(message) // 2 * 2
    >>> bitsback.codecs.check_codec(Forgetful(256, shape=(2,)), [7, 8])
    Traceback (most recent call last):
    bitsback.errors.CodecError: the first law is broken: ...
    """


class MissingExtra(BitsbackError):
    """An optional package is needed and not installed.

    >>> raise MissingExtra("torch", ".[torch]")
    Traceback (most recent call last):
    bitsback.errors.MissingExtra: this needs the package torch: ...
    """

    def __init__(self, package: str, distribution: str) -> None:
        """distribution: the argument of `pip install`; a path is in a clone of the repository."""
        self._given = package, distribution
        where = "  in a clone of the repository" if distribution.startswith(".") else ""
        super().__init__(
            f"this needs the package {package}: install it with  pip install"
            f" '{distribution}'{where}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._given
