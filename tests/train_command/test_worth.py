"""The arithmetic of the table, and what is said of it."""

from bitsback.train.job.worth import Contender, Worth, break_even, table, verdict


def row(name: str, size: int, unit: str = "each") -> Contender:
    return Contender(name, unit, size, images=10, pixels=10 * 64)


def test_rates_are_bits_per_pixel_and_bytes_an_image() -> None:
    made = row("x", 160)
    assert made.rate == 2.0 and made.bytes_an_image == 16.0


def test_the_break_even_is_the_first_number_of_images_that_pays() -> None:
    ours, peer, model = row("ours", 100), row("peer", 150), 1000
    point = break_even(ours, peer, model)
    assert point is not None
    assert model + point * 10 < point * 15
    assert model + (point - 1) * 10 >= (point - 1) * 15


def test_a_smaller_peer_is_never_beaten() -> None:
    assert break_even(row("ours", 100), row("peer", 100), 1) is None
    assert break_even(row("ours", 100), row("peer", 90), 1) is None


def test_the_verdict_names_those_that_are_not_beaten() -> None:
    ours = row("ours", 100)
    beaten, worse, better = row("PNG", 300), row("xz", 110), row("JPEG XL", 90)
    assert "smaller than all" in verdict(Worth(ours, [beaten], 1000, []), 1000, False, "context")
    few = verdict(Worth(ours, [beaten, worse], 1000, []), 500, False, "context")
    assert "xz" in few and "PNG" not in few and "too few" in few
    lost = Worth(ours, [beaten, better], 1000, [])
    settled, falling = (verdict(lost, 500, state, "dense") for state in (False, True))
    for never in (settled, falling):
        assert "JPEG XL" in never and "PNG" not in never and "never" in never
    assert "--minutes" in falling and "--minutes" not in settled
    assert "--arch context" in settled and "--arch context" not in verdict(
        lost, 500, False, "context"
    )


def test_the_table_has_a_line_for_each() -> None:
    lines = table(Worth(row("bitsback", 100), [row("PNG", 300), row("WebP", 90)], 1000, []))
    assert len(lines) == 4
    assert "1.250" in lines[1] and "51 images" in lines[2] and lines[3].endswith("never")
