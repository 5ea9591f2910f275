"""The trace of a formula: the graph read as numbers, every value and every gradient, for people and programs.

t = trace("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
print(t)                       the forward and the backward pass as a table
t.gradients["y"]               5.0
t["b"].uses                    the flows into b: upstream × local = downstream
t.save("graph.html")           a page that steps through both passes; also .svg .json .dot .tex .txt
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from chainrule.algebra import product
from chainrule.algebra.node import Node
from chainrule.algebra.parse import Formula
from chainrule.compute.calling import Compiled
from chainrule.compute.files import written_whole
from chainrule.compute.interpret import Values
from chainrule.display.draw import standalone
from chainrule.display.draw_export import dot, latex_of, tikz
from chainrule.display.language import LANGUAGES, Language
from chainrule.display.notebook import iframe
from chainrule.display.page import MOST_ROWS, page
from chainrule.display.trace_json import to_dict, to_json
from chainrule.display.trace_passes import passes
from chainrule.display.trace_poke import Poke, poke
from chainrule.display.trace_question import Valued, question
from chainrule.display.trace_records import Passes
from chainrule.display.trace_steps import Step, steps, steps_text
from chainrule.display.trace_table import Paint, Style, plain, table
from chainrule.display.trace_tree import tree
from chainrule.errors import SettingError


class Trace(Passes):
    """A forward and a backward pass that writes itself: as text, page, drawing or data."""

    def __str__(self) -> str:
        return table(self)

    __repr__ = __str__

    def table(
        self, *, full: bool = False, width: int = 100, language: Language = "en", paint: Paint = plain
    ) -> str:
        """Both passes as a table: `full` with all entries of arrays, and all repetitions."""
        return table(self, _style(full, width, language, paint))

    def tree(
        self, *, full: bool = False, width: int = 100, language: Language = "en", paint: Paint = plain
    ) -> str:
        """The graph as a tree with the result at the root."""
        return tree(self, _style(full, width, language, paint))

    def walk(
        self, *, full: bool = False, width: int = 100, language: Language = "en", paint: Paint = plain
    ) -> str:
        """The steps as text, each in words."""
        return steps_text(self, _style(full, width, language, paint))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The walk through both passes, one operation at a time, in words of two languages."""
        return steps(self)

    def poke(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Poke:
        """Move inputs, `t.poke(x=1.1)`: the change that the gradient predicts, and the true one."""
        return poke(self, {**(values or {}), **named})

    def to_dict(self) -> dict[str, Any]:
        """The records as lists, texts and numbers, for JSON; see `display/trace_json.py`."""
        return to_dict(self)

    def to_json(self) -> str:
        """The records as JSON."""
        return to_json(self)

    def written(self, form: str, language: Language = "en") -> str:
        """The text of a file of this form: html, svg, json, dot, tex, tikz, txt. SettingError for another.

        language   which of its two languages the page shows first
        """
        if form not in FORMS:
            raise SettingError(f"a trace is written as {', '.join(FORMS)}, not as {form!r:.40}")
        return page(self, language) if form == "html" else FORMS[form](self)

    def save(self, path: str | Path, form: str | None = None, language: Language = "en") -> None:
        """Write a file, in the form that its suffix says unless one is given. Raises SettingError, WriteError."""
        text = self.written(Path(path).suffix.lower().removeprefix(".") if form is None else form, language)
        with written_whole(path) as file:
            file.write(text.encode())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        if len(self.rows) > MOST_ROWS:  # no browser shows it
            return {"text/plain": str(self)}
        shown = {"text/html": iframe(page(self)), "image/svg+xml": standalone(self), "text/latex": latex_of(self)}
        return {**shown, "text/plain": str(self)}


FORMS: Mapping[str, Callable[[Trace], str]] = {
    "txt": lambda trace: f"{trace}\n",
    "json": to_json,
    "html": page,
    "svg": standalone,
    "tex": latex_of,
    "tikz": tikz,
    "dot": dot,
}
"""How a trace is written: form, which is the suffix of its file → text."""


def _style(full: bool, width: int, language: Language, paint: Paint) -> Style:
    if language not in LANGUAGES:
        raise SettingError(f"the language is {' or '.join(LANGUAGES)}, not {language!r:.40}")
    return Style(max(width, 20), full, paint, LANGUAGES.index(language))


@overload
def trace(source: Node | np.ndarray) -> Node: ...
@overload
def trace(
    source: Node,
    values: Values,
    *,
    combine: bool = False,
    upstream: Any = None,
    shapes: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Trace: ...
@overload
def trace(
    source: str | Formula | Compiled | Valued,
    values: Values | None = None,
    *,
    combine: bool = False,
    upstream: Any = None,
    shapes: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Trace: ...
def trace(
    source: Any,
    values: Values | None = None,
    *,
    combine: bool = False,
    upstream: Any = None,
    shapes: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Any:
    """Every value of a formula, and every gradient of its result, with the flows that they are made of.

    source     a formula such as "(x + y) * max(y, z)", an expression, a compiled function (its first output), or
               what has `expression` and `values`, such as `tagger.loss("…")`
    values     name → number, list or array; a name may be given as its variable
    combine    σ, softmax, logsumexp and the like as one gate where they are written out
    upstream   the gradient that the backward pass begins with, in the shape of the result; 1 unless given, and
               for arrays ones: the gradients are then those of the sum of the entries
    shapes     of variables, as `parse` takes them      sizes     of dimensions that no value shows
    syntax     "python" or "matlab"                     defined   name → part of the expression, to be called so
    name       what the result is called                seed      draws the values that are missing
    Of a matrix X alone, without values, it is the mathematical trace: tr X, the sum of the diagonal.
    Raises BindingError that lists what is missing, FormulaError, ShapeError, DTypeError.
    """
    alone = values is None and seed is None and not combine
    if alone and (isinstance(source, (np.ndarray, list)) or (isinstance(source, Node) and source.ndim > 1)):
        return product.trace(source)
    asked, known = question(
        source, values, shapes=shapes, syntax=syntax, defined=defined, name=name, combine=combine, seed=seed
    )
    found = passes(asked, known, sizes, upstream)
    return Trace(**{field: getattr(found, field) for field in found.__dataclass_fields__})
