"""Figure 5: the algorithm as code, the library's beside a few lines on plain integers, and the
messages of both.
"""

from __future__ import annotations

import inspect
import re
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import BitsBack
from bitsback.codecs.categorical import Categorical
from bitsback_lab.paper import plain
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, table

# A toy: four latents and three symbols. Frequencies are out of 2^plain.R.
PRIOR = (16384, 16384, 16384, 16384)
LIKELIHOOD = ((65000, 400, 136), (20000, 45000, 536), (300, 40000, 25236), (500, 1000, 64036))
POSTERIOR = ((40000, 22000, 3000, 536), (500, 30000, 34000, 1036), (500, 800, 25000, 39236))
SYMBOLS = (0, 2, 1, 1, 0)
STATE = 0x0123_4567_89AB
"""Enough bits to pop from, and few enough that all symbols fit into one head, so that both messages
are the same number.
"""


def starts(frequencies: tuple[int, ...]) -> tuple[int, ...]:
    """A distribution in the form of `plain`."""
    return (0, *accumulate(frequencies))


def codec(frequencies: tuple[int, ...]) -> Categorical:
    """The same distribution as a codec of one symbol, an array of the shape [1]."""
    return Categorical(np.array(frequencies), plain.R, (1,))


def toy() -> BitsBack[NDArray[np.uint32], NDArray[np.uint32]]:
    """The toy model for the library."""
    return BitsBack(
        codec(PRIOR), lambda z: codec(LIKELIHOOD[z[0]]), lambda x: codec(POSTERIOR[x[0]])
    )


def states(symbols: tuple[int, ...], state: int) -> tuple[list[int], list[int]]:
    """The message after each symbol as a number, with plain integers and with the library's
    `BitsBack`.
    """
    message, model = Message([state]), toy()
    ours, theirs = [], []
    for x in symbols:
        state = plain.encode(
            state, x, starts(PRIOR), lambda z: starts(LIKELIHOOD[z]), lambda x: starts(POSTERIOR[x])
        )
        model.push(message, np.array([x], np.uint32))
        ours.append(state)
        theirs.append(int(message.heads[0]))
    return ours, theirs


def measure(conditions: Conditions) -> Numbers:
    ours, theirs = states(SYMBOLS, STATE)
    return {
        "start": f"{STATE:x}",
        "rows": [
            {"x": x, "plain": f"{a:x}", "library": f"{b:x}"}
            for x, a, b in zip(SYMBOLS, ours, theirs, strict=True)
        ],
        "library_source": inspect.getsource(BitsBack),
        "plain_source": _body(inspect.getsource(plain)),
    }


def _body(source: str) -> str:
    """The source without its module docstring."""
    return source[source.index("\nfrom ") + 1 :]


def _without_docstring(source: str) -> str:
    """The source of a class without the docstring of the class."""
    return re.sub(r'\n    """.*?"""\n\n', "\n", source, count=1, flags=re.DOTALL).rstrip()


def text(numbers: Numbers) -> str:
    rows = [["", numbers["start"], numbers["start"]]]
    rows += [[str(row["x"]), row["plain"], row["library"]] for row in numbers["rows"]]
    return "\n\n".join(
        (
            "The library's `BitsBack`, `bitsback/codecs/bits_back.py`, without its docstring:",
            "<!-- not run: it is a part of the library -->\n"
            f"```python\n{_without_docstring(numbers['library_source'])}\n```",
            (
                "The same on plain integers, one big number for the message"
                " (`bitsback_lab.paper.plain`):"
            ),
            f"```python\n{numbers['plain_source'].rstrip()}\n```",
            (
                "Both code with a toy model of four latents and three symbols. The table has the"
                " message after each symbol, as a hexadecimal number."
                " `lab/tests/paper/test_plain.py` compares both for random models and long"
                " messages."
            ),
            table(["x pushed", "plain integers", "`BitsBack`"], rows),
        )
    )


EXHIBIT = Exhibit(measure, text)
