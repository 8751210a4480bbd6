"""The code of a model: the steps that code a batch, and which variables are known at each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .distributions import Distribution
from .rules import check_list, check_text, require
from .variables import Variable


@dataclass
class Step:
    pops: bool  # in coding; the reverse in decoding
    distribution: Distribution


def read_code(
    about: Any, variables: Mapping[str, Variable], distributions: Mapping[str, Distribution]
) -> list[Step]:
    steps, live, done = [], {"x"}, set[str]()
    for text in check_list(about, 1, 64):
        match = re.fullmatch("(pop|push) ([^ ]+) ~ ([^ ]+)", check_text(text, ".*"))
        require(match is not None, "a step is `pop V ~ D` or `push V ~ D`")
        assert match is not None
        does, variable, key = match.groups()
        require(key in distributions, "a step has one of the distributions")
        of = distributions[key]
        require(of.variable.name == variable, "a step has a distribution over its variable")
        require(live >= set(of.given), "what a distribution is given is live")
        if does == "pop":
            require(variable not in live | done, "a latent is popped once, and before its push")
            live.add(variable)
        else:
            require(variable in live, "what is pushed is live")
            live.remove(variable)
            done.add(variable)
        steps.append(Step(does == "pop", of))
    require(done == set(variables), "each variable is pushed")
    used = {step.distribution.key for step in steps}
    require(used == set(distributions), "each distribution is used")
    return steps
