"""The code of a model: the list of pops and pushes that codes a batch of items."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bitsback.errors import ModelError
from bitsback.models.variables import DATA

_STEP = re.compile(r"(pop|push) ([a-z][a-z0-9_]*) ~ (\S+)\Z")
_KEY = re.compile(r"[pq]\(([a-z][a-z0-9_]*)(?:\|([a-z0-9_]+(?:,[a-z0-9_]+)*))?\)\Z")


@dataclass(frozen=True)
class DistributionKey:
    """The key of a distribution: the variable, and the variables that are given."""

    variable: str
    given: tuple[str, ...]


@dataclass(frozen=True)
class CodeStep:
    """`pop z ~ q(z|x)` or `push x ~ p(x|z)`."""

    pops: bool
    variable: str
    distribution: str

    def __str__(self) -> str:
        return f"{'pop' if self.pops else 'push'} {self.variable} ~ {self.distribution}"


def read_key(key: str, variables: Iterable[str]) -> DistributionKey:
    """The parts of a key such as `q(z|x,y)`. Raises ModelError if it is invalid."""
    match = _KEY.match(key)
    if match is None:
        raise ModelError(f"distributions: {key!r} must be of the form p(x), p(x|z) or q(z|x,y)")
    parsed = DistributionKey(match[1], tuple(match[2].split(",")) if match[2] else ())
    names = [parsed.variable, *parsed.given]
    if len(set(names)) != len(names) or not set(names) <= set(variables):
        raise ModelError(f"distributions: {key!r} must name different variables of the model")
    return parsed


def read_code(
    lines: list[str], variables: Iterable[str], distributions: dict[str, DistributionKey]
) -> tuple[CodeStep, ...]:
    """Reads the steps of the code.

    Raises ModelError unless the inputs of each step are known in both directions, so that a pop can
    undo every push.
    """
    steps = []
    live = {DATA}
    fresh = set(variables) - {DATA}
    for line in lines:
        match = _STEP.match(line)
        if match is None:
            raise ModelError(
                f"code: {line!r} must be of the form  pop z ~ q(z|x)  or  push x ~ p(x)"
            )
        step = CodeStep(match[1] == "pop", match[2], match[3])
        parsed = distributions.get(step.distribution)
        if parsed is None or parsed.variable != step.variable:
            raise ModelError(f"code: {line!r}: there is no such distribution of {step.variable!r}")
        if step.pops:
            if step.variable not in fresh:
                raise ModelError(f"code: {line!r}: only a latent is popped, and only once")
            fresh.remove(step.variable)
        elif step.variable not in live:
            raise ModelError(
                f"code: {line!r}: {step.variable!r} cannot be pushed before it is known"
            )
        if not set(parsed.given) <= live - {step.variable}:
            raise ModelError(f"code: {line!r}: its inputs are not known in both directions")
        live = live | {step.variable} if step.pops else live - {step.variable}
        steps.append(step)
    if live or fresh:
        raise ModelError(f"code: {min(live | fresh)!r} must be pushed, a latent popped before it")
    unused = distributions.keys() - {step.distribution for step in steps}
    if unused:
        raise ModelError(f"code: the distribution {min(unused)!r} is never used")
    return tuple(steps)
