"""The choices of the user of `bitsback train`."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from bitsback.errors import InputError

PLAN = "plan.json"


@dataclass(frozen=True)
class Settings:
    """The choices of the user."""

    output: Path
    minutes: float
    seed: int
    threads: int | None = None
    steps: int | None = None
    """The number of steps, regardless of time."""
    resume: bool = False
    force: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the checkpoints."""
        return self.output.parent / (self.output.name + ".ckpt")

    @property
    def seconds(self) -> float:
        return 60 * self.minutes


def check_output(settings: Settings) -> None:
    """Raises InputError now for errors that would otherwise occur after minutes of training."""
    output, folder = settings.output, settings.folder
    if output.is_dir():
        raise InputError(
            f"{output}: is a folder; name a file in it, such as {output / 'model.safetensors'}"
        )
    if output.exists() and not settings.force:
        raise InputError(
            f"{output}: exists already; name another output, or use --force to replace it"
        )
    has_checkpoint = (folder / PLAN).exists()
    if settings.resume and not has_checkpoint:
        raise InputError(
            f"{folder}: contains no checkpoint to resume from; leave out --resume to start"
        )
    if has_checkpoint and not settings.resume and not settings.force:
        raise InputError(
            f"{folder}: contains the checkpoint of a run; go on with --resume, or start again with"
            " --force"
        )
    is_new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        if is_new:
            folder.rmdir()
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from None
