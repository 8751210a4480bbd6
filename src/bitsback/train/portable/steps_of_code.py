"""Whether the steps that a user gives are the code of a model."""

from collections.abc import Collection, Mapping, Sequence

from bitsback.errors import InputError
from bitsback.integer.network import NAME
from bitsback.models.variables import CONTEXT, DATA, FEATURES
from bitsback.train.portable.distributions import Step
from bitsback.train.portable.variables import Data, Latent


def check_steps(
    variables: Mapping[str, Data | Latent], networks: Collection[str], steps: Sequence[Step]
) -> None:
    """Raises InputError where a name is unknown, or a variable is not there when it is needed."""
    for name in (*variables, *networks):
        if not NAME.match(name) or name in (CONTEXT, FEATURES):
            raise InputError(f"{name!r} cannot be a name: use a-z, 0-9 and _, a letter first")
    live, gone = {DATA}, set[str]()
    users: dict[str, str] = {}
    for step in steps:
        of, line = step.distribution, in_words(step)
        for name in (step.variable, *of.given):
            if name not in variables:
                raise InputError(f"{line}: there is no variable '{name}'")
        if step.variable in of.given:
            raise InputError(f"{line}: '{step.variable}' is given itself")
        missing = [name for name in of.given if name not in live]
        if missing:
            raise InputError(f"{line}: '{missing[0]}' is not known at this step; pop it before")
        if step.pops == (step.variable in live) or step.variable in gone:
            done = "popped" if step.pops else "pushed"
            raise InputError(f"{line}: '{step.variable}' is {done} twice, or out of turn")
        if step.pops:
            live.add(step.variable)
        else:
            live.discard(step.variable)
            gone.add(step.variable)
        if of.network is None:
            continue
        if of.network not in networks:
            raise InputError(f"{line}: there is no network '{of.network}'")
        if of.network in users:
            raise InputError(
                f"{line}: the network '{of.network}' already gives {users[of.network]}; each"
                " distribution has one of its own, so give the module under another name too"
            )
        users[of.network] = line
    left = [name for name in variables if name not in gone]
    if left:
        raise InputError(f"'{left[0]}' is never pushed: each variable is, once, at the end")
    unused = [name for name in networks if name not in users]
    if unused:
        raise InputError(f"no step uses the network '{unused[0]}'")


def in_words(step: Step) -> str:
    """As a line of the code of docs/model-format.md."""
    return f"{'pop' if step.pops else 'push'} {step.variable} ~ {key(step)}"


def key(step: Step) -> str:
    """Of the step's distribution."""
    given = f"|{','.join(step.distribution.given)}" if step.distribution.given else ""
    return f"{'q' if step.pops else 'p'}({step.variable}{given})"
