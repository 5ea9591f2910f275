"""A word to the processor: a row of a table will be read soon, so that it begins to bring it from main memory.

Rows at random places of a table larger than the caches take 100 ns each if they are waited for one by one, and a
tenth of that if many are on their way at once.
"""

from functools import cache
from typing import Any

LINE = 64  # bytes that are brought at once
MOST = 16  # lines asked for; what is longer the processor foresees


@cache
def fetch(numba: Any) -> Any:
    """`fetch(table, row)` for code compiled by Numba; it changes nothing, wherever the row lies.

    numba   the module, which only those import who compile
    """
    types, cgutils, ir = numba.types, numba.core.cgutils, numba.core.cgutils.ir

    def typed(typing: Any, table: Any, row: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            word, byte = ir.IntType(32), ir.IntType(8)
            width = builder.extract_value(array.strides, 0)
            row = context.cast(builder, args[1], signature.args[1], types.intp)
            start = builder.add(builder.ptrtoint(array.data, width.type), builder.mul(row, width))
            hint = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word]),
                "llvm.prefetch.p0",
            )

            def ask(place: Any) -> None:
                builder.call(hint, [builder.inttoptr(place, byte.as_pointer()), word(0), word(3), word(1)])

            for k in range(MOST):
                with builder.if_then(builder.icmp_signed("<", width.type(k * LINE), width)):
                    ask(builder.add(start, width.type(k * LINE)))
            ask(builder.add(start, builder.sub(width, width.type(1))))
            return context.get_dummy_value()

        return types.void(table, row), code

    typed.__name__ = typed.__qualname__ = "fetch"
    return numba.extending.intrinsic(typed)
