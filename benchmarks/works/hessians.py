"""Hessians, those of Laue, Mitterreiter & Giesen 2018 ("Computing Higher Order Derivatives of Matrix and Tensor
Expressions"), in float64: dense ones as matrices, structured ones by their structure.

    logistic      Σ log(1 + exp(−y ⊙ X w))  in w (n), X 2n × n
    factors       ‖T − U Vᵀ‖²               in U (n × k), n = 100, k = 5
    quadratic     xᵀ A x                    in x, n = 300
    first layer   cross-entropy of a network of ten layers of n with relu, in the weights of the first

Compared are matrices on vec x, the columns of x below each other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import ahead
from benchmarks.works.ours import function
from numpy.typing import NDArray

import chainrule as cr

LAYERS = 10

Arrays = Mapping[str, NDArray[np.float64]]


class Problem(NamedTuple):
    """A scalar function: in which input, whether its Hessian has a structure, and the values of all inputs."""

    name: str
    wrt: str
    structured: bool
    values: Arrays

    @property
    def size(self) -> int:
        """Rows of the Hessian."""
        return self.values[self.wrt].size


def problem(name: str, n: int, k: int = 5) -> Problem:
    """The problem of this name and size."""
    draw = np.random.default_rng(0).standard_normal
    match name:
        case "logistic":
            signs = np.sign(draw(2 * n))
            return Problem(name, "w", False, {"X": draw((2 * n, n)), "y": signs, "w": 0.1 * draw(n)})
        case "factors":
            return Problem(name, "U", True, {"T": draw((n, n)), "U": draw((n, k)), "V": draw((n, k))})
        case "quadratic":
            return Problem(name, "x", False, {"A": draw((n, n)), "x": draw(n)})
        case _:
            weights = {f"W{i}": draw((n, n)) * (2 / n) ** 0.5 for i in range(1, LAYERS + 1)}
            return Problem(name, "W1", True, {"x": draw(n), **weights})


def matrix(H: Any) -> NDArray[np.float64]:
    """A Hessian with the axes of x twice as a matrix on vec x."""
    H = np.asarray(H)
    half = H.ndim // 2
    size = int(np.prod(H.shape[:half]))
    return H.transpose(*range(half)[::-1], *range(half, 2 * half)[::-1]).reshape(size, size)


# ── ours ──────────────────────────────────────────────────────────────────────────────────────────────


def scalar(p: Problem) -> tuple[cr.Node, dict[str, cr.Node]]:
    """The function as a graph, and its inputs."""
    v = {name: cr.variable(name, array.shape) for name, array in p.values.items()}
    match p.name:
        case "logistic":
            return cr.sum(cr.log(1 + cr.exp(-v["y"] * (v["X"] @ v["w"])))), v
        case "factors":
            return cr.sum((v["T"] - v["U"] @ v["V"].T) ** 2), v
        case "quadratic":
            return v["x"].T @ v["A"] @ v["x"], v
    h = v["x"]
    for i in range(1, LAYERS + 1):
        h = v[f"W{i}"] @ (cr.relu(h) if i > 1 else h)
    return cr.logsumexp(h) - h[0], v


def dense(**options: Any) -> Contestant:
    """The Hessian as a matrix, from its textbook form."""
    p = problem(**options)
    s, v = scalar(p)
    f = function([cr.derive(s, v[p.wrt], kind="hessian").result], list(v.values()))
    given = list(p.values.values())
    return Contestant(lambda: f(*given), lambda: {"H": matrix(f(*given)[0])})


def structured(**options: Any) -> Contestant:
    """The Hessian by its structure, ready for products and solutions."""
    p = problem(**options)
    s, v = scalar(p)
    operator = cr.hessian_operator(s, v[p.wrt]).compiled()
    return Contestant(lambda: operator.at(p.values), lambda: {"H": operator.at(p.values).dense()})


# ── contests ──────────────────────────────────────────────────────────────────────────────────────────

HERE = "benchmarks.works.hessians"
PEERS = {
    "jax jit": f"{HERE}_jax:jitted",
    "torch.func": f"{HERE}_torch:eager",
    "torch.compile": f"{HERE}_torch:compiled",
}
SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("logistic, n = 100", {"name": "logistic", "n": 100}),
    ("logistic, n = 300", {"name": "logistic", "n": 300}),
    ("‖T − U Vᵀ‖², n = 100, k = 5", {"name": "factors", "n": 100}),
    ("xᵀ A x, n = 300", {"name": "quadratic", "n": 300}),
    ("first layer of ten, n = 20", {"name": "layer", "n": 20}),
    ("first layer of ten, n = 50", {"name": "layer", "n": 50}),
)


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """Dense Hessians, and structured ones."""
    for setting, options in SETTINGS[2:4] if quick else SETTINGS:
        with_structure = problem(**options).structured
        own: Callable[..., Contestant] = structured if with_structure else dense
        yield Contest(
            "Hessians",
            setting,
            (
                Entry("chainrule", Role.OURS, f"{HERE}:{own.__name__}", options),
                *(Entry(label, Role.EXPERT, make, options) for label, make in PEERS.items()),
            ),
            targets=(ahead(100.0 if with_structure else 3.0),),
            tolerance=1e-8,
        )
