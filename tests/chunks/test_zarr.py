"""The Zarr 3 codec, with the real package."""

from __future__ import annotations

import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from zarr.codecs import TransposeCodec
from zarr.registry import get_codec_class

import bitsback
from bitsback.models import bundled, known
from bitsback.zarr import BitsbackCodec

Store = dict[str, Any]


def create(store: Any, array: NDArray[Any], chunks: Any, **options: Any) -> Any:
    options = {"serializer": BitsbackCodec(), "compressors": None} | options
    return zarr.create_array(store, shape=array.shape, dtype=array.dtype, chunks=chunks, **options)


def write(store: Any, array: NDArray[Any], chunks: Any, **options: Any) -> None:
    create(store, array, chunks, **options)[...] = array


def read(store: Any) -> NDArray[Any]:
    found = zarr.open_array(store, mode="r")[...]
    return np.asarray(found)


def configuration(store: Store) -> dict[str, Any]:
    (codec,) = json.loads(store["zarr.json"].to_bytes())["codecs"]
    if codec["name"] == "sharding_indexed":
        (codec,) = codec["configuration"]["codecs"]
    assert codec["name"] == "bitsback"
    found: dict[str, Any] = codec["configuration"]
    return found


def chunks_of(store: Store) -> dict[str, bytes]:
    return {key: data.to_bytes() for key, data in store.items() if "json" not in key}


def test_it_is_found_by_its_name() -> None:
    assert get_codec_class("bitsback") is BitsbackCodec


@pytest.mark.parametrize("kind", ["memory", "local"])
@pytest.mark.parametrize("shards", [None, (4, 24, 30)])
@pytest.mark.parametrize("chunks", [(1, 24, 30), (2, 12, 15), (4, 8, 30)])
def test_volumes_come_back(
    kind: str, shards: Any, chunks: Any, volume: NDArray[np.uint16], tmp_path: Path
) -> None:
    """Volumes come back, also with chunks that reach over the edge."""
    store: Any = {} if kind == "memory" else tmp_path / "volume.zarr"
    array = volume[:5]
    write(store, array, chunks, shards=shards)
    assert (read(store) == array).all()
    opened = zarr.open_array(store, mode="r")
    assert (opened[1:4, 7, ::3] == array[1:4, 7, ::3]).all()


@pytest.mark.parametrize(
    "dtype",
    ["bool", "i1", "u1", ">i2", "<u2", ">u4", "i8", "f2", ">f4", "f8", "c8", ">c16", "M8[s]"],
)
def test_every_dtype_comes_back(dtype: str) -> None:
    array = (np.arange(6 * 7 * 8).reshape(6, 7, 8) % 101).astype(dtype)
    for shards in (None, (4, 8, 8)):
        store: Store = {}
        with_order = create(store, array, (2, 4, 8), shards=shards)
        with_order[...] = array
        assert with_order.dtype == np.dtype(dtype)
        assert (with_order[...] == array).all()
        assert read(store).astype(dtype).tobytes() == array.tobytes()


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize(
    "array",
    [
        np.array([b"ab", b"c", b""], "S2"),
        np.array(["ab", "ç", ""], "U2"),
        np.array([(1, 2.5), (3, 4.5)], "i4,f8"),
    ],
    ids=["bytes", "text", "records"],
)
def test_dtypes_that_are_no_numbers_come_back(array: NDArray[Any]) -> None:
    store: Store = {}
    write(store, array, (2,))
    assert (read(store) == array).all()


@given(
    arrays.arrays(
        st.sampled_from(["bool", "u1", "i2", ">u2", "i4", "f4"]).map(np.dtype),
        arrays.array_shapes(min_dims=1, max_dims=4, max_side=9),
    ),
    st.data(),
)
def test_any_shape_of_chunks(array: NDArray[Any], data: st.DataObject) -> None:
    chunks = tuple(data.draw(st.integers(1, size)) for size in array.shape)
    axes = data.draw(st.sampled_from(["auto", "yx"] if array.ndim > 1 else ["auto"]))
    store: Store = {}
    write(store, array, chunks, serializer=BitsbackCodec(axes=axes))
    found = read(store)
    assert found.astype(array.dtype).tobytes() == array.tobytes()
    assert sum(map(len, chunks_of(store).values())) <= len(chunks_of(store)) * 16 + (
        len(chunks_of(store)) * int(np.prod(chunks)) * array.dtype.itemsize
    )


@pytest.mark.parametrize("shape", [(), (0, 4), (3, 0, 28, 28)])
def test_scalars_and_nothing_come_back(shape: tuple[int, ...]) -> None:
    store: Store = {}
    array = np.full(shape, 7, np.uint16)
    write(store, array, tuple(max(size, 1) for size in shape))
    assert (read(store) == array).all() and read(store).shape == shape


def test_an_array_that_grows_has_its_models_from_the_start(volume: NDArray[np.uint16]) -> None:
    store: Store = {}
    array = create(store, volume[:0], (2, 24, 30))
    array.append(volume)
    assert (read(store) == volume).all()
    sizes = [len(data) for data in chunks_of(store).values()]
    assert sum(sizes) < 0.65 * volume.nbytes


def test_missing_chunks_have_the_fill_value(volume: NDArray[np.uint16]) -> None:
    store: Store = {}
    array = create(store, volume, (2, 24, 30), fill_value=9)
    array[:2] = volume[:2]
    array[2, 0, 0] = 5
    array[4:] = 9
    assert set(chunks_of(store)) == {"c/0/0/0", "c/1/0/0"}
    found = read(store)
    assert (found[:2] == volume[:2]).all()
    assert found[2, 0, 0] == 5
    assert (found[2:].ravel()[1:] == 9).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_does_not_matter(order: Any, volume: NDArray[np.uint16]) -> None:
    store: Store = {}
    write(store, np.asarray(volume, order=order), (3, 24, 30), config={"order": order})
    assert (read(store) == volume).all()


def test_it_follows_a_transposition(volume: NDArray[np.uint16]) -> None:
    """A transposition moves channels or slices that come last to where the codec expects them."""
    store: Store = {}
    array = np.ascontiguousarray(np.moveaxis(volume, 0, -1))
    write(store, array, (24, 30, 6), filters=[TransposeCodec(order=(2, 0, 1))])
    straight: Store = {}
    write(straight, volume, (6, 24, 30))
    assert (read(store) == array).all()
    assert chunks_of(store)["c/0/0/0"] == chunks_of(straight)["c/0/0/0"]


def test_the_bytes_do_not_depend_on_the_byte_order(volume: NDArray[np.uint16]) -> None:
    little: Store = {}
    big: Store = {}
    write(little, volume, (6, 24, 30))
    write(big, volume.astype(">u2"), (6, 24, 30))
    assert chunks_of(little) == chunks_of(big)


COUNTED = ("bilevel", "graphics", "graphics-grey", "universal-mixed", "universal-deep")


@pytest.mark.parametrize("shards", [None, (64, 28, 28)])
def test_auto_is_resolved_before_anything_is_written(shards: Any, grey: NDArray[np.uint8]) -> None:
    store: Store = {}
    create(store, grey, (32, 28, 28), shards=shards)
    models = configuration(store)["models"]
    assert [model["name"] for model in models] == [
        "mnist-binary-context", "mnist-context", "mnist-context-small", "fashion-mnist-context",
        "universal", "universal-16", *COUNTED,
    ]  # fmt: skip
    for model in models:
        assert model["identity"] == bundled.identity(model["name"]).hex()


@pytest.mark.parametrize(
    ("dtype", "shape", "names"),
    [
        ("u2", (9, 28, 28), ["universal", "universal-16", *COUNTED]),
        ("u1", (9, 64, 64), ["universal", "universal-16", *COUNTED]),
        ("bool", (9, 64, 64), ["bilevel"]),
        ("bool", (9, 28, 28), ["mnist-binary-context", "bilevel"]),
        ("f4", (9, 28, 28), ["universal", "universal-16", *COUNTED]),
        ("f4", (99,), []),
        ("u1", (99,), []),
    ],
)
def test_auto_stands_for_what_fits(dtype: str, shape: Any, names: list[str]) -> None:
    store: Store = {}
    create(store, np.zeros(shape, dtype), shape)
    assert [model["name"] for model in configuration(store)["models"]] == names


def test_chunks_take_no_more_than_blocks_of_an_archive(
    grey: NDArray[np.uint8], bilevel: NDArray[np.bool_], tmp_path: Path
) -> None:
    for digits, model in ((grey, "mnist-context"), (bilevel, "mnist-binary-context")):
        bitsback.compress(digits, tmp_path / "digits.bb", model=model, block=64, force=True)
        with bitsback.open(tmp_path / "digits.bb") as archive:
            in_archive = archive.reader.blocks[0].size
        store: Store = {}
        write(store, digits, (64, 28, 28), serializer=BitsbackCodec(model=model))
        assert (read(store) == digits).all()
        assert len(chunks_of(store)["c/0/0/0"]) <= in_archive


def test_models_by_name_and_axes_go_into_the_metadata(volume: NDArray[np.uint16]) -> None:
    store: Store = {}
    codec = BitsbackCodec(model="universal", axes="zyx")
    write(store, volume, (6, 24, 30), serializer=codec)
    identity = bundled.identity("universal").hex()
    assert configuration(store) == {
        "models": [{"name": "universal", "identity": identity}],
        "axes": "zyx",
    }
    again = zarr.open_array(store).metadata.codecs[0]
    assert again == codec and hash(again) == hash(codec)
    assert BitsbackCodec.from_dict(codec.to_dict()) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert repr(codec) == "BitsbackCodec(model='universal', axes='zyx')"
    assert eval(repr(codec)) == codec


def test_a_bare_name_is_a_configuration(volume: NDArray[np.uint16]) -> None:
    store: Store = {}
    write(store, volume, (6, 24, 30), serializer={"name": "bitsback"})
    assert (read(store) == volume).all()
    assert configuration(store)["models"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"levels": 3}, "'levels', which this bitsback does not know: update bitsback"),
        ({"models": 3}, "a list, not 3"),
        ({"models": ["mnist"]}, "needs the keys 'name', 'identity'"),
        ({"models": [{"name": "mnist", "identity": "12"}]}, "'12' is no identity"),
        ({"axes": "tyx"}, "axes='tyx': it must be one of"),
        (3, "not a configuration of the codec bitsback"),
    ],
)
def test_a_wrong_configuration_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(bitsback.BitsbackError, match=message):
        BitsbackCodec.from_dict({"name": "bitsback", "configuration": wrong})


@pytest.fixture
def own_store(drawn: NDArray[np.uint8], own_file: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Chunks coded with a user's model that is no longer registered in this process."""
    store: Store = {}
    write(store, drawn, (100, 12, 12), serializer=BitsbackCodec(model=own_file))
    assert (read(store) == drawn).all()
    monkeypatch.setattr(known, "_models", {})
    return store


def test_a_missing_model_says_what_to_do(own_store: Store) -> None:
    array = zarr.open_array(own_store)
    assert array.shape == (200, 12, 12)  # needs no model
    with pytest.raises(
        bitsback.ModelError, match=r"the model \S+ .*register_model\(FILE\).*BITSBACK_MODELS"
    ):
        array[:]


def test_a_registered_model_is_found(
    own_store: Store, own_file: Path, drawn: NDArray[np.uint8]
) -> None:
    bitsback.register_model(own_file)
    assert (read(own_store) == drawn).all()


def test_the_environment_is_searched(
    own_store: Store, own_file: Path, drawn: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITSBACK_MODELS", str(own_file.parent))
    assert (read(own_store) == drawn).all()


def test_metadata_may_carry_the_model_and_chunks_never_do(
    own: bitsback.Model, drawn: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, own_store: Store
) -> None:
    store: Store = {}
    write(store, drawn, (100, 12, 12), serializer=BitsbackCodec(model=own, embed=True))
    monkeypatch.setattr(known, "_models", {})
    assert (read(store) == drawn).all()
    assert chunks_of(store) == chunks_of(own_store)
    metadata = json.loads(store["zarr.json"].to_bytes())
    (model,) = metadata["codecs"][0]["configuration"]["models"]
    model["embedded"] = "A" + model["embedded"][1:]
    monkeypatch.setattr(known, "_models", {})
    store["zarr.json"] = type(store["zarr.json"]).from_bytes(json.dumps(metadata).encode())
    with pytest.raises(bitsback.ModelError, match="in the metadata"):
        read(store)


def test_a_model_that_ships_is_never_carried(grey: NDArray[np.uint8]) -> None:
    store: Store = {}
    create(store, grey, grey.shape, serializer=BitsbackCodec(model="mnist", embed=True))
    assert "embedded" not in configuration(store)["models"][0]


def test_a_model_that_fits_no_chunk_is_refused(volume: NDArray[np.uint16]) -> None:
    with pytest.raises(bitsback.InputError, match=r"no model of this array codes.*\(6, 24, 30\)"):
        write({}, volume, (6, 24, 30), serializer=BitsbackCodec(model="mnist"))
    with pytest.raises(bitsback.InputError, match=r"axes='zyxc'.*\(24, 30\) has too few axes"):
        create({}, volume[0], (24, 30), serializer=BitsbackCodec(axes="zyxc"))
    with pytest.raises(bitsback.InputError, match="elements of one size"):
        BitsbackCodec().coding.check(np.dtype(object), (3,))
    with pytest.raises(bitsback.InputError, match="one block has at most"):
        zarr.create_array(
            {}, shape=(1 << 32,), chunks=(1 << 32,), dtype="u1", serializer=BitsbackCodec()
        )


def test_damage_is_an_error(volume: NDArray[np.uint16]) -> None:
    store: Store = {}
    write(store, volume, (6, 24, 30))
    whole = store["c/0/0/0"]
    for at in (0, 1, 5, 60, len(whole) - 1):
        data = bytearray(whole.to_bytes())
        data[at] ^= 1
        store["c/0/0/0"] = type(whole).from_bytes(bytes(data))
        with pytest.raises(bitsback.ArchiveError, match="a block of bitsback"):
            read(store)
    store["c/0/0/0"] = type(whole).from_bytes(b"")
    with pytest.raises(bitsback.ArchiveError, match="cut short"):
        read(store)


@pytest.mark.parametrize("change", [("data_type", "int16"), ("shape", [6, 30, 24])])
def test_metadata_that_do_not_belong_to_the_chunks_are_an_error(
    change: tuple[str, Any], volume: NDArray[np.uint16]
) -> None:
    """Mismatched metadata are an error even for fitting bytes: plain bytes would come back
    wrong.
    """
    store: Store = {}
    write(
        store, np.random.default_rng(0).integers(0, 1 << 16, volume.shape, np.uint16), (6, 24, 30)
    )
    metadata = json.loads(store["zarr.json"].to_bytes())
    metadata[change[0]] = change[1]
    if change[0] == "shape":
        metadata["chunk_grid"]["configuration"]["chunk_shape"] = change[1]
    store["zarr.json"] = type(store["zarr.json"]).from_bytes(json.dumps(metadata).encode())
    with pytest.raises(bitsback.ArchiveError, match="another dtype, shape or model"):
        read(store)


def test_many_threads_read_and_write_at_once(volume: NDArray[np.uint16], tmp_path: Path) -> None:
    array = create(tmp_path / "a.zarr", np.tile(volume, (8, 1, 1)), (2, 24, 30))

    def work(number: int) -> bool:
        part = slice(6 * number, 6 * number + 6)
        array[part] = volume + np.uint16(number)
        return bool((array[part] == volume + np.uint16(number)).all())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_without_zarr_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, package in (("bitsback.zarr", "zarr"), ("bitsback.numcodecs", "numcodecs")):
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setitem(sys.modules, f"{package}.abc", None)
        monkeypatch.setitem(sys.modules, "zarr.abc.codec", None)
        with pytest.raises(bitsback.MissingExtra, match=rf"{package}: .*'\.\[zarr\]'"):
            __import__(module)
