"""ONNX: expressions and taggers as models, run by ONNX Runtime; judged by the interpreter and by the tagger."""

import json

import graphs
import numpy as np
import pytest
from every_op import CASES, case

import chainrule as cr
from chainrule.algebra.node import topological
from chainrule.ner import Tagger, sample
from chainrule.ner.windows import encode
from chainrule.ports import extra
from chainrule.ports.onnx import model, write
from chainrule.ports.onnx_tagger import export, inputs_of

onnx = pytest.importorskip("onnx", reason='ONNX is not here: pip install "chainrule[onnx]"')
runtime = pytest.importorskip("onnxruntime", reason='ONNX Runtime is not here: pip install "chainrule[onnx]"')

WITHOUT = {"inv", "solve", "log_partition", "expected_path"}
W, x, b = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.vector("b", "n")


def run(made, values):
    options = runtime.SessionOptions()
    options.log_severity_level = 2
    session = runtime.InferenceSession(made.SerializeToString(), options)
    return session.run(None, {given.name: values[given.name] for given in session.get_inputs()})


def close(ours, theirs, rtol):
    for a, found in zip(ours, theirs, strict=True):
        assert (found.shape, found.dtype) == (np.shape(a), np.asarray(a).dtype)
        np.testing.assert_allclose(found, a, rtol=rtol, atol=rtol / 10)


def tolerance(outputs):
    """ONNX Runtime has these in single precision alone."""
    return 2e-6 if {n.op.name for n in topological(outputs)} & {"erf", "det", "logdet"} else 1e-11


def written(outputs):
    """Whether ONNX has operators for all of it; those it lacks are named."""
    lacking = {n.op.name for n in topological(outputs)} & WITHOUT
    if not lacking:
        return True
    with pytest.raises(cr.GraphError, match="ONNX has no operator for") as raised:
        model(outputs)
    assert all(f"{name}, as in" in str(raised.value) for name in lacking)
    return False


@pytest.mark.parametrize("name", dict(CASES))
def test_every_operation_and_its_gradient_are_ours_or_are_named(name):
    for k in [k for n, k in CASES if n == name]:
        outputs, given = case(name, k)
        if written(outputs) or written(outputs[:1]):
            outputs = outputs if written(outputs) else outputs[:1]
            made = model(outputs)
            onnx.checker.check_model(made, full_check=True)
            close(cr.evaluate(outputs, given), run(made, given), tolerance(outputs))


def test_random_graphs_with_named_dimensions_have_our_values():
    count = 0
    for seed in range(100):
        outputs = graphs.with_gradient(seed)
        given = graphs.values(outputs, seed)
        if not graphs.is_tame(outputs, given) or not written(outputs):
            continue
        count += 1
        for ours, found in zip(cr.evaluate(outputs, given), run(model(outputs), given), strict=True):
            assert (found.shape, found.dtype) == (ours.shape, ours.dtype)
            scale = 1 + np.abs(ours).max(initial=0)
            np.testing.assert_allclose(
                found / scale, ours / scale, atol=tolerance(outputs), err_msg=f"seed {seed}"
            )
    assert count > 80


def test_named_dimensions_stay_open(rng):
    made = model({"h": cr.softmax(W @ x + b), "mean": cr.mean(W)}, [x, W, b], doc="one layer")
    assert [given.name for given in made.graph.input] == ["x", "W", "b"]
    axes = [a.dim_param for a in made.graph.input[1].type.tensor_type.shape.dim]
    assert axes == ["n", "m"] and [a.dim_param for a in made.graph.output[0].type.tensor_type.shape.dim] == ["n"]
    assert (made.doc_string, made.producer_name, made.opset_import[0].version) == ("one layer", "chainrule", 18)
    for n, m in ((3, 4), (1, 7)):
        given = {"W": rng.normal(size=(n, m)), "x": rng.normal(size=m), "b": rng.normal(size=n)}
        close(cr.evaluate([cr.softmax(W @ x + b), cr.mean(W)], given), run(made, given), 1e-12)


def test_values_become_part_of_the_model(rng):
    W_of, given = rng.normal(size=(3, 4)), {"x": rng.normal(size=4), "b": rng.normal(size=3)}
    made = model(cr.tanh(W @ x + b), values={"W": W_of})
    assert {given.name for given in made.graph.input} == {"x", "b"}
    assert "W" in {array.name for array in made.graph.initializer}
    close([np.tanh(W_of @ given["x"] + given["b"])], run(made, given), 1e-12)
    with pytest.raises(cr.GraphError, match="values are given for Q, which the expressions do not have"):
        model(cr.tanh(x), values={"Q": 1.0})
    with pytest.raises(cr.GraphError, match="x is the name of an output and of a variable"):
        model({"x": cr.tanh(x)})


def test_a_size_that_no_input_shows_is_a_sentence():
    with pytest.raises(cr.GraphError, match="the size of dimension k is shown by no input"):
        model(cr.ones("k") * cr.scalar("a"))


def test_special_values_are_ours():
    z = cr.vector("z", "n")
    given = {"z": np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e300, 1e-300, -1e-9])}
    for outputs in ([cr.softplus(z), cr.sigmoid(z), cr.expm1(z), cr.relu(z)], [cr.log1p(abs(z)), cr.logsumexp(z)]):
        close(cr.evaluate(outputs, given), run(model(outputs), given), 1e-12)


def test_a_file_is_written_whole(tmp_path):
    made = model(cr.tanh(x))
    write(made, tmp_path / "x.onnx")
    assert onnx.load(tmp_path / "x.onnx") == made and [p.name for p in tmp_path.iterdir()] == ["x.onnx"]
    with pytest.raises(cr.WriteError, match="cannot be written"):
        write(made, tmp_path / "gone" / "x.onnx")


QUICK = {"epochs": 1, "hidden": 6, "dimension": 5, "caps": 2, "window": 3}
TAGGERS = {
    "plain": {},
    "whole": {"objective": "sentence"},
    "rich": {"features": "shape:3, suffix2+prefix2:4", "letters": 4, "short_circuit": "caps, shape", "layers": 2},
    "margin": {"objective": "margin", "activation": "parametric_relu", "combine": "average"},
}


@pytest.fixture(scope="module", params=TAGGERS)
def tagger(request):
    corpus = sample("en").train
    corpus = corpus.of(corpus.sentences[:12])
    return Tagger.train(corpus, corpus, backend="numpy", **{**QUICK, **TAGGERS[request.param]})


def test_the_network_of_a_tagger_gives_the_same_scores(tagger, tmp_path):
    made = export(tagger, tmp_path / "tagger.onnx")
    sentences = [s.tokens for s in sample("en").test.sentences[:40]]
    given = inputs_of(tagger, sentences)
    assert {i.name for i in made.graph.input} == set(given)
    session = runtime.InferenceSession(tmp_path / "tagger.onnx")
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, given), strict=True))
    encoded = encode(sentences, tagger.features, tagger.config.architecture.radius)
    ours = tagger.decoder.scores(tagger.params, encoded)
    np.testing.assert_allclose(found["log_probabilities"], ours, rtol=1e-6, atol=1e-6)
    decoded = [
        tagger.decoder.decode(tagger.params, scores, encoded) for scores in (ours, found["log_probabilities"])
    ]
    assert decoded[0] == decoded[1]
    assert ("moves" in found) == tagger.network.whole
    if tagger.network.whole:
        np.testing.assert_array_equal(found["moves"], tagger.params["A"])
    one = {name: (ids if name == "letters" else ids[:1]) for name, ids in given.items()}
    np.testing.assert_allclose(session.run(None, one)[0], ours[:1], rtol=1e-6, atol=1e-6)


def test_the_metadata_says_what_the_scores_are_of(tagger, tmp_path):
    export(tagger, tmp_path / "tagger.onnx")
    said = runtime.InferenceSession(tmp_path / "tagger.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(said["tags"]) == list(tagger.config.tags) and json.loads(said["labels"]) == tagger.labels
    assert (said["scheme"], said["tokenizer"]) == (tagger.config.scheme, tagger.config.tokenizer)
    assert json.loads(said["window"]) == 3 and json.loads(said["chainrule.format"]) == 1
    assert ("moves" in said) == tagger.network.whole


def test_another_version_is_a_sentence(monkeypatch):
    monkeypatch.setattr(extra.metadata, "version", lambda name: "1.9")
    with pytest.raises(cr.ExtraError) as raised:
        model(cr.tanh(x))
    assert str(raised.value) == (
        'chainrule.ports.onnx needs ONNX 1.17 or newer, below 2, and found 1.9: pip install "chainrule[onnx]"'
    )
