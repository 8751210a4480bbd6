"""Integer networks: exact on every machine, whatever the engine and the order of its sums."""

from bitsback.integer.layers import Linear, Table, Values
from bitsback.integer.network import Network

__all__ = ["Linear", "Network", "Table", "Values"]
