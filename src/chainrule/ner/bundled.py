"""The bundled sample: sentences written for this project, tagged PER, LOC, ORG, DATE and MISC."""

from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import NamedTuple

from chainrule.learn.choose import choose
from chainrule.ner.corpus import Corpus, read_corpus

LANGUAGES: Mapping[str, str] = {"en": "English, words", "ko": "Korean, characters"}


class Sample(NamedTuple):
    """A tagged corpus in three parts."""

    train: Corpus
    dev: Corpus
    test: Corpus

    def _repr_html_(self) -> str:
        return "".join(corpus._repr_html_() for corpus in self)


def sample(language: str = "en") -> Sample:
    """The sample in English ("en") or Korean ("ko"); SettingError for another language."""
    choose("language of the sample", language, LANGUAGES)
    with as_file(files("chainrule.ner") / "sample") as folder:
        return Sample(*(read_corpus(folder / f"{language}-{part}.conll") for part in Sample._fields))
