"""Products in compiled code, `np.dot`, as calls of BLAS and nothing else.

Numba's own `np.dot` first compiles functions that compare the sizes, which are right in what we write: that takes
as long as all else in a small formula. Here a product is a call, and a branch or two: a matrix of one row or
column is better taken as a vector. Operands that lie in memory in another way are left to Numba. `part` and
`adding` are parts of products, of matrices within larger ones.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

LARGEST = 2**31 - 1  # BLAS counts in 32 bits


@cache
def numpy(numba: Any) -> ModuleType:
    """NumPy for compiled text: with products that are calls.

    numba   the module, which only those import who compile
    """
    known = ModuleType("numpy")
    known.__dict__.update(np.__dict__)
    known.__dict__["dot"] = _dot(numba)
    return known


def _dot(numba: Any) -> Any:
    types, signature = numba.types, numba.core.typing.signature

    def typed(typing: Any, x: Any, y: Any, out: Any = None) -> Any:
        given = (x, y) if out is None else (x, y, out)
        told = (x, y, types.Omitted(None) if out is None else out)
        plain = all(isinstance(a, types.Array) and a.layout in ("C", "F") and a.dtype == x.dtype for a in given)
        if plain and out is None and x.ndim == y.ndim == 1:
            return signature(x.dtype, *told), _inner(numba)
        if plain and out is not None and out.layout == "C":
            return signature(types.void, *told), _product(numba)
        known = typing.resolve_value_type(np.dot)
        usual = known.get_call_type(typing, given, {})
        return signature(usual.return_type, *told), _usual(known, usual)

    typed.__name__ = typed.__qualname__ = "dot"
    return numba.extending.intrinsic(typed)


def _usual(known: Any, usual: Any) -> Callable[..., Any]:
    """What Numba makes of a product."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_function(known, usual)(builder, args[: len(usual.args)])

    return code


@cache
def _calls(numba: Any) -> Mapping[str, Callable[..., None]]:
    """What writes a call: xᵀy, a matrix by a vector, a matrix by a matrix."""
    linalg = numba.np.linalg
    return {"dot": linalg.call_xxdot, "gemv": linalg.call_xxgemv, "gemm": linalg.call_xxgemm}


def _bounded(numba: Any, context: Any, builder: Any, sizes: Any) -> None:
    """An error where BLAS cannot count an axis."""
    for size in sizes:
        with builder.if_then(builder.icmp_signed(">", size, size.type(LARGEST)), likely=False):
            context.call_conv.return_user_exc(builder, OverflowError, ("an axis too long for BLAS",))


def _inner(numba: Any) -> Callable[..., Any]:
    """x · y of two vectors."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args[:2]
        x, y = (context.make_array(t)(context, builder, v) for t, v in zip(kinds, args, strict=False))
        (n,) = numba.core.cgutils.unpack_tuple(builder, x.shape, 1)
        _bounded(numba, context, builder, [n])
        kind = signature.return_type
        out = numba.core.cgutils.alloca_once(builder, context.get_value_type(kind))
        _calls(numba)["dot"](context, builder, False, kind, n, x.data, y.data, out)
        return builder.load(out)

    return code


def _product(numba: Any) -> Callable[..., Any]:
    """x y into memory, where each is a matrix or a vector."""
    cgutils = numba.core.cgutils

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = x_kind, y_kind, out_kind = signature.args
        x, y, out = (context.make_array(t)(context, builder, v) for t, v in zip(kinds, args, strict=True))
        x_shape, y_shape, out_shape = (
            cgutils.unpack_tuple(builder, a.shape, t.ndim) for a, t in zip((x, y, out), kinds, strict=True)
        )
        _bounded(numba, context, builder, {*x_shape, *y_shape})
        call = _calls(numba)

        def inner() -> None:
            call["dot"](context, builder, False, x_kind.dtype, x_shape[-1], x.data, y.data, out.data)

        def by_vector() -> None:
            turned = x_kind.layout == "C"
            call["gemv"](context, builder, turned, x_kind, x_shape, x.data, y.data, out.data)

        def of_vector() -> None:
            turned = y_kind.layout == "F"
            call["gemv"](context, builder, turned, y_kind, y_shape, y.data, x.data, out.data)

        def full() -> None:
            operands = (x_kind, x_shape, x.data, y_kind, y_shape, y.data, out_kind, out_shape, out.data)
            call["gemm"](context, builder, *operands)

        def either(size: Any, alone: Callable[[], None], more: Callable[[], None]) -> None:
            with builder.if_else(builder.icmp_signed("==", size, size.type(1))) as (then, otherwise):
                with then:
                    alone()
                with otherwise:
                    more()

        def written() -> None:
            if y_kind.ndim == 1:
                by_vector()
            elif x_kind.ndim == 1:
                of_vector()
            else:
                one_row, one_column = x_shape[0], y_shape[1]
                either(
                    one_column,
                    lambda: either(one_row, inner, by_vector),
                    lambda: either(one_row, of_vector, full),
                )

        summed = x_shape[-1]
        with builder.if_else(builder.icmp_signed("==", summed, summed.type(0)), likely=False) as (none, some):
            with none:  # an empty sum, which BLAS refuses
                cgutils.memset(builder, out.data, builder.mul(out.itemsize, out.nitems), 0)
            with some:
                written()
        return context.get_dummy_value()

    return code


# ── parts of products ─────────────────────────────────────────────────────────────────────────────────


@cache
def adding(numba: Any) -> Any:
    """`add_dot(a, b, out)`: out += a b, of matrices whose rows or columns lie in one piece."""

    def add_dot(typing: Any, a: Any, b: Any, out: Any) -> Any:
        return numba.types.void(a, b, out), _part(numba, kept=1.0)

    return numba.extending.intrinsic(add_dot)


@cache
def part(numba: Any) -> Any:
    """`part(a, b, out, first, last, columns)`: some rows of out = a b, and the first of its columns."""

    def part(typing: Any, a: Any, b: Any, out: Any, first: Any, last: Any, columns: Any) -> Any:
        return numba.types.void(a, b, out, first, last, columns), _part(numba, kept=0.0)

    return numba.extending.intrinsic(part)


def _part(numba: Any, kept: float) -> Callable[..., Any]:
    """A call of BLAS that says how far it is from row to row: out = kept out + a b, all of it or what is told."""
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
        if len(args) > 3:
            told = zip(args[3:], signature.args[3:], strict=True)
            first, last, columns = (context.cast(builder, v, k, types.intp) for v, k in told)
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
        out = operand(value, first)[1:]
        builder.call(
            called, (letter, y_turned, x_turned, *sizes, number(1.0), *y_lies, *x_lies, number(kept), *out)
        )
        return context.get_dummy_value()

    return code
