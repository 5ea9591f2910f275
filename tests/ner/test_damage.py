"""Damaged, altered and forged model folders: each is refused with a line that names the file and the repair."""

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from refusals import refused
from safetensors.numpy import save

from chainrule.errors import ModelError
from chainrule.learn import store
from chainrule.learn.store import read_tensors, write_tensors
from chainrule.ner import Tagger, sample
from chainrule.ner.folder import CARD, CONFIG, HASHED, VALUES, WEIGHTS, WORDS
from chainrule.ner.vectors import Vectors


def altered(folder: Path, change, rehash: bool = True) -> None:
    """Rewrite config.json with a change; the hashes follow the files unless told not to."""
    described = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if rehash:
        described["sha256"] = {n: sha256((folder / n).read_bytes()).hexdigest() for n in HASHED}
    change(described)
    (folder / CONFIG).write_text(json.dumps(described), encoding="utf-8")


def nothing(described: dict) -> None:
    """Change nothing."""


def test_a_path_without_a_model_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for place in ("missing", "file", "empty", "file/below"):
        refused(tmp_path / place, "no model here", "give the folder that training wrote")


@pytest.mark.parametrize("name", [CONFIG, VALUES, WEIGHTS, WORDS])
def test_a_missing_file_is_named(model, name):
    (model / name).unlink()
    refused(model, name)


def test_the_card_is_for_people_and_may_go(model, tagger):
    (model / CARD).unlink()
    assert Tagger.load(model).config == tagger.config


@pytest.mark.parametrize("name", [CONFIG, VALUES, WEIGHTS, WORDS])
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(model, name, share):
    raw = (model / name).read_bytes()
    (model / name).write_bytes(raw[: int(share * len(raw))])
    refused(model, name)


@pytest.mark.parametrize("name", [VALUES, WEIGHTS, WORDS])
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 1])
def test_a_changed_byte_is_refused(model, name, share):
    raw = bytearray((model / name).read_bytes())
    raw[int(share * (len(raw) - 1))] ^= 1
    (model / name).write_bytes(raw)
    refused(model, name, "has been altered or cut since it was written; restore the file or train again")


@pytest.mark.parametrize("name", [VALUES, WEIGHTS, WORDS])
def test_a_file_that_grew_is_refused(model, name):
    (model / name).write_bytes((model / name).read_bytes() + b"x\n")
    refused(model, name, "has been altered")


def test_cut_files_are_refused_even_where_the_hashes_agree(model):
    raw = (model / WEIGHTS).read_bytes()
    for length in (0, 7, 8, 100, len(raw) // 2, len(raw) - 1):
        (model / WEIGHTS).write_bytes(raw[:length])
        altered(model, nothing)
        refused(model, WEIGHTS, "restore the file or train again")
    (model / WEIGHTS).write_bytes(raw + b"x")
    altered(model, nothing)
    refused(model, WEIGHTS, "its header describes another number")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format=3), ["format 3, made by chainrule", "upgrade chainrule"]),
        (lambda d: d.update(format=1), ["format 1"]),
        (lambda d: d.update(format=0), ["format 0"]),
        (lambda d: d.update(format="2"), ["is no model of chainrule"]),
        (lambda d: d.pop("format"), ["is no model of chainrule"]),
        (lambda d: d.update(tokenizer="words-9"), ["needs the tokenizer words-9", "upgrade chainrule"]),
        (lambda d: d.pop("tokenizer"), ["damaged ('tokenizer')"]),
        (lambda d: d.update(tags=[]), ["tags"]),
        (lambda d: d.update(tags=None), ["damaged"]),
        (lambda d: d.update(tags=["O", "O"]), ["tags"]),
        (lambda d: d.update(tags=["O", 3]), ["tags"]),
        (lambda d: d.update(tags=[["O"]]), ["tags"]),
        (lambda d: d.update(tags=["O", "Z-PER"]), ["tags"]),
        (lambda d: d["tags"].pop(), ["model.safetensors: tensor U does not fit config.json and vocab.txt"]),
        (lambda d: d.update(scheme="BIO"), ["scheme"]),
        (lambda d: d.update(scheme=[]), ["scheme"]),
        (lambda d: d.pop("sha256"), ["damaged ('sha256')"]),
        (lambda d: d.update(sha256=[WEIGHTS, WORDS]), ["damaged"]),
        (lambda d: d.update(sha256={WEIGHTS: "0"}), ["hashes"]),
        (lambda d: d["sha256"].update({"../secret": "0"}), ["hashes"]),
        (lambda d: d["sha256"].update({WORDS: None}), [WORDS, "has been altered"]),
        (lambda d: d.update(architecture=None), ["damaged"]),
        (lambda d: d.update(architecture=[]), ["architecture is damaged"]),
        (lambda d: d["architecture"].pop("activation"), ["architecture is damaged"]),
        (lambda d: d["architecture"].update(depth=2), ["architecture is damaged"]),
        (lambda d: d["architecture"].update(layers=2), ["tensor W_2 does not fit"]),
        (lambda d: d["architecture"].update(layers=3), ["layers is 3"]),
        (lambda d: d["architecture"].update(window=4), ["a window has a centre"]),
        (lambda d: d["architecture"].update(window=3.0), ["window is 3.0; it must be a whole number"]),
        (lambda d: d["architecture"].update(window="3"), ["window is '3'"]),
        (lambda d: d["architecture"].update(window=None), ["window is None"]),
        (lambda d: d["architecture"].update(window=10**15 + 1), ["tensor W does not fit"]),
        (lambda d: d["architecture"].update(hidden=10**30), ["does not fit"]),
        (lambda d: d["architecture"].update(dimension=4), ["tensor E does not fit"]),
        (lambda d: d["architecture"].update(caps=0), ["tensor K does not fit"]),
        (lambda d: d["architecture"].update(activation="exec"), ["unknown activation 'exec'"]),
        (lambda d: d["architecture"].update(activation=["tanh"]), ["damaged"]),
        (lambda d: d["architecture"].update(combine={}), ["damaged"]),
        (lambda d: d["architecture"].update(dropout=float("nan")), ["dropout is nan"]),
        (lambda d: d["architecture"].update(dropout=1), ["dropout is 1"]),
        (lambda d: d.update(training=3), ["damaged"]),
        (lambda d: d.update(figures=[]), ["damaged"]),
    ],
)
def test_an_altered_config_is_refused(model, change, words):
    altered(model, change)
    refused(model, *words)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '"format"',
        "{}",
        "\ufeff{}",
        "[" * 100_000,
        '{"format": 2}',
        "{" + " " * (1 << 20),
        "\0",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_config_that_is_something_else_is_refused(model, text):
    (model / CONFIG).write_text(text, encoding="utf-8")
    refused(model, CONFIG)


def test_a_config_that_is_not_text_is_refused(model):
    (model / CONFIG).write_bytes(b"\xff\xfe\x00\xd8" * 9)
    refused(model, CONFIG)


def test_more_in_training_and_figures_is_no_matter(model, tagger):
    altered(model, lambda d: (d["training"].update(note="mine"), d["figures"].update(test_f1=0.5)))
    assert Tagger.load(model).labels == tagger.labels


def tensors_changed(model: Path, change) -> None:
    tensors, _ = read_tensors(model / WEIGHTS)
    change(tensors)
    (model / WEIGHTS).write_bytes(save(tensors))
    altered(model, nothing)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update(extra=np.zeros(1, np.float32)), ["tensor extra does not fit"]),
        (lambda t: t.pop("U"), ["tensor U does not fit"]),
        (lambda t: t.update(b=np.zeros(5, np.float32)), ["tensor b does not fit"]),
        (lambda t: t.update(b=t["b"][None]), ["tensor b does not fit"]),
        (lambda t: t.update(b=t["b"].astype(np.float64)), ["tensor b does not fit"]),
        (lambda t: t.update(W=np.ascontiguousarray(t["W"].T)), ["tensor W does not fit"]),
        (lambda t: t.update(E=t["E"][:-1]), ["tensor E does not fit"]),
        (lambda t: t.update(E=np.full_like(t["E"], np.nan)), ["tensor E holds NaN or infinite numbers"]),
        (lambda t: t.update(c=np.full_like(t["c"], np.inf)), ["tensor c holds NaN or infinite numbers"]),
        (lambda t: t.clear(), ["tensor E does not fit"]),
    ],
)
def test_tensors_must_be_those_of_the_architecture(model, change, words):
    tensors_changed(model, change)
    refused(model, WEIGHTS, *words)


def header_changed(model: Path, text: bytes) -> None:
    raw = (model / WEIGHTS).read_bytes()
    body = raw[8 + int.from_bytes(raw[:8], "little") :]
    (model / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + body)
    altered(model, nothing)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"{" * 9,
        b"\xff" * 20,
        b'{"E":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"E":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        b'{"E":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
        b'{"E":{"dtype":"F32","shape":[99999999999999],"data_offsets":[0,4]}}',
        b'{"E":{"dtype":"pickle","shape":[1],"data_offsets":[0,4]}}',
        b'{"E":{"dtype":"F32","shape":"x","data_offsets":[0,4]}}',
        b'{"E":7}',
        b'{"__metadata__":7}',
        b"{" + b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % k for k in range(300)) + b"}",
    ],
    ids=lambda text: repr(text[:30]),
)
def test_a_forged_header_is_refused(model, text):
    header_changed(model, text)
    refused(model, WEIGHTS, "restore the file or train again")


def test_a_header_of_a_gigabyte_is_refused_before_it_is_read(model):
    (model / WEIGHTS).write_bytes((1 << 62).to_bytes(8, "little") + b"x" * 100)
    altered(model, nothing)
    refused(model, WEIGHTS, "cut short, or no safetensors file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: b"", [WORDS]),
        (lambda raw: raw + raw.splitlines(keepends=True)[2], ["is there 2 times"]),
        (lambda raw: raw[6:], ["put <pad> and <unk> first"]),
        (lambda raw: raw[:-1], ["the last line has no end"]),
        (lambda raw: raw + b"\xff\n", ["is not UTF-8"]),
        (lambda raw: raw + b"\\q\n", ["escape"]),
        (lambda raw: raw + b"more\n", ["tensor E does not fit"]),
    ],
)
def test_a_vocabulary_that_is_damaged_is_refused(model, change, words):
    (model / WORDS).write_bytes(change((model / WORDS).read_bytes()))
    altered(model, nothing)
    refused(model, *words)


@pytest.mark.parametrize("name", [CONFIG, VALUES, WEIGHTS, WORDS])
def test_a_folder_in_the_place_of_a_file_is_refused(model, name):
    (model / name).unlink()
    (model / name).mkdir()
    refused(model)


def test_a_link_to_a_model_is_a_model(model, tagger, tmp_path):
    (tmp_path / "latest").symlink_to(model)
    assert Tagger.load(tmp_path / "latest").config == tagger.config


def test_loading_runs_no_code_and_imports_no_pickle(model):
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name in ('dill', 'cloudpickle', 'joblib', 'torch', 'marshal'): raise AssertionError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import numpy, pickle\n"
        "def refuse(*a, **k): raise AssertionError('unpickled')\n"
        "pickle.load = pickle.loads = pickle.Unpickler = refuse\n"
        "from chainrule.ner import Tagger\n"
        f"print(Tagger.load({str(model)!r}).labels)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "['DATE', 'LOC', 'MISC', 'ORG', 'PER']\n"), done.stderr
    source = Path(store.__file__).parents[1]
    assert not [p for p in source.rglob("*.py") if "import pickle" in p.read_text(encoding="utf-8")]


def test_a_copied_folder_is_the_model(model, tagger, tmp_path):
    shutil.copytree(model, tmp_path / "elsewhere")
    assert Tagger.load(tmp_path / "elsewhere").tag("Helen Marsh") == tagger.tag("Helen Marsh")


def test_tensors_of_a_model_come_back_exactly(model, tagger, tmp_path):
    write_tensors(tmp_path / "t", tagger.params)
    assert (tmp_path / "t").read_bytes() == (model / WEIGHTS).read_bytes()


def test_errors_of_models_are_errors_of_data(model):
    (model / CONFIG).unlink()
    with pytest.raises(ModelError):
        Tagger.load(model)
    assert issubclass(ModelError, ValueError)


# ── features and clusters ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def featured() -> Tagger:
    """A small model with features of every kind."""
    train = sample("en").train
    corpus = train.of(train.sentences[:8])
    words = ["helen", "marsh", "paris", "in", "the"]
    vectors = Vectors(words, np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    settings = {"features": "shape:2, cluster3:2", "short_circuit": "suffix2", "window": 3, "hidden": 4, "caps": 2}
    return Tagger.train(corpus, corpus, vectors=vectors, epochs=1, **settings)


@pytest.fixture
def rich(featured, tmp_path) -> Path:
    """Its folder."""
    featured.save(tmp_path / "rich")
    return tmp_path / "rich"


def values_changed(folder: Path, change) -> None:
    values = json.loads((folder / VALUES).read_text(encoding="utf-8"))
    changed = change(values)
    text = changed if isinstance(changed, str) else json.dumps(values if changed is None else changed)
    (folder / VALUES).write_text(text, encoding="utf-8")
    altered(folder, nothing)


@pytest.mark.parametrize("name", [VALUES, WEIGHTS, WORDS])
@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_cut_file_of_a_model_with_features_is_refused(rich, name, share):
    raw = (rich / name).read_bytes()
    (rich / name).write_bytes(raw[: int(share * len(raw))])
    refused(rich, name, "has been altered or cut")
    if name == VALUES and share < 0.9:
        altered(rich, nothing)
        refused(rich, name, "damaged", "restore the file or train again")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: "", [VALUES, "damaged"]),
        (lambda v: "\x00", [VALUES, "damaged"]),
        (lambda v: "[" * 100_000, [VALUES, "damaged"]),
        (lambda v: [], [VALUES, "damaged"]),
        (lambda v: [v], [VALUES, "damaged"]),
        (lambda v: "null", [VALUES, "damaged"]),
        (lambda v: "3", [VALUES, "damaged"]),
        (lambda v: {}, [VALUES, "does not fit"]),
        (lambda v: v.update(shape=None), [VALUES, "damaged"]),
        (lambda v: v.update(shape="Xx"), [VALUES, "damaged"]),
        (lambda v: v.update(shape={"Xx": 1}), [VALUES, "damaged"]),
        (lambda v: v.update(shape=3), [VALUES, "damaged"]),
        (lambda v: v["shape"].insert(0, 3), [VALUES, "damaged"]),
        (lambda v: v["shape"].insert(0, None), [VALUES, "damaged"]),
        (lambda v: v["shape"].insert(0, ["X"]), [VALUES, "damaged"]),
        (lambda v: v["shape"].append(v["shape"][0]), [VALUES, "damaged", "is there 2 times"]),
        (lambda v: v["shape"].append("<pad>"), [VALUES, "damaged"]),
        (lambda v: v["shape"].append("a\nb"), [VALUES, "damaged"]),
        (lambda v: v["shape"].append("more"), [WEIGHTS, "tensor K_shape does not fit"]),
        (lambda v: v["shape"].pop() and None, [WEIGHTS, "tensor K_shape does not fit"]),
        (lambda v: v["suffix2"].append("more"), [WEIGHTS, "tensor L does not fit"]),
        (lambda v: v.pop("shape") and None, [VALUES, "does not fit"]),
        (lambda v: v.pop("suffix2") and None, [VALUES, "does not fit"]),
        (lambda v: v.update(prefix1=["a"]), [VALUES, "does not fit"]),
        (lambda v: v.update(nonsense=[]), [VALUES, "does not fit"]),
        (lambda v: v.update(words=[]), [VALUES, "does not fit"]),
        (lambda v: v.update(caps=[]), [VALUES, "does not fit"]),
        (lambda v: v.update(cluster3=["a", "b", "c"]), [VALUES, "does not fit"]),
    ],
)
def test_features_that_are_damaged_are_refused(rich, change, words):
    values_changed(rich, change)
    refused(rich, *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("cluster3"), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster3=t["cluster3"][:-1]), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster3=t["cluster3"][None]), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster3=t["cluster3"].astype(np.int64)), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster3=t["cluster3"].astype(np.float32)), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster3=t["cluster3"] - 1), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster3=np.full_like(t["cluster3"], 5)), ["cluster3 does not fit"]),
        (lambda t: t.update(cluster4=t["cluster3"]), ["cluster4 does not fit"]),
        (lambda t: t.pop("K_cluster3"), ["K_cluster3 does not fit"]),
        (lambda t: t.update(K_shape=t["K_shape"][:-1]), ["K_shape does not fit"]),
        (lambda t: t.update(L=t["L"].T.copy()), ["L does not fit"]),
    ],
)
def test_tensors_of_features_and_clusters_must_fit(rich, change, words):
    tensors_changed(rich, change)
    refused(rich, WEIGHTS, *words)


def test_a_cluster_is_not_forged_as_a_list_of_values(rich):
    tensors_changed(rich, lambda t: t.pop("cluster3"))
    values_changed(rich, lambda v: v.update(cluster3=["a", "b", "c"]))
    refused(rich, "cluster3 does not fit")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": "shape:2"}, ["does not fit"]),
        ({"features": "shape:2, cluster4:2"}, ["cluster4 does not fit"]),
        ({"features": "shape:3, cluster3:2"}, ["tensor K_shape does not fit"]),
        ({"features": "shap"}, ["damaged", "unknown feature 'shap'"]),
        ({"features": ["shape"]}, ["damaged"]),
        ({"features": None}, ["damaged"]),
        ({"short_circuit": ""}, ["does not fit"]),
        ({"short_circuit": "suffix2, caps"}, ["tensor L does not fit"]),
        ({"short_circuit": 3}, ["damaged"]),
        ({"objective": "sentence"}, ["tensor A does not fit"]),
        ({"objective": "margin"}, ["does not fit"]),
        ({"objective": "love"}, ["damaged", "unknown objective 'love'"]),
        ({"activation": "parametric_relu"}, ["tensor a does not fit"]),
        ({"layers": 2}, ["tensor W_2 does not fit"]),
        ({"feature_dropout": 1}, ["feature_dropout is 1"]),
        ({"margin": 0}, ["margin is 0"]),
    ],
)
def test_an_architecture_with_features_that_was_altered_is_refused(rich, change, words):
    altered(rich, lambda d: d["architecture"].update(change))
    refused(rich, *words)


def test_a_model_with_features_is_read_as_it_was_written(rich, featured):
    text = "Helen Marsh flew to Paris."
    assert Tagger.load(rich).tag(text) == featured.tag(text)
