"""The linear chain: log Σ exp(score) over all paths of tags through sentences, and what is expected of a path.

Collobert et al. (2011), section 3.3.2; Lafferty et al. (2001). N tokens of several sentences lie one behind the
other:

    s (N, C)            scores of the tags of every token
    A (C + 1, C + 1)    scores of the moves: A[i, j] from tag i to j; A[C, j] begins with j, A[i, C] ends with i
    first (N,)          whole numbers: 1 where a token begins a sentence, else 0

The gradient of log Z is what is expected of a path: P(y_n = c) for s, the expected numbers of moves for A. One
node has both below one another, as s and A would lie, (N + C + 1, C + 1), so that they are computed at once. Its
own derivatives are those of log Z along directions, which are symmetric: node and rule stay the same at any order,

    E(s, A; v₁ … vₖ) = Dᵏ E [v₁ … vₖ]       ⟨g, E(…; v)⟩ has the gradient E(…; v, g) in s and A, and E(…; g) in v.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import prod

import numpy as np

from chainrule.algebra.forward_backward import exact, expected, scaled, steps_of
from chainrule.algebra.functions import function
from chainrule.algebra.letters import repeat
from chainrule.algebra.node import Node, Operand, make
from chainrule.algebra.notation import described
from chainrule.algebra.op import OPS, Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.operand import operands
from chainrule.algebra.phrase import Phrase, call, printed_as
from chainrule.algebra.product import sum
from chainrule.algebra.select import TAKE, Rows, ravel, reshape, take, whole_numbers
from chainrule.algebra.signature import INTEGER, Axis, DType, Shape, common_dtype, shape_text
from chainrule.algebra.slice import SLICE, Cut
from chainrule.errors import DTypeError, ShapeError

Ids = np.ndarray


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────────


def _sizes(s: Node, A: Node, first: Node) -> tuple[Shape, Axis, Axis]:
    """The axes in front, N and C. Raises ShapeError, DTypeError."""
    if s.ndim < 2:
        raise ShapeError(f"the scores of tags are a row for every token, (N, C), not {described(s)}")
    *front, n, c = s.shape
    if A.shape != (*front, c + 1, c + 1):
        wanted = shape_text((*front, c + 1, c + 1))
        raise ShapeError(
            f"the moves between the tags of {described(s)} and the border of a sentence need scores {wanted}, "
            f"not {described(A)}"
        )
    if first.dtype != INTEGER:
        raise DTypeError(f"{described(first)} says where sentences begin, so it must be whole numbers: index(…)")
    if first.shape != (*front, n):
        raise ShapeError(
            f"where sentences begin is said of every token of {described(s)}, by {shape_text((*front, n))} whole "
            f"numbers, not {described(first)}"
        )
    return tuple(front), n, c


def _infer_total(s: Node, A: Node, first: Node) -> tuple[Shape, DType]:
    return _sizes(s, A, first)[0], common_dtype((s.dtype, A.dtype))


def _infer_expected(s: Node, A: Node, first: Node, *ways: Node) -> tuple[Shape, DType]:
    front, n, c = _sizes(s, A, first)
    shape = (*front, n + c + 1, c + 1)
    for way in ways:
        if way.shape != shape:
            raise ShapeError(
                f"a direction of {described(s)} above {described(A)} is {shape_text(shape)}, not {described(way)}"
            )
    return shape, common_dtype((s.dtype, A.dtype, *(way.dtype for way in ways)))


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────


def log_partitions(s: np.ndarray, A: np.ndarray, first: Ids) -> np.ndarray:
    """log Z of every sentence, (S,), in their order."""
    steps = steps_of(first)
    sums = scaled(s, A, steps)
    log_z = exact(np, s, A, steps)[0] if sums is None else sums.log_z
    found = np.empty_like(log_z)
    found[steps.sentences] = log_z
    return found


def expectations(
    s: np.ndarray, A: np.ndarray, first: Ids, *ways: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """P(y_n = c), (N, C), and the expected numbers of moves, (C + 1, C + 1); or their derivative along directions.

    ways   directions of s and A
    """
    steps = steps_of(first)
    sums = None if ways else scaled(s, A, steps)
    if sums is None:
        _, p, moves = exact(np, s, A, steps, ways)
    else:
        p, moves = expected(sums, steps)
    return p[steps.back], moves


def _total(xp: Namespace, s: Array, A: Array, first: Array) -> Array:
    if xp is np:
        return log_partitions(s, A, first).sum()
    return xp.sum(exact(xp, s, A, steps_of(first))[0])


def _expected(xp: Namespace, s: Array, A: Array, first: Array, *ways: Array) -> Array:
    n, c = s.shape
    along = [(way[:n, :c], way[n:, :]) for way in ways]
    if xp is np:
        p, moves = expectations(s, A, first, *along)
    else:
        steps = steps_of(first)
        _, p, moves = exact(xp, s, A, steps, along)
        p = xp.take(p, xp.asarray(steps.back), axis=0)
    return xp.concat([xp.concat([p, xp.zeros((n, 1), dtype=p.dtype)], axis=1), moves])


def _in_front(
    of_one: Callable[..., Array], xp: Namespace, s: Array, A: Array, first: Array, *ways: Array
) -> Array:
    """The value for every example along the axes in front, in the dtype of the operands."""
    given, dtype = (s, A, first, *ways), xp.result_type(s, A, *ways)
    front = s.shape[:-2]
    if not front:
        return xp.astype(of_one(xp, *given), dtype)
    flat = [xp.reshape(x, (prod(front), *x.shape[len(front) :])) for x in given]
    values = [xp.astype(of_one(xp, *(x[k, ...] for x in flat)), dtype) for k in range(prod(front))]
    return xp.reshape(xp.stack(values), (*front, *values[0].shape))


# ── the records ───────────────────────────────────────────────────────────────────────────────────────


def _part(k: int, E: Node, s: Node, A: Node) -> Node:
    """What of the expectations lies where operand k would lie."""
    n, c = s.shape[-2:]
    rows = Cut(n, c + 1, 1) if k else Cut(0, n, 1)
    return make(SLICE, E, cuts=(rows, Cut(0, A.shape[-1] if k else c, 1)))


def _pull_total(k: int, g: Node, y: Node, s: Node, A: Node, first: Node) -> Node | None:
    if k == 2:
        return None
    part = _part(k, make(EXPECTED, s, A, first), s, A)
    return reshape(g, (*g.shape, 1, 1)) * part if g.ndim else g * part


def _pull_expected(k: int, g: Node, y: Node, s: Node, A: Node, first: Node, *ways: Node) -> Node | None:
    if k == 2:
        return None
    if k < 2:
        return _part(k, make(EXPECTED, s, A, first, *ways, g), s, A)
    return make(EXPECTED, s, A, first, *(way for j, way in enumerate(ways, 3) if j != k), g)


def _batch(name: str, inputs: Sequence[Node], batched: Sequence[bool]) -> Node:
    front = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    return make(OPS[name], *(x if b else repeat(x, front) for x, b in zip(inputs, batched, strict=True)))


def _write(name: str, paper: str, p: Sequence[Phrase], inputs: Sequence[Node]) -> Phrase:
    return printed_as(call(name, p), call(paper, [*p[:2], *p[3:]]))  # where sentences begin is understood


_ROW = (Given((5, 3)), Given((4, 4)), Given((5,), 0, 2, "index"))

LOG_PARTITION: Op = declare(
    Op(
        "log_partition",
        forward=partial(_in_front, _total),
        infer=_infer_total,
        pullback=_pull_total,
        batch=partial(_batch, "log_partition"),
        write=partial(_write, "log_partition", "log Z"),
        examples=(Example(_ROW, {}), Example((Given((1, 2)), Given((3, 3)), Given((1,), 0, 2, "index")), {})),
    )
)
EXPECTED: Op = declare(
    Op(
        "expected_path",
        forward=partial(_in_front, _expected),
        infer=_infer_expected,
        pullback=_pull_expected,
        batch=partial(_batch, "expected_path"),
        write=partial(_write, "expected_path", "E"),
        examples=(Example(_ROW, {}), Example((*_ROW, Given((9, 4))), {})),
    )
)

CHAIN = (LOG_PARTITION.name, EXPECTED.name)
"""The operations on whole sentences, by name."""


# ── functions ─────────────────────────────────────────────────────────────────────────────────────────


@function()
def log_partition(s: Operand, A: Operand, first: Rows) -> Node:
    """Σ over sentences of log Σ over tag paths exp(score of the path), a number.

    s (N, C) scores of tags, A (C + 1, C + 1) scores of moves with the border of a sentence last, first (N,) whole
    numbers, 1 where a token begins a sentence (the first token does). Moves of −∞, or far below the others such as
    -1e4, are forbidden. Raises ShapeError, DTypeError. Lafferty, McCallum & Pereira (2001).
    """
    return make(LOG_PARTITION, *operands(s, A), whole_numbers(first))


@function()
def expected_path(s: Operand, A: Operand, first: Rows, *directions: Operand) -> Node:
    """What is expected of a path of `log_partition`: P(y_n = c) above the expected numbers of moves.

    (N + C + 1, C + 1), as s and A would lie below one another, with 0 where neither has an entry. It is the
    gradient of log Z; with directions of that shape, the derivative of it along them.
    """
    s, A, *ways = operands(s, A, *directions)
    return make(EXPECTED, s, A, whole_numbers(first), *ways)


@function()
def path_score(s: Operand, A: Operand, y: Rows, moves: Rows) -> Node:
    """Σ s[n, y_n] + Σ A[moves], the score of given tags y (N,), a number.

    moves   the numbers of the entries of A, row by row, that the path makes, borders included: `moves_of`
    """
    s, A = operands(s, A)
    return sum(make(TAKE, s, whole_numbers(y), batch=1)) + sum(take(ravel(A), moves))


def moves_of(y: Ids, first: Ids, tags: int) -> Ids:
    """The moves of a path as numbers of entries of A, row by row, (N + S,): into every token, out of S sentences.

    y (N,) are its tags, first (N,) is 1 where a token begins a sentence; `tags` is how many tags there are, C.
    """
    begins = np.asarray(first) != 0
    begins[:1] = True
    into = np.where(begins, tags, np.roll(y, 1)) * (tags + 1) + y
    return np.concatenate([into, y[np.roll(begins, -1)] * (tags + 1) + tags])


def moves_within(moves: Ids, tokens: Sequence[int], sentences: Sequence[int]) -> list[Ids]:
    """The moves of `moves_of` that some sentences after others make, from each bound to the next.

    tokens, sentences   how many of either lie before each bound
    """
    out = tokens[-1]
    return [
        np.concatenate([moves[a:b], moves[out + i : out + j]])
        for (a, b), (i, j) in zip(pairwise(tokens), pairwise(sentences), strict=True)
    ]
