"""A derivation as a part of a page: the named lines, each step with its rule, the derivatives, and the proof."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from chainrule.algebra.notation import symbol
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import shape_text
from chainrule.display.derivation import Derivation, derive
from chainrule.display.language import in_html
from chainrule.display.studio_question import MOST_AXIS
from chainrule.display.studio_words import SAID
from chainrule.display.writing import Page, Row, side, value
from chainrule.errors import BindingError

KINDS = ("gradient", "jacobian", "hessian")
MOST_TEXT, MOST_RANK = 400, 6


def derived(told: Mapping[str, Any]) -> Derivation:
    """The derivation that a request asks for; BindingError for what is of another kind.

    shapes    name → the shape of each variable, as the values beside the formula have it
    """
    facts, kind, by = (told.get(key) or None for key in ("facts", "kind", "wrt"))
    for key, text in (("facts", facts), ("wrt", by)):
        if not (text is None or (isinstance(text, str) and len(text) <= MOST_TEXT)):
            raise BindingError(f"{key}: is a text of at most {MOST_TEXT} characters")
    if kind not in (None, *KINDS):
        raise BindingError(f"kind: is {', '.join(KINDS)}, or left out")
    text, syntax = told["formula"], told.get("syntax") or None
    return derive(
        text,
        _listed(by, ","),
        kind=kind,
        facts=_listed(facts, ";"),
        shapes=_shapes(text, syntax, told.get("shapes") or {}),
        syntax=syntax,
    )


def _listed(text: str | None, sign: str) -> list[str] | None:
    return [part.strip() for part in (text or "").split(sign) if part.strip()] or None


def _shapes(text: str, syntax: Any, given: Any) -> dict[str, Sequence[int]]:
    """The shapes of those variables that have other numbers of axes than the formula lets one guess."""
    if not isinstance(given, dict) or not all(map(_is_shape, given.values())):
        raise BindingError(f"shapes: are lists of whole numbers up to {MOST_AXIS}, by name")
    guessed = formula(text, syntax=syntax).variables
    return {n: shape for n, shape in given.items() if n in guessed and guessed[n].ndim != len(shape)}


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
            _block("with", _table(page.named)),
            _block("results", _table(page.results, "results")),
            *(
                f"<section><h3>{in_html(SAID['steps to'])} <math>{symbol(str(steps.to), 'mathml')}</math></h3>"
                f"{_table(steps.rows, 'steps')}</section>"
                for steps in page.steps
            ),
            *(f'<p class="tip">{escape(tip)}</p>' for tip in page.tips),
            f'<p class="mute">{in_html(SAID["used"])} {escape(", ".join(page.facts))}</p>' if page.facts else "",
            *(f'<p class="mute">{escape(note)}</p>' for note in page.notes),
            f'<p class="proof">{proved}{escape(page.verdict)}</p>',
        )
    )


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
