"""The estimator keeps scikit-learn's protocol, with and without scikit-learn."""

import copy
import pickle
import subprocess
import sys
from dataclasses import fields
from inspect import signature
from typing import Any

import numpy as np
import pytest

from chainrule import DataError, ExtraError, ModelError, SettingError
from chainrule.learn.train import Plan
from chainrule.ner import Tagger
from chainrule.ner.architecture import Architecture
from chainrule.ner.choices import Choices
from chainrule.ner.metrics import score
from chainrule.ner.tags import SCHEMES, convert
from chainrule.ports import sklearn as port
from chainrule.ports.sklearn import WindowTagger

QUICK = {"epochs": 1, "hidden": 3, "dimension": 2, "caps": 0, "window": 1}


@pytest.fixture(scope="session")
def X(corpus):  # noqa: N802 - the name that scikit-learn has for it
    return [s.tokens for s in corpus.sentences]


@pytest.fixture(scope="session")
def y(corpus):
    return [s.tags for s in corpus.sentences]


@pytest.fixture(scope="session")
def fitted(tagger):
    return WindowTagger.from_tagger(tagger)


def test_every_setting_of_training_is_a_parameter():
    names = {f.name for kind in (Architecture, Plan, Choices) for f in fields(kind)}
    found = set(WindowTagger().get_params())
    assert names | {"vectors", "backend"} <= found
    assert not found & {"out", "resume", "watch", "stop", "begin", "settings", "data", "dev"}
    assert found <= names | signature(Tagger.train).parameters.keys()
    assert set(signature(WindowTagger).parameters) == set(WindowTagger().get_params())


def test_parameters_are_kept_as_they_are_given():
    estimator = WindowTagger(epochs=3, features="shape:4")
    assert estimator.epochs == 3 and estimator.get_params()["features"] == "shape:4"
    assert estimator.set_params(epochs=5, seed=2) is estimator and (estimator.epochs, estimator.seed) == (5, 2)
    assert repr(estimator) == "WindowTagger(features='shape:4', epochs=5, seed=2)"
    assert vars(WindowTagger()) == WindowTagger().get_params()  # nothing is learnt before fit


@pytest.mark.parametrize("give", [WindowTagger, WindowTagger().set_params])
def test_an_unknown_parameter_is_refused_with_what_it_may_be(give):
    with pytest.raises(SettingError, match="unknown setting 'epoch'; did you mean epochs"):
        give(epoch=3)


def test_fit_trains_as_the_tagger_does(X, y, corpus):
    estimator = WindowTagger(**QUICK)
    before = copy.deepcopy((X, y))
    assert estimator.fit(X, y, dev=(X, y)) is estimator
    assert (X, y) == before
    own = Tagger.train(corpus, corpus, **QUICK)
    assert all(np.array_equal(own.params[name], array) for name, array in estimator.tagger_.params.items())


def test_fitting_again_is_the_same_and_forgets_what_was_before(X, y):
    estimator = WindowTagger(**QUICK).fit(X, y)
    first = estimator.predict_proba(X)
    again = estimator.fit(X[:5], y[:5]).fit(X, y).predict_proba(X)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_are_predicted_in_the_scheme_of_y(X, y, tagger, scheme):
    given = [convert(tags, scheme) for tags in y]
    found = WindowTagger(**QUICK).fit(X, given).y_scheme_
    assert [convert(tags, found) for tags in y] == given  # without names that touch, IO is IOB1
    assert WindowTagger.from_tagger(tagger, scheme).predict(X) == given


def test_score_is_that_of_conlleval(fitted, X, y):
    assert fitted.score(X, y) == 1.0
    wrong = [["O"] * len(tags) for tags in y[:3]] + y[3:]
    assert fitted.score(X, wrong) == score(wrong, fitted.predict(X)).f1 < 1


def test_probabilities_are_those_of_labels(fitted, X):
    chances = fitted.predict_proba(X)
    assert [p.shape for p in chances] == [(len(s), len(fitted.classes_)) for s in X]
    assert all(np.allclose(p.sum(axis=1), 1) for p in chances)
    assert fitted.classes_.tolist() == ["O", *fitted.tagger_.labels]
    best = [[fitted.classes_[k] for k in p.argmax(axis=1)] for p in chances]
    assert best == [[tag.partition("-")[2] or "O" for tag in tags] for tags in fitted.predict(X)]


def test_nothing_is_predicted_of_nothing(fitted):
    assert fitted.predict([]) == [] and fitted.predict_proba([]) == []
    assert fitted.predict([[]]) == [[]] and fitted.predict_proba([[]])[0].shape == (0, len(fitted.classes_))


def test_arrays_of_lists_are_sentences_too(fitted, X):
    array = np.empty(len(X), object)
    array[:] = [np.array(tokens) for tokens in X]
    assert fitted.predict(array) == fitted.predict(X)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["Paris is big"], [["O"]], "X[0]: is 'Paris is big'; give a list of tokens for each sentence"),
        ([["Paris", 3]], [["O", "O"]], "X[0]: is ['Paris', 3]; give a list"),
        ([["Paris"]], [], "1 sentence in X, tags of 0 in y"),
        ([["Paris"]], [["B-LOC", "O"]], "y[0]: 2 tags for 1 token; give one for each"),
        ([["Paris"], ["is"]], [["B-LOC"], ["X-LOC"]], "y[1]: illegal tag 'X-LOC'"),
        ([["Paris"]], [[1]], "y[0]: 1 is no tag; give tags as text"),
        ([["Paris"], ["is"]], [["O"], ["O"]], "X: holds no entity"),
    ],
)
def test_what_cannot_be_fitted_is_said(X, y, message):
    with pytest.raises(DataError) as raised:
        WindowTagger(**QUICK).fit(X, y)
    assert message in str(raised.value)


def test_before_fit_nothing_is_predicted(X):
    with pytest.raises(SettingError, match=r"not fitted yet; call fit\(X, y\)"):
        WindowTagger().predict(X)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_holds_the_files_of_the_model(fitted, X, protocol):
    again = pickle.loads(pickle.dumps(fitted, protocol))
    assert again.get_params() == fitted.get_params() and again.predict(X) == fitted.predict(X)
    assert all(np.array_equal(a, b) for a, b in zip(again.predict_proba(X), fitted.predict_proba(X), strict=True))


def test_a_pickle_before_fit_is_its_parameters():
    again = pickle.loads(pickle.dumps(WindowTagger(epochs=4)))
    assert again.get_params() == WindowTagger(epochs=4).get_params() and not again.__sklearn_is_fitted__()


def test_a_pickle_that_is_damaged_is_refused(fitted):
    state = fitted.__getstate__()
    model = state["model"]
    part = {name: raw for name, raw in model.items() if name != "config.json"}
    for files, said in (
        ({}, r"these files are no model \(none\)"),
        ({**model, "../x": b""}, "these files are no model"),
        ({**model, "vocab.txt": b"other\n"}, "^the model/vocab.txt: has been altered"),
        (part, "^the model: no model here"),
    ):
        with pytest.raises(ModelError, match=said):
            WindowTagger().__setstate__({**state, "model": files})


def test_from_a_tagger_the_settings_are_its_own(fitted, tagger):
    assert (fitted.hidden, fitted.epochs, fitted.learning_rate) == (10, 60, 0.3)
    assert fitted.tagger_ is tagger


def test_the_estimator_needs_no_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from chainrule.ports.sklearn import WindowTagger\n"
        "X, y = [['Ann', 'ran'], ['Bo', 'sat']], [['B-PER', 'O'], ['B-PER', 'O']]\n"
        "print(len(WindowTagger(epochs=1, hidden=2, dimension=2, backend='numpy').fit(X, y).predict(X)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "2\n"


# ── with scikit-learn ─────────────────────────────────────────────────────────────────────────────────


def part(name: str) -> Any:
    return pytest.importorskip(f"sklearn.{name}", reason='no scikit-learn: pip install "chainrule[sklearn]"')


def test_a_clone_has_the_parameters_and_nothing_learnt(fitted):
    is_fitted = part("utils.validation").check_is_fitted
    twin = part("base").clone(fitted)
    assert twin is not fitted and twin.get_params() == fitted.get_params()
    is_fitted(fitted)
    with pytest.raises(part("exceptions").NotFittedError):
        is_fitted(twin)


CHECKS = ("estimator_cloneable", "estimator_repr", "get_params_invariance", "set_params")


@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learns_own_checks_that_apply(name):
    getattr(part("utils.estimator_checks"), f"check_{name}")("WindowTagger", WindowTagger(**QUICK))


def test_pipelines_and_searches_give_what_the_estimator_gives(X, y):
    selection = part("model_selection")
    quick = WindowTagger(**QUICK)
    pipeline = part("pipeline").make_pipeline(part("preprocessing").FunctionTransformer(), quick).fit(X, y)
    assert pipeline.predict(X) == quick.fit(X, y).predict(X)
    assert "WindowTagger" in pipeline._repr_html_()
    folds = []
    for a, b in selection.KFold(2).split(X):
        (X_a, y_a), (X_b, y_b) = (([X[k] for k in part], [y[k] for k in part]) for part in (a, b))
        folds.append(WindowTagger(**QUICK).fit(X_a, y_a).score(X_b, y_b))
    assert selection.cross_val_score(quick, X, y, cv=2).tolist() == folds
    search = selection.GridSearchCV(quick, {"hidden": [2, 3]}, cv=2).fit(X, y)
    assert search.cv_results_["mean_test_score"][1] == np.mean(folds)
    assert len(search.predict_proba(X[:1])[0]) == len(X[0])


def test_joblib_keeps_an_estimator(fitted, X, tmp_path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(fitted, tmp_path / "model.joblib")
    assert joblib.load(tmp_path / "model.joblib").predict(X) == fitted.predict(X)


def test_another_version_of_scikit_learn_is_one_sentence(X, y, monkeypatch):
    part("base")
    monkeypatch.setattr("chainrule.ports.extra.metadata.version", lambda name: "1.5.2")
    for ask in (lambda: WindowTagger(**QUICK).fit(X, y), WindowTagger().__sklearn_tags__):
        with pytest.raises(ExtraError) as raised:
            ask()
        assert str(raised.value) == (
            f"{port.__name__} needs scikit-learn 1.6 or newer, below 2, and found 1.5.2: "
            'pip install "chainrule[sklearn]"'
        )
