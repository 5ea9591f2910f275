"""What the processes of the studio answer: traces, derivations, and the names in a text with their reasons."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from chainrule.display.gallery import GALLERY
from chainrule.display.studio import computed
from chainrule.display.studio_derivation import derived, in_page, sources, wanted
from chainrule.display.studio_question import Typed, answered, told as as_told, typed
from chainrule.errors import BindingError, ChainruleError
from chainrule.ner.explain_methods import GRADIENT
from chainrule.ner.explain_records import Explanation
from chainrule.ner.tagger import Tagger
from chainrule.shell.studio_pool import Answer, Answers
from chainrule.shell.studio_tagger import in_page as names_in_page

LONGEST = 2000  # characters of a text that is tagged


Told = Mapping[str, Any]
Ready = Callable[[], dict[str, Any]]
"""What computes an answer to a request that has been understood."""


def _traced(told: Told) -> Ready:
    asked = typed(told)

    def ready() -> dict[str, Any]:
        found, changed = answered(asked)
        return {"page": computed(found, changed)}

    return ready


def _derived(told: Told) -> Ready:
    asked, detail = wanted(told), told.get("detail", 2)
    if type(detail) is not int or detail not in (1, 2, 3):
        raise BindingError("detail: is 1, 2 or 3")

    def ready() -> dict[str, Any]:
        found = derived(asked)
        return {"html": in_page(found, detail), **sources(found, detail)}

    return ready


def _reasons(tagger: Tagger, text: str) -> Explanation:
    """The names of a text and its other words, each with its reasons."""
    return tagger.explain(text, methods=[GRADIENT], most=len(text), every=True)


def start(models: Sequence[str]) -> Answers:
    """The answers of a process that knows these model folders.

    What is asked may be impossible, such as a sum of vectors of different sizes: then that is the answer. A
    request that asks for nothing is refused.
    """
    loaded = cache(Tagger.load)
    computed(*answered(Typed(GALLERY[0].formula)))  # what is slow only the first time

    def tagged(told: Told) -> Ready:
        number, text = told.get("model", 0), told.get("text")
        if type(number) is not int or not 0 <= number < len(models):
            raise BindingError(f"model: is the number of a model, from 0, of {len(models)}")
        if not isinstance(text, str) or len(text) > LONGEST:
            raise BindingError(f"text: is a text of at most {LONGEST:,} characters")
        return lambda: {"html": names_in_page(_reasons(loaded(models[number]), text))}

    table: Mapping[str, Callable[[Told], Ready]] = {"trace": _traced, "derive": _derived, "tag": tagged}

    def answers(kind: str, told: Told) -> Answer:
        try:
            ready = table[kind](told)
        except ChainruleError as error:
            return False, {"error": str(error)}
        try:
            return True, ready()
        except ChainruleError as error:
            return True, as_told(told.get("formula", ""), error)

    return answers
