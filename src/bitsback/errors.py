"""Every error that bitsback raises on purpose. Its message says what was wrong, where, and what to
do.
"""


class BitsbackError(Exception):
    """The root: catch this to catch them all. The command prints its message in one line and exits
    with 2.
    """


class InputError(BitsbackError):
    """The data or the arguments that were given cannot be used."""


class InputWarning(UserWarning):
    """The data can be used, but something about it will not come back as it was."""


class ModelError(BitsbackError):
    """A model file is damaged, breaks a bound of docs/model-format.md, or does not compute as it
    should.
    """


class ArchiveError(BitsbackError):
    """A file is no archive, is damaged, or needs a newer version.

    `block` is the number of the damaged block, or None where the damage is not within one.
    """

    def __init__(self, message: str, block: int | None = None) -> None:
        super().__init__(message)
        self.block = block


class MessageError(BitsbackError):
    """Bytes are no message, or a message cannot take what it was asked to."""


class MessageExhausted(MessageError):
    """A pop needed more words than a finite tail holds. The message is as it was before."""


class MissingExtra(BitsbackError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, distribution: str, in_clone: str) -> None:
        """distribution, in_clone: what to give `pip install`, anywhere or in a clone."""
        super().__init__(
            f"this needs the package {package}: install it with  pip install '{distribution}'"
            f"  or, in a clone of the repository,  pip install '{in_clone}'"
        )
