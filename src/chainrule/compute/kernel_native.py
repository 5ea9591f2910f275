"""Kernels as instructions of LLVM: a kernel's formula is read once for every call in a compiled function.

Every operation may be contracted with another to a fused multiply-add, and says so itself; no other freedom is
given, so that a kernel keeps its accuracy whatever flags the calling function is compiled with.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from chainrule.compute.kernel_formats import FORMATS, Format
from chainrule.compute.kernels import KERNELS, Kernel

CONTRACT = ("contract",)


class Value:
    """A value of LLVM with the operators of numbers or, where it is whole, of whole numbers without sign."""

    __slots__ = ("machine", "v", "whole")

    def __init__(self, machine: "OnValues", v: Any, whole: bool = False) -> None:
        self.machine, self.v, self.whole = machine, v, whole

    def _plain(self, other: Any) -> Any:
        """An operand: a value, or a plain number as a constant of this value's type."""
        return other.v if isinstance(other, Value) else self.v.type(other if self.whole else float(other))

    def _made(self, name: str, other: Any) -> "Value":
        flags = () if self.whole else CONTRACT
        make = getattr(self.machine.builder, name)
        return Value(self.machine, make(self.v, self._plain(other), flags=flags), self.whole)

    def _either(self, name: str, other: Any) -> "Value":
        return self._made(name if self.whole else f"f{name}", other)

    def _compared(self, sign: str, other: Any) -> "Value":
        builder, operands = self.machine.builder, (self.v, self._plain(other))
        if self.whole:
            return Value(self.machine, builder.icmp_unsigned(sign, *operands), True)
        return Value(self.machine, builder.fcmp_ordered(sign, *operands, flags=CONTRACT), True)

    def __neg__(self) -> "Value":
        return Value(self.machine, self.machine.builder.fneg(self.v))

    def __abs__(self) -> "Value":
        m = self.machine
        return m.number(m.bits(self) & ((1 << (m.format.bits - 1)) - 1))

    def __add__(self, other: Any) -> "Value":
        return self._either("add", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Value":
        return self._either("sub", other)

    def __rsub__(self, other: Any) -> "Value":
        return Value(self.machine, self._plain(other), self.whole) - self

    def __mul__(self, other: Any) -> "Value":
        return self._either("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Value":
        return self._made("fdiv", other)

    def __lt__(self, other: Any) -> "Value":
        return self._compared("<", other)

    def __gt__(self, other: Any) -> "Value":
        return self._compared(">", other)

    def __and__(self, other: Any) -> "Value":
        return self._made("and_", other)

    def __or__(self, other: Any) -> "Value":
        return self._made("or_", other)

    def __lshift__(self, other: Any) -> "Value":
        return self._made("shl", other)

    def __rshift__(self, other: Any) -> "Value":
        return self._made("lshr", other)


class OnValues:
    """The machine that writes instructions."""

    def __init__(self, numba: Any, context: Any, builder: Any, form: Format) -> None:
        self.numba, self.context, self.builder, self.format = numba, context, builder, form
        types = numba.types
        self._types = {32: (types.float32, types.uint32), 64: (types.float64, types.uint64)}

    def _type(self, whole: bool, bits: int) -> Any:
        return self.context.get_value_type(self._types[bits][whole])

    def where(self, condition: Value, a: Any, b: Any) -> Value:
        """A choice without a branch."""
        plain = {float: self._type(False, self.format.bits), int: self._type(True, 64)}
        given = [o if isinstance(o, Value) else Value(self, plain[type(o)](o), type(o) is int) for o in (a, b)]
        return Value(self, self.builder.select(condition.v, *(o.v for o in given)), given[0].whole)

    def bits(self, x: Value) -> Value:
        """The same bits as a whole number."""
        return Value(self, self.builder.bitcast(x.v, self._type(True, self.format.bits)), True)

    def number(self, bits: Value) -> Value:
        """The same bits as a number."""
        return Value(self, self.builder.bitcast(bits.v, self._type(False, self.format.bits)))

    def wide(self, bits: Value) -> Value:
        """Zeros in front, up to 64 bits."""
        return (
            bits if self.format.bits == 64 else Value(self, self.builder.zext(bits.v, self._type(True, 64)), True)
        )

    def signed(self, bits: Value) -> Value:
        """A whole number with sign as float64."""
        return Value(self, self.builder.sitofp(bits.v, self._type(False, 64)))

    def rounded(self, x: Value) -> Value:
        """A number in the format."""
        return x if self.format.bits == 64 else Value(self, self.builder.fptrunc(x.v, self._type(False, 32)))

    def taken(self, table: tuple[int, ...], index: Value) -> Value:
        """A read from a constant of the module."""
        cgutils, module = self.numba.core.cgutils, self.builder.module
        name = f"chainrule.digits{self.format.bits}"
        if name not in module.globals:
            constant = cgutils.create_constant_array(self._type(True, 64), table)
            cgutils.global_constant(module, name, constant)
        zero = self._type(True, 64)(0)
        place = self.builder.gep(module.globals[name], [zero, index.v], inbounds=True)
        return Value(self, self.builder.load(place), True)

    def library(self, name: str, *numbers: Value) -> Value:
        """A function that LLVM knows."""
        given = [x.v for x in numbers]
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", (given[0].type,))
        return Value(self, self.builder.call(function, given))


@cache
def kernels(numba: Any) -> Mapping[str, Any]:
    """The kernels as functions that code compiled by Numba calls: `exp32`, `exp64`, `tanh32` …

    numba   the module, which only those import who compile
    Each takes and returns numbers of its format.
    """
    return {
        f"{name}{n}": _native(numba, f"{name}{n}", k, f) for name, k in KERNELS.items() for n, f in FORMATS.items()
    }


def _native(numba: Any, name: str, kernel: Kernel, form: Format) -> Any:
    kind = numba.from_dtype(form.dtype)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        machine = OnValues(numba, context, builder, form)
        return kernel.formula(machine, *(Value(machine, v) for v in args)).v

    def of_one(typing: Any, x: Any) -> Any:
        return kind(kind), code

    def of_two(typing: Any, x: Any, y: Any) -> Any:
        return kind(kind, kind), code

    typed = of_two if name.startswith("power") else of_one
    typed.__name__ = typed.__qualname__ = name
    return numba.extending.intrinsic(typed)
