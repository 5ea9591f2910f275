"""Sums over a long axis by matrix products of short blocks: Aᵀ B = Σ A[i : i + k]ᵀ B[i : i + k].

OpenBLAS copies the operands of a product into an order of its own, unless there are few multiplications: up to 10⁶
it reads them where they lie. A gradient of a matrix is a product with a small result and a sum over the batch;
in blocks that stay below that limit it takes 0.6 to 0.8 of the time, and what is read again is still in the cache.
"""

from functools import cache
from typing import Any

from chainrule.algebra.signature import Axis

SMALL = 10**6  # multiplications of a product whose operands are read where they lie
LEAST = 16  # terms of a block; the result is read and written for each


def block(left: Axis, right: Axis, summed: Axis) -> int | None:
    """The terms that a block of a product left × right should have; None if there should be no blocks."""
    if not isinstance(left, int) or not isinstance(right, int) or not left * right:
        return None
    terms = SMALL // (left * right) // 8 * 8
    return None if terms < LEAST or (isinstance(summed, int) and summed <= terms) else terms


def add_dot(a: Any, b: Any, out: Any) -> None:
    """out += a b."""
    out += a @ b


@cache
def machine(numba: Any) -> Any:
    """`add_dot` for code compiled by Numba, of matrices whose rows or columns lie in one piece.

    numba   the module, which only those import who compile
    """
    types, cgutils, ir = numba.types, numba.core.cgutils, numba.core.cgutils.ir
    byte, word, size = ir.IntType(8), ir.IntType(32), ir.IntType(types.intp.bitwidth)
    pointer = byte.as_pointer()
    kinds = [*(byte,) * 3, *(size,) * 3, pointer, *(pointer, size) * 2, pointer, pointer, size]

    def typed(typing: Any, a: Any, b: Any, out: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = signature.args[2].dtype
            x, y, value = (
                context.make_array(k)(context, builder, v) for k, v in zip(signature.args, args, strict=True)
            )
            width = size(kind.bitwidth // 8)

            def operand(array: Any) -> tuple[Any, Any, Any]:
                """Whether columns lie in one piece; where it begins; how far it is to the next row or column."""
                rows, columns = cgutils.unpack_tuple(builder, array.shape, 2)
                down, along = cgutils.unpack_tuple(builder, array.strides, 2)
                plain = builder.icmp_signed("==", along, width)
                step = builder.sdiv(builder.select(plain, down, along), width)
                least = builder.select(plain, columns, rows)
                far = builder.select(builder.icmp_signed("<", step, least), least, step)
                turned = builder.select(plain, byte(ord("n")), byte(ord("t")))
                return turned, builder.bitcast(array.data, pointer), far

            one = builder.bitcast(cgutils.alloca_once_value(builder, context.get_constant(kind, 1.0)), pointer)
            called = cgutils.get_or_insert_function(builder.module, ir.FunctionType(word, kinds), "numba_xxgemm")
            (y_turned, *y_lies), (x_turned, *x_lies) = operand(y), operand(x)
            rows, columns = cgutils.unpack_tuple(builder, value.shape, 2)
            summed = cgutils.unpack_tuple(builder, y.shape, 2)[0]
            letter = byte(ord("s" if kind.bitwidth == 32 else "d"))
            sizes = (columns, rows, summed)  # for BLAS every matrix is turned
            builder.call(
                called, (letter, y_turned, x_turned, *sizes, one, *y_lies, *x_lies, one, *operand(value)[1:])
            )
            return context.get_dummy_value()

        return types.void(a, b, out), code

    typed.__name__ = typed.__qualname__ = "add_dot"
    return numba.extending.intrinsic(typed)
