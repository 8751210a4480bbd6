"""Warnings of names and properties of pictures that cannot be restored everywhere."""

import warnings
from collections import Counter

from bitsback.errors import InputWarning
from bitsback.io import names as naming


def warn_of_names(names: list[str]) -> None:
    """Warns of names that some systems cannot have."""
    clash = naming.first_clash(names)
    if clash is not None:
        warnings.warn(
            f"{naming.printable(clash)}: its name differs from that of another file only in case or"
            " Unicode composition, so macOS and Windows cannot restore both",
            InputWarning,
            stacklevel=2,
        )
    faults = [fault for fault in map(naming.windows_fault, names) if fault is not None]
    if faults:
        warnings.warn(
            f"{len(faults)} of the names cannot be restored on Windows:"
            f" {naming.printable(faults[0])}",
            InputWarning,
            stacklevel=2,
        )


def warn_of_losses(losses: Counter[str]) -> None:
    """Warns of properties of pictures that are not restored."""
    from bitsback.files.pictures import LOSSES

    for loss, count in losses.items():
        shown = f"{count} picture" + "s" * (count > 1)
        warnings.warn(LOSSES[loss].format(shown), InputWarning, stacklevel=2)
