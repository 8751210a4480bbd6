"""A multiset of records, which saves the bits of their order.

A survey's answers are records of an age, a town and a count. `Named` codes one record, field by
field, and `Multiset` all of them without their order. This saves log2(n!) bits, or fewer if some
records are equal.

    python examples/records.py
"""

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import Categorical, Multiset, Named, Normal, Repeat

TOWNS = ["Aarhus", "Bergen", "Cardiff", "Delft"]
SHARES = [0.4, 0.3, 0.2, 0.1]

Record = dict[str, Any]


def survey(records: int) -> list[Record]:
    random = np.random.default_rng(1)
    ages = np.clip(random.normal(45, 15, records).round().astype(int), 0, 120)
    towns = random.choice(len(TOWNS), records, p=SHARES)
    counts = random.poisson(1.5, records)
    return [
        {"age": age, "town": town, "visits": visits}
        for age, town, visits in zip(ages, towns, counts, strict=True)
    ]


def poisson(rate: float, levels: int) -> NDArray[np.float64]:
    """The weights rate^n / n! of n = 0 ... levels - 1, which need not sum to one."""
    return np.cumprod(np.append(1.0, rate / np.arange(1, levels)))


def key(record: Record) -> bytes:
    """Bytes that distinguish records, and give the order in which they come back."""
    return bytes(int(record[field]) for field in ("town", "age", "visits"))


def main(records: int = 2_000) -> None:
    answers = survey(records)
    record = Named(
        {
            "age": Normal.from_float(45.0, 15.0, within=(0, 120)),
            "town": Categorical.from_probability(SHARES, shape=()),
            "visits": Categorical.from_probability(poisson(1.5, levels=256), shape=()),
        }
    )
    in_order, as_set = Repeat(record, times=records), Multiset(record, size=records, key=key)

    bits = {}
    for name, codec in (("in order", in_order), ("as a multiset", as_set)):
        message = Message()
        codec.push(message, answers)
        bits[name] = message.net_bits
        restored = codec.pop(message)
        assert message == Message()
        expected = answers if codec is in_order else sorted(answers, key=key)
        assert list(map(key, restored)) == list(map(key, expected))

    equals = Counter(map(key, answers)).values()
    orders = sum(math.log2(n) for n in range(1, records + 1))
    orders -= sum(math.log2(n) for count in equals for n in range(1, count + 1))
    print(f"{records:,} records, {len(equals):,} of them different, restored")
    for name, taken in bits.items():
        print(f"{name:14} {taken / records:6.2f} bits a record")
    saved = bits["in order"] - bits["as a multiset"]
    print(f"saved          {saved:,.0f} bits; log2 of the number of orders is {orders:,.0f}")


if __name__ == "__main__":
    main()
