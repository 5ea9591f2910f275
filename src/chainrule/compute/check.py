"""The numeric gradient check: which entry is wrong, by how much, and the likely cause.

Central differences (f(x + h) − f(x − h)) / 2h, error O(h²), extrapolated from h and h/2 (Richardson) so that
the error is O(h⁴). The slopes to the left and to the right are compared as well: where they stay apart as
h shrinks, no gradient exists, and the entry is called a kink and not an error.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple

import numpy as np

from chainrule.algebra.data import array_of, converted
from chainrule.algebra.node import VARIABLE, Node, variables
from chainrule.algebra.notation import write
from chainrule.algebra.operand import listed
from chainrule.algebra.signature import FLOATS, shape_text
from chainrule.calculus.derive import gradient
from chainrule.calculus.rewrite import in_float64
from chainrule.compute.interpret import Interpreter, evaluate
from chainrule.errors import BindingError, GraphError, SettingError

Verdict = Literal["ok", "kink", "undefined", "WRONG"]
RELATIVE, ABSOLUTE = 1e-5, 1e-9  # the absolute one covers rounding inside a function of size 1


class Entry(NamedTuple):
    """One entry of a gradient: the claimed value, and what differences say."""

    at: tuple[int, ...]
    claimed: float
    numeric: float
    left: float
    right: float
    error: float
    verdict: Verdict


@dataclass(frozen=True)
class Row:
    """The check of one variable's gradient."""

    name: str
    shape: tuple[int, ...]
    entries: tuple[Entry, ...]
    cause: str = ""

    @property
    def verdict(self) -> Verdict:
        """WRONG if any entry is, else undefined, else kink if any entry is, else ok."""
        found = {e.verdict for e in self.entries} | ({"WRONG"} if self.cause else set())
        return next((v for v in ("WRONG", "undefined", "kink") if v in found), "ok")

    @property
    def worst(self) -> Entry | None:
        """The entry that speaks loudest for the verdict."""
        chosen = [e for e in self.entries if e.verdict == self.verdict] or list(self.entries)
        return max(chosen, key=lambda e: np.inf if np.isnan(e.error) else e.error, default=None)


@dataclass(frozen=True)
class Check:
    """The check of all gradients. Prints as a table; `ok` says whether all were checked, and no entry is wrong."""

    rows: tuple[Row, ...]
    step: float

    @property
    def ok(self) -> bool:
        """Whether no gradient is wrong (kinks are not errors), and the function has a value to check it by."""
        return all(row.verdict in ("ok", "kink") for row in self.rows)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        width = max([9, *(len(row.name) for row in self.rows)])
        head = (
            f"  {'parameter':<{width}}  {'shape':<9} {'checked':>7}  {'worst rel. error':<16}  {'at':<10} verdict"
        )
        lines = [head, "  " + "─" * (len(head) - 2)]
        lines += [_line(row, width) for row in self.rows]
        notes = [note for row in self.rows if (note := _note(row, self.step))]
        counts = Counter(row.verdict for row in self.rows)
        what = "wrong" if counts["WRONG"] else "not checked" if counts["undefined"] else "agree"
        count = counts["WRONG"] or counts["undefined"] or len(self.rows)
        return "\n".join([*lines, "", *notes, f"  {count} of {len(self.rows)} {what}"])

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _line(row: Row, width: int) -> str:
    worst = row.worst
    error = "" if worst is None or worst.verdict == "undefined" else f"{worst.error:.1e}".replace("e-", "e−")
    at = "" if worst is None or not worst.at else str(list(worst.at))
    shape = shape_text(row.shape)
    return f"  {row.name:<{width}}  {shape:<9} {len(row.entries):>7,}  {error:<16}  {at:<10} {row.verdict}"


def _note(row: Row, step: float) -> str:
    worst = row.worst
    if row.cause and not row.entries:
        return f"  {row.name}: {row.cause}"
    if worst is None or row.verdict == "ok":
        return ""
    place = row.name + (str(list(worst.at)) if worst.at else "")
    if row.verdict == "undefined":
        return f"  {place}: the formula has no finite value here, or close by; there is no gradient to compare"
    if row.verdict == "kink":
        return (
            f"  {place}: left slope {worst.left:.4g}, right slope {worst.right:.4g}: a function switches here "
            "(relu, max, abs …);\n    no gradient exists, this is not counted as an error"
        )
    ratio = f", ratio {worst.claimed / worst.numeric:.6g}" if worst.numeric else ""
    cause = f"\n    likely cause: {row.cause}" if row.cause else ""
    return f"  {place}: backprop {worst.claimed:.6g}, central difference {worst.numeric:.6g}{ratio}{cause}"


def check(
    s: Node,
    values: Mapping[Any, Any],
    wrt: Sequence[Node] | None = None,
    *,
    claims: Mapping[Any, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    entries: int = 200,
    seed: int = 0,
) -> Check:
    """Compare the gradient of a scalar with finite differences, in float64, entry by entry.

    values    name or variable → value, for every variable
    wrt       the variables to check; all real ones unless given
    claims    name or variable → your own gradient (an expression or an array), judged instead of the derived one
    entries   at most so many entries of a variable are checked, drawn by `seed`
    Raises GraphError if s is no scalar, and what `evaluate` raises.
    """
    if entries < 1:
        raise SettingError(f"entries is how many entries are checked at most; give 1 or more, not {entries}")
    used = variables(s)
    if s.shape:
        raise GraphError(
            f"check takes a scalar, and {write(s, 60)} is {shape_text(s.shape)}; take its sum, or one entry"
        )
    chosen = [v for v in used if v.dtype in FLOATS] if wrt is None else listed(wrt, "wrt")
    for v in chosen:
        if not isinstance(v, Node) or v.op is not VARIABLE:
            raise GraphError(f"check moves variables, and {v!r:.60} is none; name the variables it is made of")
    derived = gradient(s, chosen)
    (wide, *slopes) = in_float64([s, *derived])
    names = [v.attrs["name"] for v in chosen]
    point = _point(values, variables(s, *derived))
    _, *found = evaluate([wide, *slopes], point, sizes)
    stated = dict(zip(names, found, strict=True))
    for key, claim in (claims or {}).items():
        name = key.attrs.get("name") if isinstance(key, Node) else key
        if name not in stated:
            raise BindingError(f"a gradient is claimed for {name}, but the expression has {', '.join(names)}")
        if isinstance(claim, Node):
            _, stated[name] = evaluate([wide, *in_float64([claim])], point, sizes)
        else:
            stated[name] = converted(array_of(claim), np.float64)
    f = _scalar_function(wide, point, sizes)
    with np.errstate(all="ignore"):
        rows = [_check_one(f, point, name, np.asarray(stated[name]), entries, seed) for name in names]
    return Check(tuple(rows), _step(1.0))


def _point(values: Mapping[Any, Any], used: Sequence[Node]) -> dict[Any, Any]:
    """The values by name, the real ones in float64; those given for variables not used keep their key."""
    kinds = {v.attrs["name"]: v.dtype for v in used}
    point: dict[Any, Any] = {}
    for key, value in (values or {}).items():
        name = key.attrs.get("name") if isinstance(key, Node) else key
        point[name if name in kinds else key] = _wide(value) if kinds.get(name) in FLOATS else value
    return point


def _wide(value: Any) -> Any:
    """Real numbers in float64; everything else as it is, for `evaluate` to refuse."""
    array = value if isinstance(value, (np.ndarray, np.generic)) else array_of(value)
    return array.astype(np.float64) if array.dtype.kind == "f" or array is not value else value


def _scalar_function(
    s: Node, point: Mapping[str, Any], sizes: Mapping[str, int] | None
) -> Callable[[str, np.ndarray], float]:
    run = Interpreter([s])
    return lambda name, value: float(run({**point, name: value}, sizes)[0])


def _step(x: float) -> float:
    return float(np.finfo(np.float64).eps ** (1 / 4)) * max(1.0, abs(x))  # balances h⁴ against ε/h


def _check_one(
    f: Callable[[str, np.ndarray], float],
    point: Mapping[str, Any],
    name: str,
    claimed: np.ndarray,
    limit: int,
    seed: int,
) -> Row:
    x = np.asarray(point[name], np.float64)
    if claimed.shape != x.shape:
        return Row(name, x.shape, (), _shape_cause(name, claimed, _numeric_gradient(f, name, x), x))
    chosen: Sequence[int] = range(x.size)
    if x.size > limit:
        chosen = sorted(np.random.default_rng(seed).choice(x.size, limit, replace=False).tolist())
    places = [tuple(map(int, np.unravel_index(k, x.shape))) for k in chosen]
    found = tuple(_entry(f, name, x, at, float(claimed[at])) for at in places)
    return Row(
        name, x.shape, found, _cause(found, x.shape, claimed) if any(e.verdict == "WRONG" for e in found) else ""
    )


class Slopes(NamedTuple):
    """What differences of width h say at one entry."""

    central: float
    left: float
    right: float
    noise: float

    @property
    def jump(self) -> float:
        """How far the slopes to the left and to the right are apart."""
        return abs(self.right - self.left)


def _slopes(
    f: Callable[[str, np.ndarray], float], name: str, x: np.ndarray, at: tuple[int, ...], h: float
) -> Slopes:
    h = float(x[at] + h - x[at])  # a step that x can take exactly

    def moved(by: float) -> float:
        y = x.copy()
        y[at] += by
        return f(name, y)

    middle, up, down = f(name, x), moved(h), moved(-h)
    noise = 8 * np.finfo(np.float64).eps * max(abs(middle), abs(up), abs(down)) / h
    return Slopes((up - down) / (2 * h), (middle - down) / h, (up - middle) / h, float(noise))


class Look(NamedTuple):
    """One entry seen through differences of two widths, h and h/2."""

    wide: Slopes
    narrow: Slopes

    @property
    def numeric(self) -> float:
        """The derivative, extrapolated to width 0."""
        return (4 * self.narrow.central - self.wide.central) / 3

    @property
    def doubt(self) -> float:
        """How far the derivative may be off: what the extrapolation changed, and rounding."""
        doubt = abs(self.numeric - self.narrow.central) + self.narrow.noise
        return np.inf if np.isnan(doubt) else doubt

    @property
    def bent(self) -> bool:
        """Whether the slopes on the two sides stay apart as the width shrinks."""
        scale = max(1.0, abs(self.narrow.left), abs(self.narrow.right))
        seen = self.narrow.jump > RELATIVE * scale + 100 * self.narrow.noise
        return seen and self.narrow.jump > 0.75 * self.wide.jump

    def error(self, claimed: float) -> float:
        """The relative error of a claimed derivative."""
        scale = max(abs(claimed), abs(self.numeric))
        return abs(claimed - self.numeric) / scale if scale else 0.0

    def agrees(self, claimed: float) -> bool:
        """Whether a claimed derivative is this one."""
        scale = max(abs(claimed), abs(self.numeric))
        return abs(claimed - self.numeric) <= RELATIVE * scale + ABSOLUTE + 2 * self.narrow.noise

    def between(self, claimed: float) -> bool:
        """Whether a claimed derivative lies between the slopes of the two sides."""
        low, high = sorted((self.narrow.left, self.narrow.right))
        margin = RELATIVE * max(1.0, abs(low), abs(high)) + 2 * self.narrow.noise
        return low - margin <= claimed <= high + margin

    def entry(self, at: tuple[int, ...], claimed: float, verdict: Verdict) -> Entry:
        """The record of a verdict on a claimed derivative."""
        return Entry(at, claimed, self.numeric, self.narrow.left, self.narrow.right, self.error(claimed), verdict)


def _entry(
    f: Callable[[str, np.ndarray], float], name: str, x: np.ndarray, at: tuple[int, ...], claimed: float
) -> Entry:
    def look(shrink: float) -> Look:
        h = _step(float(x[at])) * shrink
        return Look(_slopes(f, name, x, at, h), _slopes(f, name, x, at, h / 2))

    first = look(1.0)
    if first.agrees(claimed) and not first.bent:
        return first.entry(at, claimed, "ok")
    looks = [first, *(look(16.0**-k) for k in range(1, 7))]
    # rounding inside the function, which the value does not show, blurs a kink at the narrowest widths
    visible = [seen for seen in looks[:3] if 100 * seen.narrow.noise < first.narrow.jump]
    if first.bent and all(seen.bent for seen in visible) and visible[-1].between(claimed):
        return visible[-1].entry(at, claimed, "kink")  # bent at every width that rounding does not blur
    best = min(looks, key=lambda seen: seen.doubt)
    if not np.isfinite(best.numeric):
        return best.entry(at, claimed, "undefined")
    return best.entry(at, claimed, "ok" if best.agrees(claimed) else "WRONG")


# ── what went wrong ───────────────────────────────────────────────────────────────────────────────────


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-4, atol=1e-7)) and bool(np.any(b))


def _numeric_gradient(f: Callable[[str, np.ndarray], float], name: str, x: np.ndarray) -> np.ndarray:
    result = np.zeros_like(x)
    for at in np.ndindex(x.shape) if x.size <= 10_000 else ():
        result[at] = _slopes(f, name, x, at, _step(float(x[at]))).central
    return result


def _shape_cause(name: str, claimed: np.ndarray, numeric: np.ndarray, x: np.ndarray) -> str:
    shapes = f"the gradient of {name} ({shape_text(x.shape)}) is given as {shape_text(claimed.shape)}"
    if claimed.ndim == 2 and _close(claimed.T, numeric):
        return f"{shapes}: a missing transpose"
    if claimed.ndim == x.ndim + 1 and _close(claimed.sum(0), numeric):
        return f"{shapes}: a missing sum over the batch (the first axis)"
    return f"{shapes}; by the shape convention it has the shape of {name}"


def _cause(found: Sequence[Entry], shape: tuple[int, ...], claimed: np.ndarray) -> str:
    a = np.array([e.claimed for e in found])
    n = np.array([e.numeric for e in found])
    if np.isnan(a).any():
        return "the gradient is NaN: an intermediate value is infinite or undefined here"
    complete = len(found) == claimed.size
    if complete and len(shape) == 2 and shape[0] == shape[1] and _close(a.reshape(shape).T, n.reshape(shape)):
        return "a missing transpose"
    large = np.abs(n) > 1e-6 * np.abs(n).max(initial=0)
    if not large.any() or not _close(a, n * np.median(a[large] / n[large])):
        return "a missing term, if the entries that agree belong together" if _some_agree(found) else ""
    return _factor(float(np.median(a[large] / n[large])), shape)


def _some_agree(found: Sequence[Entry]) -> bool:
    return any(e.verdict == "ok" for e in found)


def _factor(ratio: float, shape: tuple[int, ...]) -> str:
    known = {
        -1.0: "the sign",
        2.0: "a factor 2 too many",
        0.5: "a missing factor 2",
        -2.0: "the sign and a factor 2",
    }
    for value, cause in known.items():
        if np.isclose(ratio, value, rtol=1e-4):
            return cause
    whole = round(max(abs(ratio), abs(1 / ratio))) if ratio else 0
    if whole > 2 and np.isclose(max(abs(ratio), abs(1 / ratio)), whole, rtol=1e-4):
        direction = "a sum where the mean is taken" if abs(ratio) > 1 else "a mean where the sum is taken"
        return f"{direction}, or a missing sum over a batch of {whole}"
    return f"one factor, {ratio:.6g}, in every entry"
