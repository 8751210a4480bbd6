"""Networks that would take much memory run in strips of rows and give the same integers."""

import pytest

from agreement import Pair, a_message
from bitsback.models import file
from model_parts import Net, Parts
from random_models import random_autoregressive

SIZE = (41, 60)
WIDE = 2000  # channels of which a whole image takes 5 MB


def widened(net: Net, of: str) -> str:
    """Through many channels at each pixel, with neighbours on either side of them."""
    before = net.conv(of, 3, kernel=5)
    wide = net.linear(before, WIDE)
    return net.add(net.conv(wide, 3, (-200, 200)), before)


def model_file(autoregressive: bool) -> bytes:
    parts = Parts(1, None)
    parts.data(2, 2)
    parts.latent("z", 3, 10, grid=4)
    parts.latent("y", 1, 8, grid=1)

    net = parts.net("posterior", ["x"])
    of = net.conv(widened(net, net.bytes_of("x")), 4, stride=4)
    outputs = net.outputs("gaussian", of, 3, 1 << 10)
    parts.distributions["q(z|x)"] = parts.codec("gaussian", 24, net, outputs, 1 << 10)

    net = parts.net("middle", ["x", "z"])
    cells = net.grow("pixel_shuffle", net.linear(net.bytes_of("z"), 32), factor=4)
    of = widened(net, net.grow("concat", cells, other="x"))
    outputs = net.outputs("gaussian", of, 1, 1 << 8)
    parts.distributions["q(y|x,z)"] = parts.codec("gaussian", 24, net, outputs, 1 << 8)

    net = parts.net("likelihood", ["y", "z"])
    cells = net.grow("pixel_shuffle", net.linear(net.bytes_of("z"), 32), factor=4)
    of = widened(net, net.grow("concat", cells, other="y"))
    if autoregressive:
        features = net.linear(of, 2)
        about = random_autoregressive(
            parts, net.values[features], "bernoulli", 16, (1, 1), 1, 1, 0, 4, [[0, 1]], True
        )
        about |= {"network": "likelihood", "outputs": [features]}
    else:
        about = parts.codec("bernoulli", 16, net, net.outputs("bernoulli", of, 2, 2), 2)
    parts.distributions["p(x|y,z)"] = about
    parts.distributions |= {"p(y)": {"codec": "uniform"}, "p(z)": {"codec": "uniform"}}
    code = [
        "pop z ~ q(z|x)", "pop y ~ q(y|x,z)", "push x ~ p(x|y,z)", "push y ~ p(y)", "push z ~ p(z)",
    ]  # fmt: skip
    return file.write(*parts.model(code))


@pytest.mark.parametrize("autoregressive", [False, True])
def test_strips_give_what_the_whole_image_does(autoregressive: bool) -> None:
    """The specification runs networks on whole images."""
    pair = Pair.of(model_file(autoregressive), SIZE)
    pair.check_codec(pair.items(2), a_message(0, 4))
