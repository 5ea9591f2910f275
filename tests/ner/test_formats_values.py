"""The values of an array are read one by one, however the file falls into pieces, and as `json` reads them."""

import json
import tracemalloc
from functools import partialmethod

import pytest
from hypothesis import given, settings, strategies as st

from chainrule.errors import DataError
from chainrule.ner import formats_values
from chainrule.ner.formats import convert_file
from chainrule.ner.formats_values import values
from chainrule.ner.source import Source, opened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('aé한😀"\\\n[]{},'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("kö😀", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def pieces(monkeypatch):
    """Say of how many bytes pieces are."""
    whole = Source.pieces
    return lambda size: monkeypatch.setattr(Source, "pieces", partialmethod(whole, size))


def read(path):
    with opened(path) as source:
        return list(values(source))


@pytest.mark.parametrize("size", [1, 3, 16, 64])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_arrays_are_read_as_json_reads_them(tmp_path_factory, pieces, size, indent, ascii_only):
    path = tmp_path_factory.mktemp("a") / "a.json"
    pieces(size)

    @settings(max_examples=25)
    @given(st.lists(JSON, max_size=6))
    def check(wanted):
        path.write_text(
            " \n" + json.dumps(wanted, indent=indent, ensure_ascii=ascii_only) + "\n", encoding="utf-8"
        )
        if formats_values.is_pair(path.read_text(encoding="utf-8").lstrip().partition("\n")[0]):
            return  # on one line that is an example for spaCy
        assert [value for value, _ in read(path)] == wanted

    check()


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[\n{"a": 1},\n{"b" }]', "a.json:3: no JSON at column 6"),
        (b'[{"a": 1}, {"b" }]', "a.json:1: no JSON at column 17"),
        (b"[\n1,\n2,\n", "a.json:4: the JSON is cut off"),
        (b'[\n1,\n"abc', "a.json:3: the JSON is cut off"),
        (b"[\n1,\ntru", "a.json:3: no JSON at column 1"),
        (b"[1 1]", "a.json:1: '1' where a comma or ] belongs"),
        (b"[\n1\n]\n1", "a.json:4: something follows the array"),
        (b'[\n1,\n{"a": 1, "a": 2}]', "a.json:3: the key 'a' is there twice; keep one"),
        (b"[\n1,\n" + b"[" * 100_000, "a.json:3: JSON within JSON, too deep to read"),
        ('[\n1,\n"é'.encode()[:-1], "a.json: 0xc3 at byte 6 of the file is not UTF-8"),
        (b'[\n1, "\xff"]', "a.json: 0xff at byte 6 of the file is not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, pieces, size, content, message):
    (tmp_path / "a.json").write_bytes(content)
    pieces(size if len(content) < 1000 else 1 << 16)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.json")
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_a_value_that_never_ends_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(formats_values, "LONGEST_RECORD", 1 << 18)
    (tmp_path / "a.json").write_bytes(b'[\n"' + b"x" * (1 << 21))
    with pytest.raises(DataError, match=r"a\.json:2: a value of over 262,144 characters; break it into records"):
        read(tmp_path / "a.json")


def test_memory_does_not_grow_with_the_array(tmp_path):
    task = {"data": {"text": "Paris " + "x" * 1600}, "annotations": []}
    peaks = []
    for size in (100, 1000):
        (tmp_path / "a.json").write_text(json.dumps([task] * size), encoding="utf-8")
        tracemalloc.start()
        convert_file(tmp_path / "a.json", tmp_path / "b.jsonl")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 600_000  # the file is 1.5 MB larger
