"""Settings that people write: names looked up in a table, options known, numbers held to their range."""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import TypeVar

from chainrule.errors import SettingError

T = TypeVar("T")


def choose(kind: str, name: str, table: Mapping[str, T], spelt: Iterable[str] | None = None) -> T:
    """The entry of `table` called `name`; `kind` says in the message what was looked for.

    `spelt` is what the message lists instead of the bare names. Raises SettingError: "unknown optimiser
    'adagard'; did you mean adagrad? One of: adagrad, adam, sgd".
    """
    listed = ", ".join(table if spelt is None else spelt) or "none"
    if not isinstance(name, str):
        raise SettingError(f"{kind} is {name!r}; give one of: {listed}")
    if name in table:
        return table[name]
    folded = {known.lower(): known for known in table}
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    hint = f"; did you mean {folded[near[0]]}?" if near else "."
    raise SettingError(f"unknown {kind} {name!r}{hint} One of: {listed}")


def check_options(name: str, maker: Callable[..., object], options: Mapping[str, object]) -> None:
    """Hold `options` against the keyword-only arguments of `maker`, which people know as `name`.

    Raises SettingError for an option that it does not have, and for one that it needs.
    """
    arguments = inspect.signature(maker).parameters.values()
    known = {a.name: a for a in arguments if a.kind is a.KEYWORD_ONLY}
    for option in options:
        choose(f"option of {name}", option, known)
    missing = [a.name for a in known.values() if a.default is a.empty and a.name not in options]
    if missing:
        raise SettingError(f"{name} needs a value for {' and '.join(missing)}")


def within(
    name: str,
    value: float,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    whole: bool = False,
) -> float:
    """`value`, if it is finite with least ≤ value ≤ most and above < value < below; else SettingError."""
    kind = Integral if whole else Real
    if isinstance(value, kind) and least <= value <= most and above < value < below:
        return value
    bounds = {"at least": least, "at most": most, "above": above, "below": below}
    wanted = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound))
    raise SettingError(
        f"{name} is {value!r}; it must be a {'whole' if whole else 'finite'} number{wanted and ' '}{wanted}"
    )
