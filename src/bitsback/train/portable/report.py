"""What quantisation costs: the float model, the integers, and each layer between."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerCost:
    """What rounding one layer alone adds, in bits per dimension. Below 0 where it happens to help.

    >>> from bitsback.train import portable
    >>> portable.LayerCost("decoder.2", "linear", 0.0003).place
    'decoder.2'
    """

    place: str
    """In the user's modules."""
    what: str
    bits_per_dimension: float


@dataclass(frozen=True)
class Report:
    """Rates of a portable model on some images, all in bits per dimension, by one sample of the
    latents of each.

    >>> from bitsback.train import portable
    >>> print(portable.Report(0.2, 0.201, 0.2012, ()))
    float model, negative ELBO      0.2000 bits per dimension
    every layer rounded             0.2010 (+0.0010)
    integers, exact code length     0.2012 (+0.0012)
    """

    float_elbo: float
    """The negative ELBO of the user's modules, as they are."""
    rounded_elbo: float
    """That with every layer rounded."""
    code_length: float
    """Net bits that the integer model codes with, from the frequencies of its codecs."""
    layers: tuple[LayerCost, ...]

    @property
    def cost(self) -> float:
        """What the integers take more than the float model."""
        return self.code_length - self.float_elbo

    def __str__(self) -> str:
        def more(rate: float) -> str:
            return f"{rate:.4f} ({rate - self.float_elbo:+.4f})"

        lines = [
            f"float model, negative ELBO      {self.float_elbo:.4f} bits per dimension",
            f"every layer rounded             {more(self.rounded_elbo)}",
            f"integers, exact code length     {more(self.code_length)}",
        ]
        if self.layers:
            lines.append("rounding one layer alone:")
            width = max(len(f"{each.place} {each.what}") for each in self.layers)
            lines += [
                f"  {f'{each.place} {each.what}':{width}}  {each.bits_per_dimension:+.5f}"
                for each in self.layers
            ]
        return "\n".join(lines)
