"""A latent-variable model without a network: a mixture of Bernoulli distributions, fitted by EM.

Each of 40 components has the probability of white for each pixel of a small digit. The latent is
the component of a digit. A coder that first coded the component, and then the pixels, would spend
bits on the choice: `LatentMixture` gets them back, so that a digit takes

    -log2(sum of weight[k] * p_k(digit))

bits, its exact information, and not the bits of the best component's number and of the digit given
it.

    python examples/bernoulli_mixture.py
"""

import numpy as np
from numpy.typing import NDArray

from bitsback import Message
from bitsback.codecs import Bernoulli, LatentMixture, Repeat
from bitsback_lab.digits import mnist_test_images

Floats = NDArray[np.float64]


def log_joint(images: Floats, weight: Floats, white: Floats) -> Floats:
    """log(weight[k] * p_k(image)) in nats, [images, components]."""
    log_likelihood = images @ np.log(white).T + (1 - images) @ np.log1p(-white).T
    result: Floats = np.log(weight) + log_likelihood
    return result


def log_sum(values: Floats) -> Floats:
    """The logarithm of the sum of exp(values) over the last axis, which stays, with length 1."""
    most = values.max(-1, keepdims=True)
    result: Floats = most + np.log(np.exp(values - most).sum(-1, keepdims=True))
    return result


def fit(images: Floats, components: int, rounds: int) -> tuple[Floats, Floats]:
    """Expectation and maximisation: weight [components] and the probabilities of a white pixel,
    [components, pixels].
    """
    start = np.random.default_rng(1).choice(len(images), components, replace=False)
    white = 0.25 + 0.5 * images[start]
    weight = np.full(components, 1 / components)
    for _ in range(rounds):
        joint = log_joint(images, weight, white)
        belongs = np.exp(joint - log_sum(joint))
        members = belongs.sum(0)
        weight = (members + 1) / (members + 1).sum()
        white = (belongs.T @ images + 0.1) / (members + 0.2)[:, None]
    return weight, white


def main(components: int = 40, rounds: int = 30, coded: int = 1_000) -> None:
    pixels = mnist_test_images().reshape(-1, 7, 4, 7, 4).mean((2, 4))  # 7 x 7 of 28 x 28
    digits = (pixels > 64).reshape(-1, 49).astype(np.uint8)
    taught, others = digits[:-coded], digits[-coded:]
    weight, white = fit(taught.astype(float), components, rounds)

    mixture = LatentMixture(weight, [Bernoulli.from_probability(each) for each in white])
    codec = Repeat(mixture, times=coded)
    message = Message.random()  # the first latents are drawn with its bits
    codec.push(message, list(others))
    rate = message.net_bits / others.size
    restored = np.stack(codec.pop(message))
    assert np.array_equal(restored, others) and message == Message.random()

    joint = log_joint(others.astype(float), weight, white)
    exact = -log_sum(joint).sum() / np.log(2) / others.size
    with_number = -joint.max(-1).sum() / np.log(2) / others.size
    print(f"{coded:,} digits that the mixture has not seen, restored bit for bit")
    print(f"exact information                      {exact:.4f} bits per pixel")
    print(f"bits back                              {rate:.4f}, {100 * (rate / exact - 1):+.2f} %")
    print(f"the best component, with its number    {with_number:.4f}")


if __name__ == "__main__":
    main()
