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
    panel = _panel(numba)

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def symmetric(a: Any, b: Any, out: Any) -> None:
        n = out.shape[0]
        for start in range(0, n, PANEL):
            panel(a, b, out, start, min(start + PANEL, n))
        for top in range(0, n, 16):
            for i in range(n):
                for j in range(top, min(top + 16, i)):
                    out[j, i] = out[i, j]

    return symmetric


def _panel(numba: Any) -> Any:
    types, cgutils, ir = numba.types, numba.core.cgutils, numba.core.cgutils.ir
    byte, word, size = ir.IntType(8), ir.IntType(32), ir.IntType(types.intp.bitwidth)
    pointer = byte.as_pointer()

    def typed(typing: Any, a: Any, b: Any, out: Any, start: Any, stop: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds, kind = signature.args, signature.args[2].dtype
            x, y, value = (
                context.make_array(k)(context, builder, v) for k, v in zip(kinds[:3], args, strict=False)
            )
            first, last = (
                context.cast(builder, v, k, types.intp) for v, k in zip(args[3:], kinds[3:], strict=True)
            )
            width = size(kind.bitwidth // 8)

            def strides(array: Any) -> Any:
                return cgutils.unpack_tuple(builder, array.strides, 2)

            def from_row(array: Any) -> Any:
                start = builder.ptrtoint(array.data, size)
                return builder.inttoptr(builder.add(start, builder.mul(first, strides(array)[0])), pointer)

            def operand(array: Any, layout: str) -> tuple[Any, Any]:
                step = strides(array)[0 if layout == "C" else 1]
                return byte(ord("n" if layout == "C" else "t")), builder.sdiv(step, width)

            def number(number: float) -> Any:
                slot = cgutils.alloca_once_value(builder, context.get_constant(kind, number))
                return builder.bitcast(slot, pointer)

            called = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(
                    word,
                    [
                        byte,
                        byte,
                        byte,
                        size,
                        size,
                        size,
                        pointer,
                        pointer,
                        size,
                        pointer,
                        size,
                        pointer,
                        pointer,
                        size,
                    ],
                ),
                "numba_xxgemm",
            )
            (y_turned, y_step), (x_turned, x_step) = operand(y, kinds[1].layout), operand(x, kinds[0].layout)
            summed = cgutils.unpack_tuple(builder, y.shape, 2)[0]
            builder.call(
                called,
                (
                    byte(ord("s" if kind.bitwidth == 32 else "d")),
                    *(y_turned, x_turned, last, builder.sub(last, first), summed),
                    *(number(1.0), builder.bitcast(y.data, pointer), y_step, from_row(x), x_step),
                    *(number(0.0), from_row(value), operand(value, "C")[1]),
                ),
            )
            return context.get_dummy_value()

        return types.void(a, b, out, start, stop), code

    typed.__name__ = typed.__qualname__ = "panel"
    return numba.extending.intrinsic(typed)
