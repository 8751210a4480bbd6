"""Networks on large images run strip by strip, in bounded memory, and give the same integers."""

import subprocess
import sys

import pytest

from agreement import Pair, a_message
from bitsback.models import Model, file
from model_parts import Net, Parts
from random_models import random_autoregressive

BITS_BACK = ["pop z ~ q(z|x)", "push x ~ p(x|z)", "push z ~ p(z)"]


def convolutional(seed: int, width: int) -> Model:
    """A model of images of any size: cells of 4 x 4 pixels, and layers that look around them."""
    parts = Parts(seed, None)
    parts.data(1, 256)
    parts.latent("z", 2, 8, grid=4)
    net = parts.net("posterior", ["x"])
    half = net.conv("x", width, stride=2)
    quarter = net.conv(half, width, stride=2, kernel=5)
    quarter = net.add(quarter, net.conv(quarter, width, (-200, 200)))
    parts.distribution("q(z|x)", "gaussian", 24, net, quarter, 2, 256)
    net = parts.net("likelihood", ["z"])
    cells = net.conv("z", width, kernel=7)
    pixels = net.grow("pixel_shuffle", net.linear(cells, 16 * width), factor=4)
    pixels = net.grow("concat", net.conv(pixels, width), other=pixels)
    parts.distribution("p(x|z)", "exponential", 20, net, net.conv(pixels, 8), 1, 256)
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return Model.build(*parts.model(BITS_BACK))


MEASURE = """
import resource
import numpy as np
from bitsback import Message
from models.test_strips import convolutional

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

model, size = convolutional(0, width=32), (1024, 1024)
elements = model.shape_of(size).elements
message = Message([1 << 32], (), 0)
x = np.zeros((1, elements), np.uint8)
before = peak()
model.push(message, x, [(1, 1)], size)
print(peak() - before, elements)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_the_values_of_a_large_image_are_never_all_in_memory() -> None:
    """All values of this image together would take about 200 bytes per pixel."""
    code = "import sys; sys.path[:0] = sys.argv[1:]\n" + MEASURE
    done = subprocess.run([sys.executable, "-c", code, *sys.path], capture_output=True, check=True)
    held, pixels = map(int, done.stdout.split())
    assert held < 40 * pixels


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
    parts.distribution("q(z|x)", "gaussian", 24, net, of, 3, 1 << 10)

    net = parts.net("middle", ["x", "z"])
    cells = net.grow("pixel_shuffle", net.linear(net.bytes_of("z"), 32), factor=4)
    of = widened(net, net.grow("concat", cells, other="x"))
    parts.distribution("q(y|x,z)", "gaussian", 24, net, of, 1, 1 << 8)

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
    """The public codecs run networks on whole images."""
    pair = Pair.of(model_file(autoregressive), SIZE)
    x = pair.items(2)
    ours = pair.ours
    slow, fast = a_message(0, 4), a_message(0, 4)
    ours.codec(2, SIZE).push(slow, x)
    ours.push(fast, x, [(2, 1)], SIZE)
    assert fast == slow
    assert (ours.pop(fast, [(2, 1)], SIZE) == x).all()
    assert fast == a_message(0, 4)
