"""Figure 4: the latent space in buckets of equal probability under the prior, and a posterior over
them.
"""

from __future__ import annotations

from math import exp, pi, sqrt
from typing import Any

import numpy as np

from bitsback import load_model
from bitsback.codecs import GaussianBuckets
from bitsback.tables import normal_quantile
from bitsback_lab.paper import style
from bitsback_lab.paper.coding import as_symbols, rounded
from bitsback_lab.paper.exhibits import Conditions, Exhibit, Numbers, fixed, table
from bitsback_lab.paper.sets import mnist
from bitsback_lab.paper.vae_codecs import posterior

MODEL, IMAGE, LATENT = "mnist-binary-paper", 0, 8
BITS = 4
REACH = 3.0  # the range of the picture, in standard deviations of the prior


def measure(conditions: Conditions) -> Numbers:
    model = load_model(MODEL)
    whole = posterior(model, as_symbols(mnist(model.levels)[IMAGE : IMAGE + 1]))
    mean, inverse_scale = whole.mean[0, LATENT], whole.inverse_scale[0, LATENT]
    buckets = np.arange(1 << BITS)
    codec = GaussianBuckets(np.full(1 << BITS, mean), np.full(1 << BITS, inverse_scale), BITS)
    frequency = codec.frequency(buckets)
    quantile = normal_quantile()
    edges = quantile[buckets[1:] * ((len(quantile) - 1) >> BITS)] / 65536
    return {
        "model": MODEL,
        "image": IMAGE,
        "latent": LATENT,
        "bits": BITS,
        "mean": rounded(mean / 65536),
        "scale": rounded(65536 / inverse_scale),
        "edges": [rounded(edge) for edge in edges],
        "precision": codec.precision,
        "frequency": [int(f) for f in frequency],
    }


def probabilities(numbers: Numbers) -> list[float]:
    """The probabilities of the buckets under the posterior, as the codec has them."""
    return [frequency / 2 ** numbers["precision"] for frequency in numbers["frequency"]]


def text(numbers: Numbers) -> str:
    likely = [(p, bucket) for bucket, p in enumerate(probabilities(numbers)) if p >= 0.001]
    rows = [[str(bucket), fixed(p, 4), fixed(-np.log2(p), 2)] for p, bucket in likely]
    count = 1 << numbers["bits"]
    return (
        f"A latent is coded as one of {count} buckets that are equally likely under the prior N(0,"
        f" 1), so pushing any of them costs {numbers['bits']} bits. The posterior is that of latent"
        f" {numbers['latent']} of test image {numbers['image']} under `{numbers['model']}`, with"
        f" mean {numbers['mean']:.3f} and standard deviation {numbers['scale']:.3f}. Popping a"
        f" bucket returns its information. The bundled models have 256 buckets, not {count}. The"
        " table has the buckets with a probability of at least 0.001, from the integers of the"
        " codec:\n\n" + table(["bucket", "probability", "information, bits"], rows)
    )


@style.picture("figure4", 4.6, rows=2, height_ratios=(3, 2))
def draw(axes: Any, numbers: Numbers) -> None:
    densities, buckets = axes
    z = np.linspace(-REACH, REACH, 601)
    edges = [-REACH, *numbers["edges"], REACH]
    prior = np.array([_density(point, 0.0, 1.0) for point in z])
    posterior = np.array([_density(point, numbers["mean"], numbers["scale"]) for point in z])
    for bucket in range(0, len(edges) - 1, 2):
        inside = (z >= edges[bucket]) & (z <= edges[bucket + 1])
        densities.fill_between(z[inside], prior[inside], color=style.LIGHT, linewidth=0)
    densities.plot(z, prior, **style.LINES[0])
    densities.plot(z, posterior, **style.LINES[1])
    for edge in numbers["edges"]:
        densities.plot([edge, edge], [0, _density(edge, 0.0, 1.0)], color=style.INK, linewidth=0.6)
    top = float(posterior.argmax())
    densities.annotate(
        "posterior q(z|x)",
        (z[int(top)], posterior.max()),
        xytext=(14, -8),
        textcoords="offset points",
    )
    densities.annotate(
        "prior p(z)", (1.0, _density(1.0, 0.0, 1.0)), xytext=(8, 6), textcoords="offset points"
    )
    densities.set_xlim(-REACH, REACH)
    densities.set_ylim(0, None)
    densities.set_xlabel("z, with a band for each bucket")
    densities.set_ylabel("density")

    count = 1 << numbers["bits"]
    buckets.bar(
        range(count),
        probabilities(numbers),
        0.8,
        color=style.MIDDLE,
        edgecolor=style.INK,
        linewidth=0.8,
    )
    buckets.axhline(1 / count, color=style.INK, linewidth=1.2)
    buckets.annotate(
        f"prior: 1/{count} each",
        (count - 0.6, 1 / count),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
    )
    buckets.set_xticks(range(count))
    buckets.set_xlabel("bucket")
    buckets.set_ylabel("probability")


def _density(z: float, mean: float, scale: float) -> float:
    return exp(-0.5 * ((z - mean) / scale) ** 2) / (scale * sqrt(2 * pi))


EXHIBIT = Exhibit(measure, text, draw)
