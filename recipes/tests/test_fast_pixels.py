"""The training of the networks of `wavefront`: its loss, its rounding, its checkpoints."""

from pathlib import Path

import fast_pixels
import numpy as np
import pytest
import torch
from fast_features import records

from bitsback.models import bundled, file

PIXELS = 4_000


def features_folder(folder: Path, refs: int) -> Path:
    """Pixels that lie near their predictions, of one kind, and none of the others."""
    random = np.random.default_rng(1)
    for kind in fast_pixels.SHARES:
        for split in ("train", "val"):
            count = PIXELS if kind == "photos" else 0
            unit = random.integers(16, 1_000, count)
            prediction = random.integers(0, 64 * 255 + 1, count)
            value = np.clip((prediction + unit * random.standard_normal(count)) / 64, 0, 255)
            levels = np.full(count, 256)
            pixels = np.stack([value.round(), prediction, unit, levels], 1).astype(np.int32)
            features = random.integers(0, 128, (count, fast_pixels.FEATURES[refs]), np.uint8)
            (folder / f"{split}_{kind}_{refs}").write_bytes(records(features, pixels).tobytes())
    return folder


def code_length(o: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """The same loss, in doubles and without a gradient of its own."""
    value, prediction, unit, levels = pixels.double()
    lead = torch.floor(torch.log2(unit))
    log_unit = lead + torch.floor(8 * (unit / 2**lead - 1)) / 8
    w = torch.softmax(torch.cat([torch.zeros_like(o[:1]), o[:2]]), 0)
    scale = torch.exp(o[5:]) * 2**log_unit
    mean = prediction + o[2:5] * unit
    first, end = fast_pixels.bin_of(value, prediction, levels, 8 * log_unit, w, o[5:]).detach()
    assert bool(((first <= value) & (value < end)).all()) and float((end - first).max()) > 8
    high = torch.where(end == levels, 1.0, torch.sigmoid((64 * end - 32 - mean) / scale))
    low = torch.where(first == 0, 0.0, torch.sigmoid((64 * first - 32 - mean) / scale))
    p = (w * (high - low)).sum(0)
    return torch.log2(end - first) - torch.log2(p * fast_pixels.KEPT + fast_pixels.FLOOR)


@pytest.mark.parametrize("levels", [256, 5000])
def test_code_length_and_its_gradient(levels: int) -> None:
    random = torch.Generator().manual_seed(1)
    unit = torch.randint(16, 4 * levels, (500,), generator=random)
    prediction = torch.randint(0, 64 * (levels - 1), (500,), generator=random)
    value = torch.randint(0, levels, (500,), generator=random)
    value[:9] = levels - 1
    pixels = torch.stack([value, prediction, unit, torch.full((500,), levels)]).float()
    o = torch.randn(8, 500, generator=random)
    exact = o.double().requires_grad_()
    expected = code_length(exact, pixels)
    expected.sum().backward()
    outputs = o.clone().requires_grad_()
    found = fast_pixels.CodeLength.apply(outputs, pixels)
    found.sum().backward()
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
    assert outputs.grad is not None and exact.grad is not None
    torch.testing.assert_close(outputs.grad.double(), exact.grad, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("refs", [0, 1, 2])
def test_tensors_compute_what_training_saw(refs: int) -> None:
    torch.manual_seed(1)
    design = fast_pixels.DESIGNS["universal"]
    net = fast_pixels.network(design, refs)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)
    x = torch.randint(-64, 64, (300, fast_pixels.FEATURES[refs]))
    tensors = fast_pixels.tensors(net, refs)

    def layer(name: str, x: np.ndarray) -> np.ndarray:
        names = (f"x.{refs}.{name}.{part}" for part in ("weight", "bias", "multiplier"))
        weight, bias, multiplier = (tensors[name].astype(np.int64) for name in names)
        if name == "output":
            return (x @ weight.T * multiplier + bias) >> 12
        total = np.clip(x @ weight.T + bias, -(2**15), 2**15 - 1)
        return (total * multiplier + 2**14) >> 15

    u = np.clip(layer("hidden", x.numpy() + 64), 0, 127)
    for k in range(design.residual[refs]):
        u = np.minimum(u + np.maximum(layer(f"residual.{k}", u), 0), 127)
    found = layer("output", u) / np.array(fast_pixels.OUTPUT_SCALE)
    with torch.no_grad():
        expected = net(x.float(), True).double().numpy()
    steps = 2 / np.array(fast_pixels.OUTPUT_SCALE)
    assert (np.abs(found - expected) <= steps).mean() > 0.99


def test_the_bundled_model_is_that_of_the_checkpoints() -> None:
    checkpoints = Path(fast_pixels.__file__).parent / "checkpoints" / "fast"
    ships = bundled.load("universal-fast")
    model = fast_pixels.model("universal-fast", checkpoints, ships.tensors["x.start"])
    assert model.tensors.keys() == ships.tensors.keys()
    for name, tensor in model.tensors.items():  # floats may round otherwise on another machine
        assert np.abs(tensor.astype(np.int64) - ships.tensors[name]).max() <= 1
    about, expected = (file.parse(one.description) for one in (model, ships))
    del about["test"]["items"], expected["test"]["items"]
    assert about == expected


def test_a_stopped_run_comes_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_pixels, "POOL", 4_500)
    folder = features_folder(tmp_path, 1)

    def run(out: str, stop: int | None) -> dict[str, torch.Tensor]:
        save, saved = torch.save, []

        def stopping(state: dict[str, object], path: Path) -> None:
            save(state, path)
            saved.append(path)
            if state["step"] == stop:
                raise KeyboardInterrupt

        monkeypatch.setattr(torch, "save", stopping)
        arguments = ["train", str(folder), str(tmp_path / out), "--model", "universal"]
        options = ["--refs", "1", "--steps", "12", "--every", "3"]
        monkeypatch.setattr("sys.argv", ["x", *arguments, *options])
        try:
            fast_pixels.main()
        except KeyboardInterrupt:
            fast_pixels.main()
        monkeypatch.setattr(torch, "save", save)
        state: dict[str, torch.Tensor] = torch.load(tmp_path / out / "1.pt")["mean"]
        return state

    whole, parts = run("whole", None), run("parts", 6)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
