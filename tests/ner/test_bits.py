"""Tables in 16 bits: half the file, the same names, refused where the file says other than the configuration."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from refusals import refused
from safetensors.numpy import save

from chainrule.errors import SettingError
from chainrule.learn.store import read_tensors
from chainrule.ner import Tagger, sample
from chainrule.ner.folder import CONFIG, WEIGHTS
from chainrule.ner.judged import Judged

TEXT = "Helen Marsh flew from Paris to Seoul on 3 May 2019."


@pytest.fixture(scope="module")
def full() -> Tagger:
    """A model with every kind of table that training makes."""
    train = sample("en").train
    corpus = train.of(train.sentences[:40])
    settings = {"features": "shape, suffix3", "short_circuit": "form, gram2"}
    return Tagger.train(corpus, corpus, epochs=12, hidden=12, dimension=10, learning_rate=0.2, **settings)


@pytest.fixture
def half(full, tmp_path) -> Tagger:
    """The same, written in 16 bits and read."""
    full.save(tmp_path / "half", bits=16)
    return Tagger.load(tmp_path / "half")


def test_tables_have_16_bits_in_the_file_and_in_memory_and_all_else_has_32(full, half):
    tables = {"E", "K", "K_shape", "K_suffix3", "L"}
    assert tables < full.params.keys() == half.params.keys()
    for name, array in half.params.items():
        assert array.dtype == (np.float16 if name in tables else np.float32)
        assert np.array_equal(array, full.params[name].astype(array.dtype))
    assert (full.config.bits, half.config.bits) == (32, 16)


def test_numbers_are_rounded_by_one_part_in_2048_at_most(full, half):
    E = full.params["E"].astype(np.float64)
    normal = np.abs(E) > 2.0**-14
    assert np.all(np.abs(half.params["E"] - E)[normal] <= np.abs(E)[normal] / 2048)


def test_names_stay_and_probabilities_hardly_change(full, half):
    corpus = sample("en").dev
    before, after = (t.tag_tokens([s.tokens for s in corpus.sentences]) for t in (full, half))
    assert before == after
    for old, new in zip(full.tag(TEXT), half.tag(TEXT), strict=True):
        assert old[:3] == new[:3]
        assert old.score == pytest.approx(new.score, abs=0.005)


def test_everything_that_looks_at_a_model_reads_16_bits(full, half):
    wide = replace(half, params={n: a.astype(np.float32) for n, a in half.params.items()})
    assert half.tag(TEXT) == wide.tag(TEXT)
    assert replace(half, backend="interpreter").tag(TEXT) == replace(wide, backend="interpreter").tag(TEXT)
    dev = sample("en").dev
    judged = [Judged.by(t, dev) for t in (half, wide)]
    assert judged[0] == judged[1]
    assert half.loss(TEXT).values["E"].shape == wide.loss(TEXT).values["E"].shape


def test_what_was_read_in_16_bits_is_saved_so_unless_32_are_asked_for(half, tmp_path):
    half.save(tmp_path / "again")
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (tmp_path / "half" / WEIGHTS).read_bytes()
    half.save(tmp_path / "wide", bits=32)
    wide = Tagger.load(tmp_path / "wide")
    assert wide.params["E"].dtype == np.float32
    assert wide.tag(TEXT) == half.tag(TEXT)


@pytest.mark.parametrize("bits", [8, 0, 16.0, "16", True])
def test_other_numbers_of_bits_are_refused(full, tmp_path, bits):
    with pytest.raises(SettingError, match=r"bits is .*; it must be 32 or 16"):
        full.save(tmp_path / "odd", bits=bits or -1)
    assert not (tmp_path / "odd").exists()


def test_numbers_that_16_bits_do_not_hold_are_refused_and_nothing_is_written(full, tmp_path):
    params = {**full.params, "E": full.params["E"] * np.float32(1e6)}
    with pytest.raises(
        SettingError, match=r"tensor E holds numbers beyond ±65,504, which need 32 bits; keep these"
    ):
        replace(full, params=params).save(tmp_path / "large", bits=16)
    assert not (tmp_path / "large").exists()


def changed(folder, config=lambda described: None, tensors=lambda found: None) -> None:
    """A folder whose files were changed, with hashes that agree."""
    found, _ = read_tensors(folder / WEIGHTS)
    tensors(found)
    (folder / WEIGHTS).write_bytes(save(found))
    described = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    described["sha256"][WEIGHTS] = sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    config(described)
    (folder / CONFIG).write_text(json.dumps(described), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"config": lambda d: d.update(bits=32)}, ["tensor E does not fit"]),
        ({"config": lambda d: d.pop("bits")}, ["tensor E does not fit"]),
        ({"config": lambda d: d.update(bits=8)}, ["bits is 8; it must be 32 or 16"]),
        ({"config": lambda d: d.update(bits=[16])}, ["bits is [16]"]),
        ({"config": lambda d: d.update(bits=16.0)}, ["bits is 16.0"]),
        ({"tensors": lambda t: t.update(W=t["W"].astype(np.float16))}, ["tensor W does not fit"]),
        ({"tensors": lambda t: t.update(E=t["E"].astype(np.float32))}, ["tensor E does not fit"]),
        ({"tensors": lambda t: t.update(L=t["L"].view(np.uint8))}, ["tensor L does not fit"]),
        ({"tensors": lambda t: t.update(E=t["E"] / np.float16(0))}, ["tensor E holds NaN or infinite numbers"]),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_a_file_of_other_bits_than_the_configuration_says_is_refused(half, tmp_path, changes, words):
    changed(tmp_path / "half", **changes)
    refused(tmp_path / "half", *words)


def test_a_configuration_from_before_there_was_a_choice_means_32(full, tmp_path):
    full.save(tmp_path / "old")
    changed(tmp_path / "old", config=lambda d: d.pop("bits"))
    assert Tagger.load(tmp_path / "old").config == full.config
