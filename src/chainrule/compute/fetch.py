"""A word to the processor: a row of a table will be read soon, so that it begins to bring it from main memory.

`fetch(table, row)` is said in compiled text some rows before the row is read.

Rows at random places of a table larger than the caches take 100 ns each if they are waited for one by one, and a
tenth of that if many are on their way at once.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from chainrule.algebra.node import VARIABLE, Node
from chainrule.compute.element import Index
from chainrule.compute.plan import Loop
from chainrule.compute.statements import INDENT

if TYPE_CHECKING:
    from chainrule.compute.emit import Emitter

LINE = 64  # bytes that are brought at once
MOST = 16  # lines asked for; what is longer the processor foresees
AHEAD = 32  # rows that are on their way while one is read
LARGE = 1 << 18  # bytes of a table that may lie in main memory


def asking(e: "Emitter", loop: Loop, at: Index) -> Iterator[str]:
    """The heads of a loop, and between them calls for the rows of large tables that it reads some turns later."""
    calls: dict[int, list[str]] = {}
    for node in dict.fromkeys(x for entry in loop.entries for x in _far(entry, e.scribe.stored)):
        table, rows = node.inputs
        if node.shape == loop.shape and 0 < rows.ndim < node.ndim and rows in e.scribe.stored:
            calls.setdefault(rows.ndim, []).append(INDENT * rows.ndim + asked(e, e.array(table), rows, at))
    for depth, head in enumerate(e.loops(loop.shape, at)):
        yield from (*calls.get(depth, ()), head)


def asked(e: "Emitter", table: str, rows: Node, at: Index) -> str:
    """A call for the row that is read some turns of the outermost loop later."""
    inner = prod(a for a in rows.shape[1:] if isinstance(a, int))
    later = f"min({at[0]} + {max(1, AHEAD // max(1, inner))}, {e.size(rows.shape[0])} - 1)"
    return f"{e.helper('fetch')}({table}, {e.scribe.entry(rows, (later, *at[1 : rows.ndim]))})"


def _far(entry: Node, stored: Mapping[Node, str]) -> Iterator[Node]:
    """The rows of large tables that an entry is written from."""
    waiting, seen = [entry], {entry}
    while waiting:
        node = waiting.pop()
        if node.op.name == "take" and node.attrs["batch"] == 0 and is_large(node.inputs[0]):
            yield node
        new = [x for x in node.inputs if x not in stored and x not in seen]
        seen.update(new)
        waiting += new


def is_large(table: Node) -> bool:
    """Whether a table is given and may not fit into the caches; a dimension without a number may be large."""
    size = table.dtype.itemsize
    for a in table.shape:
        size *= a if isinstance(a, int) else LARGE
    return table.op is VARIABLE and size >= LARGE


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
