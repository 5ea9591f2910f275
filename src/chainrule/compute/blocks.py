"""Matrix products in blocks that BLAS reads where they lie.

    Aᵀ B = Σ A[i : i + k]ᵀ B[i : i + k]          A Bᵀ = rows A[i : i + k] Bᵀ

OpenBLAS copies the operands of a product into an order of its own, unless there are few multiplications: up to 10⁶
(of A Bᵀ up to 1200 entries of the result, and only with AVX-512) it reads them where they lie. The gradient of a
matrix is a product with a small result and a sum over the batch; in blocks it takes 0.6 to 0.8 of the time. So do
a layer of few examples and one of few units.
"""

from functools import cache
from typing import Any

import numpy as np

from chainrule.algebra.signature import Axis
from chainrule.compute import blas

SMALL = 10**6  # multiplications of a product whose operands are read where they lie
LEAST = 16  # terms of a block; the result is read and written for each
ENTRIES, TERMS = 1200, 32  # of A Bᵀ that is read where it lies: the most entries, the least terms
FEW, NARROW = 48, 12  # rows, or columns, for which copies do not pay


def block(left: Axis, right: Axis, summed: Axis) -> int | None:
    """The terms that a block of a product left × right should have; None if there should be no blocks."""
    if not isinstance(left, int) or not isinstance(right, int) or not left * right:
        return None
    terms = SMALL // (left * right) // 8 * 8
    return None if terms < LEAST or (isinstance(summed, int) and summed <= terms) else terms


def has_blocks(rows: Axis, columns: Axis, summed: Axis) -> bool:
    """Whether A Bᵀ may be better taken by rows: if they are FEW, which may be told later, or NARROW."""
    if not isinstance(columns, int) or not isinstance(summed, int):
        return False
    few = not isinstance(rows, int) or rows <= FEW
    return summed >= TERMS and (columns <= NARROW or (few and 4 * columns <= ENTRIES))


def dot_by_rows(a: Any, b: Any, out: Any) -> None:
    """out = a b."""
    np.dot(a, b, out)


def add_dot(a: Any, b: Any, out: Any) -> None:
    """out += a b."""
    out += a @ b


@cache
def by_rows(numba: Any) -> Any:
    """`dot_by_rows` for code compiled by Numba, where b is turned.

    numba   the module, which only those import who compile
    """
    dot, some = blas.numpy(numba).dot, _product(numba, rows=True)
    few = FEW if numba.core.codegen.ll.get_host_cpu_features().get("avx512f") else 0

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def dot_by_rows(a: Any, b: Any, out: Any) -> None:
        rows, columns = out.shape
        if rows * columns <= ENTRIES or not few or (rows > few and columns > NARROW):
            dot(a, b, out)
            return
        block = ENTRIES // columns
        for i in range(0, rows, block):
            stop = i + block
            some(a, b, out, i, stop if stop < rows else rows)

    return dot_by_rows


@cache
def machine(numba: Any) -> Any:
    """`add_dot` for code compiled by Numba, of matrices whose rows or columns lie in one piece.

    numba   the module, which only those import who compile
    """
    return _product(numba, rows=False)


def _product(numba: Any, *, rows: bool) -> Any:
    """A call of BLAS: out += a b, or some rows of out = a b, from one row to before another."""
    types, cgutils, ir = numba.types, numba.core.cgutils, numba.core.cgutils.ir
    byte, word, size = ir.IntType(8), ir.IntType(32), ir.IntType(types.intp.bitwidth)
    pointer = byte.as_pointer()
    kinds = [*(byte,) * 3, *(size,) * 3, pointer, *(pointer, size) * 2, pointer, pointer, size]

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[2].dtype
        x, y, value = (
            context.make_array(k)(context, builder, v) for k, v in zip(signature.args[:3], args[:3], strict=True)
        )
        width = size(kind.bitwidth // 8)
        count, columns = cgutils.unpack_tuple(builder, value.shape, 2)
        summed = cgutils.unpack_tuple(builder, y.shape, 2)[0]
        first = size(0)
        if rows:
            first, last = (context.cast(builder, args[k], signature.args[k], types.intp) for k in (3, 4))
            count = builder.sub(last, first)

        def operand(array: Any, first: Any = None) -> tuple[Any, Any, Any]:
            """Whether columns lie in one piece; where it begins; how far it is to the next row or column."""
            high, wide = cgutils.unpack_tuple(builder, array.shape, 2)
            down, along = cgutils.unpack_tuple(builder, array.strides, 2)
            plain = builder.icmp_signed("==", along, width)
            step = builder.sdiv(builder.select(plain, down, along), width)
            least = builder.select(plain, wide, high)
            far = builder.select(builder.icmp_signed("<", step, least), least, step)
            start = builder.bitcast(array.data, pointer)
            if first is not None:
                start = builder.gep(start, [builder.mul(first, down)])
            return builder.select(plain, byte(ord("n")), byte(ord("t"))), start, far

        def number(given: float) -> Any:
            slot = cgutils.alloca_once_value(builder, context.get_constant(kind, given))
            return builder.bitcast(slot, pointer)

        called = cgutils.get_or_insert_function(builder.module, ir.FunctionType(word, kinds), "numba_xxgemm")
        (y_turned, *y_lies), (x_turned, *x_lies) = operand(y), operand(x, first)
        letter = byte(ord("s" if kind.bitwidth == 32 else "d"))
        sizes = (columns, count, summed)  # for BLAS every matrix is turned
        kept = number(0.0 if rows else 1.0)
        out = operand(value, first)[1:]
        builder.call(called, (letter, y_turned, x_turned, *sizes, number(1.0), *y_lies, *x_lies, kept, *out))
        return context.get_dummy_value()

    def adding(typing: Any, a: Any, b: Any, out: Any) -> Any:
        return types.void(a, b, out), code

    def some(typing: Any, a: Any, b: Any, out: Any, first: Any, last: Any) -> Any:
        return types.void(a, b, out, first, last), code

    typed = some if rows else adding
    typed.__name__ = typed.__qualname__ = "some_rows" if rows else "add_dot"
    return numba.extending.intrinsic(typed)
