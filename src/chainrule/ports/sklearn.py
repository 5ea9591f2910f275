"""scikit-learn: the tagger as an estimator of token lists; X holds sentences, y a tag for each of their tokens.

The estimator speaks the protocol and inherits nothing, so that scikit-learn is not needed to use it.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, SettingError, counted
from chainrule.learn.choose import choose
from chainrule.learn.train import Plan
from chainrule.ner.architecture import Architecture
from chainrule.ner.choices import Choices
from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.marginals import by_label, marginals
from chainrule.ner.metrics import score
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import OUTSIDE, SCHEMES, Scheme, convert, detect, fault
from chainrule.ports.extra import check, needed
from chainrule.ports.model_bytes import model_bytes, tagger_of

Tokens = Sequence[Sequence[str]]
Tags = Sequence[Sequence[str]]
SETTINGS = tuple(f.name for kind in (Choices, Architecture, Plan) for f in fields(kind))
_OF_RUNS = {"out", "resume", "watch", "stop", "begin", "ranks"}  # what is about a run, and not about its result
PARAMETERS: Mapping[str, Any] = {
    **{
        name: given.default
        for name, given in signature(Tagger.train).parameters.items()
        if given.kind is Parameter.KEYWORD_ONLY and name not in _OF_RUNS
    },
    **dict.fromkeys(SETTINGS),
}


class WindowTagger:
    """The window tagger as an estimator: fit, predict, predict_proba, score, get_params, set_params.

    settings    the keywords of `Tagger.train`, such as vectors and backend, and fields of Architecture, Plan and
                Choices; None is what is usual under the recipe

    After `fit`: `tagger_`, the `Tagger`; `classes_`, O and the labels; `y_scheme_`, the scheme of the tags in y.
    Raises SettingError for a name that is no setting; `fit` does for a value outside its range.
    """

    __signature__ = Signature(
        [Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in PARAMETERS.items()]
    )

    def __init__(self, **settings: Any) -> None:
        for name in settings:
            choose("setting", name, PARAMETERS)
        vars(self).update({**PARAMETERS, **settings})

    @classmethod
    def from_tagger(cls, tagger: Tagger, y_scheme: Scheme = "IOB2") -> Self:
        """The estimator of a tagger that is trained already; `predict` answers in the scheme that is given."""
        choose("scheme", y_scheme, dict.fromkeys(SCHEMES))
        a, trained = tagger.config.architecture, tagger.config.training.get("settings", {})
        known = {f.name: getattr(a, f.name) for f in fields(a)} | dict(trained)
        estimator = cls(backend=tagger.backend, **{n: v for n, v in known.items() if n in SETTINGS})
        return estimator._fitted(tagger, y_scheme)

    def _fitted(self, tagger: Tagger, y_scheme: Scheme) -> Self:
        self.tagger_, self.y_scheme_ = tagger, y_scheme
        self.classes_ = np.array([OUTSIDE, *tagger.labels], object)
        return self

    # ── parameters ────────────────────────────────────────────────────────────────────────────────────

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters as they were given; None is what is usual under the recipe."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def set_params(self, **settings: Any) -> Self:
        """Give parameters other values. Raises SettingError for a name that is no setting."""
        for name in settings:
            choose("setting", name, PARAMETERS)
        vars(self).update(settings)
        return self

    def __repr__(self) -> str:
        given = {n: v for n, v in self.get_params().items() if v is not PARAMETERS[n]}
        return f"WindowTagger({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    # ── training and tagging ──────────────────────────────────────────────────────────────────────────

    def fit(self, X: Iterable[Sequence[str]], y: Iterable[Sequence[str]], dev: Any = None) -> Self:
        """Train on sentences of tokens and their tags, in any scheme.

        dev     sentences and tags, (X, y), by which the best epoch is chosen, or a file; a tenth of X if None
        Raises DataError for tags that are illegal or not one for each token, SettingError, NonFiniteError.
        """
        if sys.modules.get("sklearn"):
            check("sklearn", __name__)
        corpus = _corpus(X, y)
        held = _corpus(dev[0], dev[1], "dev") if isinstance(dev, tuple) else dev
        given = {name: v for name, v in self.get_params().items() if v is not None}
        return self._fitted(Tagger.train(corpus, held, **given), corpus.scheme or "IOB2")

    def predict(self, X: Iterable[Sequence[str]]) -> list[list[str]]:
        """The tags of each sentence, in the scheme of the tags that were trained on."""
        return [convert(tags, self.y_scheme_) for tags in self._trained.tag_tokens(_sentences(X))]

    def predict_proba(self, X: Iterable[Sequence[str]]) -> list[NDArray[np.float64]]:
        """P(label) of every token, an array (N, L) for each sentence of N tokens; its columns are `classes_`."""
        tagger, sentences = self._trained, _sentences(X)
        chances = by_label(tagger.config.tags, tagger.labels, marginals(tagger, sentences))
        return np.split(chances, np.cumsum([len(s) for s in sentences])[:-1]) if sentences else []

    def score(self, X: Iterable[Sequence[str]], y: Iterable[Sequence[str]]) -> float:
        """F1 of whole names, as the scorer conlleval counts."""
        return score([list(tags) for tags in y], self.predict(X)).f1

    @property
    def _trained(self) -> Tagger:
        if not self.__sklearn_is_fitted__():
            raise SettingError("this WindowTagger is not fitted yet; call fit(X, y), or make it by from_tagger")
        return self.tagger_

    # ── what scikit-learn asks ────────────────────────────────────────────────────────────────────────

    def __sklearn_is_fitted__(self) -> bool:
        return "tagger_" in vars(self)

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params())

    def __sklearn_tags__(self) -> Any:
        """Neither classifier nor regressor: y is a list of tags for each sentence, and X no matrix."""
        utils = needed("sklearn.utils", __name__)
        return utils.Tags(
            estimator_type=None,
            target_tags=utils.TargetTags(required=True),
            input_tags=utils.InputTags(two_d_array=False, string=True),
            no_validation=True,
        )

    def __getstate__(self) -> dict[str, Any]:
        """The parameters and, after `fit`, the files of the model folder."""
        state: dict[str, Any] = {"settings": self.get_params()}
        if self.__sklearn_is_fitted__():
            state |= {"model": model_bytes(self.tagger_), "y_scheme": self.y_scheme_}
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update({**PARAMETERS, **state["settings"]})
        if "model" in state:
            self._fitted(tagger_of(state["model"], state["settings"]["backend"]), state["y_scheme"])


def _sentences(X: Iterable[Sequence[str]]) -> list[list[str]]:
    """Sentences as lists. Raises DataError for one that is a text, or holds what is no text."""
    found = [sentence if isinstance(sentence, str) else [*sentence] for sentence in X]
    for number, sentence in enumerate(found):
        if isinstance(sentence, str) or not all(isinstance(token, str) for token in sentence):
            raise DataError(f"X[{number}]: is {_shown(sentence)}; give a list of tokens for each sentence")
    return found  # type: ignore[return-value]


def _shown(value: object) -> str:
    written = repr(value)
    return written if len(written) <= 40 else written[:39] + "…"


def _corpus(X: Iterable[Sequence[str]], y: Iterable[Sequence[str]], name: str = "X") -> Corpus:
    """Tagged sentences. Raises DataError where X and y do not fit each other."""
    tokens, tags = _sentences(X), [[*of] for of in y]
    if len(tokens) != len(tags):
        raise DataError(f"{counted(len(tokens), 'sentence')} in X, tags of {len(tags):,} in y; give tags for each")
    fits: set[str] = set()
    for number, (words, given) in enumerate(zip(tokens, tags, strict=True)):
        if len(words) != len(given):
            raise DataError(
                f"y[{number}]: {counted(len(given), 'tag')} for {counted(len(words), 'token')}; give one for each"
            )
        for tag in {*given} - fits:
            if reason := fault(tag) if isinstance(tag, str) else f"{_shown(tag)} is no tag; give tags as text":
                raise DataError(f"y[{number}]: {reason}")
            fits.add(tag)
    sentences = tuple(Sentence(words, given) for words, given in zip(tokens, tags, strict=True) if words)
    return Corpus(Path(name), sentences, detect(tags).scheme)
