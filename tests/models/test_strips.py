"""Networks on large images run strip by strip, in bounded memory."""

import subprocess
import sys

import pytest

from bitsback.models import Model
from model_parts import Parts

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
    outputs = net.outputs("gaussian", quarter, 2, 256)
    parts.distributions["q(z|x)"] = parts.codec("gaussian", 24, net, outputs, 256)
    net = parts.net("likelihood", ["z"])
    cells = net.conv("z", width, kernel=7)
    pixels = net.grow("pixel_shuffle", net.linear(cells, 16 * width), factor=4)
    pixels = net.grow("concat", net.conv(pixels, width), other=pixels)
    outputs = net.outputs("exponential", net.conv(pixels, 8), 1, 256)
    parts.distributions["p(x|z)"] = parts.codec("exponential", 20, net, outputs, 256)
    parts.distributions["p(z)"] = {"codec": "uniform"}
    return Model.build(*parts.model(BITS_BACK))


MEASURE = """
import resource
import numpy as np
from bitsback import Message
from models.test_strips import convolutional

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

model, size = convolutional(0, width=32), (1024, 2048)
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
