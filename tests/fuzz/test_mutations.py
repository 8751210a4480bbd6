"""Damaged and forged files give the right pixels or an error of bitsback's own, soon and with
little memory.
"""

from fuzz.campaign import cases, run


def test_mutations() -> None:
    outcomes = run(cases(0, 0, 640))
    assert outcomes["damage, refused"] > 100
    assert outcomes["forgery, refused"] > 100
    assert outcomes["metadata, refused"] > 10 and outcomes["metadata, whole"] > 4
    assert outcomes["model, refused"] > 30
    assert outcomes["repaired model, refused"] > 30
    assert outcomes["repaired model, whole"] > 0
