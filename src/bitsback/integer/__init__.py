"""Integer networks: exact on every machine, whatever the engine and the order of its sums."""

from bitsback.integer.layers import Bounds, Values
from bitsback.integer.network import Network

__all__ = ["Bounds", "Network", "Values"]
