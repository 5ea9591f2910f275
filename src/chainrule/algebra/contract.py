"""The value of a product, in the few calls that every array namespace has: permute, reshape, multiply, matmul."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from chainrule.algebra.op import Array, Namespace


@lru_cache(maxsize=4096)
def letters_of(letters: str) -> tuple[tuple[str, ...], str]:
    """`"ab,b->a"` → (("ab", "b"), "a")."""
    left, _, out = letters.partition("->")
    return tuple(left.split(",")), out


def contract(xp: Namespace, letters: str, arrays: Sequence[Array], sizes: Sequence[int]) -> Array:
    """The product with these letters; `sizes` are those of the letters that only the output has."""
    value, (ins, out, plans) = arrays[0], _plans(letters)
    term = ins[0]
    if len(arrays) == 1:
        value, term = _single(xp, value, term, out)
    for k, plan in enumerate(plans, 1):
        value, term = value * arrays[k] if plan.aligned else _pair(xp, plan, value, arrays[k]), plan.out
    return value if term == out else _arrange(xp, value, term, out, sizes)


@lru_cache(maxsize=4096)
def _plans(letters: str) -> "tuple[tuple[str, ...], str, tuple[PairPlan, ...]]":
    """`letters_of`, and how the value so far meets each operand after the first."""
    ins, out = letters_of(letters)
    plans: list[PairPlan] = []
    for k in range(1, len(ins)):
        needed = frozenset("".join(ins[k + 1 :]) + out)
        term = plans[-1].out if plans else ins[0]
        plans.append(_pair_plan(term, ins[k], needed, out if k == len(ins) - 1 else None))
    return ins, out, tuple(plans)


def _single(xp: Namespace, value: Array, term: str, keep: str) -> tuple[Array, str]:
    """Take the diagonals of repeated letters and sum the letters that are not kept."""
    while len(set(term)) < len(term):
        letter = next(c for c in term if term.count(c) > 1)
        i, j = (
            (k for k, c in enumerate(term) if c == letter) if term.count(letter) == 2 else _first_two(term, letter)
        )
        value, term = _diagonal(xp, value, term, i, j)
    gone = tuple(k for k, c in enumerate(term) if c not in keep)
    if gone:
        value = xp.sum(value, axis=gone)
    return value, "".join(c for c in term if c in keep)


def _first_two(term: str, letter: str) -> tuple[int, int]:
    first = term.index(letter)
    return first, term.index(letter, first + 1)


def _diagonal(xp: Namespace, value: Array, term: str, i: int, j: int) -> tuple[Array, str]:
    rest = [k for k in range(len(term)) if k not in (i, j)]
    moved = xp.permute_dims(value, (*rest, i, j))
    return xp.linalg.diagonal(moved), "".join(term[k] for k in rest) + term[i]


class PairPlan(NamedTuple):
    """How two operands meet: batch letters, free letters of each, summed letters."""

    left: str
    right: str
    keep_left: str
    keep_right: str
    batch: str
    free_left: str
    free_right: str
    summed: str
    out: str
    aligned: bool
    """Whether they are multiplied entry by entry as they lie."""


def _pair_plan(left: str, right: str, needed: frozenset[str], order: str | None) -> PairPlan:
    wanted = set(needed)
    a = "".join(c for c in dict.fromkeys(left) if c in wanted or c in right)
    b = "".join(c for c in dict.fromkeys(right) if c in wanted or c in left)
    batch = "".join(c for c in a if c in b and c in wanted)
    summed = "".join(c for c in a if c in b and c not in wanted)
    free_a = "".join(c for c in a if c not in b)
    free_b = "".join(c for c in b if c not in a)
    natural = batch + free_a + free_b
    if not summed:  # no sum: the operands can be laid out in the order of the output at once
        natural = "".join(dict.fromkeys(c for c in (order or natural) if c in natural))
    aligned = not summed and (left, right) == (a, b) and natural.endswith(left) and natural.endswith(right)
    return PairPlan(left, right, a, b, batch, free_a, free_b, summed, natural, aligned)


def _pair(xp: Namespace, plan: PairPlan, left: Array, right: Array) -> Array:
    left, have_left = _single(xp, left, plan.left, plan.keep_left)
    right, have_right = _single(xp, right, plan.right, plan.keep_right)
    if not plan.summed:
        return _laid_out(xp, left, have_left, plan.out) * _laid_out(xp, right, have_right, plan.out)
    a = _permuted(xp, left, have_left, plan.batch + plan.free_left + plan.summed)
    b = _permuted(xp, right, have_right, plan.batch + plan.summed + plan.free_right)
    n = len(plan.batch)
    front, mid_a, mid_b = a.shape[:n], a.shape[n : n + len(plan.free_left)], b.shape[n + len(plan.summed) :]
    inner = math.prod(a.shape[n + len(plan.free_left) :])
    a = _reshaped(xp, a, (*front, math.prod(mid_a), inner))
    b = _reshaped(xp, b, (*front, inner, math.prod(mid_b)))
    return _reshaped(xp, xp.matmul(a, b), (*front, *mid_a, *mid_b))


def _reshaped(xp: Namespace, value: Array, shape: tuple[int, ...]) -> Array:
    return value if value.shape == shape else xp.reshape(value, shape)


def _permuted(xp: Namespace, value: Array, term: str, order: str) -> Array:
    return value if term == order else xp.permute_dims(value, tuple(term.index(c) for c in order))


def _laid_out(xp: Namespace, value: Array, term: str, order: str) -> Array:
    """The operand with its axes in this order and an axis of size 1 for every letter that it lacks."""
    held = "".join(c for c in order if c in term)
    value = _permuted(xp, value, term, held)
    if len(held) == len(order) or order.endswith(held):
        return value
    position = iter(value.shape)
    return xp.reshape(value, tuple(next(position) if c in held else 1 for c in order))


def _arrange(xp: Namespace, value: Array, term: str, out: str, sizes: Sequence[int]) -> Array:
    """Put the axes in the order of the output, stretch along new letters, and lay diagonals."""
    if term == out:
        return value
    unique = "".join(dict.fromkeys(out))
    size_of = dict(zip(term, value.shape, strict=True))
    size_of.update(zip((c for c in unique if c not in term), sizes, strict=True))
    value = _laid_out(xp, value, term, unique)
    if len(term) < len(unique):
        value = xp.broadcast_to(value, tuple(size_of[c] for c in unique))
    return value if unique == out else _embedded(xp, value, unique, out, size_of)


def _embedded(xp: Namespace, value: Array, unique: str, out: str, size_of: dict[str, int]) -> Array:
    """Lay a value along the diagonal of its repeated letters: multiply by identity matrices."""
    seen: set[str] = set()
    value = _laid_out(xp, value, unique, unique)
    first = tuple(size_of[c] if not (c in seen or seen.add(c)) else 1 for c in out)  # type: ignore[func-returns-value]
    value = xp.reshape(value, first)
    for letter in unique:
        places = [k for k, c in enumerate(out) if c == letter]
        for other in places[1:]:
            identity = xp.eye(size_of[letter], dtype=value.dtype)
            shape = tuple(size_of[letter] if k in (places[0], other) else 1 for k in range(len(out)))
            value = xp.where(xp.reshape(identity, shape) != 0, value, xp.zeros((), dtype=value.dtype))
    return value
