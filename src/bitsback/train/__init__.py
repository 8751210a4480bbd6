"""Training: torch twins of the integer networks, recipes, and the exporter. Needs the extra
`bitsback[train]`.

Nothing else in bitsback imports this package, and compressing or decompressing never needs it.
"""

from importlib.util import find_spec

from bitsback.errors import MissingExtra

if find_spec("torch") is None:
    raise MissingExtra("torch", "bitsback[train]", ".[train]")
