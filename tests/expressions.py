"""Random expressions of numbers, vectors and matrices, for tests of what is written."""

from hypothesis import strategies as st

import chainrule as cr

SCALARS = [cr.scalar("a"), cr.scalar("c"), cr.scalar("lam")]
VECTORS = [cr.vector("b", "n"), cr.vector("u", "n"), cr.vector("y1", "n")]
MATRICES = [cr.matrix("A", "n", "n"), cr.matrix("B", "n", "n")]
UNARY = [
    cr.tanh,
    cr.exp,
    cr.relu,
    cr.sigmoid,
    abs,
    lambda v: -v,
    lambda v: v**2,
    lambda v: v**-1,
    lambda v: v**-2,
    lambda v: v**0.5,
    cr.softplus,
    cr.sqrt,
]


@st.composite
def expressions(draw, rank=None, depth=4):
    """An expression of this rank, or of any, at most so many operations deep."""
    rank = draw(st.integers(0, 2)) if rank is None else rank
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([SCALARS, VECTORS, MATRICES][rank]))
    part = lambda r: draw(expressions(r, depth - 1))  # noqa: E731
    common = [
        lambda: draw(st.sampled_from(UNARY))(part(rank)),
        lambda: part(rank) + part(rank),
        lambda: part(rank) - part(rank),
        lambda: part(rank) * part(rank),
        lambda: part(rank) / part(rank),
        lambda: part(0) * part(rank),
        lambda: part(rank) ** part(0),
        lambda: draw(st.sampled_from([2.0, 0.5, -3.0, 1e-7, 1e20])) * part(rank),
        lambda: part(rank) + draw(st.sampled_from([1.0, -2.0])),
        lambda: cr.maximum(part(rank), part(rank)),
        lambda: cr.where(part(rank) > 0, part(rank), part(rank)),
    ]
    own = [
        [
            lambda: part(1).T @ part(1),
            lambda: cr.sum(part(1)),
            lambda: cr.sum(part(2)),
            lambda: cr.trace(part(2)),
            lambda: cr.inner(part(2), part(2)),
            lambda: cr.logsumexp(part(1)),
            lambda: cr.norm2(part(1)),
            lambda: cr.mean(part(1)),
            lambda: cr.det(part(2)),
        ],
        [
            lambda: part(2) @ part(1),
            lambda: part(1).T @ part(2),
            lambda: cr.sum(part(2), axis=draw(st.integers(0, 1))),
            lambda: cr.softmax(part(1)),
            lambda: cr.diag(part(2)),
            lambda: cr.max(part(2), axis=1),
            lambda: part(0) * cr.ones("n"),
            lambda: cr.solve(part(2), part(1)),
        ],
        [
            lambda: part(2) @ part(2),
            lambda: part(2).T,
            lambda: cr.outer(part(1), part(1)),
            lambda: cr.diag(part(1)),
            lambda: part(2) * part(1),
            lambda: cr.inv(part(2)),
            lambda: cr.diag(part(1)) @ part(2),
            lambda: cr.outer(part(1), cr.ones("n")),
            lambda: part(2) + part(0) * cr.eye("n"),
            lambda: cr.matpow(part(2), draw(st.integers(-2, 3))),
        ],
    ][rank]
    return draw(st.sampled_from([*common, *own]))()
