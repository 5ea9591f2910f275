"""A derivation as a part of a page: the named lines, each step with its rule, the derivatives, and the proof."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from chainrule.algebra.notation import symbol
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import shape_text
from chainrule.display.derivation import Derivation, derive
from chainrule.display.language import in_html
from chainrule.display.studio_question import MOST_AXIS, typed
from chainrule.display.studio_words import SAID
from chainrule.display.writing import Page, Row, Steps, side, value
from chainrule.errors import BindingError

KINDS = ("gradient", "jacobian", "hessian")
MOST_TEXT, MOST_RANK = 400, 6


class Wanted(NamedTuple):
    """A derivation that is asked for; `shapes` are those of the values beside the formula."""

    formula: str
    syntax: Any
    kind: Any
    wrt: list[str] | None
    facts: list[str] | None
    shapes: Mapping[str, Sequence[int]]


def wanted(told: Mapping[str, Any]) -> Wanted:
    """What a request says; BindingError, with cause and repair, for what is of another kind."""
    asked = typed({key: told.get(key) for key in ("formula", "syntax")})
    facts, kind, by = (told.get(key) or None for key in ("facts", "kind", "wrt"))
    for key, text in (("facts", facts), ("wrt", by)):
        if not (text is None or (isinstance(text, str) and len(text) <= MOST_TEXT)):
            raise BindingError(f"{key}: is a text of at most {MOST_TEXT} characters")
    if kind not in (None, *KINDS):
        raise BindingError(f"kind: is {', '.join(KINDS)}, or left out")
    shapes = told.get("shapes") or {}
    if not isinstance(shapes, dict) or not all(map(_is_shape, shapes.values())):
        raise BindingError(f"shapes: are lists of whole numbers up to {MOST_AXIS}, by name")
    return Wanted(asked.formula, asked.syntax, kind, _listed(by, ","), _listed(facts, ";"), shapes)


def derived(asked: Wanted) -> Derivation:
    """The derivation; shapes count for variables that have another number of axes than one would guess."""
    guessed = formula(asked.formula, syntax=asked.syntax).variables
    shapes = {n: shape for n, shape in asked.shapes.items() if n in guessed and guessed[n].ndim != len(shape)}
    return derive(asked.formula, asked.wrt, kind=asked.kind, facts=asked.facts, shapes=shapes, syntax=asked.syntax)


def _listed(text: str | None, sign: str) -> list[str] | None:
    return [part.strip() for part in (text or "").split(sign) if part.strip()] or None


def _is_shape(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and len(shape) <= MOST_RANK
        and all(type(a) is int and 0 <= a <= MOST_AXIS for a in shape)
    )


# ── how it is set ─────────────────────────────────────────────────────────────────────────────────────


def in_page(found: Derivation, detail: int = 2) -> str:
    """The derivation as HTML; `detail` 1 to 3 says how fine its steps are."""
    page = found.page(detail)
    proved = '<b class="ok">✓</b> ' if found.proof.draws else ""
    return "".join(
        (
            _block("asked", _table(page.asked) + _variables(page)),
            _block("with", _table(found.page().named)),
            _block("results", _table(page.results, "results")),
            *(_steps(steps, opened=k == 0) for k, steps in enumerate(page.steps)),
            *(f'<p class="tip">{escape(tip)}</p>' for tip in page.tips),
            f'<p class="mute">{in_html(SAID["used"])} {escape(", ".join(page.facts))}</p>' if page.facts else "",
            *(f'<p class="mute">{escape(note)}</p>' for note in page.notes),
            f'<p class="proof">{proved}{escape(page.verdict)}</p>',
        )
    )


def _steps(steps: Steps, *, opened: bool) -> str:
    """The lines that lead to one derivative, which are folded away but for the first."""
    title = f"{in_html(SAID['steps to'])} <math>{symbol(str(steps.to), 'mathml')}</math>"
    return f"<details{' open' * opened}><summary>{title}</summary>{_table(steps.rows, 'steps')}</details>"


def _block(key: str, body: str) -> str:
    return f"<section><h3>{in_html(SAID[key])}</h3>{body}</section>" if body else ""


def _variables(page: Page) -> str:
    shapes = (
        f"<span><math>{symbol(str(x.attrs['name']), 'mathml')}</math> {escape(shape_text(x.shape))}</span>"
        for x in page.variables
    )
    return f'<p class="shapes mute">{"".join(shapes)}</p>'


def _table(rows: Sequence[Row], kind: str = "") -> str:
    """Rows that meet at the signs of equality: number, left side, right side, what is said of it."""
    if not rows:
        return ""
    body, before = [], ""
    for row in rows:
        left = side(row.left, row.right, "mathml")
        number = str(row.number) if row.number else ""
        says = f"{row.remark}" or shape_text(row.right.shape)
        body.append(
            f'<tr><td class="no">{number}</td><td class="left">{_math(left if left != before else "")}</td>'
            f'<td class="right">{_math("<mo>=</mo>" + value(row.left, row.right, "mathml"))}</td>'
            f'<td class="rule">{escape(says)}</td></tr>'
        )
        before = left
    return f'<div class="scroll"><table class="derived {kind}">{"".join(body)}</table></div>'


def _math(inside: str) -> str:
    return f'<math displaystyle="true">{inside}</math>' if inside else ""


def sources(found: Derivation, detail: int = 2) -> dict[str, str]:
    """The derivation as LaTeX, MathML and Python, to be copied."""
    return {"latex": found.latex(detail), "python": found.python(), "mathml": found.mathml(detail)}
