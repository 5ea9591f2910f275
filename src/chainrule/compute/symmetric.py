"""Products that are symmetric, Xᵀ diag(v) X: half of them is computed, panel by panel, and the other half copied.

A product of two matrices is symmetric if its factors stay the same when the letters of its rows and columns are
exchanged.
"""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node
from chainrule.compute import blas

PANEL = 64  # rows that are computed at once; of n rows so many products are too much as n · PANEL / 2


def is_symmetric(node: Node) -> bool:
    """Whether a product of matrices is the same with its axes exchanged."""
    if node.ndim != 2 or node.shape[0] != node.shape[1]:
        return False
    (*terms,), out = letters_of(node.attrs["letters"])
    found = Counter(f for x, t in zip(node.inputs, terms, strict=True) for f in _factors(x, t))
    exchanged = str.maketrans(out, out[::-1])
    return len(set(out)) == 2 and found == Counter((x, t.translate(exchanged)) for x, t in found.elements())


def _factors(x: Node, letters: str) -> list[tuple[Node, str]]:
    """The factors of an operand that is a product without a sum, each with the letters of its axes."""
    waiting, found = [(x, letters)], []
    while waiting:
        x, own = waiting.pop()
        terms, out = letters_of(x.attrs["letters"]) if x.op is PRODUCT_OP else ((), "")
        if not terms or len(set(out)) < len(out) or set("".join(terms)) != set(out):
            found.append((x, own))
            continue
        names = str.maketrans(out, own)
        waiting += [(y, t.translate(names)) for y, t in zip(x.inputs, terms, strict=True)]
    return found


def symmetric(a: Any, b: Any, out: Any) -> None:
    """out = a b, which is symmetric."""
    np.dot(a, b, out)


@cache
def machine(numba: Any) -> Any:
    """`symmetric` for code compiled by Numba. BLAS computes rows start … stop of the columns before stop.

    numba   the module, which only those import who compile
    """
    part = blas.part(numba)

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def symmetric(a: Any, b: Any, out: Any) -> None:
        n = out.shape[0]
        for start in range(0, n, PANEL):
            stop = min(start + PANEL, n)
            part(a, b, out, start, stop, stop)
        for top in range(0, n, 16):
            for i in range(n):
                for j in range(top, min(top + 16, i)):
                    out[j, i] = out[i, j]

    return symmetric
