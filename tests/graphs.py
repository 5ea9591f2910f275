"""Random graphs of every kind of operation, with named dimensions, and values for them. A seed gives one graph."""

from collections.abc import Callable

import numpy as np

import chainrule as cr
from chainrule.algebra.node import Node, topological, variable
from chainrule.algebra.signature import FLOATS, Binding
from chainrule.compute.interpret import Interpreter

SIZES = {"n": 3, "m": 4, "k": 2}
LETTERS = "abc"
LARGE = 1e4  # graphs with larger numbers on the way are left out: rounding errors would be judged


def variables(dtype: object) -> list[Node]:
    """Variables of every rank; the letters of their dimensions are their sizes' names."""
    shapes = {
        "x": "n",
        "y": "n",
        "z": "m",
        "A": "nm",
        "B": "mn",
        "C": "nn",
        "T": "knm",
        "s": "",
        "v": "k",
        "M": "kn",
    }
    return [variable(name, tuple(shape), dtype) for name, shape in shapes.items()]


def chooser(rng: np.random.Generator) -> Callable:
    return lambda options: options[int(rng.integers(len(options)))]


def graph(seed: int, dtype: object = "float64", steps: int = 9) -> Node:
    """A random expression."""
    rng = np.random.default_rng(seed)
    one = chooser(rng)
    rows = [cr.index("i"), variable("j", ("k",), "int64"), variable("l", ("k", "n"), "int64")]
    truth = [variable("t", ("n",), "bool"), variable("c", ("n", "m"), "bool")]
    first = variables(dtype)
    pool, found = list(first), 0
    while found < steps:
        a = one(pool[-3:] if found and rng.random() < 0.7 else pool)
        b = one(pool)
        try:
            new = one(ONE)(one, a, rows) if rng.random() < 0.5 else one(TWO)(one, a, b, truth)
        except (cr.ChainruleError, IndexError, ValueError):
            continue
        if new.ndim <= 4 and new.dtype in FLOATS and entries(new) <= 1000:
            pool.append(new)
            found += 1
    return pool[-1]


def entries(node: Node) -> int:
    """How many numbers an expression has at the sizes of the tests."""
    return int(np.prod([Binding(SIZES).size(a) for a in node.shape]))


def axis(one, x):
    return one([None, *range(x.ndim)])


def kept_axis(one, x):
    return one(list(range(x.ndim)))


def einsum_of_one(one, x, rows):
    term = LETTERS[: x.ndim]
    out = "".join(one(LETTERS[: x.ndim + 1]) for _ in range(one([0, 1, 2, 3])))
    return cr.einsum(
        f"{term}->{out}", x, sizes={"a": "n", "b": "m", "c": "k"} | dict(zip(term, x.shape, strict=True))
    )


def einsum_of_two(one, a, b, truth):
    """Letters go with dimensions, so that operands of any shape meet."""
    known: dict[object, str] = {}
    letters = iter("abcdefgh")

    def term(x):
        found = ""
        for size in x.shape:
            letter = known.get(size) if one([True, True, False]) else None
            known[size] = letter or next(letters)
            found += known[size]
        return found

    terms = [term(a), term(b)]
    held = sorted(set("".join(terms)))
    out = "".join(c for c in held if one([True, False]))
    if len(out) > 1 and one([True, False]):
        out = out[::-1]
    return cr.einsum(f"{','.join(terms)}->{out}", a, b)


def picked(one, x, rows):
    cut = one([0, slice(1, None), slice(None, None, -1), slice(0, 2), (..., slice(0, 1)), -1])
    return x[cut] if x.ndim else x


def units(one, x, rows):
    return cr.reshape(x, one([(*x.shape, 1), (1, *x.shape), (*x.shape[:1], 1, *x.shape[1:])]))


def merged(one, x, rows):
    return cr.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])) if x.ndim > 1 else x


def taken(one, x, rows):
    return cr.take(x, one(rows))


def scattered(one, x, rows):
    if not x.ndim:
        return x
    chosen = [r for r in rows if r.ndim and r.shape == x.shape[: r.ndim]]
    return cr.scatter(one(chosen), x, one(["n", "m"]))


def safe_inverse(one, x, rows):
    square = x @ cr.transpose(x) / 10
    return one([cr.inv, cr.det, cr.logdet])(square + cr.eye(x.shape[0], dtype=x.dtype))


ONE = [
    *(
        lambda one, x, rows, f=f: f(x)
        for f in (
            *(cr.tanh, cr.sigmoid, cr.relu, cr.softplus, cr.sin, cr.cos, cr.erf, cr.hard_tanh, abs, cr.sign),
            *(cr.leaky_relu, lambda x: cr.clip(x, -0.5, 0.7), lambda x: -x, lambda x: x / 3 - 0.25),
            *(lambda x: cr.exp(-abs(x)), lambda x: cr.log(1 + x * x), lambda x: cr.sqrt(1 + x * x)),
            *(lambda x: cr.log1p(x * x), lambda x: cr.expm1(-abs(x)), lambda x: x**2, lambda x: abs(x) ** 1.5),
            *(lambda x: 1 / (2 + x * x), lambda x: (1 + x * x) ** -2, lambda x: cr.cast(x > 0.1, x.dtype)),
        )
    ),
    lambda one, x, rows: cr.sum(x, axis(one, x)),
    lambda one, x, rows: cr.mean(x, axis(one, x)),
    lambda one, x, rows: one([cr.max, cr.min, cr.logsumexp, cr.norm2])(x, axis(one, x)) if x.ndim else x,
    lambda one, x, rows: one([cr.softmax, cr.log_softmax])(x, kept_axis(one, x)) if x.ndim else x,
    lambda one, x, rows: cr.transpose(x) if x.ndim > 1 else x,
    lambda one, x, rows: cr.diag(x) if x.ndim in (1, 2) else x,
    einsum_of_one,
    picked,
    units,
    merged,
    taken,
    scattered,
    safe_inverse,
]
TWO = [
    *(
        lambda one, a, b, truth, f=f: f(a, b)
        for f in (
            *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (1 + b * b)),
            *(lambda a, b: a @ b, lambda a, b: a @ b, lambda a, b: cr.transpose(a) @ b, cr.maximum, cr.minimum),
            *(cr.outer, cr.inner, cr.kron, lambda a, b: cr.concat([a, b]), lambda a, b: cr.stack([a, b, a])),
            *(lambda a, b: cr.where(a < b, a, b), lambda a, b: cr.where(cr.both(a > 0, b > 0), a * b, b)),
            *(lambda a, b: cr.where(cr.opposite(cr.either(a > 1, b > 0)), a, 2 * b), cr.parametric_relu),
            lambda a, b: cr.solve(a @ cr.transpose(a) + cr.eye(a.shape[0], dtype=a.dtype), b),
        )
    ),
    einsum_of_two,
    einsum_of_two,
    lambda one, a, b, truth: cr.where(one(truth), a, b),
]


def with_gradient(seed: int, dtype: object = "float64") -> list[Node]:
    """A random expression, and the gradients of a sum over it in some of its variables."""
    root = graph(seed, dtype)
    real = [v for v in cr.variables(root) if v.dtype in FLOATS]
    s = cr.sum(root * root) if root.ndim else root
    return [root, s, *cr.gradient(s, real[:3])]


def values(outputs: list[Node], seed: int) -> dict[str, np.ndarray]:
    """Values for the variables of expressions."""
    rng = np.random.default_rng(seed)
    found = {}
    for v in cr.variables(*outputs):
        shape = [SIZES[str(a)] for a in v.shape]
        draw = {"i": lambda s: rng.integers(0, 2, s), "b": lambda s: rng.random(s) < 0.5}
        found[v.attrs["name"]] = np.asarray(draw.get(v.dtype.kind, rng.standard_normal)(shape)).astype(v.dtype)
    return found


def is_tame(outputs: list[Node], given: dict[str, np.ndarray]) -> bool:
    """Whether all that is computed on the way is finite and of usual size."""
    order = [n for n in topological(outputs) if n.dtype in FLOATS]
    try:
        return all(np.all(np.abs(a) < LARGE) for a in Interpreter(order)(given))
    except cr.BindingError:
        return False
