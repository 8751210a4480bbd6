"""The unit of a pixel: the size of the errors around it, in which its inputs are measured."""

from dataclasses import dataclass

RECIPROCALS = [256, 205, 171, 146]  # 2^8 / (1 + f / 4)


@dataclass(frozen=True)
class Unit:
    """s = (1 + fraction / 4) * 2^lead, rounded down, in units of 2^-8 of a level."""

    lead: int
    fraction: int

    @classmethod
    def of(cls, s: int) -> "Unit":
        assert s >= 4
        lead = s.bit_length() - 1
        return cls(lead, (s >> (lead - 2)) & 3)

    @property
    def index(self) -> int:
        """4 log2(s), nearly."""
        return 4 * self.lead + self.fraction

    @property
    def reciprocal(self) -> int:
        return RECIPROCALS[self.fraction]

    def steps(self, d: int) -> int:
        """Converts a difference from 2^-8 of a level to 2^-4 of the unit."""
        return (d * self.reciprocal) >> (self.lead + 4)

    def nearest(self, d: int) -> int:
        """The same, rounded to nearest."""
        return (d * self.reciprocal + (1 << (self.lead + 3))) >> (self.lead + 4)

    def fine(self, d: int) -> int:
        """The unit in 2^-12; s is at least 16."""
        return (d * self.reciprocal) >> (self.lead - 4)
