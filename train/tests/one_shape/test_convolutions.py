"""Image layers agree with those of torch and with docs/model-format.md."""

import pytest
import torch
from torch.nn import functional

from bitsback_train.layers.affine import Affine, patches
from bitsback_train.layers.operations import pixel_shuffle
from bitsback_train.layers.rounding import HIDDEN, LOGIT
from bitsback_train.network.context_bytes import byte_planes, seen_planes, value_planes


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("shape", [(7, 6), (8, 9), (1, 2)])
def test_patches_are_those_of_a_convolution(
    kernel: int, stride: int, shape: tuple[int, int]
) -> None:
    image = torch.randn(2, *shape, 3)
    weight = torch.randn(5, 3, kernel, kernel)
    ours = functional.linear(
        patches(image, kernel, stride), weight.permute(0, 2, 3, 1).reshape(5, -1)
    )
    theirs = functional.conv2d(
        image.permute(0, 3, 1, 2), weight, stride=stride, padding=kernel // 2
    )
    torch.testing.assert_close(ours, theirs.permute(0, 2, 3, 1), atol=1e-4, rtol=1e-4)


def test_a_shuffle_puts_channels_where_the_format_says() -> None:
    factor, channels = 2, 3
    image = torch.randn(2, 4, 5, factor**2 * channels)
    out = pixel_shuffle(image, factor)
    assert out.shape == (2, 8, 10, channels)
    for row, column, i, j, k in [
        (0, 0, 0, 0, 0),
        (1, 2, 1, 0, 2),
        (3, 4, 0, 1, 1),
        (2, 3, 1, 1, 0),
    ]:
        there = image[:, row, column, (i * factor + j) * channels + k]
        assert torch.equal(out[:, row * factor + i, column * factor + j, k], there)


def test_zeros_around_an_image_must_mean_zero() -> None:
    with pytest.raises(ValueError, match="padding"):
        Affine(1, 1, LOGIT, HIDDEN, kernel=3)


@pytest.mark.parametrize("levels", [2, 3, 17, 128, 256])
def test_planes_of_seven_bits_tell_symbols_apart(levels: int) -> None:
    planes = seen_planes(levels)
    assert planes.dtype == torch.uint8 and int(planes.max()) <= 127
    assert planes.shape == ({2: 1, 256: 4}.get(levels, 3), levels)
    value = planes[: value_planes(levels)].int()
    assert bool((8 * value[0] + value[1:].sum(0)).diff().gt(0).all())
    assert bool((planes.amax(1) > 0).all())
    symbols = torch.randint(0, levels, (4, 5), dtype=torch.uint8)
    for plane, table in zip(byte_planes(symbols, levels), planes, strict=True):
        assert torch.equal(plane, table[symbols.long()])
