"""Tensors in files: what is written comes back, and what was never written so is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from chainrule.errors import ModelError
from chainrule.learn.store import read_tensors, write_tensors

TENSORS = {
    "E": np.arange(6, dtype=np.float32).reshape(2, 3),
    "L": np.array([[0.5, -2.25, 65504.0]], np.float16),
    "empty": np.zeros((0, 4), np.float32),
    "ids": np.array([1, -(2**31)], np.int32),
    "long": np.array([2**62]),
    "on": np.array([True, False, True]),
    "t": np.array(3.5),
}


def test_tensors_and_strings_come_back_as_they_were_and_can_be_written_to(tmp_path):
    write_tensors(tmp_path / "t", TENSORS, {"step": "3"})
    found, about = read_tensors(tmp_path / "t")
    assert about == {"step": "3"}
    theirs = load((tmp_path / "t").read_bytes())
    assert found.keys() == theirs.keys() == TENSORS.keys()
    for name, array in found.items():
        assert (array.dtype, array.shape) == (TENSORS[name].dtype, TENSORS[name].shape)
        assert array.tobytes() == TENSORS[name].tobytes() == theirs[name].tobytes()
        assert array.flags.writeable
        assert array.flags.aligned


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
def test_no_number_that_is_none_is_read(tmp_path, dtype, wrong):
    x = np.zeros(600_000, dtype)
    x[0], x[1] = np.finfo(dtype).max, np.finfo(dtype).min
    (tmp_path / "t").write_bytes(save({"x": x}))
    assert read_tensors(tmp_path / "t")[0]["x"][0] == np.finfo(dtype).max
    x[-1] = wrong
    (tmp_path / "t").write_bytes(save({"x": x}))
    with pytest.raises(ModelError, match="tensor x holds NaN or infinite numbers"):
        read_tensors(tmp_path / "t")


def forged(header: dict, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(begin: int, end: int, shape: list | None = None, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": [2] if shape is None else shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ({"a": entry(0, 8), "b": entry(4, 12)}, "overlap"),
        ({"a": entry(0, 8), "b": entry(0, 8)}, "overlap"),
        ({"a": entry(8, 16), "b": entry(16, 24)}, "overlap, or leave gaps"),
        ({"a": entry(-8, 0), "b": entry(0, 8)}, "impossible"),
        ({"a": entry(0, 12), "b": entry(12, 16)}, "impossible"),
        ({"a": entry(8, 0), "b": entry(0, 16)}, "impossible"),
        ({"a": entry(0, 16, [True, 4])}, "impossible"),
        ({"a": entry(0, 16, [2.0, 2])}, "impossible"),
        ({"a": entry(0, 16, [-2, -2])}, "impossible"),
        ({"a": entry(0, 16, [4] + [1] * 99)}, "impossible"),
        ({"a": entry(0, 16, [4], "F8")}, "impossible"),
        ({"a": entry(0, 8)}, "its header describes another number"),
        ({"a": entry(0, 16, [4]), "__metadata__": {"x": 3}}, "about it is damaged"),
        ({"a": entry(0, 16, [4]), "__metadata__": []}, "about it is damaged"),
    ],
)
def test_a_header_that_does_not_describe_the_file_is_refused(tmp_path, header, cause):
    (tmp_path / "t").write_bytes(forged(header, bytes(16)))
    with pytest.raises(ModelError, match=cause) as error:
        read_tensors(tmp_path / "t")
    assert str(error.value).startswith(f"{tmp_path / 't'}: ")


def test_tensors_that_begin_anywhere_are_read(tmp_path):
    header = {"a": entry(1, 9), "b": entry(0, 1, [1], "U8"), "c": entry(9, 9, [0, 7])}
    (tmp_path / "t").write_bytes(forged(header, b"\7" + np.array([1.5, -2], np.float32).tobytes()))
    found, _ = read_tensors(tmp_path / "t")
    assert (found["a"].tolist(), found["b"].tolist(), found["c"].shape) == ([1.5, -2], [7], (0, 7))
    assert found["a"].flags.aligned
