"""What is asked while somebody types: a formula, and values that are remembered from the formula before.

A value of a name that the formula does not have waits until it has it. Where shapes do not fit together, the value
that was edited last keeps its shape; the others are cut, or filled up with numbers that are drawn, as are those of
variables that have no value yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.algebra.data import array_of
from chainrule.algebra.formula import names_in, read
from chainrule.algebra.names import spelt
from chainrule.algebra.place import located
from chainrule.compute.interpret import Values
from chainrule.display.trace import Trace, trace
from chainrule.display.trace_question import question
from chainrule.errors import BindingError, ChainruleError, DTypeError

MOST_TEXT, MOST_NAMES, MOST_AXIS, MOST_ENTRIES, MOST_ALL = 4000, 60, 64, 4096, 100_000


@dataclass(frozen=True)
class Typed:
    """What is typed, and what is remembered.

    values       name → number or array, as somebody gave it
    remembered   the same of numbers that were drawn for an earlier formula: they count if they fit
    kept         the variable that was edited last         combine    σ, softmax and the like as one gate
    seed         draws what has no value
    """

    formula: str
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    remembered: Mapping[str, np.ndarray] = field(default_factory=dict)
    syntax: Any = None
    kept: str = ""
    combine: bool = False
    seed: int = 0


def typed(told: Mapping[str, Any]) -> Typed:
    """What a request says; BindingError, with cause and repair, for what is too large or of another kind."""
    text, syntax = told.get("formula"), told.get("syntax") or None
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        raise BindingError(f"formula: is a text of at most {MOST_TEXT:,} characters")
    if syntax not in (None, "python", "matlab"):
        raise BindingError("syntax: is python or matlab, or left out")
    kept, seed = told.get("kept") or "", told.get("seed") or 0
    if not isinstance(kept, str) or type(seed) is not int or not 0 <= seed < 1 << 32:
        raise BindingError("kept: is the name of a variable, and seed: a whole number below 4,294,967,296")
    values, remembered = (_numbers(key, told.get(key) or {}) for key in ("values", "remembered"))
    return Typed(text, values, remembered, syntax, kept, told.get("combine") is True, seed)


def _numbers(key: str, given: Any) -> dict[str, np.ndarray]:
    if not isinstance(given, dict) or len(given) > MOST_NAMES:
        raise BindingError(f"{key}: are at most {MOST_NAMES} numbers or lists of numbers, by name")
    found = {name: _number(name, value) for name, value in given.items()}
    if sum(value.size for value in found.values()) > MOST_ALL:
        raise BindingError(f"{key}: are more than {MOST_ALL:,} numbers; take smaller arrays")
    return found


def _number(name: str, value: Any) -> np.ndarray:
    """A number or rows of numbers, of at most 64 × 64 entries; BindingError that says what is wrong."""
    try:
        array = array_of(value)
    except (ChainruleError, ValueError, OverflowError):
        raise BindingError(f"the value of {name:.40} has rows of unequal length; give as many in each") from None
    if array.dtype.kind not in "iuf":
        raise BindingError(
            f"the value of {name:.40} is neither a number nor lists of numbers; write 1.5 or [[1, 2], [3, 4]]"
        )
    if array.size > MOST_ENTRIES or max(array.shape, default=0) > MOST_AXIS:
        shape = "×".join(map(str, array.shape))
        raise BindingError(f"{name:.40} is {shape}; {MOST_AXIS} are the most along an axis")
    return array


# ── what fits together ────────────────────────────────────────────────────────────────────────────────


def answered(asked: Typed) -> tuple[Trace, tuple[str, ...]]:
    """The trace of what is asked, and the names of the values that were cut or filled up to fit.

    A variable without a value that selects a row selects the first. Raises what reading and computing raise.
    """
    while True:
        try:
            return _answered(asked)
        except DTypeError as error:
            name = _selecting(error)
            if not name or name in asked.values:
                raise
            asked = replace(asked, values={**asked.values, name: np.array(0)})


def _selecting(error: ChainruleError) -> str:
    """The variable that would have to be whole numbers, for it selects rows; "" if it is another error."""
    return str(error).partition(" ")[0] if "must be whole numbers" in str(error) else ""


def _answered(asked: Typed) -> tuple[Trace, tuple[str, ...]]:
    values, remembered = _own(asked.formula, asked.values), _own(asked.formula, asked.remembered)
    if any(name not in values for name in remembered):
        whole = {name: value for name, value in values.items() if value.dtype.kind in "iu"}
        ranks = {name: np.ndim(value) for name, value in _full(asked, whole).items()}
        remembered = {name: value for name, value in remembered.items() if ranks.get(name) == value.ndim}
    try:
        known = _full(asked, {**remembered, **values})
        changed: tuple[str, ...] = ()
    except ChainruleError:
        known, changed = _fitting(asked, values, remembered)
    return trace(asked.formula, known, syntax=asked.syntax, combine=asked.combine), changed


def _own(text: str, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values of names that the formula has and does not define."""
    lines = read(text)
    defined = {spelt(line.name) for line in lines if line.name is not None}
    names = {spelt(name) for line in lines for name in names_in(line.tree)} - defined
    return {name: value for name, value in values.items() if spelt(name) in names}


def _full(asked: Typed, known: Values) -> dict[str, Any]:
    """A value for every variable: those that are known, the others drawn, with one decimal where that will do."""
    found = question(asked.formula, known, syntax=asked.syntax, seed=asked.seed)[1]
    drawn = {name: value for name, value in found.items() if name not in known}
    if not drawn:
        return found
    for digits in (1, 2):
        rounded = {**found, **{name: _rounded(value, digits) for name, value in drawn.items()}}
        result = trace(asked.formula, rounded, syntax=asked.syntax).result.value
        if np.isfinite(result).all():
            return rounded
    return found


def _rounded(value: Any, digits: int) -> Any:
    return np.round(value, digits) + 0.0 if np.asarray(value).dtype.kind == "f" else value


def _fitting(asked: Typed, values: Values, remembered: Values) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Values that fit, the one edited last before the others, and the names of those that were changed."""
    given = {**remembered, **values}
    first = [name for name in given if spelt(str(name)) == spelt(asked.kept)]
    known: dict[Any, Any] = {name: given[name] for name in first}
    try:
        full = _full(asked, known)
    except DTypeError as error:
        if _selecting(error) not in given:
            raise
        known[_selecting(error)] = given[_selecting(error)]
        full = _full(asked, known)
    for name in [*values, *remembered]:
        if name not in known:
            try:
                full = _full(asked, {**known, name: given[name]})
                known[name] = given[name]
            except ChainruleError:  # does not fit to what is known: its entries are taken as far as they go
                pass
    names = {spelt(name): name for name in full}
    changed = {names[spelt(str(name))]: given[name] for name in given if name not in known}
    return {**full, **{n: _overlaid(full[n], old) for n, old in changed.items()}}, tuple(changed)


def _overlaid(drawn: Any, old: np.ndarray) -> Any:
    """The array with the old entries where both have a place."""
    new = np.array(drawn)
    if new.ndim != old.ndim or new.dtype.kind != "f":
        return drawn
    common = tuple(slice(min(pair)) for pair in zip(new.shape, old.shape, strict=True))
    new[common] = old[common]
    return new


def told(text: str, error: ChainruleError) -> dict[str, Any]:
    """An error as data: what is wrong, and where in the formula, `text[start:end]`, if that is known."""
    message = str(error)
    place = located(text, message)
    said = (
        [line for line in message.split("\n") if line.strip(" ^") and not line.startswith("  ")]
        if place
        else message
    )
    return {
        "error": "\n".join(said) if place else message,
        **({"start": place[0], "end": place[1]} if place else {}),
    }
