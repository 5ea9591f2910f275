"""What to say where shapes do not fit: both operands with their shapes, and repairs that would fit."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chainrule.algebra.notation import factor, write
from chainrule.algebra.signature import Axis, Misfit, Shape, broadcast, shape_text

if TYPE_CHECKING:
    from chainrule.algebra.node import Node


def in_product(left: "Node", right: "Node", m: Axis, k: Axis) -> str:
    """For `left @ right`, whose inner axes are m and k."""
    a, b = factor(left), factor(right)
    turned = {
        f"{_turned(a)} @ {b}": left.ndim == 2 and _multiply(left.shape[::-1], right.shape),
        f"{a} @ {_turned(b)}": right.ndim == 2 and _multiply(left.shape, right.shape[::-1]),
        f"{b} @ {a}": _multiply(right.shape, left.shape),
        f"{a} * {b}": _meet(left.shape, right.shape),
        f"outer({a}, {b})": left.ndim == right.ndim == 1,
    }
    return (
        f"{a} @ {b}: {a} is {shape_text(left.shape)} and {b} is {shape_text(right.shape)}, "
        f"so the inner axes {m} and {k} differ; {_repairs(turned, 2) or 'give both the same axis there'}"
    )


def in_entries(join: Callable[[str, str], str], left: "Node", right: "Node", misfit: Misfit) -> str:
    """For an operation entry by entry, which `join` writes."""
    a, b = factor(left), factor(right)
    product, whole = join(a, b) == f"{a} * {b}", join(a, b)
    turned = {
        f"the matrix product {a} @ {b}": product
        and left.ndim + right.ndim > 2
        and _multiply(left.shape, right.shape),
        join(a, _turned(b)): left.ndim == right.ndim == 2 and _meet(left.shape, right.shape[::-1]),
        join(a, f"{b}[:, None]"): left.ndim == 2 and right.ndim == 1 and left.shape[0] == right.shape[0],
        join(f"{a}[:, None]", b): left.ndim == 1 and right.ndim == 2 and left.shape[0] == right.shape[0],
        f"outer({a}, {b}) for all pairs": product and left.ndim == right.ndim == 1,
    }
    return (
        f"{whole} works entry by entry (elementwise), but {a} is {shape_text(left.shape)} and {b} is "
        f"{shape_text(right.shape)}: axes {misfit.left} and {misfit.right} differ; "
        f"{_repairs(turned) or 'give the operands equal shapes'}"
    )


def not_square(node: "Node", what: str) -> str:
    """For a function of square matrices."""
    a = factor(node)
    message = f"{what} needs a square matrix, but {write(node, 40)} is {shape_text(node.shape)}"
    if node.ndim != 2:
        return f"{message}; outer({a}, {a}) and diag({a}) are square" if node.ndim == 1 else message
    n, m = (shape_text((k, k)) for k in node.shape)
    return f"{message}; {a} @ {_turned(a)} ({n}) and {_turned(a)} @ {a} ({m}) are square"


def _turned(factor: str) -> str:
    """The transpose of a factor as one types it: `A.T`, and `A` for `Aᵀ`."""
    return factor.removesuffix("ᵀ") if factor.endswith("ᵀ") else f"{factor}.T"


def _repairs(turned: Mapping[str, bool], most: int = 3) -> str:
    fitting = [text for text, fits in turned.items() if fits]
    return f"{' or '.join(fitting[:most])} would fit" if fitting else ""


def _multiply(left: Shape, right: Shape) -> bool:
    """Whether `@` takes operands of these shapes."""
    inner = bool(left and right) and left[-1] == right[max(len(right) - 2, 0)]
    return inner and _meet(left[:-2], right[:-2])


def _meet(left: Shape, right: Shape) -> bool:
    """Whether operands of these shapes meet entry by entry."""
    return not isinstance(broadcast([left, right]), Misfit)
