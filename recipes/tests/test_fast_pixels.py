"""The training of the bundled models of the codec `wavefront`: its pixels and its checkpoints."""

from pathlib import Path

import fast_pixels
import numpy as np
import pytest
import torch
from fast_features import records

from bitsback.models import bundled, file
from bitsback.models.distributions.wavefront import FEATURES
from bitsback_train.network.wavefront import PixelNetwork

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
            values = np.stack([value.round(), prediction, unit, levels], 1).astype(np.int32)
            features = random.integers(-64, 64, (count, FEATURES[refs]), np.int8)
            (folder / f"{split}_{kind}_{refs}").write_bytes(records(values, features).tobytes())
    return folder


@pytest.mark.parametrize(
    ("name", "folder"), [("universal-fast", "fast"), ("universal-mixed", "default")]
)
def test_the_bundled_model_is_that_of_the_checkpoints(name: str, folder: str) -> None:
    checkpoints = Path(fast_pixels.__file__).parent / "checkpoints" / folder
    ships = bundled.load(name)
    model = fast_pixels.model(name, checkpoints, ships.tensors["x.start"])
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


def test_a_narrow_network_is_the_wide_one_without_some_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_pixels, "POOL", 4_500)
    folder, wide, out = features_folder(tmp_path, 1), tmp_path / "wide", tmp_path / "out"
    wide.mkdir()
    torch.manual_seed(0)
    net = PixelNetwork(1, 70, 2)
    torch.save({"mean": net.state_dict()}, wide / "1.pt")
    arguments = ["narrow", str(folder), str(wide), str(out), "--model", "universal"]
    monkeypatch.setattr("sys.argv", ["x", *arguments, "--refs", "1"])
    fast_pixels.main()
    narrow = PixelNetwork(1, 64, 2)
    narrow.load_state_dict(torch.load(out / "1.pt")["net"])
    columns = net.outputs.weight[:, :, None] == narrow.outputs.weight[:, None, :]
    kept = columns.all(0).any(1)
    assert kept.sum() == 64
    with torch.no_grad():
        for unit in torch.nonzero(~kept)[:, 0]:
            fast_pixels.silence(net, int(unit))
    features = torch.randint(-64, 64, (50, 32)).float()
    torch.testing.assert_close(narrow(features), net(features))
