"""Any run gives a picture of its curve."""

import io

import pytest
from PIL import Image

from bitsback_train.fit.training import Point
from bitsback_train.job.curve import _axis, draw


@pytest.mark.parametrize("epochs", [1, 2, 37])
def test_a_curve_can_be_drawn_of_any_run(epochs: int) -> None:
    points = [Point(i + 1, int(i > 20), 1 + 1 / (i + 1), 1.1 + 1 / (i + 1)) for i in range(epochs)]
    with Image.open(io.BytesIO(draw(points, "stripes"))) as image:
        assert (image.format, image.size) == ("PNG", (900, 520))
        colours = image.convert("RGB").getcolors(1 << 16)
    assert colours is not None and (31, 95, 168) in [colour for _, colour in colours]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.171, 0.2304), (2.3, 2.3), (0, 600), (1.0, 7.9)]
)
def test_an_axis_has_some_round_steps(low: float, high: float) -> None:
    first, last, step = _axis(low, high)
    assert first <= low + 1e-9 and last >= high - 1e-9
    assert 1 <= round((last - first) / step) <= 12
